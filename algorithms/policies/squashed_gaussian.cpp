#include "algorithms/policies/squashed_gaussian.h"

#include <cmath>
#include <numbers>

#include "algorithms/policies/export_c.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr double nearest_to_bound = 1 - 0x1p-20;

std::vector<double> middles(const ActionSpace& action) {
  std::vector<double> all;
  for (std::size_t d = 0; d < action.low.size(); ++d)
    all.push_back(0.5 * (action.low[d] + action.high[d]));
  return all;
}
std::vector<double> half_widths(const ActionSpace& action) {
  std::vector<double> all;
  for (std::size_t d = 0; d < action.low.size(); ++d)
    all.push_back(0.5 * (action.high[d] - action.low[d]));
  return all;
}

const ActionSpace& bounded(const ActionSpace& action) {
  const std::size_t size = static_cast<std::size_t>(action.size);
  bool known = action.low.size() == size && action.high.size() == size;
  for (std::size_t d = 0; known && d < size; ++d)
    known = std::isfinite(action.low[d]) && std::isfinite(action.high[d]) &&
            action.low[d] < action.high[d];
  if (!known)
    fail(ErrorKind::bad_input,
         "head squashed_gaussian: expected actions with finite bounds, found %s without",
         action.text().c_str());
  return action;
}

}  // namespace

SquashedGaussian::SquashedGaussian(Tensor mean, Tensor log_std, const ActionSpace& action)
    : base_(mean, log_std) {
  bounded(action);
  Program& program = mean.program();
  const std::vector<double> half = half_widths(action);
  center_ = program.constant({action.size}, middles(action));
  half_ = program.constant({action.size}, half);
  for (double h : half) log_half_ += std::log(h);
}

Tensor SquashedGaussian::log_slope(Tensor u) const {
  const Tensor log_slopes = 2.0 * (std::numbers::ln2 - u - softplus(-2.0 * u));  // (3)
  return sum(log_slopes, -1) + log_half_;
}

Tensor SquashedGaussian::restored(Tensor unit) const { return center_ + half_ * unit; }

Tensor SquashedGaussian::in_units(Tensor action) const {
  return (action - center_) * reciprocal(half_);
}

Tensor SquashedGaussian::log_probability(Tensor action) const {
  const Shape& shape = base_.mean().shape();
  require_action(name(), action, ActionKind::continuous, leading(shape), shape[-1]);
  const Tensor y = clamp(in_units(action), -nearest_to_bound, nearest_to_bound);
  const Tensor u = 0.5 * (log1p(y) - log1p(-y));
  return base_.log_probability(u) - log_slope(u);  // (2)
}

SquashedGaussian::Drawn SquashedGaussian::draw(const RandomSource& source) const {
  const Tensor mean = base_.mean();
  const Tensor noise = random_normal(mean.program(), source, mean.shape());
  const Tensor u = mean + exp(base_.log_std()) * noise;
  const Tensor unit = tanh(u);
  // log N(u) by the noise itself.
  const double constant =
      0.5 * std::log(2 * std::numbers::pi) * static_cast<double>(mean.shape()[-1]);
  const Tensor log_normal = sum(-0.5 * square(noise) - base_.log_std(), -1) - constant;
  return {restored(unit), unit, log_normal - log_slope(u)};
}

Tensor SquashedGaussian::mode() const { return restored(tanh(base_.mean())); }

void list_options(OptionList& list, SquashedGaussianOptions& o) {
  list.fields(o,
              option("initial_std", o.initial_std, "standard deviation at the start, before tanh",
                     {.above = 0}),
              option("min_std", o.min_std, "least standard deviation, before tanh",
                     {.above = 0, .source = "log -5: Huang et al. 2022 (CleanRL)"}),
              option("max_std", o.max_std, "largest standard deviation, before tanh",
                     {.above = 0, .source = "log 2: the code of Haarnoja et al. 2018"}));
  list.require([&o] {
    if (!(o.min_std < o.initial_std && o.initial_std < o.max_std))
      fail(ErrorKind::bad_input,
           "squashed_gaussian: expected a standard deviation that starts between its bounds, found "
           "%g in %g .. %g",
           o.initial_std, o.min_std, o.max_std);
  });
}

SquashedGaussianHead::SquashedGaussianHead(const HeadSite& site,
                                           const SquashedGaussianOptions& options)
    : options_(options),
      action_(bounded(site.action)),
      mean_(site.parameters, site.name + "/mean",
            Linear::Options{
                .inputs = site.inputs, .outputs = site.action.size, .weight = site.last_weight()}),
      std_(site.parameters, site.name + "/std",
           Linear::Options{
               .inputs = site.inputs, .outputs = site.action.size, .weight = site.last_weight()}) {
  check_options(options);
}

std::unique_ptr<ActionDistribution> SquashedGaussianHead::distribution(Tensor features) const {
  return std::make_unique<SquashedGaussian>(
      mean_(features),
      bounded_log_std(std_(features), options_.min_std, options_.max_std, options_.initial_std),
      action_);
}

HeadRow squashed_gaussian_row() {
  return {.name = SquashedGaussianOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = {.likelihood = true, .mode = true, .own_units = true},
          .summary = "a Gaussian squashed into the actions' bounds by tanh",
          .source = "Haarnoja et al. 2018, appendix C",
          .header = "algorithms/policies/squashed_gaussian.h",
          .options = SquashedGaussianOptions{},
          .make = make_as<SquashedGaussianHead, SquashedGaussianOptions>,
          .write_c =
              [](CWriter& c, const HeadOptions&) {
                c.linear("head/mean", c.action().size);
                c.activate(Activation::tanh);
                const std::string center = c.constant("action_middle", middles(c.action()));
                const std::string half = c.constant("action_half", half_widths(c.action()));
                const char* x = c.newest().c_str();
                c.line("  for (int i = 0; i < %lld; ++i) %s[i] = %s[i] + %s[i] * %s[i];",
                       static_cast<long long>(c.action().size), x, center.c_str(), half.c_str(), x);
                c.act_by_value();
              },
          .least_outputs =
              [](const HeadOptions&, const ActionSpace& action) {
                return 2 * static_cast<double>(action.size);
              }};
}

}  // namespace understudy
