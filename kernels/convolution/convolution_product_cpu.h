// The product under all three convolutions: rows gathered from an image times a packed matrix.
//
//   c[destination[r], :] = sum over j of a[source[r] + offset[j]] * panel[j, :]
//
// An element of a convolution's sum lies at (where its row begins) + (where its term lies): pixel
// and position in the window (forward), position and pixel (weight gradient), and the same on the
// output's side (input gradient). So no patch is ever copied. Vectors run across channels, which a
// network has in whole vectors; a group of rows keeps all its sums in registers, and each vector of
// the panel that is loaded serves all of them.

#pragma once

#include <cstdint>
#include <utility>

#include "kernels/device/simd.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

// Vectors of a full panel and the rows of a group: what the registers hold (32 with AVX-512, else
// 16), sums, broadcast numbers and one vector of the panel.
constexpr int panel_vectors = vector_bytes == 64 ? 4 : 2;
template <int vectors>
constexpr int group_rows = vector_bytes == 64 ? (vectors == 4 ? 6 : 8) : (vectors == 2 ? 6 : 8);

// Where rows begin in `a` and which rows of c they become.
struct Rows {
  const std::int32_t* source;
  const std::int32_t* destination;
  std::int64_t count;
};

// A matrix [depth, vectors * lanes] and where its rows' factors lie in `a`, relative to the row.
template <class T>
struct Terms {
  const std::int32_t* offset;
  std::int64_t depth;
  const T* panel;
};

enum class Begin { zero, bias, add };  // what sums begin with: 0, a vector for all rows, or c

template <class T, int vectors, int rows>
void gather_group(const T* a, const std::int32_t* source, const std::int32_t* destination,
                  const Terms<T>& terms, Begin begin, const T* bias, T* c) {
  constexpr int w = lanes<T>;
  // Loops over rows and vectors are unrolled by order: sums that are counted through would live on
  // the stack, and travel there and back around the loop over terms.
  const T* from[rows];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) from[r] = a + source[r];
  Vec<T> sum[rows][vectors];
  if (begin == Begin::add) {
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < vectors; ++v) sum[r][v] = load<T>(c + (destination[r] * vectors + v) * w);
  } else {
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const Vec<T> first = begin == Begin::bias ? load<T>(bias + v * w) : Vec<T>{};
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) sum[r][v] = first;
    }
  }
  const T* panel = terms.panel;
  const std::int32_t* offset = terms.offset;
  for (std::int64_t j = 0; j < terms.depth; ++j, panel += vectors * w) {
    const std::int64_t at = offset[j];
    Vec<T> factor[rows];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) factor[r] = broadcast<T>(from[r][at]);
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
      const Vec<T> b = load<T>(panel + v * w);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) sum[r][v] += factor[r] * b;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) store<T>(c + (destination[r] * vectors + v) * w, sum[r][v]);
}

// All rows, in groups as equal as can be.
template <class T, int vectors>
void gather_panel(const T* a, const Rows& rows, const Terms<T>& terms, Begin begin, const T* bias,
                  T* c) {
  constexpr int most = group_rows<vectors>;
  std::int64_t groups = (rows.count + most - 1) / most;
  for (std::int64_t row = 0; row < rows.count; --groups) {
    const std::int64_t count = (rows.count - row + groups - 1) / groups;
    const auto run = [&]<int size>() {
      gather_group<T, vectors, size>(a, rows.source + row, rows.destination + row, terms, begin,
                                     bias, c);
    };
    switch (count) {
      case 1: run.template operator()<1>(); break;
      case 2: run.template operator()<2>(); break;
      case 3: run.template operator()<3>(); break;
      case 4: run.template operator()<4>(); break;
      case 5: run.template operator()<5>(); break;
      case 6: run.template operator()<6>(); break;
      case 7: run.template operator()<(most < 7 ? 1 : 7)>(); break;
      default: run.template operator()<(most < 8 ? 1 : 8)>(); break;
    }
    row += count;
  }
}

// c is [rows, vectors * lanes]; `vectors` is at most panel_vectors.
template <class T>
void gather_multiply(int vectors, const T* a, const Rows& rows, const Terms<T>& terms, Begin begin,
                     const T* bias, T* c) {
  switch (vectors) {
    case 1: gather_panel<T, 1>(a, rows, terms, begin, bias, c); break;
    case 2: gather_panel<T, 2>(a, rows, terms, begin, bias, c); break;
#if defined(__AVX512F__)
    case 3: gather_panel<T, 3>(a, rows, terms, begin, bias, c); break;
    default: gather_panel<T, 4>(a, rows, terms, begin, bias, c); break;
#endif
  }
}

// ---- transposes, a square of vectors at a time ----

// One stage: swaps the off-diagonal halves of 2 step x 2 step squares.
template <class T, int step, int... lane>
UNDERSTUDY_INLINE void exchange(Vec<T>& a, Vec<T>& b, std::integer_sequence<int, lane...>) {
  constexpr int w = lanes<T>;
  const Vec<T> low =
      __builtin_shufflevector(a, b, ((lane & step) != 0 ? w + lane - step : lane)...);
  const Vec<T> high =
      __builtin_shufflevector(a, b, ((lane & step) != 0 ? w + lane : lane + step)...);
  a = low;
  b = high;
}

template <class T, int step = 1>
UNDERSTUDY_INLINE void transpose_square(Vec<T> (&v)[lanes<T>]) {
  if constexpr (step < lanes<T>) {
    for (int i = 0; i < lanes<T>; ++i)
      if ((i & step) == 0)
        exchange<T, step>(v[i], v[i + step], std::make_integer_sequence<int, lanes<T>>{});
    transpose_square<T, step * 2>(v);
  }
}

// A vector of `valid` numbers, whole where it can be.
template <class T>
UNDERSTUDY_INLINE Vec<T> take(const T* p, int valid) {
  return valid == lanes<T> ? load<T>(p) : load_first<T>(p, valid);
}
template <class T>
UNDERSTUDY_INLINE void put(T* p, Vec<T> v, int valid) {
  if (valid == lanes<T>)
    store<T>(p, v);
  else
    store_first<T>(p, v, valid);
}

// to[j, i] = change(from[i, j], to's address) for i < rows, j < columns. Where `fill` is more than
// rows, to's rows are filled up to it with zeros.
template <class T, class Change>
UNDERSTUDY_INLINE void transpose(const T* from, std::int64_t from_width, std::int64_t rows,
                                 std::int64_t columns, T* to, std::int64_t to_width,
                                 std::int64_t fill, const Change& change) {
  constexpr int w = lanes<T>;
  const std::int64_t height = fill > rows ? fill : rows;
  for (std::int64_t i = 0; i < height; i += w) {
    const int inner = static_cast<int>(height - i < w ? height - i : w);
    for (std::int64_t j = 0; j < columns; j += w) {
      const int outer = static_cast<int>(columns - j < w ? columns - j : w);
      Vec<T> v[w];
      for (int k = 0; k < w; ++k)
        v[k] = i + k < rows ? take<T>(from + (i + k) * from_width + j, outer) : Vec<T>{};
      transpose_square<T>(v);
      // a constant number of turns: vectors in registers cannot be counted through
      for (int k = 0; k < w; ++k)
        if (k < outer) {
          T* place = to + (j + k) * to_width + i;
          put<T>(place, change(v[k], place, inner), inner);
        }
    }
  }
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
