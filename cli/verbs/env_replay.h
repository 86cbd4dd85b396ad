// Given actions through an environment from given states: read, checked, stepped.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/files/array.h"
#include "envs/registry.h"
#include "kernels/device/device.h"

namespace understudy::cli {

// Actions of several environments over the same number of steps, [steps, num_envs, action_size].
struct ReplayActions {
  std::int64_t steps = 0, num_envs = 0;
  bool shared = false;  // one list for every environment
  std::vector<double> values;
};

// A CSV with a column `action` (or `act_0`, `act_1`, ...), perhaps `t` (0, 1, ...), and
// `environment` where each has its own: rows of an environment in the order of their steps.
// Anything else, a number that is no action here, and (unless `beyond_bounds`) one outside the
// bounds is an Error.
ReplayActions read_actions(const std::string& path, const EnvironmentDescription& environment,
                           bool beyond_bounds);

// A CSV of internal states: the columns that the environment names, in that order, a row an
// environment. Returns [rows, state_size].
std::vector<double> read_states(const std::string& path, const EnvironmentDescription& environment);

struct ReplayOptions {
  std::int64_t num_envs = 1;
  std::uint64_t seed = 0;
  bool single_precision = false;
};

// Steps from `states` (empty: from resets) through all the actions, whether an episode ends on the
// way or not. The arrays are a demonstration's, an episode an environment, and beside them
//
//   states      [num_envs (T + 1), state_size]
//   terminated, truncated   bool [num_envs T], what each step said
files::NamedArrays replay(Device& device, const EnvironmentDescription& environment,
                          const ReplayActions& actions, const std::vector<double>& states,
                          const ReplayOptions& options);

}  // namespace understudy::cli
