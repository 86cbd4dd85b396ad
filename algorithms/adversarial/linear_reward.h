// Apprenticeship learning's adversaries: the cost in a convex set of linear costs under which the
// learner does worst beside the expert (Ho, Gupta & Ermon 2016, equation 5, sections 2.2 and 6).
//
//   (1) c_w(s, a) = w . phi(s, a),   w = argmax over the set of E_learner[c_w] - E_expert[c_w]
//
//   (2) FEM    set: |w|_2 <= 1             w = (mu_learner - mu_expert) / |mu_learner - mu_expert|
//              (Abbeel & Ng 2004, "feature expectation matching")
//   (3) GTAL   set: the simplex over phi   w = the one feature, or its negative, that differs most
//              and -phi (Syed, Bowling & Schapire 2008, "game-theoretic apprenticeship learning")
//
//   (4) reward = -c_w / (number of features) - bound
//
// The bound is over all rewards seen so far, as in the authors' code: their least where the reward
// shall never be negative, their greatest where it shall never be positive; 0 where it may be
// either. With absorbing states phi has one more feature, which is 1 beyond an episode's end and 0
// before it, and is 1 there alone.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/adversarial/reward.h"

namespace understudy {

enum class LinearCosts : std::int8_t { ball, simplex };

class LinearReward final : public LearnedReward {
 public:
  struct Options {
    LinearCosts costs = LinearCosts::ball;
    // automatic: either with absorbing states; without, as the expert's episodes end.
    RewardSign sign = RewardSign::automatic;
  };

  LinearReward(Device& device, const TransitionSpaces& spaces, const Demonstrations& expert,
               std::int64_t rows, const Options& options, std::string_view name = "demonstrations",
               Real real = Real::f32,
               const std::optional<AbsorbingStates>& absorbing = std::nullopt);

  void fit() override;
  AdversaryMetrics metrics() override;
  RewardSign sign() const override { return options_.sign; }
  std::unique_ptr<FrozenReward> frozen() const override;

  // w, of the ball [features], of the simplex [2 features], phi's weights before those of -phi.
  std::vector<double> weights() const { return weights_->read(); }
  // mu of either side, [features].
  std::vector<double> expert_features() const { return expert_->read(); }
  std::vector<double> learner_features() const { return fitting_.read("mean"); }

 private:
  // Of `count` rows of `seen` features, by weights of `width`.
  void record_reward(std::int64_t count, std::int64_t seen, std::int64_t width);

  Options options_;
  Array *weights_, *bound_;
  Program fitting_;
};

}  // namespace understudy
