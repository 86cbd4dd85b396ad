// Transitions: from demonstrations, row by row, as numbers, and on a device.

#include "algorithms/data/transitions.h"

#include <gtest/gtest.h>

#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/cloning/sequence_cloning.h"
#include "tests/algorithms/example_episodes.h"

namespace understudy {
namespace {

TEST(Transitions, pair_each_observation_with_the_next) {
  const Transitions steps = transitions(three_episodes());
  EXPECT_EQ(steps.rows(), 8);
  EXPECT_EQ(steps.observations.rows(), 8);
  for (std::size_t i = 0; i < 16; ++i)
    EXPECT_EQ(steps.next_observations.numbers[i], steps.observations.numbers[i] + 2);
  EXPECT_EQ(steps.terminated, (std::vector<std::uint8_t>{0, 0, 0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(steps.starts, (std::vector<std::int64_t>{0, 3, 4, 8})) << "episodes are sequences";
  EXPECT_EQ(steps.rewards, three_episodes().rewards);
  EXPECT_EQ(transitions(without_last(three_episodes())).next_observations.rows(), 0);
}

TEST(Transitions, rows_count_unless_one_is_said_not_to) {
  Transitions made = Transitions::of_numbers(2, 1);
  EXPECT_EQ(made.rows(), 0);
  made.end_sequence();
  EXPECT_EQ(made.sequences(), 0) << "a sequence without rows is none";
  made.append({1, 2}, {3});
  made.append({4, 5}, {6});
  made.end_sequence();
  EXPECT_TRUE(made.counted.empty());
  EXPECT_TRUE(made.counts(1));
  made.append({7, 8}, {9}, false);
  made.append({10, 11}, {12});
  made.end_sequence();
  EXPECT_EQ(made.counted, (std::vector<std::uint8_t>{1, 1, 0, 1}));
  EXPECT_EQ(made.starts, (std::vector<std::int64_t>{0, 2, 4}));
  EXPECT_EQ(made.length(1), 2);
  EXPECT_EQ(made.observation(2)[1], 8);
  EXPECT_EQ(made.action(3)[0], 12);
}

// Indices and their numbers are the same data to cloning.
TEST(Transitions, indices_are_cloned_like_their_numbers) {
  const auto device = cpu_device();
  const Transitions indices = transitions(three_episodes());
  const Transitions numbers = in_numbers(indices);
  ASSERT_TRUE(indices.actions.discrete);
  ASSERT_FALSE(numbers.actions.discrete);
  EXPECT_EQ(numbers.actions.numbers, (std::vector<float>{0, 1, 0, 0, 0, 1, 0, 1}));
  EXPECT_EQ(numbers.rows(), indices.rows());
  PolicyDescription description;
  description.observation.shape = {2};
  description.action = {ActionKind::discrete, 2};
  std::vector<double> learned[2];
  for (int i = 0; i < 2; ++i) {
    const Transitions& given = i == 0 ? indices : numbers;
    Policy policy(*device, description, 3);
    BehaviorCloning cloning(policy, given, {.batch_size = 4});
    for (int step = 0; step < 5; ++step) cloning.step();
    learned[i] = policy.parameters().flat().read();
    for (double score : cloning.log_probabilities(given)) learned[i].push_back(score);
  }
  EXPECT_EQ(learned[0], learned[1]);
  for (int i = 0; i < 2; ++i) {
    const Transitions& given = i == 0 ? indices : numbers;
    SequenceCloning::Options options;
    options.policy.action = {ActionKind::discrete, 2};
    options.policy.head = "categorical";
    options.batch_size = 2;
    options.steps = 4;
    SequenceCloning cloning(*device, given, options);
    cloning.step();
    learned[i] = cloning.log_probabilities(given);
  }
  EXPECT_EQ(learned[0].size(), 8u);
  EXPECT_EQ(learned[0], learned[1]);
}

TEST(Transitions, that_do_not_fit_the_policy_are_refused) {
  const auto device = cpu_device();
  PolicyDescription description;
  description.observation.shape = {2};
  description.action = {ActionKind::discrete, 2};
  Policy policy(*device, description);
  Transitions steps = transitions(three_episodes());
  steps.actions.indices[5] = 2;
  EXPECT_THROW(BehaviorCloning(policy, steps, {.batch_size = 4}), Error);
  steps = transitions(three_episodes());
  steps.actions.indices.pop_back();
  EXPECT_THROW(BehaviorCloning(policy, steps, {.batch_size = 4}), Error);
}

}  // namespace
}  // namespace understudy
