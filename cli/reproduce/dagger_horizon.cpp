// understudy reproduce dagger-horizon: how mistakes grow with the horizon, for cloning and for
// DAgger from as many answers of the expert (Ross, Gordon & Bagnell 2011, theorems 2.1 and 3.2:
// up to eps T^2 against u eps T).
//
// A mistake is a step at which the learner's action differs from the expert's in that state. A
// learner that has failed (hit a tree; not reached the hill in time) counts every remaining step as
// a mistake, as the paper's tightrope walker who fell off. Until then one episode follows another,
// so that T may be longer than an episode.
//
// Cloning trains on states of the expert's own episodes, DAgger on the states that the learner
// visits, labeled by the expert. The number of labels, the network and the gradient steps are the
// same.
//
// Mistakes add up to eps T^2 where one mistake leads to more. In the forest every one does. On the
// hill the built-in expert pushes the way the car rolls, wherever it is, and a clone that has left
// its path still does. So the expert there saves fuel (thrifty_driver.h): it coasts where a clone
// that is slightly slower must push.

#include <algorithm>
#include <cmath>

#include "algorithms/cloning/dagger.h"
#include "algorithms/reinforcement/rollouts.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/thrifty_driver.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace dagger_horizon {

constexpr std::int64_t default_seeds = 10;

struct Task {
  const char* environment;
  std::int64_t rounds, pairs, training_steps;  // pairs and gradient steps a round
  std::int64_t collectors, num_envs;           // side by side: while learning; while measured
  double tolerance;                            // a real action as far from the expert's is the same
  // Which ends of episodes are failures: terminations (a crash), or truncations.
  bool failure_terminates;
  std::int64_t lead;  // steps before the first that counts: the forest begins with a clear strip
  std::vector<std::int64_t> horizons;
};

std::vector<Task> tasks() {
  return {{"forest", 10, 1000, 1000, 4, 40, 0.5, true, 30, {25, 50, 100, 200, 300}},
          // One environment, so that a round is a whole episode, late states included.
          {"mountain_car", 30, 200, 1000, 1, 200, 0, false, 0, {200, 400, 800, 1600, 3200}}};
}

// For each horizon: mean mistakes in so many steps, and the share of episodes that failed.
struct Measured {
  std::vector<double> mistakes, lost;
};
// Without a policy the expert itself acts.
Measured measure(Device& device, const Task& task, const Policy* policy, Expert& expert,
                 std::uint64_t seed) {
  const EnvironmentDescription& environment = environment_named(task.environment);
  const std::int64_t n = task.num_envs, width = environment.action_size;
  BatchWorld world(device, environment, n, seed);
  world.begin(std::uint64_t{1} << 20);  // none of the rounds in which it learned
  Store store(device);
  std::unique_ptr<Actor> actor;
  if (policy != nullptr)
    actor =
        std::make_unique<Actor>(*policy, store, Actor::Options{.rows = n, .deterministic = true});
  std::vector<bool> lost(static_cast<std::size_t>(n), false);
  Measured found;
  double count = 0;
  std::size_t next = 0;
  for (std::int64_t t = 1 - task.lead; next < task.horizons.size(); ++t) {
    throw_if_interrupted();
    const std::vector<float> observations = world.observations(), states = world.states();
    std::vector<double> own(static_cast<std::size_t>(n * width));
    if (actor) own = actor->act({observations.begin(), observations.end()});
    // The expert is not queried for episodes that failed: a planner is slow.
    const std::int64_t seen = environment.observation_size, state_width = environment.state_size;
    std::vector<float> asked_observations, asked_states;
    std::vector<std::size_t> who;
    for (std::size_t i = 0; i < lost.size(); ++i) {
      if (lost[i]) continue;
      who.push_back(i);
      const std::int64_t row = static_cast<std::int64_t>(i);
      asked_observations.insert(asked_observations.end(), observations.begin() + row * seen,
                                observations.begin() + (row + 1) * seen);
      asked_states.insert(asked_states.end(), states.begin() + row * state_width,
                          states.begin() + (row + 1) * state_width);
    }
    count += static_cast<double>(lost.size() - who.size());
    if (!who.empty()) {
      const std::vector<float> right =
          expert.act({static_cast<std::int64_t>(who.size()), seen, state_width, width,
                      asked_observations, asked_states});
      for (std::size_t k = 0; k < who.size(); ++k)
        for (std::int64_t d = 0; d < width; ++d) {
          const std::size_t at =
              who[k] * static_cast<std::size_t>(width) + static_cast<std::size_t>(d);
          const double shown = static_cast<double>(
              right[k * static_cast<std::size_t>(width) + static_cast<std::size_t>(d)]);
          if (!actor) own[at] = shown;
          const double gap = own[at] - shown;
          count += std::abs(gap) > task.tolerance ? 1.0 / static_cast<double>(width) : 0;
        }
    }
    if (t <= 0) count = 0;
    const DaggerWorld::Outcome outcome = world.step({own.begin(), own.end()});
    for (std::size_t i = 0; i < lost.size(); ++i)
      if (outcome.ended[i] != 0 && (outcome.terminated[i] != 0) == task.failure_terminates)
        lost[i] = true;
    if (t == task.horizons[next]) {
      found.mistakes.push_back(count / static_cast<double>(n));
      found.lost.push_back(static_cast<double>(std::count(lost.begin(), lost.end(), true)) /
                           static_cast<double>(n));
      ++next;
    }
  }
  return found;
}

Measured learn(Device& device, const Task& task, Expert& expert, bool clone, std::uint64_t seed) {
  const EnvironmentDescription& environment = environment_named(task.environment);
  PolicyDescription description = describe_policy(environment);
  description.trunk.hidden = {64, 64};
  description.normalize_observations = true;
  Policy policy(device, description, seed);
  BatchWorld world(device, environment, task.collectors, seed);
  Dagger::Options options;
  // beta = 1 throughout is behavioral cloning of the expert's own episodes.
  options.schedule = clone ? BetaSchedule::exponential : BetaSchedule::indicator;
  options.decay = 1;
  options.steps = task.pairs;
  options.training_steps = task.training_steps;
  options.cloning.batch_size = std::min<std::int64_t>(128, task.pairs);
  options.seed = seed;
  Dagger dagger(policy, world, expert, options);
  for (std::int64_t i = 0; i < task.rounds; ++i) {
    throw_if_interrupted();
    dagger.step();
  }
  return measure(device, task, &policy, expert, seed);
}

// The slope of log mean mistakes on log T by least squares, over the chosen seeds.
double exponent(const std::vector<std::int64_t>& horizons, const std::vector<Measured>& of_seeds,
                const std::vector<std::size_t>& chosen) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  const double n = static_cast<double>(horizons.size());
  for (std::size_t k = 0; k < horizons.size(); ++k) {
    double mean = 0;
    for (std::size_t s : chosen)
      mean += of_seeds[s].mistakes[k] / static_cast<double>(chosen.size());
    const double x = std::log(static_cast<double>(horizons[k]));
    const double y = std::log(std::max(mean, 1e-6));
    sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

constexpr OptionChoice environments[] = {{0, "forest"}, {1, "mountain_car"}};
struct Options {
  std::string environment;
  std::int64_t rounds = 0, pairs = 0, training_steps = 0;  // 0: the task's own
  double tolerance = -1;                                   // below 0: likewise
  double fuel = 4;  // the driver's price of a step with the engine on, beside 1 of any
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("environment", o.environment, environments, "one of them; by default both"),
      option("rounds", o.rounds, "0: the task's own", {.least = 0}),
      option("pairs", o.pairs, "the expert's answers a round; 0: the task's own", {.least = 0}),
      option("training_steps", o.training_steps, "gradient steps a round; 0: the task's own",
             {.least = 0}),
      option("tolerance", o.tolerance,
             "as far from the expert's a real action is no mistake; below 0: the task's own"),
      option("fuel", o.fuel,
             "mountain_car: what its driver pays for a step with the engine on, beside 1 for any; "
             "0: the quickest",
             {.least = 0}));
}

// Of mistakes = a T + b T^2 with a, b >= 0, by least squares of relative errors: the share of the
// second term at the longest T.
double quadratic_share(const std::vector<std::int64_t>& horizons,
                       const std::vector<Measured>& of_seeds,
                       const std::vector<std::size_t>& chosen) {
  // With x = T / longest: y_k = (x, x^2) / mistakes is fitted to 1.
  double uu = 0, uv = 0, vv = 0, u1 = 0, v1 = 0;
  for (std::size_t k = 0; k < horizons.size(); ++k) {
    double mean = 0;
    for (std::size_t s : chosen)
      mean += of_seeds[s].mistakes[k] / static_cast<double>(chosen.size());
    const double x = static_cast<double>(horizons[k]) / static_cast<double>(horizons.back());
    const double u = x / std::max(mean, 1e-6), v = x * x / std::max(mean, 1e-6);
    uu += u * u, uv += u * v, vv += v * v, u1 += u, v1 += v;
  }
  const double determinant = uu * vv - uv * uv;
  const double a = (u1 * vv - v1 * uv) / determinant, b = (v1 * uu - u1 * uv) / determinant;
  return b <= 0 ? 0 : a <= 0 ? 1 : b / (a + b);
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  bool known = false;
  for (Task task : tasks()) {
    if (!options.environment.empty() && options.environment != task.environment) continue;
    known = true;
    if (options.rounds > 0) task.rounds = options.rounds;
    if (options.pairs > 0) task.pairs = options.pairs;
    if (options.training_steps > 0) task.training_steps = options.training_steps;
    if (options.tolerance >= 0) task.tolerance = options.tolerance;
    const EnvironmentDescription& environment = environment_named(task.environment);
    const std::unique_ptr<Expert> expert = task.failure_terminates
                                               ? built_in_expert(environment)
                                               : thrifty_driver(&cpu.threads(), options.fuel);
    const Measured its_own = measure(device, task, nullptr, *expert, reproduction.common.seed);
    std::vector<Measured> found[2];
    for (std::int64_t i = 0; i < seeds; ++i)
      for (const bool clone : {true, false})
        found[clone ? 0 : 1].push_back(learn(device, task, *expert, clone, reproduction.seed(i)));
    Table table;
    table.title = formatted("%s: mistakes in T steps, mean of %lld seeds, %lld expert labels each",
                            task.environment, static_cast<long long>(seeds),
                            static_cast<long long>(task.rounds * task.pairs));
    table.columns = {"T", "cloning", "95 %", "lost", "DAgger", "95 %", "lost"};
    for (std::size_t k = 0; k < task.horizons.size(); ++k) {
      std::vector<Json> row = {formatted("%lld", static_cast<long long>(task.horizons[k]))};
      for (const auto& of_seeds : found) {
        std::vector<double> values;
        double mean = 0, lost = 0;
        for (const Measured& one : of_seeds) {
          values.push_back(one.mistakes[k]);
          mean += one.mistakes[k] / static_cast<double>(seeds);
          lost += one.lost[k] / static_cast<double>(seeds);
        }
        const auto [low, high] = bootstrap_interval(values);
        row.push_back(formatted("%.2f", mean));
        row.push_back(formatted("%.2f .. %.2f", low, high));
        row.push_back(formatted("%.1f %%", 100 * lost));
      }
      table.rows.push_back(std::move(row));
    }
    struct Statistic {
      const char* name;
      double (*of)(const std::vector<std::int64_t>&, const std::vector<Measured>&,
                   const std::vector<std::size_t>&);
    };
    for (const Statistic& statistic :
         {Statistic{"exponent of T", exponent}, Statistic{"share of T^2", quadratic_share}}) {
      std::vector<Json> row = {statistic.name};
      for (const auto& of_seeds : found) {
        std::vector<std::size_t> all;
        for (std::size_t i = 0; i < of_seeds.size(); ++i) all.push_back(i);
        const auto [low, high] =
            bootstrap_interval(seeds, [&](const std::vector<std::size_t>& chosen) {
              return statistic.of(task.horizons, of_seeds, chosen);
            });
        row.push_back(formatted("%.2f", statistic.of(task.horizons, of_seeds, all)));
        row.push_back(formatted("%.2f .. %.2f", low, high));
        row.push_back(Json());
      }
      table.rows.push_back(std::move(row));
    }
    table.note = formatted(
        "exponent: the slope of log mistakes on log T; share: of b T^2 in a T + b T^2 at the "
        "longest T; 95 %% by bootstrap over seeds; %.1f %% of the expert's own episodes failed by "
        "then",
        100 * its_own.lost.back());
    reproduction.tables.push_back(std::move(table));
  }
  if (!known)
    fail(ErrorKind::bad_input, "--environment: expected forest or mountain_car, found '%s'",
         options.environment.c_str());
}

}  // namespace dagger_horizon

Experiment dagger_horizon_experiment() {
  return with_settings<dagger_horizon::Options>(
      "dagger-horizon", "Mistakes of cloning and of DAgger as the horizon grows",
      "Ross, Gordon & Bagnell 2011, theorems 2.1 and 3.2 (no table of theirs)",
      dagger_horizon::run);
}

}  // namespace understudy::cli
