// Bernoulli: independent bits, several binary actions at once.
//
//   p(a | s) = prod_d s(x_d)^a_d (1 - s(x_d))^(1 - a_d)                                      (1)
//   log p    = sum_d a_d x_d - log(1 + exp x_d)                                              (2)
//   H        = sum_d log(1 + exp x_d) - s(x_d) x_d                                           (3)
//   M        = diag(s(x) (1 - s(x)))                                                         (4)
//   KL       = sum_d s(x'_d) (x'_d - x_d) - log(1 + exp x'_d) + log(1 + exp x_d)             (5)
//
// with x the logits [rows..., D], s(x) = 1 / (1 + exp(-x)), and x' those of the other distribution.

#pragma once

#include "algorithms/policies/heads.h"

namespace understudy {

class Bernoulli final : public ActionDistribution {
 public:
  // logits [rows..., D]
  explicit Bernoulli(Tensor logits) : logits_(logits) {}

  const char* name() const override { return "Bernoulli"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override;         // 1 where the logit is above 0
  Tensor expectation() const override;  // the probabilities
  Tensor entropy() const override;
  // The logits.
  std::vector<Tensor> parameters() const override { return {logits_}; }
  std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const override;
  Tensor divergence_from(const std::vector<Tensor>& old_parameters) const override;

 private:
  Tensor logits_;
};

// x = W f + b
class BernoulliHead final : public ActionHead {
 public:
  explicit BernoulliHead(const HeadSite& site);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  Linear logits_;
};

HeadRow bernoulli_row();

}  // namespace understudy
