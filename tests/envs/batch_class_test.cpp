// A batch as a program uses it: on a device, saved and loaded, put into given states.

#include "envs/batch.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Random;
using kernel_test::same_bits;

struct Arrays {
  explicit Arrays(const Batch<float>& batch)
      : observation(batch.num_envs() * batch.environment().observation_size),
        reward(batch.num_envs()),
        terminated(batch.num_envs()),
        truncated(batch.num_envs()) {}
  StepArrays<float> with(const std::vector<std::int32_t>& action) {
    StepArrays<float> step;
    step.discrete = action.data();
    step.observation = observation.data();
    step.reward = reward.data();
    step.terminated = terminated.data();
    step.truncated = truncated.data();
    return step;
  }
  std::vector<float> observation, reward, terminated, truncated;
};

std::vector<std::int32_t> coins(Random& random, std::int64_t count) {
  std::vector<std::int32_t> action(static_cast<std::size_t>(count));
  for (std::int32_t& one : action) one = std::int32_t(random.integer(0, 1));
  return action;
}

TEST(Batch, goes_on_bit_for_bit_from_what_was_saved) {
  const auto device = cpu_device();
  const EnvironmentDescription& environment = environment_named("cartpole");
  Batch<float> first(*device, environment, 37, 5), second(*device, environment, 37, 5);
  Arrays a(first), b(second);
  first.reset(a.observation.data());
  Random random(6);
  for (int t = 0; t < 40; ++t) first.step(a.with(coins(random, 37)));
  std::vector<std::byte> saved(first.saved_bytes());
  first.save(saved.data());
  second.load(saved.data());
  for (int t = 0; t < 40; ++t) {
    const auto action = coins(random, 37);
    first.step(a.with(action));
    second.step(b.with(action));
    ASSERT_TRUE(same_bits(b.observation, a.observation));
    ASSERT_TRUE(same_bits(b.terminated, a.terminated));
  }
}

TEST(Batch, takes_the_states_that_it_is_given_and_gives_them_back) {
  const auto device = cpu_device();
  Batch<float> batch(*device, environment_named("mountain_car"), 19, 1);
  std::vector<float> state, found(38), observation(38);
  for (int i = 0; i < 38; ++i) state.push_back(i % 2 == 0 ? -0.5f + 0.01f * i : 0.001f * i);
  batch.set_state(state.data());
  batch.get_state(found.data());
  EXPECT_TRUE(same_bits(found, state));
  batch.observe(observation.data());
  EXPECT_TRUE(same_bits(observation, state));
}

TEST(Batch, refuses_a_number_of_instances_that_makes_no_sense) {
  const auto device = cpu_device();
  EXPECT_THROW(Batch<float>(*device, environment_named("pendulum"), 0, 1), Error);
}

}  // namespace
}  // namespace understudy
