// Random numbers are counters: Philox-4x32-10 (Salmon, Moraes, Dror & Shaw, SC 2011).
//
// A draw depends on (seed, stream, index) and on nothing else: not on threads, batch, device or the
// order of calls. The key is the seed (64 bits); the counter is (index of the block of four words:
// 64 bits, stream: 64 bits). Element i takes its number from block offset + i / 4, word i % 4
// (f32), or from block offset + i / 2, words 2 (i % 2) and 2 (i % 2) + 1 as the lower and upper
// half of 64 bits (f64). All instruction sets and CUDA give the same bits: what follows the
// integers is arithmetic in a fixed order, with our own logarithm, sine and cosine, and with each
// fused multiply-add written as such (draw.h).
//
//   uniform      [0, 1): the upper 24 bits of the number (f32), the upper 53 (f64)
//   normal       Box-Muller: elements 2k and 2k + 1 are sqrt(-2 log u) times cos 2 pi u' and
//                sin 2 pi u', u and u' being those of these elements; at most 5.9 (f32), 8.6 (f64)
//   gumbel       -log(-log u)
//   categorical  index[r] = argmax_j (x[r, j] + gumbel): a draw from softmax(x[r, :]); the first of
//                several equal ones
//   permutation  of 0..n-1, any n < 2^31: shuffled exactly up to 128 (Fisher & Yates), beyond by a
//                Feistel network whose domain, less than 2 n, is walked until it falls below n
//                (Black & Rogaway, CT-RSA 2002): each element by itself, so in parallel
//
// Here u in (0, 1) is the middle of one of 2^23 (f32) or 2^52 (f64) equal intervals, never 0 or 1.
// Logarithm, sine and cosine are within 2 ulp. Aliasing: none.
//
// `offset` is *counter + skip, in blocks; `blocks_*` say how many a call uses, so that a caller can
// keep a running counter.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

struct RandomState {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};

// Blocks used for n elements: uniform, normal, gumbel, and categorical with n = rows times n.
template <class T>
constexpr std::uint64_t blocks_uniform(std::int64_t n) {
  return static_cast<std::uint64_t>(n + (sizeof(T) == 4 ? 3 : 1)) / (sizeof(T) == 4 ? 4 : 2);
}

constexpr std::int64_t most_shuffled = 128;  // permutations up to here are Fisher & Yates's
constexpr std::uint64_t blocks_permutation(std::int64_t n) {
  return n <= most_shuffled ? static_cast<std::uint64_t>(n + 3) / 4 : 3;
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

}  // namespace understudy
