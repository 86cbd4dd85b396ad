// Elementwise arithmetic on CUDA.
//
// The iteration is collapsed on the host (collapse.h). What is contiguous runs as a flat loop, each
// thread taking four elements a block's width apart, so that several loads are under way while each
// of them is coalesced. Broadcasts take the output's index apart, in 32 bits wherever the arrays
// are small enough: a 64-bit division costs some hundred instructions. Transposes go through a tile
// in shared memory, so that reads and writes are both coalesced. Bound by memory.

#include "kernels/device/cuda_helpers.h"
#include "kernels/elementwise/cases.h"
#include "kernels/elementwise/collapse.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/elementwise/math_cuda.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr unsigned block_threads = 256;
constexpr unsigned elements_a_thread = 4;
// Transposes: tile of 32 x 32 words, moved by 32 x 8 threads.
constexpr int tile = 32;
constexpr int tile_rows = 8;

template <Unary f, class T>
__device__ inline T apply(T x) {
  if constexpr (f == Unary::identity) return x;
  if constexpr (f == Unary::negate) return -x;
  if constexpr (f == Unary::absolute) return absolute(x);
  if constexpr (f == Unary::sign) return x > T(0) ? T(1) : (x < T(0) ? T(-1) : T(0));
  if constexpr (f == Unary::square) return x * x;
  if constexpr (f == Unary::square_root) return square_root(x);
  if constexpr (f == Unary::reciprocal) return T(1) / x;
  if constexpr (f == Unary::exponential) return exponential(x);
  if constexpr (f == Unary::logarithm) return logarithm(x);
  if constexpr (f == Unary::log1p) return logarithm_of_one_plus(x);
  if constexpr (f == Unary::expm1) return exponential_minus_one(x);
  if constexpr (f == Unary::tanh) return hyperbolic_tangent(x);
  if constexpr (f == Unary::sigmoid) return sigmoid(x);
  if constexpr (f == Unary::softplus) return softplus(x);
  if constexpr (f == Unary::relu) return x > T(0) || x != x ? x : T(0);
  if constexpr (f == Unary::erf) return error_function(x);
  if constexpr (f == Unary::sine) return sine(x);
  if constexpr (f == Unary::cosine) return cosine(x);
  if constexpr (f == Unary::floor) return floor_of(x);
  if constexpr (f == Unary::is_positive) return x > T(0) ? T(1) : T(0);
  if constexpr (f == Unary::is_finite) return x - x == T(0) ? T(1) : T(0);
}

template <Binary f, class T>
__device__ inline T apply(T a, T b) {
  if constexpr (f == Binary::add) return a + b;
  if constexpr (f == Binary::subtract) return a - b;
  if constexpr (f == Binary::multiply) return a * b;
  if constexpr (f == Binary::divide) return a / b;
  if constexpr (f == Binary::power) return power(a, b);
  if constexpr (f == Binary::maximum) return a > b || a != a ? a : b;
  if constexpr (f == Binary::minimum) return a < b || a != a ? a : b;
  if constexpr (f == Binary::less) return a < b ? T(1) : T(0);
  if constexpr (f == Binary::less_equal) return a <= b ? T(1) : T(0);
  if constexpr (f == Binary::equal) return a == b ? T(1) : T(0);
  if constexpr (f == Binary::tanh_gradient) return b * (T(1) - a * a);
  if constexpr (f == Binary::sigmoid_gradient) return b * (a * (T(1) - a));
  if constexpr (f == Binary::relu_gradient) return a > T(0) ? b : T(0);
  if constexpr (f == Binary::softplus_gradient) return -b * exponential_minus_one(-a);
}

// Calls visit(i) for this thread's elements of [0, n).
template <class Visit>
__device__ inline void each_element(Index n, const Visit& visit) {
  const Index first = Index(blockIdx.x) * (block_threads * elements_a_thread) + threadIdx.x;
  for (unsigned k = 0; k < elements_a_thread; ++k) {
    const Index i = first + k * block_threads;
    if (i < n) visit(i);
  }
}

// ---- flat ----

template <Unary f, class T>
__global__ void unary_kernel(Index n, const T* x, T* y) {
  each_element(n, [=](Index i) { y[i] = apply<f>(x[i]); });
}

// step_a, step_b: 0 or 1
template <Binary f, class T>
__global__ void binary_flat_kernel(Index n, const T* a, Index step_a, const T* b, Index step_b,
                                   T* y) {
  each_element(n, [=](Index i) { y[i] = apply<f>(a[i * step_a], b[i * step_b]); });
}

template <class T>
__global__ void scale_shift_kernel(Index n, T alpha, T beta, const T* x, T* y) {
  each_element(n, [=](Index i) { y[i] = alpha * x[i] + beta; });
}

template <class T>
__global__ void fill_kernel(Index n, T value, T* y) {
  each_element(n, [=](Index i) { y[i] = value; });
}

template <class T>
__global__ void axpy_kernel(Index n, T alpha, const T* x, T* y) {
  each_element(n, [=](Index i) { y[i] += alpha * x[i]; });
}

// ---- broadcast ----

// The collapsed iteration with indices of type I.
template <class I>
struct Walk {
  int rank;
  I extent[Strided::maximum_rank];
  I stride[Strided::maximum_operands][Strided::maximum_rank];
};

template <int operands, class I>
__device__ inline void offsets(const Walk<I>& walk, I index, I (&offset)[operands]) {
  for (int o = 0; o < operands; ++o) offset[o] = 0;
  for (int d = walk.rank - 1; d > 0; --d) {
    const I rest = index / walk.extent[d];
    const I at = index - rest * walk.extent[d];
    index = rest;
    for (int o = 0; o < operands; ++o) offset[o] += at * walk.stride[o][d];
  }
  for (int o = 0; o < operands; ++o) offset[o] += index * walk.stride[o][0];
}

template <Binary f, class I, class T>
__global__ void binary_kernel(Index n, Walk<I> walk, const T* a, const T* b, T* y) {
  each_element(n, [&](Index i) {
    I at[2];
    offsets<2>(walk, static_cast<I>(i), at);
    y[i] = apply<f>(a[at[0]], b[at[1]]);
  });
}

template <class I, class T>
__global__ void select_kernel(Index n, Walk<I> walk, const T* c, const T* a, const T* b, T* y) {
  each_element(n, [&](Index i) {
    I at[3];
    offsets<3>(walk, static_cast<I>(i), at);
    y[i] = c[at[0]] != T(0) ? a[at[1]] : b[at[2]];
  });
}

template <class I, class T>
__global__ void copy_kernel(Index n, Walk<I> walk, const T* x, T* y) {
  each_element(n, [&](Index i) {
    I at[2];
    offsets<2>(walk, static_cast<I>(i), at);
    y[at[1]] = x[at[0]];
  });
}

// y[i * step_i + j] = x[i + j * step_j], i < rows, j < columns; blockIdx.z walks the batch.
template <class T>
__global__ void transpose_kernel(Index rows, Index columns, Index batch, const T* x, Index step_j,
                                 Index batch_x, T* y, Index step_i, Index batch_y) {
  __shared__ T part[tile][tile + 1];  // one more, so that columns lie in different banks
  const Index i0 = Index(blockIdx.x) * tile, j0 = Index(blockIdx.y) * tile;
  for (Index z = blockIdx.z; z < batch; z += gridDim.z) {
    for (int r = threadIdx.y; r < tile; r += tile_rows) {
      const Index i = i0 + threadIdx.x, j = j0 + r;
      if (i < rows && j < columns) part[r][threadIdx.x] = x[z * batch_x + i + j * step_j];
    }
    __syncthreads();
    for (int r = threadIdx.y; r < tile; r += tile_rows) {
      const Index i = i0 + r, j = j0 + threadIdx.x;
      if (i < rows && j < columns) y[z * batch_y + i * step_i + j] = part[threadIdx.x][r];
    }
    __syncthreads();
  }
}

// ---- launchers ----

template <class I>
Walk<I> narrowed(const Strided& shape) {
  Walk<I> walk{};
  walk.rank = shape.rank;
  for (int d = 0; d < shape.rank; ++d) {
    walk.extent[d] = static_cast<I>(shape.extent[d]);
    for (int o = 0; o < Strided::maximum_operands; ++o)
      walk.stride[o][d] = static_cast<I>(shape.stride[o][d]);
  }
  return walk;
}

// Whether every index and offset fits into 32 bits.
template <int operands>
bool is_small(const Strided& shape, Index elements) {
  const Index most = (Index{1} << 31) - 1;
  for (int o = 0; o < operands; ++o) {
    Index reach = 0;
    for (int d = 0; d < shape.rank; ++d) {
      const Index stride = shape.stride[o][d];
      reach += (shape.extent[d] - 1) * (stride < 0 ? -stride : stride);
    }
    if (reach > most) return false;
  }
  return elements <= most;
}

unsigned flat_blocks(Index n) { return blocks_for(n, block_threads * elements_a_thread); }

template <class T>
void unary(Stream& stream, Unary f, Index n, const T* x, T* y) {
  switch (f) {
#define UNDERSTUDY_CASE(name) \
  case Unary::name:           \
    return launch(unary_kernel<Unary::name, T>, flat_blocks(n), block_threads, 0, stream, n, x, y);
    UNDERSTUDY_UNARY_CASES(UNDERSTUDY_CASE)
#undef UNDERSTUDY_CASE
    case Unary::count: break;
  }
}

template <Binary f, class T>
void binary_of(Stream& stream, const Strided& shape, Index n, const T* a, const T* b, T* y) {
  const Index step_a = shape.stride[0][0], step_b = shape.stride[1][0];
  const bool flat = shape.rank == 1 && (step_a == 0 || step_a == 1) && (step_b == 0 || step_b == 1);
  if (flat)
    launch(binary_flat_kernel<f, T>, flat_blocks(n), block_threads, 0, stream, n, a, step_a, b,
           step_b, y);
  else if (is_small<2>(shape, n))
    launch(binary_kernel<f, std::int32_t, T>, flat_blocks(n), block_threads, 0, stream, n,
           narrowed<std::int32_t>(shape), a, b, y);
  else
    launch(binary_kernel<f, Index, T>, flat_blocks(n), block_threads, 0, stream, n,
           narrowed<Index>(shape), a, b, y);
}

template <class T>
void binary(Stream& stream, Binary f, const Strided& wide, const T* a, const T* b, T* y) {
  Strided shape;
  const Index n = collapse<2>(wide, shape);
  if (n == 0) return;
  switch (f) {
#define UNDERSTUDY_CASE(name) \
  case Binary::name: return binary_of<Binary::name, T>(stream, shape, n, a, b, y);
    UNDERSTUDY_BINARY_CASES(UNDERSTUDY_CASE)
#undef UNDERSTUDY_CASE
    case Binary::count: break;
  }
}

template <class T>
void select(Stream& stream, const Strided& wide, const T* c, const T* a, const T* b, T* y) {
  Strided shape;
  const Index n = collapse<3>(wide, shape);
  if (n == 0) return;
  if (is_small<3>(shape, n))
    launch(select_kernel<std::int32_t, T>, flat_blocks(n), block_threads, 0, stream, n,
           narrowed<std::int32_t>(shape), c, a, b, y);
  else
    launch(select_kernel<Index, T>, flat_blocks(n), block_threads, 0, stream, n,
           narrowed<Index>(shape), c, a, b, y);
}

template <class T>
void scale_shift(Stream& stream, Index n, T alpha, T beta, const T* x, T* y) {
  launch(scale_shift_kernel<T>, flat_blocks(n), block_threads, 0, stream, n, alpha, beta, x, y);
}

template <class T>
void fill_with(Stream& stream, Index n, T value, T* y) {
  launch(fill_kernel<T>, flat_blocks(n), block_threads, 0, stream, n, value, y);
}

template <class T>
void axpy(Stream& stream, Index n, T alpha, const T* x, T* y) {
  launch(axpy_kernel<T>, flat_blocks(n), block_threads, 0, stream, n, alpha, x, y);
}

// Whether `shape` is, up to the order of two dimensions and a leading batch, a transpose: the
// output contiguous along its last dimension, the input along the one before.
bool is_transpose(const Strided& shape) {
  const int inner = shape.rank - 1;
  return (shape.rank == 2 || shape.rank == 3) && shape.stride[1][inner] == 1 &&
         shape.stride[0][inner - 1] == 1 && shape.extent[inner] >= 8 &&
         shape.extent[inner - 1] >= 8;
}

template <class T>
void copy(Stream& stream, const Strided& wide, const T* x, T* y) {
  Strided shape;
  const Index n = collapse<2>(wide, shape);
  if (n == 0) return;
  if (is_transpose(shape)) {
    const int inner = shape.rank - 1;
    const bool batched = shape.rank == 3;
    const Index rows = shape.extent[inner - 1], columns = shape.extent[inner];
    const Index batch = batched ? shape.extent[0] : 1;
    const Index across = ceil_div(columns, tile);
    if (across <= 65535) {
      const dim3 grid(blocks_for(rows, tile), static_cast<unsigned>(across),
                      static_cast<unsigned>(batch < 65535 ? batch : 65535));
      launch(transpose_kernel<T>, grid, dim3(tile, tile_rows), 0, stream, rows, columns, batch, x,
             shape.stride[0][inner], batched ? shape.stride[0][0] : Index{0}, y,
             shape.stride[1][inner - 1], batched ? shape.stride[1][0] : Index{0});
      return;
    }
  }
  if (is_small<2>(shape, n))
    launch(copy_kernel<std::int32_t, T>, flat_blocks(n), block_threads, 0, stream, n,
           narrowed<std::int32_t>(shape), x, y);
  else
    launch(copy_kernel<Index, T>, flat_blocks(n), block_threads, 0, stream, n,
           narrowed<Index>(shape), x, y);
}

template <class T>
constexpr ElementwiseKernels<T> kernels = {unary<T>,     binary<T>, select<T>, scale_shift<T>,
                                           fill_with<T>, axpy<T>,   copy<T>,   copy<std::int32_t>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<ElementwiseKernels> cuda_kernels<ElementwiseKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
