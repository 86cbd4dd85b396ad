#include "algorithms/policies/mixture.h"

#include <cmath>
#include <numbers>

#include "kernels/device/error.h"

namespace understudy {

namespace {

// The shape with another size or two behind its rows.
Shape behind_rows(const Shape& shape, std::int64_t second, std::int64_t third) {
  return {shape.dimension(0), second, third};
}

}  // namespace

Tensor Mixture::log_probability(Tensor action) const {
  const std::int64_t dimensions = mean.shape()[2];
  if (action.shape().rank() != 2 || action.shape()[1] != dimensions)
    fail(ErrorKind::bad_shape, "mixture: actions %s for means %s", action.shape().text().c_str(),
         mean.shape().text().c_str());
  const Tensor a = reshape(action, behind_rows(action.shape(), 1, dimensions));
  const Tensor z = (a - mean) * exp(-log_deviation);
  // log N(a; mu, sigma^2) summed over dimensions, but for the constant, which all share
  const Tensor component = sum(-0.5 * square(z) - log_deviation, 2);
  const double constant = -0.5 * static_cast<double>(dimensions) * std::log(2 * std::numbers::pi);
  return log_sum_exp(log_weight + component) + constant;
}

Tensor Mixture::expectation() const {
  const std::int64_t components = log_weight.shape()[1];
  const Tensor weight = reshape(exp(log_weight), behind_rows(mean.shape(), components, 1));
  return sum(weight * mean, 1);
}

Tensor Mixture::sample(const RandomSource& source) const {
  const std::int64_t components = log_weight.shape()[1], dimensions = mean.shape()[2];
  const Tensor drawn = one_hot(random_categorical(source, log_weight), components);
  const Tensor chosen = reshape(drawn, behind_rows(mean.shape(), components, 1));
  const Shape shape = {mean.shape().dimension(0), dimensions};
  const Tensor noise = random_normal(mean.program(), source, shape);
  return sum(chosen * mean, 1) + sum(chosen * exp(log_deviation), 1) * noise;
}

MixtureHead::MixtureHead(Parameters& parameters, const std::string& name, const Options& options)
    : options_(options) {
  if (options.components < 1 || options.dimensions < 1 || options.inputs < 1)
    fail(ErrorKind::bad_input, "mixture %s: %lld components of %lld dimensions from %lld inputs",
         name.c_str(), static_cast<long long>(options.components),
         static_cast<long long>(options.dimensions), static_cast<long long>(options.inputs));
  const bool fixed = options.fixed_deviation > 0;
  if (!fixed &&
      !(options.minimum_deviation > 0 && options.maximum_deviation > options.minimum_deviation))
    fail(ErrorKind::bad_input, "mixture %s: deviations between %g and %g", name.c_str(),
         options.minimum_deviation, options.maximum_deviation);
  const std::int64_t all = options.components * options.dimensions;
  // Weights start small, so that at first the mixture hardly depends on the state; means start
  // apart, as equal components would have equal gradients for ever.
  const Initialisation small = {InitialisationKind::xavier_uniform, 0.1, 1};
  if (options.components > 1)
    weight_.emplace(
        parameters, name + "/weight",
        Linear::Options{.inputs = options.inputs, .outputs = options.components, .weight = small});
  const Initialisation apart = {InitialisationKind::normal, 1.0, 1};
  mean_.emplace(parameters, name + "/mean",
                Linear::Options{.inputs = options.inputs,
                                .outputs = all,
                                .weight = small,
                                .bias_start = options.components > 1 ? apart : zeros()});
  if (!fixed)
    deviation_.emplace(parameters, name + "/deviation",
                       Linear::Options{.inputs = options.inputs, .outputs = all, .weight = small});
}

Mixture MixtureHead::operator()(Tensor features) const {
  const Shape shape = behind_rows(features.shape(), options_.components, options_.dimensions);
  Mixture mixture;
  mixture.log_weight = weight_ ? log_softmax((*weight_)(features))
                               : features.program().full({features.shape().dimension(0), 1}, 0.0);
  mixture.mean = reshape((*mean_)(features), shape);
  if (!deviation_) {
    mixture.log_deviation = features.program().full(shape, std::log(options_.fixed_deviation));
    return mixture;
  }
  // middle + half tanh(x / half): near x = 0 just middle + x, never past the bounds, and
  // with a gradient everywhere.
  const double low = std::log(options_.minimum_deviation);
  const double high = std::log(options_.maximum_deviation);
  const double half = (high - low) / 2, middle = (high + low) / 2;
  const Tensor x = reshape((*deviation_)(features), shape);
  mixture.log_deviation = scale_shift(tanh(x / half), half, middle);
  return mixture;
}

}  // namespace understudy
