// Philox on CUDA: a thread encrypts one counter and makes its four (f32) or two (f64) draws.

#include "kernels/device/cuda_helpers.h"
#include "kernels/random/draw.h"
#include "kernels/random/random.h"

namespace understudy::cuda {

namespace {

using Index = std::int64_t;
constexpr int block_threads = 256;

// Every step rounds once, as written (see draw.h).
template <class T>
struct Ops;

template <>
struct Ops<float> {
  using Scalar = float;
  using Value = float;
  using Bits = std::uint32_t;
  using Word = std::uint32_t;

  static __device__ __forceinline__ float number(float value) { return value; }
  static __device__ __forceinline__ Bits pattern(Bits bits) { return bits; }
  static __device__ __forceinline__ Bits bits(float value) { return __float_as_uint(value); }
  static __device__ __forceinline__ float value(Bits bits) { return __uint_as_float(bits); }
  static __device__ __forceinline__ float root(float a) { return __fsqrt_rn(a); }
  static __device__ __forceinline__ float fused(float a, float b, float c) {
    return __fmaf_rn(a, b, c);
  }
  static __device__ __forceinline__ Word multiply(Word a, std::uint32_t b, Word& high) {
    high = __umulhi(a, b);
    return a * b;
  }
};

template <>
struct Ops<double> {
  using Scalar = double;
  using Value = double;
  using Bits = std::uint64_t;
  using Word = std::uint32_t;

  static __device__ __forceinline__ double number(double value) { return value; }
  static __device__ __forceinline__ Bits pattern(Bits bits) { return bits; }
  static __device__ __forceinline__ Bits bits(double value) {
    return static_cast<Bits>(__double_as_longlong(value));
  }
  static __device__ __forceinline__ double value(Bits bits) {
    return __longlong_as_double(static_cast<long long>(bits));
  }
  static __device__ __forceinline__ double root(double a) { return __dsqrt_rn(a); }
  static __device__ __forceinline__ double fused(double a, double b, double c) {
    return __fma_rn(a, b, c);
  }
};

enum class Kind { uniform, normal, gumbel };

struct Block {
  std::uint32_t word[4];
};

__device__ __forceinline__ Block encrypt(const RandomState& state, std::uint64_t index) {
  Block block = {{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                  static_cast<std::uint32_t>(state.stream),
                  static_cast<std::uint32_t>(state.stream >> 32)}};
  Draw<Ops<float>>::philox(block.word[0], block.word[1], block.word[2], block.word[3], state.seed);
  return block;
}

template <Kind kind, class T>
__device__ __forceinline__ void draw_pair(typename Ops<T>::Bits a, typename Ops<T>::Bits b, T* y) {
  using D = Draw<Ops<T>>;
  if constexpr (kind == Kind::uniform) {
    y[0] = D::uniform(a);
    y[1] = D::uniform(b);
  } else if constexpr (kind == Kind::normal) {
    D::normals(a, b, y[0], y[1]);
  } else {
    y[0] = D::gumbel(a);
    y[1] = D::gumbel(b);
  }
}

template <class T>
constexpr int block_elements = sizeof(T) == 4 ? 4 : 2;

// All draws of one block.
template <Kind kind, class T>
__device__ __forceinline__ void draw_block(const RandomState& state, std::uint64_t index,
                                           T (&y)[block_elements<T>]) {
  const Block block = encrypt(state, index);
  const std::uint32_t* word = block.word;
  if constexpr (sizeof(T) == 4) {
    draw_pair<kind, T>(word[0], word[1], y);
    draw_pair<kind, T>(word[2], word[3], y + 2);
  } else {
    draw_pair<kind, T>(std::uint64_t{word[1]} << 32 | word[0],
                       std::uint64_t{word[3]} << 32 | word[2], y);
  }
}

// Thread t makes block first / elements + t and writes what of it lies within [first, first + n).
template <Kind kind, class T>
__global__ void draw_kernel(RandomState state, const std::uint64_t* counter, std::uint64_t skip,
                            Index first, Index n, T* y) {
  constexpr int elements = block_elements<T>;
  const Index begin_block = first / elements;
  const Index blocks = (first + n + elements - 1) / elements - begin_block;
  const std::uint64_t offset = *counter + skip;
  for (Index b = thread_index(); b < blocks; b += grid_threads()) {
    T values[elements];
    draw_block<kind, T>(state, offset + static_cast<std::uint64_t>(begin_block + b), values);
    const Index at = (begin_block + b) * elements - first;
    for (int i = 0; i < elements; ++i)
      if (at + i >= 0 && at + i < n) y[at + i] = values[i];
  }
}

// A warp a row. Of equal values the first wins, so that the result does not depend on which lane
// found it.
template <class T>
__global__ void categorical_kernel(RandomState state, const std::uint64_t* counter,
                                   std::uint64_t skip, Index first, Index rows, Index n, const T* x,
                                   std::int32_t* index) {
  constexpr int elements = block_elements<T>;
  const std::uint64_t offset = *counter + skip;
  const int lane = lane_index();
  for (Index row = warp_index(); row < rows; row += grid_warps()) {
    const Index begin = first + row * n;  // element of the row's first column
    T best = -static_cast<T>(INFINITY);
    Index best_at = n;
    for (Index block = begin / elements + lane; block * elements < begin + n; block += 32) {
      T noise[elements];
      draw_block<Kind::gumbel, T>(state, offset + static_cast<std::uint64_t>(block), noise);
      for (int i = 0; i < elements; ++i) {
        const Index j = block * elements + i - begin;
        if (j < 0 || j >= n) continue;
        const T value = x[row * n + j] + noise[i];
        if (value > best) {
          best = value;
          best_at = j;
        }
      }
    }
    for (int distance = 16; distance > 0; distance /= 2) {
      const T other = __shfl_xor_sync(whole_warp, best, distance);
      const Index other_at = __shfl_xor_sync(whole_warp, best_at, distance);
      if (other > best || (other == best && other_at < best_at)) {
        best = other;
        best_at = other_at;
      }
    }
    // where nothing was above -infinity, nothing was found
    if (lane == 0) index[row] = best_at == n ? 0 : static_cast<std::int32_t>(best_at);
  }
}

// Short permutations, by one thread: at most `most_shuffled` exchanges.
__global__ void shuffle_kernel(RandomState state, const std::uint64_t* counter, std::uint64_t skip,
                               int n, std::int32_t* index) {
  const std::uint64_t offset = *counter + skip;
  for (int i = 0; i < n; ++i) index[i] = i;
  Block block = {};
  for (int i = n - 1; i > 0; --i) {
    if (i == n - 1 || i % 4 == 3)
      block = encrypt(state, offset + static_cast<std::uint64_t>(i / 4));
    const int j = static_cast<int>(__umulhi(block.word[i % 4], static_cast<std::uint32_t>(i + 1)));
    const std::int32_t moved = index[i];
    index[i] = index[j];
    index[j] = moved;
  }
}

__global__ void permutation_kernel(RandomState state, const std::uint64_t* counter,
                                   std::uint64_t skip, std::uint32_t n, int bits,
                                   std::int32_t* index) {
  std::uint32_t keys[12];
  const std::uint64_t offset = *counter + skip;
  for (int b = 0; b < 3; ++b) {
    const Block block = encrypt(state, offset + static_cast<std::uint64_t>(b));
    for (int i = 0; i < 4; ++i) keys[4 * b + i] = block.word[i];
  }
  for (Index i = thread_index(); i < n; i += grid_threads()) {
    std::uint32_t value = static_cast<std::uint32_t>(i);
    do value = feistel_walk(value, bits, keys);
    while (value >= n);
    index[i] = static_cast<std::int32_t>(value);
  }
}

__global__ void advance_kernel(std::uint64_t* counter, std::uint64_t blocks) { *counter += blocks; }

unsigned grid_for(Index work) { return stride_blocks_for(work, block_threads); }

template <Kind kind, class T>
void draw(Stream& stream, RandomState state, const std::uint64_t* counter, std::uint64_t skip,
          Index first, Index n, T* y) {
  if (n == 0) return;
  launch(draw_kernel<kind, T>, grid_for(n / block_elements<T> + 2), block_threads, 0, stream, state,
         counter, skip, first, n, y);
}

template <class T>
void categorical(Stream& stream, RandomState state, const std::uint64_t* counter,
                 std::uint64_t skip, Index first, Index rows, Index n, const T* x,
                 std::int32_t* index) {
  launch(categorical_kernel<T>, grid_for(rows * 32), block_threads, 0, stream, state, counter, skip,
         first, rows, n, x, index);
}

void permutation(Stream& stream, RandomState state, const std::uint64_t* counter,
                 std::uint64_t skip, Index n, std::int32_t* index) {
  if (n == 0) return;
  if (n <= most_shuffled) {
    launch(shuffle_kernel, 1, 1, 0, stream, state, counter, skip, static_cast<int>(n), index);
    return;
  }
  int bits = 0;
  while ((Index{1} << bits) < n) ++bits;
  launch(permutation_kernel, grid_for(n), block_threads, 0, stream, state, counter, skip,
         static_cast<std::uint32_t>(n), bits, index);
}

void advance(Stream& stream, std::uint64_t* counter, std::uint64_t blocks) {
  launch(advance_kernel, 1, 1, 0, stream, counter, blocks);
}

template <class T>
constexpr RandomKernels<T> kernels = {.uniform = draw<Kind::uniform, T>,
                                      .normal = draw<Kind::normal, T>,
                                      .gumbel = draw<Kind::gumbel, T>,
                                      .categorical = categorical<T>,
                                      .permutation = permutation,
                                      .advance = advance};

}  // namespace
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<RandomKernels> cuda_kernels<RandomKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
