// understudy reproduce gail-state-only: a learner whose actions are not the expert's. Its actions
// are permuted, or scaled by another gain, so that the expert's actions mislead and the expert's
// states do not.
//
// Torabi et al. 2018, "Generative adversarial imitation from observation": the discriminator
// classifies state pairs (s, s') instead of (s, a). Both learn here from the same demonstrations of
// the built-in experts, with actions in the learner's numbering.
//
// The discriminator takes five or ten small steps an iteration, the paper's code one large step.
// Where failing does not end an episode, a learner's first failures lie many standard deviations
// from the expert's states (a fallen pole). One step an iteration oscillates there and lags
// behind: it sometimes scores a fallen pole above a standing one, and the learner learns to fall.

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/policies/evaluation.h"
#include "cli/reproduce/reproduce.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace gail_state_only {

struct Task {
  const char* environment;
  const char* change;  // of what the learner's actions do, in words
  // Discrete: the expert's action a is stored as relabeled[a]. Real: as factor * a.
  std::vector<std::int64_t> relabeled;
  float factor;
  std::int64_t iterations, discriminator_steps;  // the latter in an iteration
  double discriminator_rate;
};

std::vector<Task> tasks() {
  return {{"cartpole-fixed", "left and right exchanged", {1, 0}, 1, 150, 10, 0.001},
          {"mountain_car", "left and right exchanged, none kept", {2, 1, 0}, 1, 150, 5, 0.003},
          {"acrobot", "left and right exchanged, none kept", {2, 1, 0}, 1, 150, 5, 0.003},
          {"point_mass", "the push reversed", {}, -1, 300, 10, 0.003},
          {"point_mass", "half the push, reversed", {}, -0.5f, 300, 10, 0.003},
          {"pendulum", "half the gain, reversed", {}, -0.5f, 300, 10, 0.003}};
}

constexpr std::int64_t demonstrations = 10, default_seeds = 5;
constexpr RolloutOptions rollouts = {.num_envs = 50, .steps_per_iteration = 5000};
constexpr std::int64_t fisher_stride = 5;
constexpr double mark = 0.9;
constexpr double discount = 0.99;

double learn(Device& device, const Task& task, const Demonstrations& expert, RewardInput input,
             std::uint64_t seed) {
  const EnvironmentDescription& environment = environment_named(task.environment);
  Policy policy(device, imitation_policy(environment), seed);
  freeze_normalizer(policy, transitions(expert));
  AdversarialOptions options =
      imitation_options(AdversarialAlgorithm::gail, rollouts, fisher_stride, seed);
  options.input = input;
  options.discriminator.steps = task.discriminator_steps;
  options.discriminator.learning_rate = task.discriminator_rate;
  options.trpo.learner.discount = discount;
  const auto imitation = make_imitation(policy, environment, expert, options);
  for (std::int64_t i = 0; i < task.iterations; ++i) {
    throw_if_interrupted();
    imitation->step();
  }
  return evaluate_policy(policy, environment, {.seed = seed}).mean;
}

struct Options {
  std::string environment;
  std::int64_t iterations = 0;  // 0: the task's own
};
void list_options(OptionList& list, Options& o) {
  list.fields(o, option("environment", o.environment, "one of the five; by default all"),
              option("iterations", o.iterations, "0: the task's own", {.least = 0}));
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  Table table;
  table.title = formatted(
      "GAIL from %lld demonstrations, %lld seeds: return, and its share of the "
      "expert's above random",
      static_cast<long long>(demonstrations), static_cast<long long>(seeds));
  table.columns = {"environment, learner",
                   "expert",
                   "(s, a)",
                   "95 %",
                   "share",
                   "at 90 %",
                   "(s, s')",
                   "95 %",
                   "share",
                   "at 90 %"};
  bool found = false;
  for (Task task : tasks()) {
    if (!options.environment.empty() && options.environment != task.environment) continue;
    found = true;
    if (options.iterations > 0) task.iterations = options.iterations;
    const EnvironmentDescription& environment = environment_named(task.environment);
    const PlayOptions how = {.episodes = demonstrations, .seed = reproduction.common.seed};
    const auto player = make_player(device, "builtin", environment, how);
    Demonstrations expert = play(device, environment, *player, how);
    const double shown = score_of(expert, environment).mean;
    const double random = environment.random_return;
    for (std::int64_t& action : expert.actions.indices)
      action = task.relabeled[static_cast<std::size_t>(action)];
    for (float& action : expert.actions.numbers) action *= task.factor;
    std::vector<Json> row = {std::string(task.environment) + ": " + task.change,
                             formatted("%.1f", shown)};
    for (const RewardInput input : {RewardInput::state_action, RewardInput::state_pair}) {
      std::vector<double> returns;
      std::int64_t reached = 0;
      double mean = 0;
      for (std::int64_t i = 0; i < seeds; ++i) {
        const double one = learn(device, task, expert, input, reproduction.seed(i));
        returns.push_back(one);
        mean += one / static_cast<double>(seeds);
        reached += (one - random) / (shown - random) >= mark;
      }
      const auto [low, high] = bootstrap_interval(returns);
      row.push_back(formatted("%.1f", mean));
      row.push_back(formatted("%.1f .. %.1f", low, high));
      row.push_back(formatted("%.2f", (mean - random) / (shown - random)));
      row.push_back(formatted("%lld of %lld", static_cast<long long>(reached),
                              static_cast<long long>(seeds)));
    }
    table.rows.push_back(std::move(row));
  }
  if (!found)
    fail(ErrorKind::bad_input,
         "--environment: expected cartpole-fixed, mountain_car, acrobot, point_mass or pendulum, "
         "found '%s'",
         options.environment.c_str());
  table.note = "at 90 %: seeds that reach 90 % of the way from random to the expert's return";
  reproduction.tables.push_back(std::move(table));
}

}  // namespace gail_state_only

Experiment gail_state_only_experiment() {
  return with_settings<gail_state_only::Options>(
      "gail-state-only", "GAIL on state pairs, for learners whose actions differ from the expert's",
      "Torabi et al. 2018, \"Generative adversarial imitation from observation\"",
      gail_state_only::run);
}

}  // namespace understudy::cli
