// Small dense linear systems: Gaussian elimination with partial pivoting (Golub & Van Loan 2013,
// algorithm 3.4.1).

#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

namespace understudy {

// x of A x = b, in b's place; a [n, n] by rows is used up. False where a pivot is 0 or not finite.
inline bool solve_dense(std::vector<double>& a, std::vector<double>& b) {
  const std::int64_t n = static_cast<std::int64_t>(b.size());
  for (std::int64_t c = 0; c < n; ++c) {
    std::int64_t pivot = c;
    for (std::int64_t r = c + 1; r < n; ++r)
      if (std::abs(a[r * n + c]) > std::abs(a[pivot * n + c])) pivot = r;
    if (!(std::abs(a[pivot * n + c]) > 0) || !std::isfinite(a[pivot * n + c])) return false;
    if (pivot != c) {
      std::swap_ranges(a.begin() + pivot * n, a.begin() + (pivot + 1) * n, a.begin() + c * n);
      std::swap(b[pivot], b[c]);
    }
    for (std::int64_t r = c + 1; r < n; ++r) {
      const double factor = a[r * n + c] / a[c * n + c];
      if (factor == 0) continue;
      for (std::int64_t k = c + 1; k < n; ++k) a[r * n + k] -= factor * a[c * n + k];
      b[r] -= factor * b[c];
    }
  }
  for (std::int64_t r = n - 1; r >= 0; --r) {
    for (std::int64_t k = r + 1; k < n; ++k) b[r] -= a[r * n + k] * b[k];
    b[r] /= a[r * n + r];
  }
  return true;
}

}  // namespace understudy
