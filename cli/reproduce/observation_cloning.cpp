// understudy reproduce observation-cloning: cloning where the expert's actions were never shown
// (Torabi, Warnell & Stone 2018), on the tasks and from the demonstrations that `reproduce
// gail-state-only` has. Both learn from observations alone; here the learner sees `train bco` as it
// comes. Cloning the actions that the files have, which are another learner's, stands beside it.

#include <algorithm>

#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/policies/evaluation.h"
#include "algorithms/training/registry.h"
#include "cli/reproduce/reproduce.h"
#include "cli/training/player.h"

namespace understudy::cli {

namespace observation_cloning {

constexpr std::int64_t default_seeds = 5, demonstrations = 10;
constexpr double mark = 0.9;

struct Task {
  const char *environment, *change;
  std::vector<std::int64_t> relabeled;  // discrete: the expert's action a is stored as relabeled[a]
  float factor;                         // real: as factor * a
};
std::vector<Task> tasks() {
  return {{"cartpole", "left and right exchanged", {1, 0}, 1},
          {"mountain_car", "left and right exchanged, none kept", {2, 1, 0}, 1},
          {"acrobot", "left and right exchanged, none kept", {2, 1, 0}, 1},
          {"point_mass", "half the push, reversed", {}, -0.5f},
          {"pendulum", "half the gain, reversed", {}, -0.5f}};
}

struct Options {
  std::string environment;
  std::int64_t rounds = 20;
};
void list_options(OptionList& list, Options& o) {
  list.fields(o, option("environment", o.environment, "one of the five; by default all"),
              option("rounds", o.rounds, "of BCO(alpha)", {.least = 1}));
}

struct Learned {
  double score = 0, interactions = 0;
};
Learned learn(Device& device, const char* algorithm, const EnvironmentDescription& environment,
              const Demonstrations& expert, std::int64_t iterations, std::uint64_t seed) {
  const auto setup = algorithm_named(algorithm).setup(
      {.device = &device, .environment = &environment, .demonstrations = &expert, .seed = seed});
  setup->options().check();
  const auto trainer = setup->make();
  for (std::int64_t i = 0; i < iterations && !trainer->finished(); ++i) {
    throw_if_interrupted();
    trainer->step();
  }
  trainer->conclude();
  return {evaluate_policy(trainer->policy(), environment, {.seed = seed}).mean,
          static_cast<double>(trainer->interactions())};
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  struct Learner {
    const char *algorithm, *name;
    std::int64_t iterations;
  };
  const Learner learners[] = {
      {"bc", "cloning", 30}, {"bco", "BCO(0)", 1}, {"bco", "BCO(0.1)", options.rounds}};
  Table table{formatted("From %lld demonstrations, %lld seeds: returns",
                        static_cast<long long>(demonstrations), static_cast<long long>(seeds)),
              {"environment, learner", "expert", "uniform"},
              {},
              "half of the mean's 95 % bootstrap interval; seeds that reach 90 % of the way from "
              "uniform actions to the expert; the learner's own steps. BCO is train bco by its "
              "defaults"};
  for (const Learner& learner : learners) {
    table.columns.push_back(learner.name);
    table.columns.push_back(std::string("at 90 %, ") + learner.name);
    table.columns.push_back(std::string("steps, ") + learner.name);
  }
  for (const Task& task : tasks()) {
    if (!options.environment.empty() && options.environment != task.environment) continue;
    const EnvironmentDescription& environment = environment_named(task.environment);
    const PlayOptions how = {.episodes = demonstrations, .seed = reproduction.common.seed};
    const auto player = make_player(device, "builtin", environment, how);
    Demonstrations expert = play(device, environment, *player, how);
    const double shown = score_of(expert, environment).mean, random = environment.random_return;
    for (std::int64_t& action : expert.actions.indices)
      action = task.relabeled[static_cast<std::size_t>(action)];
    for (float& action : expert.actions.numbers) action *= task.factor;
    std::vector<Json> row = {std::string(task.environment) + ": " + task.change,
                             formatted("%.1f", shown), formatted("%.1f", random)};
    for (const Learner& learner : learners) {
      std::vector<double> returns;
      std::int64_t reached = 0;
      double steps = 0;
      for (std::int64_t i = 0; i < seeds; ++i) {
        const Learned one = learn(device, learner.algorithm, environment, expert,
                                  learner.iterations, reproduction.seed(i));
        returns.push_back(one.score);
        reached += (one.score - random) / (shown - random) >= mark;
        steps = one.interactions;
      }
      const auto [low, high] = bootstrap_interval(returns);
      row.push_back(formatted("%.1f ± %.1f", mean_of(returns), (high - low) / 2));
      row.push_back(formatted("%lld of %lld", static_cast<long long>(reached),
                              static_cast<long long>(seeds)));
      row.push_back(steps);
    }
    table.rows.push_back(std::move(row));
  }
  reproduction.tables.push_back(std::move(table));
}

}  // namespace observation_cloning

Experiment observation_cloning_experiment() {
  return with_settings<observation_cloning::Options>(
      "observation-cloning", "Cloning the actions that were never shown, from observations alone",
      "Torabi, Warnell & Stone 2018, \"Behavioral cloning from observation\"",
      observation_cloning::run);
}

}  // namespace understudy::cli
