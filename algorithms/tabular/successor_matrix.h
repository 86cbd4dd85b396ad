// I - M over a problem's states, where M has a weight for each of its transitions: the matrix of a
// policy's values (M = discount P_pi) and of a walk's partition function (M = P exp r).
//
//   matrix.reset();
//   for (j of the transitions) matrix.subtract(j, weight[j]);
//   matrix.factor();        then lu() solves
//
// The pattern is found and ordered once.
//
// Thread safety: one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/sparse_lu.h"

namespace understudy {

class SuccessorMatrix {
 public:
  SuccessorMatrix(Device& device, const Problem& problem);

  void reset();  // I
  // From the entry of a transition, 0 .. n_transitions - 1; those between the same states add up.
  void subtract(std::int64_t transition, double weight) {
    value_[static_cast<std::size_t>(entry_[static_cast<std::size_t>(transition)])] -= weight;
  }
  SparseLu::Pivots factor() { return lu_->factor(value_); }
  const SparseLu& lu() const { return *lu_; }
  void to_device() { lu_->to_device(); }

 private:
  std::vector<std::int32_t> entry_;     // [transitions] in the pattern
  std::vector<std::int32_t> diagonal_;  // [states] likewise
  std::vector<double> value_;
  std::unique_ptr<SparseLu> lu_;
};

}  // namespace understudy
