// A user's own environment, given as a C table (c_interface.h), described as the others are.
//
// Thread safety: the user's functions are called from all threads of the device's team, on
// different states.

#pragma once

#include "envs/registry.h"

namespace understudy {

class UserEnvironment {
 public:
  // The table, and what it points to, must outlive this. One that is not as c_interface.h says is
  // an `Error` that begins with `where` (a file, a name).
  UserEnvironment(const understudy_environment& table, const char* where);

  // For `Batch` and everything else that takes an environment; lives as long as this does.
  const EnvironmentDescription& description() const { return description_; }

 private:
  EnvironmentDescription description_{};
};

}  // namespace understudy
