#include "cli/reproduce/train_cloning.h"

#include "cli/session/command.h"

namespace understudy::cli {

void train_cloning(SequenceCloning& cloning, std::int64_t steps, const ReportLoss& report) {
  for (std::int64_t i = 0; i < steps; ++i) {
    throw_if_interrupted();
    report(i + 1, cloning.step().loss);
  }
}

ReportLoss loss_on(Progress& progress, const std::string& what, std::int64_t steps) {
  return [&progress, what, steps](std::int64_t step, double loss) {
    progress.step(what, step, steps, formatted("loss %.3f", loss));
  };
}

}  // namespace understudy::cli
