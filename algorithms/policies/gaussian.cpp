#include "algorithms/policies/gaussian.h"

#include <cmath>
#include <numbers>

#include "kernels/device/error.h"

namespace understudy {

namespace {

const double log_two_pi = std::log(2 * std::numbers::pi);

}  // namespace

DiagonalGaussian::DiagonalGaussian(Tensor mean, Tensor log_std, bool std_is_fixed)
    : mean_(mean),
      log_std_(expand(log_std, mean.shape())),
      precision_(exp(-2.0 * log_std_)),
      std_is_fixed_(std_is_fixed) {}

Tensor DiagonalGaussian::log_probability(Tensor action) const {
  const Shape& shape = mean_.shape();
  require_action(name(), action, ActionKind::continuous, leading(shape), shape[-1]);
  const Tensor z = (action - mean_) * exp(-log_std_);
  return sum(-0.5 * square(z) - log_std_, -1) - 0.5 * log_two_pi * static_cast<double>(shape[-1]);
}

Tensor DiagonalGaussian::sample(const RandomSource& source) const {
  return mean_ + exp(log_std_) * random_normal(mean_.program(), source, mean_.shape());
}

Tensor DiagonalGaussian::entropy() const {
  return sum(log_std_, -1) + 0.5 * (1 + log_two_pi) * static_cast<double>(mean_.shape()[-1]);
}

std::vector<Tensor> DiagonalGaussian::parameters() const {
  if (std_is_fixed_) return {mean_};
  return {mean_, log_std_};
}

std::vector<Tensor> DiagonalGaussian::metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, parameters());
  std::vector<Tensor> result = {tangents[0] * precision_};
  if (!std_is_fixed_) result.push_back(2.0 * tangents[1]);
  return result;
}

Tensor DiagonalGaussian::divergence_from(const std::vector<Tensor>& old_parameters) const {
  require_parameters(name(), old_parameters, parameters());
  const Tensor z = (old_parameters[0] - mean_) * exp(-log_std_);
  if (std_is_fixed_) return 0.5 * sum(square(z), -1);
  // With r = 2 log(old sigma / sigma): 1/2 (e^r - 1 - r + z^2), written so that the small
  // divergences of a trust region do not drown in rounding.
  const Tensor r = 2.0 * (old_parameters[1] - log_std_);
  return 0.5 * sum(expm1(r) - r + square(z), -1);
}

GaussianHead::GaussianHead(Parameters& parameters, const std::string& name, const Options& options)
    : parameters_(&parameters),
      options_(options),
      mean_(
          parameters, name + "/mean",
          Linear::Options{
              .inputs = options.inputs, .outputs = options.dimensions, .weight = options.weight}) {
  if (options.fixed_std > 0) return;
  if (!(options.min_std > 0 && options.min_std < options.initial_std &&
        options.initial_std < options.max_std))
    fail(ErrorKind::bad_input,
         "Gaussian %s: expected a deviation that starts between its bounds, found %g in %g .. %g",
         name.c_str(), options.initial_std, options.min_std, options.max_std);
  if (options.state_dependent_std)
    std_.emplace(
        parameters, name + "/std",
        Linear::Options{
            .inputs = options.inputs, .outputs = options.dimensions, .weight = options.weight});
  else
    log_std_ = parameters.declare(name + "/log_std", {options.dimensions}, zeros());
}

DiagonalGaussian GaussianHead::operator()(Tensor features) const {
  const Tensor mean = mean_(features);
  Program& program = features.program();
  if (options_.fixed_std > 0) return {mean, program.constant(std::log(options_.fixed_std)), true};
  const Tensor x = std_ ? (*std_)(features) : parameters_->use(program, log_std_);
  return {mean, bounded_log_std(x, options_.min_std, options_.max_std, options_.initial_std)};
}

std::unique_ptr<ActionDistribution> GaussianHead::distribution(Tensor features) const {
  return std::make_unique<DiagonalGaussian>((*this)(features));
}

}  // namespace understudy
