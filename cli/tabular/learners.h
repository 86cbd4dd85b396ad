// The algorithms that recover a reward of a tabular problem behind one face: a learner is stepped
// until it has finished, and then says what it found.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "algorithms/tabular/engine.h"
#include "algorithms/tabular/goal_family.h"
#include "algorithms/tabular/problem.h"
#include "autograd/program/array.h"
#include "cli/session/tensorboard.h"

namespace understudy::cli {

struct LearnerOptions {
  std::string objective = "likelihood";  // or feature_matching (max_causal_entropy)
  std::string optimizer = "lbfgs";       // or gradient, exponentiated
  double learning_rate = 0;              // 0: the algorithm's own
  double tolerance = 1e-6;               // of the gradient, or of the distance of expectations
  double l1 = 0.0, l2 = 0.0;             // penalties of the mean objective
  std::vector<double> start;             // weights; empty: the algorithm's own
  std::vector<double> known_policy;      // [pairs], for ng_russell
  double penalty = 1.0;                  // on |reward|, of ng_russell
  double regularization = 1e-2;          // of max_margin_planning
  std::int64_t samples = 256;            // episodes a gradient, of sampled_maxent
  std::vector<std::int64_t> hidden;      // widths of a network's hidden layers; empty: its own
  std::vector<std::int64_t> windows;     // of a convolutional network's layers; empty: its own
  std::int64_t iterations = 500;
  std::uint64_t seed = 0;

  // Of the plain optimizers and of sampled_maxent, where none is given.
  double plain_rate() const { return learning_rate > 0 ? learning_rate : 0.1; }
};

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

class Learner {
 public:
  virtual ~Learner() = default;
  // One iteration. The first's metrics are the columns of all.
  virtual Metrics step() = 0;
  virtual bool finished() const = 0;
  // Everything that a resumed run goes on from; null: its iterations are done again.
  virtual Store* store() { return nullptr; }
  // Weights, where there are any, between steps.
  virtual const std::vector<double>& weights() const = 0;
  virtual Recovered recovered() = 0;
  // The behavior of now, stationary [pairs]. Looking at it must not change the steps that follow.
  virtual std::vector<double> policy() { return recovered().policy; }
};

// What a learner works on; all of it outlives the learner.
struct Task {
  const Problem& problem;
  Engine& engine;
  const std::vector<Trajectory>& demonstrations;
};

struct TabularAlgorithm {
  const char *name, *summary, *source;
  const char* metric;  // the column that matters
  const char* header;  // where the library has it
  std::unique_ptr<Learner> (*make)(const Task&, const LearnerOptions&);
};
const std::vector<TabularAlgorithm>& tabular_algorithms();
// By name or by one of its other names (mce, maxent_2008); an `Error` that lists all names.
const TabularAlgorithm& tabular_algorithm(const std::string& name);

// Behavior under a reward by pair: what `Recovered` says of it. Soft: that of a maximum-entropy
// demonstrator; hard: the best.
void behave(const Task& task, bool soft, Expectation expectation, Recovered& found);
// A stationary policy's occupancy and likelihood.
void behave_by(const Task& task, const std::vector<double>& policy, Recovered& found);

// The same towards goals, of a reward by transition.
Recovered recovered_of_goals(const Task& task, GoalFamily& family,
                             const GoalDemonstrations& demonstrations,
                             const std::vector<double>& reward);

// A start towards goals that was given must lie in the domain, else an `Error` with the spectral
// radius. Without one, costs are raised from 0 until it does: each feature that is positive on the
// whole gets the weight -c, one that is negative c.
LearnerOptions with_goal_start(const Task& task, LearnerOptions options);

std::unique_ptr<Learner> make_maxent(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_causal(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_sampled_maxent(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_deep_mlp(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_deep_conv(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_projection(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_max_margin(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_mwal(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_lpal(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_max_margin_planning(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_ng_russell(const Task&, const LearnerOptions&);
std::unique_ptr<Learner> make_ng_russell_sampled(const Task&, const LearnerOptions&);

}  // namespace understudy::cli
