// Linear recurrences along time, on CUDA.
//
//   many rows, step-major   a thread a row: neighbors read neighboring rows, and there are rows
//                           enough to hide each thread's wait for itself
//   otherwise               a warp a row, 32 steps a turn. A step is the map y -> x + c y; two of
//                           them make (x, c) after (x', c') = (x + c x', c c'), so that a warp
//                           combines its 32 in five rounds of shuffles, and applies the result to
//                           what the last turn carried.
//
// Products of up to 32 coefficients take the place of repeated multiplication: the warp's result
// differs from the thread's in rounding, but not from run to run.

#include "kernels/device/cuda_helpers.h"
#include "kernels/scan/scan.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr int block_warps = 4;
// Step-major shapes of fewer rows than this leave most of a GPU idle with a thread a row.
constexpr Index rows_for_threads = 1024;

// One step's x and c, from whichever arguments the recurrence has.
template <class T>
struct Given {
  const T* x;
  const T* c;
  __device__ T value(Index at) const { return x[at]; }
  __device__ T coefficient(Index at) const { return c[at]; }
};

template <class T>
struct Differences {
  T discount, decay;  // decay = discount lambda
  const T* reward;
  const T* old_value;
  const T* next_value;
  const T* terminated;
  const T* ended;
  __device__ T value(Index at) const {
    return reward[at] + discount * (1 - terminated[at]) * next_value[at] - old_value[at];
  }
  __device__ T coefficient(Index at) const { return decay * (1 - ended[at]); }
};

template <bool backward, class T, class Steps>
__global__ void scan_threads_kernel(ScanShape shape, Steps steps, T* y) {
  const Index row = thread_index();
  if (row >= shape.rows) return;
  T carry = 0;
  for (Index k = 0; k < shape.steps; ++k) {
    const Index t = backward ? shape.steps - 1 - k : k;
    const Index at = row * shape.row_stride + t * shape.step_stride;
    const T coefficient = steps.coefficient(at);  // before y, which may be x, is written
    if constexpr (backward) {
      carry = steps.value(at) + coefficient * carry;
      y[at] = carry;
    } else {
      const T now = steps.value(at) + carry;
      carry = coefficient * now;
      y[at] = now;
    }
  }
}

// Lane k of a turn holds the turn's k-th step in the order of the recurrence. The forward scan's
// map uses the coefficient of the step before.
template <bool backward, class T, class Steps>
__global__ void scan_warps_kernel(ScanShape shape, Steps steps, T* y) {
  const Index row = warp_index();
  if (row >= shape.rows) return;
  const int lane = lane_index();
  T carry = 0;
  for (Index base = 0; base < shape.steps; base += 32) {
    const Index k = base + lane;
    const Index t = backward ? shape.steps - 1 - k : k;
    const Index at = row * shape.row_stride + t * shape.step_stride;
    // Beyond the last step: the identity.
    T x = 0, c = 1;
    if (k < shape.steps) {
      x = steps.value(at);
      if constexpr (backward)
        c = steps.coefficient(at);
      else
        c = k > 0 ? steps.coefficient(at - shape.step_stride) : T(0);
    }
    for (int distance = 1; distance < 32; distance *= 2) {
      const T earlier_x = __shfl_up_sync(whole_warp, x, distance);
      const T earlier_c = __shfl_up_sync(whole_warp, c, distance);
      if (lane >= distance) {
        x = x + c * earlier_x;
        c = c * earlier_c;
      }
    }
    const T result = x + c * carry;
    if (k < shape.steps) y[at] = result;
    carry = __shfl_sync(whole_warp, result, 31);
  }
}

template <bool backward, class T, class Steps>
void scan(Stream& stream, const ScanShape& shape, Steps steps, T* y) {
  if (shape.steps == 0) return;
  constexpr unsigned threads = 32 * block_warps;
  const bool by_thread = shape.row_stride == 1 && shape.rows >= rows_for_threads;
  const unsigned blocks = blocks_for(shape.rows, by_thread ? threads : block_warps);
  if (by_thread)
    launch(scan_threads_kernel<backward, T, Steps>, dim3(blocks), dim3(threads), 0, stream, shape,
           steps, y);
  else
    launch(scan_warps_kernel<backward, T, Steps>, dim3(blocks), dim3(threads), 0, stream, shape,
           steps, y);
}

template <class T>
void backward_scan(Stream& stream, const ScanShape& shape, const T* x, const T* c, T* y) {
  scan<true>(stream, shape, Given<T>{x, c}, y);
}

template <class T>
void forward_scan(Stream& stream, const ScanShape& shape, const T* x, const T* c, T* y) {
  scan<false>(stream, shape, Given<T>{x, c}, y);
}

template <class T>
void advantages(Stream& stream, const ScanShape& shape, T discount, T lambda, const T* reward,
                const T* value, const T* next_value, const T* terminated, const T* ended,
                T* advantage) {
  const Differences<T> steps{discount,   discount * lambda, reward, value,
                             next_value, terminated,        ended};
  scan<true>(stream, shape, steps, advantage);
}

template <class T>
constexpr ScanKernels<T> kernels = {backward_scan<T>, forward_scan<T>, advantages<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<ScanKernels> cuda_kernels<ScanKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
