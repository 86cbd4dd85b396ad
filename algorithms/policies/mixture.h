// Mixture-density head: a mixture of K Gaussians with diagonal covariances whose weights, means and
// deviations are functions of the state (Bishop 1994, "Mixture density networks", equations 22-29).
//
//   p(a | s) = sum_k w_k(s) prod_d N(a_d; mu_kd(s), sigma_kd(s)^2)
//
// Where experts go left or right of a tree, the best single Gaussian has its mean in the tree; a
// mixture has a component on either side. With K = 1 this head is that single Gaussian, and with a
// fixed deviation it is least squares: -log p is the squared error but for constants. So the three
// differ in their head alone and can be compared in nats.
//
// All is computed in the log domain: log p = log sum_k exp(log w_k + log N_k), so a component that
// is far from the action underflows to nothing instead of to a logarithm of 0.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "algorithms/policies/distribution.h"

namespace understudy {

// One mixture a row: log_weight [rows..., K] (normalized), mean and log_std [rows..., K, D].
struct Mixture final : ActionDistribution {
  Tensor log_weight, mean, log_std;

  const char* name() const override { return "mixture"; }
  // action [rows..., D]: [rows...]. Differentiable in the action and in the parameters.
  Tensor log_probability(Tensor action) const override;
  // sum_k w_k mu_k, [rows..., D]: what a policy without modes of its own would do.
  Tensor expectation() const override;
  // The mean of the component whose peak w_k / prod_d sigma_kd is highest: the density's own
  // highest point where components lie apart, and near it otherwise.
  Tensor mode() const override;
  // A component, then the Gaussian. Fresh each run; no gradient in the choice of the component.
  Tensor sample(const RandomSource& source) const override;
  std::vector<Tensor> parameters() const override { return {log_weight, mean, log_std}; }

 private:
  Tensor chosen(Tensor component, Tensor of) const;
};

class MixtureHead final : public ActionHead {
 public:
  struct Options {
    std::int64_t inputs = 0;      // features of the trunk
    std::int64_t dimensions = 0;  // of an action
    std::int64_t components = 5;  // K; Bishop's 5.1 uses 3, sketch-rnn (Ha & Eck 2018) 20
    // Deviations stay between these, in the action's units. Without a lower bound the likelihood
    // of data that repeat a value exactly has no maximum (Bishop 2006, section 9.2.1). They start
    // in the (geometric) middle.
    double min_std = 1e-2;
    double max_std = 1e1;
    // Above 0: every deviation is this, and nothing about it is learned.
    double fixed_std = 0;
  };
  MixtureHead(Parameters& parameters, const std::string& name, const Options& options);

  // features [rows..., inputs]
  Mixture operator()(Tensor features) const;
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;
  const Options& options() const { return options_; }

 private:
  Options options_;
  std::optional<Linear> weight_, mean_, std_;
};

}  // namespace understudy
