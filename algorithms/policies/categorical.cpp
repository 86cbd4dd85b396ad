#include "algorithms/policies/categorical.h"

#include "algorithms/policies/export_c.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// (diag(p) - p pᵀ) t, of all choices or of all but one.
Tensor spread(Tensor p, Tensor t) {
  return p * (t - reshape(sum(p * t, -1), behind(leading(t.shape()), {1})));
}

}  // namespace

Categorical::Categorical(Tensor logits)
    : logits_(logits),
      log_probabilities_(log_softmax(logits)),
      probabilities_(exp(log_probabilities_)) {
  if (logits.shape().rank() < 1 || logits.shape()[-1] < 1)
    fail(ErrorKind::bad_shape, "categorical distribution: logits of shape %s",
         logits.shape().text().c_str());
  const std::int64_t n = logits.shape()[-1];
  odds_ = n == 1 ? logits_ : slice(logits_, -1, 0, n - 1) - slice(logits_, -1, n - 1, 1);
  first_ = n == 1 ? probabilities_ : slice(probabilities_, -1, 0, n - 1);
  if (n == 2) first_ = first_ * slice(probabilities_, -1, 1, 1);
}

Tensor Categorical::log_probability(Tensor action) const {
  require_action(name(), action, ActionKind::discrete, leading(logits_.shape()),
                 logits_.shape()[-1]);
  return take_along_axis(log_probabilities_, action);
}

Tensor Categorical::sample(const RandomSource& source) const {
  return random_categorical(source, logits_);
}

Tensor Categorical::mode() const { return argmax(logits_, -1); }

Tensor Categorical::entropy() const {
  return -sum(probabilities_ * log_probabilities_, -1);
}  // (2)

std::vector<Tensor> Categorical::metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, parameters());
  return {spread(probabilities_, tangents[0])};  // (3)
}

std::vector<Tensor> Categorical::coordinate_metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, coordinates());
  if (logits_.shape()[-1] == 2) return {first_ * tangents[0]};
  return {spread(first_, tangents[0])};
}

Tensor Categorical::divergence_from(const std::vector<Tensor>& old_parameters) const {
  require_parameters(name(), old_parameters, parameters());
  const Tensor old = log_softmax(old_parameters[0]);
  return sum(exp(old) * (old - log_probabilities_), -1);  // (4)
}

CategoricalHead::CategoricalHead(const HeadSite& site)
    : logits_(
          site.parameters, site.name + "/logits",
          Linear::Options{
              .inputs = site.inputs, .outputs = site.action.size, .weight = site.last_weight()}) {}

std::unique_ptr<ActionDistribution> CategoricalHead::distribution(Tensor features) const {
  return std::make_unique<Categorical>(logits_(features));
}

HeadRow categorical_row() {
  return {.name = "categorical",
          .spaces = {ActionKind::discrete},
          .traits = {.likelihood = true,
                     .metric = true,
                     .mode = true,
                     .logits = true,
                     .is_default = true},
          .summary = "softmax over choices",
          .source = "Bridle 1990",
          .header = "algorithms/policies/categorical.h",
          .options = {},
          .make = make_as<CategoricalHead>,
          .write_c =
              [](CWriter& c, const HeadOptions&) {
                c.linear("head/logits", c.action().size);
                c.act_by_largest();
              },
          .least_outputs = one_an_action};
}

}  // namespace understudy
