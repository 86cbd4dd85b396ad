// Environments by name, described at run time.

#pragma once

#include "envs/environment.h"

namespace understudy {

struct EnvironmentDescription {
  const char* name;
  const char* gymnasium;  // Gymnasium's name for the same
  const char* summary;
  const char* source;

  int state_size;
  const char* const* state_names;
  int observation_size;
  const char* const* observation_names;
  const double* observation_low;
  const double* observation_high;

  // action_count actions numbered from 0; or, if that is 0, action_size numbers within the bounds.
  int action_count;
  int action_size;
  double action_low;
  double action_high;

  int horizon;
  double solved;  // NaN: no mark
  double random_return;
  double reference_return;

  int dynamics;  // place in `Environments`
};

int environment_count();
const EnvironmentDescription& environment(int i);

// The environment of that name, ours or Gymnasium's; an `Error` that lists the names if there is
// none.
const EnvironmentDescription& environment_named(const char* name);

}  // namespace understudy
