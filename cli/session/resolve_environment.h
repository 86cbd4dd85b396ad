// An environment by what the command line calls it: the name of one that is built in, or the path
// of a shared library with one of the user's own (envs/c_interface.h).

#pragma once

#include <string>

#include "envs/registry.h"

namespace understudy::cli {

// A name with a '/' in it, or one that ends in .so or .dylib, is a path. Libraries stay loaded
// until the process ends. An `Error` says what is not there.
const EnvironmentDescription& resolve_environment(const std::string& name);

}  // namespace understudy::cli
