#include "algorithms/policies/distribution.h"

#include <cmath>

#include "kernels/device/error.h"

namespace understudy {

void ActionDistribution::refuse(const char* what) const {
  fail(ErrorKind::not_available, "%s distribution: %s is not known in closed form", name(), what);
}

Tensor ActionDistribution::expectation() const { refuse("the mean action"); }
Tensor ActionDistribution::entropy() const { refuse("the entropy"); }
std::vector<Tensor> ActionDistribution::parameters() const { refuse("a set of parameters"); }
std::vector<Tensor> ActionDistribution::metric(const std::vector<Tensor>&) const {
  refuse("the Fisher metric");
}
Tensor ActionDistribution::divergence_from(const std::vector<Tensor>&) const {
  refuse("the KL divergence");
}

Tensor ActionDistribution::loss(Tensor action, const LossContext&) const {
  return -log_probability(action);
}

Tensor ActionDistribution::squared_error(Tensor action) const {
  return sum(square(expectation() - action), -1);
}

Tensor ActionDistribution::log_probability_bound(Tensor action, const RandomSource&, int) const {
  return log_probability(action);
}

Shape leading(const Shape& shape, int count) {
  UNDERSTUDY_CHECK(shape.rank() >= count, "a shape of rank %d without its last %d axes",
                   shape.rank(), count);
  Shape result;
  for (int axis = 0; axis + count < shape.rank(); ++axis) result.append(shape.dimension(axis));
  return result;
}

Shape behind(Shape leading, std::initializer_list<std::int64_t> sizes) {
  for (std::int64_t size : sizes) leading.append(size);
  return leading;
}

void require_action(const char* distribution, Tensor action, ActionKind kind, const Shape& rows,
                    std::int64_t size) {
  const Shape expected = kind == ActionKind::discrete ? rows : behind(rows, {size});
  const bool indices = action.element() == Element::index;
  if (!(action.shape() == expected) || indices != (kind == ActionKind::discrete))
    fail(ErrorKind::bad_shape, "%s distribution: expected actions %s (%s), found %s (%s)",
         distribution, expected.text().c_str(),
         kind == ActionKind::discrete ? "indices" : "numbers", action.shape().text().c_str(),
         indices ? "indices" : "numbers");
}

void require_parameters(const char* distribution, const std::vector<Tensor>& found,
                        const std::vector<Tensor>& expected) {
  bool fits = found.size() == expected.size();
  for (std::size_t i = 0; fits && i < found.size(); ++i)
    fits = found[i].shape() == expected[i].shape();
  if (!fits)
    fail(ErrorKind::bad_shape,
         "%s distribution: expected %zu parameters, the first %s; found %zu%s%s", distribution,
         expected.size(), expected[0].shape().text().c_str(), found.size(),
         found.empty() ? "" : ", the first ", found.empty() ? "" : found[0].shape().text().c_str());
}

Tensor number_of(Tensor index, std::int64_t n) {
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < n; ++i) numbers.push_back(static_cast<double>(i));
  return gather_rows(index.program().constant({n}, numbers), index);
}

Tensor bounded_log_std(Tensor x, double minimum, double maximum, double start) {
  const double low = std::log(minimum), high = std::log(maximum);
  const double half = (high - low) / 2, middle = (high + low) / 2;
  // middle + half tanh((x + shift) / half), whose slope at x = 0 is 1 where `start` is the middle
  const double shift = half * std::atanh((std::log(start) - middle) / half);
  return scale_shift(tanh(scale_shift(x, 1 / half, shift / half)), half, middle);
}

}  // namespace understudy
