// Gaussians, and mixtures of them, with full covariances, by Cholesky factors (Williams 1996,
// "Using neural networks to model conditional multivariate densities").
//
//   Sigma        = L L^T,  L = diag(sigma) (I + N),  N strictly lower triangular             (1)
//   log N(a)     = -1/2 |L^-1 (a - mu)|^2 - sum_d log sigma_d - D/2 log 2 pi                 (2)
//   H            = sum_d log sigma_d + D/2 (1 + log 2 pi)                                    (3)
//   M (dmu, dL)  = (Sigma^-1 dmu, tril(L^-T (A + A^T))),  A = L^-1 dL                        (4)
//   KL           = 1/2 (|L^-1 L'|^2 + |L^-1 (mu' - mu)|^2 - D) + log |L| - log |L'|          (5)
//   log p(a)     = log sum_k exp(log w_k + log N(a; mu_k, Sigma_k))      of a mixture        (6)
//
// sigma and N are what a network puts out: any numbers give a covariance. sigma_d is the standard
// deviation of dimension d given those before it. (4) is what 1/2 tr(Sigma^-1 dSigma Sigma^-1
// dSigma) gives for dSigma = dL L^T + L dL^T.

#pragma once

#include <optional>

#include "algorithms/policies/heads.h"

namespace understudy {

class FullGaussian final : public ActionDistribution {
 public:
  // mean [rows..., D], factor L [rows..., D, D] with zeros above its diagonal.
  FullGaussian(Tensor mean, Tensor factor);

  const char* name() const override { return "full Gaussian"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override { return mean_; }
  Tensor expectation() const override { return mean_; }
  Tensor entropy() const override;
  // mu and L.
  std::vector<Tensor> parameters() const override { return {mean_, factor_}; }
  std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const override;
  Tensor divergence_from(const std::vector<Tensor>& old_parameters) const override;

 private:
  Tensor mean_, factor_, log_std_;  // the last: of L's diagonal
};

// One mixture a row: log_weight [rows..., K], mean and log_std [rows..., K, D], factor
// [rows..., K, D, D].
class FullMixture final : public ActionDistribution {
 public:
  FullMixture(Tensor log_weight, Tensor mean, Tensor factor, Tensor log_std)
      : log_weight_(log_weight), mean_(mean), factor_(factor), log_std_(log_std) {}

  const char* name() const override { return "full mixture"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override;  // the mean of the component with the highest peak
  Tensor expectation() const override;
  std::vector<Tensor> parameters() const override { return {log_weight_, mean_, factor_}; }

 private:
  Tensor log_weight_, mean_, factor_, log_std_;
};

struct FullGaussianOptions {
  static constexpr const char* head = "full_gaussian";
  double min_std = 1e-3, max_std = 1e3;  // of sigma, as MixtureOptions has them
};
void list_options(OptionList& list, FullGaussianOptions& options);

struct FullMixtureOptions {
  static constexpr const char* head = "full_mixture";
  std::int64_t components = 5;  // K; 1: a FullGaussian
  double min_std = 1e-3, max_std = 1e3;
};
void list_options(OptionList& list, FullMixtureOptions& options);

class FullCovarianceHead final : public ActionHead {
 public:
  FullCovarianceHead(const HeadSite& site, const FullMixtureOptions& options);
  FullCovarianceHead(const HeadSite& site, const FullGaussianOptions& options)
      : FullCovarianceHead(site, FullMixtureOptions{1, options.min_std, options.max_std}) {}
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  FullMixtureOptions options_;
  std::int64_t dimensions_;
  std::optional<Linear> weight_, below_;
  Linear mean_, std_;
};

HeadRow full_gaussian_row();
HeadRow full_mixture_row();

}  // namespace understudy
