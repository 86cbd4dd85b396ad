// How an expert's episodes ended, from flags that are right, missing, all set or all unset.

#include "algorithms/adversarial/episode_ends.h"

#include <gtest/gtest.h>

#include "algorithms/adversarial/reward.h"
#include "algorithms/data/sampling.h"

namespace understudy {
namespace {

enum class Flags { right, missing, all_set, all_unset };

// Episodes of these lengths under a horizon, from different starts unless `one_start`.
Demonstrations lasting(const std::vector<std::int64_t>& lengths, std::int64_t horizon, Flags flags,
                       bool one_start = false) {
  Demonstrations result;
  result.observations.shape = {1};
  result.actions.discrete = true;
  float number = 0;
  for (const std::int64_t length : lengths) {
    for (std::int64_t t = 0; t <= length; ++t)
      result.observations.numbers.push_back(one_start && t == 0 ? -1 : number++);
    result.actions.indices.insert(result.actions.indices.end(), static_cast<std::size_t>(length),
                                  0);
    result.starts.push_back(result.starts.back() + length);
    result.terminal.push_back(flags == Flags::all_set ||
                              (flags == Flags::right && length < horizon));
    if (flags == Flags::missing) result.end_unknown.push_back(1);
  }
  return result;
}

// CartPole's way of ending: 500 steps, or a fall before.
TEST(EpisodeEnds, an_expert_that_mostly_lasts) {
  const std::vector<std::int64_t> lengths = {500, 420, 500, 463, 500};
  for (const Flags flags : {Flags::right, Flags::missing, Flags::all_set, Flags::all_unset}) {
    const EpisodeEnds ends = episode_ends(lasting(lengths, 500, flags), 500);
    EXPECT_EQ(ends.episodes, 5);
    EXPECT_EQ(ends.terminated, 2);
    EXPECT_EQ(ends.steps, 2383);
    EXPECT_EQ(ends.beyond, 80 + 37);
    EXPECT_EQ(sign_for(ends), RewardSign::never_negative);
  }
}

// MountainCar's: at the top.
TEST(EpisodeEnds, an_expert_that_ends) {
  const std::vector<std::int64_t> lengths = {100, 110, 96};
  for (const Flags flags : {Flags::right, Flags::missing, Flags::all_set, Flags::all_unset}) {
    const EpisodeEnds ends = episode_ends(lasting(lengths, 200, flags), 200);
    EXPECT_EQ(ends.terminated, 3);
    EXPECT_EQ(ends.beyond, 100 + 90 + 104);
    EXPECT_EQ(sign_for(ends), RewardSign::never_positive);
  }
}

// Files of a version with a shorter time limit: nobody fell.
TEST(EpisodeEnds, one_length_throughout_is_a_time_limit) {
  const std::vector<std::int64_t> lengths = {200, 200, 200};
  for (const Flags flags : {Flags::missing, Flags::all_set, Flags::all_unset}) {
    const EpisodeEnds ends = episode_ends(lasting(lengths, 500, flags), 500);
    EXPECT_EQ(ends.terminated, 0);
    EXPECT_EQ(ends.beyond, 0);
    EXPECT_NE(ends.evidence.find("200 steps"), std::string::npos) << ends.evidence;
  }
  // From one start by one way, as on a grid, it is none.
  const EpisodeEnds grid = episode_ends(lasting(lengths, 500, Flags::all_set, true), 500);
  EXPECT_EQ(grid.terminated, 3);
}

TEST(EpisodeEnds, flags_that_tell_episodes_apart_are_believed) {
  Demonstrations some = lasting({50, 60, 70}, 200, Flags::all_unset);
  some.terminal = {1, 0, 1};
  const EpisodeEnds ends = episode_ends(some, 200);
  EXPECT_EQ(ends.terminated, 2);
  EXPECT_EQ(ends.beyond, 150 + 130);
  // Where an end is not known its length tells.
  some.end_unknown = {0, 1, 0};
  EXPECT_EQ(episode_ends(some, 200).terminated, 3);
}

TEST(EpisodeEnds, evidence_can_be_chosen) {
  const Demonstrations unset = lasting({100, 110, 96}, 200, Flags::all_unset);
  EXPECT_EQ(episode_ends(unset, 200, EndsEvidence::flags).terminated, 0);
  EXPECT_EQ(episode_ends(unset, 200, EndsEvidence::lengths).terminated, 3);
  EXPECT_EQ(
      episode_ends(lasting({100, 110}, 200, Flags::right), 200, EndsEvidence::truncated).terminated,
      0);
  // Without a horizon lengths tell nothing.
  EXPECT_EQ(episode_ends(unset, 0).terminated, 0);
}

// Every tenth step of an episode of 500 is not an episode of 50.
TEST(EpisodeEnds, steps_left_out_count) {
  const Demonstrations whole = lasting({500, 420, 463}, 500, Flags::missing);
  const Demonstrations thin = subsample(whole, 10, 1, "demonstrations");
  EXPECT_EQ(thin.length(0), 50);
  const EpisodeEnds ends = episode_ends(thin, 500), expected = episode_ends(whole, 500);
  EXPECT_EQ(ends.steps, expected.steps);
  EXPECT_EQ(ends.beyond, expected.beyond);
  EXPECT_EQ(ends.terminated, 2);
}

}  // namespace
}  // namespace understudy
