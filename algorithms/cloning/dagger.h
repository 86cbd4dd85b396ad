// DAgger: dataset aggregation (Ross, Gordon & Bagnell 2011, "A reduction of imitation learning and
// structured prediction to no-regret online learning", algorithm 3.1).
//
//   in round i
//   (1) act with pi_i = beta_i pi* + (1 - beta_i) pi^_i, sampled at each step
//   (2) D <- D with (s, pi*(s)) for every s visited
//   (3) pi^_{i+1} <- cloned from D
//
// A clone's error of eps a step costs up to eps T^2 over T steps, since a mistake leads to states
// that the expert never visits. Trained on the states that the learner visits, it costs eps u T,
// with u the cost of recovering (ibid., theorems 2.1 and 3.2).
//
// The state of a run is the set, the policy's arrays and the number of rounds done: `resume`
// continues from them, and the rounds that follow are those of an uninterrupted run.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>

#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/cloning/dagger_world.h"
#include "algorithms/cloning/distillation.h"
#include "algorithms/cloning/expert.h"

namespace understudy {

// beta_i: the expert's share of the steps in round i = 0, 1, ...
enum class BetaSchedule : std::int8_t {
  indicator,    // 1 in the first round, then 0 (Ross et al. 2011, section 5: "no free parameter")
  exponential,  // decay^i
  linear,       // 1 - i / rounds, at least 0
  constant,     // `share`
};

class Dagger {
 public:
  struct Options {
    BetaSchedule schedule = BetaSchedule::indicator;
    double decay = 0.5;        // exponential
    double share = 0;          // constant
    std::int64_t rounds = 10;  // linear: the first without the expert
    // Steps in a round, of all environments together (rounded up to whole steps of all).
    std::int64_t steps = 1000;
    // Gradient steps in a round, from the parameters of the round before; from_scratch: from the
    // initial ones.
    std::int64_t training_steps = 1000;
    bool from_scratch = false;
    bool deterministic = true;  // the learner acts by the mode
    BehaviorCloning::Options cloning = {};
    // Not null: the learner is distilled from this policy's distribution on all states visited,
    // instead of cloning the expert's actions there.
    const Policy* teacher = nullptr;
    Distillation::Options distillation = {};
    std::uint64_t seed = 0;
  };
  struct Metrics {
    std::int64_t round = 0;        // rounds done
    double beta = 0;               // of this round
    std::int64_t transitions = 0;  // in the set
    // Of cloning, at the end; of distillation the mean divergence on all of the set, in nats.
    double loss = 0;
    // How the learner, before this round's training, differs from the expert on the states visited:
    // the share of other actions, or the mean squared difference of real ones.
    double disagreement = 0;
    std::int64_t episodes = 0;  // ended in this round
    double mean_return = 0;     // of those; NaN where none ended
  };

  // `policy`, `world` and `expert` must outlive this. An `Error` where they do not fit together.
  Dagger(Policy& policy, DaggerWorld& world, Expert& expert, const Options& options);

  // One round.
  Metrics step();

  double beta(std::int64_t round) const;

  // The set so far: episodes of observations and the expert's actions there, and the rewards of
  // what was done. May be saved after each round; what an expert showed before the first may be
  // added to it.
  const Demonstrations& aggregated() const { return set_; }
  void add(const Demonstrations& demonstrations);
  // Goes on after `rounds` rounds that left this set. The policy's numbers are the caller's to
  // load.
  void resume(Demonstrations set, std::int64_t rounds);

 private:
  void collect(Metrics& metrics);

  Policy& policy_;
  DaggerWorld& world_;
  Expert& expert_;
  Options options_;
  Store store_;
  Actor actor_;
  std::vector<double> start_;  // the parameters before the first round
  Demonstrations set_;
  std::int64_t round_ = 0;
};

// Of cloning, or, where there is a teacher, of distillation.
void list_options(OptionList& list, Dagger::Options& options);
// The same before the teacher is there.
void list_options(OptionList& list, Dagger::Options& options, bool distills);

}  // namespace understudy
