// A Wasserstein critic: an adversary whose score is 1-Lipschitz, so that it keeps a slope where a
// classifier is certain (Arjovsky et al. 2017; Li, Song & Ermon 2017, "InfoGAIL", section 4.3).
//
//   (1) maximize E_expert[f(s, a)] - E_learner[f(s, a)]
//   (2) weight_clipping      every weight is then clipped to +-clip (Arjovsky et al. 2017, alg. 1)
//   (3) gradient_penalty     (1) less weight E[(|df/dx| - 1)^2] at points x between an expert's
//                            row and a learner's (Gulrajani et al. 2017, algorithm 1)
//   (4) reward = scale f
//
// f has no zero of its own, and so the reward has no sign: where episodes end early, whether to
// end pays is up to f alone.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/adversarial/reward.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

enum class Lipschitz : std::int8_t { weight_clipping, gradient_penalty };

class Critic final : public LearnedReward {
 public:
  struct Options {
    std::vector<std::int64_t> hidden = {100, 100};  // tanh
    Lipschitz constraint = Lipschitz::gradient_penalty;
    double clip = 0.01;           // (2)
    double penalty_weight = 10;   // (3)
    double learning_rate = 1e-3;  // RMSprop's with (2), as both papers; Adam's with (3)
    std::int64_t steps = 5;
    // Rows of either side in a step, drawn anew for each (with repetition).
    std::int64_t batch_size = 1000;
    double reward_scale = 1;
    std::uint64_t seed = 0;
  };

  // As a Discriminator. `count` rows of a learner are observed at a time.
  Critic(Device& device, const TransitionSpaces& spaces, const Demonstrations& expert,
         std::int64_t count, const Options& options, std::string_view name = "demonstrations",
         Real real = Real::f32);

  void fit() override;
  AdversaryMetrics metrics() override;
  RewardSign sign() const override { return RewardSign::either; }

  // E_expert[f] - E_learner[f] of all rows, before the latest `fit`: an estimate of the distance.
  double distance() { return diagnostics_.value("distance"); }
  const Parameters& parameters() const { return parameters_; }

  // f of rows of features [rows, width], recorded into a program; what is minimized, of as many
  // rows of either side, `between` [rows, 1] from 0 (learner) to 1 (expert).
  Tensor score(Tensor features) const;
  Tensor loss(Tensor expert, Tensor learner, Tensor between) const;

 private:
  void record_training();

  Options options_;
  std::int64_t rows_;
  Parameters parameters_{"critic"};
  std::unique_ptr<Mlp> network_;
  std::unique_ptr<Optimizer> optimizer_;
  Array *steps_done_, *counter_;
  Program training_, clipping_, diagnostics_;
};
void list_options(OptionList& list, Critic::Options& options);

}  // namespace understudy
