// A Gaussian with independent dimensions, squashed into the bounds of the actions (Haarnoja et al.
// 2018, "Soft actor-critic", appendix C):
//
//   a = c + h tanh(u),   u ~ N(mu, sigma)          c, h: middle and half width of the bounds    (1)
//   log p(a | s) = log N(u; mu, sigma) - sum_d log h_d (1 - tanh(u_d)^2)                        (2)
//   log(1 - tanh(u)^2) = 2 (log 2 - u - softplus(-2 u))                  without cancellation   (3)
//   KL, M          those of the Gaussians of u: both are the same in any coordinates
//
// An action that is given is taken back by u = atanh((a - c) / h), which is kept within +-1 by
// 2^-20 of them: what is demonstrated at a bound has no u.
//
// The mode is that of u, squashed: the median of each dimension. The density of a itself may have
// its maximum elsewhere, where the tanh saturates.

#pragma once

#include "algorithms/policies/gaussian.h"

namespace understudy {

class SquashedGaussian final : public ActionDistribution {
 public:
  // mean and log_std of u, [rows..., D]; bounds of D dimensions.
  SquashedGaussian(Tensor mean, Tensor log_std, const ActionSpace& action);

  const char* name() const override { return "squashed Gaussian"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override { return draw(source).action; }
  Tensor mode() const override;
  std::vector<Tensor> parameters() const override { return base_.parameters(); }

  // A draw and its log-probability, both differentiable in the parameters: u = mu + sigma epsilon
  // (ibid., equation 11).
  struct Drawn {
    Tensor action;           // [rows..., D]
    Tensor unit;             // tanh(u): the action in units of its bounds, [rows..., D]
    Tensor log_probability;  // [rows...]
  };
  Drawn draw(const RandomSource& source) const;
  // (a - c) / h of any action.
  Tensor in_units(Tensor action) const;

 private:
  Tensor log_slope(Tensor u) const;  // sum_d log h_d (1 - tanh(u_d)^2)
  Tensor restored(Tensor unit) const;

  DiagonalGaussian base_;
  Tensor center_, half_;
  double log_half_ = 0;  // sum_d log h_d
};

struct SquashedGaussianOptions {
  static constexpr const char* head = "squashed_gaussian";
  double initial_std = 1;
  // Of u, of which 2 is 96 % of the way from the middle to a bound.
  double min_std = 0.0067379469990854671, max_std = 7.3890560989306502;  // e^-5, e^2
};
void list_options(OptionList& list, SquashedGaussianOptions& options);

// mu = W f + b, log sigma = W' f + b' within its bounds (`bounded_log_std`).
class SquashedGaussianHead final : public ActionHead {
 public:
  SquashedGaussianHead(const HeadSite& site, const SquashedGaussianOptions& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  SquashedGaussianOptions options_;
  ActionSpace action_;
  Linear mean_, std_;
};

HeadRow squashed_gaussian_row();

}  // namespace understudy
