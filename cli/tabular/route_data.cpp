#include "cli/tabular/route_data.h"

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/networks.h"
#include "autograd/files/csv.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using files::Csv;

void read_trips(RouteData& data, const Csv& table, const char* goal, const char* group) {
  const std::vector<std::string> paths = table.texts("path");
  const std::vector<std::int64_t> goals = table.integers(goal);
  data.group = table.integers(group);
  for (std::size_t i = 0; i < paths.size(); ++i)
    data.trips.push_back(
        trajectory_along(data.problem, parse_path(paths[i]), static_cast<std::int32_t>(goals[i])));
}

}  // namespace

RouteData read_borlange(const std::string& folder) {
  const Csv turns = Csv::open(folder + "/transitions.csv");
  const Csv destinations = Csv::open(folder + "/destinations.csv");
  LinkNetwork network;
  network.from = turns.integers("from_link");
  network.to = turns.integers("to_link");
  for (const auto* column : {&network.from, &network.to})
    for (std::int64_t link : *column) network.links = std::max(network.links, link + 1);
  network.n_features = 4;
  const std::vector<double> columns[] = {turns.numbers("travel_time_min"),
                                         turns.numbers("left_turn"), turns.numbers("link_constant"),
                                         turns.numbers("u_turn")};
  for (std::size_t row = 0; row < turns.rows(); ++row)
    for (const auto& column : columns) network.features.push_back(column[row]);
  network.goal_id = destinations.integers("dest_id");
  network.goal_link = destinations.integers("from_link");

  RouteData data;
  data.feature_names = {"travel time", "left turn", "link constant", "U-turn"};
  data.table = link_network(network);
  data.problem = make_problem(data.table);
  read_trips(data, Csv::open(folder + "/trips.csv"), "dest_id", "trip_id");
  return data;
}

RouteData read_shanghai(const std::string& folder, bool classes) {
  const Csv links = Csv::open(folder + "/links.csv");
  const Csv turns = Csv::open(folder + "/transitions.csv");
  const std::vector<double> meters = links.numbers("length_m");
  const std::vector<std::string> road = links.texts("road_class");
  LinkNetwork network;
  network.links = static_cast<std::int64_t>(links.rows());
  network.from = turns.integers("from_link");
  network.action = turns.integers("direction");
  network.to = turns.integers("to_link");
  network.n_features = classes ? 8 : 5;
  for (std::size_t row = 0; row < turns.rows(); ++row) {
    const std::int64_t to = network.to[row], direction = network.action[row];
    if (to < 0 || to >= network.links)
      turns.refuse(row, turns.column("to_link"), "a link of links.csv");
    const double length = meters[static_cast<std::size_t>(to)] / 1000;
    // Directions are bins of 45 degrees, clockwise from straight on.
    for (double x : {length, direction == 6 ? 1.0 : 0.0, direction == 2 ? 1.0 : 0.0,
                     direction == 4 ? 1.0 : 0.0, 1.0})
      network.features.push_back(x);
    if (!classes) continue;
    for (const char* name : {"primary", "tertiary", "secondary"})
      network.features.push_back(road[static_cast<std::size_t>(to)] == name ? length : 0.0);
  }
  for (std::int64_t link = 0; link < network.links; ++link) {
    network.goal_id.push_back(link);
    network.goal_link.push_back(link);
  }
  network.goals_absorb = true;

  RouteData data;
  data.feature_names = {"length (km)", "left", "right", "U-turn", "constant"};
  if (classes)
    for (const char* name : {"primary (km)", "tertiary (km)", "secondary (km)"})
      data.feature_names.emplace_back(name);
  data.table = link_network(network);
  data.problem = make_problem(data.table);
  const std::vector<double> ends[] = {links.numbers("lon_from"), links.numbers("lat_from"),
                                      links.numbers("lon_to"), links.numbers("lat_to")};
  for (std::size_t link = 0; link < links.rows(); ++link)
    for (const auto& end : ends) data.coordinates.push_back(end[link]);
  read_trips(data, Csv::open(folder + "/trips.csv"), "dest_link", "fold");
  return data;
}

RouteData read_pedestrians(const std::string& folder, const std::string& scene,
                           const std::string& paths, std::int64_t features) {
  const Csv cells = Csv::open(folder + "/irl_grid_" + scene + ".csv");
  WalkingGrid grid;
  grid.state = cells.integers("state");
  for (std::int64_t x : cells.integers("ix")) grid.width = std::max(grid.width, x + 1);
  for (std::int64_t y : cells.integers("iy")) grid.height = std::max(grid.height, y + 1);
  for (std::int64_t cell = 0; cell < grid.width * grid.height; ++cell) grid.goals.push_back(cell);

  RouteData data;
  data.feature_names = {"length", "constant", "beside an obstacle"};
  data.feature_names.resize(static_cast<std::size_t>(features));
  data.table = first_features(walking_grid(grid), features);
  data.problem = make_problem(data.table);
  read_trips(data, Csv::open(folder + "/irl_paths_" + paths + ".csv"), "goal_cell", "ped_id");
  return data;
}

ProblemTable first_features(ProblemTable table, std::int64_t count) {
  const std::int64_t all = table.n_features;
  std::vector<double> kept;
  for (std::size_t i = 0; i < table.transition_features.size(); ++i)
    if (static_cast<std::int64_t>(i) % all < count) kept.push_back(table.transition_features[i]);
  table.transition_features = std::move(kept);
  table.n_features = count;
  return table;
}

}  // namespace understudy::cli
