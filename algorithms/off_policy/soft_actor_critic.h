// Soft actor-critic, of actions that are numbers (Haarnoja et al. 2018, "Soft actor-critic
// algorithms and applications", algorithm 1).
//
// Two critics Q_1, Q_2 of (o, a), a in units of its bounds, with target networks Q'_1, Q'_2; a
// policy of a squashed Gaussian; a temperature alpha. On a minibatch, with a' ~ pi(. | s'), a~ ~
// pi(. | s) drawn anew:
//
//   (1) V(s') = min_i Q'_i(s', a') - alpha log pi(a' | s')
//   (2) critics      minimize  1/2 mean (Q_i(s, a) - (R + discount^n V(s')))^2, each
//   (3) policy       minimize  mean (alpha log pi(a~ | s) - min_i Q_i(s, a~))
//   (4) temperature  minimize  -log alpha mean (log pi(a~ | s) + H)
//
// H, the entropy that is aimed at, is of the action in units of its bounds, so that no unit matters
// (the paper's -1 a dimension is of such). All gradients are taken where the step begins, as the
// authors' code takes them, and then the three steps are made.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/off_policy/off_policy_learner.h"
#include "algorithms/policies/squashed_gaussian.h"

namespace understudy {

struct SoftActorCriticOptions {
  OffPolicyOptions learner = {};
  ImitationTerms terms = {};
  std::vector<std::int64_t> critic_hidden = {256, 256};  // ReLU (Haarnoja et al. 2018, table 1)
  double policy_rate = 3e-4;                             // Adam's
  double temperature = 0.2;                              // alpha at the start
  double temperature_rate = 3e-4;                        // Adam's; 0: alpha stays
  double target_entropy = -1;                            // H, a dimension

  static SoftActorCriticOptions sac();
  static SoftActorCriticOptions imitating(OffPolicyAlgorithm algorithm);
};
void list_options(OptionList& list, SoftActorCriticOptions& options);

class SoftActorCritic final : public OffPolicyLearner {
 public:
  // REQUIRES (else an Error): actions that are numbers, the head squashed_gaussian.
  SoftActorCritic(Policy& policy, const EnvironmentDescription& environment,
                  const SoftActorCriticOptions& options, const OffPolicyData& data = {});

 private:
  // Two networks side by side.
  struct Critics {
    Critics(Store& store, const std::string& model, std::int64_t inputs,
            const std::vector<std::int64_t>& hidden, std::uint64_t seed);
    std::pair<Tensor, Tensor> operator()(Tensor observation, Tensor action) const;
    Parameters parameters;
    Mlp first, second;
  };
  SquashedGaussian::Drawn drawn(Tensor observation, std::uint64_t stream);
  void record_update();

  SoftActorCriticOptions sac_options_;
  Store target_store_;
  Critics critics_, targets_;
  Parameters temperature_{"temperature"};
  double log_widths_ = 0;  // of the actions' units: log pi in units is log pi + this
  std::unique_ptr<Adam> policy_adam_, critic_adam_, temperature_adam_;
};

}  // namespace understudy
