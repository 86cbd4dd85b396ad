#include "cli/reproduce/pedestrians_measures.h"

#include <algorithm>
#include <cmath>

namespace understudy::cli {

namespace {

DisplacementErrors errors_of(const WalkWindow& window, const Forecast& forecast) {
  DisplacementErrors pair;
  for (std::size_t t = 0; t < forecast.size(); ++t) {
    const Point truth = window.at[static_cast<std::size_t>(observed) + t];
    pair.fde = std::hypot(truth.x - forecast[t].x, truth.y - forecast[t].y);
    pair.ade += pair.fde / predicted;
  }
  return pair;
}

}  // namespace

void add(ForecastErrors& errors, const WalkWindow& window, const Forecast& one,
         const std::vector<Forecast>& twenty, double nats, double share) {
  const DisplacementErrors single = errors_of(window, one);
  DisplacementErrors best = {INFINITY, INFINITY};
  for (const Forecast& forecast : twenty) {
    const DisplacementErrors pair = errors_of(window, forecast);
    best = {std::min(best.ade, pair.ade), std::min(best.fde, pair.fde)};
  }
  errors.ade += share * single.ade;
  errors.fde += share * single.fde;
  errors.best_ade += share * best.ade;
  errors.best_fde += share * best.fde;
  errors.nats += share * nats;
}

Forecast spatial_median(const std::vector<Forecast>& of, const std::vector<double>& weights) {
  Forecast result;
  for (std::size_t t = 0; t < result.size(); ++t) {
    Point at = {0, 0};
    for (std::size_t k = 0; k < of.size(); ++k)
      at = {at.x + weights[k] * of[k][t].x, at.y + weights[k] * of[k][t].y};
    for (int pass = 0; pass < 20; ++pass) {
      double x = 0, y = 0, total = 0;
      for (std::size_t k = 0; k < of.size(); ++k) {
        // A distance of a centimeter at least: the sum is smooth then.
        const double pull =
            weights[k] / std::max(0.01, std::hypot(of[k][t].x - at.x, of[k][t].y - at.y));
        x += pull * of[k][t].x;
        y += pull * of[k][t].y;
        total += pull;
      }
      at = {x / total, y / total};
    }
    result[t] = at;
  }
  return result;
}

}  // namespace understudy::cli
