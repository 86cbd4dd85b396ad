// TRPO, PPO, A2C and REINFORCE on an environment's own reward, or on one that was learned.

#include <cmath>

#include "algorithms/adversarial/frozen_reward.h"
#include "algorithms/policies/evaluation.h"
#include "algorithms/reinforcement/policy_gradient.h"
#include "algorithms/reinforcement/trpo.h"
#include "algorithms/training/latest_return.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"

namespace understudy {

namespace {

class ReinforcementTrainer final : public Trainer {
 public:
  ReinforcementTrainer(const TrainingInputs& inputs, std::unique_ptr<Policy> policy,
                       std::unique_ptr<Learner> learner)
      : environment_(*inputs.environment),
        seed_(inputs.seed),
        policy_(std::move(policy)),
        learner_(std::move(learner)) {
    if (inputs.reward != nullptr)
      overwrite_ = std::make_unique<RewardOverwrite>(*learner_, *inputs.reward);
  }
  Policy& policy() override { return *policy_; }
  Metrics step() override {
    learner_->collect();
    if (overwrite_) overwrite_->run();
    latest_ = learner_->update();
    return_.see(latest_.episodes);
    return return_.before(latest_.named());
  }
  Metrics trace() const override { return return_.before(latest_.traced()); }
  // Solved when the mean of what ended passes the mark and 50 episodes by the modes do too. Who
  // learns from a learned reward does not look at the true one.
  bool finished() override {
    return !overwrite_ && return_.value() >= environment_.solved &&
           evaluate_policy(*policy_, environment_, {.seed = seed_ + 1}).mean >= environment_.solved;
  }
  std::int64_t interactions() const override { return learner_->rollouts().interactions(); }
  void save(const std::string& folder, std::int64_t iteration) override {
    learner_->save_state();
    write(folder, iteration, {&policy_->store(), &learner_->store()}, return_.metadata());
  }
  void resume(const std::string& folder, std::int64_t /*iteration*/) override {
    return_.take(read(folder, {&policy_->store(), &learner_->store()}));
    learner_->load_state();
  }

 private:
  const EnvironmentDescription& environment_;
  std::uint64_t seed_;
  std::unique_ptr<Policy> policy_;
  std::unique_ptr<Learner> learner_;
  std::unique_ptr<RewardOverwrite> overwrite_;
  LearningMetrics latest_;
  LatestReturn return_;
};

// `Options`: what `Method`, a Learner, is made from.
template <class Method, class Options>
class ReinforcementSetup final : public TrainingSetup {
 public:
  ReinforcementSetup(const TrainingInputs& inputs, const Options& options)
      : inputs_(inputs), policy_(PolicySetup::without_demonstrations(inputs_)), options_(options) {
    OptionList(options_).seed(inputs.seed);
  }
  void list(OptionList& list) override {
    policy_.list(list);
    list_options(list, options_);
  }
  std::unique_ptr<Trainer> make() override {
    auto policy = std::make_unique<Policy>(*inputs_.device, policy_.description(), inputs_.seed);
    fit_actions_to_bounds(*policy);
    auto learner = std::make_unique<Method>(*policy, *inputs_.environment, options_);
    return std::make_unique<ReinforcementTrainer>(inputs_, std::move(policy), std::move(learner));
  }

 private:
  const TrainingInputs inputs_;
  PolicySetup policy_;
  Options options_;
};

using GradientSetup = ReinforcementSetup<PolicyGradient, PolicyGradientOptions>;

constexpr AlgorithmNeeds its_reward = {.environment = true, .reward = true, .takes_reward = true};
constexpr const char *numbers = "numbers", *any = "any";

}  // namespace

const AlgorithmRow trpo_row = {
    .name = "trpo",
    .summary = "trust-region policy optimization on the true reward",
    .observations = numbers,
    .actions = any,
    .source = "Schulman et al. 2015",
    .header = "algorithms/reinforcement/trpo.h",
    .needs = its_reward,
    .iterations = 200,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      TrpoOptions options;
      options.trust_region.fisher_stride = training_fisher_stride;
      options.learner.baseline.trust_region.fisher_stride = training_fisher_stride;
      return std::make_unique<ReinforcementSetup<Trpo, TrpoOptions>>(inputs, options);
    }};

const AlgorithmRow ppo_row = {
    .name = "ppo",
    .summary = "proximal policy optimization on the true reward",
    .observations = numbers,
    .actions = any,
    .source = "Schulman et al. 2017",
    .header = "algorithms/reinforcement/policy_gradient.h",
    .needs = its_reward,
    .iterations = 200,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<GradientSetup>(inputs, PolicyGradientOptions::ppo());
    }};

const AlgorithmRow a2c_row = {
    .name = "a2c",
    .summary = "advantage actor-critic on the true reward",
    .observations = numbers,
    .actions = any,
    .source = "Mnih et al. 2016",
    .header = "algorithms/reinforcement/policy_gradient.h",
    .needs = its_reward,
    .iterations = 200,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<GradientSetup>(inputs, PolicyGradientOptions::a2c());
    }};

const AlgorithmRow reinforce_row = {
    .name = "reinforce",
    .summary = "the likelihood-ratio gradient on the true reward",
    .observations = numbers,
    .actions = any,
    .source = "Williams 1992",
    .header = "algorithms/reinforcement/policy_gradient.h",
    .needs = its_reward,
    .iterations = 200,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<GradientSetup>(inputs, PolicyGradientOptions::reinforce());
    }};

}  // namespace understudy
