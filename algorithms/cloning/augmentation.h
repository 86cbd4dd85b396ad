// Augmentation of demonstrations: hindsight goals, copies under symmetries, and the noise that an
// expert's actions are disturbed by.

#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/data/transitions.h"

namespace understudy {

// Whatever a demonstration reached later was, in hindsight, its goal: s_{t+k} for the action at t.
// The goal is the first `columns` numbers of a later observation, and stands behind the others, so
// that a policy pi(a | s, g) can be trained on demonstrations of no goal at all.
struct GoalRelabeling {
  enum class Kind : std::int8_t {
    last,     // where the whole sequence ended: one copy of it, but its last row
    reached,  // where it was at a random time: the sequence up to there, `copies` times
    within    // every row by itself, its goal 1 .. `horizon` steps on: `copies` of each
  };
  Kind kind = Kind::reached;
  std::int64_t columns = 0;
  std::int64_t copies = 1, horizon = 10;
  std::uint64_t seed = 0;
};
// Sequences of one row reached nothing and are left out; where that leaves none, an Error.
Transitions with_goals(const Transitions& sequences, const GoalRelabeling& options);

// What the user declares to be a symmetry of the task: a linear map of observations and one
// of actions, row-major [width, width], applied together.
struct Symmetry {
  std::vector<double> observation = {}, action = {};
  // Of an action that is an index, instead of a map: what each choice becomes.
  std::vector<std::int64_t> choices = {};
};
// Maps of `width` numbers: the given columns change sign; columns i and j turn by an angle (rad).
std::vector<double> mirror_map(std::int64_t width, const std::vector<std::int64_t>& columns);
std::vector<double> rotation_map(std::int64_t width, std::int64_t i, std::int64_t j, double angle);
// The sequences, and after them a copy under each symmetry. An Error where a map has another size,
// or a choice leads to none or to what another leads to already.
Transitions with_symmetries(const Transitions& sequences, const std::vector<Symmetry>& symmetries);

// DART (Laskey et al. 2017, equation 4): while an expert acts, its actions are disturbed by
// N(0, Sigma) so that it shows how to recover from errors like the learner's own. From the errors
// [n, width] of a learner's actions against the expert's,
//
//   Sigma = alpha / (T tr C) C,   C = 1/n sum e eᵀ
//
// where alpha is the squared error that the trained learner is expected to make over T steps.
// REQUIRES (else an Error): an error, and not all of them 0.
std::vector<double> dart_covariance(const std::vector<double>& errors, std::int64_t width,
                                    std::int64_t steps, double alpha);

}  // namespace understudy
