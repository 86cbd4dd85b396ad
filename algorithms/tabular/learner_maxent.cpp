// Maximum-entropy learners with linear rewards: of 2008, causal, towards goals, and from samples.

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "algorithms/tabular/goal_family.h"
#include "algorithms/tabular/learner.h"
#include "algorithms/tabular/maxent.h"
#include "algorithms/tabular/solver.h"
#include "kernels/device/error.h"

namespace understudy {

Recovered recovered_of_goals(const TabularTask& task, GoalFamily& family,
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

void add_remark(Recovered& found, const std::string& remark) {
  found.remark += (found.remark.empty() ? "" : "; ") + remark;
}

// What maximum-entropy learners with linear weights share.
class LinearLearner : public TabularLearner {
 public:
  LinearLearner(const TabularTask& task, const LinearMaxEntOptions& options)
      : task_(task), options_(options) {}

  Metrics step() override {
    ascent_->step();
    return {{"log_likelihood", log_likelihood()},
            {"feature_gap", feature_gap()},
            {"weights_norm", norm(weights())}};
  }
  bool finished() const override { return ascent_->finished(); }
  const std::vector<double>& weights() const override { return ascent_->weights(); }
  // The gradient without penalties.
  std::vector<double> feature_gaps() const override {
    std::vector<double> gaps = ascent_->gradient();
    for (std::size_t i = 0; i < gaps.size(); ++i) gaps[i] -= options_.l2 * weights()[i];
    return gaps;
  }

 protected:
  // `minimized` is minus the mean over demonstrations, l2 included.
  void begin(LbfgsObjective minimized, double episodes, const std::vector<double>& start) {
    episodes_ = episodes;
    LinearAscentOptions ascent{options_.optimizer, options_.learning_rate, {}};
    ascent.lbfgs.iterations = 1000000000;  // the caller counts its steps
    ascent.lbfgs.gradient_tolerance = options_.tolerance;
    ascent.lbfgs.l1 = options_.l1;
    ascent_.emplace(std::move(minimized), start, ascent);
  }
  std::string status() const {
    return finished() ? name(ascent_->status()) : name(LbfgsStatus::iteration_limit);
  }

  const TabularTask task_;
  const LinearMaxEntOptions options_;

 private:
  static double norm(const std::vector<double>& x) {
    double sum = 0;
    for (double value : x) sum += value * value;
    return std::sqrt(sum);
  }
  // The penalties taken out again.
  double log_likelihood() const {
    double penalty = 0;
    for (double w : weights()) penalty += options_.l1 * std::abs(w) + options_.l2 / 2 * w * w;
    return -episodes_ * (ascent_->value() - penalty);
  }
  double feature_gap() const {
    double most = 0;
    for (double gap : feature_gaps()) most = std::max(most, std::abs(gap));
    return most;
  }

  std::optional<LinearAscent> ascent_;
  double episodes_ = 1;
};

void check_start(const Problem& problem, const std::vector<double>& start) {
  if (static_cast<std::int64_t>(start.size()) != problem.n_features)
    fail(ErrorKind::bad_input, "start: expected %lld weights, found %zu",
         static_cast<long long>(problem.n_features), start.size());
}

// ---- one problem --------------------------------------------------------------------------------

class MaxEntLearner final : public LinearLearner {
 public:
  MaxEntLearner(const TabularTask& task, const LinearMaxEntOptions& options,
                Expectation expectation, MaxEntObjective objective)
      : LinearLearner(task, options),
        expectation_(expectation),
        model_(task.device, task.problem, task.demonstrations, expectation, objective) {
    start_ = model_start(task, model_, expectation, options.start,
                         options.optimizer == LinearOptimizer::exponentiated);
    model_.set_start({});
    begin(maxent_objective(model_, task.problem, options.l2), model_.episodes(), start_);
  }

  Recovered recovered() override {
    Recovered found = snapshot();
    if (expectation_ != Expectation::causal) {
      add_remark(found, "standard errors are those of the causal model, which this is not");
      return found;
    }
    try {
      found.standard_errors = standard_errors(model_, task_.problem, weights(), options_.l2);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      add_remark(found, std::string("no standard errors: ") + error.what());
    }
    return found;
  }

  // Without the model, whose next values begin at its last ones.
  Recovered snapshot() override {
    Recovered found;
    found.weights = weights();
    found.reward = linear_reward(task_.problem, weights());
    found.status = status();
    behave(task_, Backup::log_sum_exp, expectation_, found);
    return found;
  }

 private:
  Expectation expectation_;
  MaxEntModel model_;
  std::vector<double> start_;
};

// ---- goals --------------------------------------------------------------------------------------

class GoalLearner final : public LinearLearner {
 public:
  GoalLearner(const TabularTask& task, const LinearMaxEntOptions& options)
      : LinearLearner(task, from_goal_start(task, options)),
        demonstrations_(goal_demonstrations(task.problem, task.demonstrations)),
        family_(task.device, task.problem) {
    family_.check_reachable(demonstrations_);
    begin(goal_objective(family_, task.problem, demonstrations_, options.l2),
          demonstrations_.episodes, options_.start);
  }

  Recovered recovered() override {
    Recovered found =
        recovered_of_goals(task_, family_, demonstrations_, family_.transition_reward(weights()));
    found.weights = weights();
    found.status = status();
    try {
      found.standard_errors =
          standard_errors(family_, task_.problem, demonstrations_, weights(), options_.l2);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      add_remark(found, std::string("no standard errors: ") + error.what());
    }
    return found;
  }

 private:
  static LinearMaxEntOptions from_goal_start(const TabularTask& task, LinearMaxEntOptions options) {
    options.start = goal_start(task, options.start);
    return options;
  }

  GoalDemonstrations demonstrations_;
  GoalFamily family_;
};

// ---- from samples -------------------------------------------------------------------------------

class SampledLearner final : public TabularLearner {
 public:
  SampledLearner(const TabularTask& task, const SampledMaxEntOptions& options)
      : task_(task), options_(options) {
    if (task.problem.horizon > 0)
      fail(ErrorKind::bad_input,
           "sampled_maxent samples from a stationary policy: the problem "
           "has a horizon");
    MaxEntModel model(task.device, task.problem, task.demonstrations);
    weights_ = model_start(task, model, Expectation::causal, options.start);
    for (const Trajectory& demonstration : task.demonstrations)
      steps_ =
          std::max<std::int64_t>(steps_, static_cast<std::int64_t>(demonstration.actions.size()));
    behavior_ = behavior_at(weights_);
  }

  // Samples come from the soft policy of the current reward, whose weights w = exp(r)/q then vary
  // little (Finn et al. 2016, section 4.2). A step after which that policy does not exist is
  // halved.
  Metrics step() override {
    const Problem& problem = task_.problem;
    const std::vector<double> reward = linear_reward(problem, weights_);
    const std::vector<Trajectory> samples =
        sample_trajectories(problem, behavior_, options_.samples, steps_,
                            options_.seed * 1000003 + static_cast<std::uint64_t>(++iteration_));
    const SampledGradient sampled =
        sampled_maxent_gradient(problem, reward, task_.demonstrations, samples,
                                log_probabilities(problem, behavior_, samples));
    const std::vector<double> gradient = feature_expectations(problem, sampled.gradient);
    const std::vector<double> before = weights_;
    double gap = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      gap = std::max(gap, std::abs(gradient[i]));
      weights_[i] += options_.learning_rate * (gradient[i] - options_.l2 * weights_[i]);
    }
    move_from(before);
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
    behave(task_, Backup::log_sum_exp, Expectation::causal, found);
    return found;
  }

 private:
  std::vector<double> behavior_at(const std::vector<double>& weights) const {
    SolveOptions options;
    if (task_.problem.discount == 1.0)
      options.method = default_method(task_.problem, Expectation::causal);
    return solve(task_.device, task_.problem, linear_reward(task_.problem, weights), options)
        .policy;
  }
  void move_from(const std::vector<double>& before) {
    for (int halvings = 0;; ++halvings) {
      try {
        behavior_ = behavior_at(weights_);
        return;
      } catch (const Error& error) {
        // Sixty leave nothing of a step.
        if (error.kind() != ErrorKind::not_finite || halvings == 60) throw;
      }
      for (std::size_t i = 0; i < weights_.size(); ++i)
        weights_[i] = 0.5 * (weights_[i] + before[i]);
    }
  }

  const TabularTask task_;
  const SampledMaxEntOptions options_;
  std::vector<double> weights_, behavior_;
  std::int64_t steps_ = 1, iteration_ = 0;
};

// For each feature that is positive on the whole -1, for one that is negative 1: what makes steps
// cost something.
std::vector<double> cost_of(const Problem& problem) {
  const auto width = static_cast<std::size_t>(problem.n_features);
  std::vector<double> sums(width, 0.0), cost(width);
  const auto& own = problem.feature_owner == FeatureOwner::transition ? problem.transition_features
                                                                      : problem.features;
  for (std::size_t i = 0; i < own.size(); ++i) sums[i % width] += own[i];
  for (std::size_t i = 0; i < width; ++i) cost[i] = sums[i] > 0 ? -1.0 : (sums[i] < 0 ? 1.0 : 0.0);
  return cost;
}
std::vector<double> scaled(std::vector<double> x, double by) {
  for (double& xi : x) xi *= by;
  return x;
}

// ": " and how fast the solver sees values grow under these weights, or nothing.
std::string growth_at(const TabularTask& task, Expectation expectation,
                      const std::vector<double>& weights) {
  try {
    if (task.problem.horizon == 0)
      solve(task.device, task.problem, linear_reward(task.problem, weights),
            {.expectation = expectation, .iterations = 20000});
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::interrupted) throw;
    return std::string(": ") + error.what();
  }
  return "";
}

}  // namespace

std::vector<double> model_start(const TabularTask& task, MaxEntModel& model,
                                Expectation expectation, const std::vector<double>& given,
                                bool positive) {
  const Problem& problem = task.problem;
  // Some room: at the edge of the domain the objective is steep. A tenth of spectral radius is this
  // much reward at every step.
  const double room = -std::log(0.9);
  const auto exists = [&](const std::vector<double>& weights, double margin) {
    std::vector<double> reward = linear_reward(problem, weights);
    for (double& r : reward) r += margin;
    return std::isfinite(model.value(reward, nullptr));
  };
  const auto refuse = [&](const std::vector<double>& weights, const char* hint) {
    fail(ErrorKind::bad_input, "the partition function diverges at weights %s%s%s",
         excerpt_of(weights).c_str(), growth_at(task, expectation, weights).c_str(), hint);
  };
  if (!given.empty()) {
    check_start(problem, given);
    if (!exists(given, 0.0)) refuse(given, "");
    return given;
  }
  std::vector<double> constant(static_cast<std::size_t>(problem.n_features), positive ? 1.0 : 0.0);
  const bool everywhere = problem.horizon > 0 || problem.discount < 1.0;
  if (everywhere || exists(constant, room)) return constant;
  const std::vector<double> cost = cost_of(problem);
  for (double scale = 1; scale <= 64 && !positive; scale *= 2)
    if (exists(scaled(cost, scale), room)) return scaled(cost, scale);
  refuse(constant, positive ? " (positive weights of positive features are gains: use another "
                              "optimizer, or the option start)"
                            : " (and at costs up to 64 of every feature: the option start gives "
                              "other weights, --horizon or --discount another problem)");
  return constant;
}

namespace {

MadeLearner make_one(const TabularTask& task, const LinearMaxEntOptions& options,
                     Expectation expectation, MaxEntObjective objective) {
  return std::make_unique<MaxEntLearner>(task, options, expectation, objective);
}

}  // namespace

std::vector<double> goal_start(const TabularTask& task, const std::vector<double>& given) {
  const Problem& problem = task.problem;
  GoalFamily family(task.device, problem);
  const auto radius = [&](const std::vector<double>& weights) {
    return family.spectral_radius(family.transition_reward(weights));
  };
  if (!given.empty()) {
    check_start(problem, given);
    const double found = radius(given);
    if (!(found < 1))
      fail(ErrorKind::bad_input,
           "the partition function diverges at weights %s: spectral radius %.6f, must be below 1",
           excerpt_of(given).c_str(), found);
    return given;
  }
  const std::vector<double> cost = cost_of(problem);
  std::vector<double> start;
  double found = 0;
  for (double scale = 0; scale <= 64; scale = scale == 0 ? 1 : 2 * scale) {
    start = scaled(cost, scale);
    found = radius(start);
    // Some room: at the edge of the domain the likelihood is steep.
    if (found < 0.9) return start;
  }
  fail(ErrorKind::bad_input,
       "the partition function diverges at weights %s: spectral radius %.6f, must be below 1 "
       "(the option start gives other weights)",
       excerpt_of(start).c_str(), found);
}

MadeLearner make_maxent(const TabularTask& task, const LinearMaxEntOptions& options) {
  if (task.problem.n_goals() > 0) return std::make_unique<GoalLearner>(task, options);
  return make_one(task, options, Expectation::log_mean_exp, MaxEntObjective::likelihood);
}

MadeLearner make_causal(const TabularTask& task, const CausalMaxEntOptions& options) {
  if (task.problem.n_goals() > 0) {
    // On deterministic dynamics the two models are the same.
    if (!task.problem.deterministic())
      fail(ErrorKind::bad_input,
           "max_causal_entropy: families of goals need deterministic dynamics");
    return std::make_unique<GoalLearner>(task, options.linear);
  }
  return make_one(task, options.linear, Expectation::causal, options.objective);
}

MadeLearner make_sampled_maxent(const TabularTask& task, const SampledMaxEntOptions& options) {
  return std::make_unique<SampledLearner>(task, options);
}

}  // namespace understudy
