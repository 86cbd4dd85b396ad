// GAIL's adversary: a network that discriminates an expert's transitions from a learner's (Ho &
// Ermon 2016, equations 14 and 17, algorithm 1).
//
//   (1) D(s, a) = sigmoid(f(s, a)),  the probability that the transition is the expert's
//   (2) minimize  -E_expert[log D] - E_learner[log(1 - D)] - entropy_weight mean H(D)
//       (classifier.h)
//
// (The paper's D is 1 for the learner; here, as in its code and in what came later, 1 is the
// expert.) Rewards are a monotone function of f, a RewardForm.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/adversarial/classifier.h"

namespace understudy {

class OptionList;

class Discriminator final : public LearnedReward {
 public:
  struct Options {
    std::vector<std::int64_t> hidden = {100, 100};  // tanh (Ho & Ermon 2016, section 6)
    double learning_rate = 0.01;                    // Adam's; this and the next as in their code
    double entropy_weight = 1e-3;
    std::int64_t steps = 1;  // of Adam in one `fit`
    // Rows of either side in a step, drawn anew for each (with repetition); 0: all of them.
    std::int64_t batch_size = 0;
    // automatic: with absorbing states (5); without, (3), or (4) where most of the expert's
    // episodes terminate.
    RewardForm form = RewardForm::automatic;
    std::uint64_t seed = 0;
  };

  // `rows` of a learner are observed at a time.
  Discriminator(Device& device, const TransitionSpaces& spaces, const Demonstrations& expert,
                std::int64_t rows, const Options& options, std::string_view name = "demonstrations",
                Real real = Real::f32,
                const std::optional<AbsorbingStates>& absorbing = std::nullopt);

  void fit() override;
  AdversaryMetrics metrics() override;
  RewardSign sign() const override;

  std::unique_ptr<FrozenReward> frozen() const override;
  RewardForm form() const { return options_.form; }
  const Parameters& parameters() const { return parameters_; }

  // f of rows of features [rows, width], recorded into a program; the loss of two such sets.
  Tensor score(Tensor features) const;
  Tensor loss(Tensor expert_score, Tensor learner_score) const;
  const TransitionFeatures& features() const { return features_; }

 private:
  Options options_;
  std::int64_t rows_;
  Parameters parameters_{"discriminator"};
  std::unique_ptr<Mlp> network_;
  std::unique_ptr<Classifier> classifier_;
};

void list_options(OptionList& list, Discriminator::Options& options);

}  // namespace understudy
