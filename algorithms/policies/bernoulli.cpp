#include "algorithms/policies/bernoulli.h"

#include "algorithms/policies/export_c.h"

namespace understudy {

Tensor Bernoulli::log_probability(Tensor action) const {
  require_action(name(), action, ActionKind::multi_binary, leading(logits_.shape()),
                 logits_.shape()[-1]);
  return sum(action * logits_ - softplus(logits_), -1);  // (2)
}

Tensor Bernoulli::sample(const RandomSource& source) const {
  return less(random_uniform(logits_.program(), source, logits_.shape()), sigmoid(logits_));
}

Tensor Bernoulli::mode() const { return is_positive(logits_); }

Tensor Bernoulli::expectation() const { return sigmoid(logits_); }

Tensor Bernoulli::entropy() const {
  return sum(softplus(logits_) - sigmoid(logits_) * logits_, -1);  // (3)
}

std::vector<Tensor> Bernoulli::metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, parameters());
  return {sigmoid(logits_) * sigmoid(-logits_) * tangents[0]};  // (4)
}

Tensor Bernoulli::divergence_from(const std::vector<Tensor>& old_parameters) const {
  require_parameters(name(), old_parameters, parameters());
  const Tensor old = old_parameters[0];  // (5)
  return sum(sigmoid(old) * (old - logits_) - softplus(old) + softplus(logits_), -1);
}

BernoulliHead::BernoulliHead(const HeadSite& site)
    : logits_(
          site.parameters, site.name + "/logits",
          Linear::Options{
              .inputs = site.inputs, .outputs = site.action.size, .weight = site.last_weight()}) {}

std::unique_ptr<ActionDistribution> BernoulliHead::distribution(Tensor features) const {
  return std::make_unique<Bernoulli>(logits_(features));
}

HeadRow bernoulli_row() {
  return {.name = "bernoulli",
          .spaces = {ActionKind::multi_binary},
          .traits = {.likelihood = true, .metric = true, .mode = true, .is_default = true},
          .summary = "independent bits",
          .source = "Harmer et al. 2018",
          .header = "algorithms/policies/bernoulli.h",
          .options = {},
          .make = make_as<BernoulliHead>,
          .write_c =
              [](CWriter& c, const HeadOptions&) {
                c.linear("head/logits", c.action().size);
                c.act_by_sign();
              },
          .least_outputs = one_an_action};
}

}  // namespace understudy
