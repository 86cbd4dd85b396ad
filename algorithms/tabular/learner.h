// The algorithms that recover a reward of a tabular problem behind one face: a learner is stepped
// until it has finished, and then says what it found. One row of a table an algorithm.
//
//   const TabularAlgorithm& algorithm = tabular_algorithm("max_causal_entropy");
//   const std::unique_ptr<TabularPlan> plan = algorithm.plan();
//   assign_options([&] { return plan->options(); }, {{"l2", "0.01", "--set"}});
//   const std::unique_ptr<TabularLearner> learner = plan->make({device, problem, demonstrations});
//   for (int i = 0; i < 500 && !learner->finished(); ++i) learner->step();
//   const Recovered found = learner->recovered();
//
// To add one: its options in learner_options.h, a class that is a TabularLearner, a row in
// learner.cpp.
//
// Thread safety: a plan and its learner as their device, one thread at a time; the table by any.

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/tabular/goal_family.h"
#include "algorithms/tabular/learner_options.h"
#include "algorithms/tabular/maxent.h"
#include "algorithms/tabular/problem.h"
#include "autograd/program/array.h"
#include "kernels/device/device.h"

namespace understudy {

// What was found. Everything by pair; [T, pairs] where the problem has a horizon.
struct Recovered {
  std::vector<double> reward;           // [pairs]; empty where the algorithm finds a policy alone
  std::vector<double> weights;          // [F], or empty
  std::vector<double> standard_errors;  // [F], or empty
  std::vector<double> values;           // [S], [T+1, S], or [S, goals]
  std::vector<double> policy;           // [pairs] or [T, pairs]
  std::vector<double> occupancy;        // [S]: expected visits of an episode
  double log_likelihood = 0;            // of all demonstrations under the policy
  std::string status;                   // why it stopped
  std::string remark;                   // what is not there, and why; or nothing
};

class TabularLearner {
 public:
  using Metrics = std::vector<std::pair<std::string, double>>;  // in the order they are shown

  virtual ~TabularLearner() = default;
  // One iteration. The first's metrics are the columns of all.
  virtual Metrics step() = 0;
  virtual bool finished() const = 0;
  // Everything that a resumed run goes on from; null: its iterations are done again.
  virtual Store* store() { return nullptr; }
  // Weights, where there are any, between steps.
  virtual const std::vector<double>& weights() const = 0;
  virtual Recovered recovered() = 0;
  // The same between steps, without standard errors. Looking must not change the steps that follow.
  virtual Recovered snapshot() { return recovered(); }
  // Mean features that the learner's own model expects, minus the demonstrations' [F]: what an
  // iteration closes. Empty where it has no such model.
  virtual std::vector<double> feature_gaps() const { return {}; }
};

// What a learner works on; all of it outlives the learner.
struct TabularTask {
  Device& device;
  const Problem& problem;
  const std::vector<Trajectory>& demonstrations;
  std::int64_t iterations = 500;  // of `step`, at most
};

// An algorithm's options, with their defaults at first, and the learner that has them.
class TabularPlan {
 public:
  virtual ~TabularPlan() = default;
  virtual OptionList options() = 0;  // of this plan's own; it must outlive the list
  // An `Error` where the options or the problem are not for this algorithm.
  virtual std::unique_ptr<TabularLearner> make(const TabularTask& task) const = 0;
};

struct TabularAlgorithm {
  const char *name, *summary, *source;
  const char* metric;  // the one that matters
  const char* header;  // where its equations stand
  bool discounts;      // false: it needs a horizon where a problem is discounted
  std::unique_ptr<TabularPlan> (*plan)();
};
const std::vector<TabularAlgorithm>& tabular_algorithms();
// By name or by one of its other names (mce, maxent_2008); an `Error` that lists all names.
const TabularAlgorithm& tabular_algorithm(const std::string& name);

// ---- for learners -------------------------------------------------------------------------------

// Behavior under a reward by pair: what `Recovered` says of it. Backup::log_sum_exp: that of a
// maximum-entropy demonstrator; Backup::max: the best.
void behave(const TabularTask& task, Backup backup, Expectation expectation, Recovered& found);
// A stationary policy's occupancy and likelihood.
void behave_by(const TabularTask& task, const std::vector<double>& policy, Recovered& found);

// The same towards goals, of a reward by transition.
Recovered recovered_of_goals(const TabularTask& task, GoalFamily& family,
                             const GoalDemonstrations& demonstrations,
                             const std::vector<double>& reward);

// Weights from which a maximum-entropy model starts without goals. `given` ones must lie in its
// domain, else an `Error` that says how values grow there. Without, it is 0 (or `positive`: 1), or
// where the partition function does not exist at 0, costs that are raised until it does, as
// `goal_start` raises them.
std::vector<double> model_start(const TabularTask& task, MaxEntModel& model,
                                Expectation expectation, const std::vector<double>& given,
                                bool positive = false);

// Weights from which to start towards goals. `given` ones must lie in the domain, else an `Error`
// with the spectral radius. Without, costs are raised from 0 until they do: each feature that is
// positive on the whole gets the weight -c, one that is negative c.
std::vector<double> goal_start(const TabularTask& task, const std::vector<double>& given);

using MadeLearner = std::unique_ptr<TabularLearner>;
MadeLearner make_maxent(const TabularTask&, const LinearMaxEntOptions&);
MadeLearner make_causal(const TabularTask&, const CausalMaxEntOptions&);
MadeLearner make_sampled_maxent(const TabularTask&, const SampledMaxEntOptions&);
MadeLearner make_deep(const TabularTask&, const DeepLearnerOptions&);
MadeLearner make_apprentice(const TabularTask&, const ApprenticeLearnerOptions&);
MadeLearner make_lpal(const TabularTask&, const LpalOptions&);
MadeLearner make_max_margin_planning(const TabularTask&, const MaxMarginOptions&);
MadeLearner make_occupancy_matching(const TabularTask&, const OccupancyMatchingOptions&);
MadeLearner make_ng_russell(const TabularTask&, const NgRussellOptions&);
MadeLearner make_ng_russell_sampled(const TabularTask&, const NgRussellSampledOptions&);

}  // namespace understudy
