// Convolution, its two adjoints and pooling, on CUDA.
//
// Each of the three convolutions is a product of two matrices that are never written down: C[m, n]
// is a sum over k of A[m, k] B[k, n], one of them gathered from an image as its tiles are brought
// to shared memory. A block computes a square of 64 x 64, a thread 4 x 4 of it, 16 steps of k at a
// time. What a struct below says is how its numbers are found:
//
//                     m              n                  k                  A    B
//   forward           out channel    pixel of y         window             w    x
//   input gradient    in channel     pixel of x         window, channel o  w    dy
//   weight gradient   out channel    window             pixel of y         dy   x
//
// The weight gradient's k is long and its C small: k is cut into slices, whose sums are added in
// order by a second kernel, so that the bits are the same every time. Pooling gathers: a thread an
// element.

#include "kernels/convolution/convolution.h"
#include "kernels/device/cuda_helpers.h"
#include "kernels/gemm/activation_cuda.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr int tile = 64;   // rows and columns of C a block
constexpr int slice = 16;  // of k at a time
constexpr int own = 4;     // rows and columns of C a thread
constexpr int tile_threads = 256;
constexpr int pool_threads = 256;

// The extents that the kernels divide by, 32 bits wide: division is a good part of finding a
// number.
struct Extents {
  int in_channels, in_height, in_width, out_channels, out_height, out_width;
  int kernel_height, kernel_width, stride_height, stride_width, pad_height, pad_width;

  explicit Extents(const Convolution& s)
      : in_channels(int(s.in_channels)),
        in_height(int(s.in_height)),
        in_width(int(s.in_width)),
        out_channels(int(s.out_channels)),
        out_height(int(s.out_height())),
        out_width(int(s.out_width())),
        kernel_height(int(s.kernel_height)),
        kernel_width(int(s.kernel_width)),
        stride_height(int(s.stride_height)),
        stride_width(int(s.stride_width)),
        pad_height(int(s.pad_height)),
        pad_width(int(s.pad_width)) {}
  __host__ __device__ int window() const { return in_channels * kernel_height * kernel_width; }
  __host__ __device__ int out_pixels() const { return out_height * out_width; }
  __host__ __device__ int in_pixels() const { return in_height * in_width; }
};

// x where output pixel (b, p, q)'s window has its position (c, u, v); 0 outside.
struct Pixel {
  int b, row, column;  // of the window's first position
};
struct Position {
  int c, u, v;
};
__device__ inline Pixel pixel_of(const Extents& s, int n) {
  const int b = n / s.out_pixels(), rest = n - b * s.out_pixels(), p = rest / s.out_width;
  return {b, p * s.stride_height - s.pad_height,
          (rest - p * s.out_width) * s.stride_width - s.pad_width};
}
__device__ inline Position position_of(const Extents& s, int k) {
  const int row = k / s.kernel_width, c = row / s.kernel_height;
  return {c, row - c * s.kernel_height, k - row * s.kernel_width};
}
template <class T>
__device__ inline T image_at(const Extents& s, const T* x, const Pixel& pixel,
                             const Position& position) {
  const int row = pixel.row + position.u, column = pixel.column + position.v;
  if (row < 0 || row >= s.in_height || column < 0 || column >= s.in_width) return T(0);
  return x[(Index(pixel.b) * s.in_channels + position.c) * s.in_pixels() + row * s.in_width +
           column];
}

template <class T>
struct Forward {
  using Column = Pixel;
  Extents s;
  const T *x, *w, *bias;
  Activation f;
  T* y;
  __device__ Pixel column(int n) const { return pixel_of(s, n); }
  __device__ T a(int m, int k) const { return w[Index(m) * s.window() + k]; }
  __device__ T b(int k, const Pixel& pixel) const {
    return image_at(s, x, pixel, position_of(s, k));
  }
  __device__ void store(int m, int n, int, T sum) const {
    const int b = n / s.out_pixels();
    y[(Index(b) * s.out_channels + m) * s.out_pixels() + n - b * s.out_pixels()] =
        activate(f, bias != nullptr ? sum + bias[m] : sum);
  }
};

template <class T>
struct InputGradient {
  struct Column {
    int b, row, column;  // in the frame that the windows move in
  };
  Extents s;
  const T *dy, *w;
  T* dx;
  __device__ Column column(int n) const {
    const int b = n / s.in_pixels(), rest = n - b * s.in_pixels(), row = rest / s.in_width;
    return {b, row + s.pad_height, rest - row * s.in_width + s.pad_width};
  }
  // k = (o, u, v)
  __device__ T a(int m, int k) const {
    const int kernel = s.kernel_height * s.kernel_width, o = k / kernel;
    return w[(Index(o) * s.in_channels + m) * kernel + k - o * kernel];
  }
  __device__ T b(int k, const Column& pixel) const {
    const Position position = position_of(s, k);
    const int row = pixel.row - position.u, column = pixel.column - position.v;
    if (row < 0 || column < 0) return T(0);
    const int p = row / s.stride_height, q = column / s.stride_width;
    if (p * s.stride_height != row || q * s.stride_width != column || p >= s.out_height ||
        q >= s.out_width)
      return T(0);
    return dy[(Index(pixel.b) * s.out_channels + position.c) * s.out_pixels() + p * s.out_width +
              q];
  }
  __device__ void store(int m, int n, int, T sum) const {
    const int b = n / s.in_pixels();
    dx[(Index(b) * s.in_channels + m) * s.in_pixels() + n - b * s.in_pixels()] = sum;
  }
};

template <class T>
struct WeightGradient {
  using Column = Position;
  Extents s;
  const T *dy, *x;
  T* sums;  // [slices of k, out_channels, window]
  __device__ Position column(int n) const { return position_of(s, n); }
  __device__ T a(int m, int k) const {
    const int b = k / s.out_pixels();
    return dy[(Index(b) * s.out_channels + m) * s.out_pixels() + k - b * s.out_pixels()];
  }
  __device__ T b(int k, const Position& position) const {
    return image_at(s, x, pixel_of(s, k), position);
  }
  __device__ void store(int m, int n, int part, T sum) const {
    sums[(Index(part) * s.out_channels + m) * s.window() + n] = sum;
  }
};

// Block (x, y, z) computes the x-th tile of columns and y-th of rows, over the z-th `depth` of k.
// Requires `tile_threads` threads.
template <class T, class Problem>
__global__ void __launch_bounds__(tile_threads)
    product_kernel(Problem problem, int rows, int columns, int terms, int depth) {
  __shared__ T a[slice][tile + 1];  // one more: neighboring k to different banks
  __shared__ T b[slice][tile];
  const int thread = int(threadIdx.x);
  const int first_row = int(blockIdx.y) * tile, first_column = int(blockIdx.x) * tile;
  const int begin = int(blockIdx.z) * depth;
  const int end = begin + depth < terms ? begin + depth : terms;

  // what this thread brings: one column of B every fourth k, one k of A every sixteenth row
  const int b_column = thread % tile, b_k = thread / tile;
  const int a_k = thread % slice, a_row = thread / slice;
  const bool column_there = first_column + b_column < columns;
  const auto column = problem.column(column_there ? first_column + b_column : 0);

  const int row = thread / (tile / own) * own, col = thread % (tile / own);
  T sum[own][own] = {};
  for (int k = begin; k < end; k += slice) {
    for (int i = 0; i < tile; i += tile_threads / slice) {
      const int m = first_row + a_row + i;
      a[a_k][a_row + i] = m < rows && k + a_k < end ? problem.a(m, k + a_k) : T(0);
    }
    for (int i = 0; i < slice; i += tile_threads / tile)
      b[b_k + i][b_column] =
          column_there && k + b_k + i < end ? problem.b(k + b_k + i, column) : T(0);
    __syncthreads();
    for (int i = 0; i < slice; ++i) {
      T left[own], right[own];
      for (int r = 0; r < own; ++r) left[r] = a[i][row + r];
      for (int c = 0; c < own; ++c) right[c] = b[i][col + c * (tile / own)];
      for (int r = 0; r < own; ++r)
        for (int c = 0; c < own; ++c) sum[r][c] += left[r] * right[c];
    }
    __syncthreads();
  }
  for (int r = 0; r < own; ++r)
    for (int c = 0; c < own; ++c) {
      const int m = first_row + row + r, n = first_column + col + c * (tile / own);
      if (m < rows && n < columns) problem.store(m, n, int(blockIdx.z), sum[r][c]);
    }
}

// dw = (accumulate ? dw : 0) + the slices' sums, in order
template <class T>
__global__ void add_slices_kernel(Index n, int slices, const T* sums, bool accumulate, T* dw) {
  const Index i = thread_index();
  if (i >= n) return;
  T sum = slices > 0 ? sums[i] : T(0);
  for (int part = 1; part < slices; ++part) sum += sums[part * n + i];
  dw[i] = accumulate ? dw[i] + sum : sum;
}

// ---- pooling ----

struct Windows {
  int in_height, in_width, out_height, out_width, kernel_height, kernel_width;
  int stride_height, stride_width;

  explicit Windows(const Pooling& s)
      : in_height(int(s.in_height)),
        in_width(int(s.in_width)),
        out_height(int(s.out_height())),
        out_width(int(s.out_width())),
        kernel_height(int(s.kernel_height)),
        kernel_width(int(s.kernel_width)),
        stride_height(int(s.stride_height)),
        stride_width(int(s.stride_width)) {}
  __host__ __device__ int in_pixels() const { return in_height * in_width; }
  __host__ __device__ int out_pixels() const { return out_height * out_width; }
};

// Calls visit(position within the plane of x) for the window of output i, row by row.
template <class Visit>
__device__ inline void for_window(const Windows& s, Index i, const Visit& visit) {
  const int pixel = int(i % s.out_pixels()), p = pixel / s.out_width;
  const int first = p * s.stride_height * s.in_width + (pixel - p * s.out_width) * s.stride_width;
  for (int u = 0; u < s.kernel_height; ++u)
    for (int v = 0; v < s.kernel_width; ++v) visit(first + u * s.in_width + v);
}

// Calls visit(index of the output) for the windows that hold element j of x, in the outputs' order.
template <class Visit>
__device__ inline void for_windows_over(const Windows& s, Index j, const Visit& visit) {
  const Index plane = j / s.in_pixels();
  const int pixel = int(j - plane * s.in_pixels()), row = pixel / s.in_width;
  const int column = pixel - row * s.in_width;
  const auto first = [](int at, int kernel, int stride) {
    return at < kernel ? 0 : (at - kernel) / stride + 1;
  };
  for (int p = first(row, s.kernel_height, s.stride_height);
       p <= row / s.stride_height && p < s.out_height; ++p)
    for (int q = first(column, s.kernel_width, s.stride_width);
         q <= column / s.stride_width && q < s.out_width; ++q)
      visit(plane * s.out_pixels() + p * s.out_width + q);
}

template <class T>
__global__ void max_pool_kernel(Windows s, Index n, const T* x, T* y, std::int32_t* index) {
  const Index i = thread_index();
  if (i >= n) return;
  const T* in = x + i / s.out_pixels() * s.in_pixels();
  T best = T(0);
  int where = -1;
  for_window(s, i, [&](int at) {
    const T value = in[at];
    if (where >= 0 && !(value > best || (value != value && best == best))) return;
    best = value;
    where = at;
  });
  y[i] = best;
  index[i] = where;
}

template <class T>
__global__ void max_pool_gradient_kernel(Windows s, Index n, const T* dy, const std::int32_t* index,
                                         T* dx) {
  const Index j = thread_index();
  if (j >= n) return;
  const int pixel = int(j % s.in_pixels());
  T sum = T(0);
  for_windows_over(s, j, [&](Index i) {
    if (index[i] == pixel) sum += dy[i];
  });
  dx[j] = sum;
}

template <class T>
__global__ void max_pool_pick_kernel(Windows s, Index n, const T* x, const std::int32_t* index,
                                     T* y) {
  const Index i = thread_index();
  if (i < n) y[i] = x[i / s.out_pixels() * s.in_pixels() + index[i]];
}

template <class T>
__global__ void average_pool_kernel(Windows s, Index n, const T* x, T* y) {
  const Index i = thread_index();
  if (i >= n) return;
  const T* in = x + i / s.out_pixels() * s.in_pixels();
  T sum = T(0);
  for_window(s, i, [&](int at) { sum += in[at]; });
  y[i] = sum * (T(1) / T(s.kernel_height * s.kernel_width));
}

template <class T>
__global__ void average_pool_gradient_kernel(Windows s, Index n, const T* dy, T* dx) {
  const Index j = thread_index();
  if (j >= n) return;
  const T share = T(1) / T(s.kernel_height * s.kernel_width);
  T sum = T(0);
  for_windows_over(s, j, [&](Index i) { sum += share * dy[i]; });
  dx[j] = sum;
}

// ---- launchers ----

template <class T, class Problem>
void launch_product(Stream& stream, const Problem& problem, Index rows, Index columns, Index terms,
                    Index depth, unsigned slices) {
  const Index limit = Index{1} << 31;
  UNDERSTUDY_CHECK(columns < limit && terms + depth < limit && rows <= Index{65535} * tile,
                   "convolution: a product of %lld x %lld x %lld", static_cast<long long>(rows),
                   static_cast<long long>(columns), static_cast<long long>(terms));
  launch(product_kernel<T, Problem>,
         dim3(blocks_for(columns, tile), blocks_for(rows, tile), slices), dim3(tile_threads), 0,
         stream, problem, int(rows), int(columns), int(terms), int(depth));
}

// Slices of the weight gradient's k: enough blocks for a large GPU, each with work worth its start.
int weight_slices(const Convolution& s) {
  constexpr Index wanted_blocks = 264, least_terms = 128;
  const Index window = s.in_channels * s.kernel_height * s.kernel_width;
  const Index terms = s.batch * s.out_height() * s.out_width();
  const Index tiles = Index(blocks_for(s.out_channels, tile)) * blocks_for(window, tile);
  if (tiles == 0 || terms == 0) return 0;
  const Index wanted = ceil_div(wanted_blocks, tiles);
  const Index most = ceil_div(terms, least_terms);
  return static_cast<int>(wanted < most ? wanted : most);
}

// ---- checked entries ----

template <class T>
Index workspace_elements(const Convolution& s) {
  return weight_slices(s) * s.out_channels * s.in_channels * s.kernel_height * s.kernel_width;
}

template <class T>
void forward(Stream& stream, const Convolution& s, const T* x, const T* w, const T* bias,
             Activation f, T* y, T*) {
  const Index terms = s.in_channels * s.kernel_height * s.kernel_width;
  launch_product<T>(stream, Forward<T>{Extents(s), x, w, bias, f, y}, s.out_channels,
                    s.batch * s.out_height() * s.out_width(), terms, terms, 1);
}

template <class T>
void input_gradient(Stream& stream, const Convolution& s, const T* dy, const T* w, T* dx, T*) {
  // the window's positions are taken to run over the out channels
  const Index terms = s.out_channels * s.kernel_height * s.kernel_width;
  launch_product<T>(stream, InputGradient<T>{Extents(s), dy, w, dx}, s.in_channels,
                    s.batch * s.in_height * s.in_width, terms, terms, 1);
}

template <class T>
void weight_gradient(Stream& stream, const Convolution& s, const T* dy, const T* x, T* dw,
                     bool accumulate, T* workspace) {
  const Index terms = s.batch * s.out_height() * s.out_width();
  const Index window = s.in_channels * s.kernel_height * s.kernel_width;
  const int slices = weight_slices(s);
  if (slices > 0)
    launch_product<T>(stream, WeightGradient<T>{Extents(s), dy, x, workspace}, s.out_channels,
                      window, terms, ceil_div(terms, slices), unsigned(slices));
  const Index n = s.out_channels * window;
  launch(add_slices_kernel<T>, blocks_for(n, pool_threads), pool_threads, 0, stream, n, slices,
         static_cast<const T*>(workspace), accumulate, dw);
}

template <class T>
void max_pool(Stream& stream, const Pooling& s, const T* x, T* y, std::int32_t* index) {
  const Index n = s.batch * s.channels * s.out_height() * s.out_width();
  launch(max_pool_kernel<T>, blocks_for(n, pool_threads), pool_threads, 0, stream, Windows(s), n, x,
         y, index);
}

template <class T>
void max_pool_gradient(Stream& stream, const Pooling& s, const T* dy, const std::int32_t* index,
                       T* dx) {
  const Index n = s.batch * s.channels * s.in_height * s.in_width;
  launch(max_pool_gradient_kernel<T>, blocks_for(n, pool_threads), pool_threads, 0, stream,
         Windows(s), n, dy, index, dx);
}

template <class T>
void max_pool_pick(Stream& stream, const Pooling& s, const T* x, const std::int32_t* index, T* y) {
  const Index n = s.batch * s.channels * s.out_height() * s.out_width();
  launch(max_pool_pick_kernel<T>, blocks_for(n, pool_threads), pool_threads, 0, stream, Windows(s),
         n, x, index, y);
}

template <class T>
void average_pool(Stream& stream, const Pooling& s, const T* x, T* y) {
  const Index n = s.batch * s.channels * s.out_height() * s.out_width();
  launch(average_pool_kernel<T>, blocks_for(n, pool_threads), pool_threads, 0, stream, Windows(s),
         n, x, y);
}

template <class T>
void average_pool_gradient(Stream& stream, const Pooling& s, const T* dy, T* dx) {
  const Index n = s.batch * s.channels * s.in_height * s.in_width;
  launch(average_pool_gradient_kernel<T>, blocks_for(n, pool_threads), pool_threads, 0, stream,
         Windows(s), n, dy, dx);
}

template <class T>
constexpr ConvolutionKernels<T> kernels = {.workspace_elements = workspace_elements<T>,
                                           .forward = forward<T>,
                                           .input_gradient = input_gradient<T>,
                                           .weight_gradient = weight_gradient<T>,
                                           .max_pool = max_pool<T>,
                                           .max_pool_gradient = max_pool_gradient<T>,
                                           .max_pool_pick = max_pool_pick<T>,
                                           .average_pool = average_pool<T>,
                                           .average_pool_gradient = average_pool_gradient<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<ConvolutionKernels> cuda_kernels<ConvolutionKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
