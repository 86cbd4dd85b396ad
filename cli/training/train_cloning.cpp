// Cloning as a trainer.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "algorithms/cloning/augmentation.h"
#include "algorithms/cloning/sequence_cloning.h"
#include "autograd/files/checkpoint.h"
#include "cli/training/trainer.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

// Columns that a setting names, each below `width`.
void take_columns(Settings& settings, const char* name, Index width, std::vector<Index>& columns) {
  settings.take_columns(name, columns);
  for (Index column : columns)
    if (column >= width)
      fail(ErrorKind::bad_input, "%s: expected columns below %lld, found %lld", name,
           static_cast<long long>(width), static_cast<long long>(column));
}

// Two columns that turn into each other.
void take_turning(Settings& settings, const char* name, Index width, std::vector<Index>& columns) {
  take_columns(settings, name, width, columns);
  if (!columns.empty() && (columns.size() != 2 || columns[0] == columns[1]))
    fail(ErrorKind::bad_input, "%s: expected two columns that turn into each other, found %zu",
         name, columns.size());
}

// The symmetries that settings declare: a mirror, and so many turns of a whole one.
std::vector<Symmetry> take_symmetries(const Training& training, const Transitions& shown) {
  Settings& settings = *training.settings;
  const bool choices = training.demonstrations->actions.discrete;
  const Index width = shown.observations.width(), acted = shown.actions.width();
  std::vector<Symmetry> symmetries;
  std::vector<Index> mirror, turned, turned_actions;
  take_columns(settings, "mirror", width, mirror);
  if (!mirror.empty()) {
    Symmetry& symmetry = symmetries.emplace_back();
    symmetry.observation = mirror_map(width, mirror);
    std::vector<Index> actions;
    if (choices) {
      settings.take_columns("mirror.action", symmetry.choices);
      if (symmetry.choices.empty())
        fail(ErrorKind::bad_input, "mirror.action: expected what each choice becomes, found none");
    } else {
      take_columns(settings, "mirror.action", acted, actions);
      symmetry.action = mirror_map(acted, actions);
    }
  }
  take_turning(settings, "rotation", width, turned);
  if (turned.empty()) return symmetries;
  if (choices)
    fail(ErrorKind::bad_input, "rotation: expected actions that are numbers, found choices");
  take_turning(settings, "rotation.action", acted, turned_actions);
  Index copies = 3;
  settings.take_count("rotation.copies", copies);
  for (Index k = 1; k <= copies; ++k) {
    const double angle =
        2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(copies + 1);
    symmetries.push_back({rotation_map(width, turned[0], turned[1], angle),
                          turned_actions.empty()
                              ? mirror_map(acted, {})
                              : rotation_map(acted, turned_actions[0], turned_actions[1], angle)});
  }
  return symmetries;
}

// What was demonstrated, and what settings make of it: copies under symmetries, goals in hindsight.
// The description's observation grows by the goal.
Transitions take_shown(const Training& training, PolicyDescription& description) {
  Settings& settings = *training.settings;
  Transitions shown = in_numbers(transitions(*training.demonstrations));
  const std::vector<Symmetry> symmetries = take_symmetries(training, shown);
  const char* asked = symmetries.empty() ? nullptr : "mirror and rotation";
  if (!symmetries.empty()) shown = with_symmetries(shown, symmetries);
  enum class Goals : std::int8_t { none, last, reached, within };
  const Goals goals = settings.choose("goals", {"none", "last", "reached", "within"}, Goals::none);
  if (goals != Goals::none) {
    asked = "goals";
    if (training.environment != nullptr)
      fail(ErrorKind::bad_input, "goals: expected no environment: %s gives no goal to observe",
           training.environment->name);
    GoalRelabeling options{.kind = goals == Goals::last      ? GoalRelabeling::Kind::last
                                   : goals == Goals::reached ? GoalRelabeling::Kind::reached
                                                             : GoalRelabeling::Kind::within,
                           .columns = shown.observations.width(),
                           .seed = training.seed};
    settings.take("goals.columns", options.columns);
    settings.take("goals.copies", options.copies);
    if (goals == Goals::within) settings.take("goals.horizon", options.horizon);
    shown = with_goals(shown, options);
  }
  if (asked != nullptr &&
      (training.demonstrations->observations.discrete || !description.trunk.convolutions.empty()))
    fail(ErrorKind::bad_input, "%s: expected observations that are rows of numbers, found %s",
         asked, description.trunk.convolutions.empty() ? "an index" : "images");
  if (shown.observations.width() != description.observation.width())
    description.observation.shape = {shown.observations.width()};
  return shown;
}

// An iteration is so many steps of Adam: a row of progress each would cost more than the step.
class CloningTrainer final : public Trainer {
 public:
  CloningTrainer(const Training& training, const PolicyDescription& description,
                 const Transitions& pairs)
      : policy_(*training.device, description, training.seed) {
    BehaviorCloning::Options options = take_cloning(training);
    options.validation_share = 0.1;
    options.patience = 0;
    training.settings->take("validation_share", options.validation_share);
    training.settings->take("patience", options.patience);
    training.settings->take("steps", steps_);
    const double held_out = std::ceil(options.validation_share * static_cast<double>(pairs.rows()));
    if (pairs.rows() < 10) options.validation_share = 0;
    const Index left = pairs.rows() - (pairs.rows() < 10 ? 0 : static_cast<Index>(held_out));
    options.batch_size = std::min(options.batch_size, std::max<Index>(1, left));
    fit_normalizer(policy_, pairs);
    cloning_ = std::make_unique<BehaviorCloning>(policy_, pairs, options);
  }
  Policy& policy() override { return policy_; }
  Index default_iterations() const override { return 30; }
  const char* metric() const override { return "loss"; }
  Metrics step() override {
    const BehaviorCloning::Metrics found = cloning_->train(steps_);
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
  std::unique_ptr<BehaviorCloning> cloning_;
  Index steps_ = 100;
  bool stopped_ = false;
};

// Policies with memory, through time, and remedies for what a policy's own errors lead to. The
// order of windows follows from the seed.
class SequenceTrainer final : public Trainer {
 public:
  SequenceTrainer(const Training& training, const PolicyDescription& description,
                  const Transitions& sequences, SequenceCloning::Options options) {
    options.policy = description;
    options.seed = training.seed;
    Settings& settings = *training.settings;
    settings.take_count("batch_size", options.batch_size);
    settings.take_count("window", options.steps);
    settings.take("learning_rate", options.learning_rate);
    settings.take("weight_decay", options.weight_decay);
    settings.take("gradient_norm", options.gradient_norm);
    settings.take_count("steps", steps_);
    take_remedies(settings, options);
    mixed_ = options.teacher.kind != TeacherSchedule::Kind::always;
    // Windows no longer than the longest episode: what pads them is computed too.
    Index longest = 1;
    for (Index i = 0; i < sequences.sequences(); ++i)
      longest = std::max(longest, sequences.length(i));
    options.steps = std::min(options.steps, longest);
    cloning_ = std::make_unique<SequenceCloning>(*training.device, sequences, options);
    fit_normalizer(cloning_->policy(), sequences);
  }
  Policy& policy() override { return cloning_->policy(); }
  Index default_iterations() const override { return 30; }
  const char* metric() const override { return "loss"; }
  Metrics step() override {
    double loss = 0;
    SequenceCloning::Metrics found;
    for (Index i = 0; i < steps_; ++i) {
      found = cloning_->step();
      loss += found.loss / static_cast<double>(steps_);
    }
    Metrics metrics = {{"loss", loss}, {"epoch", found.epoch}};
    if (mixed_) metrics.emplace_back("expert_share", found.teacher_share);
    return metrics;
  }
  void save(RunFolder& run, Index iteration) override {
    run.save(iteration, {&cloning_->policy().store(), &cloning_->store()});
  }
  void resume(RunFolder& run) override {
    read_checkpoint(run.checkpoint(), {&cloning_->policy().store(), &cloning_->store()});
    cloning_->restore(run.iteration() * steps_);
  }

 private:
  // Where observations follow from actions: o' = decay o + gain a, by columns.
  static void take_remedies(Settings& settings, SequenceCloning::Options& options) {
    settings.take("decay", options.decay);
    if (options.decay.empty()) return;
    options.gain.assign(options.decay.size(), 1.0);
    settings.take("gain", options.gain);
    if (options.teacher.kind != TeacherSchedule::Kind::always) {
      settings.take("sampling.scale", options.teacher.scale);
      settings.take("sampling.least", options.teacher.least);
      settings.take_count("sampling.given", options.given);
      settings.take("sampling.draw", options.draw);
      settings.take("sampling.relabel", options.relabel);
    } else {
      settings.take("perturbation", options.perturbation);
    }
    settings.take("correction", options.correction);
  }

  std::unique_ptr<SequenceCloning> cloning_;
  Index steps_ = 20;
  bool mixed_ = false;
};

}  // namespace

BehaviorCloning::Options take_cloning(const Training& training) {
  BehaviorCloning::Options options;
  Settings& settings = *training.settings;
  options.loss = settings.choose("loss", {"likelihood", "squared_error"}, options.loss);
  settings.take_count("batch_size", options.batch_size);
  settings.take("learning_rate", options.learning_rate);
  settings.take("weight_decay", options.weight_decay);
  settings.take("gradient_norm", options.gradient_norm);
  options.seed = training.seed;
  return options;
}

std::unique_ptr<Trainer> make_cloning(const Training& training) {
  if (training.demonstrations == nullptr)
    fail(ErrorKind::bad_input, "bc: expected demonstrations (--demos), found none");
  PolicyDescription description = take_policy(training);
  const Transitions shown = take_shown(training, description);
  Settings& settings = *training.settings;
  SequenceCloning::Options options;
  options.teacher.kind = settings.choose(
      "sampling", {"always", "linear", "exponential", "inverse_sigmoid"}, options.teacher.kind);
  for (const char* remedy : {"sampling", "perturbation"})
    if (settings.has(remedy) && !settings.has("decay"))
      fail(ErrorKind::bad_input,
           "%s: expected how observations follow from actions, decay=... and gain=..., found none",
           remedy);
  // Heads with latent variables have losses of their own, which want draws and a warm-up: sequences
  // are trained with those, and a trunk without memory sees no more of them than a step.
  const HeadKind head = description.head.kind;
  if (settings.has("decay") || description.trunk.kind != TrunkKind::mlp ||
      head == HeadKind::best_of || head == HeadKind::variational || head == HeadKind::adversarial)
    return std::make_unique<SequenceTrainer>(training, description, shown, std::move(options));
  return std::make_unique<CloningTrainer>(training, description, shown);
}

}  // namespace understudy::cli
