// The two tables of `understudy reproduce mocap`, and their settings.

#pragma once

#include <cstdint>
#include <string>

#include "cli/reproduce/reproduce.h"
#include "cli/session/progress.h"

namespace understudy::cli {

struct MocapSettings {
  std::int64_t iterations = 1000, hidden = 128, batch = 32;
  double rate = 2e-3;
  std::int64_t pose_iterations = 600;
  std::string part = "all";
};
void list_options(OptionList& list, MocapSettings& settings);

// Each appends its table.
void next_pose(Reproduction& reproduction, Device& device, const MocapSettings& settings,
               std::int64_t seeds, Progress& progress);
void next_second(Reproduction& reproduction, Device& device, const MocapSettings& settings,
                 std::int64_t seeds, Progress& progress);

}  // namespace understudy::cli
