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
  // mean and log_deviation [rows..., D]. `deviation_is_given`: the mean is the only parameter.
  DiagonalGaussian(Tensor mean, Tensor log_deviation, bool deviation_is_given = false);

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
  Tensor log_deviation() const { return log_deviation_; }

 private:
  Tensor mean_, log_deviation_;
  Tensor precision_;  // 1 / sigma², recorded once for all products with the metric
  bool deviation_is_given_;
};

class GaussianHead final : public ActionHead {
 public:
  struct Options {
    std::int64_t inputs = 0, dimensions = 0;
    Initialisation weight = {InitialisationKind::xavier_uniform, 0.1, 1};
    // False: one deviation a dimension, the same in all states (Schulman et al. 2015, appendix D;
    // Ho & Ermon 2016). True: a function of the features.
    bool state_dependent = false;
    double initial_deviation = 1;
    // Deviations stay between these, in the action's units: without a lower bound the likelihood of
    // actions that repeat exactly has no maximum (Bishop 2006, section 9.2.1).
    double minimum_deviation = 1e-3, maximum_deviation = 1e3;
    // Above 0: every deviation is this and none is learned. With 1, unit-variance regression.
    double fixed_deviation = 0;
  };
  GaussianHead(Parameters& parameters, const std::string& name, const Options& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;
  DiagonalGaussian operator()(Tensor features) const;

 private:
  const Parameters* parameters_;
  Options options_;
  Linear mean_;
  std::optional<Linear> deviation_;
  int log_deviation_ = -1;  // the parameter, where it does not depend on the state
};

}  // namespace understudy
