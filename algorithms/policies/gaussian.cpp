#include "algorithms/policies/gaussian.h"

#include <cmath>
#include <numbers>

#include "kernels/device/error.h"

namespace understudy {

namespace {

const double log_two_pi = std::log(2 * std::numbers::pi);

}  // namespace

DiagonalGaussian::DiagonalGaussian(Tensor mean, Tensor log_deviation, bool deviation_is_given)
    : mean_(mean),
      log_deviation_(expand(log_deviation, mean.shape())),
      precision_(exp(-2.0 * log_deviation_)),
      deviation_is_given_(deviation_is_given) {}

Tensor DiagonalGaussian::log_probability(Tensor action) const {
  const Shape& shape = mean_.shape();
  require_action(name(), action, ActionKind::real, leading(shape), shape[-1]);
  const Tensor z = (action - mean_) * exp(-log_deviation_);
  return sum(-0.5 * square(z) - log_deviation_, -1) -
         0.5 * log_two_pi * static_cast<double>(shape[-1]);
}

Tensor DiagonalGaussian::sample(const RandomSource& source) const {
  return mean_ + exp(log_deviation_) * random_normal(mean_.program(), source, mean_.shape());
}

Tensor DiagonalGaussian::entropy() const {
  return sum(log_deviation_, -1) + 0.5 * (1 + log_two_pi) * static_cast<double>(mean_.shape()[-1]);
}

std::vector<Tensor> DiagonalGaussian::parameters() const {
  if (deviation_is_given_) return {mean_};
  return {mean_, log_deviation_};
}

std::vector<Tensor> DiagonalGaussian::metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, parameters());
  std::vector<Tensor> result = {tangents[0] * precision_};
  if (!deviation_is_given_) result.push_back(2.0 * tangents[1]);
  return result;
}

Tensor DiagonalGaussian::divergence_from(const std::vector<Tensor>& old_parameters) const {
  require_parameters(name(), old_parameters, parameters());
  const Tensor z = (old_parameters[0] - mean_) * exp(-log_deviation_);
  if (deviation_is_given_) return 0.5 * sum(square(z), -1);
  // With r = 2 log(old sigma / sigma): 1/2 (e^r - 1 - r + z^2), written so that the small
  // divergences of a trust region do not drown in rounding.
  const Tensor r = 2.0 * (old_parameters[1] - log_deviation_);
  return 0.5 * sum(expm1(r) - r + square(z), -1);
}

GaussianHead::GaussianHead(Parameters& parameters, const std::string& name, const Options& options)
    : parameters_(&parameters),
      options_(options),
      mean_(
          parameters, name + "/mean",
          Linear::Options{
              .inputs = options.inputs, .outputs = options.dimensions, .weight = options.weight}) {
  if (options.fixed_deviation > 0) return;
  if (!(options.minimum_deviation > 0 && options.minimum_deviation < options.initial_deviation &&
        options.initial_deviation < options.maximum_deviation))
    fail(ErrorKind::bad_input,
         "Gaussian %s: expected a deviation that starts between its bounds, found %g in %g .. %g",
         name.c_str(), options.initial_deviation, options.minimum_deviation,
         options.maximum_deviation);
  if (options.state_dependent)
    deviation_.emplace(
        parameters, name + "/deviation",
        Linear::Options{
            .inputs = options.inputs, .outputs = options.dimensions, .weight = options.weight});
  else
    log_deviation_ = parameters.declare(name + "/log_deviation", {options.dimensions}, zeros());
}

DiagonalGaussian GaussianHead::operator()(Tensor features) const {
  const Tensor mean = mean_(features);
  Program& program = features.program();
  if (options_.fixed_deviation > 0)
    return {mean, program.constant(std::log(options_.fixed_deviation)), true};
  const Tensor x = deviation_ ? (*deviation_)(features) : parameters_->use(program, log_deviation_);
  return {mean, bounded_log_deviation(x, options_.minimum_deviation, options_.maximum_deviation,
                                      options_.initial_deviation)};
}

std::unique_ptr<ActionDistribution> GaussianHead::distribution(Tensor features) const {
  return std::make_unique<DiagonalGaussian>((*this)(features));
}

}  // namespace understudy
