// A trained policy as one C99 source file, for programs that have neither this library nor a heap.
//
// The file has the weights as constants and, for a policy called NAME,
//
//   enum { NAME_observation_size = ..., NAME_action_size = ... };
//   int  NAME_act(const float *observation);                  an index
//   void NAME_act(const float *observation, float *action);   numbers, or bits as 0 and 1
//
// which take the mode of the action's distribution: the stack and <math.h> are all they need, and
// they may be called from any number of threads. An observed index is `int observation`. A policy
// with memory keeps it in a NAME_memory that the caller owns, empties by NAME_forget at the start
// of an episode, and passes as the first argument.
//
// Weights are written so that they read back as the same floats; sums are in the order of the
// inputs, so that actions differ from the library's by rounding only.

#pragma once

#include <string>

#include "algorithms/policies/policy.h"

namespace understudy {

// An Error of the kind `not_available` for trunks other than mlp, rnn, lstm and gru, convolutions,
// embedded indices, and heads whose mode is not one layer's result: all but categorical, bernoulli,
// gaussian, regression and full_gaussian. `name` must be an identifier of C.
std::string policy_as_c(const Policy& policy, const std::string& name);

}  // namespace understudy
