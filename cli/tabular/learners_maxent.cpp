// Maximum-entropy learners with linear rewards: of 2008, causal, towards goals, and from samples.

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/goal_family.h"
#include "algorithms/tabular/maxent.h"
#include "algorithms/tabular/solver.h"
#include "cli/session/command.h"
#include "cli/tabular/learners.h"
#include "kernels/device/error.h"

namespace understudy::cli {

Recovered recovered_of_goals(const Task& task, GoalFamily& family,
                             const GoalDemonstrations& demonstrations,
                             const std::vector<double>& reward) {
  const Problem& problem = task.problem;
  Recovered found;
  std::vector<double> gradient;
  found.log_likelihood = family.log_likelihood(demonstrations, reward, &gradient);
  // What the model expects of the same travelers, by transition: n - gradient, over trips.
  std::vector<double> flow(static_cast<std::size_t>(problem.n_pairs()), 0.0);
  found.reward.assign(flow.size(), 0.0);
  for (std::int64_t j = 0; j < problem.n_transitions(); ++j) {
    const auto k = static_cast<std::size_t>(problem.transition_pair[j]);
    found.reward[k] += problem.probability[j] * reward[j];
    flow[k] += (demonstrations.transition_count[j] - gradient[j]) / demonstrations.episodes;
  }
  found.occupancy = sum_over_pairs(problem, flow);
  found.policy = flow;
  for (std::size_t k = 0; k < flow.size(); ++k) {
    const double visits = found.occupancy[static_cast<std::size_t>(problem.pair_state[k])];
    found.policy[k] = visits > 0 ? flow[k] / visits : 0.0;
  }
  std::vector<std::int32_t> goals(static_cast<std::size_t>(problem.n_goals()));
  for (std::size_t g = 0; g < goals.size(); ++g) goals[g] = static_cast<std::int32_t>(g);
  found.values = family.values(reward, goals);
  found.remark = "policy and occupancy are averages over the demonstrations' origins and goals";
  return found;
}

namespace {

std::string shown_weights(const std::vector<double>& weights) {
  std::string text;
  for (std::size_t i = 0; i < weights.size() && i < 8; ++i)
    text += formatted("%s%g", i == 0 ? "" : ", ", weights[i]);
  return "(" + text + (weights.size() > 8 ? ", ...)" : ")");
}

// Any smooth mean objective of linear weights by L-BFGS, by the gradient, or by the exponentiated
// gradient (Kivinen & Warmuth 1997), one step at a time.
class LinearAscent : public Learner {
 public:
  LinearAscent(const Task& task, const LearnerOptions& options) : task_(task), options_(options) {}

  Metrics step() override {
    if (lbfgs_ != nullptr) {
      if (!lbfgs_->step()) done_ = true;
      weights_ = lbfgs_->point();
      gradient_ = lbfgs_->gradient();
      objective_value_ = lbfgs_->value();
      done_ = done_ || lbfgs_->status() != LbfgsStatus::running;
      status_ = name(lbfgs_->status());
    } else {
      plain_step();
    }
    return {{"log_likelihood", log_likelihood()},
            {"feature_gap", feature_gap()},
            {"weights_norm", norm(weights_)}};
  }
  bool finished() const override { return done_; }
  const std::vector<double>& weights() const override { return weights_; }

 protected:
  // `objective` is minimized; it is minus the mean over demonstrations, penalties included.
  void begin(LbfgsObjective objective, double episodes) {
    minimized_ = std::move(objective);
    episodes_ = episodes;
    weights_ = options_.start;
    if (options_.optimizer == "lbfgs") {
      LbfgsOptions lbfgs{.memory = 10, .gradient_tolerance = options_.tolerance};
      lbfgs.iterations = static_cast<int>(std::min<std::int64_t>(options_.iterations, 1000000));
      lbfgs.l1 = options_.l1;
      lbfgs_ = std::make_unique<Lbfgs>(minimized_, weights_, lbfgs);
      gradient_ = lbfgs_->gradient();
      return;
    }
    if (options_.l1 > 0) fail(ErrorKind::bad_input, "--l1 needs --optimizer lbfgs");
    if (options_.optimizer == "exponentiated")
      for (double weight : weights_)
        if (!(weight > 0))
          fail(ErrorKind::bad_input,
               "--optimizer exponentiated: expected positive starting weights (--start), found %g",
               weight);
    gradient_.resize(weights_.size());
    objective_value_ = minimized_(weights_, gradient_);
  }

  const Task task_;
  const LearnerOptions options_;
  std::vector<double> weights_, gradient_;
  double episodes_ = 1, objective_value_ = 0;
  std::string status_ = "iteration limit";
  bool done_ = false;

 private:
  static double norm(const std::vector<double>& x) {
    double sum = 0;
    for (double value : x) sum += value * value;
    return std::sqrt(sum);
  }
  // The penalties taken out again.
  double log_likelihood() const {
    double penalty = 0;
    for (double w : weights_) penalty += options_.l1 * std::abs(w) + options_.l2 / 2 * w * w;
    return -episodes_ * (objective_value_ - penalty);
  }
  // max |mean features of the demonstrations - those expected|: the gradient without penalties.
  double feature_gap() const {
    double gap = 0;
    for (std::size_t i = 0; i < gradient_.size(); ++i)
      gap = std::max(gap, std::abs(gradient_[i] - options_.l2 * weights_[i]));
    return gap;
  }
  void plain_step() {
    const bool exponentiated = options_.optimizer == "exponentiated";
    for (std::size_t i = 0; i < weights_.size(); ++i)
      weights_[i] = exponentiated ? weights_[i] * std::exp(-options_.plain_rate() * gradient_[i])
                                  : weights_[i] - options_.plain_rate() * gradient_[i];
    objective_value_ = minimized_(weights_, gradient_);
    if (!std::isfinite(objective_value_))
      fail(ErrorKind::not_finite,
           "the partition function diverges at weights %s: use a smaller --learning-rate",
           shown_weights(weights_).c_str());
    double largest = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i)
      largest =
          std::max(largest, std::abs(exponentiated ? weights_[i] * gradient_[i] : gradient_[i]));
    if (largest <= options_.tolerance) {
      done_ = true;
      status_ = "converged (gradient)";
    }
  }

  LbfgsObjective minimized_;
  std::unique_ptr<Lbfgs> lbfgs_;
};

void check_start(const Problem& problem, const std::vector<double>& start) {
  if (static_cast<std::int64_t>(start.size()) != problem.n_features)
    fail(ErrorKind::bad_input, "--start: expected %lld weights, found %zu",
         static_cast<long long>(problem.n_features), start.size());
}

// ---- one problem --------------------------------------------------------------------------------

class MaxEntLearner final : public LinearAscent {
 public:
  MaxEntLearner(const Task& task, const LearnerOptions& options, Expectation expectation)
      : LinearAscent(task, options),
        expectation_(expectation),
        model_(task.problem, task.engine, task.demonstrations, expectation,
               options.objective == "likelihood" ? MaxEntObjective::likelihood
                                                 : MaxEntObjective::feature_matching) {
    check_start(task.problem, options.start);
    const LbfgsObjective objective = maxent_objective(model_, task.problem, options.l2);
    std::vector<double> probe(options.start.size());
    if (!std::isfinite(objective(options.start, probe)))
      fail(ErrorKind::bad_input, "the partition function diverges at weights %s%s",
           shown_weights(options.start).c_str(), why_divergent().c_str());
    begin(objective, model_.episodes());
  }

  Recovered recovered() override {
    Recovered found;
    found.weights = weights_;
    found.reward = linear_reward(task_.problem, weights_);
    found.status = status_;
    behave(task_, true, expectation_, found);
    if (expectation_ != Expectation::causal) {
      found.remark = "standard errors are those of the causal model, which this is not";
      return found;
    }
    try {
      found.standard_errors = standard_errors(model_, task_.problem, weights_, options_.l2);
    } catch (const Error& error) {
      found.remark = std::string("no standard errors: ") + error.what();
    }
    return found;
  }

  // Without the model, whose next values begin at its last ones.
  std::vector<double> policy() override {
    Recovered found;
    found.reward = linear_reward(task_.problem, weights_);
    behave(task_, true, expectation_, found);
    return found.policy;
  }

 private:
  // What the solver says of the same reward: how fast values grow.
  std::string why_divergent() const {
    try {
      SolveOptions options;
      options.expectation = expectation_;
      if (task_.problem.horizon == 0)
        solve(task_.engine, task_.problem, linear_reward(task_.problem, options_.start), options);
    } catch (const Error& error) {
      return std::string(": ") + error.what();
    }
    return "";
  }

  Expectation expectation_;
  MaxEntModel model_;
};

// ---- goals --------------------------------------------------------------------------------------

class GoalLearner final : public LinearAscent {
 public:
  GoalLearner(const Task& task, const LearnerOptions& options)
      : LinearAscent(task, with_goal_start(task, options)),
        demonstrations_(goal_demonstrations(task.problem, task.demonstrations)),
        family_(task.problem, task.engine) {
    family_.check_reachable(demonstrations_);
    begin(goal_objective(family_, task.problem, demonstrations_, options.l2),
          demonstrations_.episodes);
  }

  Recovered recovered() override {
    Recovered found =
        recovered_of_goals(task_, family_, demonstrations_, family_.transition_reward(weights_));
    found.weights = weights_;
    found.status = status_;
    try {
      found.standard_errors =
          standard_errors(family_, task_.problem, demonstrations_, weights_, options_.l2);
    } catch (const Error& error) {
      found.remark += std::string("; no standard errors: ") + error.what();
    }
    return found;
  }

 private:
  GoalDemonstrations demonstrations_;
  GoalFamily family_;
};

// ---- from samples -------------------------------------------------------------------------------

class SampledLearner final : public Learner {
 public:
  SampledLearner(const Task& task, const LearnerOptions& options) : task_(task), options_(options) {
    if (task.problem.horizon > 0)
      fail(ErrorKind::bad_input,
           "sampled_maxent samples from a stationary policy: the problem "
           "has a horizon");
    weights_ = options.start;
    check_start(task.problem, weights_);
    for (const Trajectory& demonstration : task.demonstrations)
      steps_ =
          std::max<std::int64_t>(steps_, static_cast<std::int64_t>(demonstration.actions.size()));
  }

  // Samples come from the soft policy of the current reward, whose weights w = exp(r)/q then vary
  // little (Finn et al. 2016, section 4.2).
  Metrics step() override {
    const Problem& problem = task_.problem;
    const std::vector<double> reward = linear_reward(problem, weights_);
    const Solution s = solve(task_.engine, problem, reward);
    const std::vector<Trajectory> samples =
        sample_trajectories(problem, s.policy, options_.samples, steps_,
                            options_.seed * 1000003 + static_cast<std::uint64_t>(++iteration_));
    const SampledGradient sampled =
        sampled_maxent_gradient(problem, reward, task_.demonstrations, samples,
                                log_probabilities(problem, s.policy, samples));
    const std::vector<double> gradient = feature_expectations(problem, sampled.gradient);
    double gap = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      gap = std::max(gap, std::abs(gradient[i]));
      weights_[i] += options_.plain_rate() * (gradient[i] - options_.l2 * weights_[i]);
    }
    return {{"objective", sampled.objective},
            {"feature_gap", gap},
            {"effective_samples", sampled.effective_samples}};
  }
  bool finished() const override { return false; }
  const std::vector<double>& weights() const override { return weights_; }
  Recovered recovered() override {
    Recovered found;
    found.weights = weights_;
    found.reward = linear_reward(task_.problem, weights_);
    found.status = "iteration limit";
    behave(task_, true, Expectation::causal, found);
    return found;
  }

 private:
  const Task task_;
  const LearnerOptions options_;
  std::vector<double> weights_;
  std::int64_t steps_ = 1, iteration_ = 0;
};

LearnerOptions from_zero(const Task& task, LearnerOptions options) {
  if (options.start.empty()) {
    const double start = options.optimizer == "exponentiated" ? 1.0 : 0.0;
    options.start.assign(static_cast<std::size_t>(task.problem.n_features), start);
  }
  return options;
}

}  // namespace

LearnerOptions with_goal_start(const Task& task, LearnerOptions options) {
  const Problem& problem = task.problem;
  GoalFamily family(problem, task.engine);
  const auto radius = [&](const std::vector<double>& weights) {
    return family.spectral_radius(family.transition_reward(weights));
  };
  if (!options.start.empty()) {
    check_start(problem, options.start);
    const double found = radius(options.start);
    if (!(found < 1))
      fail(ErrorKind::bad_input,
           "the partition function diverges at weights %s: spectral radius %.6f, must be below 1",
           shown_weights(options.start).c_str(), found);
    return options;
  }
  const auto width = static_cast<std::size_t>(problem.n_features);
  std::vector<double> sums(width, 0.0);
  const auto& own = problem.feature_owner == FeatureOwner::transition ? problem.transition_features
                                                                      : problem.features;
  for (std::size_t i = 0; i < own.size(); ++i) sums[i % width] += own[i];
  double found = 0;
  for (double cost = 0; cost <= 64; cost = cost == 0 ? 1 : 2 * cost) {
    options.start.assign(width, 0.0);
    for (std::size_t i = 0; i < width; ++i)
      options.start[i] = sums[i] > 0 ? -cost : (sums[i] < 0 ? cost : 0.0);
    found = radius(options.start);
    // Some room: at the edge of the domain the likelihood is steep.
    if (found < 0.9) return options;
  }
  fail(ErrorKind::bad_input,
       "the partition function diverges at weights %s: spectral radius %.6f, must be below 1 "
       "(--start gives other weights)",
       shown_weights(options.start).c_str(), found);
}

std::unique_ptr<Learner> make_maxent(const Task& task, const LearnerOptions& options) {
  if (task.problem.n_goals() > 0) return std::make_unique<GoalLearner>(task, options);
  return std::make_unique<MaxEntLearner>(task, from_zero(task, options), Expectation::log_mean_exp);
}

std::unique_ptr<Learner> make_causal(const Task& task, const LearnerOptions& options) {
  if (task.problem.n_goals() > 0) {
    // On deterministic dynamics the two models are the same.
    if (!task.problem.deterministic())
      fail(ErrorKind::bad_input,
           "max_causal_entropy: families of goals need deterministic "
           "dynamics");
    return std::make_unique<GoalLearner>(task, options);
  }
  return std::make_unique<MaxEntLearner>(task, from_zero(task, options), Expectation::causal);
}

std::unique_ptr<Learner> make_sampled_maxent(const Task& task, const LearnerOptions& options) {
  return std::make_unique<SampledLearner>(task, from_zero(task, options));
}

}  // namespace understudy::cli
