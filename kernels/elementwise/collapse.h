// An iteration with as few dimensions as possible: extents of 1 go, and neighboring dimensions
// that every operand walks as one become one. [48, 1, 100] + [100] is then two loops, [48, 100] +
// [48, 100] one. Shared by the CPU's kernels, compiled for several instruction sets, hence always
// inlined.

#pragma once

#include "kernels/elementwise/elementwise.h"

namespace understudy {

// Returns the number of elements. `to` has at least one dimension; `operands` rows of strides
// count.
template <int operands>
inline __attribute__((always_inline)) std::int64_t collapse(const Strided& from, Strided& to) {
  std::int64_t elements = 1;
  to.rank = 0;
  for (int d = 0; d < from.rank; ++d) {
    const std::int64_t extent = from.extent[d];
    elements *= extent;
    if (extent == 1) continue;
    const int last = to.rank - 1;
    bool joins = last >= 0;
    for (int o = 0; o < operands && joins; ++o)
      joins = to.stride[o][last] == from.stride[o][d] * extent;
    if (joins) {
      to.extent[last] *= extent;
      for (int o = 0; o < operands; ++o) to.stride[o][last] = from.stride[o][d];
    } else {
      to.extent[to.rank] = extent;
      for (int o = 0; o < operands; ++o) to.stride[o][to.rank] = from.stride[o][d];
      ++to.rank;
    }
  }
  if (to.rank == 0) {
    to.rank = 1;
    to.extent[0] = elements;
    for (int o = 0; o < operands; ++o) to.stride[o][0] = 1;
  }
  return elements;
}

}  // namespace understudy
