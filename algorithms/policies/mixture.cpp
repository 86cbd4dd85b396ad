#include "algorithms/policies/mixture.h"

#include <cmath>
#include <numbers>

#include "kernels/device/error.h"

namespace understudy {

Tensor Mixture::log_probability(Tensor action) const {
  const std::int64_t dimensions = mean.shape()[-1];
  require_action(name(), action, ActionKind::continuous, leading(mean.shape(), 2), dimensions);
  const Tensor a = reshape(action, behind(leading(action.shape()), {1, dimensions}));
  const Tensor z = (a - mean) * exp(-log_std);
  // log N(a; mu, sigma^2) summed over dimensions, but for the constant, which all share
  const Tensor component = sum(-0.5 * square(z) - log_std, -1);
  const double constant = -0.5 * static_cast<double>(dimensions) * std::log(2 * std::numbers::pi);
  return log_sum_exp(log_weight + component) + constant;
}

// What belongs to one component of each row, from [rows..., K, D]: [rows..., D].
Tensor Mixture::chosen(Tensor component, Tensor of) const {
  const std::int64_t components = log_weight.shape()[-1];
  const Shape shape = behind(leading(log_weight.shape()), {components, 1});
  return sum(reshape(one_hot(component, components), shape) * of, -2);
}

Tensor Mixture::expectation() const {
  const Shape shape = behind(log_weight.shape(), {1});
  return sum(reshape(exp(log_weight), shape) * mean, -2);
}

Tensor Mixture::mode() const { return chosen(argmax(log_weight - sum(log_std, -1), -1), mean); }

Tensor Mixture::sample(const RandomSource& source) const {
  const Tensor component = random_categorical(source, log_weight);
  const Shape shape = behind(leading(log_weight.shape()), {mean.shape()[-1]});
  const Tensor noise = random_normal(mean.program(), source, shape);
  return chosen(component, mean) + chosen(component, exp(log_std)) * noise;
}

MixtureHead::MixtureHead(Parameters& parameters, const std::string& name, const Options& options)
    : options_(options) {
  if (options.components < 1 || options.dimensions < 1 || options.inputs < 1)
    fail(ErrorKind::bad_input, "mixture %s: %lld components of %lld dimensions from %lld inputs",
         name.c_str(), static_cast<long long>(options.components),
         static_cast<long long>(options.dimensions), static_cast<long long>(options.inputs));
  const bool fixed = options.fixed_std > 0;
  if (!fixed && !(options.min_std > 0 && options.max_std > options.min_std))
    fail(ErrorKind::bad_input, "mixture %s: deviations between %g and %g", name.c_str(),
         options.min_std, options.max_std);
  const std::int64_t all = options.components * options.dimensions;
  // Weights start small, so that at first the mixture hardly depends on the state; means start
  // apart, as equal components would have equal gradients for ever.
  const Initialization small = {InitializationKind::xavier_uniform, 0.1, 1};
  if (options.components > 1)
    weight_.emplace(
        parameters, name + "/weight",
        Linear::Options{.inputs = options.inputs, .outputs = options.components, .weight = small});
  const Initialization apart = {InitializationKind::normal, 1.0, 1};
  mean_.emplace(parameters, name + "/mean",
                Linear::Options{.inputs = options.inputs,
                                .outputs = all,
                                .weight = small,
                                .bias_start = options.components > 1 ? apart : zeros()});
  if (!fixed)
    std_.emplace(parameters, name + "/std",
                 Linear::Options{.inputs = options.inputs, .outputs = all, .weight = small});
}

Mixture MixtureHead::operator()(Tensor features) const {
  const Shape rows = leading(features.shape());
  const Shape shape = behind(rows, {options_.components, options_.dimensions});
  Mixture mixture;
  mixture.log_weight =
      weight_ ? log_softmax((*weight_)(features)) : features.program().full(behind(rows, {1}), 0.0);
  mixture.mean = reshape((*mean_)(features), shape);
  if (!std_) {
    mixture.log_std = features.program().full(shape, std::log(options_.fixed_std));
    return mixture;
  }
  const double low = options_.min_std, high = options_.max_std;
  const Tensor x = reshape((*std_)(features), shape);
  mixture.log_std = bounded_log_std(x, low, high, std::sqrt(low * high));
  return mixture;
}

std::unique_ptr<ActionDistribution> MixtureHead::distribution(Tensor features) const {
  return std::make_unique<Mixture>((*this)(features));
}

}  // namespace understudy
