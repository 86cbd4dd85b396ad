// One of n choices: p(a = i) = exp(x_i) / sum_j exp(x_j), the softmax of logits x.

#pragma once

#include "algorithms/policies/distribution.h"

namespace understudy {

class Categorical final : public ActionDistribution {
 public:
  // logits [rows..., n]
  explicit Categorical(Tensor logits);

  const char* name() const override { return "categorical"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override;
  Tensor entropy() const override;  // -sum p log p
  // The logits. In them M = diag(p) - p pᵀ.
  std::vector<Tensor> parameters() const override { return {logits_}; }
  std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const override;
  Tensor divergence_from(const std::vector<Tensor>& old_parameters) const override;
  // The log-odds against the last choice, x_i - x_n, [rows..., n - 1]: M' is M without the last row
  // and column. Of a single choice there is nothing to leave out.
  std::vector<Tensor> coordinates() const override { return {odds_}; }
  std::vector<Tensor> coordinate_metric(const std::vector<Tensor>& tangents) const override;

  Tensor log_probabilities() const { return log_probabilities_; }  // [rows..., n]

 private:
  // All but the first two recorded once for the entropy and all products with a metric. `first_`:
  // the probabilities of all choices but the last; of two choices p (1 - p), which is M'.
  Tensor logits_, log_probabilities_, probabilities_, odds_, first_;
};

class CategoricalHead final : public ActionHead {
 public:
  CategoricalHead(Parameters& parameters, const std::string& name, std::int64_t inputs,
                  std::int64_t choices, const Initialization& weight);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  Linear logits_;
};

}  // namespace understudy
