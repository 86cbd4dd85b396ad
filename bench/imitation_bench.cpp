// Imitation on CartPole: gradient steps of cloning, and how long cloning and GAIL take to a mean
// return of 475 from ten demonstrations of a rule; GAIL's whole loop in steps of the environment.

#include "bench/bench.h"

#include <map>

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/cloning/dagger_world.h"
#include "algorithms/policies/evaluation.h"

namespace understudy::bench {
namespace {

constexpr std::int64_t demonstrations = 10;
constexpr double solved = 475;

const EnvironmentDescription& cartpole() { return environment_named("cartpole"); }

// A rule by the angle and its rate, which stands for 500 steps; all but the last step of each.
const Demonstrations& rule() {
  static const Demonstrations found = [] {
    BatchWorld world(device(1), cartpole(), demonstrations, 5);
    const std::int64_t steps = cartpole().horizon - 1;
    std::vector<Demonstrations> parts(demonstrations);
    for (std::int64_t t = 0; t < steps; ++t) {
      const std::vector<float> now = world.observations();
      std::vector<float> actions;
      for (std::size_t e = 0; e < parts.size(); ++e) {
        const float* o = now.data() + 4 * e;
        parts[e].observations.numbers.insert(parts[e].observations.numbers.end(), o, o + 4);
        const bool right = o[2] + 0.5f * o[3] + 0.02f * o[0] + 0.05f * o[1] > 0;
        actions.push_back(right ? 1.0f : 0.0f);
        parts[e].actions.indices.push_back(right);
      }
      world.step(actions);
    }
    Demonstrations all;
    for (std::size_t e = 0; e < parts.size(); ++e) {
      parts[e].observations.shape = {4};
      parts[e].actions.discrete = true;
      parts[e].last_observation = false;
      parts[e].terminal = {0};
      parts[e].starts = {0, steps};
      if (e == 0)
        all = parts[e];
      else
        append(all, parts[e], "rule");
    }
    return all;
  }();
  return found;
}

PolicyDescription description(std::vector<std::int64_t> hidden) {
  PolicyDescription result = describe_policy(cartpole());
  result.trunk.hidden = std::move(hidden);
  result.normalize_observations = true;
  result.initialization = InitializationKind::column_normalized;
  result.last_scale = 0.01;
  return result;
}

// As the library `imitation` does: two layers of 32, batches of 32.
const BehaviorCloning::Options cloning_options = {.batch_size = 32, .learning_rate = 3e-3};

void clone_steps(benchmark::State& state) {
  Policy policy(device(1), description({32, 32}));
  const Transitions pairs = transitions(rule());
  fit_normalizer(policy, pairs);
  BehaviorCloning cloning(policy, pairs, cloning_options);
  for (auto _ : state) cloning.train(1000);
}

// Steps of cloning until fifty episodes have a mean of 475; the evaluations are not counted.
void clone_to_solved(benchmark::State& state) {
  std::uint64_t seed = 0;
  const Transitions pairs = transitions(rule());
  for (auto _ : state) {
    state.PauseTiming();
    Policy policy(device(1), description({32, 32}), ++seed);
    fit_normalizer(policy, pairs);
    BehaviorCloning cloning(policy, pairs, cloning_options);
    double mean = 0;
    for (int i = 0; i < 100 && mean < solved; ++i) {
      state.ResumeTiming();
      cloning.train(50);
      state.PauseTiming();
      mean = evaluate_policy(policy, cartpole()).mean;
    }
    state.ResumeTiming();
    if (mean < solved) state.SkipWithError("cloning did not reach 475");
  }
}

constexpr std::int64_t fisher_stride = 5;

// A learner of its own on a device.
struct Learning {
  Learning(Device& device, const RolloutOptions& rollouts, std::uint64_t seed)
      : policy(device, imitation_policy(cartpole()), seed) {
    freeze_normalizer(policy, transitions(rule()));
    imitation = make_imitation(
        policy, cartpole(), rule(),
        imitation_options(AdversarialAlgorithm::gail, rollouts, fisher_stride, seed));
    imitation->step();
  }
  Policy policy;
  std::unique_ptr<AdversarialImitation> imitation;
};

constexpr RolloutOptions usual = {.num_envs = 50, .steps_per_iteration = 5000};
// As many CartPoles as fill a GPU.
constexpr RolloutOptions wide = {.num_envs = 4096, .steps_per_iteration = 30 * 4096};

void gail_loop(benchmark::State& state, int threads, const RolloutOptions& rollouts) {
  Learning learning(device(threads), rollouts, 1);
  for (auto _ : state) {
    learning.imitation->step();
    device(threads).synchronize();
  }
}

// Seeds side by side: a thread of the host, a device and a stream each, an iteration of all.
void gail_of_many_seeds(benchmark::State& state, int threads, int seeds) {
  std::vector<std::unique_ptr<Device>> devices;
  std::vector<std::unique_ptr<Learning>> all;
  for (int i = 0; i < seeds; ++i) {
    devices.push_back(threads == gpu ? cuda_device() : cpu_device(nullptr, instruction_set()));
    all.push_back(
        std::make_unique<Learning>(*devices.back(), usual, static_cast<std::uint64_t>(i)));
  }
  Threads team(threads == gpu ? seeds : threads);
  for (auto _ : state)
    team.run(seeds, [&](int i, int) {
      all[static_cast<std::size_t>(i)]->imitation->step();
      devices[static_cast<std::size_t>(i)]->synchronize();
    });
}

// As `understudy reproduce gail-cartpole`: small steps of the rollouts and larger ones of the
// policy; the evaluations, after every second iteration, are not counted.
void gail_to_solved(benchmark::State& state, const char* name) {
  const EnvironmentDescription& environment = environment_named(name);
  std::uint64_t seed = 0;
  double interactions = 0, runs = 0;
  for (auto _ : state) {
    state.PauseTiming();
    Policy policy(device(1), imitation_policy(environment), ++seed);
    freeze_normalizer(policy, transitions(rule()));
    AdversarialOptions options =
        imitation_options(AdversarialAlgorithm::gail, {.num_envs = 20, .steps_per_iteration = 2000},
                          fisher_stride, seed);
    options.trpo.trust_region.max_kl = 0.02;
    options.discriminator.steps = 5;
    options.discriminator.learning_rate = 0.003;
    const auto imitation = make_imitation(policy, environment, rule(), options);
    double mean = 0;
    for (int i = 0; i < 115 && mean < solved; ++i) {
      state.ResumeTiming();
      imitation->step();
      imitation->step();
      state.PauseTiming();
      mean = evaluate_policy(policy, environment, {.seed = seed}).mean;
    }
    interactions += static_cast<double>(imitation->learner().rollouts().interactions());
    ++runs;
    state.ResumeTiming();
    if (mean < solved) state.SkipWithError("GAIL did not reach 475");
  }
  state.counters["interactions"] = interactions / runs;
}

const bool added = [] {
  Row steps;
  steps.work = "cloning on CartPole, batch 32, gradient steps";
  steps.unit = Unit::steps_per_second;
  steps.count = 1000;
  steps.ours = clone_steps;
  add(std::move(steps));
  Row cloned;
  cloned.work = "cloning on CartPole to a mean of 475";
  cloned.unit = Unit::microseconds;
  cloned.ours = clone_to_solved;
  add(std::move(cloned));
  for (int threads : places()) {
    Row loop;
    loop.work = "GAIL on CartPole, the whole loop";
    loop.unit = Unit::steps_per_second;
    loop.threads = threads;
    loop.count = usual.steps_per_iteration;
    loop.ours = [threads](benchmark::State& state) { gail_loop(state, threads, usual); };
    add(loop);
    loop.work = "GAIL on 4096 CartPoles, the whole loop";
    loop.count = static_cast<double>(wide.steps_per_iteration);
    loop.ours = [threads](benchmark::State& state) { gail_loop(state, threads, wide); };
    add(loop);
    constexpr int seeds = 8;
    loop.work = "GAIL on CartPole, 8 seeds at once";
    loop.count = static_cast<double>(seeds * usual.steps_per_iteration);
    loop.ours = [threads](benchmark::State& state) { gail_of_many_seeds(state, threads, seeds); };
    add(loop);
  }
  for (const char* name : {"cartpole", "cartpole-fixed"}) {
    Row learned;
    learned.work = name == std::string("cartpole")
                       ? "GAIL on CartPole to a mean of 475"
                       : "GAIL on CartPole of a fixed horizon to a mean of 475";
    learned.unit = Unit::microseconds;
    learned.ours = [name](benchmark::State& state) { gail_to_solved(state, name); };
    add(std::move(learned));
  }
  return true;
}();

}  // namespace
}  // namespace understudy::bench
