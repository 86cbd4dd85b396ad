// Reductions on CUDA.
//
//   a row a warp      inner = 1, many rows: lanes stride along the row and meet in a butterfly
//   a row a block     inner = 1, few long rows
//   a column a thread inner > 1: neighboring threads read neighboring columns
//
// Where there are few results and much to read, the axis is cut into fixed chunks whose partial
// results lie in scratch and are joined, in order, by a second launch. Nothing depends on timing.

#include "kernels/device/cuda_helpers.h"
#include "kernels/reduce/reduce.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr int block_threads = 256;

template <class T>
__device__ inline T infinity() {
  return T(INFINITY);
}

template <class T>
__device__ inline T neutral(Reduction how) {
  if (how == Reduction::maximum) return -infinity<T>();
  if (how == Reduction::minimum) return infinity<T>();
  return T(0);
}

// NaN on either side gives NaN.
template <class T>
__device__ inline T join(Reduction how, T a, T b) {
  if (how == Reduction::maximum || how == Reduction::maximum_absolute)
    return a != a || a > b ? a : b;
  if (how == Reduction::minimum) return a != a || a < b ? a : b;
  return a + b;
}

template <class T>
__device__ inline T term(Reduction how, T x) {
  if (how == Reduction::sum_of_squares) return x * x;
  if (how == Reduction::maximum_absolute) return x < T(0) ? -x : x;
  return x;
}

template <class T>
__device__ inline T warp_join(Reduction how, T value) {
  return warp_reduce(value, [how](T a, T b) { return join(how, a, b); });
}

// y[o] = op over x[o, from .. from + n) of rows of `stride`; a warp a row.
template <class T>
__global__ void row_warp_kernel(Reduction how, Index outer, Index n, const T* x, T* y,
                                bool accumulate) {
  const Index o = warp_index();
  if (o >= outer) return;
  T value = neutral<T>(how);
  for (Index j = lane_index(); j < n; j += 32) value = join(how, value, term(how, x[o * n + j]));
  value = warp_join(how, value);
  if (lane_index() == 0) y[o] = accumulate ? join(how, y[o], value) : value;
}

// Chunk blockIdx.x of row blockIdx.y; partial [rows, chunks]. Terms are already taken if `again`.
template <class T>
__global__ void row_block_kernel(Reduction how, bool again, Index n, Index chunk, Index chunks,
                                 const T* x, T* partial, bool accumulate) {
  __shared__ T shared[32];
  const Index from = Index(blockIdx.x) * chunk;
  const Index until = from + chunk < n ? from + chunk : n;
  const T* row = x + Index(blockIdx.y) * n;
  T value = neutral<T>(how);
  for (Index j = from + threadIdx.x; j < until; j += blockDim.x)
    value = join(how, value, again ? row[j] : term(how, row[j]));
  value = warp_join(how, value);
  if (lane_index() == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  value = threadIdx.x < blockDim.x / 32 ? shared[threadIdx.x] : neutral<T>(how);
  value = warp_join(how, value);
  if (threadIdx.x == 0) {
    T& to = partial[Index(blockIdx.y) * chunks + blockIdx.x];
    to = accumulate ? join(how, to, value) : value;
  }
}

// Columns: thread (i) of chunk blockIdx.y of outer index blockIdx.z; y [outer, chunks, inner].
template <class T>
__global__ void column_kernel(Reduction how, bool again, Index n, Index inner, Index chunk,
                              Index chunks, const T* x, T* y, bool accumulate) {
  const Index i = thread_index();
  if (i >= inner) return;
  const Index from = Index(blockIdx.y) * chunk;
  const Index until = from + chunk < n ? from + chunk : n;
  const T* column = x + Index(blockIdx.z) * n * inner + i;
  T value = neutral<T>(how);
  for (Index j = from; j < until; ++j)
    value = join(how, value, again ? column[j * inner] : term(how, column[j * inner]));
  T& to = y[(Index(blockIdx.z) * chunks + blockIdx.y) * inner + i];
  to = accumulate ? join(how, to, value) : value;
}

template <class T>
__global__ void argmax_kernel(Index outer, Index n, Index inner, const T* x, std::int32_t* index) {
  const Index at = thread_index();
  if (at >= outer * inner) return;
  const T* column = x + at / inner * n * inner + at % inner;
  Index best = 0;
  T champion = column[0];
  for (Index j = 1; j < n && champion == champion; ++j) {
    const T rival = column[j * inner];
    if (rival > champion || rival != rival) {
      champion = rival;
      best = j;
    }
  }
  index[at] = std::int32_t(best);
}

// Chunks so that `results` sums keep the device busy: from sizes alone. At most what scratch holds.
template <class T>
Index chunk_count(Stream& stream, Index results, Index n) {
  constexpr Index enough_results = 4096, smallest_chunk = 1024;
  if (results >= enough_results || n <= smallest_chunk) return 1;
  const Index fitting =
      static_cast<Index>(stream.scratch_bytes / sizeof(T)) / (results > 0 ? results : 1);
  Index chunks = ceil_div(n, smallest_chunk);
  if (chunks > 256) chunks = 256;
  return chunks > fitting ? fitting : chunks;
}

template <class T>
void reduce(Stream& stream, Reduction how, Index outer, Index n, Index inner, const T* x, T* y,
            bool accumulate) {
  const Index results = outer * inner;
  if (results == 0) return;
  const Index chunks = chunk_count<T>(stream, results, n);
  T* partial = reinterpret_cast<T*>(stream.scratch);
  // Grids are at most 65,535 high and deep: many outer indices go in several launches.
  constexpr Index most = 65535;

  if (inner == 1 && (chunks <= 1 || outer > most)) {
    launch(row_warp_kernel<T>, dim3(blocks_for(outer, block_threads / 32)), dim3(block_threads), 0,
           stream, how, outer, n, x, y, accumulate);
    return;
  }
  if (inner == 1) {
    const Index chunk = ceil_div(n, chunks);
    launch(row_block_kernel<T>, dim3(unsigned(chunks), unsigned(outer)), dim3(block_threads), 0,
           stream, how, false, n, chunk, chunks, x, partial, false);
    launch(row_block_kernel<T>, dim3(1, unsigned(outer)), dim3(block_threads), 0, stream, how, true,
           chunks, chunks, Index(1), static_cast<const T*>(partial), y, accumulate);
    return;
  }
  const unsigned wide = blocks_for(inner, block_threads);
  for (Index done = 0; done < outer; done += most) {
    const unsigned now = unsigned(outer - done < most ? outer - done : most);
    const T* from = x + done * n * inner;
    T* to = y + done * inner;
    if (chunks <= 1) {
      launch(column_kernel<T>, dim3(wide, 1, now), dim3(block_threads), 0, stream, how, false, n,
             inner, n, Index(1), from, to, accumulate);
      continue;
    }
    const Index chunk = ceil_div(n, chunks);
    launch(column_kernel<T>, dim3(wide, unsigned(chunks), now), dim3(block_threads), 0, stream, how,
           false, n, inner, chunk, chunks, from, partial, false);
    launch(column_kernel<T>, dim3(wide, 1, now), dim3(block_threads), 0, stream, how, true, chunks,
           inner, chunks, Index(1), static_cast<const T*>(partial), to, accumulate);
  }
}

template <class T>
void argmax(Stream& stream, Index outer, Index n, Index inner, const T* x, std::int32_t* index) {
  launch(argmax_kernel<T>, dim3(blocks_for(outer * inner, block_threads)), dim3(block_threads), 0,
         stream, outer, n, inner, x, index);
}

template <class T>
constexpr ReduceKernels<T> kernels = {reduce<T>, argmax<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<ReduceKernels> cuda_kernels<ReduceKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
