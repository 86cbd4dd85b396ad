// Cloning and DAgger as trainers.

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "algorithms/cloning/dagger.h"
#include "algorithms/cloning/sequence_cloning.h"
#include "algorithms/data/demonstration_files.h"
#include "autograd/files/checkpoint.h"
#include "cli/pipe_expert.h"
#include "cli/player.h"
#include "cli/trainer.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

BehaviouralCloning::Options take_cloning(const Training& training) {
  BehaviouralCloning::Options options;
  Settings& settings = *training.settings;
  std::string loss = "likelihood";
  settings.take("loss", loss);
  if (loss != "likelihood" && loss != "squared_error")
    fail(ErrorKind::bad_input, "loss: expected likelihood or squared_error, found '%s'",
         loss.c_str());
  options.loss = loss == "likelihood" ? CloningLoss::likelihood : CloningLoss::squared_error;
  settings.take("batch", options.batch);
  settings.take("learning_rate", options.learning_rate);
  settings.take("weight_decay", options.weight_decay);
  settings.take("gradient_norm", options.gradient_norm);
  options.seed = training.seed;
  return options;
}

// An iteration is so many steps of Adam: a row of progress each would cost more than the step.
class CloningTrainer final : public Trainer {
 public:
  CloningTrainer(const Training& training, const PolicyDescription& description)
      : policy_(*training.device, description, training.seed) {
    BehaviouralCloning::Options options = take_cloning(training);
    options.validation_share = 0.1;
    options.patience = 0;
    training.settings->take("validation_share", options.validation_share);
    training.settings->take("patience", options.patience);
    training.settings->take("steps", steps_);
    const Pairs pairs = pairs_of(*training.demonstrations);
    const double held_out = std::ceil(options.validation_share * static_cast<double>(pairs.rows()));
    if (pairs.rows() < 10) options.validation_share = 0;
    const Index left = pairs.rows() - (pairs.rows() < 10 ? 0 : static_cast<Index>(held_out));
    options.batch = std::min(options.batch, std::max<Index>(1, left));
    standardise(policy_, pairs);
    cloning_ = std::make_unique<BehaviouralCloning>(policy_, pairs, options);
  }
  Policy& policy() override { return policy_; }
  Index default_iterations() const override { return 30; }
  const char* metric() const override { return "loss"; }
  Metrics step() override {
    const BehaviouralCloning::Metrics found = cloning_->steps(steps_);
    stopped_ = found.stopped;
    Metrics metrics = {{"loss", found.loss}, {"epoch", found.epoch}};
    metrics.emplace_back("validation", found.validation);
    metrics.emplace_back("best_validation", found.best_validation);
    return metrics;
  }
  bool finished() override { return stopped_; }
  void conclude() override { cloning_->keep_best(); }
  void save(RunFolder& run, Index iteration) override {
    run.save(iteration, {&policy_.store(), &cloning_->store()},
             {{"stopped", stopped_ ? "1" : "0"}});
  }
  void resume(RunFolder& run) override {
    auto metadata = read_checkpoint(run.checkpoint(), {&policy_.store(), &cloning_->store()});
    cloning_->restore();
    stopped_ = metadata["stopped"] == "1";
  }

 private:
  Policy policy_;
  std::unique_ptr<BehaviouralCloning> cloning_;
  Index steps_ = 100;
  bool stopped_ = false;
};

// Policies with memory, through time. The order of windows follows from the seed.
class SequenceTrainer final : public Trainer {
 public:
  SequenceTrainer(const Training& training, const PolicyDescription& description) {
    const Demonstrations& demonstrations = *training.demonstrations;
    if (description.observation.index)
      fail(ErrorKind::not_available,
           "bc: a trunk with memory observes numbers; found demonstrations of an index");
    SequenceCloning::Options options;
    options.policy = description;
    options.seed = training.seed;
    Settings& settings = *training.settings;
    settings.take("batch", options.batch);
    settings.take("window", options.steps);
    settings.take("learning_rate", options.learning_rate);
    settings.take("weight_decay", options.weight_decay);
    settings.take("gradient_norm", options.gradient_norm);
    settings.take("steps", steps_);
    if (steps_ < 1)
      fail(ErrorKind::bad_input, "steps: expected at least 1, found %lld",
           static_cast<long long>(steps_));
    const Pairs pairs = pairs_of(demonstrations);
    Sequences sequences{.input_width = pairs.input_width, .action_width = pairs.action_width};
    sequences.inputs = pairs.inputs;
    sequences.actions = pairs.actions;
    sequences.counted.assign(static_cast<std::size_t>(pairs.rows()), 1);
    sequences.starts = demonstrations.starts;
    // Windows no longer than the longest episode: what pads them is computed too.
    Index longest = 1;
    for (Index e = 0; e < demonstrations.episodes(); ++e)
      longest = std::max(longest, demonstrations.length(e));
    options.steps = std::min(options.steps, longest);
    cloning_ = std::make_unique<SequenceCloning>(*training.device, sequences, options);
    standardise(cloning_->policy(), pairs);
  }
  Policy& policy() override { return cloning_->policy(); }
  Index default_iterations() const override { return 30; }
  const char* metric() const override { return "loss"; }
  Metrics step() override {
    double loss = 0, epoch = 0;
    for (Index i = 0; i < steps_; ++i) {
      const SequenceCloning::Metrics found = cloning_->step();
      loss += found.loss / static_cast<double>(steps_);
      epoch = found.epoch;
    }
    return {{"loss", loss}, {"epoch", epoch}};
  }
  void save(RunFolder& run, Index iteration) override {
    run.save(iteration, {&cloning_->policy().store(), &cloning_->store()});
  }
  void resume(RunFolder& run) override {
    read_checkpoint(run.checkpoint(), {&cloning_->policy().store(), &cloning_->store()});
    cloning_->restore(run.iteration() * steps_);
  }

 private:
  std::unique_ptr<SequenceCloning> cloning_;
  Index steps_ = 20;
};

// A round an iteration. The set that grows is kept beside the checkpoint, by its round.
class DaggerTrainer final : public Trainer {
 public:
  explicit DaggerTrainer(const Training& training)
      : policy_(*training.device, take_policy(training), training.seed) {
    if (training.environment == nullptr)
      fail(ErrorKind::bad_input, "dagger: expected an environment (--env), found none");
    const EnvironmentDescription& environment = *training.environment;
    Dagger::Options options;
    Index instances = 10;
    Settings& settings = *training.settings;
    options.cloning = take_cloning(training);
    settings.take("instances", instances);
    settings.take("steps", options.steps);
    settings.take("training_steps", options.training_steps);
    std::string schedule = "indicator";
    settings.take("schedule", schedule);
    settings.take("decay", options.decay);
    settings.take("rounds", options.rounds);
    settings.take("from_scratch", options.from_scratch);
    if (schedule == "exponential")
      options.schedule = BetaSchedule::exponential;
    else if (schedule == "linear")
      options.schedule = BetaSchedule::linear;
    else if (schedule != "indicator")
      fail(ErrorKind::bad_input, "schedule: expected indicator, exponential or linear, found '%s'",
           schedule.c_str());
    options.seed = training.seed;
    world_ = std::make_unique<BatchWorld>(*training.device, environment, instances, training.seed);
    if (training.expert == "builtin") {
      expert_ = built_in_expert(environment);
    } else if (training.expert.starts_with("pipe:")) {
      expert_ = std::make_unique<PipeExpert>(training.expert.substr(5));
    } else {
      teacher_ = load_policy(*training.device, training.expert);
      require_spaces(*teacher_, environment, training.expert);
      expert_ = std::make_unique<PolicyExpert>(*teacher_);
    }
    dagger_ = std::make_unique<Dagger>(policy_, *world_, *expert_, options);
    if (training.demonstrations != nullptr) {
      standardise(policy_, pairs_of(*training.demonstrations));
      Demonstrations first = *training.demonstrations;
      dagger_->add(first);
      given_ = first.steps();
    }
  }
  Policy& policy() override { return policy_; }
  Index default_iterations() const override { return 10; }
  const char* metric() const override { return "disagreement"; }
  Metrics step() override {
    const Dagger::Metrics found = dagger_->step();
    return {{"disagreement", found.disagreement},
            {"beta", found.beta},
            {"pairs", static_cast<double>(found.pairs)},
            {"loss", found.loss},
            {"episodes", static_cast<double>(found.episodes)},
            {"return_mean", found.mean_return}};
  }
  Index interactions() const override { return dagger_->aggregated().steps() - given_; }
  void save(RunFolder& run, Index iteration) override {
    save_demonstrations(set_file(run, iteration), dagger_->aggregated());
    run.save(iteration, {&policy_.store()});
    // Only the set of the checkpoint that stands is ever read.
    if (saved_ > 0 && saved_ != iteration) std::filesystem::remove(set_file(run, saved_));
    saved_ = iteration;
  }
  void resume(RunFolder& run) override {
    read_checkpoint(run.checkpoint(), {&policy_.store()});
    saved_ = run.iteration();
    dagger_->resume(load_demonstrations(set_file(run, saved_)), saved_);
    // Sets of checkpoints that never came to be, of a run that was killed.
    for (const auto& entry : std::filesystem::directory_iterator(run.file("")))
      if (entry.path().filename().string().starts_with("aggregated-") &&
          entry.path().filename() != std::filesystem::path(set_file(run, saved_)).filename())
        std::filesystem::remove(entry.path());
  }

 private:
  static std::string set_file(const RunFolder& run, Index iteration) {
    return run.file("aggregated-" + std::to_string(iteration) + ".npz");
  }

  Policy policy_;
  std::unique_ptr<BatchWorld> world_;
  std::unique_ptr<Policy> teacher_;
  std::unique_ptr<Expert> expert_;
  std::unique_ptr<Dagger> dagger_;
  Index given_ = 0, saved_ = 0;
};

}  // namespace

std::unique_ptr<Trainer> make_cloning(const Training& training) {
  if (training.demonstrations == nullptr)
    fail(ErrorKind::bad_input, "bc: expected demonstrations (--demos), found none");
  const PolicyDescription description = take_policy(training);
  // Heads with latent variables have losses of their own, which want draws and a warm-up: sequences
  // are trained with those, and a trunk without memory sees no more of them than a step.
  const HeadKind head = description.head.kind;
  if (description.trunk.kind != TrunkKind::mlp || head == HeadKind::best_of ||
      head == HeadKind::variational || head == HeadKind::adversarial)
    return std::make_unique<SequenceTrainer>(training, description);
  return std::make_unique<CloningTrainer>(training, description);
}
std::unique_ptr<Trainer> make_dagger(const Training& training) {
  return std::make_unique<DaggerTrainer>(training);
}

}  // namespace understudy::cli
