// Layer normalization on CUDA: a warp a row.
//
// A lane reads every 32nd number of its row, sums meet in butterflies of shuffles (which leave the
// same sum in every lane), and no lane reads what another writes: y may be x without a barrier. The
// second and third pass over a row hit L1.

#include "kernels/device/cuda_helpers.h"
#include "kernels/normalization/normalization.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr int block_warps = 4;

template <class T>
__global__ void layer_norm_kernel(Index rows, Index n, T epsilon, const T* x, const T* gain,
                                  const T* bias, T* y, T* z, T* s) {
  const Index i = warp_index();
  if (i >= rows) return;  // a whole warp at a time
  const int lane = lane_index();
  const T* row = x + i * n;

  T sum = 0;
  for (Index j = lane; j < n; j += 32) sum += row[j];
  const T mean = warp_sum(sum) / T(n);

  T squares = 0;
  for (Index j = lane; j < n; j += 32) squares += (row[j] - mean) * (row[j] - mean);
  // Not rsqrt: its two ulp would show beside the CPU's result.
  const T scale = T(1) / sqrt(warp_sum(squares) / T(n) + epsilon);

  for (Index j = lane; j < n; j += 32) {
    const T normalized = (row[j] - mean) * scale;
    if (z != nullptr) z[i * n + j] = normalized;
    y[i * n + j] = normalized * gain[j] + bias[j];
  }
  if (s != nullptr && lane == 0) s[i] = scale;
}

template <class T>
__global__ void normalize_gradient_kernel(Index rows, Index n, const T* z, const T* s, const T* h,
                                          T* dx) {
  const Index i = warp_index();
  if (i >= rows) return;  // a whole warp at a time
  const int lane = lane_index();
  T sum_h = 0, sum_hz = 0;
  for (Index j = lane; j < n; j += 32) {
    sum_h += h[i * n + j];
    sum_hz += h[i * n + j] * z[i * n + j];
  }
  const T mean_h = warp_sum(sum_h) / T(n);
  const T mean_hz = warp_sum(sum_hz) / T(n);
  const T scale = s[i];
  for (Index j = lane; j < n; j += 32)
    dx[i * n + j] = scale * (h[i * n + j] - mean_h - z[i * n + j] * mean_hz);
}

template <class T>
void layer_norm(Stream& stream, Index rows, Index n, T epsilon, const T* x, const T* gain,
                const T* bias, T* y, T* z, T* s) {
  launch(layer_norm_kernel<T>, dim3(blocks_for(rows, block_warps)), dim3(32 * block_warps), 0,
         stream, rows, n, epsilon, x, gain, bias, y, z, s);
}

template <class T>
void normalize_gradient(Stream& stream, Index rows, Index n, const T* z, const T* s, const T* h,
                        T* dx) {
  launch(normalize_gradient_kernel<T>, dim3(blocks_for(rows, block_warps)), dim3(32 * block_warps),
         0, stream, rows, n, z, s, h, dx);
}

template <class T>
constexpr NormalizationKernels<T> kernels = {layer_norm<T>, normalize_gradient<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<NormalizationKernels> cuda_kernels<NormalizationKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
