#include "algorithms/policies/full_covariance.h"

#include <cmath>
#include <numbers>

#include "algorithms/policies/export_c.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

const double half_log_two_pi = 0.5 * std::log(2 * std::numbers::pi);

// x [..., D] as a column [..., D, 1], and back.
Tensor column(Tensor x) { return reshape(x, behind(x.shape(), {1})); }
Tensor flattened(Tensor x) { return reshape(x, leading(x.shape())); }

// op(l) x = b and products for stacks of small matrices, whatever the leading axes.
Tensor times(Tensor l, Tensor x) { return sum(l * transpose(x), -1); }  // L x, x a column: [..., D]

// Lower triangles, the diagonal in it or not.
Tensor lower(Program& program, std::int64_t n) {
  std::vector<double> mask;
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j) mask.push_back(j <= i ? 1.0 : 0.0);
  return program.constant({n, n}, mask);
}

Tensor unit_matrix(Program& program, std::int64_t n) {
  std::vector<double> unit(static_cast<std::size_t>(n * n), 0.0);
  for (std::int64_t i = 0; i < n; ++i) unit[static_cast<std::size_t>(i * n + i)] = 1;
  return program.constant({n, n}, unit);
}

Tensor diagonal(Tensor l) { return sum(l * unit_matrix(l.program(), l.shape()[-1]), -1); }

Tensor log_density(Tensor action, Tensor mean, Tensor factor, Tensor log_std) {
  const double dimensions = static_cast<double>(mean.shape()[-1]);
  const Tensor z = flattened(triangular_solve(factor, column(action - mean)));  // (2)
  return sum(-0.5 * square(z) - log_std, -1) - half_log_two_pi * dimensions;
}

}  // namespace

FullGaussian::FullGaussian(Tensor mean, Tensor factor)
    : mean_(mean), factor_(factor), log_std_(log(diagonal(factor))) {}

Tensor FullGaussian::log_probability(Tensor action) const {
  require_action(name(), action, ActionKind::continuous, leading(mean_.shape()), mean_.shape()[-1]);
  return log_density(action, mean_, factor_, log_std_);
}

Tensor FullGaussian::sample(const RandomSource& source) const {
  const Tensor noise = random_normal(mean_.program(), source, mean_.shape());
  return mean_ + times(factor_, column(noise));
}

Tensor FullGaussian::entropy() const {
  const double dimensions = static_cast<double>(mean_.shape()[-1]);
  return sum(log_std_, -1) + dimensions * (half_log_two_pi + 0.5);  // (3)
}

std::vector<Tensor> FullGaussian::metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, parameters());
  // (4)
  const Tensor mean =
      flattened(triangular_solve(factor_, triangular_solve(factor_, column(tangents[0])), true));
  const Tensor a = triangular_solve(factor_, tangents[1]);
  const Tensor factor = triangular_solve(factor_, a + transpose(a), true);
  return {mean, factor * lower(factor.program(), factor.shape()[-1])};
}

Tensor FullGaussian::divergence_from(const std::vector<Tensor>& old_parameters) const {
  require_parameters(name(), old_parameters, parameters());
  const Tensor old = old_parameters[1];
  const std::int64_t n = old.shape()[-1];
  // (5)
  const Tensor spread = triangular_solve(factor_, old);
  const Tensor shift = triangular_solve(factor_, column(old_parameters[0] - mean_));
  return 0.5 * (sum(sum(square(spread), -1), -1) + sum(flattened(square(shift)), -1) -
                static_cast<double>(n)) +
         sum(log_std_ - log(diagonal(old)), -1);
}

Tensor FullMixture::log_probability(Tensor action) const {
  const std::int64_t dimensions = mean_.shape()[-1];
  require_action(name(), action, ActionKind::continuous, leading(mean_.shape(), 2), dimensions);
  const Tensor a = reshape(action, behind(leading(action.shape()), {1, dimensions}));
  return log_sum_exp(log_weight_ + log_density(a, mean_, factor_, log_std_));  // (6)
}

Tensor FullMixture::sample(const RandomSource& source) const {
  const std::int64_t components = log_weight_.shape()[-1], dimensions = mean_.shape()[-1];
  const Tensor chosen = one_hot(random_categorical(source, log_weight_), components);
  const Tensor noise = random_normal(mean_.program(), source,
                                     behind(leading(log_weight_.shape()), {1, dimensions, 1}));
  // L times the same noise in every component, of which one is taken.
  const Tensor each = mean_ + times(factor_, noise);
  return sum(reshape(chosen, behind(chosen.shape(), {1})) * each, -2);
}

Tensor FullMixture::mode() const {
  const std::int64_t components = log_weight_.shape()[-1];
  const Tensor peak = argmax(log_weight_ - sum(log_std_, -1), -1);
  return sum(reshape(one_hot(peak, components), behind(log_weight_.shape(), {1})) * mean_, -2);
}

Tensor FullMixture::expectation() const {
  return sum(reshape(exp(log_weight_), behind(log_weight_.shape(), {1})) * mean_, -2);
}

void list_options(OptionList& list, FullGaussianOptions& o) {
  list.fields(o, std_bound("min_std", o.min_std, "least standard deviation, given those before it"),
              std_bound("max_std", o.max_std, "largest standard deviation"));
  require_std_bounds(list, o.min_std, o.max_std);
}

void list_options(OptionList& list, FullMixtureOptions& o) {
  list.fields(o,
              option("components", o.components, "of the mixture",
                     {.least = 1, .most = most_parts, .source = "Bishop 1994"}),
              std_bound("min_std", o.min_std, "least standard deviation, given those before it"),
              std_bound("max_std", o.max_std, "largest standard deviation"));
  require_std_bounds(list, o.min_std, o.max_std);
}

FullCovarianceHead::FullCovarianceHead(const HeadSite& site, const FullMixtureOptions& options)
    : options_(options),
      dimensions_(site.action.size),
      mean_(site.parameters, site.name + "/mean",
            Linear::Options{.inputs = site.inputs,
                            .outputs = options.components * dimensions_,
                            .weight = site.last_weight(),
                            // Equal components would have equal gradients for ever.
                            .bias_start = options.components > 1
                                              ? Initialization{InitializationKind::normal, 1.0, 1}
                                              : zeros()}),
      std_(site.parameters, site.name + "/std",
           Linear::Options{.inputs = site.inputs,
                           .outputs = options.components * dimensions_,
                           .weight = site.last_weight()}) {
  check_options(options);
  const std::int64_t below = dimensions_ * (dimensions_ - 1) / 2;
  if (below > 0)
    below_.emplace(site.parameters, site.name + "/below",
                   Linear::Options{.inputs = site.inputs,
                                   .outputs = options.components * below,
                                   .weight = site.last_weight()});
  if (options.components > 1)
    weight_.emplace(
        site.parameters, site.name + "/weight",
        Linear::Options{
            .inputs = site.inputs, .outputs = options.components, .weight = site.last_weight()});
}

std::unique_ptr<ActionDistribution> FullCovarianceHead::distribution(Tensor features) const {
  Program& program = features.program();
  const std::int64_t n = dimensions_, k = options_.components;
  const bool one = k == 1;
  const Shape rows = one ? leading(features.shape()) : behind(leading(features.shape()), {k});
  const double low = options_.min_std, high = options_.max_std;
  const Tensor mean = reshape(mean_(features), behind(rows, {n}));
  const Tensor log_std =
      bounded_log_std(reshape(std_(features), behind(rows, {n})), low, high, std::sqrt(low * high));
  // I + N: the numbers below the diagonal, row by row, put in their places by a product with 0 / 1.
  Tensor shape = unit_matrix(program, n);
  if (below_) {
    const std::int64_t count = n * (n - 1) / 2;
    std::vector<double> where(static_cast<std::size_t>(count * n * n), 0.0);
    for (std::int64_t i = 1, at = 0; i < n; ++i)
      for (std::int64_t j = 0; j < i; ++j, ++at)
        where[static_cast<std::size_t>(at * n * n + i * n + j)] = 1;
    const Tensor numbers = reshape((*below_)(features), behind(rows, {count}));
    const Tensor placed = matmul(numbers, program.constant({count, n * n}, where));
    shape = shape + reshape(placed, behind(rows, {n, n}));
  }
  const Tensor factor = column(exp(log_std)) * shape;  // (1)
  if (one) return std::make_unique<FullGaussian>(mean, factor);
  const Tensor log_weight = log_softmax((*weight_)(features));
  return std::make_unique<FullMixture>(log_weight, mean, factor, log_std);
}

HeadRow full_gaussian_row() {
  return {.name = FullGaussianOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = {.likelihood = true, .metric = true, .mode = true},
          .summary = "one Gaussian with a full covariance",
          .source = "Williams 1996",
          .header = "algorithms/policies/full_covariance.h",
          .options = FullGaussianOptions{},
          .make = make_as<FullCovarianceHead, FullGaussianOptions>,
          .write_c =
              [](CWriter& c, const HeadOptions&) {
                c.linear("head/mean", c.action().size);
                c.act_by_value();
              },
          .least_outputs = one_an_action};
}

HeadRow full_mixture_row() {
  return {.name = FullMixtureOptions::head,
          .aliases = {"full_gmm"},
          .spaces = {ActionKind::continuous},
          .traits = {.likelihood = true},
          .summary = "a mixture of Gaussians with full covariances",
          .source = "Bishop 1994; Williams 1996",
          .header = "algorithms/policies/full_covariance.h",
          .options = FullMixtureOptions{},
          .make = make_as<FullCovarianceHead, FullMixtureOptions>,
          .least_outputs = [](const HeadOptions& options, const ActionSpace& action) {
            return static_cast<double>(action.size) *
                   static_cast<double>(options.as<FullMixtureOptions>().components);
          }};
}

}  // namespace understudy
