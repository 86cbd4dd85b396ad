// Rows of a replay buffer: which ones a minibatch is of, and what came after them.
//
// A table of `demonstrations` + `capacity` rows. The first are demonstrated episodes, step by step;
// behind them lies a ring, in which `stride` environments that are stepped together write a row
// each at a time. `added` rows were written so far, of which the latest `capacity` are there
// (capacity and added are multiples of stride). The row that follows row i is
//
//   i + 1                                           of a demonstration
//   demonstrations + (i - demonstrations + stride) mod capacity      in the ring
//
// and there is none behind the last demonstrated row and behind the latest rows of the ring.
//
//   draw     index[i] = floor(w_i d / 2^32)                 i < from_demonstrations, or *added = 0
//            index[i] = d + floor(w_i min(*added, capacity) / 2^32)                       otherwise
//            d = demonstrations; w_i: word i of Philox from block *counter on, of 32 bits
//   n_step   of row i, with i_0 = i, i_1, ... the rows that follow it, and m <= steps as many as
//            there are until an episode ends (ended[i_{m-1}] != 0) or none follows:
//
//            reward_sum = sum_{k < m} discount^k reward[i_k]
//            going_on   = discount^m (1 - terminated[i_{m-1}])      what v(next of last) counts
//            beyond     = discount^m terminated[i_{m-1}]            what follows a termination
//            last       = i_{m-1}
//
// Rows are drawn with the same probability, but for 2^-32 (random.h has the words).
// (Sutton 1988; Hester et al. 2018, section "Deep Q-learning from demonstrations".) A truncated
// episode is bootstrapped from what it reached; one that goes on beyond the newest row likewise.
//
// Accuracy: exact but for one rounding an operation, in the order of k. Aliasing: none.
// REQUIRES: of draw, rows to draw from; of n_step, indices within the table.

#pragma once

#include "kernels/device/family.h"
#include "kernels/random/random.h"

namespace understudy {

struct ReplayLayout {
  std::int64_t demonstrations = 0, capacity = 0, stride = 1;
};

// Blocks of the counter that n draws use.
constexpr std::uint64_t blocks_replay(std::int64_t n) {
  return static_cast<std::uint64_t>(n + 3) / 4;
}

template <class T>
struct ReplayKernels {
  void (*draw)(Stream&, RandomState, const std::uint64_t* counter, ReplayLayout,
               std::int64_t from_demonstrations, std::int64_t n, const std::int64_t* added,
               std::int32_t* index);
  void (*n_step)(Stream&, ReplayLayout, std::int64_t rows, std::int64_t steps, T discount,
                 const std::int32_t* index, const std::int64_t* added, const T* reward,
                 const T* terminated, const T* ended, T* reward_sum, T* going_on, T* beyond,
                 std::int32_t* last);
};

}  // namespace understudy
