// Steps a second of every environment under random actions, resets included, in f32.
//
// Batches of 1024 (all in the second cache) and 16384 (beyond it), and CartPole's own header in a
// loop of one instance, as an embedded program would use it.

#include "envs/batch.h"

#include "bench/bench.h"
#include "envs/list.h"
#include "envs/random.h"

namespace understudy::bench {
namespace {

// Steps go through so many sets of actions in turn: with one set CartPole would learn a rhythm.
constexpr std::int64_t action_sets = 16;

void step_batch(benchmark::State& state, const EnvironmentDescription& environment,
                std::int64_t instances, int threads) {
  const auto table = kernels<BatchTable<float>>();
  const BatchKernels<float>& kernel = table.dynamics[environment.dynamics];
  InstanceArrays<float> arrays;
  arrays.instances = instances;
  arrays.stride = (instances + instance_multiple - 1) / instance_multiple * instance_multiple;
  arrays.seed = 1;
  arrays.horizon = static_cast<float>(environment.horizon);
  Array<float> variables(environment.state_size * arrays.stride), elapsed(arrays.stride);
  std::vector<std::uint32_t> episode(arrays.stride, 0);
  arrays.state = variables.data();
  arrays.elapsed = elapsed.data();
  arrays.episode = episode.data();

  // Array gives numbers in [-1, 1): a throttle as they are, cut into classes a choice.
  Array<float> throttle(action_sets * instances * environment.action_size);
  std::vector<std::int32_t> choice(action_sets * instances, 0);
  if (environment.action_count > 0)
    for (std::size_t i = 0; i < choice.size(); ++i)
      choice[i] = std::int32_t((throttle.data()[i] + 1) * 0.5f * float(environment.action_count));
  Array<float> observation(instances * environment.observation_size);
  Array<float> reward(instances), terminated(instances), truncated(instances);

  kernel.reset(stream(threads), arrays, observation.data());
  std::int64_t set = 0;
  for (auto _ : state) {
    StepArrays<float> step;
    step.discrete = choice.data() + set * instances;
    step.continuous = throttle.data() + set * instances * environment.action_size;
    step.observation = observation.data();
    step.reward = reward.data();
    step.terminated = terminated.data();
    step.truncated = truncated.data();
    kernel.step(stream(threads), arrays, step);
    benchmark::ClobberMemory();
    set = (set + 1) % action_sets;
  }
}

constexpr std::int64_t steps_of_one = 10000;

void step_one_instance(benchmark::State& state) {
  using E = CartPole<float>;
  std::uint64_t episode = 0;
  ResetRandom<float> random(1, 0, episode++, E::reset_draws);
  E::State now = E::reset(random);
  int elapsed = 0;
  std::uint32_t coin = 1;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < steps_of_one; ++i) {
      coin = coin * 1664525u + 1013904223u;
      const auto next = E::step(now, {{float(coin >> 31)}});
      now = next.state;
      if (!next.terminated && ++elapsed < E::versions[0].horizon) continue;
      ResetRandom<float> again(1, 0, episode++, E::reset_draws);
      now = E::reset(again);
      elapsed = 0;
    }
    benchmark::DoNotOptimize(now);
  }
}

const bool added = [] {
  for (int e = 0; e < environment_count(); ++e) {
    const EnvironmentDescription* environment = &understudy::environment(e);
    for (std::int64_t instances : {1024, 16384})
      for (int threads : {1, 2}) {
        if (threads == 2 && instances == 1024) continue;  // too little to share
        Row row;
        row.work = std::string(environment->name) + ", " + std::to_string(instances) + " instances";
        row.unit = Unit::steps_per_second;
        row.threads = threads;
        row.count = double(instances);
        row.ours = [=](benchmark::State& state) {
          step_batch(state, *environment, instances, threads);
        };
        add(std::move(row));
      }
  }
  Row one;
  one.work = "cartpole, one instance";
  one.unit = Unit::steps_per_second;
  one.count = double(steps_of_one);
  one.ours = step_one_instance;
  add(std::move(one));
  return true;
}();

}  // namespace
}  // namespace understudy::bench
