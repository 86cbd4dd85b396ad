// Guided cost learning: a policy by TRPO under a cost whose partition function is estimated from
// samples.

#include "algorithms/adversarial/guided_cost_learning.h"
#include "algorithms/training/latest_return.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"

namespace understudy {

namespace {

class GclTrainer final : public Trainer {
 public:
  GclTrainer(std::unique_ptr<Policy> policy, std::unique_ptr<GuidedCostLearning> learning)
      : policy_(std::move(policy)), learning_(std::move(learning)) {}
  Policy& policy() override { return *policy_; }
  Metrics step() override {
    latest_ = learning_->step();
    return_.see(latest_.learning.episodes);
    return return_.before(latest_.named());
  }
  Metrics trace() const override { return return_.before(latest_.traced()); }
  const char* warning() const override { return latest_.cost.warning; }
  std::int64_t interactions() const override {
    return learning_->learner().rollouts().interactions();
  }
  void save(const std::string& folder, std::int64_t iteration) override {
    learning_->learner().save_state();
    const std::vector<Store*> stores = learning_->stores();
    write(folder, iteration, {stores.begin(), stores.end()}, return_.metadata());
  }
  void resume(const std::string& folder, std::int64_t /*iteration*/) override {
    return_.take(read(folder, learning_->stores()));
    learning_->learner().load_state();
  }

 private:
  std::unique_ptr<Policy> policy_;
  std::unique_ptr<GuidedCostLearning> learning_;
  GuidedCostLearningMetrics latest_;
  LatestReturn return_;
};

constexpr double exploring_std = 2;  // of the demonstrated actions' deviation, as `train gail`

class GclSetup final : public TrainingSetup {
 public:
  explicit GclSetup(const TrainingInputs& inputs) : inputs_(inputs), policy_(inputs_) {
    policy_.set_in_head("initial_std", exploring_std);
    OptionList(options_).seed(inputs.seed);
  }
  void list(OptionList& list) override {
    policy_.list(list);
    list_options(list, options_);
  }
  std::unique_ptr<Trainer> make() override {
    auto policy = std::make_unique<Policy>(*inputs_.device, policy_.description(), inputs_.seed);
    freeze_normalizer(*policy, transitions(*inputs_.demonstrations));
    auto learning =
        std::make_unique<GuidedCostLearning>(*policy, *inputs_.environment, *inputs_.demonstrations,
                                             options_, inputs_.demonstrations_name);
    return std::make_unique<GclTrainer>(std::move(policy), std::move(learning));
  }

 private:
  const TrainingInputs inputs_;
  PolicySetup policy_;
  GuidedCostLearningOptions options_;
};

}  // namespace

const AlgorithmRow gcl_row = {
    .name = "gcl",
    .summary = "guided cost learning: a cost by maximum entropy, from importance-weighted samples",
    .observations = "numbers",
    .actions = "any",
    .source = "Finn, Levine & Abbeel 2016",
    .header = "algorithms/adversarial/guided_cost_learning.h",
    .needs = {.environment = true, .demonstrations = true},
    .iterations = 100,
    .metric = "latest_return",
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<GclSetup>(inputs);
    }};

}  // namespace understudy
