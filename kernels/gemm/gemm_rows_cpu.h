// Products of one row by a matrix, many of them: C of a single row in every item of a batch, as of
// derivatives that are kept row by row. Every number of B is used once, so that reading it is what
// there is to do.
//
//   B transposed   sums along k, of as many items at once as fill a vector with their sums
//   B as it lies   a sum of B's rows, each times a number of A

#pragma once

#include "kernels/gemm/gemm_strip_cpu.h"

namespace understudy::UNDERSTUDY_ISA {

// Whether a product is for `multiply_rows`, which does items [begin, end).
template <class T>
bool is_rows(const Gemm<T>& p) {
  return p.m == 1 && p.batch > 1 && !p.transpose_a && p.k > 0 && !p.accumulate &&
         p.bias == nullptr && p.activation == Activation::none && p.gradient_of == nullptr;
}

// Columns [column, column + R) of items [begin, end): so many items at a time that their sums fill
// a vector. B, which as a rule comes from beyond L2, is prefetched: its rows are read side by side,
// which the hardware prefetcher does not follow.
template <class T, int R>
void multiply_rows_transposed(const Gemm<T>& p, std::int64_t column, std::int64_t begin,
                              std::int64_t end) {
  constexpr int L = lanes<T>, G = L / R;
  const std::int64_t ahead = 2 * G * p.stride_b;
  const LaneMask<T> tail = first_lanes<T>(static_cast<int>(p.k % L));
  for (std::int64_t item = begin; item < end; item += G) {
    const int count = end - item < G ? static_cast<int>(end - item) : G;
    const T *a[G], *b[G];
    for (int g = 0; g < G; ++g) {
      const std::int64_t at = item + (g < count ? g : 0);
      a[g] = p.a + at * p.stride_a;
      b[g] = p.b + at * p.stride_b + column * p.ldb;
    }
    Vec<T> sum[L] = {};
    const auto step = [&](std::int64_t at, auto&& read) __attribute__((always_inline)) {
#pragma GCC unroll 16
      for (int g = 0; g < G; ++g) {
        const Vec<T> left = read(a[g] + at);
#pragma GCC unroll 16
        for (int j = 0; j < R; ++j) {
          const T* right = b[g] + j * p.ldb + at;
          __builtin_prefetch(right + ahead);
          sum[g * R + j] += left * read(right);
        }
      }
    };
    std::int64_t at = 0;
    for (; at + L <= p.k; at += L)
      step(
          at, [](const T* from) __attribute__((always_inline)) { return load<T>(from); });
    if (at < p.k)
      step(
          at, [&](const T* from)
                  __attribute__((always_inline)) { return load_masked<T>(from, tail); });
    T total[L];
    store<T>(total, sum_each<T, G * R>(sum));
    for (int g = 0; g < count; ++g)
      __builtin_memcpy(p.c + (item + g) * p.stride_c + column, total + g * R, R * sizeof(T));
  }
}

template <class T>
void multiply_rows_plain(const Gemm<T>& p, std::int64_t begin, std::int64_t end) {
  constexpr int L = lanes<T>;
  for (std::int64_t item = begin; item < end; ++item) {
    const T* a = p.a + item * p.stride_a;
    const T* b = p.b + item * p.stride_b;
    T* c = p.c + item * p.stride_c;
    const auto columns = [&](std::int64_t j, auto&& read) __attribute__((always_inline)) {
      Vec<T> sum = broadcast<T>(a[0]) * read(b + j);
      for (std::int64_t i = 1; i < p.k; ++i) sum += broadcast<T>(a[i]) * read(b + i * p.ldb + j);
      return sum;
    };
    const auto whole = [](const T* from) __attribute__((always_inline)) { return load<T>(from); };
    std::int64_t j = 0;
    for (; j + L <= p.n; j += L) store<T>(c + j, columns(j, whole));
    if (j == p.n) continue;
    if (p.n >= L) {
      // The last columns once more, whole: a masked store takes many times as long.
      store<T>(c + p.n - L, columns(p.n - L, whole));
      continue;
    }
    const LaneMask<T> mask = first_lanes<T>(static_cast<int>(p.n));
    const Vec<T> sum = columns(
        0, [&](const T* from)
               __attribute__((always_inline)) { return load_masked<T>(from, mask); });
    store_masked<T>(c, sum, mask);
  }
}

template <class T>
void multiply_rows(const Gemm<T>& p, std::int64_t begin, std::int64_t end) {
  if (!p.transpose_b) return multiply_rows_plain<T>(p, begin, end);
  for (std::int64_t column = 0; column < p.n;) {
    const auto run = [&]<int R>(Numbers<R>) __attribute__((always_inline)) {
      if constexpr (R <= dot_columns<T>) multiply_rows_transposed<T, R>(p, column, begin, end);
      column += R;
    };
    const std::int64_t left = p.n - column;
    with_columns(left < dot_columns<T> ? static_cast<int>(left) : dot_columns<T>, run);
  }
}

}  // namespace understudy::UNDERSTUDY_ISA
