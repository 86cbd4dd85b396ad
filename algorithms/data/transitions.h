// Transitions: what was observed, done and got, a row a step. The one type that what is learned
// from has on its way from a file to a gradient:
//
//   files, DAgger's rounds     Demonstrations    episodes, T + 1 observations each, with names
//        | transitions()
//   host                       Transitions       columns of rows; subsets, goals, symmetries
//        | arrays of a store, rows_of()
//   device                     TransitionBatch   typed views of columns, read by programs
//        ^
//   Rollouts::batch()          the learner's own, which never leave the device
//
// On the host:
//
//   observations, actions      o_t, a_t: numbers, or the indices of a discrete space
//   next_observations          o_{t+1}, before any reset; no rows where they were not recorded
//   rewards                    r_t; empty where they were not recorded
//   terminated                 1 where the step ended its episode for good; empty: nowhere
//   counted                    0 where the action is neither learned nor scored; empty: nowhere
//   starts                     of sequences: i is the rows starts[i] .. starts[i + 1] - 1. Who
//                              learns single steps does not look at them.
//
// Thread safety: a value. Any number of threads may read one; whoever changes it is alone.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "algorithms/data/demonstrations.h"
#include "autograd/program/data_view.h"

namespace understudy {

struct Transitions {
  Series observations, actions;
  Series next_observations = {};
  std::vector<float> rewards = {};
  std::vector<std::uint8_t> terminated = {};
  std::vector<std::uint8_t> counted = {};
  std::vector<std::int64_t> starts = {0};

  // None yet, of rows of so many numbers.
  static Transitions of_numbers(std::int64_t observation_width, std::int64_t action_width);

  std::int64_t rows() const { return actions.rows(); }
  std::int64_t sequences() const { return static_cast<std::int64_t>(starts.size()) - 1; }
  std::int64_t length(std::int64_t sequence) const {
    return starts[static_cast<std::size_t>(sequence) + 1] -
           starts[static_cast<std::size_t>(sequence)];
  }
  bool counts(std::int64_t row) const {
    return counted.empty() || counted[static_cast<std::size_t>(row)] != 0;
  }

  // Rows of numbers; an index is its number. REQUIRES: numbers, of the widths of the others.
  void append(const std::vector<float>& observation, const std::vector<float>& action,
              bool counts = true);
  // Closes a sequence; one without rows is left out.
  void end_sequence();
  // Of a row, where they are numbers.
  const float* observation(std::int64_t row) const {
    return observations.numbers.data() + row * observations.width();
  }
  const float* action(std::int64_t row) const {
    return actions.numbers.data() + row * actions.width();
  }
};

// Every step of the demonstrations, with the episodes as sequences. Bytes become floats, unless who
// learns from them takes them as they are, and copies none.
enum class Bytes : std::int8_t { expand, keep };
Transitions transitions(const Demonstrations& from, Bytes bytes = Bytes::expand);

// The same with each index as its number.
Transitions in_numbers(Transitions transitions);

// An Error unless all numbers of these rows are finite: "<name>, row 3: expected ...".
void require_finite(std::span<const float> rows, std::int64_t width, std::string_view name);
void require_finite(std::span<const double> rows, std::int64_t width, std::string_view name);

// On a device:
//
//   observation       [rows n, width]   o_t
//   action            [rows n] indices, or [rows n, size]
//   next_observation  [rows n, width]   o_{t+1}, before any reset
//   log_probability   [rows n]          of the action when it was taken
//   advantage         [rows n]
//   terminated        [rows n]          1 where the step ended its episode for good
//   time              [rows n]          steps since the episode began
//
// A column that its reader has no need of may be undefined.
struct TransitionBatch {
  DataView observation = {}, action = {}, next_observation = {}, log_probability = {},
           advantage = {}, terminated = {}, time = {};

  std::int64_t rows() const { return observation.shape().row_count(); }
};

}  // namespace understudy
