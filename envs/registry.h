// Environments by name, described at run time. Descriptions are constants, which any thread may
// read.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct EnvironmentDescription {
  const char* name;
  const char* gymnasium;  // Gymnasium's name for the same, or ""
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

  int dynamics;  // place in `Environments`; -1: the functions of `user`

  // Null where there is none. States and actions are rows of state_size and action_size doubles, a
  // discrete action its number.
  void (*expert)(const double* state, double* action);
  void (*draw)(const double* state, Frame* frame);

  const understudy_environment* user;
};

int environment_count();
const EnvironmentDescription& environment(int i);

// The environment of that name, ours or Gymnasium's; an `Error` that lists the names if there is
// none.
const EnvironmentDescription& environment_named(const char* name);

}  // namespace understudy
