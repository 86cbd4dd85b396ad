#include "algorithms/policies/bernoulli.h"

namespace understudy {

Tensor Bernoulli::log_probability(Tensor action) const {
  require_action(name(), action, ActionKind::multi_binary, leading(logits_.shape()),
                 logits_.shape()[-1]);
  // a x - log(1 + e^x): log s(x) where a is 1, log(1 - s(x)) where it is 0
  return sum(action * logits_ - softplus(logits_), -1);
}

Tensor Bernoulli::sample(const RandomSource& source) const {
  return less(random_uniform(logits_.program(), source, logits_.shape()), sigmoid(logits_));
}

Tensor Bernoulli::mode() const { return is_positive(logits_); }

Tensor Bernoulli::expectation() const { return sigmoid(logits_); }

Tensor Bernoulli::entropy() const {
  return sum(softplus(logits_) - sigmoid(logits_) * logits_, -1);
}

std::vector<Tensor> Bernoulli::metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, parameters());
  return {sigmoid(logits_) * sigmoid(-logits_) * tangents[0]};
}

Tensor Bernoulli::divergence_from(const std::vector<Tensor>& old_parameters) const {
  require_parameters(name(), old_parameters, parameters());
  const Tensor old = old_parameters[0];
  return sum(sigmoid(old) * (old - logits_) - softplus(old) + softplus(logits_), -1);
}

BernoulliHead::BernoulliHead(Parameters& parameters, const std::string& name, std::int64_t inputs,
                             std::int64_t bits, const Initialization& weight)
    : logits_(parameters, name + "/logits",
              Linear::Options{.inputs = inputs, .outputs = bits, .weight = weight}) {}

std::unique_ptr<ActionDistribution> BernoulliHead::distribution(Tensor features) const {
  return std::make_unique<Bernoulli>(logits_(features));
}

}  // namespace understudy
