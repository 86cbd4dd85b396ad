// A learned reward, trained to discriminate expert from learner transitions: the interface of the
// adversary in every algorithm here.
//
//   reward->observe(batch);    the learner's transitions
//   reward->fit();             one iteration of the adversary
//   reward->evaluate();        the reward of those rows, at reward->values()
//
// Sign. Where an episode ends when the task fails (a pole falls), a reward that is never negative
// lets the learner live; where it ends when the task is done (a car is up the hill), such a reward
// would keep it from ending, and one that is never positive is needed (Ho & Ermon's code,
// `favor_zero_expert_reward`; Kostrikov et al. 2019, "Discriminator-actor-critic", section 4.1).
// So the sign is part of what is chosen, and is said in the metrics.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "algorithms/adversarial/transition_features.h"

namespace understudy {

enum class RewardSign : std::int8_t { never_negative, never_positive, either };
const char* name_of(RewardSign sign);
std::span<const OptionChoice> reward_signs();

// never_positive where most of the expert's episodes end by themselves (`terminal`), so that to end
// is what the expert wants; never_negative otherwise.
RewardSign sign_for(const Demonstrations& expert);

// Files without a `terminal` of their own: an episode shorter than the task's horizon ended by
// itself. For whole episodes, before they are subsampled. Nothing is done where any is marked, or
// where episodes last for three quarters of the horizon on average: that expert wants to last.
void mark_terminal_by_length(Demonstrations& demonstrations, std::int64_t horizon);

struct AdversaryMetrics {
  double loss = 0;         // what `fit` minimized, before it; linear costs: minus their value gap
  double mean_reward = 0;  // over the learner's rows, by the reward after `fit`
  RewardSign sign = RewardSign::never_negative;
  // Diagnostics of the discriminator, before `fit` (NaN for linear costs): accuracy on either side;
  // expected calibration error in ten bins; mean entropy in nats (0: saturated, 0.693: uniform).
  double expert_accuracy = 0, learner_accuracy = 0, calibration_error = 0, entropy = 0;
  // A sentence where the diagnostics are bad, else null.
  const char* warning = nullptr;
};

class LearnedReward {
 public:
  virtual ~LearnedReward() = default;

  // Rows as many as were said when this was made; they are copied.
  void observe(const TransitionBatch& batch);
  // REQUIRES: rows were observed.
  virtual void fit() = 0;
  void evaluate() { rewarding_.run(); }
  // [rows], always in the same place; overwritten by `evaluate`.
  DataView values() const { return rewarding_.output_view("reward"); }
  // Of the latest `fit` and `evaluate`.
  virtual AdversaryMetrics metrics() = 0;
  // As it was chosen, or settled from how the expert's episodes end.
  virtual RewardSign sign() const = 0;

  // Everything that the future depends on.
  Store& store() { return store_; }

 protected:
  // An Error that begins with `name` where the expert's demonstrations do not fit the spaces.
  LearnedReward(Device& device, const TransitionSpaces& spaces, const Demonstrations& expert,
                std::string_view name, Real real);

  // `observing_` makes features of a learner's rows, `rewarding_` the reward of those, an output of
  // that name, and its mean.
  Store store_, data_;
  TransitionFeatures features_;
  Array *learner_ = nullptr, *expert_ = nullptr;  // features, in data_
  Program observing_, rewarding_;
};

}  // namespace understudy
