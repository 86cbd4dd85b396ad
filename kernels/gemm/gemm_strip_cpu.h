// The few columns of C that do not fill a vector.
//
// A policy's last layer has 6 outputs and its hidden layers 100 = 6 * 16 + 4 units: a vector along
// C's columns would be mostly empty. Two other directions are full.
//
//   along k   rows of A times rows of B transposed, a vector of products each, their lanes added
//             at the end, many vectors in one tree: for a plain A, whose rows are contiguous
//   along m   C transposed as B transposed times A, by the panel kernels: for a transposed A

#pragma once

#include "kernels/gemm/gemm_pack_cpu.h"

namespace understudy::UNDERSTUDY_ISA {

// Where a strip's sums go: C's columns from the strip's first, and what is applied.
template <class T>
struct StripTarget {
  T* c;
  std::int64_t ldc;
  bool accumulate;
  const T* bias;  // of the strip's first column, or null
  Finish<T> epilogue;
};

// `count` sums, row by row of `columns`, into rows of C.
template <class T>
__attribute__((noinline)) void finish_sums(const T* sums, int rows, int columns, std::int64_t row,
                                           const StripTarget<T>& target) {
  T* c = target.c + row * target.ldc;
  const T* bias = target.bias;
  if (target.epilogue.nothing()) {
    for (int i = 0; i < rows; ++i, c += target.ldc, sums += columns)
      for (int j = 0; j < columns; ++j) {
        T sum = sums[j];
        if (bias != nullptr) sum += bias[j];
        if (target.accumulate) sum += c[j];
        c[j] = sum;
      }
    return;
  }
  // gathered into one vector, so that the activation is paid once
  T value[lanes<T>] = {}, of[lanes<T>] = {};
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) {
      const int at = i * columns + j;
      T sum = sums[at];
      if (bias != nullptr) sum += bias[j];
      if (target.accumulate) sum += c[i * target.ldc + j];
      value[at] = sum;
      if (target.epilogue.g != nullptr)
        of[at] = target.epilogue.g[(row + i) * target.epilogue.ldg + j];
    }
  Vec<T> v = activate<T>(target.epilogue.activation, load<T>(value));
  if (target.epilogue.g != nullptr)
    v *= activation_derivative<T>(target.epilogue.gradient_activation, load<T>(of));
  store<T>(value, v);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) c[i * target.ldc + j] = value[i * columns + j];
}

// Keeps a value in a register: a load that the compiler would otherwise repeat in every use is, for
// rows that cross cache lines, what the loop waits for.
template <class T>
UNDERSTUDY_INLINE void keep(Vec<T>& v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__AVX2__)
  asm("" : "+x"(v));
#else
  (void)v;
#endif
}

template <class T>
__attribute__((noinline)) void finish_vector(Vec<T>* v, const Finish<T>& epilogue, const T* g) {
  *v = activate<T>(epilogue.activation, *v);
  if (epilogue.g != nullptr)
    *v *= activation_derivative<T>(epilogue.gradient_activation, load<T>(g));
}

// Sums along k of `rows` rows of A with R rows of B transposed. Rows of A are taken so many at a
// time that their sums fill a vector, or two where one has too few for the loads.
template <class T, int R>
void dot_strip(const T* a, std::int64_t lda, std::int64_t rows, std::int64_t k, const T* b,
               std::int64_t ldb, const StripTarget<T>& target) {
  constexpr int L = lanes<T>, in_one = L / R, vectors = R == 6 && L == 16 ? 2 : 1;
  constexpr int G = in_one * vectors;
  const LaneMask<T> tail = first_lanes<T>(static_cast<int>(k % L));
  T buffer[vectors * L] = {};
  const auto each_row = [&](int count, auto&& act) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int g = 0; g < G; ++g)
      if (g < count) act(g, buffer + g / in_one * L + g % in_one * R);
  };
  Vec<T> bias[vectors] = {};
  if (target.bias != nullptr) {
    each_row(
        G, [&](int, T* place) __attribute__((always_inline)) {
          __builtin_memcpy(place, target.bias, R * sizeof(T));
        });
    for (int v = 0; v < vectors; ++v) bias[v] = load<T>(buffer + v * L);
  }

  for (std::int64_t i = 0; i < rows; i += G) {
    const int count = rows - i < G ? static_cast<int>(rows - i) : G;
    const T* row[G];
    for (int g = 0; g < G; ++g) row[g] = a + (i + (g < count ? g : 0)) * lda;

    Vec<T> sum[vectors][L] = {};
    const auto step = [&](std::int64_t at, auto&& read) __attribute__((always_inline)) {
      Vec<T> right[R];
#pragma GCC unroll 16
      for (int j = 0; j < R; ++j) {
        right[j] = read(b + j * ldb + at);
        keep<T>(right[j]);
      }
#pragma GCC unroll 16
      for (int g = 0; g < G; ++g) {
        const Vec<T> left = read(row[g] + at);
#pragma GCC unroll 16
        for (int j = 0; j < R; ++j) sum[g / in_one][g % in_one * R + j] += left * right[j];
      }
    };
    std::int64_t at = 0;
    for (; at + L <= k; at += L)
      step(
          at, [](const T* p) __attribute__((always_inline)) { return load<T>(p); });
    if (at < k)
      step(
          at, [&](const T* p) __attribute__((always_inline)) { return load_masked<T>(p, tail); });

    Vec<T> total[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) total[v] = sum_each<T, in_one * R>(sum[v]) + bias[v];
    T* c = target.c + i * target.ldc;
    if (target.accumulate) {
      each_row(
          count, [&](int g, T* place) __attribute__((always_inline)) {
            __builtin_memcpy(place, c + g * target.ldc, R * sizeof(T));
          });
      for (int v = 0; v < vectors; ++v) total[v] += load<T>(buffer + v * L);
    }
    if (!target.epilogue.nothing()) {
      if (const T* of = target.epilogue.g)
        each_row(
            count, [&](int g, T* place) __attribute__((always_inline)) {
              __builtin_memcpy(place, of + (i + g) * target.epilogue.ldg, R * sizeof(T));
            });
      for (int v = 0; v < vectors; ++v)
        finish_vector<T>(&total[v], target.epilogue, buffer + v * L);
    }
    for (int v = 0; v < vectors; ++v) store<T>(buffer + v * L, total[v]);
    each_row(
        count, [&](int g, T* place) __attribute__((always_inline)) {
          __builtin_memcpy(c + g * target.ldc, place, R * sizeof(T));
        });
  }
}

// The widest group of columns that `dot_strip` takes at once, beside all lanes for a single row.
template <class T>
constexpr int dot_columns = lanes<T> < 8 ? lanes<T> : 8;

// run(Numbers<count>{}) for a count of 1 to 8, or 16: so many columns are the compiler's to know.
template <class Run>
UNDERSTUDY_INLINE void with_columns(int count, const Run& run) {
  switch (count) {
    case 1: run(Numbers<1>{}); break;
    case 2: run(Numbers<2>{}); break;
    case 3: run(Numbers<3>{}); break;
    case 4: run(Numbers<4>{}); break;
    case 5: run(Numbers<5>{}); break;
    case 6: run(Numbers<6>{}); break;
    case 7: run(Numbers<7>{}); break;
    case 8: run(Numbers<8>{}); break;
    default: run(Numbers<16>{}); break;
  }
}

// `columns` columns, any number, in groups.
template <class T>
void dot_strips(const T* a, std::int64_t lda, std::int64_t rows, std::int64_t k, const T* b,
                std::int64_t ldb, std::int64_t columns, StripTarget<T> target) {
  while (columns > 0) {
    int group = columns < dot_columns<T> ? static_cast<int>(columns) : dot_columns<T>;
    if (rows == 1 && columns >= lanes<T>) group = lanes<T>;
    const auto run = [&]<int R>(Numbers<R>) __attribute__((always_inline)) {
      if constexpr (R <= lanes<T>) dot_strip<T, R>(a, lda, rows, k, b, ldb, target);
    };
    with_columns(group, run);
    columns -= group;
    b += group * ldb;
    target.c += group;
    if (target.bias != nullptr) target.bias += group;
    if (target.epilogue.g != nullptr) target.epilogue.g += group;
  }
}

// `columns` columns of B, stored [k, n], as rows of `stride` elements.
template <class T>
void transpose_columns(const T* b, std::int64_t ldb, std::int64_t k, int columns, T* transposed,
                       std::int64_t stride) {
  std::int64_t i = 0;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    // rows i and i + 8 side by side: eight lanes of a column in each half after the exchange
    const __mmask8 mask = static_cast<__mmask8>((1u << columns) - 1u);
    for (; i + 16 <= k && columns <= 8; i += 16) {
      Vec<T> block[8];
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j) {
        const __m256 low = _mm256_maskz_loadu_ps(mask, b + (i + j) * ldb);
        const __m256 high = _mm256_maskz_loadu_ps(mask, b + (i + j + 8) * ldb);
        block[j] = (Vec<T>)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
      }
      transpose<T, 8>(block);
#pragma GCC unroll 8
      for (int j = 0; j < 8; ++j)
        if (j < columns) store<T>(transposed + j * stride + i, block[j]);
    }
  }
#endif
  for (; i < k; ++i)
    for (int j = 0; j < columns; ++j) transposed[j * stride + i] = b[i * ldb + j];
}

// Rows of B, stored [n, k], with rows of `stride` elements, whose vectors cross no cache line.
template <class T>
void align_rows(const T* b, std::int64_t ldb, std::int64_t k, std::int64_t rows, T* aligned,
                std::int64_t stride) {
  constexpr int L = lanes<T>;
  const LaneMask<T> tail = first_lanes<T>(static_cast<int>(k % L));
  for (std::int64_t j = 0; j < rows; ++j, b += ldb, aligned += stride) {
    std::int64_t i = 0;
    for (; i + L <= k; i += L) store<T>(aligned + i, load<T>(b + i));
    if (i < k) store<T>(aligned + i, load_masked<T>(b + i, tail));
  }
}

// A strip of C computed transposed, `sums` [columns][stride] with rows of C along it, into C.
template <class T>
void finish_transposed(const T* sums, std::int64_t stride, std::int64_t rows, int columns,
                       const StripTarget<T>& target) {
  constexpr int L = lanes<T>, R = L < 8 ? L : 8;
  for (std::int64_t i = 0; i < rows; i += L) {
    const int count = rows - i < L ? static_cast<int>(rows - i) : L;
    if (target.epilogue.nothing() && columns <= R) {
      // run q of vector j is row q * R + j
      Vec<T> block[R];
#pragma GCC unroll 16
      for (int j = 0; j < R; ++j)
        block[j] = j < columns ? load<T>(sums + j * stride + i) : Vec<T>{};
      transpose<T, R>(block);
      T transposed[R * L];
#pragma GCC unroll 16
      for (int j = 0; j < R; ++j) store<T>(transposed + j * L, block[j]);
      const LaneMask<T> mask = first_lanes<T>(columns);
      const Vec<T> bias = target.bias != nullptr ? load_masked<T>(target.bias, mask) : Vec<T>{};
      T* c = target.c + i * target.ldc;
      for (int row = 0; row < count; ++row, c += target.ldc) {
        Vec<T> v = load_masked<T>(transposed + (row % R) * L + row / R * R, mask) + bias;
        if (target.accumulate) v += load_masked<T>(c, mask);
        store_masked<T>(c, v, mask);
      }
      continue;
    }
    // a column at a time: `finish_sums` sees rows of one
    for (int j = 0; j < columns; ++j) {
      StripTarget<T> one = target;
      one.c += j;
      if (one.bias != nullptr) one.bias += j;
      if (one.epilogue.g != nullptr) one.epilogue.g += j;
      finish_sums<T>(sums + j * stride + i, count, 1, i, one);
    }
  }
}

}  // namespace understudy::UNDERSTUDY_ISA
