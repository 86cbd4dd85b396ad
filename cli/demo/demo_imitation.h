// The demonstration from expert to understudy: an expert, four demonstrations, three learners.

#pragma once

#include <string>

#include "cli/session/command.h"

namespace understudy::cli {

// Works in the folder `out`, which is there: runs in out/expert, out/bc, out/dagger, out/gail, the
// demonstrations, report.html. Returns the exit code.
int demo_imitation(const std::string& out, const Common& common);

}  // namespace understudy::cli
