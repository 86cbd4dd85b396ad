// Numbers brought to mean 0 and deviation 1, feature by feature, and back.
//
//   y = (x - mean) / deviation        mean, deviation over the rows that it was fitted to
//
// A feature that is constant in those rows (deviation below 1e-6 of the size of its mean, or of 1)
// keeps its scale: dividing by next to nothing would blow up whatever else it shows later.

#pragma once

#include <span>
#include <vector>

#include "algorithms/data/demonstrations.h"

namespace understudy {

struct Normalization {
  std::vector<float> mean, deviation;

  // In place, on whole rows.
  void apply(std::span<float> rows) const;
  void invert(std::span<float> rows) const;

  // Deviation with n in the denominator. REQUIRES: at least one row.
  static Normalization fit(std::span<const float> rows, std::int64_t width);

  // To the observations on which an expert acted (not the last of an episode), or to the actions.
  // REQUIRES: numbers, not indices.
  static Normalization of_observations(const Demonstrations& demonstrations);
  static Normalization of_actions(const Demonstrations& demonstrations);
};

}  // namespace understudy
