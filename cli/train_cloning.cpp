// Cloning as a trainer.

#include <algorithm>
#include <cmath>

#include "algorithms/cloning/sequence_cloning.h"
#include "autograd/files/checkpoint.h"
#include "cli/trainer.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

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

}  // namespace

BehaviouralCloning::Options take_cloning(const Training& training) {
  BehaviouralCloning::Options options;
  Settings& settings = *training.settings;
  options.loss = settings.choose("loss", {"likelihood", "squared_error"}, options.loss);
  settings.take_count("batch", options.batch);
  settings.take("learning_rate", options.learning_rate);
  settings.take("weight_decay", options.weight_decay);
  settings.take("gradient_norm", options.gradient_norm);
  options.seed = training.seed;
  return options;
}

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

}  // namespace understudy::cli
