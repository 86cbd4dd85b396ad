// DQN and SAC on an environment's own reward; SQIL, DQfD, IQ-Learn and DAC on demonstrations.

#include "algorithms/off_policy/q_learning.h"
#include "algorithms/off_policy/soft_actor_critic.h"
#include "algorithms/policies/evaluation.h"
#include "algorithms/training/latest_return.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

class OffPolicyTrainer final : public Trainer {
 public:
  OffPolicyTrainer(const TrainingInputs& inputs, std::unique_ptr<Policy> policy,
                   std::unique_ptr<OffPolicyLearner> learner, const ImitationTerms& terms)
      : environment_(*inputs.environment),
        seed_(inputs.seed),
        policy_(std::move(policy)),
        learner_(std::move(learner)),
        terms_(terms) {}
  Policy& policy() override { return *policy_; }
  Metrics step() override {
    const OffPolicyMetrics latest = learner_->step();
    return_.see(latest.episodes);
    return return_.before(latest.named());
  }
  // Solved, of those that learn from its reward alone, when the mean of what ended passes the mark
  // and 50 episodes by the modes do too.
  bool finished() override {
    return !terms_.imitates() && return_.value() >= environment_.solved &&
           evaluate_policy(*policy_, environment_, {.seed = seed_ + 1}).mean >= environment_.solved;
  }
  std::vector<std::pair<std::string, std::string>> decisions() const override {
    const EpisodeEnds* expert = learner_->expert_ends();
    if (expert == nullptr) return {};
    return {{"the expert's episodes", std::to_string(expert->terminated) + " of " +
                                          std::to_string(expert->episodes) + " terminated, " +
                                          expert->evidence}};
  }
  std::int64_t interactions() const override { return learner_->interactions(); }
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
  std::unique_ptr<OffPolicyLearner> learner_;
  ImitationTerms terms_;
  LatestReturn return_;
};

// Whether actions are discrete; where neither environment nor demonstrations say so (settings are
// only listed), as the algorithm has them.
bool of_choices(const TrainingInputs& inputs, const std::string& name) {
  if (inputs.environment != nullptr) return inputs.environment->action_count > 0;
  if (inputs.demonstrations != nullptr) return inputs.demonstrations->actions.discrete;
  return name != "sac";
}

// By the kind of action: Q-learning, or soft actor-critic.
class OffPolicySetup final : public TrainingSetup {
 public:
  OffPolicySetup(const TrainingInputs& inputs, OffPolicyAlgorithm algorithm, const char* name)
      : inputs_(inputs),
        name_(name),
        policy_(PolicySetup::without_demonstrations(inputs_)),
        discrete_(of_choices(inputs, name)) {
    if (algorithm == OffPolicyAlgorithm::reinforcement) {
      q_ = QLearningOptions::dqn();
      sac_ = SoftActorCriticOptions::sac();
    } else {
      q_ = QLearningOptions::imitating(algorithm);
      sac_ = SoftActorCriticOptions::imitating(algorithm);
    }
    OptionList(q_).seed(inputs.seed);
    OptionList(sac_).seed(inputs.seed);
    const bool small = discrete_ || algorithm != OffPolicyAlgorithm::reinforcement;
    const std::int64_t units = small ? 64 : 256;
    policy_.begin_as({units, units}, Activation::relu,
                     discrete_ ? "categorical" : SquashedGaussianOptions::head);
  }
  void list(OptionList& list) override {
    policy_.list(list);
    if (discrete_)
      list_options(list, q_);
    else
      list_options(list, sac_);
  }
  std::unique_ptr<Trainer> make() override {
    const ImitationTerms& terms = discrete_ ? q_.terms : sac_.terms;
    if (terms.algorithm == OffPolicyAlgorithm::dqfd && !discrete_)
      fail(ErrorKind::bad_input, "dqfd: expected discrete actions, found %s in %s",
           policy_.chosen().action.text().c_str(), inputs_.environment->name);
    if (std::string(name_) == (discrete_ ? "sac" : "dqn"))
      fail(ErrorKind::bad_input, "%s: expected %s, found %s in %s (take %s)", name_,
           discrete_ ? "actions that are numbers" : "discrete actions",
           policy_.chosen().action.text().c_str(), inputs_.environment->name,
           discrete_ ? "dqn" : "sac");
    auto policy = std::make_unique<Policy>(*inputs_.device, policy_.description(), inputs_.seed);
    fit_actions_to_bounds(*policy);
    const OffPolicyData data{inputs_.demonstrations, inputs_.demonstrations_name};
    std::unique_ptr<OffPolicyLearner> learner;
    if (discrete_)
      learner = std::make_unique<QLearning>(*policy, *inputs_.environment, q_, data);
    else
      learner = std::make_unique<SoftActorCritic>(*policy, *inputs_.environment, sac_, data);
    return std::make_unique<OffPolicyTrainer>(inputs_, std::move(policy), std::move(learner),
                                              terms);
  }

 private:
  const TrainingInputs inputs_;
  const char* name_;
  PolicySetup policy_;
  bool discrete_;
  QLearningOptions q_;
  SoftActorCriticOptions sac_;
};

constexpr AlgorithmNeeds its_own_reward = {.environment = true, .reward = true};
constexpr AlgorithmNeeds demonstrated = {.environment = true, .demonstrations = true};

}  // namespace

const AlgorithmRow dqn_row = {
    .name = "dqn",
    .summary = "deep Q-learning on the true reward, double and with a replay buffer",
    .observations = "numbers",
    .actions = "discrete",
    .source = "Mnih et al. 2015; van Hasselt et al. 2016",
    .header = "algorithms/off_policy/q_learning.h",
    .needs = its_own_reward,
    .iterations = 100,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<OffPolicySetup>(inputs, OffPolicyAlgorithm::reinforcement, "dqn");
    }};

const AlgorithmRow sac_row = {
    .name = "sac",
    .summary = "soft actor-critic on the true reward, with a learned temperature",
    .observations = "numbers",
    .actions = "numbers",
    .source = "Haarnoja et al. 2018",
    .header = "algorithms/off_policy/soft_actor_critic.h",
    .needs = its_own_reward,
    .iterations = 100,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<OffPolicySetup>(inputs, OffPolicyAlgorithm::reinforcement, "sac");
    }};

const AlgorithmRow sqil_row = {
    .name = "sqil",
    .summary = "soft Q-learning, rewarded by 1 for demonstrations and by 0 for its own steps",
    .observations = "numbers",
    .actions = "discrete, numbers",
    .source = "Reddy et al. 2020",
    .header = "algorithms/off_policy/imitation_terms.h",
    .needs = demonstrated,
    .iterations = 50,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<OffPolicySetup>(inputs, OffPolicyAlgorithm::sqil, "sqil");
    }};

const AlgorithmRow dqfd_row = {
    .name = "dqfd",
    .summary = "deep Q-learning on the true reward, from demonstrations first, with a margin",
    .observations = "numbers",
    .actions = "discrete",
    .source = "Hester et al. 2018",
    .header = "algorithms/off_policy/q_learning.h",
    .needs = demonstrated,
    .iterations = 50,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<OffPolicySetup>(inputs, OffPolicyAlgorithm::dqfd, "dqfd");
    }};

const AlgorithmRow iq_learn_row = {
    .name = "iq_learn",
    .summary = "inverse soft Q-learning: a Q function whose own reward tells the expert apart",
    .observations = "numbers",
    .actions = "discrete, numbers",
    .source = "Garg et al. 2021",
    .header = "algorithms/off_policy/imitation_terms.h",
    .needs = demonstrated,
    .iterations = 50,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<OffPolicySetup>(inputs, OffPolicyAlgorithm::iq_learn, "iq_learn");
    }};

const AlgorithmRow dac_row = {
    .name = "dac",
    .summary = "discriminator-actor-critic: an adversarial reward, learned from off the policy",
    .observations = "numbers",
    .actions = "discrete, numbers",
    .source = "Kostrikov et al. 2019",
    .header = "algorithms/off_policy/imitation_terms.h",
    .needs = demonstrated,
    .iterations = 50,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<OffPolicySetup>(inputs, OffPolicyAlgorithm::dac, "dac");
    }};

}  // namespace understudy
