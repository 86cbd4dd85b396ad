#include "algorithms/evaluation/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace understudy {
namespace {

using Values = std::vector<double>;

TEST(StatisticsTest, InterquartileMeanIsSciPysTrimmedMean) {
  // scipy.stats.trim_mean(x, 0.25), which rliable takes: whole numbers of values are cut
  EXPECT_NEAR(interquartile_mean({3, 1, 4, 1, 5, 9, 2, 6, 5, 3}), 22.0 / 6, 1e-15);
  EXPECT_NEAR(interquartile_mean({3, 1, 4}), 8.0 / 3, 1e-15);
  EXPECT_EQ(interquartile_mean({3, 1, 4, 1}), 2);
  EXPECT_EQ(interquartile_mean({7}), 7);
  EXPECT_TRUE(std::isnan(interquartile_mean({})));
  // one failure in eight moves the mean and not this
  EXPECT_EQ(interquartile_mean({500, 500, 500, 500, 500, 500, 500, 9}), 500);
}

TEST(StatisticsTest, MedianIsTheMiddle) {
  EXPECT_EQ(median_of({3, 1, 2}), 2);
  EXPECT_EQ(median_of({4, 1, 2, 3}), 2.5);
}

TEST(StatisticsTest, StudentsIntervalIsTheTextbooks) {
  // mean 3, deviation sqrt(2.5), t(0.975, 4) = 2.776445
  const Spread spread = spread_of({1, 2, 3, 4, 5});
  EXPECT_EQ(spread.mean, 3);
  EXPECT_NEAR(spread.deviation, std::sqrt(2.5), 1e-15);
  EXPECT_NEAR(spread.high - spread.mean, 2.776445 * std::sqrt(2.5 / 5), 1e-4);
  // beyond the table, scipy.stats.t.ppf(0.975, 29) = 2.045230; the expansion has 1e-3
  Values many(30);
  std::iota(many.begin(), many.end(), 0.0);
  const Spread wide = spread_of(many);
  EXPECT_NEAR((wide.high - wide.mean) / (wide.deviation / std::sqrt(30.0)), 2.045230, 1e-3);
}

TEST(StatisticsTest, BootstrapOfTwoValuesIsTheBinomials) {
  // Means of two draws of {0, 1} are 0, 1/2, 1 with 1/4, 1/2, 1/4: 95 % reach both ends.
  EXPECT_EQ(bootstrap_interval({0, 1}), std::make_pair(0.0, 1.0));
  // Of twenty zeros and ones the number of ones is binomial(20, 1/2): its 2.5 and 97.5 % points
  // are 6 and 14.
  Values coins(20, 0.0);
  std::fill_n(coins.begin(), 10, 1.0);
  const auto [low, high] = bootstrap_interval(coins);
  EXPECT_NEAR(low, 6.0 / 20, 1e-12);
  EXPECT_NEAR(high, 14.0 / 20, 1e-12);
}

TEST(StatisticsTest, StrataAreResampledEachByItself) {
  // One value a stratum: nothing varies, however far apart strata lie. Resampled together, the mean
  // of {0, 100} would reach from 0 to 100.
  EXPECT_EQ(interquartile_mean_interval({{0}, {100}}), std::make_pair(50.0, 50.0));
  // Two tasks of coins: the sum of ones is binomial(10 + 10, 1/2) when both are half ones, as
  // above; but two tasks of all zeros and all ones do not vary.
  const Values half = {0, 0, 0, 0, 0, 1, 1, 1, 1, 1}, none(10, 0.0), all(10, 1.0);
  const auto mean = [](const Strata& strata) {
    return 0.5 * (mean_of(strata[0]) + mean_of(strata[1]));
  };
  const auto [low, high] = stratified_bootstrap_interval({half, half}, mean);
  EXPECT_NEAR(low, 6.0 / 20, 1e-12);
  EXPECT_NEAR(high, 14.0 / 20, 1e-12);
  const auto [least, most] = stratified_bootstrap_interval({none, all}, mean);
  EXPECT_NEAR(least, 0.5, 1e-12);
  EXPECT_NEAR(most, 0.5, 1e-12);
}

TEST(StatisticsTest, AnIntervalOfOneSeedIsTheSameEachTime) {
  const Strata strata = {{1, 2, 3, 4, 5}, {2, 7, 1, 8}};
  EXPECT_EQ(interquartile_mean_interval(strata), interquartile_mean_interval(strata));
}

TEST(StatisticsTest, ProfileIsTheShareAbove) {
  EXPECT_EQ(performance_profile({0, 0.5, 1, 1}, {-1, 0, 0.5, 0.9, 1}),
            (Values{1, 0.75, 0.5, 0.5, 0}));
}

TEST(StatisticsTest, UTestIsSciPysWhereItIsExact) {
  // scipy.stats.mannwhitneyu, two-sided
  const UTest apart = mann_whitney_u({1, 2, 3, 4, 5}, {6, 7, 8, 9, 2.5});
  EXPECT_EQ(apart.u, 3);
  EXPECT_NEAR(apart.p, 0.05555555555555555, 1e-15);
  const UTest textbook = mann_whitney_u({19, 22, 16, 29, 24}, {20, 11, 17, 12});
  EXPECT_EQ(textbook.u, 17);
  EXPECT_NEAR(textbook.p, 0.1111111111111111, 1e-15);
  // wholly apart: two of the C(6, 3) = 20 orders
  EXPECT_NEAR(mann_whitney_u({1, 2, 3}, {4, 5, 6}).p, 0.1, 1e-15);
  const Values now = {10.1, 10.4, 9.9, 10.7, 10.2, 10.3, 10.8};
  const Values before = {9.0, 9.3, 9.8, 10.0, 9.5, 10.15, 9.7};
  EXPECT_EQ(mann_whitney_u(now, before).u, 46);
  EXPECT_NEAR(mann_whitney_u(now, before).p, 0.004079254079254079, 1e-15);
  EXPECT_NEAR(mann_whitney_u(before, now).p, 0.004079254079254079, 1e-15);
}

TEST(StatisticsTest, UTestIsSciPysWhereItIsAsymptotic) {
  // with ties
  const UTest tied = mann_whitney_u({1, 2, 2, 3, 5, 5}, {2, 4, 5, 6, 7, 7, 8});
  EXPECT_EQ(tied.u, 7);
  EXPECT_NEAR(tied.p, 0.050835582280956304, 1e-12);
  // without, of many
  const UTest many = mann_whitney_u({10.1, 10.4, 9.9, 10.7, 10.2, 10.3, 10.8, 11.0, 10.9},
                                    {9.0, 9.3, 9.8, 10.0, 9.5, 10.15, 9.7, 9.6, 9.4, 9.2});
  EXPECT_EQ(many.u, 87);
  EXPECT_NEAR(many.p, 0.0007028607191035216, 1e-12);
  EXPECT_EQ(mann_whitney_u({2, 2, 2}, {2, 2}).p, 1);
  EXPECT_TRUE(std::isnan(mann_whitney_u({}, {1}).p));
}

}  // namespace
}  // namespace understudy
