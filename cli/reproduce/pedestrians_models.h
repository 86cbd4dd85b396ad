// The policies that forecast a walker's next positions.

#pragma once

#include <cstdint>

#include "cli/reproduce/pedestrians_measures.h"
#include "cli/reproduce/train_cloning.h"

namespace understudy::cli {

// Trained on one part of a split, the errors on the other.
//
//   trajectory mixture   all twelve positions at once
//   recurrent mixture    a displacement after another, drawn and fed back
ForecastErrors trajectory_mixture(Device& device, const WalkSplit& split,
                                  const ForecastSettings& settings, std::uint64_t seed,
                                  const ReportLoss& report);
ForecastErrors recurrent_mixture(Device& device, const WalkSplit& split,
                                 const ForecastSettings& settings, std::uint64_t seed,
                                 const ReportLoss& report);

}  // namespace understudy::cli
