// GAIL, FEM and GTAL: a policy by TRPO on a reward that is learned beside it.

#include <algorithm>

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/training/latest_return.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"

namespace understudy {

namespace {

class AdversarialTrainer final : public Trainer {
 public:
  AdversarialTrainer(std::unique_ptr<Policy> policy,
                     std::unique_ptr<AdversarialImitation> imitation)
      : policy_(std::move(policy)), imitation_(std::move(imitation)) {}
  Policy& policy() override { return *policy_; }
  Metrics step() override {
    latest_ = imitation_->step();
    return_.see(latest_.learning.episodes);
    return return_.before(latest_.named());
  }
  Metrics trace() const override { return return_.before(latest_.traced()); }
  const char* warning() const override { return latest_.adversary.warning; }
  std::vector<std::pair<std::string, std::string>> decisions() const override {
    switch (imitation_->reward().sign()) {
      case RewardSign::never_positive:
        return {{"reward", "never positive: most of the expert's episodes terminate"}};
      case RewardSign::never_negative:
        return {{"reward", "never negative: few of the expert's episodes terminate"}};
      case RewardSign::either: break;
    }
    return {{"reward", "either"}};
  }
  std::int64_t interactions() const override {
    return imitation_->learner().rollouts().interactions();
  }
  void save(const std::string& folder, std::int64_t iteration) override {
    imitation_->learner().save_state();
    write(folder, iteration, imitation_->stores(), return_.metadata());
  }
  void resume(const std::string& folder, std::int64_t /*iteration*/) override {
    return_.take(imitation_->load(checkpoint_in(folder)));
  }

 private:
  std::unique_ptr<Policy> policy_;
  std::unique_ptr<AdversarialImitation> imitation_;
  AdversarialMetrics latest_;
  LatestReturn return_;
};

class AdversarialSetup final : public TrainingSetup {
 public:
  AdversarialSetup(const TrainingInputs& inputs, AdversarialAlgorithm algorithm)
      : inputs_(inputs),
        policy_(inputs_),
        options_(imitation_options(algorithm, {}, training_fisher_stride, inputs.seed)) {}
  void list(OptionList& list) override {
    policy_.list(list);
    list_options(list, options_);
    list.add(option("warm_start", warm_start_,
                    "steps of behavioral cloning before the first iteration",
                    {.least = 0, .source = "Ho & Ermon 2016, section 7"}));
  }
  std::unique_ptr<Trainer> make() override {
    auto policy = std::make_unique<Policy>(*inputs_.device, policy_.description(), inputs_.seed);
    freeze_normalizer(*policy, transitions(*inputs_.demonstrations));
    // A run that goes on does this too, and then reads its checkpoint.
    if (warm_start_ > 0) {
      const Transitions pairs = transitions(*inputs_.demonstrations);
      BehaviorCloning cloning(
          *policy, pairs,
          {.batch_size = std::min<std::int64_t>(128, pairs.rows()), .seed = inputs_.seed});
      cloning.train(warm_start_);
    }
    auto imitation = make_imitation(*policy, *inputs_.environment, *inputs_.demonstrations,
                                    options_, inputs_.demonstrations_name);
    return std::make_unique<AdversarialTrainer>(std::move(policy), std::move(imitation));
  }

 private:
  const TrainingInputs inputs_;
  PolicySetup policy_;
  AdversarialOptions options_;
  std::int64_t warm_start_ = 0;
};

template <AdversarialAlgorithm algorithm>
std::unique_ptr<TrainingSetup> set_up(const TrainingInputs& inputs) {
  return std::make_unique<AdversarialSetup>(inputs, algorithm);
}

constexpr AlgorithmNeeds both = {.environment = true, .demonstrations = true};

}  // namespace

const AlgorithmRow gail_row = {.name = "gail",
                               .summary = "generative adversarial imitation, by a trust region",
                               .observations = "numbers",
                               .actions = "any",
                               .source = "Ho & Ermon 2016",
                               .header = "algorithms/adversarial/adversarial_imitation.h",
                               .needs = both,
                               .iterations = 100,
                               .metric = "latest_return",
                               .metric_may_wait = true,
                               .setup = set_up<AdversarialAlgorithm::gail>};

const AlgorithmRow fem_row = {.name = "fem",
                              .summary = "feature expectation matching, by a trust region",
                              .observations = "numbers",
                              .actions = "any",
                              .source = "Ho, Gupta & Ermon 2016",
                              .header = "algorithms/adversarial/linear_reward.h",
                              .needs = both,
                              .iterations = 100,
                              .metric = "latest_return",
                              .metric_may_wait = true,
                              .setup = set_up<AdversarialAlgorithm::fem>};

const AlgorithmRow gtal_row = {
    .name = "gtal",
    .summary = "game-theoretic apprenticeship learning, by a trust region",
    .observations = "numbers",
    .actions = "any",
    .source = "Ho, Gupta & Ermon 2016; Syed & Schapire 2007",
    .header = "algorithms/adversarial/linear_reward.h",
    .needs = both,
    .iterations = 100,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = set_up<AdversarialAlgorithm::gtal>};

}  // namespace understudy
