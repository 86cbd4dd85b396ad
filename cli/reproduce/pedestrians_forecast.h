// The forecasts of `understudy reproduce pedestrians`: where walkers go next.

#pragma once

#include <cstdint>

#include "cli/reproduce/reproduce.h"

namespace understudy::cli {

struct ForecastSettings {
  std::int64_t iterations = 1000, hidden = 64, batch = 128;
  std::int64_t most = 2000;  // windows of a file that are trained on
  double rate = 2e-3, weight_decay = 0.01;
  // Trajectory mixture alone, tested on a scene that is not the one left out.
  bool validate = false;
};
void list_options(OptionList& list, ForecastSettings& settings);

// Appends three tables: one prediction, the best of twenty, likelihoods.
void forecast_pedestrians(Reproduction& reproduction, const ForecastSettings& settings);

}  // namespace understudy::cli
