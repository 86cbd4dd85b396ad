// A learned reward, trained to discriminate expert from learner transitions: the interface of the
// adversary in every algorithm here.
//
//   reward->observe(batch);    the learner's transitions
//   reward->fit();             one iteration of the adversary
//   reward->evaluate();        the reward of those rows, at reward->values()
//
// Survival bias. Where an episode ends when the task fails (a pole falls), a reward that is never
// negative lets the learner live; where it ends when the task is done (a car is up the hill), such
// a reward would keep it from ending, and one that is never positive is needed. Two cures:
//
//   absorbing states   (Kostrikov et al. 2019, "Discriminator-actor-critic", section 4.2) beyond a
//                      terminated episode comes an absorbing state, for the expert as for the
//                      learner, whose reward is learned like any other's and whose value is earned
//                      by terminating. Any form of reward will do.
//   a sign             (Ho & Ermon's code, `favor_zero_expert_reward`) the reward is shifted or
//                      formed so that it has the sign that suits how the expert's episodes end.
//
// With N transitions seen before the ends of a side's episodes and B steps beyond them, from each
// termination to the horizon, the absorbing state's share is alpha = B / (N + B). Whether a row is
// beyond an end is seen without error, so that the best discriminator has two parts: one, f, is
// trained on the transitions alone; the other is known:
//
//   (1) log D/(1 - D) = f(s, a) + log((1 - alpha_expert) / (1 - alpha_learner))    before the end
//   (2) log D/(1 - D) = log(alpha_expert / alpha_learner)                          beyond it
//   (3) r(s_T, a_T)  += discount / (1 - discount) r(absorbing)                     where terminated
//
// (2) counts half a step more on each side, so that it is finite. With discount 1, (3) has the
// steps that are left until the horizon in place of discount / (1 - discount).
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "algorithms/adversarial/episode_ends.h"
#include "algorithms/adversarial/transition_features.h"

namespace understudy {

enum class RewardSign : std::int8_t { automatic, never_negative, never_positive, either };
const char* name_of(RewardSign sign);
std::span<const OptionChoice> reward_signs();

// never_positive where most of the expert's episodes terminate, before three quarters of the
// horizon on average, so that to end is what the expert wants; never_negative otherwise.
RewardSign sign_for(const EpisodeEnds& expert);

// What becomes of a discriminator's f = log D - log(1 - D).
//
//   negative_log_one_minus   -log(1 - D) = softplus(f)    never negative
//   logarithm                 log D      = -softplus(-f)  never positive
//   difference                log D - log(1 - D) = f      either (Fu et al. 2018, equation 4)
enum class RewardForm : std::int8_t { automatic, negative_log_one_minus, logarithm, difference };
const char* name_of(RewardForm form);
RewardForm reward_form_named(const std::string& name);
std::span<const OptionChoice> reward_forms();
// The form of a sign.
RewardForm form_with(RewardSign sign);
Tensor reward_of(RewardForm form, Tensor f);
double reward_of(RewardForm form, double f);

// How a learned reward goes on beyond terminated episodes.
struct AbsorbingStates {
  EpisodeEnds expert;  // with its horizon
  double discount = 1;
};

// (3)'s factor of the absorbing state's reward, [rows]: what a row's termination earns of it.
Tensor continuation(Tensor terminated, Tensor time, double discount, std::int64_t horizon);

struct AdversaryMetrics {
  double loss = 0;         // what `fit` minimized, before it; linear costs: minus their value gap
  double mean_reward = 0;  // over the learner's rows, by the reward after `fit`
  RewardSign sign = RewardSign::never_negative;
  // Diagnostics of the discriminator, before `fit` (NaN for linear costs): accuracy on either side;
  // expected calibration error in ten bins; mean entropy in nats (0: saturated, 0.693: uniform).
  double expert_accuracy = 0, learner_accuracy = 0, calibration_error = 0, entropy = 0;
  // The absorbing state's reward and its shares of either side; NaN without absorbing states.
  double absorbing_reward = 0, expert_absorbing_share = 0, learner_absorbing_share = 0;
  // A sentence where the diagnostics are bad, else null.
  const char* warning = nullptr;
};

class FrozenReward;
struct RewardDescription;

class LearnedReward {
 public:
  virtual ~LearnedReward();

  // Rows as many as were said when this was made; they are copied.
  virtual void observe(const TransitionBatch& batch);
  // REQUIRES: rows were observed.
  virtual void fit() = 0;
  void evaluate() { rewarding_.run(); }
  // [rows], always in the same place; overwritten by `evaluate`.
  DataView values() const { return rewarding_.output_view("reward"); }
  // Of the latest `fit` and `evaluate`.
  virtual AdversaryMetrics metrics() = 0;
  // As it was chosen, or settled from how the expert's episodes end.
  virtual RewardSign sign() const = 0;
  bool has_absorbing() const { return absorbing_ != nullptr; }
  // Whether `observe` needs next observations.
  bool reads_next() const { return features_.reads_next(); }

  // The reward as it is now, for other learners and elsewhere; null where its kind has none.
  // REQUIRES: rows were observed.
  virtual std::unique_ptr<FrozenReward> frozen() const;

  // Everything that the future depends on.
  Store& store() { return store_; }

 protected:
  // An Error that begins with `name` where the expert's demonstrations do not fit the spaces.
  LearnedReward(Device& device, const TransitionSpaces& spaces, const Demonstrations& expert,
                std::int64_t rows, std::string_view name, Real real,
                const std::optional<AbsorbingStates>& absorbing);

  // ---- Absorbing states: recorded by the constructor where there are any ----

  // In a program, [1] each: the learner's share; the constant of (1); (2).
  Tensor learner_share(Program& program) const;
  Tensor before_the_end(Program& program) const;
  Tensor beyond_the_end(Program& program) const;
  // (3), with the absorbing state's reward [1]: [rows].
  Tensor continued(Tensor reward, Tensor absorbing_reward) const;
  // Into the metrics, from what `continued` recorded into `rewarding_`.
  void add_absorbing(AdversaryMetrics& metrics) const;
  // The constant of (1), and (2), beside all learners so far rather than the latest: one that
  // never ends an episode any more says nothing of whether to end pays.
  struct AbsorbingLogits {
    double before, beyond;
  };
  AbsorbingLogits absorbing_logits() const;

  // In `observing_`: the column "terminated" [rows].
  Tensor learner_terminated();

  // Of a frozen reward: with the spaces and the input, and nothing else; with the first of these
  // weights, as many as it has, and normalizers as they are here.
  RewardDescription described() const;
  std::unique_ptr<FrozenReward> frozen_as(const RewardDescription& description,
                                          std::vector<double> weights) const;

  // `observing_` makes features of a learner's rows, `rewarding_` the reward of those, an output of
  // that name, and its mean.
  Store store_, data_;
  TransitionFeatures features_;
  Array *learner_ = nullptr, *expert_ = nullptr;  // features, in data_
  Program observing_, rewarding_;
  double expert_share_ = 0;

 private:
  void record_absorbing(const AbsorbingStates& absorbing);

  Tensor terminated_;
  std::int64_t rows_;
  // [3]; the steps beyond ends of all learners, and all of their steps, [2], in store_; and
  // [rows]: what a row's termination earns of the absorbing state's reward.
  Array *absorbing_ = nullptr, *seen_ = nullptr, *continuation_ = nullptr;
  // The expert's steps, and those beyond its ends.
  double expert_steps_ = 0, expert_beyond_ = 0;
};

}  // namespace understudy
