// A distribution over actions that is learned in standard units: mean 0 and deviation 1 of the
// demonstrated actions, whatever units those come in.
//
//   a = m + s z                      z the head's own action, m and s a Normalizer's           (1)
//   log p(a) = log p(z) - sum_d log s_d                                                        (2)
//   H(a)     = H(z) + sum_d log s_d                                                            (3)
//
// An affine change of the demonstrated actions changes m and s and leaves z, and so what is
// learned, as it is. Parameters, Fisher metric and KL divergence are z's: both are the same in
// any units (Cover & Thomas 2006, section 8.6), so long as old and new share m and s.

#pragma once

#include "algorithms/data/normalizer.h"
#include "algorithms/policies/distribution.h"

namespace understudy {

class StandardizedDistribution final : public ActionDistribution {
 public:
  // `of`: over z [rows..., D]. `by`: [D], outlives this. `likelihood`: of's loss is minus a
  // log-density or a bound of one, to which (2) applies.
  StandardizedDistribution(std::unique_ptr<ActionDistribution> of, const Normalizer& by,
                           bool likelihood);

  const char* name() const override { return of_->name(); }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override;
  Tensor expectation() const override;
  Tensor entropy() const override;
  Tensor loss(Tensor action, const LossContext& context) const override;
  Tensor squared_error(Tensor action) const override;  // of z
  bool log_probability_is_a_bound() const override { return of_->log_probability_is_a_bound(); }
  Tensor log_probability_bound(Tensor action, const RandomSource& source,
                               int samples) const override;
  std::vector<Tensor> parameters() const override { return of_->parameters(); }
  std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const override {
    return of_->metric(tangents);
  }
  Tensor divergence_from(const std::vector<Tensor>& old_parameters) const override {
    return of_->divergence_from(old_parameters);
  }
  std::vector<Tensor> coordinates() const override { return of_->coordinates(); }
  std::vector<Tensor> coordinate_metric(const std::vector<Tensor>& tangents) const override {
    return of_->coordinate_metric(tangents);
  }

 private:
  Tensor standard(Tensor action) const;
  Tensor log_scale(const Tensor& like) const;  // sum_d log s_d

  std::unique_ptr<ActionDistribution> of_;
  const Normalizer& by_;
  bool likelihood_;
};

}  // namespace understudy
