// Cloning of sequences, trained step by step under the eyes of `reproduce`.

#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "algorithms/cloning/sequence_cloning.h"
#include "cli/session/progress.h"

namespace understudy::cli {

// Gets the number of a step, from 1, and the loss before it.
using ReportLoss = std::function<void(std::int64_t step, double loss)>;

// So many steps, each reported; an interrupt (Ctrl-C) between two of them is an Error.
void train_cloning(SequenceCloning& cloning, std::int64_t steps, const ReportLoss& report);

// "loss 0.123" on the line of progress, `what` being the part of the work.
ReportLoss loss_on(Progress& progress, const std::string& what, std::int64_t steps);

}  // namespace understudy::cli
