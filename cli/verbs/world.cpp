// understudy world: a built-in world as a file, with demonstrations of its best behavior.

#include <algorithm>
#include <cstdio>

#include "algorithms/data/demonstration_files.h"
#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/problem_file.h"
#include "algorithms/tabular/solver.h"
#include "autograd/files/npz.h"
#include "cli/tabular/problem_source.h"
#include "cli/tabular/route_data.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct WorldArguments {
  std::string name, out, demonstrations, data;
  WorldOptions world;
  bool list = false, soft = false;
  std::int64_t episodes = 16, steps = 40;
};

constexpr struct {
  const char *name, *summary, *folder;
} route_worlds[] = {
    {"borlange", "road network of Borlänge, with 1466 car trips", "borlange_routes"},
    {"shanghai", "road network in Shanghai, with 19575 taxi trips", "shanghai_taxi"},
    {"pedestrians_eth", "floor of the ETH building's entrance, with walks", "eth_ucy"},
    {"pedestrians_hotel", "pavement before a hotel, with walks", "eth_ucy"},
    {"pedestrians_zara", "a shopping street, with walks (zara01)", "eth_ucy"},
};

int list_worlds(const Common& common) {
  Json array = Json::array();
  for (const World& world : worlds())
    array.push_back({{"name", world.name}, {"summary", world.summary}, {"source", world.source}});
  for (const auto& route : route_worlds)
    array.push_back({{"name", route.name},
                     {"summary", route.summary},
                     {"source", std::string("data folder ") + route.folder}});
  if (common.json) {
    print(array);
    return 0;
  }
  for (const Json& world : array)
    std::printf("%-18s %s (%s)\n", world["name"].get<std::string>().c_str(),
                world["summary"].get<std::string>().c_str(),
                world["source"].get<std::string>().c_str());
  return 0;
}

Demonstrations demonstrations_of(const std::vector<Trajectory>& trajectories) {
  Demonstrations d;
  d.observations.discrete = d.actions.discrete = true;
  for (const Trajectory& trajectory : trajectories) {
    d.observations.indices.insert(d.observations.indices.end(), trajectory.states.begin(),
                                  trajectory.states.end());
    d.actions.indices.insert(d.actions.indices.end(), trajectory.actions.begin(),
                             trajectory.actions.end());
    d.starts.push_back(static_cast<std::int64_t>(d.actions.indices.size()));
    d.terminal.push_back(trajectory.goal >= 0 ? 1 : 0);
    if (trajectory.goal >= 0) d.goals.push_back(trajectory.goal);
  }
  return d;
}

// Episodes of the best policy for the world's reward (of the soft one with --soft).
std::vector<Trajectory> best_behavior(const ProblemTable& table, const WorldArguments& arguments,
                                      const Common& common) {
  const Problem problem = make_problem(table);
  if (problem.reward.empty())
    fail(ErrorKind::bad_input, "--demos: %s has no reward to be good at", arguments.name.c_str());
  Session session(common);
  Device& device = session.device();
  const Backup backup = arguments.soft ? Backup::log_sum_exp : Backup::max;
  std::vector<double> policy;
  if (problem.horizon > 0) {
    policy = solve_horizon(device, problem, problem.reward, backup, Expectation::causal).policy;
  } else {
    try {
      policy = solve(device, problem, problem.reward,
                     {.backup = backup, .method = default_method(problem, Expectation::causal)})
                   .policy;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_finite) throw;
      fail(ErrorKind::bad_input, "--demos: %s (--horizon T or --discount has demonstrators)",
           error.what());
    }
  }
  return sample_trajectories(problem, policy, arguments.episodes, arguments.steps, common.seed);
}

int run_world(const WorldArguments& arguments, const Common& common) {
  if (arguments.list) return list_worlds(common);
  if (arguments.name.empty())
    fail(ErrorKind::bad_input, "world: the name of a world is needed (--list)");
  if (arguments.out.empty() && arguments.demonstrations.empty())
    fail(ErrorKind::bad_input, "world: --out M.npz or --demos D.npz is needed");
  ProblemTable table;
  std::vector<double> coordinates;
  std::vector<Trajectory> trajectories;
  const auto route = std::find_if(std::begin(route_worlds), std::end(route_worlds),
                                  [&](const auto& one) { return arguments.name == one.name; });
  if (route != std::end(route_worlds)) {
    const std::string folder = data_folder(arguments.data, route->folder);
    const std::string name = arguments.name;
    const std::string scene = name.substr(name.find('_') + 1);
    RouteData data = name == "borlange" ? read_borlange(folder)
                     : name == "shanghai"
                         ? read_shanghai(folder, true)
                         : read_pedestrians(folder, scene, scene == "zara" ? "zara01" : scene);
    table = std::move(data.table);
    coordinates = std::move(data.coordinates);
    trajectories = std::move(data.trips);
  } else {
    LoadedProblem loaded = load_problem({arguments.name, arguments.world});
    table = std::move(loaded.table);
    coordinates = std::move(loaded.coordinates);
    print_remarks(common, table.remarks);
    if (!arguments.demonstrations.empty()) trajectories = best_behavior(table, arguments, common);
  }
  if (!arguments.out.empty()) {
    write_problem_table(arguments.out, table);
    if (!coordinates.empty()) {
      // What only drawing needs goes beside the problem's own columns.
      files::NamedArrays arrays = files::Npz::open(arguments.out).read_all();
      arrays["coordinates"] = coordinates_array({table, coordinates});
      files::write_npz(arguments.out, arrays);
    }
  }
  if (!arguments.demonstrations.empty())
    save_demonstrations(arguments.demonstrations, demonstrations_of(trajectories));
  if (common.json)
    print({{"world", arguments.name},
           {"states", table.n_states},
           {"actions", table.n_actions},
           {"features", table.n_features},
           {"episodes", trajectories.size()}});
  else if (!common.quiet)
    std::printf(
        "%s: %lld states, %lld actions, %lld features%s\n", arguments.name.c_str(),
        static_cast<long long>(table.n_states), static_cast<long long>(table.n_actions),
        static_cast<long long>(table.n_features),
        trajectories.empty() ? "" : formatted(", %zu episodes", trajectories.size()).c_str());
  return 0;
}

}  // namespace

void add_world(Verb& root, Command& command) {
  Verb verb = root.verb("world", "Writes a built-in tabular world, and demonstrations in it");
  auto arguments = std::make_shared<WorldArguments>();
  verb.option("NAME", arguments->name, "the world, or a problem's .npz");
  verb.flag("--list", arguments->list, "the worlds there are");
  verb.option("--out", arguments->out, "the problem's .npz to write");
  verb.option("--demos", arguments->demonstrations, "demonstrations to write");
  verb.option("--episodes", arguments->episodes, "demonstrations drawn (16)").between(1, 100000000);
  verb.option("--steps", arguments->steps, "steps of each at most (40)").between(1, 100000000);
  verb.flag("--soft", arguments->soft, "the demonstrator is soft, not greedy");
  verb.option("--data", arguments->data, "folder of the data sets (default: UNDERSTUDY_DATA)");
  add_world_options(verb, arguments->world);
  verb.when_chosen([&command, arguments] {
    command.run = [&command, arguments] { return run_world(*arguments, command.common); };
  });
}

}  // namespace understudy::cli
