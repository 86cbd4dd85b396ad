// Reductions as the contract says them, one element after another. Sums are carried in long double:
// over 70,000 elements a double's own roundings would be larger than those of the fast versions.

#include <cmath>
#include <limits>

#include "kernels/reduce/reduce.h"

namespace understudy::reference {
namespace {

double neutral(Reduction how) {
  const double infinity = std::numeric_limits<double>::infinity();
  if (how == Reduction::maximum) return -infinity;
  if (how == Reduction::minimum) return infinity;
  return 0;
}

// NaN in, NaN out, whatever the operation.
long double join(Reduction how, long double a, long double b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  switch (how) {
    case Reduction::maximum:
    case Reduction::maximum_absolute: return a > b ? a : b;
    case Reduction::minimum: return a < b ? a : b;
    default: return a + b;
  }
}

double term(Reduction how, double x) {
  if (how == Reduction::sum_of_squares) return x * x;
  if (how == Reduction::maximum_absolute) return std::abs(x);
  return x;
}

void reduce(Stream&, Reduction how, std::int64_t outer, std::int64_t n, std::int64_t inner,
            const double* x, double* y, bool accumulate) {
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i) {
      long double result = neutral(how);
      for (std::int64_t j = 0; j < n; ++j)
        result = join(how, result, term(how, x[(o * n + j) * inner + i]));
      double& to = y[o * inner + i];
      to = static_cast<double>(accumulate ? join(how, to, result) : result);
    }
}

void argmax(Stream&, std::int64_t outer, std::int64_t n, std::int64_t inner, const double* x,
            std::int32_t* index) {
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i) {
      const double* column = x + o * n * inner + i;
      std::int64_t best = 0;
      for (std::int64_t j = 1; j < n; ++j) {
        const double champion = column[best * inner], rival = column[j * inner];
        if (rival > champion || (std::isnan(rival) && !std::isnan(champion))) best = j;
      }
      index[o * inner + i] = static_cast<std::int32_t>(best);
    }
}

constexpr ReduceKernels<double> kernels = {reduce, argmax};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
ReduceKernels<double> reference_kernels<ReduceKernels>() {
  return reference::kernels;
}
}  // namespace understudy
