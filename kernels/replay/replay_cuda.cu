// Rows of a replay buffer, on CUDA: a thread encrypts one counter and makes its four draws; a
// thread follows one row.

#include "kernels/device/cuda_helpers.h"
#include "kernels/random/draw.h"
#include "kernels/replay/replay_rows.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;
constexpr unsigned block_threads = 128;

// Only the part of Draw that makes words is used.
struct WordOps {
  using Scalar = float;
  using Value = float;
  using Bits = std::uint32_t;
  using Word = std::uint32_t;
  static __device__ __forceinline__ Word multiply(Word a, std::uint32_t b, Word& high) {
    high = __umulhi(a, b);
    return a * b;
  }
};

__global__ void draw_kernel(RandomState state, const std::uint64_t* counter, ReplayLayout layout,
                            Index from_demonstrations, Index n, const Index* added,
                            std::int32_t* index) {
  const Index base = 4 * thread_index();
  if (base >= n) return;
  const std::uint64_t block = *counter + static_cast<std::uint64_t>(base / 4);
  std::uint32_t word[4] = {
      static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
      static_cast<std::uint32_t>(state.stream), static_cast<std::uint32_t>(state.stream >> 32)};
  Draw<WordOps>::philox(word[0], word[1], word[2], word[3], state.seed);
  for (Index i = base; i < n && i < base + 4; ++i)
    index[i] = static_cast<std::int32_t>(
        row_drawn(layout, i < from_demonstrations, *added, word[i - base]));
}

template <class T>
__global__ void n_step_kernel(ReplayLayout layout, Index rows, Index steps, T discount,
                              const std::int32_t* index, const Index* added, const T* reward,
                              const T* terminated, const T* ended, T* reward_sum, T* going_on,
                              T* beyond, std::int32_t* last) {
  const Index i = thread_index();
  if (i >= rows) return;
  Index row = index[i];
  T sum = reward[row], factor = discount;
  for (Index k = 1; k < steps && ended[row] == 0; ++k) {
    const Index next = row_behind(layout, row, *added);
    if (next < 0) break;
    row = next;
    sum += factor * reward[row];
    factor *= discount;
  }
  reward_sum[i] = sum;
  going_on[i] = factor * (1 - terminated[row]);
  beyond[i] = factor * terminated[row];
  last[i] = static_cast<std::int32_t>(row);
}

void draw(Stream& stream, RandomState state, const std::uint64_t* counter, ReplayLayout layout,
          Index from_demonstrations, Index n, const Index* added, std::int32_t* index) {
  if (n == 0) return;
  launch(draw_kernel, dim3(blocks_for(ceil_div(n, 4), block_threads)), dim3(block_threads), 0,
         stream, state, counter, layout, from_demonstrations, n, added, index);
}

template <class T>
void n_step(Stream& stream, ReplayLayout layout, Index rows, Index steps, T discount,
            const std::int32_t* index, const Index* added, const T* reward, const T* terminated,
            const T* ended, T* reward_sum, T* going_on, T* beyond, std::int32_t* last) {
  if (rows == 0) return;
  launch(n_step_kernel<T>, dim3(blocks_for(rows, block_threads)), dim3(block_threads), 0, stream,
         layout, rows, steps, discount, index, added, reward, terminated, ended, reward_sum,
         going_on, beyond, last);
}

template <class T>
constexpr ReplayKernels<T> kernels = {draw, n_step<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<ReplayKernels> cuda_kernels<ReplayKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
