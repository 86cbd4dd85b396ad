// GAIL, FEM, GTAL, AIRL and GAN-GCL: a policy by TRPO on a reward that is learned beside it.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/adversarial/frozen_reward.h"
#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/training/latest_return.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"

namespace understudy {

namespace {

// Whether the learner's episodes last as long as the expert's, or are getting there.
class LengthWatch {
 public:
  void see(const EpisodeStatistics& learner, const EpisodeEnds& expert) {
    warning_.clear();
    ++iterations_;
    if (learner.episodes == 0) return;
    const double apart = std::abs(std::log(learner.length_mean / expert.mean_length()));
    seen_.push_back(apart);
    const std::size_t count = seen_.size();
    if (iterations_ < patience || count <= interval || apart < std::log(parted)) return;
    if (apart < seen_[count - 1 - interval]) return;
    char text[200];
    std::snprintf(text, sizeof text,
                  "the learner's episodes last %.0f steps, the expert's %.0f, and they are not "
                  "getting nearer: see expert_ends, absorbing_states and reward",
                  learner.length_mean, expert.mean_length());
    warning_ = text;
  }
  const char* warning() const { return warning_.empty() ? nullptr : warning_.c_str(); }

 private:
  static constexpr std::int64_t patience = 30;  // iterations
  static constexpr std::size_t interval = 10;   // between what is compared, iterations
  static constexpr double parted = 2;           // the ratio from which lengths are different
  std::int64_t iterations_ = 0;
  std::vector<double> seen_;
  std::string warning_;
};

class AdversarialTrainer final : public Trainer {
 public:
  AdversarialTrainer(std::unique_ptr<Policy> policy,
                     std::unique_ptr<AdversarialImitation> imitation)
      : policy_(std::move(policy)), imitation_(std::move(imitation)) {}
  Policy& policy() override { return *policy_; }
  Metrics step() override {
    latest_ = imitation_->step();
    return_.see(latest_.learning.episodes);
    lengths_.see(latest_.learning.episodes, imitation_->expert_ends());
    return return_.before(latest_.named());
  }
  Metrics trace() const override { return return_.before(latest_.traced()); }
  const char* warning() const override {
    return lengths_.warning() != nullptr ? lengths_.warning() : latest_.adversary.warning;
  }
  std::vector<std::pair<std::string, std::string>> decisions() const override {
    const EpisodeEnds& expert = imitation_->expert_ends();
    std::string ends = std::to_string(expert.terminated) + " of " +
                       std::to_string(expert.episodes) + " terminated, " + expert.evidence;
    return {{"the expert's episodes", std::move(ends)}, {"reward", reward_in_words()}};
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
  std::unique_ptr<FrozenReward> learned_reward() const override {
    return imitation_->reward().frozen();
  }

 private:
  std::string reward_in_words() const {
    std::string words = imitation_->reward().has_absorbing()
                            ? "learned beyond the ends of episodes too (absorbing states)"
                            : "none beyond the ends of episodes";
    switch (imitation_->reward().sign()) {
      case RewardSign::never_positive: return words + ", never positive";
      case RewardSign::never_negative: return words + ", never negative";
      default: return words;
    }
  }

  std::unique_ptr<Policy> policy_;
  std::unique_ptr<AdversarialImitation> imitation_;
  AdversarialMetrics latest_;
  LatestReturn return_;
  LengthWatch lengths_;
};

// The authors' discriminator takes one step of 0.01 an iteration, under which the reward swings
// faster than the policy can follow. Draws of a density beside an expert's own actions are soon
// told apart: there one step is enough. Chosen on seeds 0 to 9 of MountainCar and Pendulum, four
// demonstrations each (`reproduce imitation-defaults`).
constexpr double discriminator_rate = 0.003;
constexpr std::int64_t discrete_steps = 3, continuous_steps = 1;
// Of the demonstrated actions' deviation: a learner that has to find its way needs to try more than
// an expert does.
constexpr double exploring_std = 2;

class AdversarialSetup final : public TrainingSetup {
 public:
  AdversarialSetup(const TrainingInputs& inputs, AdversarialAlgorithm algorithm)
      : inputs_(inputs),
        policy_(inputs_),
        options_(imitation_options(algorithm, {}, training_fisher_stride, inputs.seed)) {
    options_.absorbing_states = true;
    options_.discriminator.learning_rate = discriminator_rate;
    const bool discrete = policy_.chosen().action.kind == ActionKind::discrete;
    options_.discriminator.steps = discrete ? discrete_steps : continuous_steps;
    policy_.set_in_head("initial_std", exploring_std);
  }
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

const AlgorithmRow airl_row = {
    .name = "airl",
    .summary = "adversarial inverse reinforcement learning: a reward apart from its shaping",
    .observations = "numbers",
    .actions = "any",
    .source = "Fu et al. 2018",
    .header = "algorithms/adversarial/airl_reward.h",
    .needs = both,
    .iterations = 100,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = set_up<AdversarialAlgorithm::airl>};

const AlgorithmRow gan_gcl_row = {
    .name = "gan_gcl",
    .summary = "guided cost learning by a discriminator of whole trajectories",
    .observations = "numbers",
    .actions = "any",
    .source = "Finn et al. 2016b; Fu et al. 2018",
    .header = "algorithms/adversarial/trajectory_reward.h",
    .needs = both,
    .iterations = 100,
    .metric = "latest_return",
    .metric_may_wait = true,
    .setup = set_up<AdversarialAlgorithm::gan_gcl>};

}  // namespace understudy
