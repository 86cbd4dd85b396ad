// Columns brought to mean 0 and standard deviation 1, and back: of observations (policies, value
// functions, discriminators), of actions (policies, discriminators), of returns (value functions).
//
//   normalize(x)  z = (x - mean) / s          s = std where std > 2^-22 |mean|, else 1
//   restore(z)    x = mean + s z
//
//   update by a batch of n rows with the mean m and the sum of squares S about it, to the count N
//   (Chan, Golub & LeVeque 1979, equation 2.1):
//
//   N' = N + n
//   mean' = mean + (m - mean) n / N'
//   std'  = sqrt((N std^2 + S + (m - mean)^2 N n / N') / N')
//
// A column that never varied keeps its scale: to divide by next to nothing would blow up whatever
// else it shows later. What is next to nothing follows from the column's own numbers, not from
// their unit: 2^-22 of them is four roundings of a float.
//
// A frozen normalizer stays as it is, whatever is recorded or run. Mean, std, count and frozen are
// arrays of a store, so that a checkpoint or a model file holds them.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <span>
#include <string>
#include <vector>

#include "algorithms/data/byte_rows.h"
#include "autograd/program/program.h"

namespace understudy {

class Normalizer {
 public:
  // std of a column that varies, of its mean's size. The mean of a column of equal floats is off by
  // a rounding or two, 2^-24 each.
  static constexpr double least_share = 0x1p-22;

  // "<name>/mean", "/std" [width], "/count" and "/frozen" [1] in the store, which must outlive
  // this: mean 0, std 1, nothing seen.
  Normalizer(Store& store, const std::string& name, std::int64_t width);

  std::int64_t width() const { return mean_->elements(); }
  const Array& mean() const { return *mean_; }
  const Array& std() const { return *std_; }
  const Array& count() const { return *count_; }
  bool frozen() const { return frozen_->read()[0] != 0; }

  // ---- In programs: x is [rows..., width] ----

  // Clipped to +-clip where that is above 0.
  Tensor normalize(Tensor x, double clip = 0) const;
  Tensor restore(Tensor z) const;
  Tensor scale(Program& program) const;  // s [width]
  // The update by x [rows, width]. Readers recorded earlier see the statistics before it.
  void record_update(Tensor x) const;

  // ---- On the host ----

  // s, as programs have it.
  std::vector<double> scale() const;
  // The statistics of these rows [n, width] alone, n in the std's denominator; a column that never
  // varied gets std 1. REQUIRES: a row.
  void fit(std::span<const float> rows);
  void fit(const ByteRows& rows);
  void set(const std::vector<double>& mean, const std::vector<double>& std, double count);
  // From now on nothing but `fit` and `set` changes it; or something does again.
  void freeze(bool frozen = true);

 private:
  template <class RowAt>
  void fit_rows(std::size_t count, const RowAt& row_at);
  Array *mean_, *std_, *count_, *frozen_;
};

}  // namespace understudy
