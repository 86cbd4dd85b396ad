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
  // (2), but for the constant of log N, which all components share
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
  return sum(reshape(exp(log_weight), shape) * mean, -2);  // (3)
}

Tensor Mixture::mode() const {
  return chosen(argmax(log_weight - sum(log_std, -1), -1), mean);  // (4)
}

Tensor Mixture::sample(const RandomSource& source) const {
  const Tensor component = random_categorical(source, log_weight);
  const Shape shape = behind(leading(log_weight.shape()), {mean.shape()[-1]});
  const Tensor noise = random_normal(mean.program(), source, shape);
  return chosen(component, mean) + chosen(component, exp(log_std)) * noise;
}

void list_options(OptionList& list, MixtureOptions& o) {
  list.fields(o,
              option("components", o.components, "of the mixture",
                     {.least = 1, .most = most_parts, .source = "Bishop 1994; Ha & Eck 2018: 20"}),
              std_bound("min_std", o.min_std, "least standard deviation"),
              std_bound("max_std", o.max_std, "largest standard deviation"),
              option("fixed_std", o.fixed_std, "every standard deviation; 0: they are learned",
                     {.least = 0, .unit = action_unit}));
  require_std_bounds(list, o.min_std, o.max_std);
}

MixtureHead::MixtureHead(const HeadSite& site, const MixtureOptions& options)
    : options_(options), dimensions_(site.action.size) {
  check_options(options);
  if (dimensions_ < 1 || site.inputs < 1)
    fail(ErrorKind::bad_input, "mixture %s: %lld dimensions from %lld inputs", site.name.c_str(),
         static_cast<long long>(dimensions_), static_cast<long long>(site.inputs));
  const std::int64_t all = options.components * dimensions_;
  // Weights start small, so that at first the mixture hardly depends on the state; means start
  // apart, as equal components would have equal gradients for ever.
  const Initialization small = {InitializationKind::xavier_uniform, 0.1, 1};
  if (options.components > 1)
    weight_.emplace(
        site.parameters, site.name + "/weight",
        Linear::Options{.inputs = site.inputs, .outputs = options.components, .weight = small});
  const Initialization apart = {InitializationKind::normal, 1.0, 1};
  mean_.emplace(site.parameters, site.name + "/mean",
                Linear::Options{.inputs = site.inputs,
                                .outputs = all,
                                .weight = small,
                                .bias_start = options.components > 1 ? apart : zeros()});
  if (!(options.fixed_std > 0))
    std_.emplace(site.parameters, site.name + "/std",
                 Linear::Options{.inputs = site.inputs, .outputs = all, .weight = small});
}

Mixture MixtureHead::operator()(Tensor features) const {
  const Shape rows = leading(features.shape());
  const Shape shape = behind(rows, {options_.components, dimensions_});
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

HeadRow mixture_row() {
  return {.name = MixtureOptions::head,
          .aliases = {"gmm", "mdn"},
          .spaces = {ActionKind::continuous},
          .traits = {.likelihood = true},
          .summary = "a mixture of Gaussians with independent dimensions",
          .source = "Bishop 1994, equations 22-29",
          .header = "algorithms/policies/mixture.h",
          .options = MixtureOptions{},
          .make = make_as<MixtureHead, MixtureOptions>,
          .least_outputs = [](const HeadOptions& options, const ActionSpace& action) {
            return static_cast<double>(action.size) *
                   static_cast<double>(options.as<MixtureOptions>().components);
          }};
}

}  // namespace understudy
