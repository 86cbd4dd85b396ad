// The few columns of C that do not fill a vector.
//
// A policy's last layer has 6 outputs and its hidden layers 100 = 6 * 16 + 4 units: a vector along C's
// columns would be mostly empty. Two other directions are full.
//
//   along k   rows of A times rows of B transposed, a vector of products each, their lanes added at the
//             end, many vectors in one tree: for a plain A, whose rows are contiguous
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

// Sums along k of `rows` rows of A with R rows of B transposed; as many rows at once as make a vector
// of sums.
template <class T, int R>
void dot_strip(const T* a, std::int64_t lda, std::int64_t rows, std::int64_t k, const T* b,
               std::int64_t ldb, const StripTarget<T>& target) {
  constexpr int L = lanes<T>, G = L / R;
  const LaneMask<T> tail = first_lanes<T>(static_cast<int>(k % L));
  for (std::int64_t i = 0; i < rows; i += G) {
    const int count = rows - i < G ? static_cast<int>(rows - i) : G;
    const T* row[G];
    for (int g = 0; g < G; ++g) row[g] = a + (i + (g < count ? g : 0)) * lda;

    Vec<T> sum[L] = {};
    const auto step = [&](std::int64_t at, auto&& read) __attribute__((always_inline)) {
      Vec<T> right[R];
#pragma GCC unroll 16
      for (int j = 0; j < R; ++j) right[j] = read(b + j * ldb + at);
#pragma GCC unroll 16
      for (int g = 0; g < G; ++g) {
        const Vec<T> left = read(row[g] + at);
#pragma GCC unroll 16
        for (int j = 0; j < R; ++j) sum[g * R + j] += left * right[j];
      }
    };
    std::int64_t at = 0;
    for (; at + L <= k; at += L)
      step(at, [](const T* p) __attribute__((always_inline)) { return load<T>(p); });
    if (at < k)
      step(at, [&](const T* p) __attribute__((always_inline)) { return load_masked<T>(p, tail); });

    T sums[L];
    store<T>(sums, sum_each<T>(sum));
    finish_sums<T>(sums, count, R, i, target);
  }
}

// The widest group of columns that `dot_strip` takes at once, beside all lanes for a single row.
template <class T>
constexpr int dot_columns = lanes<T> < 8 ? lanes<T> : 8;

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
    switch (group) {
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
    columns -= group;
    b += group * ldb;
    target.c += group;
    if (target.bias != nullptr) target.bias += group;
    if (target.epilogue.g != nullptr) target.epilogue.g += group;
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
      T turned[R * L];
#pragma GCC unroll 16
      for (int j = 0; j < R; ++j) store<T>(turned + j * L, block[j]);
      const LaneMask<T> mask = first_lanes<T>(columns);
      const Vec<T> bias =
          target.bias != nullptr ? load_masked<T>(target.bias, mask) : Vec<T>{};
      T* c = target.c + i * target.ldc;
      for (int row = 0; row < count; ++row, c += target.ldc) {
        Vec<T> v = load_masked<T>(turned + (row % R) * L + row / R * R, mask) + bias;
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
