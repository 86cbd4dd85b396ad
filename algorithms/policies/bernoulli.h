// Several switches at once, each on with a probability of its own: concurrent discrete actions.
//
//   p(a) = prod_d s(x_d)^a_d (1 - s(x_d))^(1 - a_d),   s the logistic function, x the logits

#pragma once

#include "algorithms/policies/distribution.h"

namespace understudy {

class Bernoulli final : public ActionDistribution {
 public:
  // logits [rows..., D]
  explicit Bernoulli(Tensor logits) : logits_(logits) {}

  const char* name() const override { return "Bernoulli"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override;         // on where the logit is above 0
  Tensor expectation() const override;  // the probabilities
  Tensor entropy() const override;
  // The logits. In them M = diag(p (1 - p)).
  std::vector<Tensor> parameters() const override { return {logits_}; }
  std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const override;
  Tensor divergence_from(const std::vector<Tensor>& old_parameters) const override;

 private:
  Tensor logits_;
};

class BernoulliHead final : public ActionHead {
 public:
  BernoulliHead(Parameters& parameters, const std::string& name, std::int64_t inputs,
                std::int64_t bits, const Initialization& weight);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  Linear logits_;
};

}  // namespace understudy
