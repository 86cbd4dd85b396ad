// Small symmetric positive definite matrices, many at once: a[batch, n, n], row-major.
//
//   factor  A = L L^T, L lower triangular with positive diagonal; the upper triangle of L is 0.
//           Reads the lower triangle of A. A matrix that is not positive definite gives NaN from
//           the first pivot that is not positive on.
//   solve   op(L) X = B for X, op(L) = L or L^T, B and X [batch, n, columns]
//
// l may alias a, x may alias b. Meant for n up to a few hundred (one block or one lane a matrix).
// Cost: n^3 / 3 and n^2 columns operations a matrix.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

template <class T>
struct CholeskyKernels {
  void (*factor)(Stream&, std::int64_t batch, std::int64_t n, const T* a, T* l);
  void (*solve)(Stream&, std::int64_t batch, std::int64_t n, std::int64_t columns, bool transpose,
                const T* l, const T* b, T* x);
};

}  // namespace understudy
