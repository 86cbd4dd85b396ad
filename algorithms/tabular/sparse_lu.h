// A = L U of a sparse matrix whose diagonal may be trusted, without pivoting.
//
// Made for I - M with M >= 0: such a matrix has positive pivots, in every order of elimination,
// exactly when the spectral radius of M is below 1 (it is then a nonsingular M-matrix: Berman &
// Plemmons 1994, theorem 6.2.3). So the factorization is also the test of whether the sum I + M +
// M^2 + ... exists.
//
// The order of elimination (minimum degree on the pattern of A + A') and the pattern of the factors
// are found once; `factor` then takes new values as often as needed, on the host. Systems are
// solved for many right-hand sides at once, by kernels whose lanes (on CUDA: threads) run across
// them.

#pragma once

#include <cstdint>
#include <vector>

#include "kernels/device/device_buffer.h"

namespace understudy {

class SparseLu {
 public:
  // The pattern by rows, the diagonal included.
  SparseLu(Device& device, std::int64_t rows, const std::vector<std::int32_t>& begin,
           const std::vector<std::int32_t>& column);

  enum class Pivots { positive, not_positive, singular };
  // value[e] of entry e of the pattern. Where `not_positive`, the factors are still A's.
  Pivots factor(const std::vector<double>& value);

  // Right-hand sides and solutions x are [rows, batch] in the order of elimination: row i of A is
  // at position()[i].
  const std::vector<std::int32_t>& position() const { return position_; }
  // A x = b and A' x = b, in the device's memory, where the factors must be (`to_device`).
  void solve(Stream&, std::int64_t batch, double* x) const;
  void solve_transposed(Stream&, std::int64_t batch, double* x) const;
  // The same in the host's memory. On CUDA a triangle's rows, which depend on one another, are
  // walked by a thread for each right-hand side: a few are solved sooner here.
  void solve_on_host(std::int64_t batch, double* x) const;
  void solve_transposed_on_host(std::int64_t batch, double* x) const;
  // Copies the factors of now to the device, unless they are there.
  void to_device();

  std::int64_t rows() const { return rows_; }
  // Entries of both factors beside the diagonal.
  std::int64_t fill() const { return static_cast<std::int64_t>(2 * lower_column_.size()); }

 private:
  enum class Where { device, host };
  void solve_triangles(Where where, Stream& stream, bool transposed, std::int64_t batch,
                       double* x) const;

  Device& device_;
  bool there_ = false;
  std::int64_t rows_;
  std::vector<std::int32_t> position_;
  // Both patterns are each other's transpose: `lower_` by rows of L (and of U'), `upper_` by rows
  // of U (and of L'). mirror_[e] is where the transpose of lower entry e lies in the upper pattern.
  std::vector<std::int32_t> lower_begin_, lower_column_, upper_begin_, upper_column_, mirror_;
  std::vector<double> lower_, upper_, lower_transposed_, upper_transposed_, inverse_diagonal_;
  // Views of the above.
  struct Pattern {
    DeviceBuffer<const std::int32_t> begin, column;
  } lower_pattern_, upper_pattern_;
  struct Values {
    DeviceBuffer<double> lower, upper, lower_transposed, upper_transposed, inverse_diagonal;
  } values_;
  // A's entries in the order of elimination: row i's are [row_begin_[i], row_begin_[i+1]).
  std::vector<std::int32_t> row_begin_, row_column_, row_entry_;
  std::vector<double> work_;
};

}  // namespace understudy
