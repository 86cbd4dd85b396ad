// How near generated routes come to driven ones, as Zhao & Liang (2023, section 5.2) measure it.

#pragma once

#include <cstdint>
#include <vector>

namespace understudy::cli {

using Route = std::vector<std::int32_t>;

struct RouteMeasures {
  double edit_distance = 0;  // mean of: Levenshtein's distance to the nearest driven route of the
                             // same first and last link over that route's length, at most 1
  double bleu = 0;           // mean BLEU-4 against all driven routes of those links
  double divergence = 0;     // Jensen & Shannon's, in nats, of the two histograms of routes
};

// One generated route a driven one, in the same order; origin and destination are the driven
// route's first and last link.
RouteMeasures measure_routes(const std::vector<Route>& driven, const std::vector<Route>& generated);

// Insertions, deletions and replacements that make `b` of `a`.
std::int64_t edit_distance(const Route& a, const Route& b);

// BLEU-4 of one sentence with uniform weights (Papineni et al. 2002), as NLTK computes it with
// smoothing method 1 (Chen & Cherry 2014): a precision of 0 out of n becomes 0.1 / n.
double bleu4(const Route& candidate, const std::vector<const Route*>& references);

}  // namespace understudy::cli
