// The forecasts of `understudy reproduce pedestrians`: where walkers go next.

#pragma once

#include <cstdint>

#include "cli/reproduce.h"

namespace understudy::cli {

struct ForecastSettings {
  std::int64_t iterations = 3000, hidden = 64, batch = 128;
  double rate = 2e-3, weight_decay = 0.01;
  bool validate = false;  // tests on a scene that is not the one left out
};
void add_forecast_options(CLI::App& app, ForecastSettings& settings);

// Appends three tables: one prediction, the best of twenty, likelihoods.
void forecast_pedestrians(Reproduction& reproduction, const ForecastSettings& settings);

}  // namespace understudy::cli
