// A Gaussian with independent dimensions, and regression, which is the Gaussian whose standard
// deviation is given: its -log p is the squared error over 2 sigma^2, plus a constant.
//
//   log p(a | s) = -1/2 sum_d ((a_d - mu_d) / sigma_d)^2 - sum_d log sigma_d - D/2 log 2 pi  (1)
//   H            = sum_d log sigma_d + D/2 (1 + log 2 pi)                                    (2)
//   M            = diag(1 / sigma^2, 2)   in the parameters (mu, log sigma)                  (3)
//   KL           = 1/2 sum_d (exp(r_d) - 1 - r_d + ((mu'_d - mu_d) / sigma_d)^2)             (4)
//
// with r = 2 (log sigma' - log sigma), and mu', sigma' those of the other distribution.

#pragma once

#include <optional>

#include "algorithms/policies/heads.h"

namespace understudy {

class DiagonalGaussian final : public ActionDistribution {
 public:
  // mean and log_std [rows..., D]. `std_is_fixed`: the mean is the only parameter.
  DiagonalGaussian(Tensor mean, Tensor log_std, bool std_is_fixed = false);

  const char* name() const override { return "Gaussian"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override { return mean_; }
  Tensor expectation() const override { return mean_; }
  Tensor entropy() const override;
  // mean, log deviation. In them M = diag(1 / sigma^2, 2).
  std::vector<Tensor> parameters() const override;
  std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const override;
  Tensor divergence_from(const std::vector<Tensor>& old_parameters) const override;

  Tensor mean() const { return mean_; }
  Tensor log_std() const { return log_std_; }

 private:
  Tensor mean_, log_std_;
  Tensor precision_;  // 1 / sigma², recorded once for all products with the metric
  bool std_is_fixed_;
};

struct GaussianOptions {
  static constexpr const char* head = "gaussian";
  // False: one deviation a dimension, the same in all states. True: a function of the features.
  bool state_dependent_std = false;
  double initial_std = 1;
  // Deviations stay between these, in the action's units: without a lower bound the likelihood of
  // actions that repeat exactly has no maximum (Bishop 2006, section 9.2.1).
  double min_std = 1e-3, max_std = 1e3;
};
void list_options(OptionList& list, GaussianOptions& options);

// mu = W f + b; log sigma a parameter, or W' f + b', within its bounds (`bounded_log_std`).
class GaussianHead final : public ActionHead {
 public:
  GaussianHead(const HeadSite& site, const GaussianOptions& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;
  DiagonalGaussian operator()(Tensor features) const;

 private:
  const Parameters* parameters_;
  GaussianOptions options_;
  Linear mean_;
  std::optional<Linear> std_;
  int log_std_ = -1;  // the parameter, where it does not depend on the state
};

struct RegressionOptions {
  static constexpr const char* head = "regression";
  double std = 1;  // which stays
};
void list_options(OptionList& list, RegressionOptions& options);

class RegressionHead final : public ActionHead {
 public:
  RegressionHead(const HeadSite& site, const RegressionOptions& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  Linear mean_;
  double std_;
};

HeadRow gaussian_row();
HeadRow regression_row();

}  // namespace understudy
