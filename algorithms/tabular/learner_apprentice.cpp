// Learners that match feature expectations or separate policies by margins.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "algorithms/tabular/apprenticeship.h"
#include "algorithms/tabular/learner.h"
#include "autograd/files/npz.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

void need_discount(const TabularTask& task, const char* name) {
  if (task.problem.horizon > 0 || task.problem.discount >= 1)
    fail(ErrorKind::bad_input, "%s: expected a discount below 1 and no horizon, found %g and %lld",
         name, task.problem.discount, static_cast<long long>(task.problem.horizon));
  if (task.problem.n_goals() > 0)
    fail(ErrorKind::bad_input, "%s: families of goals are learned by maxent alone", name);
}

std::vector<double> expert_features(const TabularTask& task) {
  return mean_features(task.problem, task.demonstrations, task.problem.discount);
}

class ApprenticeLearner final : public TabularLearner {
 public:
  ApprenticeLearner(const TabularTask& task, const ApprenticeLearnerOptions& options)
      : task_(task),
        tolerance_(options.tolerance),
        apprentice_(task.device, task.problem, expert_features(task), options.apprentice) {}

  Metrics step() override {
    distance_ = apprentice_.step();
    return {{"distance", distance_}};
  }
  bool finished() const override { return distance_ <= tolerance_; }
  const std::vector<double>& weights() const override { return apprentice_.weights(); }

  // The mixture as one stationary policy: its occupancy is the mixture of its policies', and
  // pi(a|s) = d(s, a) / d(s) has that occupancy (Puterman 1994, theorem 6.9.1).
  Recovered recovered() override {
    const Problem& problem = task_.problem;
    const std::vector<double> shares = apprentice_.mixture();
    std::vector<double> mixed(static_cast<std::size_t>(problem.n_pairs()), 0.0);
    for (std::size_t i = 0; i < shares.size(); ++i) {
      if (shares[i] <= 0) continue;
      const Occupancy visits =
          occupancy_of(task_.device, problem, apprentice_.policies()[i], problem.initial);
      for (std::size_t k = 0; k < mixed.size(); ++k) mixed[k] += shares[i] * visits.pairs[k];
    }
    const std::vector<double> states = sum_over_pairs(problem, mixed);
    // Where the mixture never comes, the last policy says what to do.
    std::vector<double> policy = apprentice_.policies().back();
    for (std::size_t k = 0; k < mixed.size(); ++k) {
      const double visits = states[static_cast<std::size_t>(problem.pair_state[k])];
      if (visits > 0) policy[k] = mixed[k] / visits;
    }
    Recovered found;
    found.weights = apprentice_.weights();
    found.reward = linear_reward(problem, found.weights);
    found.status = finished() ? "converged (distance)" : "iteration limit";
    char distance[32];
    std::snprintf(distance, sizeof distance, "%.3g", apprentice_.mixture_distance());
    found.remark = "the policy is the mixture's; its feature expectations lie " +
                   std::string(distance) + " from the demonstrator's";
    behave(task_, Backup::max, Expectation::causal, found);  // values of the reward
    behave_by(task_, policy, found);
    return found;
  }

 private:
  const TabularTask task_;
  double tolerance_, distance_ = INFINITY;
  Apprentice apprentice_;
};

// Methods that do all their work in one call; its rows are logged one after another.
class OneShot : public TabularLearner {
 public:
  Metrics step() override {
    if (rows_.empty()) rows_ = work();
    UNDERSTUDY_CHECK(next_ < rows_.size(), "a step after the last");
    return rows_[next_++];
  }
  bool finished() const override { return next_ > 0 && next_ >= rows_.size(); }
  const std::vector<double>& weights() const override { return found_.weights; }
  Recovered recovered() override { return found_; }

 protected:
  explicit OneShot(const TabularTask& task) : task_(task) {}
  virtual std::vector<Metrics> work() = 0;

  const TabularTask task_;
  Recovered found_;

 private:
  std::vector<Metrics> rows_;
  std::size_t next_ = 0;
};

class Lpal final : public OneShot {
 public:
  explicit Lpal(const TabularTask& task) : OneShot(task) {}
  std::vector<Metrics> work() override {
    const LpalResult result = lpal(task_.problem, expert_features(task_));
    behave_by(task_, result.policy, found_);
    found_.status = "solved";
    found_.remark = "LPAL finds a policy and no reward: reward, weights and values are not there";
    return {{{"margin", result.margin}, {"duality_gap", result.gap}}};
  }
};

class MarginPlanning final : public OneShot {
 public:
  MarginPlanning(const TabularTask& task, const MaxMarginOptions& options)
      : OneShot(task), options_(options) {
    options_.iterations = static_cast<int>(std::min<std::int64_t>(task.iterations, 1000000000));
  }
  std::vector<Metrics> work() override {
    const MaxMarginResult result =
        max_margin_planning(task_.device, task_.problem,
                            demonstrated_occupancy(task_.problem, task_.demonstrations), options_);
    found_.weights = result.weights;
    found_.reward = linear_reward(task_.problem, result.weights);
    behave(task_, Backup::max, Expectation::causal, found_);
    found_.status = "best weights seen";
    std::vector<Metrics> rows;
    double best = INFINITY;
    for (double objective : result.objectives) {
      best = std::min(best, objective);
      rows.push_back({{"objective", objective}, {"best_objective", best}});
    }
    return rows;
  }

 private:
  MaxMarginOptions options_;
};

// The policy of the demonstrations: the action taken most often in each state.
std::vector<double> demonstrated_policy(const TabularTask& task) {
  const Problem& problem = task.problem;
  const std::vector<double> visits = demonstrated_occupancy(problem, task.demonstrations);
  std::vector<double> policy(visits.size(), 0.0);
  for (std::int64_t s = 0; s < problem.n_states; ++s) {
    const auto begin = visits.begin() + problem.pair_begin[s],
               end = visits.begin() + problem.pair_begin[s + 1];
    if (begin == end) continue;
    const auto most = std::max_element(begin, end);
    if (*most <= 0)
      fail(ErrorKind::bad_input,
           "ng_russell: the policy must be known in every state, and no demonstration visits state "
           "%lld (the option policy names a file that has one)",
           static_cast<long long>(s));
    policy[static_cast<std::size_t>(most - visits.begin())] = 1;
  }
  return policy;
}

// A stationary policy [S, A] of an .npz, as one of pairs.
std::vector<double> read_policy(const Problem& problem, const std::string& path) {
  const files::Array array = files::Npz::open(path).read("policy");
  if (array.shape() != files::Shape{problem.n_states, problem.n_actions})
    fail(ErrorKind::bad_shape, "%s: policy: expected [%lld, %lld], found %s", path.c_str(),
         static_cast<long long>(problem.n_states), static_cast<long long>(problem.n_actions),
         files::to_string(array.shape()).c_str());
  return pair_reward(problem, array.converted<double>(path + ": policy"));
}

class NgRussell final : public OneShot {
 public:
  NgRussell(const TabularTask& task, const NgRussellOptions& options)
      : OneShot(task),
        options_(options),
        policy_(options.policy.empty() ? demonstrated_policy(task)
                                       : read_policy(task.problem, options.policy)) {}
  std::vector<Metrics> work() override {
    const NgRussellResult result =
        ng_russell(task_.device, task_.problem, policy_, options_.penalty, options_.largest);
    found_.weights = result.reward;
    found_.reward = pair_reward(task_.problem, result.reward);
    behave(task_, Backup::max, Expectation::causal, found_);
    found_.status = "solved";
    return {{{"margin", result.margin}, {"duality_gap", result.gap}}};
  }

 private:
  NgRussellOptions options_;
  std::vector<double> policy_;
};

class NgRussellSampled final : public OneShot {
 public:
  NgRussellSampled(const TabularTask& task, const NgRussellSampledOptions& options)
      : OneShot(task), options_(options) {}
  std::vector<Metrics> work() override {
    const NgRussellResult result = ng_russell_from_samples(task_.device, task_.problem,
                                                           task_.demonstrations, options_.policies);
    found_.weights = result.reward;
    found_.reward = linear_reward(task_.problem, result.reward);
    behave(task_, Backup::max, Expectation::causal, found_);
    found_.status = "solved";
    return {{{"margin", result.margin}, {"duality_gap", result.gap}}};
  }

 private:
  NgRussellSampledOptions options_;
};

const char* name_of(ApprenticeOptions::Method method) {
  switch (method) {
    case ApprenticeOptions::Method::projection: return "projection";
    case ApprenticeOptions::Method::max_margin: return "max_margin";
    case ApprenticeOptions::Method::mwal: return "mwal";
  }
  return "?";
}

}  // namespace

MadeLearner make_apprentice(const TabularTask& task, const ApprenticeLearnerOptions& options) {
  need_discount(task, name_of(options.apprentice.method));
  return std::make_unique<ApprenticeLearner>(task, options);
}
MadeLearner make_lpal(const TabularTask& task, const LpalOptions&) {
  need_discount(task, "lpal");
  return std::make_unique<Lpal>(task);
}
MadeLearner make_max_margin_planning(const TabularTask& task, const MaxMarginOptions& options) {
  need_discount(task, "max_margin_planning");
  return std::make_unique<MarginPlanning>(task, options);
}
MadeLearner make_ng_russell(const TabularTask& task, const NgRussellOptions& options) {
  need_discount(task, "ng_russell");
  return std::make_unique<NgRussell>(task, options);
}
MadeLearner make_ng_russell_sampled(const TabularTask& task,
                                    const NgRussellSampledOptions& options) {
  need_discount(task, "ng_russell_sampled");
  return std::make_unique<NgRussellSampled>(task, options);
}

}  // namespace understudy
