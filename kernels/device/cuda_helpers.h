// What CUDA kernels share: the sizes of grids, where a thread is, and what a warp adds up.
//
// Include only from `.cu` files. A grid-stride loop, in which as many threads as there are take n
// elements in turns, neighbors to neighbors, reads
//
//   for (Index i = thread_index(); i < n; i += grid_threads()) ...

#pragma once

#include <cstdint>

#include "kernels/device/launch.h"

// Registers cannot be indexed: loops over arrays that are to stay in them are unrolled completely.
#if defined(__CUDACC__)
#define UNDERSTUDY_UNROLL _Pragma("unroll")
#else
#define UNDERSTUDY_UNROLL
#endif

namespace understudy::cuda {

// ---- sizes of grids, on the host ----

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Blocks for n elements, `each` of them a block. A grid has less than 2^31 in its x.
inline unsigned blocks_for(std::int64_t n, std::int64_t each) {
  const std::int64_t blocks = ceil_div(n, each);
  UNDERSTUDY_CHECK(n >= 0 && blocks < (std::int64_t{1} << 31), "a grid for %lld elements",
                   static_cast<long long>(n));
  return static_cast<unsigned>(blocks);
}

// The same for a grid-stride loop: no more than keep a large GPU busy.
inline unsigned stride_blocks_for(std::int64_t n, std::int64_t each) {
  constexpr std::int64_t most = 4096;
  const std::int64_t blocks = ceil_div(n, each);
  return static_cast<unsigned>(blocks < most ? blocks : most);
}

// ---- where a thread is ----

// Among all threads of the grid (x alone), and how many these are.
__device__ __forceinline__ std::int64_t thread_index() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ std::int64_t grid_threads() {
  return static_cast<std::int64_t>(gridDim.x) * blockDim.x;
}

// Its lane in its warp, its warp among all warps of the grid, and how many these are. Blocks of
// whole warps.
__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x % 32); }
__device__ __forceinline__ std::int64_t warp_index() {
  return static_cast<std::int64_t>(blockIdx.x) * (blockDim.x / 32) + threadIdx.x / 32;
}
__device__ __forceinline__ std::int64_t grid_warps() {
  return static_cast<std::int64_t>(gridDim.x) * (blockDim.x / 32);
}

// ---- warps ----

constexpr unsigned whole_warp = 0xffffffffu;

// All lanes' values joined by a butterfly: every lane gets the same bits, the same ones every time.
// Every lane of the warp must call it.
template <class T, class Join>
__device__ __forceinline__ T warp_reduce(T value, const Join& join) {
  for (int distance = 16; distance > 0; distance /= 2)
    value = join(value, __shfl_xor_sync(whole_warp, value, distance));
  return value;
}
template <class T>
__device__ __forceinline__ T warp_sum(T value) {
  return warp_reduce(value, [](T a, T b) { return a + b; });
}

}  // namespace understudy::cuda
