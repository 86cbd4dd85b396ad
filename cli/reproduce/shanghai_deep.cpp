// Taxi routes in Shanghai by a deep maximum-entropy reward: a network of link and turn features
// corrects the linear model of `reproduce shanghai`'s eight, and both are scored on routes not
// trained on.

#include <cmath>
#include <map>
#include <memory>

#include "algorithms/tabular/deep_maxent.h"
#include "algorithms/tabular/networks.h"
#include "autograd/files/csv.h"
#include "cli/reproduce/reproduce.h"

namespace understudy::cli {

namespace shanghai_deep {

constexpr std::int64_t links = 714, directions = 8, classes = 6;

struct Options {
  int steps = 600;
  double learning_rate = 5e-3, prior = 0.15;
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("steps", o.steps, "of Adam", {.least = 1, .most = 1000000}),
      option("learning_rate", o.learning_rate, "Adam's", {.above = 0}),
      option("prior", o.prior, "precision of a Gaussian prior on the parameters", {.least = 0}));
}

struct Data {
  Problem problem;
  RewardFeatures turns, places;  // without and with where a link lies
  std::vector<Trajectory> train, validation;
};

Data read(const std::string& folder) {
  const files::Csv network = files::Csv::open(folder + "/links.csv");
  const files::Csv table = files::Csv::open(folder + "/transitions.csv");
  const auto length = network.numbers("length_m");
  const auto road = network.integers("road_class_id");
  const auto road_name = network.texts("road_class");
  const std::vector<double> ends[2][2] = {{network.numbers("lon_from"), network.numbers("lon_to")},
                                          {network.numbers("lat_from"), network.numbers("lat_to")}};
  const auto from = table.integers("from_link"), to = table.integers("to_link");
  const auto direction = table.integers("direction");
  const double count = static_cast<double>(length.size());
  // Middles of links, standardized.
  std::vector<double> middle[2];
  for (int axis : {0, 1}) {
    double mean = 0.0, square = 0.0;
    for (std::size_t i = 0; i < length.size(); ++i) {
      middle[axis].push_back(0.5 * (ends[axis][0][i] + ends[axis][1][i]));
      mean += middle[axis][i] / count;
    }
    for (double& x : middle[axis]) x -= mean, square += x * x / count;
    for (double& x : middle[axis]) x /= std::sqrt(square);
  }

  Data data;
  ProblemTable t;
  t.n_states = links;
  t.n_actions = directions;
  t.state = from;
  t.action = direction;
  t.next_state = to;
  t.n_features = 8;
  t.goals_absorb = true;
  for (std::int64_t link = 0; link < links; ++link) {
    t.goal_id.push_back(link);
    t.goal_state.push_back(link);
  }
  data.turns.owner = data.places.owner = FeatureOwner::transition;
  for (std::size_t row = 0; row < to.size(); ++row) {
    const std::size_t next = static_cast<std::size_t>(to[row]);
    const double kilometers = length[next] / 1000.0;
    auto is = [](bool yes) { return yes ? 1.0 : 0.0; };
    for (double x : {kilometers, is(direction[row] == 6), is(direction[row] == 2),
                     is(direction[row] == 4), 1.0})
      t.transition_features.push_back(x);
    for (const char* name : {"primary", "tertiary", "secondary"})
      t.transition_features.push_back(road_name[next] == name ? kilometers : 0.0);

    std::vector<double> turn = {4.0 * kilometers, std::log(length[next] + 10.0) - 5.0};
    for (std::int64_t link : {to[row], from[row]})
      for (std::int64_t c = 0; c < classes; ++c)
        turn.push_back(is(road[static_cast<std::size_t>(link)] == c));
    for (std::int64_t d = 0; d < directions; ++d) turn.push_back(is(direction[row] == d));
    // Which way the link heads.
    const double heading =
        std::atan2(ends[1][1][next] - ends[1][0][next], ends[0][1][next] - ends[0][0][next]);
    for (double harmonic : {1.0, 2.0}) {
      turn.push_back(std::sin(harmonic * heading));
      turn.push_back(std::cos(harmonic * heading));
    }
    data.turns.width = static_cast<std::int64_t>(turn.size());
    data.turns.values.insert(data.turns.values.end(), turn.begin(), turn.end());
    for (const auto& axis : middle) {
      const double z = axis[next];
      turn.push_back(z);
      for (double harmonic : {1.5, 3.0, 4.5}) {
        turn.push_back(std::sin(harmonic * z));
        turn.push_back(std::cos(harmonic * z));
      }
    }
    data.places.width = static_cast<std::int64_t>(turn.size());
    data.places.values.insert(data.places.values.end(), turn.begin(), turn.end());
  }
  data.problem = make_problem(t);
  // The problem sorts transitions by link, then direction; so must the networks' rows be.
  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> row_of;
  for (std::size_t row = 0; row < to.size(); ++row) row_of[{from[row], direction[row]}] = row;
  for (RewardFeatures* f : {&data.turns, &data.places}) {
    std::vector<double> sorted;
    for (const auto& [key, row] : row_of)
      sorted.insert(sorted.end(), f->values.begin() + static_cast<std::int64_t>(row) * f->width,
                    f->values.begin() + static_cast<std::int64_t>(row + 1) * f->width);
    f->values = std::move(sorted);
  }

  const files::Csv trips = files::Csv::open(folder + "/trips.csv");
  const auto fold = trips.integers("fold"), goal = trips.integers("dest_link");
  const auto paths = trips.texts("path");
  for (std::size_t i = 0; i < paths.size(); ++i)
    (fold[i] == 4 ? data.validation : data.train)
        .push_back(trajectory_along(data.problem, parse_path(paths[i]),
                                    static_cast<std::int32_t>(goal[i])));
  return data;
}

void run(Reproduction& reproduction, const Options& options) {
  Data data = read(reproduction.data_folder("shanghai_taxi"));
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  GoalFamily family(device, data.problem);
  const GoalDemonstrations train = goal_demonstrations(data.problem, data.train),
                           validation = goal_demonstrations(data.problem, data.validation);
  auto validated = [&](const std::vector<double>& reward) {
    return family.log_likelihood(validation, reward, nullptr) / validation.episodes;
  };

  Table table{"Mean log-probability of a route (trained on folds 1 to 3)",
              {"reward", "train", "fold 4", "reference"},
              {},
              ""};
  const LinearFit fit = fit_goals(family, data.problem, train, {-5, -1, -1, -1, -1, 0, 0, 0});
  const std::vector<double> linear = family.transition_reward(fit.weights);
  table.rows.push_back({"linear, 8 features",
                        formatted("%.3f", fit.log_likelihood / train.episodes),
                        formatted("%.3f", validated(linear)), "-4.401"});
  for (RewardFeatures* features : {&data.turns, &data.places}) {
    features->offset = linear;
    const std::int64_t seeds = reproduction.seeds_or(3);
    std::vector<double> on_train, on_validation;
    for (std::int64_t seed = 0; seed < seeds; ++seed) {
      DeepMaxEntOptions deep;
      deep.network.hidden = {64, 64};
      deep.learning_rate = options.learning_rate;
      deep.l2 = options.prior / train.episodes;
      deep.seed = reproduction.seed(seed);
      Store store(device);
      DeepMaxEnt learner(store, data.problem, family, train, *features, deep);
      for (int i = 0; i < options.steps; ++i) {
        throw_if_interrupted();
        learner.step();
      }
      on_train.push_back(learner.gradient(nullptr));
      on_validation.push_back(validated(learner.reward()));
    }
    table.rows.push_back(
        {features == &data.turns ? "deep: link, turn, heading" : "deep: and where the link lies",
         shown(spread_of(on_train)), shown(spread_of(on_validation)), "above -4.40"});
  }
  table.note = formatted(
      "two hidden layers of 64 correct the linear reward; Adam, %d steps; mean over seeds and half "
      "the 95 %% interval",
      options.steps);
  reproduction.tables.push_back(table);
}

}  // namespace shanghai_deep

Experiment shanghai_deep_experiment() {
  return with_settings<shanghai_deep::Options>(
      "shanghai-deep", "Route choice of taxis by a deep reward of links and turns",
      "Zhao & Liang 2023, Transportation Research C 149 (arXiv 2206.10598); the data's README",
      shanghai_deep::run);
}

}  // namespace understudy::cli
