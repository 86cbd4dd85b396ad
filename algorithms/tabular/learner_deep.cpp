// Deep maximum entropy: the reward is a network of features (Wulfmeier et al. 2015).

#include <algorithm>

#include "algorithms/tabular/deep_maxent.h"
#include "algorithms/tabular/learner.h"
#include "autograd/program/array.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// What the network corrects: linear costs.
void offset_by(const std::vector<double>& weights, RewardFeatures& features) {
  const auto width = static_cast<std::size_t>(features.width);
  for (std::size_t i = 0; i < features.values.size(); i += width) {
    double sum = 0;
    for (std::size_t c = 0; c < width; ++c) sum += weights[c] * features.values[i + c];
    features.offset.push_back(sum);
  }
}

class DeepLearner final : public TabularLearner {
 public:
  DeepLearner(const TabularTask& task, const DeepLearnerOptions& options)
      : task_(task), store_(task.device, Real::f64) {
    const Problem& problem = task.problem;
    RewardFeatures features = reward_features(problem);
    if (problem.n_goals() == 0) {
      model_ = std::make_unique<MaxEntModel>(task.device, problem, task.demonstrations);
      const std::vector<double> start =
          model_start(task, *model_, Expectation::causal, options.start);
      model_->set_start({});
      if (std::any_of(start.begin(), start.end(), [](double w) { return w != 0; }))
        offset_by(start, features);
      learner_ = std::make_unique<DeepMaxEnt>(store_, problem, *model_, features, options.deep);
      return;
    }
    // The network is a correction to linear costs under which the partition function exists.
    const std::vector<double> start = goal_start(task, options.start);
    family_ = std::make_unique<GoalFamily>(task.device, problem);
    goals_ = goal_demonstrations(problem, task.demonstrations);
    family_->check_reachable(goals_);
    offset_by(start, features);
    learner_ =
        std::make_unique<DeepMaxEnt>(store_, problem, *family_, goals_, features, options.deep);
  }

  Metrics step() override {
    const DeepMaxEntMetrics metrics = learner_->step();
    return {{"log_likelihood",
             metrics.log_likelihood * static_cast<double>(task_.demonstrations.size())},
            {"feature_gap", metrics.feature_gap},
            {"gradient_norm", metrics.gradient_norm}};
  }
  bool finished() const override { return false; }
  const std::vector<double>& weights() const override { return none_; }
  Store* store() override { return &store_; }

  Recovered recovered() override {
    Recovered found;
    if (family_ != nullptr) {
      found = recovered_of_goals(task_, *family_, goals_, learner_->reward());
    } else {
      found.reward = learner_->reward();
      behave(task_, Backup::log_sum_exp, Expectation::causal, found);
    }
    found.status = "iteration limit";
    return found;
  }

 private:
  const TabularTask task_;
  Store store_;
  std::unique_ptr<MaxEntModel> model_;
  std::unique_ptr<GoalFamily> family_;
  GoalDemonstrations goals_;
  std::unique_ptr<DeepMaxEnt> learner_;
  std::vector<double> none_;
};

}  // namespace

MadeLearner make_deep(const TabularTask& task, const DeepLearnerOptions& options) {
  if (options.deep.network.kind == RewardNetworkOptions::Kind::convolutional &&
      task.problem.shape.size() != 2)
    fail(ErrorKind::bad_input, "deep_maxent_conv: the problem has no grid (shape)");
  return std::make_unique<DeepLearner>(task, options);
}

}  // namespace understudy
