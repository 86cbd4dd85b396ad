// Executors: every one does what the plain loops do, step after step, resets included; and an
// environment's episodes depend on its number alone.

#include "envs/batch.h"

#include <cstring>

#include "envs/list.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::close;
using kernel_test::Place;
using kernel_test::Random;
using kernel_test::same_bits;
using Index = std::int64_t;

// A batch's arrays in the memory of an implementation.
template <class T>
struct Instances {
  Instances(Place<T>& on, const EnvironmentDescription& e, Index count, T horizon,
            std::uint64_t first = 0)
      : environment(e),
        stride((count + env_multiple - 1) / env_multiple * env_multiple),
        state(on.array(std::vector<double>(e.state_size * stride, 0.0))),
        elapsed(on.array(std::vector<double>(stride, 0.0))),
        episode(on.template of<std::uint32_t>(std::vector<std::uint32_t>(stride, 0))),
        observation(on.poisoned(count * e.observation_size)),
        final_observation(std::make_unique<Array<T>>(on.poisoned(count * e.observation_size))),
        reward(on.poisoned(count)),
        terminated(on.poisoned(count)),
        truncated(on.poisoned(count)) {
    arrays.num_envs = count;
    arrays.stride = stride;
    arrays.seed = 42;
    arrays.first_env = first;
    arrays.horizon = horizon;
    arrays.state = state, arrays.elapsed = elapsed, arrays.episode = episode;
  }

  void step(const BatchKernels<T>& kernels, Stream& stream, Place<T>& on,
            const std::vector<double>& action, bool automatic_reset = true) {
    Array<std::int32_t> discrete =
        on.template of<std::int32_t>(std::vector<std::int32_t>(action.begin(), action.end()));
    Array<T> continuous = on.array(action);
    final_observation = std::make_unique<Array<T>>(on.poisoned(observation.size()));
    kernels.step(stream, arrays,
                 {.discrete = discrete,
                  .continuous = continuous,
                  .observation = observation,
                  .reward = reward,
                  .terminated = terminated,
                  .truncated = truncated,
                  .final_observation = *final_observation,
                  .automatic_reset = automatic_reset});
  }

  const EnvironmentDescription& environment;
  Index stride;
  Array<T> state, elapsed;
  Array<std::uint32_t> episode;
  Array<T> observation;
  std::unique_ptr<Array<T>> final_observation;  // made anew for each step
  Array<T> reward, terminated, truncated;
  InstanceArrays<T> arrays;
};

std::vector<double> random_actions(Random& random, const EnvironmentDescription& e, Index count) {
  std::vector<double> action(static_cast<std::size_t>(count * e.action_size));
  for (double& one : action)
    one = e.action_count > 0 ? double(random.integer(0, e.action_count - 1))
                             : double(float(random.uniform(e.action_low, e.action_high)));
  return action;
}

// A ray that grazes a tree is a matter of the last bit in f32: at most one number in a hundred, and
// one more, further apart than `tolerance`.
template <class T>
testing::AssertionResult few_apart(const std::vector<T>& a, const std::vector<double>& b,
                                   double tolerance) {
  std::size_t apart = 0;
  for (std::size_t i = 0; i < b.size(); ++i)
    apart += !(std::abs(double(a[i]) - b[i]) <= tolerance) &&
             !(std::isnan(double(a[i])) && std::isnan(b[i]));
  if (a.size() == b.size() && apart <= 1 + b.size() / 100) return testing::AssertionSuccess();
  return testing::AssertionFailure() << apart << " of " << b.size() << " are apart";
}

// Plain loops in double, on the host.
struct Expected {
  std::vector<double> state, elapsed, observation, final_observation, reward, terminated, truncated;
  std::vector<std::uint32_t> episode;
  InstanceArrays<double> arrays;

  template <class T>
  explicit Expected(const Instances<T>& of)
      : state(of.state.size()),
        elapsed(of.stride),
        observation(of.observation.size()),
        final_observation(of.observation.size()),
        reward(of.reward.size()),
        terminated(of.reward.size()),
        truncated(of.reward.size()),
        episode(of.stride) {
    arrays.num_envs = of.arrays.num_envs;
    arrays.stride = of.stride;
    arrays.seed = of.arrays.seed;
    arrays.first_env = of.arrays.first_env;
    arrays.horizon = double(of.arrays.horizon);
    arrays.state = state.data(), arrays.elapsed = elapsed.data(), arrays.episode = episode.data();
  }
  // Goes on from where the other is, so that differences do not grow from step to step.
  template <class T>
  void follow(const Instances<T>& other) {
    const auto copy = [](const std::vector<T>& from, std::vector<double>& to) {
      to.assign(from.begin(), from.end());
    };
    copy(other.state.host(), state);
    copy(other.elapsed.host(), elapsed);
    episode = other.episode.host();
    arrays.state = state.data(), arrays.elapsed = elapsed.data(), arrays.episode = episode.data();
  }
  void step(const BatchKernels<double>& kernels, Stream& stream,
            const std::vector<double>& action) {
    const std::vector<std::int32_t> discrete(action.begin(), action.end());
    final_observation.assign(final_observation.size(), std::nan(""));
    kernels.step(stream, arrays,
                 {.discrete = discrete.data(),
                  .continuous = action.data(),
                  .observation = observation.data(),
                  .reward = reward.data(),
                  .terminated = terminated.data(),
                  .truncated = truncated.data(),
                  .final_observation = final_observation.data()});
  }
};

KERNEL_TEST(BatchTable, steps_and_resets_as_the_plain_loops_do) {
  Random random(1);
  for (int e = 0; e < environment_count(); ++e) {
    const EnvironmentDescription& environment = understudy::environment(e);
    const BatchKernels<T>& kernel = kernels.dynamics[environment.dynamics];
    const BatchKernels<double>& plain = reference.dynamics[environment.dynamics];
    for (Index count : {1, 2, 7, 8, 9, 15, 16, 17, 33, 131}) {
      on.misalignment = int(random.integer(0, 3));
      Instances<T> found(on, environment, count, T(5));
      Expected expected(found);
      // Numbers of at most about 30 and a few roundings; Acrobot's accelerations magnify them. A
      // ray that grazes a tree magnifies rounding without bound: of the forest's ranges a few may
      // be elsewhere.
      const double tolerance = sizeof(T) == 8 ? 1e-12 : 2e-4;
      const bool rays = std::strcmp(environment.name, "forest") == 0;
      const auto near = [&](const Array<T>& a, const std::vector<double>& b) {
        if (!rays) return close(a, b, 0, tolerance);
        if (sizeof(T) == 8) return close(a, b, 0, 1e-10);
        return few_apart(a.host(), b, 1e-3);
      };
      kernel.reset(on.stream(), found.arrays, found.observation);
      plain.reset(on.host_stream(), expected.arrays, expected.observation.data());
      EXPECT_TRUE(near(found.observation, expected.observation)) << environment.name;
      for (int t = 0; t < 12; ++t) {
        const auto action = random_actions(random, environment, count);
        expected.follow(found);
        expected.step(plain, on.host_stream(), action);
        found.step(kernel, on.stream(), on, action, true);
        EXPECT_TRUE(near(found.observation, expected.observation)) << environment.name;
        EXPECT_TRUE(near(*found.final_observation, expected.final_observation));
        EXPECT_TRUE(close(found.reward, expected.reward, 0, tolerance)) << environment.name;
        EXPECT_TRUE(close(found.terminated, expected.terminated, 0)) << environment.name;
        EXPECT_TRUE(close(found.truncated, expected.truncated, 0)) << environment.name;
        EXPECT_TRUE(same_bits(found.episode.host(), expected.episode)) << environment.name;
        kernel.observe(on.stream(), found.arrays, found.observation);
        EXPECT_TRUE(near(found.observation, expected.observation)) << environment.name;
      }
    }
  }
}

// Instances 10 to 49 of one batch are another batch's own, from its environment 0 on.
KERNEL_TEST(BatchTable, an_instance_depends_on_its_number_alone) {
  const EnvironmentDescription& environment = environment_named("cartpole");
  const BatchKernels<T>& kernel = kernels.dynamics[environment.dynamics];
  Instances<T> whole(on, environment, 60, T(20)), part(on, environment, 40, T(20), 10);
  kernel.reset(on.stream(), whole.arrays, whole.observation);
  kernel.reset(on.stream(), part.arrays, part.observation);
  Random random(2);
  for (int t = 0; t < 30; ++t) {
    const auto action = random_actions(random, environment, 60);
    whole.step(kernel, on.stream(), on, action);
    part.step(kernel, on.stream(), on, {action.begin() + 10, action.begin() + 50});
    const std::vector<T> all = whole.observation.host();
    EXPECT_TRUE(same_bits(part.observation.host(), {all.begin() + 40, all.begin() + 200}));
  }
}

KERNEL_TEST(BatchTable, without_automatic_reset_an_episode_stays_where_it_ended) {
  const EnvironmentDescription& environment = environment_named("mountain_car");
  const BatchKernels<T>& kernel = kernels.dynamics[environment.dynamics];
  Instances<T> batch(on, environment, 20, T(1));
  kernel.reset(on.stream(), batch.arrays, batch.observation);
  batch.step(kernel, on.stream(), on, std::vector<double>(20, 2.0), false);
  for (T one : batch.truncated.host()) EXPECT_EQ(one, 1);
  EXPECT_TRUE(same_bits(batch.final_observation->host(), batch.observation.host()));
  for (std::uint32_t one : batch.episode.host()) EXPECT_LE(one, 1u);
}

KERNEL_TEST(BatchTable, a_team_gives_the_same_bits) {
  if (on.is_cuda) return;
  for (const char* name : {"cartpole", "acrobot"}) {
    const EnvironmentDescription& environment = environment_named(name);
    const BatchKernels<T>& kernel = kernels.dynamics[environment.dynamics];
    const Index count = 20001;  // enough to be split
    Instances<T> alone(on, environment, count, T(7)), team(on, environment, count, T(7));
    kernel.reset(on.stream(), alone.arrays, alone.observation);
    kernel.reset(on.team_stream(), team.arrays, team.observation);
    Random random(3);
    for (int t = 0; t < 10; ++t) {
      const auto action = random_actions(random, environment, count);
      alone.step(kernel, on.stream(), on, action);
      team.step(kernel, on.team_stream(), on, action);
      EXPECT_TRUE(same_bits(team.observation.host(), alone.observation.host()));
      EXPECT_TRUE(same_bits(team.final_observation->host(), alone.final_observation->host()));
    }
  }
}

// Mean returns of uniform actions, as the descriptions state them: an end-to-end check of resets,
// time limits and rewards. 400 first episodes of each; the allowance is four standard errors.
TEST(BatchReference, random_actions_earn_what_the_descriptions_say) {
  const BatchTable<double> table = reference_kernels<BatchTable>();
  Stream stream;
  Random random(4);
  for (int e = 0; e < environment_count(); ++e) {
    const EnvironmentDescription& environment = understudy::environment(e);
    const bool dear = std::strcmp(environment.name, "forest") == 0 ||
                      (environment.state_size == 4 && environment.action_count == 3);
    const Index count = dear ? 100 : 400;
    kernel_test::Place<double> on(kernel_test::implementations()[0]);
    Instances<double> batch(on, environment, count, environment.horizon);
    Expected run(batch);
    const BatchKernels<double>& kernel = table.dynamics[environment.dynamics];
    kernel.reset(stream, run.arrays, run.observation.data());
    std::vector<double> total(count, 0.0);
    std::vector<bool> over(count, false);
    Index left = count;
    for (int t = 0; t < environment.horizon && left > 0; ++t) {
      run.step(kernel, stream, random_actions(random, environment, count));
      for (Index i = 0; i < count; ++i) {
        if (over[i]) continue;
        total[i] += run.reward[i];
        over[i] = run.terminated[i] == 1 || run.truncated[i] == 1;
        left -= over[i];
      }
    }
    EXPECT_EQ(left, 0);
    double mean = 0, squares = 0;
    for (double one : total) mean += one / double(count);
    for (double one : total) squares += (one - mean) * (one - mean) / double(count);
    // cartpole-v0's figure is the paper's, 3.5 below what Gymnasium's rules give.
    const double slack = std::abs(environment.random_return) < 5 ? 0.005 : 1.5;
    EXPECT_NEAR(mean, environment.random_return, 4 * std::sqrt(squares / double(count)) + slack)
        << environment.name;
  }
}

}  // namespace
}  // namespace understudy
