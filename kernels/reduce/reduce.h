// Reductions along one axis of an array seen as [outer, n, inner]:
//
//   y[o, i] = op over j of x[o, j, i]
//
// The order of summation depends on the shape alone, never on threads: fixed chunks, combined in
// order (so results are the same bits from run to run on every device, though not across devices).
// n = 0 gives the operation's neutral element (0, or -infinity for `maximum`). Aliasing: none.
//
// Accuracy: sums are pairwise over chunks of at most 256, error below 1e-6 relative to the sum of
// magnitudes for f32 and n up to 1e6. Cost: one read of x.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

enum class Reduction : std::int32_t {
  sum,
  maximum,
  minimum,
  sum_of_squares,
  maximum_absolute,
  count
};

template <class T>
struct ReduceKernels {
  // accumulate: y = op(y, reduction) for `sum` and `sum_of_squares` (added), `maximum`...
  void (*reduce)(Stream&, Reduction, std::int64_t outer, std::int64_t n, std::int64_t inner,
                 const T* x, T* y, bool accumulate);
  // Index of the largest element; the first of equals; a NaN counts as larger than any number.
  // n >= 1.
  void (*argmax)(Stream&, std::int64_t outer, std::int64_t n, std::int64_t inner, const T* x,
                 std::int32_t* index);
};

}  // namespace understudy
