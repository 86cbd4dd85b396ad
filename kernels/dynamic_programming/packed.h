// Dynamics packed for vectors: what a soft Bellman sweep over one problem reads, and nothing else.
//
// States are taken sixteen at a time, in their order, whatever the instruction set. A block of
// sixteen first brings in the values its states lead to, each distinct successor of a state once
// (its slots, in the order its pairs first name them), and then sums every pair's probabilities
// times slots. Lanes run across the sixteen states. The block's small program says how:
//
//   for each slot    1: sixteen consecutive states, an index;  0: a gather, sixteen indices
//   for each pair    how many slots it uses, and each as 2 slot + (0: one probability for all
//                    sixteen states, 1: sixteen of them)
//
// So the bytes of a sweep follow the problem's own regularity. Nothing is assumed: a grid numbered
// by rows falls to a few bytes a state, one numbered at random keeps its indices. A block whose
// sixteen states have too little in common to share a program (or more than `most_slots`) stays
// plain, and is swept from the sparse form.
//
// Pairs are packed as rows of sixteen too: pair a of state l of a block is packed[(pair_row + a) *
// 16 + l], -infinity where that state has fewer pairs, so that it adds nothing to a log-sum-exp.

#pragma once

#include <cstdint>
#include <vector>

#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy {

// Owns what a PackedDynamics<T> points at, in the host's memory.
template <class T>
class PackedStore {
 public:
  // `sparse` must outlive nothing: all is copied.
  explicit PackedStore(const SparseDynamics<double>& sparse);

  PackedDynamics<T> view() const;
  bool has_plain_blocks() const { return plain_ > 0; }
  std::int64_t plain_blocks() const { return plain_; }
  // Of one sweep, at the least: the program, indices, probabilities, rewards, values in and out.
  std::int64_t bytes() const;

  // What belongs to pairs [pairs], in packed order [pair_rows, 16].
  std::vector<T> pack_pairs(const SparseDynamics<double>& sparse, const double* pairs) const;
  // The state that each entry of `chain` leads to (see packed_backup), and the one it leaves; -1
  // for entries that no transition stands behind.
  std::vector<std::int32_t> chain_columns(const SparseDynamics<double>& sparse) const;
  std::vector<std::int32_t> chain_rows(const SparseDynamics<double>& sparse) const;

  std::vector<PackedBlock> block;
  std::vector<std::uint16_t> code;
  std::vector<std::int32_t> index;
  std::vector<T> coefficient;

 private:
  void add(const SparseDynamics<double>& sparse, std::int64_t first);

  std::int64_t states_ = 0, pair_rows_ = 0, chain_ = 0, plain_ = 0;
};

}  // namespace understudy
