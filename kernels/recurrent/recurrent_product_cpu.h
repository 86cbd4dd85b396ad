// The products inside a recurrent layer's steps: a few rows of state times a matrix that stays the
// same.
//
// The matrix is packed once a call into panels, so that a step reads it from L1 and L2 in order of
// addresses. A panel is a few whole vectors wide and as deep as the sum is long, padded with 0. A
// group of rows keeps all its sums in registers: with AVX-512 six rows by four vectors are 24 of
// the 32, which leaves registers for six broadcast numbers and one vector of the matrix, taken
// straight from memory: one load for six multiply-adds.

#pragma once

#include <cstdint>

#include "kernels/device/simd.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

// Rows whose sums fit the registers: 32 of them with AVX-512, else 16.
constexpr int group_rows = vector_bytes == 64 ? 6 : 3;

// A panel: element (k, v * lanes + i) of the matrix lies at weight[k * step + v * stride + i].
template <class T>
struct Panel {
  const T* weight;
  std::int64_t step, stride;
};

// c[rows, vectors * lanes] = a[rows, depth] panel + (accumulate ? c : 0)
template <class T, int vectors, int rows>
void multiply_group(const T* a, std::int64_t lda, std::int64_t depth, const Panel<T>& panel, T* c,
                    std::int64_t ldc, bool accumulate) {
  constexpr int w = lanes<T>;
  Vec<T> sum[rows][vectors];
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v)
      sum[r][v] = accumulate ? load<T>(c + r * ldc + v * w) : Vec<T>{};
  const T* weight = panel.weight;
  const std::int64_t step = panel.step, stride = panel.stride;
  for (std::int64_t k = 0; k < depth; ++k, weight += step) {
    Vec<T> ak[rows];
    for (int r = 0; r < rows; ++r) ak[r] = broadcast<T>(a[r * lda + k]);
    for (int v = 0; v < vectors; ++v) {
      const Vec<T> b = load<T>(weight + v * stride);
      for (int r = 0; r < rows; ++r) sum[r][v] += ak[r] * b;
    }
  }
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v) store<T>(c + r * ldc + v * w, sum[r][v]);
}

// As multiply_group for any number of rows: groups as equal as can be, since a small one reads as
// much of the panel as a full one.
template <class T, int vectors>
void multiply_panel(std::int64_t rows, const T* a, std::int64_t lda, std::int64_t depth,
                    const Panel<T>& panel, T* c, std::int64_t ldc, bool accumulate) {
  std::int64_t groups = (rows + group_rows - 1) / group_rows;
  for (std::int64_t row = 0; row < rows; --groups) {
    const std::int64_t count = (rows - row + groups - 1) / groups;
    const T* from = a + row * lda;
    T* to = c + row * ldc;
    switch (count) {
      case 1: multiply_group<T, vectors, 1>(from, lda, depth, panel, to, ldc, accumulate); break;
      case 2: multiply_group<T, vectors, 2>(from, lda, depth, panel, to, ldc, accumulate); break;
      case 3: multiply_group<T, vectors, 3>(from, lda, depth, panel, to, ldc, accumulate); break;
#if defined(__AVX512F__)
      case 4: multiply_group<T, vectors, 4>(from, lda, depth, panel, to, ldc, accumulate); break;
      case 5: multiply_group<T, vectors, 5>(from, lda, depth, panel, to, ldc, accumulate); break;
      default: multiply_group<T, vectors, 6>(from, lda, depth, panel, to, ldc, accumulate); break;
#endif
    }
    row += count;
  }
}

// Vectors in `n` numbers, and that many numbers.
template <class T>
constexpr std::int64_t vectors_of(std::int64_t n) {
  return (n + lanes<T> - 1) / lanes<T>;
}
template <class T>
constexpr std::int64_t padded(std::int64_t n) {
  return vectors_of<T>(n) * lanes<T>;
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

// The forward product's panels: block j holds, for `units` vectors of hidden units, every gate's
// columns: vector g * units + i of it is gate g's for the i-th vector of units. So a unit's gates
// come out of one product together.
template <class T, int gate_count, int units>
struct GatePanels {
  static constexpr int w = lanes<T>;
  static constexpr int vectors = gate_count * units;

  static std::int64_t blocks(std::int64_t hidden) { return (hidden + units * w - 1) / (units * w); }
  static std::int64_t elements(std::int64_t hidden) {
    return blocks(hidden) * hidden * vectors * w;
  }

  const T* weight = nullptr;  // [hidden, gate_count * hidden]
  const T* packed = nullptr;
  std::int64_t hidden = 0;
  std::int64_t first_packed = 0;  // blocks before are read where they lie

  // Packs the blocks from `first` on into `buffer`, which has `elements(hidden)`.
  void pack(const T* matrix, std::int64_t size, std::int64_t first, T* buffer) {
    weight = matrix;
    packed = buffer;
    hidden = size;
    first_packed = first;
    const std::int64_t columns = gate_count * hidden;
    for (std::int64_t block = first; block < blocks(hidden); ++block) {
      T* to = buffer + block * hidden * vectors * w;
      for (std::int64_t k = 0; k < hidden; ++k) {
        for (int v = 0; v < vectors; ++v, to += w) {
          const std::int64_t unit = (block * units + v % units) * w;
          const T* from = matrix + k * columns + v / units * hidden + unit;
          const std::int64_t left = hidden - unit;
          store<T>(to, left >= w  ? load<T>(from)
                       : left > 0 ? load_first<T>(from, int(left))
                                  : Vec<T>{});
        }
      }
    }
  }

  Panel<T> panel(std::int64_t block) const {
    if (block >= first_packed) return {packed + block * hidden * vectors * w, vectors * w, w};
    static_assert(gate_count == 1 || units == 1, "vectors of a block must have one distance");
    return {weight + block * units * w, gate_count * hidden, gate_count == 1 ? w : hidden};
  }
};

// The backward product's panels: W^T [gate_count * hidden, hidden], a few vectors of columns at a
// time.
constexpr int back_vectors = vector_bytes == 64 ? 4 : 2;

template <class T>
constexpr std::int64_t back_panels(std::int64_t hidden) {
  return (hidden + back_vectors * lanes<T> - 1) / (back_vectors * lanes<T>);
}

template <class T>
void pack_transposed(const T* weight, std::int64_t hidden, std::int64_t columns, T* buffer) {
  constexpr int width = back_vectors * lanes<T>;
  for (std::int64_t p = 0; p < back_panels<T>(hidden); ++p) {
    T* panel = buffer + p * columns * width;
    for (int i = 0; i < width; ++i) {
      const std::int64_t unit = p * width + i;
      if (unit < hidden) {
        for (std::int64_t k = 0; k < columns; ++k)
          panel[k * width + i] = weight[unit * columns + k];
      } else {
        for (std::int64_t k = 0; k < columns; ++k) panel[k * width + i] = T(0);
      }
    }
  }
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
