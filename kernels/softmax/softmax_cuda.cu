// Softmax and its relatives on CUDA: a warp a row while a row is short, a block a row beyond.
//
// One source for both: a group of threads strides along its row and joins through `Group`, whose
// joins give every thread the same bits. A group writes only its own row, and each element is
// written by the thread that read it last: results may alias operands without a barrier.

#include "kernels/device/cuda_helpers.h"
#include "kernels/elementwise/math_cuda.h"
#include "kernels/softmax/softmax.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr int block_threads = 128;
constexpr Index longest_warp_row = 1024;

template <class T>
__device__ inline T larger(T a, T b) {
  return a > b ? a : b;
}

template <class T>
__device__ inline T warp_max(T value) {
  return warp_reduce(value, [](T a, T b) { return larger(a, b); });
}

// A warp, or a block of block_threads with room for one value a warp in shared memory.
template <class T, bool block>
struct Group {
  T* shared;

  __device__ static Index row() { return block ? Index(blockIdx.x) : warp_index(); }
  __device__ static int first() { return block ? int(threadIdx.x) : lane_index(); }
  __device__ static int step() { return block ? block_threads : 32; }

  __device__ T sum(T value) const {
    value = warp_sum(value);
    if (!block) return value;
    exchange(value);
    T total = shared[0];
    for (int warp = 1; warp < block_threads / 32; ++warp) total += shared[warp];
    __syncthreads();
    return total;
  }
  __device__ T max(T value) const {
    value = warp_max(value);
    if (!block) return value;
    exchange(value);
    T total = shared[0];
    for (int warp = 1; warp < block_threads / 32; ++warp) total = larger(total, shared[warp]);
    __syncthreads();
    return total;
  }

 private:
  __device__ void exchange(T value) const {
    if (lane_index() == 0) shared[threadIdx.x / 32] = value;
    __syncthreads();
  }
};

enum class Form { softmax, log_softmax, log_sum_exp };

template <class T, bool block>
__global__ void forward_kernel(Form form, Index rows, Index n, const T* x, T* y) {
  __shared__ T shared[block_threads / 32];
  const Group<T, block> group{shared};
  const Index r = group.row();
  if (r >= rows) return;  // a whole group at a time
  const T* row = x + r * n;

  T m = -T(INFINITY);
  for (Index j = group.first(); j < n; j += group.step()) m = larger(m, row[j]);
  m = group.max(m);
  if (m == -T(INFINITY)) m = 0;  // so that nothing is infinity minus infinity
  T sum = 0;
  for (Index j = group.first(); j < n; j += group.step()) sum += exponential(row[j] - m);
  sum = group.sum(sum);

  if (form == Form::log_sum_exp) {
    if (group.first() == 0) y[r] = m + logarithm(sum);
    return;
  }
  const T log_sum = sum == T(0) ? T(0) : logarithm(sum);
  for (Index j = group.first(); j < n; j += group.step()) {
    const T shifted = row[j] - m;
    y[r * n + j] = form == Form::log_softmax ? shifted - log_sum
                   : sum == T(0)             ? T(0)
                                             : exponential(shifted) / sum;
  }
}

template <class T, bool block>
__global__ void gradient_kernel(bool log_form, Index rows, Index n, const T* y, const T* g, T* dx) {
  __shared__ T shared[block_threads / 32];
  const Group<T, block> group{shared};
  const Index r = group.row();
  if (r >= rows) return;
  const T *yr = y + r * n, *gr = g + r * n;
  T sum = 0;
  for (Index j = group.first(); j < n; j += group.step()) sum += log_form ? gr[j] : gr[j] * yr[j];
  sum = group.sum(sum);
  for (Index j = group.first(); j < n; j += group.step())
    dx[r * n + j] = log_form ? gr[j] - exponential(yr[j]) * sum : yr[j] * (gr[j] - sum);
}

dim3 grid_of(Index rows, bool block) {
  return dim3(blocks_for(rows, block ? 1 : block_threads / 32));
}

template <class T>
void forward(Stream& stream, Form form, Index rows, Index n, const T* x, T* y) {
  const bool block = n > longest_warp_row;
  launch(block ? forward_kernel<T, true> : forward_kernel<T, false>, grid_of(rows, block),
         dim3(block_threads), 0, stream, form, rows, n, x, y);
}

template <class T>
void softmax(Stream& stream, Index rows, Index n, const T* x, T* y) {
  forward(stream, Form::softmax, rows, n, x, y);
}
template <class T>
void log_softmax(Stream& stream, Index rows, Index n, const T* x, T* y) {
  forward(stream, Form::log_softmax, rows, n, x, y);
}
template <class T>
void log_sum_exp(Stream& stream, Index rows, Index n, const T* x, T* y) {
  forward(stream, Form::log_sum_exp, rows, n, x, y);
}

template <class T>
void gradient(Stream& stream, bool log_form, Index rows, Index n, const T* y, const T* g, T* dx) {
  const bool block = n > longest_warp_row;
  launch(block ? gradient_kernel<T, true> : gradient_kernel<T, false>, grid_of(rows, block),
         dim3(block_threads), 0, stream, log_form, rows, n, y, g, dx);
}

template <class T>
void softmax_gradient(Stream& stream, Index rows, Index n, const T* y, const T* g, T* dx) {
  gradient(stream, false, rows, n, y, g, dx);
}
template <class T>
void log_softmax_gradient(Stream& stream, Index rows, Index n, const T* y, const T* g, T* dx) {
  gradient(stream, true, rows, n, y, g, dx);
}

template <class T>
constexpr SoftmaxKernels<T> kernels = {softmax<T>, log_softmax<T>, log_sum_exp<T>,
                                       softmax_gradient<T>, log_softmax_gradient<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<SoftmaxKernels> cuda_kernels<SoftmaxKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
