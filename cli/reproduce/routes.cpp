#include "cli/reproduce/routes.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Counts = std::map<Route, std::int64_t>;

Counts n_grams(const Route& route, std::size_t n) {
  Counts counts;
  for (std::size_t i = 0; i + n <= route.size(); ++i)
    ++counts[Route(route.begin() + static_cast<std::ptrdiff_t>(i),
                   route.begin() + static_cast<std::ptrdiff_t>(i + n))];
  return counts;
}

}  // namespace

std::int64_t edit_distance(const Route& a, const Route& b) {
  std::vector<std::int64_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<std::int64_t>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::int64_t diagonal = row[0];
    row[0] = static_cast<std::int64_t>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::int64_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

double bleu4(const Route& candidate, const std::vector<const Route*>& references) {
  constexpr double smoothing = 0.1;
  double log_precision = 0;
  for (std::size_t n = 1; n <= 4; ++n) {
    Counts most;  // in any one reference
    for (const Route* reference : references)
      for (const auto& [gram, count] : n_grams(*reference, n))
        most[gram] = std::max(most[gram], count);
    std::int64_t matched = 0, all = 0;
    for (const auto& [gram, count] : n_grams(candidate, n)) {
      all += count;
      const auto found = most.find(gram);
      if (found != most.end()) matched += std::min(count, found->second);
    }
    if (n == 1 && matched == 0) return 0;
    const double of = static_cast<double>(std::max<std::int64_t>(all, 1));
    log_precision += 0.25 * std::log((matched > 0 ? static_cast<double>(matched) : smoothing) / of);
  }
  // The reference nearest in length, the shorter one of two.
  const auto length = static_cast<std::int64_t>(candidate.size());
  std::pair<std::int64_t, std::int64_t> nearest{INT64_MAX, 0};
  for (const Route* reference : references) {
    const auto its = static_cast<std::int64_t>(reference->size());
    nearest = std::min(nearest, {std::abs(its - length), its});
  }
  const double brevity =
      length > nearest.second
          ? 1.0
          : std::exp(1 - static_cast<double>(nearest.second) / static_cast<double>(length));
  return brevity * std::exp(log_precision);
}

RouteMeasures measure_routes(const std::vector<Route>& driven,
                             const std::vector<Route>& generated) {
  UNDERSTUDY_CHECK(driven.size() == generated.size() && !driven.empty(), "a route each");
  std::map<std::pair<std::int32_t, std::int32_t>, std::vector<const Route*>> same_ends;
  std::map<Route, std::pair<double, double>> histogram;  // driven, generated
  const double share = 1.0 / static_cast<double>(driven.size());
  for (std::size_t i = 0; i < driven.size(); ++i) {
    same_ends[{driven[i].front(), driven[i].back()}].push_back(&driven[i]);
    histogram[driven[i]].first += share;
    histogram[generated[i]].second += share;
  }
  RouteMeasures measures;
  for (std::size_t i = 0; i < driven.size(); ++i) {
    const auto& references = same_ends[{driven[i].front(), driven[i].back()}];
    double nearest = 1;
    for (const Route* reference : references)
      nearest = std::min(nearest, static_cast<double>(edit_distance(generated[i], *reference)) /
                                      static_cast<double>(reference->size()));
    measures.edit_distance += share * nearest;
    measures.bleu += share * bleu4(generated[i], references);
  }
  // (KL(p | m) + KL(q | m)) / 2 with m = (p + q) / 2.
  for (const auto& [route, shares] : histogram) {
    const double middle = (shares.first + shares.second) / 2;
    for (double p : {shares.first, shares.second})
      if (p > 0) measures.divergence += 0.5 * p * std::log(p / middle);
  }
  return measures;
}

}  // namespace understudy::cli
