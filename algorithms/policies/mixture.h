// Mixture density: K Gaussians with diagonal covariances whose weights, means and standard
// deviations are functions of the state (Bishop 1994, "Mixture density networks", eq. 22-29).
//
//   p(a | s) = sum_k w_k(s) prod_d N(a_d; mu_kd(s), sigma_kd(s)^2)                           (1)
//   log p    = log sum_k exp(log w_k + sum_d log N(a_d; mu_kd, sigma_kd^2))                  (2)
//   E[a]     = sum_k w_k mu_k                                                                (3)
//   mode     = mu_k of the k that maximizes w_k / prod_d sigma_kd                            (4)
//
// Where experts go left or right of a tree, the best single Gaussian has its mean in the tree; a
// mixture has a component on either side. With K = 1 it is that single Gaussian, and with a fixed
// deviation it is least squares: the three differ in their head alone and compare in nats.
//
// (2) is computed in the log domain, so that a component far from the action underflows to nothing
// instead of to a logarithm of 0. (4) is the density's own highest point where components lie
// apart, and near it otherwise.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "algorithms/policies/heads.h"

namespace understudy {

// One mixture a row: log_weight [rows..., K] (normalized), mean and log_std [rows..., K, D].
struct Mixture final : ActionDistribution {
  Tensor log_weight, mean, log_std;

  const char* name() const override { return "mixture"; }
  // action [rows..., D]: [rows...]. Differentiable in the action and in the parameters.
  Tensor log_probability(Tensor action) const override;
  Tensor expectation() const override;  // (3): what a policy of one mode would do
  Tensor mode() const override;         // (4)
  // A component, then its Gaussian. Fresh each run; no gradient in the choice of the component.
  Tensor sample(const RandomSource& source) const override;
  std::vector<Tensor> parameters() const override { return {log_weight, mean, log_std}; }

 private:
  Tensor chosen(Tensor component, Tensor of) const;
};

struct MixtureOptions {
  static constexpr const char* head = "mixture";
  std::int64_t components = 5;  // K; Bishop's 5.1 uses 3, sketch-rnn (Ha & Eck 2018) 20
  // Deviations stay between these, in the action_unit. Without a lower bound the likelihood of
  // data that repeat a value exactly has no maximum (Bishop 2006, section 9.2.1). They start in the
  // (geometric) middle.
  double min_std = 1e-3, max_std = 1e3;
  double fixed_std = 0;  // above 0: every deviation is this, and none is learned
};
void list_options(OptionList& list, MixtureOptions& options);

class MixtureHead final : public ActionHead {
 public:
  MixtureHead(const HeadSite& site, const MixtureOptions& options);

  // features [rows..., inputs]
  Mixture operator()(Tensor features) const;
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  MixtureOptions options_;
  std::int64_t dimensions_;
  std::optional<Linear> weight_, mean_, std_;
};

HeadRow mixture_row();

}  // namespace understudy
