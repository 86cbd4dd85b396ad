// Moving rows and elements by index.
//
//   gather_rows   y[i, :] = table[index[i], :]
//   gather_bytes  y[i, :] = table[index[i], :]      of bytes, as the numbers 0 to 255: exact
//   scatter_rows  table[index[i], :] += x[i, :]     in order of i: the same bits every time
//   take_along_axis  y[i] = x[i, index[i]]
//   scatter       y[i, j] = (j == index[i]) ? x[i] : 0
//   one_hot       y[i, j] = (j == index[i]) ? 1 : 0
//
// An index outside its range: gathers and take_along_axis give NaN, scatter_rows, scatter and
// one_hot leave the row out. So a bad index is seen as a number that is not finite, and never read
// or written outside. Aliasing: none.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

template <class T>
struct GatherKernels {
  void (*gather_rows)(Stream&, std::int64_t rows, std::int64_t width, std::int64_t table_rows,
                      const T* table, const std::int32_t* index, T* y);
  void (*gather_bytes)(Stream&, std::int64_t rows, std::int64_t width, std::int64_t table_rows,
                       const std::uint8_t* table, const std::int32_t* index, T* y);
  void (*scatter_rows)(Stream&, std::int64_t rows, std::int64_t width, std::int64_t table_rows,
                       const T* x, const std::int32_t* index, T* table);
  void (*take_along_axis)(Stream&, std::int64_t rows, std::int64_t n, const T* x,
                          const std::int32_t* index, T* y);
  void (*scatter)(Stream&, std::int64_t rows, std::int64_t n, const T* x, const std::int32_t* index,
                  T* y);
  void (*one_hot)(Stream&, std::int64_t rows, std::int64_t n, const std::int32_t* index, T* y);
};

}  // namespace understudy
