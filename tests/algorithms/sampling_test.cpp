#include "algorithms/data/sampling.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "algorithms/data/draws.h"
#include "tests/files/files_test.h"

namespace understudy {
namespace {

using namespace files;

// Observation and action say which episode and step they are of: 1000 e + t.
Demonstrations marked(const std::vector<std::int64_t>& lengths) {
  Demonstrations made;
  made.observations.shape = {1};
  made.actions.discrete = true;
  for (std::size_t e = 0; e < lengths.size(); ++e) {
    for (std::int64_t t = 0; t <= lengths[e]; ++t) {
      const std::int64_t mark = 1000 * static_cast<std::int64_t>(e) + t;
      made.observations.numbers.push_back(static_cast<float>(mark));
      if (t < lengths[e]) made.actions.indices.push_back(mark);
      if (t < lengths[e]) made.rewards.push_back(static_cast<float>(-mark));
    }
    made.terminal.push_back(e % 2);
    made.starts.push_back(made.starts.back() + lengths[e]);
  }
  return made;
}

TEST(DrawsTest, WordsAreThePublishedOnesAndDrawsAreUniform) {
  // Random123's known answer for philox4x32-10 with counter and key of zeros begins 6627e8d5
  // e169c58d: as a fraction of 2^64, times 2^32, its upper word
  EXPECT_EQ(Draws(0, 0).below(std::int64_t{1} << 32), 0xe169c58d);
  Draws draws(3, 4);
  int count[7] = {};
  for (int i = 0; i < 70000; ++i) ++count[draws.below(7)];
  // a count has deviation sqrt(70000 * 6) / 7 = 93: five of them, and the seed is fixed
  for (const int each : count) EXPECT_NEAR(each, 10000, 465);
  std::vector<std::int64_t> order = draws.permutation(100);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(SamplingTest, SubsamplingKeepsEveryKthFromARandomStart) {
  const Demonstrations all = marked({200, 3, 1, 57});
  std::set<std::int64_t> starts;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Demonstrations thin = subsample(all, 10, seed, "d");
    EXPECT_EQ(thin.episodes(), 4);
    EXPECT_FALSE(thin.last_observation);
    EXPECT_EQ(thin.terminal, all.terminal);
    EXPECT_EQ(thin.length(0), 20);
    EXPECT_EQ(thin.length(1), 1) << "of a short episode one step stays";
    EXPECT_EQ(thin.length(2), 1);
    for (std::int64_t e = 0; e < 4; ++e) {
      const std::int64_t first = thin.actions.indices[static_cast<std::size_t>(thin.starts[e])];
      if (e == 0) starts.insert(first);
      for (std::int64_t i = thin.first_action(e); i < thin.first_action(e + 1); ++i) {
        const auto at = static_cast<std::size_t>(i);
        EXPECT_EQ(thin.actions.indices[at], first + 10 * (i - thin.first_action(e)));
        EXPECT_EQ(thin.observations.numbers[at], static_cast<float>(thin.actions.indices[at]));
        EXPECT_EQ(thin.rewards[at], -static_cast<float>(thin.actions.indices[at]));
      }
    }
  }
  EXPECT_EQ(starts.size(), 10u) << "every start is drawn, none past the tenth";
  EXPECT_TRUE(same_data(subsample(all, 10, 5, "d"), subsample(all, 10, 5, "d")));
  EXPECT_TRUE(same_data(subsample(all, 1, 5, "d"), all));
  EXPECT_ERROR(subsample(all, 0, 5, "--subsample"),
               "--subsample: expected to keep every k-th step");
}

TEST(SamplingTest, ASplitKeepsEpisodesWholeAndEachOnce) {
  const Demonstrations all = marked({3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const DemonstrationSplit split = split_episodes(all, 0.3, 1, "d");
  EXPECT_EQ(split.training.episodes(), 7);
  EXPECT_EQ(split.validation.episodes(), 3);
  std::multiset<std::int64_t> seen;
  for (const Demonstrations* part : {&split.training, &split.validation}) {
    for (std::int64_t e = 0; e < part->episodes(); ++e) {
      const std::int64_t mark = part->actions.indices[static_cast<std::size_t>(part->starts[e])];
      seen.insert(mark / 1000);
      EXPECT_EQ(part->length(e), mark / 1000 + 3);
      EXPECT_EQ(part->observations.numbers[static_cast<std::size_t>(part->first_observation(e))],
                static_cast<float>(mark));
    }
  }
  EXPECT_EQ(seen, (std::multiset<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_FALSE(same_data(split.validation, split_episodes(all, 0.3, 2, "d").validation));
  EXPECT_EQ(split_episodes(all, 0.001, 1, "d").validation.episodes(), 1);
  EXPECT_EQ(split_episodes(all, 0.999, 1, "d").training.episodes(), 1);
  EXPECT_ERROR(split_episodes(marked({3}), 0.3, 1, "d"), "d: expected at least two to split");
  EXPECT_ERROR(split_episodes(all, 1.0, 1, "d"), "expected a validation share between 0 and 1");
  EXPECT_ERROR(split_episodes(all, std::nan(""), 1, "d"), "found nan");
}

TEST(SamplingTest, TheFirstEpisodesAreTheFirst) {
  const Demonstrations all = marked({3, 4, 5});
  EXPECT_TRUE(same_data(first_episodes(all, 3, "d"), all));
  EXPECT_TRUE(same_data(first_episodes(all, 1, "d"), marked({3})));
  EXPECT_ERROR(first_episodes(all, 4, "d"), "d: expected 1 to 3 episodes, which is what there are");
  EXPECT_ERROR(first_episodes(all, 0, "d"), "found 0");
}

}  // namespace
}  // namespace understudy
