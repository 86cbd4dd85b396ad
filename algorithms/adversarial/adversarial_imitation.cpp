#include "algorithms/adversarial/adversarial_imitation.h"

#include "algorithms/adversarial/trajectory_reward.h"
#include "autograd/files/checkpoint.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr OptionChoice algorithms[] = {
    choice(AdversarialAlgorithm::gail, "gail"), choice(AdversarialAlgorithm::fem, "fem"),
    choice(AdversarialAlgorithm::gtal, "gtal"), choice(AdversarialAlgorithm::airl, "airl"),
    choice(AdversarialAlgorithm::gan_gcl, "gan_gcl")};

}  // namespace

const char* name_of(AdversarialAlgorithm algorithm) { return choice_name(algorithms, algorithm); }
AdversarialAlgorithm adversarial_algorithm_named(const std::string& name) {
  return static_cast<AdversarialAlgorithm>(choice_named(algorithms, name, "algorithm"));
}

void list_options(OptionList& list, AdversarialOptions& o) {
  const bool learned = o.algorithm == AdversarialAlgorithm::gail;
  const bool trajectories = o.algorithm == AdversarialAlgorithm::gan_gcl;
  const bool dense = o.algorithm == AdversarialAlgorithm::airl || trajectories;
  list.fields(
      o, fixed("algorithm", o.algorithm, "the one that is trained"),
      option("input", o.input, reward_inputs(), "what the reward is a function of",
             {.source = "Torabi et al. 2018"}),
      group_if(learned, "discriminator", o.discriminator, "only gail has it"),
      group_if(dense, "discriminator", o.airl, "only airl and gan_gcl have it"),
      option("absorbing_states", o.absorbing_states,
             "a learned reward beyond terminated episodes, for expert and learner; false: the "
             "reward's sign or form decides whether to end pays",
             {.source = "Kostrikov et al. 2019, section 4.2"}),
      option("expert_ends", o.expert_ends, ends_evidences(),
             "what says that an expert's episode terminated: `terminal`, or its length; automatic: "
             "`terminal` where it tells episodes apart, else the length"),
      option("reward_sign", o.sign, reward_signs(),
             "of the rewards; automatic: either with absorbing states, without as the expert's "
             "episodes end",
             {.source = "Ho & Ermon 2016's code; Kostrikov et al. 2019, section 4.1"}),
      option("reward_first", o.reward_first,
             "the reward is fitted before the policy's step; false: after it, as the paper's code"),
      group("", o.trpo));
  if (learned || dense) list.leave_out("reward_sign");
  if (!trajectories) return;
  // Whole episodes are compared, of which nothing is missing beyond the end.
  for (const char* of_transitions :
       {"absorbing_states", "expert_ends", "discriminator.shaping_hidden",
        "discriminator.batch_size", "discriminator.past"})
    list.leave_out(of_transitions);
}

namespace {

void add_adversary(const AdversaryMetrics& adversary,
                   std::vector<std::pair<std::string, double>>& result) {
  result.emplace_back("adversary/loss", adversary.loss);
  result.emplace_back("adversary/reward", adversary.mean_reward);
  // 1: never negative; -1: never positive; 0: either.
  result.emplace_back("adversary/reward_sign", adversary.sign == RewardSign::never_negative   ? 1
                                               : adversary.sign == RewardSign::never_positive ? -1
                                                                                              : 0);
  result.emplace_back("adversary/expert_accuracy", adversary.expert_accuracy);
  result.emplace_back("adversary/learner_accuracy", adversary.learner_accuracy);
  result.emplace_back("adversary/calibration_error", adversary.calibration_error);
  result.emplace_back("adversary/entropy", adversary.entropy);
  result.emplace_back("adversary/absorbing_reward", adversary.absorbing_reward);
  result.emplace_back("adversary/expert_absorbing_share", adversary.expert_absorbing_share);
  result.emplace_back("adversary/learner_absorbing_share", adversary.learner_absorbing_share);
}

}  // namespace

std::vector<std::pair<std::string, double>> AdversarialMetrics::named() const {
  std::vector<std::pair<std::string, double>> result = learning.named();
  add_adversary(adversary, result);
  return result;
}

std::vector<std::pair<std::string, double>> AdversarialMetrics::traced() const {
  std::vector<std::pair<std::string, double>> result = learning.traced();
  add_adversary(adversary, result);
  return result;
}

AdversarialImitation::AdversarialImitation(std::unique_ptr<Learner> learner,
                                           std::unique_ptr<LearnedReward> reward, bool reward_first,
                                           EpisodeEnds expert)
    : learner_(std::move(learner)),
      reward_(std::move(reward)),
      reward_first_(reward_first),
      expert_ends_(std::move(expert)),
      replacement_(learner_->policy().device()) {
  Rollouts& rollouts = learner_->rollouts();
  batch_ = rollouts.batch();
  if (reward_->reads_next()) {
    next_ = std::make_unique<NextObservations>(rollouts);
    batch_.next_observation = next_->values();
  }
  replacement_.assign(rollouts.reward(), identity(replacement_.use(reward_->values())));
  replacement_.plan();
}

void AdversarialImitation::replace_rewards() {
  reward_->evaluate();
  replacement_.run();
}

AdversarialMetrics AdversarialImitation::step() {
  AdversarialMetrics metrics;
  learner_->collect();  // (1)
  if (next_) next_->run();
  reward_->observe(batch_);
  if (reward_first_) reward_->fit();      // (2)
  replace_rewards();                      // (3)
  metrics.learning = learner_->update();  // (4)
  if (!reward_first_) reward_->fit();
  metrics.adversary = reward_->metrics();
  return metrics;
}

std::vector<const Store*> AdversarialImitation::stores() {
  return {&policy().store(), &learner_->store(), &reward_->store()};
}

void AdversarialImitation::save(const std::string& path,
                                const std::map<std::string, std::string>& metadata) {
  learner_->save_state();
  write_checkpoint(path, stores(), metadata);
}

std::map<std::string, std::string> AdversarialImitation::load(const std::string& path) {
  auto metadata = read_checkpoint(path, {&policy().store(), &learner_->store(), &reward_->store()});
  learner_->load_state();
  return metadata;
}

PolicyDescription imitation_policy(const EnvironmentDescription& environment) {
  PolicyDescription description = describe_policy(environment);
  description.trunk.hidden = {100, 100};
  description.initialization = InitializationKind::column_normalized;
  description.last_scale = 0.01;
  description.normalize_observations = true;
  return description;
}

AdversarialOptions imitation_options(AdversarialAlgorithm algorithm, const RolloutOptions& rollouts,
                                     std::int64_t fisher_stride, std::uint64_t seed) {
  AdversarialOptions options;
  options.algorithm = algorithm;
  options.absorbing_states = false;
  options.discriminator.seed = options.airl.seed = seed;
  if (algorithm == AdversarialAlgorithm::airl || algorithm == AdversarialAlgorithm::gan_gcl)
    options.input = RewardInput::state;
  LearnerOptions& learner = options.trpo.learner;
  learner.rollouts = rollouts;
  learner.rollouts.seed = learner.baseline.seed = seed;
  options.trpo.trust_region.fisher_stride = fisher_stride;
  learner.baseline.trust_region.fisher_stride = fisher_stride;
  return options;
}

namespace {

std::unique_ptr<LearnedReward> make_reward(const Policy& policy,
                                           const EnvironmentDescription& environment,
                                           const Demonstrations& demonstrations,
                                           const AdversarialOptions& options,
                                           const EpisodeEnds& ends, std::string_view name) {
  const PolicyDescription& description = policy.description();
  const LearnerOptions& learner = options.trpo.learner;
  const TransitionSpaces spaces{{description.observation, description.action}, options.input};
  const std::int64_t count = learner.rollouts.steps_per_iteration;
  std::optional<AbsorbingStates> absorbing;
  if (options.absorbing_states) absorbing = {ends, learner.discount};
  switch (options.algorithm) {
    case AdversarialAlgorithm::gail: {
      Discriminator::Options discriminator = options.discriminator;
      if (!absorbing && discriminator.form == RewardForm::automatic)
        discriminator.form = form_with(sign_for(ends));
      return std::make_unique<Discriminator>(policy.device(), spaces, demonstrations, count,
                                             discriminator, name, Real::f32, absorbing);
    }
    case AdversarialAlgorithm::airl:
      return std::make_unique<AirlReward>(policy, options.input,
                                          with_next_observations(demonstrations, ends), ends, count,
                                          learner.discount, options.airl, name, absorbing);
    case AdversarialAlgorithm::gan_gcl:
      return std::make_unique<TrajectoryReward>(policy, options.input, demonstrations,
                                                learner.rollouts, environment.horizon, options.airl,
                                                name);
    default: break;
  }
  LinearReward::Options linear = {.costs = options.algorithm == AdversarialAlgorithm::fem
                                               ? LinearCosts::ball
                                               : LinearCosts::simplex,
                                  .sign = options.sign};
  if (!absorbing && linear.sign == RewardSign::automatic) linear.sign = sign_for(ends);
  return std::make_unique<LinearReward>(policy.device(), spaces, demonstrations, count, linear,
                                        name, Real::f32, absorbing);
}

}  // namespace

std::unique_ptr<AdversarialImitation> make_imitation(Policy& policy,
                                                     const EnvironmentDescription& environment,
                                                     const Demonstrations& demonstrations,
                                                     const AdversarialOptions& options,
                                                     std::string_view name) {
  const EpisodeEnds ends = episode_ends(demonstrations, environment.horizon, options.expert_ends);
  return std::make_unique<AdversarialImitation>(
      std::make_unique<Trpo>(policy, environment, options.trpo),
      make_reward(policy, environment, demonstrations, options, ends, name), options.reward_first,
      ends);
}

}  // namespace understudy
