// Random numbers are counters: Philox-4x32-10 (Salmon, Moraes, Dror & Shaw, SC 2011).
//
// A draw depends on (seed, stream, index) and on nothing else: not on threads, batch, device or the
// order of calls. The key is the seed (64 bits); the counter is (index of the block of four words:
// 64 bits, stream: 64 bits). Element i of a uniform array uses word i % 4 of block offset + i / 4.
// CPU and CUDA give the same bits: what follows the integers is arithmetic in a fixed order, with our
// own log, sine and cosine, and no contraction.
//
//   uniform      [0, 1): the upper 24 bits (f32) or 53 bits of two words (f64)
//   normal       Box-Muller on pairs of words
//   gumbel       -log(-log u), u in (0, 1)
//   categorical  index[r] = argmax_j (x[r, j] + gumbel): a draw from softmax(x[r, :])
//   permutation  of 0..n-1, by a Feistel network over the counter, cycle-walking; any n < 2^31
//
// `offset` is in blocks of four words; each call says how many blocks it uses, so that a caller can
// keep a running counter: see `blocks_*`.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

struct RandomState {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

// Blocks used for n elements.
template <class T>
constexpr std::uint64_t blocks_uniform(std::int64_t n) {
  return static_cast<std::uint64_t>(n + (sizeof(T) == 4 ? 3 : 1)) / (sizeof(T) == 4 ? 4 : 2);
}

template <class T>
struct RandomKernels {
  // Kernels read the block offset from `counter` (device memory), so that a recorded program draws
  // afresh each time it runs, and add `skip` to it. `first` is the index of the first element that
  // this call writes (a tile of rows draws its own part).
  void (*uniform)(Stream&, RandomState, const std::uint64_t* counter, std::uint64_t skip,
                  std::int64_t first, std::int64_t n, T* y);
  void (*normal)(Stream&, RandomState, const std::uint64_t* counter, std::uint64_t skip,
                 std::int64_t first, std::int64_t n, T* y);
  void (*gumbel)(Stream&, RandomState, const std::uint64_t* counter, std::uint64_t skip,
                 std::int64_t first, std::int64_t n, T* y);
  // x [rows, n]; `first` is the first row times n. -infinity is never drawn unless all are.
  void (*categorical)(Stream&, RandomState, const std::uint64_t* counter, std::uint64_t skip,
                      std::int64_t first, std::int64_t rows, std::int64_t n, const T* x,
                      std::int32_t* index);
  void (*permutation)(Stream&, RandomState, const std::uint64_t* counter, std::uint64_t skip,
                      std::int64_t n, std::int32_t* index);
  // *counter += blocks, in stream order.
  void (*advance)(Stream&, std::uint64_t* counter, std::uint64_t blocks);
};

UNDERSTUDY_FAMILY(RandomKernels)

}  // namespace understudy
