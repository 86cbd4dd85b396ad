// Guided cost learning, the loop (Finn, Levine & Abbeel 2016, algorithm 1): collect whole episodes,
// fit the cost with them in the background, and take a step of TRPO under it.
//
//   reward = -c(s_t, a_t) - entropy_weight log pi(a_t | s_t)
//
// With entropy_weight 1 the policy is guided to exp(-C(tau)) / Z, from which the partition function
// is best estimated. Episodes must be of one length, the environment's horizon: what ends early
// would leave the rows of a collection out of step.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <string>
#include <utility>
#include <vector>

#include "algorithms/adversarial/guided_cost.h"
#include "algorithms/reinforcement/trpo.h"

namespace understudy {

struct GuidedCostLearningOptions {
  GuidedCost::Options cost = {};
  RewardInput input = RewardInput::state_action;  // of the cost
  double entropy_weight = 1;
  // `rollouts.steps_per_iteration` follows from the horizon: an episode an environment.
  TrpoOptions trpo = {};
};
void list_options(OptionList& list, GuidedCostLearningOptions& options);

struct GuidedCostLearningMetrics {
  LearningMetrics learning = {};
  GuidedCost::Metrics cost = {};
  std::vector<std::pair<std::string, double>> named() const;
  std::vector<std::pair<std::string, double>> traced() const;
};

class GuidedCostLearning {
 public:
  // `policy` must outlive this. An Error that begins with `name` where demonstrations do not fit,
  // and one where the environment has no horizon.
  GuidedCostLearning(Policy& policy, const EnvironmentDescription& environment,
                     const Demonstrations& demonstrations, const GuidedCostLearningOptions& options,
                     std::string_view name = "demonstrations");

  // An Error of the kind `not_available` where an episode ended before the horizon.
  GuidedCostLearningMetrics step();

  Learner& learner() { return learner_; }
  GuidedCost& cost() { return cost_; }
  // Everything that the future depends on; `learner().save_state()` before writing them,
  // `learner().load_state()` after reading.
  std::vector<Store*> stores() {
    return {&learner_.policy().store(), &learner_.store(), &cost_.store()};
  }

 private:
  GuidedCostLearningOptions options_;
  Trpo learner_;
  GuidedCost cost_;
  Program replacing_;
};

}  // namespace understudy
