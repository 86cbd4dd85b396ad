// A Gaussian with independent dimensions, and regression, which is the Gaussian whose deviation is
// given: its -log p is the squared error over 2 sigma^2, and a constant.
//
//   log p(a) = -1/2 sum_d ((a_d - mu_d) / sigma_d)^2 - sum_d log sigma_d - D/2 log 2 pi

#pragma once

#include <optional>

#include "algorithms/policies/distribution.h"

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

class GaussianHead final : public ActionHead {
 public:
  struct Options {
    std::int64_t inputs = 0, dimensions = 0;
    Initialization weight = {InitializationKind::xavier_uniform, 0.1, 1};
    // False: one deviation a dimension, the same in all states (Schulman et al. 2015, appendix D;
    // Ho & Ermon 2016). True: a function of the features.
    bool state_dependent_std = false;
    double initial_std = 1;
    // Deviations stay between these, in the action's units: without a lower bound the likelihood of
    // actions that repeat exactly has no maximum (Bishop 2006, section 9.2.1).
    double min_std = 1e-3, max_std = 1e3;
    // Above 0: every deviation is this and none is learned. With 1, unit-variance regression.
    double fixed_std = 0;
  };
  GaussianHead(Parameters& parameters, const std::string& name, const Options& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;
  DiagonalGaussian operator()(Tensor features) const;

 private:
  const Parameters* parameters_;
  Options options_;
  Linear mean_;
  std::optional<Linear> std_;
  int log_std_ = -1;  // the parameter, where it does not depend on the state
};

}  // namespace understudy
