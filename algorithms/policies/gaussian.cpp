#include "algorithms/policies/gaussian.h"

#include <cmath>
#include <numbers>

#include "algorithms/policies/export_c.h"
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
  const Tensor z = (action - mean_) * exp(-log_std_);  // (1)
  return sum(-0.5 * square(z) - log_std_, -1) - 0.5 * log_two_pi * static_cast<double>(shape[-1]);
}

Tensor DiagonalGaussian::sample(const RandomSource& source) const {
  return mean_ + exp(log_std_) * random_normal(mean_.program(), source, mean_.shape());
}

Tensor DiagonalGaussian::entropy() const {
  return sum(log_std_, -1) +
         0.5 * (1 + log_two_pi) * static_cast<double>(mean_.shape()[-1]);  // (2)
}

std::vector<Tensor> DiagonalGaussian::parameters() const {
  if (std_is_fixed_) return {mean_};
  return {mean_, log_std_};
}

std::vector<Tensor> DiagonalGaussian::metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, parameters());
  std::vector<Tensor> result = {tangents[0] * precision_};  // (3)
  if (!std_is_fixed_) result.push_back(2.0 * tangents[1]);
  return result;
}

Tensor DiagonalGaussian::divergence_from(const std::vector<Tensor>& old_parameters) const {
  require_parameters(name(), old_parameters, parameters());
  const Tensor z = (old_parameters[0] - mean_) * exp(-log_std_);
  if (std_is_fixed_) return 0.5 * sum(square(z), -1);
  // (4), by expm1, so that the small divergences of a trust region do not drown in rounding.
  const Tensor r = 2.0 * (old_parameters[1] - log_std_);
  return 0.5 * sum(expm1(r) - r + square(z), -1);
}

void list_options(OptionList& list, GaussianOptions& o) {
  list.fields(o,
              option("state_dependent_std", o.state_dependent_std,
                     "the standard deviation is a function of the state",
                     {.source = "false: Schulman et al. 2015, appendix D"}),
              option("initial_std", o.initial_std, "standard deviation at the start",
                     {.above = 0, .unit = action_unit}),
              std_bound("min_std", o.min_std, "least standard deviation"),
              std_bound("max_std", o.max_std, "largest standard deviation"));
  list.require([&o] {
    if (!(o.min_std < o.initial_std && o.initial_std < o.max_std))
      fail(ErrorKind::bad_input,
           "gaussian: expected a standard deviation that starts between its bounds, found %g in "
           "%g .. %g",
           o.initial_std, o.min_std, o.max_std);
  });
}

GaussianHead::GaussianHead(const HeadSite& site, const GaussianOptions& options)
    : parameters_(&site.parameters),
      options_(options),
      mean_(site.parameters, site.name + "/mean",
            Linear::Options{
                .inputs = site.inputs, .outputs = site.action.size, .weight = site.last_weight()}) {
  check_options(options);
  if (options.state_dependent_std)
    std_.emplace(
        site.parameters, site.name + "/std",
        Linear::Options{
            .inputs = site.inputs, .outputs = site.action.size, .weight = site.last_weight()});
  else
    log_std_ = site.parameters.declare(site.name + "/log_std", {site.action.size}, zeros());
}

DiagonalGaussian GaussianHead::operator()(Tensor features) const {
  const Tensor mean = mean_(features);
  const Tensor x = std_ ? (*std_)(features) : parameters_->use(features.program(), log_std_);
  return {mean, bounded_log_std(x, options_.min_std, options_.max_std, options_.initial_std)};
}

std::unique_ptr<ActionDistribution> GaussianHead::distribution(Tensor features) const {
  return std::make_unique<DiagonalGaussian>((*this)(features));
}

void list_options(OptionList& list, RegressionOptions& o) {
  list.fields(o, option("std", o.std, "the standard deviation, which is not learned",
                        {.above = 0, .unit = action_unit}));
}

RegressionHead::RegressionHead(const HeadSite& site, const RegressionOptions& options)
    : mean_(site.parameters, site.name + "/mean",
            Linear::Options{
                .inputs = site.inputs, .outputs = site.action.size, .weight = site.last_weight()}),
      std_(options.std) {
  check_options(options);
}

std::unique_ptr<ActionDistribution> RegressionHead::distribution(Tensor features) const {
  const Tensor mean = mean_(features);
  return std::make_unique<DiagonalGaussian>(mean, mean.program().constant(std::log(std_)), true);
}

namespace {

void write_mean_in_c(CWriter& c, const HeadOptions&) {
  c.linear("head/mean", c.action().size);
  c.act_by_value();
}

constexpr HeadTraits known = {.likelihood = true, .metric = true, .mode = true};

}  // namespace

HeadRow gaussian_row() {
  HeadTraits traits = known;
  traits.is_default = true;
  return {.name = GaussianOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = traits,
          .summary = "one Gaussian with independent dimensions",
          .source = "Williams 1992, section 6",
          .header = "algorithms/policies/gaussian.h",
          .options = GaussianOptions{},
          .make = make_as<GaussianHead, GaussianOptions>,
          .write_c = write_mean_in_c,
          .least_outputs = one_an_action};
}

HeadRow regression_row() {
  return {.name = RegressionOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = known,
          .summary = "a Gaussian of fixed standard deviation: least squares",
          .source = "Pomerleau 1989",
          .header = "algorithms/policies/gaussian.h",
          .options = RegressionOptions{},
          .make = make_as<RegressionHead, RegressionOptions>,
          .write_c = write_mean_in_c,
          .least_outputs = one_an_action};
}

}  // namespace understudy
