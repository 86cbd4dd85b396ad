// What the command says of an environment, shared by `envs` and `env --describe`.

#pragma once

#include "cli/session/command.h"
#include "envs/registry.h"

namespace understudy::cli {

// {"name", "gymnasium", "summary", "spaces": {"observation", "action"}, "horizon", ...}; a bound
// or a mark that does not exist is null.
Json environment_json(const EnvironmentDescription& environment);
// The same with the internal state's variables, in the order of `env --init`.
Json environment_details(const EnvironmentDescription& environment);

// "4 numbers", "2 choices", "1 number in [-2, 2]".
std::string observation_space_text(const EnvironmentDescription& environment);
std::string action_space_text(const EnvironmentDescription& environment);

}  // namespace understudy::cli
