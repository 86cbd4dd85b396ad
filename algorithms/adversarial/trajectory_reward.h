// GAN-GCL: guided cost learning as a generative adversarial network over whole trajectories (Finn,
// Christiano, Abbeel & Levine 2016, "A connection between generative adversarial networks, inverse
// reinforcement learning, and energy-based models", equation 7, and, with a reward for each step,
// Fu et al. 2018, section 4).
//
//   (1) D(tau) = exp f(tau) / (exp f(tau) + q(tau)),   logit(D) = f(tau) - log q(tau)
//   (2) f(tau) = sum over the episode's steps of g, a function of s, of (s, a) or of (s, s'),
//                + log of 1 / Z, one learned number
//   (3) log q(tau) = sum of log pi(a|s) of when each action was drawn
//   (4) the policy's reward of a step = g - entropy_weight log pi(a|s)
//
// Trajectories are whole episodes, however many collections they lasted: the rows of the last ones
// are kept, as many as the longest episode needs, and those episodes count whose last step is among
// the latest collection's (one step late: that a step ended its episode is seen in the next one's
// time). Where none ended nothing is learned. Beyond an end there is nothing to add: g and log pi
// of the absorbing state are 0 (airl_reward.h).
//
// Sums over the steps of an episode are scans on the device; the host sees a few numbers.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/adversarial/airl_reward.h"
#include "algorithms/reinforcement/rollouts.h"

namespace understudy {

class TrajectoryReward final : public LearnedReward {
 public:
  // The policy, which must outlive this, is the learner's; `horizon` of the environment. An Error
  // where that is not known, where steps of the expert's episodes are missing, or where
  // demonstrations do not fit.
  TrajectoryReward(const Policy& policy, RewardInput input, const Demonstrations& expert,
                   const RolloutOptions& rollouts, std::int64_t horizon, const AirlOptions& options,
                   std::string_view name = "demonstrations");

  void observe(const TransitionBatch& batch) override;
  void fit() override;
  AdversaryMetrics metrics() override;
  RewardSign sign() const override { return RewardSign::either; }
  std::unique_ptr<FrozenReward> frozen() const override;

  const Parameters& parameters() const { return parameters_; }
  // Rows that are kept, a step of all environments after another, [steps * environments, width].
  const Array& window() const { return *window_; }
  const Array& expert_rows() const { return *expert_; }

  // Logits of the trajectories of `environments` environments side by side, [environments, steps]:
  // where an episode begins whose end counts, `begins` is 1 and the logit is the episode's.
  struct Trajectories {
    Tensor logit, begins;
  };
  // `counts`: 1 for the steps whose ends count; `closed`: the last step is the end of an episode.
  Trajectories trajectories(Tensor rows, std::int64_t environments,
                            const std::vector<double>& counts, bool closed) const;
  Trajectories of_expert(Program& program) const;
  Trajectories of_learner(Program& program) const;

 private:
  Tensor packed(const TransitionFeatures::Inputs& inputs, Tensor time, Tensor log_likelihood) const;
  Tensor g(Tensor rows) const;
  void record_training();

  AirlOptions options_;
  std::int64_t count_, environments_, steps_;  // rows and steps of a collection
  Parameters parameters_{"gan_gcl"};
  std::unique_ptr<Mlp> g_;
  std::unique_ptr<Linear> log_partition_;  // of a 1
  std::unique_ptr<Adam> adam_;
  Array* window_;
  Program likelihoods_, keeping_, training_, diagnostics_;
};

}  // namespace understudy
