// Behavioral cloning from observation (Torabi, Warnell & Stone 2018, algorithm 1): what the expert
// saw is known, what it did is not. An inverse dynamics model q(a | o, o') learns from the
// learner's own play which action leads from one observation to the next, labels the expert's with
// it, and the policy is cloned from the labels.
//
//   in round i
//   (1) act with the policy: `steps` before the first labels, alpha `steps` in each later round
//       (alpha 0: BCO(0), one round is all); add (o, a, o') to the set
//   (2) q   <- maximum likelihood on the set
//   (3) a_t <- argmax_a q(a | o_t, o_t+1) for the demonstrated pairs of observations
//   (4) pi  <- cloned from (o_t, a_t)
//
// The model is a policy that observes o and o' beside one another, and is trained as one. Steps
// that end an episode do not enter the set: the observation after them is the next episode's.
// Actions that demonstrations may have are never looked at.
//
// The state of a run is the set, the arrays of both networks and the number of rounds done:
// `resume` continues from them, with the rounds of an uninterrupted run.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>

#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/cloning/dagger_world.h"
#include "algorithms/policies/actor.h"

namespace understudy {

class ObservationCloning {
 public:
  struct InverseOptions {
    std::vector<std::int64_t> hidden = {64, 64};
    double learning_rate = 1e-3;
    std::int64_t training_steps = 2000;  // gradient steps in a round
  };
  struct Options {
    std::int64_t steps = 5000;  // of all environments together (rounded up to whole steps of all)
    double alpha = 0.1;
    InverseOptions inverse = {};
    // Gradient steps in a round, from the parameters of the round before.
    std::int64_t training_steps = 2000;
    BehaviorCloning::Options cloning = {};
    std::uint64_t seed = 0;
  };
  struct Metrics {
    std::int64_t round = 0;         // rounds done
    std::int64_t interactions = 0;  // of all rounds
    double inverse_loss = 0;        // of held-out steps of the learner's own, in nats
    double loss = 0;                // of cloning, at the end
    std::int64_t episodes = 0;      // ended in this round
    double mean_return = 0;         // of those; NaN where none ended
  };

  // `policy`, `world` and `expert` must outlive this. An `Error` where they do not fit together,
  // steps were left out of episodes, or none has two observations.
  ObservationCloning(Policy& policy, DaggerWorld& world, const Demonstrations& expert,
                     const Options& options);

  Metrics step();

  const Policy& inverse() const { return inverse_; }
  // The inverse model's arrays as "inverse/...": written by `save_state` before a checkpoint, taken
  // from there by `load_state` after reading one.
  Store& store() { return kept_; }
  void save_state();
  void load_state();
  // What q says of the expert's pairs of observations.
  std::vector<float> inferred();
  // The learner's steps so far: o and o' beside one another, and the action.
  const Demonstrations& own() const { return own_; }
  void resume(Demonstrations own, std::int64_t rounds, std::int64_t interactions);
  std::int64_t interactions() const { return interactions_; }

 private:
  void collect(std::int64_t steps, Metrics& metrics);
  double train_inverse();

  Policy& policy_;
  DaggerWorld& world_;
  Options options_;
  Store store_;
  Actor actor_;
  Policy inverse_;
  Store kept_;
  std::vector<float> shown_pairs_;  // [n, 2 width]
  Transitions shown_;               // o_t and, once inferred, the actions
  Demonstrations own_;
  std::int64_t round_ = 0, interactions_ = 0;
};

void list_options(OptionList& list, ObservationCloning::Options& options);
void list_options(OptionList& list, ObservationCloning::InverseOptions& options);

}  // namespace understudy
