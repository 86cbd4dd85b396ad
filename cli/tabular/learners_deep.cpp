// Deep maximum entropy: the reward is a network of features (Wulfmeier et al. 2015).

#include "algorithms/tabular/deep_maxent.h"
#include "autograd/program/array.h"
#include "cli/tabular/learners.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

DeepMaxEntOptions deep_options(const LearnerOptions& given, RewardNetworkOptions::Kind kind) {
  DeepMaxEntOptions options;
  options.network.kind = kind;
  if (!given.hidden.empty()) options.network.hidden = given.hidden;
  if (!given.windows.empty()) options.network.windows = given.windows;
  if (given.learning_rate > 0) options.learning_rate = given.learning_rate;
  options.l2 = given.l2;
  options.seed = given.seed;
  return options;
}

class DeepLearner final : public Learner {
 public:
  DeepLearner(const Task& task, const LearnerOptions& given, RewardNetworkOptions::Kind kind)
      : task_(task), device_(cpu_device(task.engine.threads())), store_(*device_, Real::f64) {
    const DeepMaxEntOptions options = deep_options(given, kind);
    const Problem& problem = task.problem;
    RewardFeatures features = reward_features(problem);
    if (problem.n_goals() == 0) {
      model_ = std::make_unique<MaxEntModel>(problem, task.engine, task.demonstrations);
      learner_ = std::make_unique<DeepMaxEnt>(store_, problem, *model_, features, options);
      return;
    }
    // The network is a correction to linear costs under which the partition function exists.
    const LearnerOptions start = with_goal_start(task, given);
    family_ = std::make_unique<GoalFamily>(problem, task.engine);
    goals_ = goal_demonstrations(problem, task.demonstrations);
    family_->check_reachable(goals_);
    const auto width = static_cast<std::size_t>(features.width);
    for (std::size_t i = 0; i < features.values.size(); i += width) {
      double sum = 0;
      for (std::size_t c = 0; c < width; ++c) sum += start.start[c] * features.values[i + c];
      features.offset.push_back(sum);
    }
    learner_ = std::make_unique<DeepMaxEnt>(store_, problem, *family_, goals_, features, options);
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
      behave(task_, true, Expectation::causal, found);
    }
    found.status = "iteration limit";
    return found;
  }

 private:
  const Task task_;
  std::unique_ptr<Device> device_;
  Store store_;
  std::unique_ptr<MaxEntModel> model_;
  std::unique_ptr<GoalFamily> family_;
  GoalDemonstrations goals_;
  std::unique_ptr<DeepMaxEnt> learner_;
  std::vector<double> none_;
};

}  // namespace

std::unique_ptr<Learner> make_deep_mlp(const Task& task, const LearnerOptions& options) {
  return std::make_unique<DeepLearner>(task, options, RewardNetworkOptions::Kind::mlp);
}

std::unique_ptr<Learner> make_deep_conv(const Task& task, const LearnerOptions& options) {
  if (task.problem.shape.size() != 2)
    fail(ErrorKind::bad_input, "deep_maxent_conv: the problem has no grid (shape)");
  return std::make_unique<DeepLearner>(task, options, RewardNetworkOptions::Kind::convolutional);
}

}  // namespace understudy::cli
