// Cholesky factors and triangular solves on CUDA.
//
// factor: a block a matrix, right-looking, in shared memory where the matrix fits (n <= 110 in f32)
// and else in place in L. Each column costs three barriers; a small matrix is given a single warp,
// for which they are cheap, and the batch fills the GPU.
//
// solve: a warp a right-hand side, by columns of L. Unknown j belongs to lane j mod 32, which alone
// touches it; what is found travels by shuffle, so that x may be b and no barrier is needed.

#include "kernels/cholesky/cholesky.h"
#include "kernels/device/cuda_helpers.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr std::size_t shared_limit = 48 * 1024;
constexpr int solve_warps = 4;

// One block a matrix, threads in warps of 32 columns each. `shared` says where the work is done.
template <class T>
__global__ void factor_kernel(Index n, bool shared, const T* a, T* l) {
  UNDERSTUDY_DYNAMIC_SHARED(T, shared_memory);
  a += Index(blockIdx.x) * n * n;
  l += Index(blockIdx.x) * n * n;
  T* m = shared ? shared_memory : l;
  const int lane = lane_index(), warp = threadIdx.x / 32, warps = blockDim.x / 32;

  for (Index i = warp; i < n; i += warps)
    for (Index j = lane; j <= i; j += 32) m[i * n + j] = a[i * n + j];
  __syncthreads();

  for (Index k = 0; k < n; ++k) {
    // L[k, k] = sqrt(pivot), L[i, k] /= L[k, k]
    const T pivot = m[k * n + k];
    const T d = pivot > T(0) ? sqrt(pivot) : T(__builtin_nanf(""));
    __syncthreads();  // everyone has the pivot before it is overwritten
    if (threadIdx.x == 0) m[k * n + k] = d;
    for (Index i = k + 1 + threadIdx.x; i < n; i += blockDim.x) m[i * n + k] /= d;
    __syncthreads();

    // A[i, j] -= L[i, k] L[j, k] for k < j <= i
    for (Index i = k + 1 + warp; i < n; i += warps) {
      const T scale = m[i * n + k];
      for (Index j = k + 1 + lane; j <= i; j += 32) m[i * n + j] -= scale * m[j * n + k];
    }
    __syncthreads();
  }

  for (Index i = warp; i < n; i += warps)
    for (Index j = lane; j < n; j += 32) {
      if (j > i)
        l[i * n + j] = 0;
      else if (shared)
        l[i * n + j] = m[i * n + j];
    }
}

template <class T>
__global__ void solve_kernel(Index systems, Index n, Index columns, bool transpose, const T* l,
                             const T* b, T* x) {
  const Index system = warp_index();
  if (system >= systems) return;
  const int lane = lane_index();
  const Index matrix = system / columns, column = system - matrix * columns;
  l += matrix * n * n;
  b += matrix * n * columns + column;
  x += matrix * n * columns + column;
  for (Index j = lane; j < n; j += 32) x[j * columns] = b[j * columns];

  for (Index step = 0; step < n; ++step) {
    const Index i = transpose ? n - 1 - step : step;
    const int owner = int(i % 32);
    T found = 0;
    if (lane == owner) {
      found = x[i * columns] / l[i * n + i];
      x[i * columns] = found;
    }
    found = __shfl_sync(whole_warp, found, owner);
    if (transpose) {
      for (Index j = lane; j < i; j += 32) x[j * columns] -= l[i * n + j] * found;
    } else {
      // This lane's first unknown after i.
      for (Index j = i + 1 + ((lane - int(i + 1)) & 31); j < n; j += 32)
        x[j * columns] -= l[j * n + i] * found;
    }
  }
}

template <class T>
void factor(Stream& stream, Index batch, Index n, const T* a, T* l) {
  if (n == 0) return;
  const std::size_t bytes = std::size_t(n) * n * sizeof(T);
  const bool shared = bytes <= shared_limit;
  const unsigned threads = n <= 32 ? 32 : n <= 64 ? 128 : 256;
  launch(factor_kernel<T>, dim3(blocks_for(batch, 1)), dim3(threads), shared ? bytes : 0, stream, n,
         shared, a, l);
}

template <class T>
void solve(Stream& stream, Index batch, Index n, Index columns, bool transpose, const T* l,
           const T* b, T* x) {
  const Index systems = batch * columns;
  launch(solve_kernel<T>, dim3(blocks_for(systems, solve_warps)), dim3(32 * solve_warps), 0, stream,
         systems, n, columns, transpose, l, b, x);
}

template <class T>
constexpr CholeskyKernels<T> kernels = {factor<T>, solve<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<CholeskyKernels> cuda_kernels<CholeskyKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
