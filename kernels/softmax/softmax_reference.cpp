// Softmax and its relatives as their equations say them, in double.

#include <cmath>
#include <limits>

#include "kernels/softmax/softmax.h"

namespace understudy::reference {
namespace {

constexpr double minus_infinity = -std::numeric_limits<double>::infinity();

// log sum_j exp x[j] = m + log sum_j exp(x[j] - m) for any m; with m the largest nothing overflows.
// The two are kept apart: beside a large m their sum would lose the logarithm's digits. A row of
// nothing but -infinity gives m = 0 and -infinity.
struct LogSum {
  double m, log_sum;
};

LogSum log_sum_of(const double* x, std::int64_t n) {
  double m = minus_infinity;
  for (std::int64_t j = 0; j < n; ++j)
    if (x[j] > m || std::isnan(x[j])) m = x[j];
  if (m == minus_infinity) return {0, minus_infinity};
  double sum = 0;
  for (std::int64_t j = 0; j < n; ++j) sum += std::exp(x[j] - m);
  return {m, std::log(sum)};
}

void softmax(Stream&, std::int64_t rows, std::int64_t n, const double* x, double* y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const LogSum total = log_sum_of(x + r * n, n);
    for (std::int64_t j = 0; j < n; ++j)
      y[r * n + j] =
          total.log_sum == minus_infinity ? 0 : std::exp((x[r * n + j] - total.m) - total.log_sum);
  }
}

void log_softmax(Stream&, std::int64_t rows, std::int64_t n, const double* x, double* y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const LogSum total = log_sum_of(x + r * n, n);
    for (std::int64_t j = 0; j < n; ++j)
      y[r * n + j] = total.log_sum == minus_infinity ? minus_infinity
                                                     : (x[r * n + j] - total.m) - total.log_sum;
  }
}

void log_sum_exp(Stream&, std::int64_t rows, std::int64_t n, const double* x, double* y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const LogSum total = log_sum_of(x + r * n, n);
    y[r] = total.m + total.log_sum;
  }
}

// dx = y (g - sum_j g y)
void softmax_gradient(Stream&, std::int64_t rows, std::int64_t n, const double* y, const double* g,
                      double* dx) {
  for (std::int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += g[r * n + j] * y[r * n + j];
    for (std::int64_t j = 0; j < n; ++j) dx[r * n + j] = y[r * n + j] * (g[r * n + j] - sum);
  }
}

// dx = g - exp(y) sum_j g
void log_softmax_gradient(Stream&, std::int64_t rows, std::int64_t n, const double* y,
                          const double* g, double* dx) {
  for (std::int64_t r = 0; r < rows; ++r) {
    double sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += g[r * n + j];
    for (std::int64_t j = 0; j < n; ++j)
      dx[r * n + j] = g[r * n + j] - std::exp(y[r * n + j]) * sum;
  }
}

constexpr SoftmaxKernels<double> kernels = {softmax, log_softmax, log_sum_exp, softmax_gradient,
                                            log_softmax_gradient};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
SoftmaxKernels<double> reference_kernels<SoftmaxKernels>() {
  return reference::kernels;
}
}  // namespace understudy
