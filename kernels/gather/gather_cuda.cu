// Moving rows and elements by index, on CUDA.
//
// A thread an element of the output, neighbors in memory on neighboring threads. scatter_rows is
// written as a gather too: a block owns a row of the table and looks through all indices for its
// own, so that sums are taken in the order of i without atomics, the same bits every time. It reads
// the indices once for every row of the table; they are four bytes each and stay in L2.

#include "kernels/device/cuda_helpers.h"
#include "kernels/gather/gather.h"

namespace understudy::cuda {
namespace {

using Index = std::int64_t;

constexpr unsigned block_threads = 256;
constexpr int scatter_warps = 4;

__device__ inline bool within(std::int32_t index, Index n) { return 0 <= index && index < n; }

template <class T>
__device__ inline T not_a_number() {
  return T(__builtin_nanf(""));
}

// y[rows, width], table[table_rows, width], index[rows]
template <class From, class T>
__global__ void gather_rows_kernel(Index rows, Index width, Index table_rows, const From* table,
                                   const std::int32_t* index, T* y) {
  const Index element = thread_index();
  if (element >= rows * width) return;
  const Index i = element / width;
  const std::int32_t row = index[i];
  y[element] =
      within(row, table_rows) ? T(table[row * width + (element - i * width)]) : not_a_number<T>();
}

// Block (r, s) sums row r of the table in the s-th strip of columns, a thread a column. Each turn
// tests as many indices as there are threads; the ballots say which rows of x to add, in order.
template <class T>
__global__ void scatter_rows_kernel(Index rows, Index width, const T* x, const std::int32_t* index,
                                    T* table) {
  __shared__ unsigned matches[scatter_warps];
  const Index row = blockIdx.x;
  const Index column = Index(blockIdx.y) * blockDim.x + threadIdx.x;
  T sum = column < width ? table[row * width + column] : T(0);
  for (Index base = 0; base < rows; base += blockDim.x) {
    const Index i = base + threadIdx.x;
    const unsigned found = __ballot_sync(whole_warp, i < rows && index[i] == row);
    if (threadIdx.x % 32 == 0) matches[threadIdx.x / 32] = found;
    __syncthreads();
    for (int warp = 0; warp < scatter_warps; ++warp) {
      for (unsigned left = matches[warp]; left != 0; left &= left - 1) {
        const Index match = base + 32 * warp + __ffs(static_cast<int>(left)) - 1;
        if (column < width) sum += x[match * width + column];
      }
    }
    __syncthreads();  // before the next turn's ballots
  }
  if (column < width) table[row * width + column] = sum;
}

template <class T>
__global__ void take_along_axis_kernel(Index rows, Index n, const T* x, const std::int32_t* index,
                                       T* y) {
  const Index i = thread_index();
  if (i >= rows) return;
  y[i] = within(index[i], n) ? x[i * n + index[i]] : not_a_number<T>();
}

// x null: ones.
template <class T>
__global__ void scatter_kernel(Index rows, Index n, const T* x, const std::int32_t* index, T* y) {
  const Index element = thread_index();
  if (element >= rows * n) return;
  const Index i = element / n;
  const bool here = element - i * n == index[i];
  y[element] = here ? (x != nullptr ? x[i] : T(1)) : T(0);
}

template <class T>
void gather_rows(Stream& stream, Index rows, Index width, Index table_rows, const T* table,
                 const std::int32_t* index, T* y) {
  launch(gather_rows_kernel<T, T>, dim3(blocks_for(rows * width, block_threads)),
         dim3(block_threads), 0, stream, rows, width, table_rows, table, index, y);
}

template <class T>
void gather_bytes(Stream& stream, Index rows, Index width, Index table_rows,
                  const std::uint8_t* table, const std::int32_t* index, T* y) {
  launch(gather_rows_kernel<std::uint8_t, T>, dim3(blocks_for(rows * width, block_threads)),
         dim3(block_threads), 0, stream, rows, width, table_rows, table, index, y);
}

template <class T>
void scatter_rows(Stream& stream, Index rows, Index width, Index table_rows, const T* x,
                  const std::int32_t* index, T* table) {
  if (rows == 0) return;
  constexpr unsigned threads = 32 * scatter_warps;
  const Index strips = ceil_div(width, threads);
  UNDERSTUDY_CHECK(table_rows < (Index{1} << 31) && strips < 65536,
                   "scatter_rows: a table of %lld x %lld", static_cast<long long>(table_rows),
                   static_cast<long long>(width));
  launch(scatter_rows_kernel<T>, dim3(unsigned(table_rows), unsigned(strips)), dim3(threads), 0,
         stream, rows, width, x, index, table);
}

template <class T>
void take_along_axis(Stream& stream, Index rows, Index n, const T* x, const std::int32_t* index,
                     T* y) {
  launch(take_along_axis_kernel<T>, dim3(blocks_for(rows, block_threads)), dim3(block_threads), 0,
         stream, rows, n, x, index, y);
}

template <class T>
void scatter(Stream& stream, Index rows, Index n, const T* x, const std::int32_t* index, T* y) {
  launch(scatter_kernel<T>, dim3(blocks_for(rows * n, block_threads)), dim3(block_threads), 0,
         stream, rows, n, x, index, y);
}

template <class T>
void one_hot(Stream& stream, Index rows, Index n, const std::int32_t* index, T* y) {
  const T* ones = nullptr;
  launch(scatter_kernel<T>, dim3(blocks_for(rows * n, block_threads)), dim3(block_threads), 0,
         stream, rows, n, ones, index, y);
}

template <class T>
constexpr GatherKernels<T> kernels = {gather_rows<T>,     gather_bytes<T>, scatter_rows<T>,
                                      take_along_axis<T>, scatter<T>,      one_hot<T>};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<GatherKernels> cuda_kernels<GatherKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
