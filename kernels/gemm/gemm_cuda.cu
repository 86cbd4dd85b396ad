// The matrix product on CUDA.
//
//   tile        a block of threads computes a tile of C: strips of A and B go through shared
//               memory, each thread keeps TM x TN sums in registers, and the next strips are
//               loaded while it works on these. The epilogue is applied to the complete sum.
//   split k     with few tiles and a long sum (dW = X^T dY), blocks take parts of k and leave
//               partial sums in scratch; a second kernel adds them in order and applies the
//               epilogue
//   cuBLAS      for products that are large in every direction
//
// Which one, by shape alone (the bounds are reckoned from a GPU's multiprocessors, not measured):
//
//   cuBLAS      m, n, k >= 256, and it is installed, and G is not C
//   tiles       the largest of 128 x 128 (f32), 64 x 64, 32 x 32 that makes at least 128 blocks,
//               about one for each multiprocessor of a data-center GPU; else the smallest
//   split k     if that makes fewer than 128 blocks and k >= 512: parts of at least 256, until
//               there are 256 blocks or scratch is full
//
// Stream::precision: tf32 and bf16 are cuBLAS's tensor cores. Our own kernels know bf16 too, by
// rounding what they put into shared memory: no faster, but every shape then means the same, and
// the rounding is seen where there is no GPU.
//
// The same shapes give the same bits every time: no atomics, every sum in a fixed order.

#include <initializer_list>
#include <type_traits>

#include "kernels/device/cuda_helpers.h"
#include "kernels/gemm/activation_cuda.h"
#include "kernels/gemm/gemm.h"

#if defined(__CUDACC__)
#include <dlfcn.h>
#endif

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr Index enough_blocks = 128;

constexpr Index smaller(Index a, Index b) { return a < b ? a : b; }

// C[item][i, j] from its complete sum.
template <class T>
__device__ inline void finish(const Gemm<T>& p, Index item, Index i, Index j, T sum) {
  T* c = p.c + item * p.stride_c + i * p.ldc + j;
  if (p.accumulate) sum += *c;
  if (p.bias != nullptr) sum += p.bias[j];
  T value = activate(p.activation, sum);
  if (p.gradient_of != nullptr)
    value *= activation_derivative(p.gradient_activation,
                                   p.gradient_of[item * p.stride_g + i * p.ldg + j]);
  *c = value;
}

// To bf16's 8 significant bits and back, to nearest, ties to even. Infinities and NaN stay.
__device__ inline float rounded_to_bf16(float x) {
  std::uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
  float rounded;
  memcpy(&rounded, &bits, sizeof rounded);
  return x == x ? rounded : x;
}
__device__ inline double rounded_to_bf16(double x) { return x; }

// Block (x, y, z): tile x of rows, tile y of columns; z counts parts of k within products of the
// batch, of which it takes every (gridDim.z / parts)-th. With one part the epilogue is applied;
// with several, `partial` [part][item][m][n] gets the sums.
//
// TRANS_A and TRANS_B say which operands are stored transposed. BM x BN is the tile, BK the depth
// of a strip, TM x TN a thread's sums, in runs of four neighbors so that shared memory is read
// four at a time.
template <class T, int BM, int BN, int BK, int TM, int TN, bool TRANS_A, bool TRANS_B>
__global__ void __launch_bounds__((BM / TM) * (BN / TN), 512 / ((BM / TM) * (BN / TN)))
    tile_kernel(Gemm<T> p, bool bf16, Index parts, Index part_length, T* partial) {
  constexpr int threads = (BM / TM) * (BN / TN), across = BN / TN, down = BM / TM;
  constexpr int loads_a = BM * BK / threads, loads_b = BN * BK / threads;
  static_assert(BM * BK % threads == 0 && BN * BK % threads == 0 && TM % 4 == 0 && TN % 4 == 0);
  // a strip's row is one step of k; four more keep the runs aligned and off the same banks
  alignas(16) __shared__ T strip_a[BK][BM + 4];
  alignas(16) __shared__ T strip_b[BK][BN + 4];

  const int thread = int(threadIdx.x), tx = thread % across, ty = thread / across;
  const Index m0 = Index(blockIdx.x) * BM, n0 = Index(blockIdx.y) * BN;
  const int rows = int(p.m - m0 < BM ? p.m - m0 : BM), columns = int(p.n - n0 < BN ? p.n - n0 : BN);
  // a strip as stored: its width, the thread's place in it, and how many rows lie between its loads
  constexpr int width_a = TRANS_A ? BM : BK, apart_a = threads / width_a;
  constexpr int width_b = TRANS_B ? BK : BN, apart_b = threads / width_b;
  static_assert(threads % width_a == 0 && threads % width_b == 0);
  const int row_a = thread / width_a, column_a = thread % width_a;
  const int row_b = thread / width_b, column_b = thread % width_b;
  const Index part = Index(blockIdx.z) % parts;
  const Index k0 = part * part_length;
  const Index k1 = k0 + part_length < p.k ? k0 + part_length : p.k;

  for (Index item = Index(blockIdx.z) / parts; item < p.batch; item += gridDim.z / parts) {
    const T* a = p.a + item * p.stride_a;
    const T* b = p.b + item * p.stride_b;
    T sum[TM][TN] = {};
    T next_a[loads_a], next_b[loads_b];

    // Neighboring threads read neighboring elements, whichever way the operand lies. A thread's
    // loads differ in the row of the operand as stored alone, so that one pointer serves all.
    const T* from_a =
        a + (TRANS_A ? (k0 + row_a) * p.lda + m0 + column_a : (m0 + row_a) * p.lda + k0 + column_a);
    const T* from_b =
        b + (TRANS_B ? (n0 + row_b) * p.ldb + k0 + column_b : (k0 + row_b) * p.ldb + n0 + column_b);
    const auto fetch = [&](Index k) {
      const int steps = int(k1 - k < BK ? k1 - k : BK);
      const int last_row_a = TRANS_A ? steps : rows, last_row_b = TRANS_B ? columns : steps;
      const bool in_a = column_a < (TRANS_A ? rows : steps);
      const bool in_b = column_b < (TRANS_B ? steps : columns);
      UNDERSTUDY_UNROLL
      for (int load = 0; load < loads_a; ++load)
        next_a[load] =
            in_a && row_a + load * apart_a < last_row_a ? from_a[load * apart_a * p.lda] : T(0);
      UNDERSTUDY_UNROLL
      for (int load = 0; load < loads_b; ++load)
        next_b[load] =
            in_b && row_b + load * apart_b < last_row_b ? from_b[load * apart_b * p.ldb] : T(0);
      from_a += TRANS_A ? BK * p.lda : BK;
      from_b += TRANS_B ? BK : BK * p.ldb;
    };

    fetch(k0);
    for (Index k = k0; k < k1; k += BK) {
      UNDERSTUDY_UNROLL
      for (int load = 0; load < loads_a; ++load)
        strip_a[TRANS_A ? row_a + load * apart_a : column_a]
               [TRANS_A ? column_a : row_a + load * apart_a] =
                   bf16 ? rounded_to_bf16(next_a[load]) : next_a[load];
      UNDERSTUDY_UNROLL
      for (int load = 0; load < loads_b; ++load)
        strip_b[TRANS_B ? column_b : row_b + load * apart_b]
               [TRANS_B ? row_b + load * apart_b : column_b] =
                   bf16 ? rounded_to_bf16(next_b[load]) : next_b[load];
      __syncthreads();
      if (k + BK < k1) fetch(k + BK);
      UNDERSTUDY_UNROLL
      for (int step = 0; step < BK; ++step) {
        T left[TM], right[TN];
        UNDERSTUDY_UNROLL
        for (int i = 0; i < TM; ++i) left[i] = strip_a[step][i / 4 * 4 * down + ty * 4 + i % 4];
        UNDERSTUDY_UNROLL
        for (int j = 0; j < TN; ++j) right[j] = strip_b[step][j / 4 * 4 * across + tx * 4 + j % 4];
        UNDERSTUDY_UNROLL
        for (int i = 0; i < TM; ++i) UNDERSTUDY_UNROLL
        for (int j = 0; j < TN; ++j) sum[i][j] += left[i] * right[j];
      }
      __syncthreads();  // before the strips are overwritten
    }

    UNDERSTUDY_UNROLL
    for (int i = 0; i < TM; ++i) {
      const int row = i / 4 * 4 * down + ty * 4 + i % 4;
      if (row >= rows) continue;
      UNDERSTUDY_UNROLL
      for (int j = 0; j < TN; ++j) {
        const int column = j / 4 * 4 * across + tx * 4 + j % 4;
        if (column >= columns) continue;
        if (parts == 1)
          finish(p, item, m0 + row, n0 + column, sum[i][j]);
        else
          partial[((part * p.batch + item) * p.m + m0 + row) * p.n + n0 + column] = sum[i][j];
      }
    }
  }
}

// A thread an element: the parts' sums in order.
template <class T>
__global__ void add_parts_kernel(Gemm<T> p, Index parts, const T* partial) {
  const Index sums = p.batch * p.m * p.n;
  const Index e = thread_index();
  if (e >= sums) return;
  T sum = partial[e];
  for (Index part = 1; part < parts; ++part) sum += partial[part * sums + e];
  finish(p, e / (p.m * p.n), e / p.n % p.m, e % p.n, sum);
}

template <class T, int BM, int BN, int BK, int TM, int TN>
void launch_tiles(Stream& stream, const Gemm<T>& p) {
  const Index rows = ceil_div(p.m, BM), columns = ceil_div(p.n, BN);
  UNDERSTUDY_CHECK(rows < (Index{1} << 31) && columns < 65536, "gemm: %lld x %lld",
                   static_cast<long long>(p.m), static_cast<long long>(p.n));
  const Index blocks = rows * columns * p.batch, sums = p.batch * p.m * p.n;
  Index parts = 1;
  if (blocks < enough_blocks && p.k >= 512) {
    const Index most_parts = Index(Stream::minimum_scratch / sizeof(T)) / sums;
    parts = smaller(smaller(p.k / 256, ceil_div(2 * enough_blocks, blocks)), most_parts);
    if (parts < 1) parts = 1;
  }
  // whole strips, so that no part begins within one
  const Index length = ceil_div(ceil_div(p.k, parts), BK) * BK;
  if (parts > 1) parts = ceil_div(p.k, length);
  T* partial = parts > 1 ? reinterpret_cast<T*>(stream.scratch) : nullptr;
  const Index items = smaller(p.batch, 65535 / parts);
  const auto start = [&](auto kernel) {
    launch(kernel, dim3(unsigned(rows), unsigned(columns), unsigned(items * parts)),
           dim3((BM / TM) * (BN / TN)), 0, stream, p, stream.precision == Precision::bf16, parts,
           length, partial);
  };
  if (p.transpose_a && p.transpose_b)
    start(tile_kernel<T, BM, BN, BK, TM, TN, true, true>);
  else if (p.transpose_a)
    start(tile_kernel<T, BM, BN, BK, TM, TN, true, false>);
  else if (p.transpose_b)
    start(tile_kernel<T, BM, BN, BK, TM, TN, false, true>);
  else
    start(tile_kernel<T, BM, BN, BK, TM, TN, false, false>);
  if (parts > 1)
    launch(add_parts_kernel<T>, dim3(blocks_for(sums, 256)), dim3(256), 0, stream, p, parts,
           static_cast<const T*>(partial));
}

#if defined(__CUDACC__)

// ---- cuBLAS, where it is installed ----
//
// Found at the first large product, so that no program needs it to start. Its few functions are
// declared here with C's types for its handles and enumerations.

struct Blas {
  using Handle = void*;
  int (*create)(Handle*);
  int (*set_stream)(Handle, cudaStream_t);
  int (*set_workspace)(Handle, void*, std::size_t);
  int (*set_math_mode)(Handle, int);
  int (*sgemm)(Handle, int, int, int, int, int, const float*, const float*, int, long long,
               const float*, int, long long, const float*, float*, int, long long, int);
  int (*dgemm)(Handle, int, int, int, int, int, const double*, const double*, int, long long,
               const double*, int, long long, const double*, double*, int, long long, int);
  // the types of numbers and of sums as their enumerations' values
  int (*gemm_ex)(Handle, int, int, int, int, int, const void*, const void*, int, int, long long,
                 const void*, int, int, long long, const void*, void*, int, int, long long, int,
                 int, int);
  Handle handle = nullptr;  // null: not here

  Blas() {
    void* library = nullptr;
    for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"})
      if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    const auto find = [&](auto& function, const char* name) {
      using Function = std::remove_reference_t<decltype(function)>;
      function = reinterpret_cast<Function>(dlsym(library, name));
      return function != nullptr;
    };
    if (!(find(create, "cublasCreate_v2") && find(set_stream, "cublasSetStream_v2") &&
          find(set_workspace, "cublasSetWorkspace_v2") &&
          find(set_math_mode, "cublasSetMathMode") && find(sgemm, "cublasSgemmStridedBatched") &&
          find(dgemm, "cublasDgemmStridedBatched") && find(gemm_ex, "cublasGemmStridedBatchedEx")))
      return;
    // Allocates, so never while a stream is captured: what is captured has run once (graph.h).
    Handle made = nullptr;
    if (create(&made) == 0) handle = made;
  }

  // Numbers stay f32 in memory (CUDA_R_32F); CUBLAS_COMPUTE_32F_FAST_16BF rounds them on the way.
  int gemm_bf16(int ta, int tb, int m, int n, int k, const float* alpha, const float* a, int lda,
                long long sa, const float* b, int ldb, long long sb, const float* beta, float* c,
                int ldc, long long sc, int batch) {
    constexpr int f32 = 0, fast_bf16 = 75, any_algorithm = -1;
    return gemm_ex(handle, ta, tb, m, n, k, alpha, a, f32, lda, sa, b, f32, ldb, sb, beta, c, f32,
                   ldc, sc, batch, fast_bf16, any_algorithm);
  }
  int gemm_bf16(int ta, int tb, int m, int n, int k, const double* alpha, const double* a, int lda,
                long long sa, const double* b, int ldb, long long sb, const double* beta, double* c,
                int ldc, long long sc, int batch) {
    return dgemm(handle, ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);
  }
  int gemm(int ta, int tb, int m, int n, int k, const float* alpha, const float* a, int lda,
           long long sa, const float* b, int ldb, long long sb, const float* beta, float* c,
           int ldc, long long sc, int batch) {
    return sgemm(handle, ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);
  }
  int gemm(int ta, int tb, int m, int n, int k, const double* alpha, const double* a, int lda,
           long long sa, const double* b, int ldb, long long sb, const double* beta, double* c,
           int ldc, long long sc, int batch) {
    return dgemm(handle, ta, tb, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);
  }
};

// The epilogue over a C that holds complete sums, accumulation included.
template <class T>
__global__ void epilogue_kernel(Gemm<T> p) {
  const Index e = thread_index();
  if (e >= p.batch * p.m * p.n) return;
  const Index item = e / (p.m * p.n), i = e / p.n % p.m, j = e % p.n;
  finish(p, item, i, j, p.c[item * p.stride_c + i * p.ldc + j]);
}

// False where the product is not for cuBLAS.
template <class T>
bool multiply_by_library(Stream& stream, const Gemm<T>& p) {
  constexpr Index most = (Index{1} << 31) - 1, large = 256;
  if (p.m < large || p.n < large || p.k < large || p.gradient_of == p.c) return false;
  const Index sizes[] = {p.m, p.n, p.k, p.lda, p.ldb, p.ldc, p.batch, p.batch * p.m * p.n / 256};
  for (Index size : sizes)
    if (size > most) return false;
  static Blas blas;
  if (blas.handle == nullptr) return false;
  constexpr int usual = 0, pedantic = 2, tf32 = 3;
  int status = blas.set_stream(blas.handle, static_cast<cudaStream_t>(stream.native));
  // its own memory would be allocated behind our back, and not survive in a graph
  if (status == 0)
    status = blas.set_workspace(blas.handle, stream.scratch, Stream::minimum_scratch);
  if (status == 0)
    status = blas.set_math_mode(blas.handle, stream.precision == Precision::tf32   ? tf32
                                             : stream.precision == Precision::bf16 ? usual
                                                                                   : pedantic);
  const T one = 1, zero = 0;
  // Column-major, C^T = op(B)^T op(A)^T: the operands change places and nothing else.
  const auto multiply = [&](auto function) {
    return (blas.*function)(p.transpose_b ? 1 : 0, p.transpose_a ? 1 : 0, int(p.n), int(p.m),
                            int(p.k), &one, p.b, int(p.ldb), p.stride_b, p.a, int(p.lda),
                            p.stride_a, p.accumulate ? &one : &zero, p.c, int(p.ldc), p.stride_c,
                            int(p.batch));
  };
  using Function = int (Blas::*)(int, int, int, int, int, const T*, const T*, int, long long,
                                 const T*, int, long long, const T*, T*, int, long long, int);
  if (status == 0)
    status = multiply(stream.precision == Precision::bf16 ? Function(&Blas::gemm_bf16)
                                                          : Function(&Blas::gemm));
  UNDERSTUDY_CHECK(status == 0, "cuBLAS: status %d", status);
  if (p.bias != nullptr || p.activation != Activation::none || p.gradient_of != nullptr) {
    Gemm<T> rest = p;
    rest.accumulate = false;
    launch(epilogue_kernel<T>, dim3(blocks_for(p.batch * p.m * p.n, 256)), dim3(256), 0, stream,
           rest);
  }
  return true;
}

#else

// The emulator runs our own kernels.
template <class T>
bool multiply_by_library(Stream&, const Gemm<T>&) {
  return false;
}

#endif

template <class T>
void gemm(Stream& stream, const Gemm<T>& p) {
  if (p.m <= 0 || p.n <= 0 || p.batch <= 0) return;
  if (multiply_by_library(stream, p)) return;
  const auto blocks = [&](Index tile) {
    return ceil_div(p.m, tile) * ceil_div(p.n, tile) * p.batch;
  };
  if (sizeof(T) == 4 && blocks(128) >= enough_blocks) {
    // 8 x 8 doubles would not leave room for two blocks' registers
    if constexpr (sizeof(T) == 4) launch_tiles<T, 128, 128, 8, 8, 8>(stream, p);
  } else if (blocks(64) >= enough_blocks) {
    launch_tiles<T, 64, 64, 16, 4, 4>(stream, p);
  } else {
    launch_tiles<T, 32, 32, 16, 4, 4>(stream, p);
  }
}

template <class T>
constexpr GemmKernels<T> kernels = {gemm<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<GemmKernels> cuda_kernels<GemmKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
