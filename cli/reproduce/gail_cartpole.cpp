// understudy reproduce gail-cartpole: environment steps and seconds that GAIL needs to reach a mean
// return of 475 on CartPole from ten demonstrations, beside the library `imitation` on the same
// tasks.
//
// The settings are the same for both carts and for all seeds. After every second iteration the
// policy is evaluated over fifty deterministic episodes, which, as in the peer's figures, are not
// counted in the seconds.

#include <chrono>

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/policies/evaluation.h"
#include "cli/reproduce/reproduce.h"
#include "cli/training/player.h"

namespace understudy::cli {

namespace gail_cartpole {

using Clock = std::chrono::steady_clock;

struct Task {
  const char* environment;
  const char* peer;  // steps and seconds of `imitation` on one core of a Zen 5
};
constexpr Task tasks[] = {{"cartpole", "82-213 k, 10.4-27.3 s"},
                          {"cartpole-fixed", "229-459 k, 30-61 s"}};

constexpr double goal = 475;
constexpr std::int64_t demonstrations = 10, default_seeds = 5;
constexpr std::int64_t most_iterations = 230, look_every = 2;
constexpr RolloutOptions rollouts = {.num_envs = 20, .steps_per_iteration = 2000};
constexpr std::int64_t fisher_stride = 5;
constexpr double divergence = 0.02;
// Five small steps an iteration, not one large step: where falling does not end the episode, a
// discriminator that lags behind sometimes prefers a fallen pole, and the learner learns to fall.
constexpr int discriminator_steps = 5;
constexpr double discriminator_rate = 0.003;

struct Found {
  double seconds = 0, mean = 0;
  std::int64_t interactions = 0;
};

Found learn(Device& device, const EnvironmentDescription& environment, const Demonstrations& expert,
            std::uint64_t seed) {
  Found found;
  const auto count_from = [&found](Clock::time_point start) {
    found.seconds += seconds_since(start);
  };
  Clock::time_point start = Clock::now();
  Policy policy(device, imitation_policy(environment), seed);
  freeze_normalizer(policy, transitions(expert));
  AdversarialOptions options =
      imitation_options(AdversarialAlgorithm::gail, rollouts, fisher_stride, seed);
  options.trpo.trust_region.max_kl = divergence;
  options.discriminator.steps = discriminator_steps;
  options.discriminator.learning_rate = discriminator_rate;
  const auto imitation = make_imitation(policy, environment, expert, options);
  count_from(start);
  while (imitation->iteration() < most_iterations && found.mean < goal) {
    throw_if_interrupted();
    start = Clock::now();
    for (std::int64_t i = 0; i < look_every; ++i) imitation->step();
    count_from(start);
    found.mean = evaluate_policy(policy, environment, {.seed = seed}).mean;
  }
  found.interactions = imitation->learner().rollouts().interactions();
  return found;
}

void run(Reproduction& reproduction) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  for (const Task& task : tasks) {
    const EnvironmentDescription& environment = environment_named(task.environment);
    const PlayOptions how = {.episodes = demonstrations, .seed = reproduction.common.seed};
    const auto player = make_player(device, "builtin", environment, how);
    const Demonstrations expert = play(device, environment, *player, how);
    Table table;
    table.title = formatted("GAIL on %s from ten demonstrations (mean %.0f) to a mean of %.0f",
                            task.environment, score_of(expert, environment).mean, goal);
    table.columns = {"seed", "return", "environment steps", "seconds"};
    std::int64_t reached = 0;
    for (std::int64_t i = 0; i < seeds; ++i) {
      const std::uint64_t seed = reproduction.seed(i);
      const Found found = learn(device, environment, expert, seed);
      reached += found.mean >= goal;
      table.rows.push_back({formatted("%llu", static_cast<unsigned long long>(seed)),
                            formatted("%.1f", found.mean),
                            formatted("%lld", static_cast<long long>(found.interactions)),
                            formatted("%.2f", found.seconds)});
    }
    table.note =
        formatted("%lld of %lld seeds reached it; imitation: %s", static_cast<long long>(reached),
                  static_cast<long long>(seeds), task.peer);
    reproduction.tables.push_back(std::move(table));
  }
}

}  // namespace gail_cartpole

Experiment gail_cartpole_experiment() {
  return {"gail-cartpole", "GAIL's environment steps and seconds to 475 on two CartPoles",
          "the library imitation, GAIL on CartPole-v1 and seals/CartPole-v0, 10 demonstrations",
          nullptr, gail_cartpole::run};
}

}  // namespace understudy::cli
