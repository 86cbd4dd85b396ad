// Softmax and its relatives over the rows of x[rows, n], n >= 1:
//
//   log_sum_exp  y[r]    = log sum_j exp x[r, j]
//   softmax      y[r, j] = exp(x[r, j] - log_sum_exp(x[r]))
//   log_softmax  y[r, j] = x[r, j] - log_sum_exp(x[r])
//
// and the gradients with respect to x, from the output y and the cotangent g:
//
//   softmax_gradient      dx = y * (g - sum_j g y)
//   log_softmax_gradient  dx = g - exp(y) * sum_j g
//
// Elements of -infinity are safe: they get probability 0. A row of nothing but -infinity has
// log_sum_exp -infinity, softmax 0 and log_softmax -infinity. y may alias x or g. One read, one
// write.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

template <class T>
struct SoftmaxKernels {
  void (*softmax)(Stream&, std::int64_t rows, std::int64_t n, const T* x, T* y);
  void (*log_softmax)(Stream&, std::int64_t rows, std::int64_t n, const T* x, T* y);
  void (*log_sum_exp)(Stream&, std::int64_t rows, std::int64_t n, const T* x, T* y);
  void (*softmax_gradient)(Stream&, std::int64_t rows, std::int64_t n, const T* y, const T* g,
                           T* dx);
  void (*log_softmax_gradient)(Stream&, std::int64_t rows, std::int64_t n, const T* y, const T* g,
                               T* dx);
};

}  // namespace understudy
