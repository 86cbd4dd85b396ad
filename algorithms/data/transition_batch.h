// Transitions on a device: a row a step, each column a typed view of where it lies.
//
//   observation       [rows n, width]   o_t
//   action            [rows n] indices, or [rows n, size]
//   next_observation  [rows n, width]   what the step led to, before any reset
//   log_probability   [rows n]          of the action when it was taken
//   advantage         [rows n]
//
// Rollouts make one (`Rollouts::batch`), so do arrays of one's own (`rows_of`). A column that its
// reader has no need of may be undefined.

#pragma once

#include "autograd/program/data_view.h"

namespace understudy {

struct TransitionBatch {
  DataView observation = {}, action = {}, next_observation = {}, log_probability = {},
           advantage = {};

  std::int64_t rows() const { return observation.shape().row_count(); }
};

}  // namespace understudy
