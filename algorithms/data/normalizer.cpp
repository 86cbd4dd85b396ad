#include "algorithms/data/normalizer.h"

#include <algorithm>
#include <cmath>

#include "autograd/operations/operations.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Squares of numbers between these, and sums of very many of them, are floats.
constexpr double least_unit = 1e-12, most_unit = 1e12;

}  // namespace

Normalizer::Normalizer(Store& store, const std::string& name, std::int64_t width)
    : mean_(&store.create(name + "/mean", {width})),
      std_(&store.create(name + "/std", {width})),
      count_(&store.create(name + "/count", {1})),
      frozen_(&store.create(name + "/frozen", {1})) {
  std_->fill(1);
}

// s
Tensor Normalizer::scale(Program& program) const {
  const Tensor mean = program.use(*mean_), std = program.use(*std_);
  return select(less(least_share * abs(mean), std), std, program.constant(1.0));
}

std::vector<double> Normalizer::scale() const {
  const std::vector<double> mean = mean_->read();
  std::vector<double> scale = std_->read();
  for (std::size_t j = 0; j < scale.size(); ++j)
    if (!(least_share * std::abs(mean[j]) < scale[j])) scale[j] = 1;
  return scale;
}

Tensor Normalizer::normalize(Tensor x, double clip) const {
  Program& program = x.program();
  const Tensor z = (x - program.use(*mean_)) / scale(program);
  return clip > 0 ? clamp(z, -clip, clip) : z;
}

Tensor Normalizer::restore(Tensor z) const {
  Program& program = z.program();
  return program.use(*mean_) + scale(program) * z;
}

void Normalizer::record_update(Tensor x) const {
  Program& program = x.program();
  const double n = static_cast<double>(x.shape()[0]);
  const Tensor mean = program.use(*mean_), std = program.use(*std_), count = program.use(*count_);
  // The mean of equal numbers is that number, which a sum of them may miss by roundings.
  const Tensor most = max(x, 0), least = -max(-x, 0);
  const Tensor here = select(less(least, most), understudy::mean(x, 0), most);
  const Tensor total = count + n, shift = here - mean;
  // Squares are of numbers in a unit of their own where they would under- or overflow.
  const Tensor one = program.constant(1.0), zero = program.constant(0.0);
  const Tensor seen_std = select(is_positive(count), std, zero);  // 1 before anything was seen
  const Tensor largest = maximum(maximum(most - here, here - least), maximum(abs(shift), seen_std));
  const Tensor ordinary =
      less(program.constant(least_unit), largest) * less(largest, program.constant(most_unit));
  const Tensor unit =
      select(ordinary, one, select(is_positive(largest) * is_finite(largest), largest, one));
  const Tensor squares_here = sum(square((x - here) / unit), 0);
  const Tensor squares =
      square(seen_std / unit) * count + squares_here + square(shift / unit) * (count * n / total);
  // All values before the first assignment: what is assigned is read no more.
  const Tensor frozen = program.use(*frozen_);
  const Tensor new_mean = select(frozen, mean, mean + shift * (n * reciprocal(total)));
  const Tensor new_std = select(frozen, std, unit * sqrt(squares / total));
  const Tensor new_count = select(frozen, count, total);
  program.assign(*mean_, new_mean);
  program.assign(*std_, new_std);
  program.assign(*count_, new_count);
}

void Normalizer::fit(std::span<const float> rows) {
  const std::size_t columns = static_cast<std::size_t>(width()), count = rows.size() / columns;
  UNDERSTUDY_CHECK(count > 0 && rows.size() == count * columns, "%zu numbers in rows of %zu",
                   rows.size(), columns);
  fit_rows(count, [&](std::size_t i) { return rows.data() + i * columns; });
}

void Normalizer::fit(const ByteRows& rows) {
  UNDERSTUDY_CHECK(rows.rows() > 0 && rows.width() == width(), "%lld rows of %lld bytes",
                   static_cast<long long>(rows.rows()), static_cast<long long>(rows.width()));
  fit_rows(static_cast<std::size_t>(rows.rows()),
           [&](std::size_t i) { return rows.row(static_cast<std::int64_t>(i)); });
}

template <class RowAt>
void Normalizer::fit_rows(std::size_t count, const RowAt& row_at) {
  const std::size_t columns = static_cast<std::size_t>(width());
  // Two passes in double: the sum of squares less the square of the sum would cancel.
  std::vector<double> mean(columns, 0.0), std(columns, 0.0);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* row = row_at(i);
    for (std::size_t j = 0; j < columns; ++j) mean[j] += row[j];
  }
  for (double& value : mean) value /= static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* row = row_at(i);
    for (std::size_t j = 0; j < columns; ++j) {
      const double distance = row[j] - mean[j];
      std[j] += distance * distance;
    }
  }
  for (std::size_t j = 0; j < columns; ++j) {
    std[j] = std::sqrt(std[j] / static_cast<double>(count));
    if (!(std[j] > least_share * std::abs(mean[j]))) std[j] = 1;
  }
  // As floats, whatever the store holds: what was fitted does not depend on the type of a run.
  for (std::vector<double>* values : {&mean, &std})
    for (double& value : *values) value = static_cast<float>(value);
  set(mean, std, static_cast<double>(count));
}

void Normalizer::set(const std::vector<double>& mean, const std::vector<double>& std,
                     double count) {
  mean_->write(mean);
  std_->write(std);
  count_->write({count});
}

void Normalizer::freeze(bool frozen) { frozen_->fill(frozen ? 1 : 0); }

}  // namespace understudy
