// Transposition in registers, and the packing of operands into panels that it makes cheap.

#pragma once

#include "kernels/gemm/gemm_micro_cpu.h"

namespace understudy::UNDERSTUDY_ISA {

template <int... I>
struct Numbers {};
template <int N, int... I>
struct CountTo : CountTo<N - 1, N - 1, I...> {};
template <int... I>
struct CountTo<0, I...> {
  using type = Numbers<I...>;
};

// Two vectors seen as blocks of H lanes. Low: a's even blocks in place, b's even blocks in the odd
// places. High: a's odd blocks in the even places, b's odd blocks in place.
template <class T, int H, int... I>
UNDERSTUDY_INLINE Vec<T> interleave_low(Vec<T> a, Vec<T> b, Numbers<I...>) {
  return __builtin_shufflevector(a, b, ((I / H) % 2 == 0 ? I : lanes<T> + I - H)...);
}
template <class T, int H, int... I>
UNDERSTUDY_INLINE Vec<T> interleave_high(Vec<T> a, Vec<T> b, Numbers<I...>) {
  return __builtin_shufflevector(a, b, ((I / H) % 2 == 0 ? I + H : lanes<T> + I)...);
}

// R vectors, R a power of two up to the lanes: afterwards lane q * R + j of vector i is what lane
// q * R + i of vector j was. With R = lanes it is the transpose; with fewer, each run of R lanes is
// a column of R.
template <class T, int R, int H = 1>
UNDERSTUDY_INLINE void transpose(Vec<T> (&v)[R]) {
  if constexpr (H < R) {
    using All = typename CountTo<lanes<T>>::type;
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i)
      if ((i / H) % 2 == 0) {
        const Vec<T> low = interleave_low<T, H>(v[i], v[i + H], All{});
        v[i + H] = interleave_high<T, H>(v[i], v[i + H], All{});
        v[i] = low;
      }
    transpose<T, R, 2 * H>(v);
  }
}

// The sum of vector i's lanes in lane i, for the first N vectors of as many as there are lanes; the
// other lanes are undefined. Every vector's lanes are added in the same tree, so that a sum does
// not depend on its place.
template <class T, int N, int H = 1>
UNDERSTUDY_INLINE Vec<T> sum_each(Vec<T> (&v)[lanes<T>]) {
  if constexpr (H < lanes<T>) {
    using All = typename CountTo<lanes<T>>::type;
#pragma GCC unroll 16
    for (int i = 0; i < N; i += 2 * H) {
      const Vec<T> other = i + H < N ? v[i + H] : v[i];
      v[i] = interleave_low<T, H>(v[i], other, All{}) + interleave_high<T, H>(v[i], other, All{});
    }
    return sum_each<T, N, 2 * H>(v);
  } else {
    return v[0];
  }
}

// One panel of B, `columns` wide in `width` vectors, as [k][width * lanes] with zeros beyond the
// columns. `b` is the panel's first element.
template <class T>
void pack_panel_b(const T* b, std::int64_t ldb, bool transposed, std::int64_t k,
                  std::int64_t columns, int width, T* panel) {
  constexpr int L = lanes<T>;
  const std::int64_t row = width * L;
  if (!transposed) {
    const LaneMask<T> mask = first_lanes<T>(static_cast<int>(columns - (width - 1) * L));
    for (std::int64_t i = 0; i < k; ++i, b += ldb, panel += row) {
      for (int group = 0; group < width - 1; ++group)
        store<T>(panel + group * L, load<T>(b + group * L));
      store<T>(panel + row - L, load_masked<T>(b + row - L, mask));
    }
    return;
  }
  for (int group = 0; group < width; ++group) {
    const std::int64_t left = columns - group * L;
    const int count = left < L ? static_cast<int>(left) : L;
    T* out = panel + group * L;
    const T* in = b + group * L * ldb;
    for (std::int64_t i = 0; i < k; i += L) {
      const int steps = k - i < L ? static_cast<int>(k - i) : L;
      Vec<T> block[L];
      if (steps == L && count == L) {
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) block[j] = load<T>(in + j * ldb + i);
      } else {
        const LaneMask<T> mask = first_lanes<T>(steps);
        for (int j = 0; j < L; ++j)
          block[j] = j < count ? load_masked<T>(in + j * ldb + i, mask) : Vec<T>{};
      }
      transpose<T, L>(block);
      T* to = out + i * row;
      if (steps == L) {
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) store<T>(to + j * row, block[j]);
      } else {
        for (int j = 0; j < steps; ++j) store<T>(to + j * row, block[j]);
      }
    }
  }
}

// `rows` rows of A as panels of `packed_rows` rows, each [k][packed_rows]. Rows beyond the last are
// left undefined and never read.
template <class T>
void pack_a(const T* a, std::int64_t lda, bool transposed, std::int64_t rows, std::int64_t k,
            T* packed) {
  constexpr int H = packed_rows, L = lanes<T>, groups = 8;
  // Stored transposed, memory is read along its rows, for several panels at a time: down a column
  // lines would be fetched for an eighth of them, and meet in the cache's sets.
  if (transposed)
    for (; rows >= H * groups; rows -= H * groups, a += H * groups, packed += H * groups * k)
      for (std::int64_t step = 0; step < k; ++step)
#pragma GCC unroll 8
        for (int group = 0; group < groups; ++group)
          __builtin_memcpy(packed + (group * k + step) * H, a + step * lda + group * H,
                           H * sizeof(T));
  for (std::int64_t i = 0; i < rows; i += H, packed += H * k) {
    const int count = rows - i < H ? static_cast<int>(rows - i) : H;
    if (transposed) {
      for (std::int64_t step = 0; step < k; ++step) {
        const T* in = a + step * lda + i;
        if (count == H)
          __builtin_memcpy(packed + step * H, in, H * sizeof(T));
        else
          for (int j = 0; j < count; ++j) packed[step * H + j] = in[j];
      }
      continue;
    }
    const T* in = a + i * lda;
    std::int64_t step = 0;
    if constexpr (H <= L) {
      for (; count == H && step + L <= k; step += L) {
        Vec<T> block[H];
        // rows lie pages apart, which the hardware prefetcher does not follow
#pragma GCC unroll 16
        for (int j = 0; j < H; ++j) __builtin_prefetch(in + (2 * H + j) * lda + step);
#pragma GCC unroll 16
        for (int j = 0; j < H; ++j) block[j] = load<T>(in + j * lda + step);
        transpose<T, H>(block);
        // run q of vector j is step q * H + j
#pragma GCC unroll 16
        for (int j = 0; j < H; ++j)
#pragma GCC unroll 16
          for (int q = 0; q < L / H; ++q)
            __builtin_memcpy(packed + (step + q * H + j) * H,
                             reinterpret_cast<const T*>(&block[j]) + q * H, H * sizeof(T));
      }
    }
    for (; step < k; ++step)
      for (int j = 0; j < count; ++j) packed[step * H + j] = in[j * lda + step];
  }
}

}  // namespace understudy::UNDERSTUDY_ISA
