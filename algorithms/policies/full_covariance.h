// Gaussians and mixtures of Gaussians whose dimensions are correlated, by Cholesky factors of their
// covariances (Williams 1996, "Using neural networks to model conditional multivariate densities").
//
//   Sigma = L Lᵀ,  L = diag(sigma) (I + N),  N strictly lower triangular
//   log N(a; mu, Sigma) = -1/2 |L⁻¹ (a - mu)|² - sum_d log sigma_d - D/2 log 2 pi
//
// sigma and N are what a network puts out: any numbers give a covariance. sigma_d is the deviation
// of dimension d given those before it.

#pragma once

#include <optional>

#include "algorithms/policies/distribution.h"

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
  // mu and L. With A = L⁻¹ dL: M (dmu, dL) = (Sigma⁻¹ dmu, L⁻ᵀ (A + Aᵀ)), its lower triangle, which
  // is what ½ tr(Sigma⁻¹ dSigma Sigma⁻¹ dSigma) gives for dSigma = dL Lᵀ + L dLᵀ.
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

class FullCovarianceHead final : public ActionHead {
 public:
  struct Options {
    std::int64_t inputs = 0, dimensions = 0;
    std::int64_t components = 1;  // 1: a FullGaussian; more: a FullMixture
    Initialization weight = {InitializationKind::xavier_uniform, 0.1, 1};
    double min_std = 1e-2, max_std = 1e1;  // as MixtureHead's
  };
  FullCovarianceHead(Parameters& parameters, const std::string& name, const Options& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  Options options_;
  std::optional<Linear> weight_, below_;
  Linear mean_, std_;
};

}  // namespace understudy
