// Steps a second of every environment under random actions, resets included, in f32.
//
// Batches of 1024 (all in L2) and 16384 (beyond it), on a GPU of a million, too, and
// CartPole's own header in a loop of one environment, as an embedded program would use it. The
// floor of the classic ones is the arithmetic of their own headers at the peak, counted by running
// them on numbers that count.

#include "envs/batch.h"

#include <cmath>
#include <concepts>
#include <string>
#include <type_traits>

#include "autograd/program/array.h"
#include "bench/bench.h"
#include "envs/list.h"
#include "envs/random.h"

namespace understudy {
namespace bench {
namespace {

// A number that counts: additions, subtractions, multiplications and divisions, one each.
// Comparisons and choices are free, so that the floor is below what can be reached.
struct Counted {
  float value = 0;
  static inline int operations = 0;
};
Counted counted(float value) { return ++Counted::operations, Counted{value}; }
float value_of(float x) { return x; }
float value_of(Counted x) { return x.value; }

template <class A, class B>
concept OneCounts = (std::same_as<A, Counted> &&
                     (std::same_as<B, Counted> || std::is_arithmetic_v<B>)) ||
                    (std::is_arithmetic_v<A> && std::same_as<B, Counted>);
#define UNDERSTUDY_COUNTED(op)                             \
  template <class A, class B>                              \
  requires OneCounts<A, B> Counted operator op(A a, B b) { \
    return counted(value_of(a) op value_of(b));            \
  }
#define UNDERSTUDY_COMPARED(op) \
  template <class A, class B>   \
  requires OneCounts<A, B>      \
  bool operator op(A a, B b) { return value_of(a) op value_of(b); }
UNDERSTUDY_COUNTED(+)
UNDERSTUDY_COUNTED(-)
UNDERSTUDY_COUNTED(*)
UNDERSTUDY_COUNTED(/)
UNDERSTUDY_COMPARED(<)
UNDERSTUDY_COMPARED(>)
UNDERSTUDY_COMPARED(<=)
UNDERSTUDY_COMPARED(>=)
UNDERSTUDY_COMPARED(==)
#undef UNDERSTUDY_COUNTED
#undef UNDERSTUDY_COMPARED
Counted operator-(Counted x) { return {-x.value}; }

}  // namespace
}  // namespace bench

template <>
struct Arithmetic<bench::Counted> {
  using Scalar = float;
  using Mask = bool;
  using Bits = std::uint32_t;
  static bench::Counted constant(float value) { return {value}; }
  static bench::Counted select(bool mask, bench::Counted yes, bench::Counted no) {
    return mask ? yes : no;
  }
  static bool all(bool mask) { return mask; }
  static Bits bits(bench::Counted x) { return Arithmetic<float>::bits(x.value); }
  static bench::Counted from_bits(Bits word) { return {Arithmetic<float>::from_bits(word)}; }
};

namespace bench {
namespace {

// Operations of a step from where an episode begins, its observation and its clock included.
template <template <class> class E>
int operations_of_step() {
  using One = E<Counted>;
  typename One::State state{};
  for (int i = 0; i < One::state_size; ++i) state[i] = {0.01f};
  Counted::operations = 1;
  const auto next = One::step(state, {});
  One::observe(next.state);
  return Counted::operations;
}

// By name; 0 for those that are not counted.
double operations_of(const std::string& name) {
  if (name.starts_with("cartpole-fixed")) return operations_of_step<FixedCartPole>();
  if (name.starts_with("cartpole")) return operations_of_step<CartPole>();
  if (name == "mountain_car_continuous") return operations_of_step<MountainCarContinuous>();
  if (name.starts_with("mountain_car")) return operations_of_step<MountainCar>();
  if (name == "acrobot-v0") return operations_of_step<AcrobotAngles>();
  if (name.starts_with("acrobot")) return operations_of_step<Acrobot>();
  if (name.starts_with("pendulum")) return operations_of_step<Pendulum>();
  return 0;
}

// Steps go through so many sets of actions in turn: with one set CartPole would learn a rhythm.
constexpr std::int64_t action_sets = 16;

void step_batch(benchmark::State& state, const EnvironmentDescription& environment,
                std::int64_t num_envs, int threads) {
  const auto table = kernels<BatchTable, float>();
  const BatchKernels<float>& kernel = table.dynamics[environment.dynamics];
  InstanceArrays<float> arrays;
  arrays.num_envs = num_envs;
  arrays.stride = (num_envs + env_multiple - 1) / env_multiple * env_multiple;
  arrays.seed = 1;
  arrays.horizon = static_cast<float>(environment.horizon);
  Array<float> variables(environment.state_size * arrays.stride), elapsed(arrays.stride);
  std::vector<std::uint32_t> episode(arrays.stride, 0);
  arrays.state = variables.data();
  arrays.elapsed = elapsed.data();
  arrays.episode = episode.data();

  // Array gives numbers in [-1, 1): a throttle as they are, cut into classes a choice.
  Array<float> throttle(action_sets * num_envs * environment.action_size);
  std::vector<std::int32_t> choice(action_sets * num_envs, 0);
  if (environment.action_count > 0)
    for (std::size_t i = 0; i < choice.size(); ++i)
      choice[i] = std::int32_t((throttle.data()[i] + 1) * 0.5f * float(environment.action_count));
  Array<float> observation(num_envs * environment.observation_size);
  Array<float> reward(num_envs), terminated(num_envs), truncated(num_envs);

  kernel.reset(stream(threads), arrays, observation.data());
  std::int64_t set = 0;
  for (auto _ : state) {
    StepArrays<float> step;
    step.discrete = choice.data() + set * num_envs;
    step.continuous = throttle.data() + set * num_envs * environment.action_size;
    step.observation = observation.data();
    step.reward = reward.data();
    step.terminated = terminated.data();
    step.truncated = truncated.data();
    kernel.step(stream(threads), arrays, step);
    benchmark::ClobberMemory();
    set = (set + 1) % action_sets;
  }
}

// The same on a device's own memory, through the engine's interface.
void step_on_device(benchmark::State& state, const EnvironmentDescription& environment,
                    std::int64_t num_envs, int threads) {
  Device& here = device(threads);
  Batch<float> batch(here, environment, num_envs, 1);
  Store store(here);
  const bool choices = environment.action_count > 0;
  const std::int64_t width = choices ? 1 : environment.action_size;
  understudy::Array& action = store.create("action", {action_sets, num_envs, width},
                                           choices ? Element::index : Element::real);
  Array<double> numbers(static_cast<std::size_t>(action.elements()));
  std::vector<double> actions(numbers.data(), numbers.data() + action.elements());
  if (choices)
    for (double& a : actions) a = std::floor((a + 1) * 0.5 * environment.action_count);
  action.write(actions);
  const auto numbers_of = [&](const char* name, std::int64_t of_one) {
    return static_cast<float*>(store.create(name, {num_envs, of_one}).data());
  };
  StepArrays<float> step;
  step.observation = numbers_of("observation", environment.observation_size);
  step.reward = numbers_of("reward", 1);
  step.terminated = numbers_of("terminated", 1);
  step.truncated = numbers_of("truncated", 1);
  batch.reset(step.observation);
  std::int64_t set = 0;
  for (auto _ : state) {
    const std::int64_t first = set * num_envs * width;
    step.discrete = choices ? static_cast<const std::int32_t*>(action.data()) + first : nullptr;
    step.continuous = choices ? nullptr : static_cast<const float*>(action.data()) + first;
    batch.step(step);
    here.synchronize();
    set = (set + 1) % action_sets;
  }
}

constexpr std::int64_t steps_of_one = 10000;

void step_one_env(benchmark::State& state) {
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
    for (std::int64_t num_envs : {1024, 16384, 1048576})
      for (int threads : places()) {
        if (threads == 2 && num_envs == 1024) continue;    // too little to share
        if (threads != gpu && num_envs > 16384) continue;  // they would wait for memory
        Row row;
        row.work =
            std::string(environment->name) + ", " + std::to_string(num_envs) + " environments";
        row.unit = Unit::steps_per_second;
        row.threads = threads;
        row.count = double(num_envs);
        row.operations = row.count * operations_of(environment->name);
        const auto step = threads == gpu ? step_on_device : step_batch;
        row.ours = [=](benchmark::State& state) { step(state, *environment, num_envs, threads); };
        add(std::move(row));
      }
  }
  Row one;
  one.work = "cartpole, one environment";
  one.unit = Unit::steps_per_second;
  one.count = double(steps_of_one);
  one.ours = step_one_env;
  add(std::move(one));
  return true;
}();

}  // namespace
}  // namespace bench
}  // namespace understudy
