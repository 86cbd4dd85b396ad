// Categorical: one of n choices, by the softmax of logits x [rows..., n].
//
//   p_i = exp(x_i) / sum_j exp(x_j)                                                          (1)
//   H   = -sum_i p_i log p_i                                                                 (2)
//   M   = diag(p) - p p^T   in x                                                             (3)
//   KL  = sum_i p'_i (log p'_i - log p_i)                                                    (4)
//
// with p' the other distribution. (3) has rank n - 1. In the coordinates y_i = x_i - x_n, the
// log-odds against the last choice, it is M' = M without its last row and column: n - 1 numbers a
// row, and of two choices one, p (1 - p).

#pragma once

#include "algorithms/policies/heads.h"

namespace understudy {

class Categorical final : public ActionDistribution {
 public:
  // logits [rows..., n]
  explicit Categorical(Tensor logits);

  const char* name() const override { return "categorical"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override;
  Tensor entropy() const override;
  // The logits.
  std::vector<Tensor> parameters() const override { return {logits_}; }
  std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const override;
  Tensor divergence_from(const std::vector<Tensor>& old_parameters) const override;
  // y [rows..., n - 1]. Of a single choice there is nothing to leave out.
  std::vector<Tensor> coordinates() const override { return {odds_}; }
  std::vector<Tensor> coordinate_metric(const std::vector<Tensor>& tangents) const override;

  Tensor log_probabilities() const { return log_probabilities_; }  // [rows..., n]

 private:
  // All but the first two recorded once for the entropy and all products with a metric. `first_`:
  // the probabilities of all choices but the last; of two choices p (1 - p), which is M'.
  Tensor logits_, log_probabilities_, probabilities_, odds_, first_;
};

// x = W f + b
class CategoricalHead final : public ActionHead {
 public:
  explicit CategoricalHead(const HeadSite& site);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  Linear logits_;
};

HeadRow categorical_row();

}  // namespace understudy
