// Cholesky factors and triangular solves, as the textbook's equations (Golub & Van Loan, 4.2.5 and
// 3.1), in double.

#include <cmath>
#include <limits>

#include "kernels/cholesky/cholesky.h"

namespace understudy::reference {
namespace {

using Index = std::int64_t;

// L[j, j] = sqrt(A[j, j] - sum_{k<j} L[j, k]^2)
// L[i, j] = (A[i, j] - sum_{k<j} L[i, k] L[j, k]) / L[j, j]   for i > j
void factor(Stream&, Index batch, Index n, const double* a, double* l) {
  for (Index b = 0; b < batch; ++b, a += n * n, l += n * n) {
    for (Index j = 0; j < n; ++j) {
      double pivot = a[j * n + j];
      for (Index k = 0; k < j; ++k) pivot -= l[j * n + k] * l[j * n + k];
      const double diagonal =
          pivot > 0 ? std::sqrt(pivot) : std::numeric_limits<double>::quiet_NaN();
      l[j * n + j] = diagonal;
      for (Index i = j + 1; i < n; ++i) {
        double sum = a[i * n + j];
        for (Index k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
        l[i * n + j] = sum / diagonal;
      }
    }
    for (Index i = 0; i < n; ++i)
      for (Index j = i + 1; j < n; ++j) l[i * n + j] = 0;
  }
}

// L X = B from the first row down, or L^T X = B from the last row up.
void solve(Stream&, Index batch, Index n, Index columns, bool transpose, const double* l,
           const double* b, double* x) {
  for (Index m = 0; m < batch; ++m, l += n * n, b += n * columns, x += n * columns) {
    for (Index column = 0; column < columns; ++column) {
      for (Index step = 0; step < n; ++step) {
        const Index i = transpose ? n - 1 - step : step;
        double sum = b[i * columns + column];
        for (Index k = 0; k < step; ++k) {
          const Index j = transpose ? n - 1 - k : k;
          sum -= (transpose ? l[j * n + i] : l[i * n + j]) * x[j * columns + column];
        }
        x[i * columns + column] = sum / l[i * n + i];
      }
    }
  }
}

constexpr CholeskyKernels<double> kernels = {factor, solve};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
CholeskyKernels<double> reference_kernels<CholeskyKernels>() {
  return reference::kernels;
}
}  // namespace understudy
