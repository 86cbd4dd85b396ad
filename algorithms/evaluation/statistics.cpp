#include "algorithms/evaluation/statistics.h"

#include <algorithm>
#include <cmath>

#include "algorithms/data/draws.h"

namespace understudy {

namespace {

// The 2.5 and 97.5 % points of what resamples gave.
std::pair<double, double> middle_of(std::vector<double>& found) {
  found.erase(std::remove_if(found.begin(), found.end(), [](double x) { return std::isnan(x); }),
              found.end());
  if (found.empty()) return {std::nan(""), std::nan("")};
  std::sort(found.begin(), found.end());
  return {found[found.size() / 40], found[found.size() - 1 - found.size() / 40]};
}

// How many of the C(n + m, n) orders of two sides have each value of U: the coefficients of
// prod_{i = 1..n} (1 - q^(m + i)) / (1 - q^i).
std::vector<double> orders_by_u(std::size_t n, std::size_t m) {
  std::vector<double> count(n * m + 1, 0.0);
  count[0] = 1;
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t u = n * m; u >= m + i; --u) count[u] -= count[u - m - i];
    for (std::size_t u = i; u < count.size(); ++u) count[u] += count[u - i];
  }
  return count;
}

// P(U >= u) where every order is as likely; u is whole.
double exact_tail(std::size_t n, std::size_t m, double u) {
  const std::vector<double> count = orders_by_u(std::min(n, m), std::max(n, m));
  double above = 0, all = 0;
  for (std::size_t i = 0; i < count.size(); ++i) {
    all += count[i];
    if (static_cast<double>(i) >= u) above += count[i];
  }
  return above / all;
}

}  // namespace

double mean_of(const std::vector<double>& values) {
  double mean = 0;
  for (double value : values) mean += value / static_cast<double>(values.size());
  return mean;
}

double median_of(std::vector<double> values) {
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

double interquartile_mean(std::vector<double> values) {
  if (values.empty()) return std::nan("");
  std::sort(values.begin(), values.end());
  const auto cut = static_cast<std::ptrdiff_t>(values.size() / 4);
  return mean_of({values.begin() + cut, values.end() - cut});
}

Spread spread_of(const std::vector<double>& values) {
  // Two-sided 95 % quantiles of Student's t with 1, 2, ... degrees of freedom; beyond, Cornish and
  // Fisher's expansion about the normal quantile, to 1e-3.
  static constexpr double quantiles[] = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                         2.4469,  2.3646, 2.3060, 2.2622, 2.2281};
  Spread spread;
  spread.count = static_cast<std::int64_t>(values.size());
  if (values.empty()) return spread;
  const double n = static_cast<double>(values.size());
  spread.mean = spread.low = spread.high = mean_of(values);
  if (values.size() == 1) return spread;
  for (double value : values)
    spread.deviation += (value - spread.mean) * (value - spread.mean) / (n - 1);
  spread.deviation = std::sqrt(spread.deviation);
  constexpr double z = 1.959964;
  const double freedom = n - 1;
  const double quantile = values.size() <= 11 ? quantiles[values.size() - 2]
                                              : z + (z * z * z + z) / (4 * freedom) +
                                                    (5 * std::pow(z, 5) + 16 * z * z * z + 3 * z) /
                                                        (96 * freedom * freedom);
  const double half = quantile * spread.deviation / std::sqrt(n);
  spread.low -= half;
  spread.high += half;
  return spread;
}

std::pair<double, double> bootstrap_interval(
    std::int64_t count,
    const std::function<double(const std::vector<std::size_t>& chosen)>& statistic) {
  constexpr std::size_t resamples = 10000;
  Draws draws(0, 0);
  std::vector<double> found(resamples);
  std::vector<std::size_t> chosen(static_cast<std::size_t>(count));
  for (double& one : found) {
    for (std::size_t& i : chosen) i = static_cast<std::size_t>(draws.below(count));
    one = statistic(chosen);
  }
  return middle_of(found);
}

std::pair<double, double> bootstrap_interval(const std::vector<double>& values) {
  return bootstrap_interval(static_cast<std::int64_t>(values.size()),
                            [&values](const std::vector<std::size_t>& chosen) {
                              double mean = 0;
                              for (std::size_t i : chosen)
                                mean += values[i] / static_cast<double>(chosen.size());
                              return mean;
                            });
}

std::pair<double, double> stratified_bootstrap_interval(
    const Strata& strata, const std::function<double(const Strata& resampled)>& statistic,
    int resamples) {
  Draws draws(0, 0);
  std::vector<double> found(static_cast<std::size_t>(resamples));
  Strata resampled = strata;
  for (double& one : found) {
    for (std::size_t s = 0; s < strata.size(); ++s)
      for (double& value : resampled[s])
        value = strata[s][static_cast<std::size_t>(
            draws.below(static_cast<std::int64_t>(strata[s].size())))];
    one = statistic(resampled);
  }
  return middle_of(found);
}

std::pair<double, double> interquartile_mean_interval(const Strata& strata) {
  return stratified_bootstrap_interval(strata, [](const Strata& resampled) {
    std::vector<double> all;
    for (const std::vector<double>& one : resampled) all.insert(all.end(), one.begin(), one.end());
    return interquartile_mean(std::move(all));
  });
}

std::vector<double> performance_profile(const std::vector<double>& values,
                                        const std::vector<double>& thresholds) {
  std::vector<double> shares;
  for (double threshold : thresholds)
    shares.push_back(static_cast<double>(std::count_if(values.begin(), values.end(),
                                                       [&](double x) { return x > threshold; })) /
                     static_cast<double>(values.size()));
  return shares;
}

UTest mann_whitney_u(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.empty() || b.empty()) return {std::nan(""), std::nan("")};
  const double n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  UTest test;
  for (double x : a)
    for (double y : b) test.u += x > y ? 1 : x == y ? 0.5 : 0;
  const double greater = std::max(test.u, n * m - test.u);

  // Of t equal values the ranks vary less, by t^3 - t.
  std::vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  std::sort(all.begin(), all.end());
  double ties = 0;
  for (std::size_t i = 0, j = 0; i < all.size(); i = j) {
    while (j < all.size() && all[j] == all[i]) ++j;
    const double t = static_cast<double>(j - i);
    ties += t * t * t - t;
  }
  if (ties == 0 && std::min(a.size(), b.size()) <= 8) {
    test.p = std::min(1.0, 2 * exact_tail(a.size(), b.size(), greater));
    return test;
  }
  const double all_n = n + m;
  const double variance = n * m / 12 * (all_n + 1 - ties / (all_n * (all_n - 1)));
  if (variance <= 0) return test;  // all are equal
  const double z = (greater - n * m / 2 - 0.5) / std::sqrt(variance);
  test.p = std::min(1.0, std::erfc(z / std::sqrt(2.0)));
  return test;
}

}  // namespace understudy
