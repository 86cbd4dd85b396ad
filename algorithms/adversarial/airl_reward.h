// Adversarial inverse reinforcement learning: a reward that is learned by telling an expert's
// transitions from a learner's, with the learner's own density as the other side (Fu, Luo & Levine
// 2018, "Learning robust rewards with adversarial inverse reinforcement learning", section 5).
//
//   (1) D = exp f / (exp f + pi(a|s)),   logit(D) = f(s, a, s') - log pi(a|s)
//   (2) f(s, a, s') = g + discount h(s') - h(s),   g a function of s, of (s, a) or of (s, s')
//   (3) the policy's reward = f - entropy_weight log pi(a|s)     (1: log D - log(1 - D))
//
// At the optimum f = log pi_expert(a|s) = A(s, a), the advantage at temperature 1. If g sees the
// state alone, and the dynamics are deterministic and decomposable, g is the true reward and h its
// value, up to a constant each (theorem 5.1). g is what is kept.
//
// Likelihoods. The learner's are those of when its actions were drawn. The expert's are by the
// policy that drew them, which is the current one when rows are observed: `observe` looks, so that
// neither a step of the policy nor a moved normalizer changes them before the classifier is fitted.
//
// Absorbing states. Beyond a termination comes one state with one action, of which log pi = 0.
// From (2) with h(absorbing) = 0, which only fixes the constant of h:
//
//   (4) f(s_T, a_T, absorbing) = g - h(s_T)       no discount h(s') where terminated
//   (5) f(absorbing) = log(alpha_expert / alpha_learner)
//
// That is (2) of reward.h: the one number there is to learn is known. What comes of it enters the
// policy's reward once, as the continuation of a terminating row (reward.h, (3)), and h(s') does
// not count it again. On transitions before an end alone the classifier's logit is that of (1) less
// the constant of reward.h, (1).
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/adversarial/classifier.h"
#include "algorithms/policies/policy.h"

namespace understudy {

class OptionList;

// Of AIRL and GAN-GCL.
struct AirlOptions {
  std::vector<std::int64_t> hidden = {32, 32};          // of g, tanh
  std::vector<std::int64_t> shaping_hidden = {32, 32};  // of h, tanh
  double learning_rate = 3e-3;                          // Adam's
  double entropy_weight = 1;                            // (3)
  std::int64_t steps = 5;                               // of Adam in one `fit`
  // Rows of either side in a step, drawn anew for each (with repetition); 0: all of them.
  std::int64_t batch_size = 0;
  // The classifier also sees as many rows of all learners so far, each with the likelihood of when
  // it was drawn: a reward that only the latest learner was held to means nothing elsewhere.
  bool past = true;
  std::uint64_t seed = 0;
};
void list_options(OptionList& list, AirlOptions& options);

// An Error that begins with `algorithm` where the policy's head does not know its likelihood.
void require_likelihood(const Policy& policy, const char* algorithm);

// log pi as the classifier has it, the learner's and the expert's: where every action has bounds,
// at least that of uniform actions within them. What a policy spreads beyond its bounds is clipped
// onto them when it acts; if its density were taken as it is, a reward of the state alone would pay
// for ever wider draws without end.
Tensor bounded_likelihood(const ActionSpace& action, Tensor log_likelihood);

// Demonstrations with the observation after each step. Where a file has as many observations as
// actions, that is the next row; of an episode's last step it is not needed where it terminated,
// and the step is left out where it did not. Episodes of which steps were left out stay as they
// are.
Demonstrations with_next_observations(const Demonstrations& expert, const EpisodeEnds& ends);

class AirlReward final : public LearnedReward {
 public:
  // The policy, which must outlive this, is the learner's. `ends`: the expert's. An Error that
  // begins with `name` where demonstrations do not fit.
  AirlReward(const Policy& policy, RewardInput input, const Demonstrations& expert,
             const EpisodeEnds& ends, std::int64_t rows, double discount,
             const AirlOptions& options, std::string_view name = "demonstrations",
             const std::optional<AbsorbingStates>& absorbing = std::nullopt);

  void observe(const TransitionBatch& batch) override;
  void fit() override { classifier_->fit(); }
  AdversaryMetrics metrics() override;
  RewardSign sign() const override { return RewardSign::either; }
  std::unique_ptr<FrozenReward> frozen() const override;

  const Parameters& parameters() const { return parameters_; }
  // Rows as they are kept: the expert's and the learner's, [rows, width]. In a program, of such
  // rows: g, h(s), f and log pi, [rows].
  const Array& expert_rows() const { return *expert_; }
  const Array& learner_rows() const { return *learner_; }
  Tensor g(Tensor rows) const;
  Tensor h(Tensor rows) const;
  Tensor f(Tensor rows) const;
  Tensor log_likelihood(Tensor rows) const;
  // Of (1), or, with absorbing states, on transitions before an end alone.
  Tensor logit(Tensor rows) const;

 private:
  Tensor packed(const TransitionFeatures::Inputs& inputs, Tensor terminated,
                Tensor log_likelihood) const;

  void record_past(std::int64_t count, std::int64_t width);

  double discount_;
  AirlOptions options_;
  Parameters parameters_{"airl"};
  std::unique_ptr<Mlp> g_, h_;
  std::unique_ptr<Classifier> classifier_;
  Program likelihoods_;  // of the expert's actions
  // Of all learners so far, and those beside the latest rows: [rows, width], [2 rows, width].
  Array *past_ = nullptr, *both_ = nullptr;
  Program mixing_, joining_;
};

}  // namespace understudy
