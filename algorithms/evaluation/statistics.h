// What figures of several runs say together.
//
//   mean, deviation          sum x / n,  sqrt(sum (x - mean)^2 / (n - 1))
//   interquartile mean       the mean of what is left of n sorted values without the floor(n / 4)
//                            least and the floor(n / 4) greatest (IQM; SciPy's trim_mean(x, 0.25))
//   Student's interval       mean +- t(0.975, n - 1) deviation / sqrt(n)
//   bootstrap interval       2.5 and 97.5 % points of a statistic over resamples with repetition
//                            (percentile method; Efron & Tibshirani 1993, chapter 13)
//   stratified bootstrap     the same, each stratum (a task, a side) resampled by itself (Agarwal
//                            et al. 2021, "Deep reinforcement learning at the edge of the
//                            statistical precipice", section 4.1, and its library rliable)
//   performance profile      the share of values above tau, for each tau (section 4.2 there)
//   U test                   whether values of one side are greater than those of the other more
//                            often than by chance (Mann & Whitney 1947)
//
// Every resampling is drawn from one fixed seed: the same values give the same interval, to the
// last bit.

#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace understudy {

// 0 of no values.
double mean_of(const std::vector<double>& values);
// The middle value, or the mean of the two in the middle. NaN of no values.
double median_of(std::vector<double> values);
// NaN of no values.
double interquartile_mean(std::vector<double> values);

// Mean of a measure over runs, its deviation, and the mean's 95 % interval by Student's t. Of one
// value the interval is that value; of none all are 0.
struct Spread {
  double mean = 0, deviation = 0, low = 0, high = 0;
  std::int64_t count = 0;
};
Spread spread_of(const std::vector<double>& values);

// The mean's 95 % interval, where values lie far from a Gaussian; of 10,000 resamples.
// REQUIRES: a value.
std::pair<double, double> bootstrap_interval(const std::vector<double>& values);
// The same of any statistic of values 0 .. count - 1, given by their numbers.
std::pair<double, double> bootstrap_interval(
    std::int64_t count,
    const std::function<double(const std::vector<std::size_t>& chosen)>& statistic);

// Of any statistic of several strata. Where a resample has no such statistic (NaN), it is left out.
// NaN where none has. REQUIRES: a value in each stratum.
using Strata = std::vector<std::vector<double>>;
std::pair<double, double> stratified_bootstrap_interval(
    const Strata& strata, const std::function<double(const Strata& resampled)>& statistic,
    int resamples = 10000);
// Of the interquartile mean of all values of all strata: Agarwal et al.'s aggregate.
std::pair<double, double> interquartile_mean_interval(const Strata& strata);

// One share a threshold. REQUIRES: a value.
std::vector<double> performance_profile(const std::vector<double>& values,
                                        const std::vector<double>& thresholds);

// U of `a`: pairs in which a's value is the greater, ties counted half. p: two-sided, exact where
// there is no tie and one side has at most 8 values, else by the normal approximation with
// corrections for ties and for continuity (SciPy's mannwhitneyu). NaN where a side is empty; 1
// where all values are equal.
struct UTest {
  double u = 0, p = 1;
};
UTest mann_whitney_u(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace understudy
