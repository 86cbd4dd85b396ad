#include "algorithms/data/normalization.h"

#include <algorithm>
#include <cmath>

#include "kernels/device/error.h"

namespace understudy {

void Normalization::apply(std::span<float> rows) const {
  const std::size_t width = mean.size();
  UNDERSTUDY_CHECK(rows.size() % width == 0, "%zu numbers in rows of %zu", rows.size(), width);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = (rows[i] - mean[i % width]) / deviation[i % width];
  }
}

void Normalization::invert(std::span<float> rows) const {
  const std::size_t width = mean.size();
  UNDERSTUDY_CHECK(rows.size() % width == 0, "%zu numbers in rows of %zu", rows.size(), width);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i] = rows[i] * deviation[i % width] + mean[i % width];
  }
}

Normalization Normalization::fit(std::span<const float> rows, std::int64_t row_width) {
  const auto width = static_cast<std::size_t>(row_width);
  const std::size_t count = rows.size() / width;
  UNDERSTUDY_CHECK(count > 0 && rows.size() == count * width, "%zu numbers in rows of %zu",
                   rows.size(), width);
  // two passes in double: the sum of squares less the square of the sum would cancel
  std::vector<double> mean(width, 0.0), square(width, 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) mean[i % width] += rows[i];
  for (double& value : mean) value /= static_cast<double>(count);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double distance = rows[i] - mean[i % width];
    square[i % width] += distance * distance;
  }
  Normalization fitted;
  for (std::size_t j = 0; j < width; ++j) {
    const double deviation = std::sqrt(square[j] / static_cast<double>(count));
    const bool constant = deviation < 1e-6 * std::max(1.0, std::abs(mean[j]));
    fitted.mean.push_back(static_cast<float>(mean[j]));
    fitted.deviation.push_back(constant ? 1.0f : static_cast<float>(deviation));
  }
  return fitted;
}

Normalization Normalization::of_observations(const Demonstrations& demonstrations) {
  UNDERSTUDY_CHECK(!demonstrations.observations.discrete, "indices have no mean");
  return fit(transitions(demonstrations).observations.numbers, demonstrations.observations.width());
}

Normalization Normalization::of_actions(const Demonstrations& demonstrations) {
  UNDERSTUDY_CHECK(!demonstrations.actions.discrete, "indices have no mean");
  return fit(demonstrations.actions.numbers, demonstrations.actions.width());
}

}  // namespace understudy
