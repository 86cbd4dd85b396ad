// TRPO and its relatives, and adversarial imitation, as trainers.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/reinforcement/policy_gradient.h"
#include "algorithms/reinforcement/trpo.h"
#include "autograd/files/checkpoint.h"
#include "cli/training/player.h"
#include "cli/training/trainer.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

void take_learner(Settings& settings, std::uint64_t seed, LearnerOptions& options) {
  settings.take("num_envs", options.rollouts.num_envs);
  settings.take("steps_per_iteration", options.rollouts.steps_per_iteration);
  settings.take("discount", options.discount);
  settings.take("gae_lambda", options.gae_lambda);
  settings.take("entropy_coefficient", options.entropy_coefficient);
  settings.take("baseline.hidden", options.baseline.hidden);
  std::string kind = name_of(options.baseline.kind);
  settings.take("baseline", kind);
  options.baseline.kind = baseline_kind_named(kind);
  if (options.rollouts.num_envs < 1 ||
      options.rollouts.steps_per_iteration % options.rollouts.num_envs != 0)
    fail(ErrorKind::bad_input,
         "steps_per_iteration: expected a multiple of num_envs, %lld, found %lld",
         static_cast<long long>(options.rollouts.num_envs),
         static_cast<long long>(options.rollouts.steps_per_iteration));
  options.rollouts.seed = options.baseline.seed = seed;
}

// Products over every fifth pair unless a setting says otherwise: the most of a step's cost, and a
// part of the pairs serves them.
constexpr Index usual_stride = 5;

void take_trpo(Settings& settings, std::uint64_t seed, TrpoOptions& options) {
  take_learner(settings, seed, options.learner);
  settings.take("max_kl", options.trust_region.max_kl);
  settings.take("cg_damping", options.trust_region.cg_damping);
  settings.take("cg_iterations", options.trust_region.cg_iterations);
  settings.take("fisher_stride", options.trust_region.fisher_stride);
  const Index stride = options.trust_region.fisher_stride;
  if (stride < 1 || options.learner.rollouts.steps_per_iteration % stride != 0)
    fail(ErrorKind::bad_input,
         "fisher_stride: expected a divisor of steps_per_iteration, found %lld",
         static_cast<long long>(stride));
  options.learner.baseline.trust_region.fisher_stride = stride;
}

// What a row has: not the iteration, which the row has already; and first the mean return of the
// latest episodes that ended (NaN before any did), whenever that was.
Metrics row_of(const std::vector<std::pair<std::string, double>>& named, double latest_return) {
  Metrics metrics = {{"latest_return", latest_return}};
  for (const auto& [name, value] : named)
    if (name != "iteration") metrics.emplace_back(name, value);
  return metrics;
}

// The latest return goes on with a run: iterations in which no episode ended have it from before.
std::map<std::string, std::string> kept(double latest_return) {
  return {{"latest_return", formatted("%a", latest_return)}};
}
double latest_return(const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find("latest_return");
  return found == metadata.end() ? std::nan("") : std::strtod(found->second.c_str(), nullptr);
}

class ReinforcementTrainer final : public Trainer {
 public:
  ReinforcementTrainer(const Training& training, const std::string& algorithm)
      : environment_(*training.environment),
        device_(*training.device),
        seed_(training.seed),
        policy_(device_, take_policy(training), training.seed) {
    Settings& settings = *training.settings;
    if (algorithm == "trpo") {
      TrpoOptions options;
      options.trust_region.fisher_stride = usual_stride;
      take_trpo(settings, training.seed, options);
      learner_ = std::make_unique<Trpo>(policy_, environment_, options);
      return;
    }
    PolicyGradientOptions options = algorithm == "ppo"   ? PolicyGradientOptions::ppo()
                                    : algorithm == "a2c" ? PolicyGradientOptions::a2c()
                                                         : PolicyGradientOptions::reinforce();
    take_learner(settings, training.seed, options.learner);
    settings.take("learning_rate", options.learning_rate);
    settings.take("epochs", options.epochs);
    settings.take("batch_size", options.batch_size);
    settings.take("gradient_norm", options.gradient_norm);
    if (options.clipped) settings.take("clip", options.clip);
    learner_ = std::make_unique<PolicyGradient>(policy_, environment_, options);
  }
  Policy& policy() override { return policy_; }
  Index default_iterations() const override { return 200; }
  const char* metric() const override { return "latest_return"; }
  bool metric_may_wait() const override { return true; }
  Metrics step() override {
    latest_ = learner_->step();
    if (latest_.episodes.episodes > 0) return_ = latest_.episodes.return_mean;
    return row_of(latest_.named(), return_);
  }
  Metrics trace() const override { return row_of(latest_.traced(), return_); }
  // Solved when the mean of what ended passes the mark and 50 episodes by the modes do too.
  bool finished() override {
    if (!(return_ >= environment_.solved)) return false;
    const PlayOptions how = {.seed = seed_ + 1};
    const auto player = make_player(policy_, how);
    return score_of(play(device_, environment_, *player, how), environment_).mean >=
           environment_.solved;
  }
  Index interactions() const override { return learner_->rollouts().interactions(); }
  void save(RunFolder& run, Index iteration) override {
    learner_->save_state();
    run.save(iteration, {&policy_.store(), &learner_->store()}, kept(return_));
  }
  void resume(RunFolder& run) override {
    return_ =
        latest_return(read_checkpoint(run.checkpoint(), {&policy_.store(), &learner_->store()}));
    learner_->load_state();
  }

 private:
  const EnvironmentDescription& environment_;
  Device& device_;
  std::uint64_t seed_;
  Policy policy_;
  std::unique_ptr<Learner> learner_;
  LearningMetrics latest_;
  double return_ = std::nan("");
};

class AdversarialTrainer final : public Trainer {
 public:
  AdversarialTrainer(const Training& training, AdversarialAlgorithm algorithm)
      : policy_(*training.device, described(training, algorithm), training.seed) {
    Settings& settings = *training.settings;
    AdversarialOptions options = imitation_options(algorithm, {}, usual_stride, training.seed);
    take_trpo(settings, training.seed, options.trpo);
    if (algorithm == AdversarialAlgorithm::gail) {
      settings.take("discriminator.hidden", options.discriminator.hidden);
      settings.take("discriminator.learning_rate", options.discriminator.learning_rate);
      settings.take("discriminator.entropy_weight", options.discriminator.entropy_weight);
      settings.take("discriminator.steps", options.discriminator.steps);
      settings.take("discriminator.batch_size", options.discriminator.batch_size);
      std::string form = name_of(options.discriminator.form);
      settings.take("reward", form);
      options.discriminator.form = reward_form_named(form);
    }
    std::string input = name_of(options.input);
    settings.take("input", input);
    options.input = reward_input_named(input);
    Index warm_start = 0;
    settings.take("warm_start", warm_start);
    if (warm_start < 0)
      fail(ErrorKind::bad_input, "warm_start: expected a number of steps of cloning, found %lld",
           static_cast<long long>(warm_start));
    freeze_normalizer(policy_, transitions(*training.demonstrations));
    // A run that goes on does this too, and then reads its checkpoint.
    if (warm_start > 0) {
      const Transitions pairs = transitions(*training.demonstrations);
      BehaviorCloning cloning(
          policy_, pairs,
          {.batch_size = std::min<Index>(128, pairs.rows()), .seed = training.seed});
      cloning.train(warm_start);
    }
    imitation_ = make_imitation(policy_, *training.environment, *training.demonstrations, options,
                                training.demonstrations_name);
  }
  Policy& policy() override { return policy_; }
  Index default_iterations() const override { return 100; }
  const char* metric() const override { return "latest_return"; }
  bool metric_may_wait() const override { return true; }
  Metrics step() override {
    latest_ = imitation_->step();
    const EpisodeStatistics& episodes = latest_.learning.episodes;
    if (episodes.episodes > 0) return_ = episodes.return_mean;
    return row_of(latest_.named(), return_);
  }
  Metrics trace() const override { return row_of(latest_.traced(), return_); }
  const char* warning() const override { return latest_.adversary.warning; }
  Json decisions() const override {
    const RewardSign sign = imitation_->reward().sign();
    return {
        {"reward",
         std::string(name_of(sign)) +
             (sign == RewardSign::never_positive   ? ": to end an episode is what the expert wants"
              : sign == RewardSign::never_negative ? ": to go on is what the expert wants"
                                                   : "")}};
  }
  Index interactions() const override { return imitation_->learner().rollouts().interactions(); }
  void save(RunFolder& run, Index iteration) override {
    imitation_->learner().save_state();
    run.save(iteration, imitation_->stores(), kept(return_));
  }
  void resume(RunFolder& run) override {
    return_ = latest_return(imitation_->load(run.checkpoint()));
  }

 private:
  static PolicyDescription described(const Training& training, AdversarialAlgorithm algorithm) {
    if (training.environment == nullptr)
      fail(ErrorKind::bad_input, "%s: expected an environment (--env), found none",
           name_of(algorithm));
    if (training.demonstrations == nullptr)
      fail(ErrorKind::bad_input, "%s: expected demonstrations (--demos), found none",
           name_of(algorithm));
    return take_policy(training);
  }

  Policy policy_;
  std::unique_ptr<AdversarialImitation> imitation_;
  AdversarialMetrics latest_;
  double return_ = std::nan("");
};

}  // namespace

std::unique_ptr<Trainer> make_reinforcement(const Training& training,
                                            const std::string& algorithm) {
  return std::make_unique<ReinforcementTrainer>(training, algorithm);
}
std::unique_ptr<Trainer> make_gail(const Training& training) {
  return std::make_unique<AdversarialTrainer>(training, AdversarialAlgorithm::gail);
}
std::unique_ptr<Trainer> make_fem(const Training& training) {
  return std::make_unique<AdversarialTrainer>(training, AdversarialAlgorithm::fem);
}
std::unique_ptr<Trainer> make_gtal(const Training& training) {
  return std::make_unique<AdversarialTrainer>(training, AdversarialAlgorithm::gtal);
}

}  // namespace understudy::cli
