// Forecasts of where a walker goes: how far they lie from where he went, and the one that stands
// for many.

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "cli/reports/svg.h"
#include "cli/reproduce/pedestrians_windows.h"

namespace understudy::cli {

constexpr std::int64_t forecast_size = 2 * predicted;  // numbers
constexpr std::int64_t predictions = 20;               // of a window

using Forecast = std::array<Point, predicted>;

// Mean distance over the twelve steps, and that at the last; in meters.
struct DisplacementErrors {
  double ade = 0, fde = 0;
};
// Sums over windows; `best` is over the twenty predictions, each measure by itself.
struct ForecastErrors {
  double ade = 0, fde = 0, best_ade = 0, best_fde = 0, nats = 0;
};
// Adds `share` of a window's errors: of one forecast, and of the best of twenty.
void add(ForecastErrors& errors, const WalkWindow& window, const Forecast& one,
         const std::vector<Forecast>& twenty, double nats, double share);

// The point from which the weighted sum of distances is least, step by step.
Forecast spatial_median(const std::vector<Forecast>& of, const std::vector<double>& weights);

}  // namespace understudy::cli
