// Behavioral cloning: of pairs, or, where the policy remembers or its errors are to be remedied, of
// sequences.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "algorithms/cloning/augmentation.h"
#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/cloning/held_out_sequences.h"
#include "algorithms/cloning/sequence_cloning.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using Index = std::int64_t;

// What else is made of the demonstrations: copies under symmetries, goals in hindsight.
enum class Goals : std::int8_t { none, last, reached, within };
struct DemonstrationCopies {
  std::vector<Index> mirror = {}, mirror_action = {};
  std::vector<Index> rotation = {}, rotation_action = {};
  Index rotation_copies = 3;
  Goals goals = Goals::none;
  Index goal_columns = 0, goal_copies = 1, goal_horizon = 10;
};
void list_options(OptionList& list, DemonstrationCopies& o) {
  static constexpr OptionChoice kinds[] = {choice(Goals::none, "none"), choice(Goals::last, "last"),
                                           choice(Goals::reached, "reached"),
                                           choice(Goals::within, "within")};
  const OptionDetails columns = {.least = 0};
  list.fields(
      o,
      option("mirror", o.mirror, "columns of the observation that change sign in a mirrored copy",
             columns),
      option("mirror.action", o.mirror_action,
             "columns of the action that do, or, of choices, what each becomes", columns),
      option("rotation", o.rotation,
             "two observation columns that rotate into each other in rotated copies", columns),
      option("rotation.action", o.rotation_action, "two columns of the action that do", columns),
      option("rotation.copies", o.rotation_copies, "rotated copies, evenly over a whole turn",
             {.least = 1}),
      option("goals", o.goals, kinds,
             "goals to observe, from what a demonstration reached: at its end, at a random time, "
             "or within goals.horizon steps of each row"),
      option("goals.columns", o.goal_columns, "first columns that make a goal; 0: all",
             {.least = 0}),
      option("goals.copies", o.goal_copies, "of each sequence or row, with other goals",
             {.least = 1}),
      option("goals.horizon", o.goal_horizon, "within: steps to a goal, at most",
             {.least = 1, .unit = "steps"}));
}

void require_columns(const char* name, Index width, const std::vector<Index>& columns) {
  for (Index column : columns)
    if (column >= width)
      fail(ErrorKind::bad_input, "%s: expected columns below %lld, found %lld", name,
           static_cast<long long>(width), static_cast<long long>(column));
}

// Two columns that rotate into each other.
void require_turning(const char* name, Index width, const std::vector<Index>& columns) {
  require_columns(name, width, columns);
  if (!columns.empty() && (columns.size() != 2 || columns[0] == columns[1]))
    fail(ErrorKind::bad_input, "%s: expected two columns that rotate into each other, found %zu",
         name, columns.size());
}

// A mirror, and so many turns of a whole one.
std::vector<Symmetry> symmetries_of(const DemonstrationCopies& copies, const Transitions& shown,
                                    bool choices) {
  const Index width = shown.observations.width(), acted = shown.actions.width();
  std::vector<Symmetry> symmetries;
  if (!copies.mirror.empty()) {
    require_columns("mirror", width, copies.mirror);
    Symmetry& symmetry = symmetries.emplace_back();
    symmetry.observation = mirror_map(width, copies.mirror);
    if (choices) {
      symmetry.choices = copies.mirror_action;
      if (symmetry.choices.empty())
        fail(ErrorKind::bad_input, "mirror.action: expected what each choice becomes, found none");
    } else {
      require_columns("mirror.action", acted, copies.mirror_action);
      symmetry.action = mirror_map(acted, copies.mirror_action);
    }
  }
  const std::vector<Index>&turned = copies.rotation, &turned_actions = copies.rotation_action;
  require_turning("rotation", width, turned);
  if (turned.empty()) return symmetries;
  if (choices)
    fail(ErrorKind::bad_input, "rotation: expected actions that are numbers, found choices");
  require_turning("rotation.action", acted, turned_actions);
  for (Index k = 1; k <= copies.rotation_copies; ++k) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(k) /
                         static_cast<double>(copies.rotation_copies + 1);
    symmetries.push_back({rotation_map(width, turned[0], turned[1], angle),
                          turned_actions.empty()
                              ? mirror_map(acted, {})
                              : rotation_map(acted, turned_actions[0], turned_actions[1], angle)});
  }
  return symmetries;
}

// What was demonstrated, with the copies. The description's observation grows by the goal.
Transitions shown_to(PolicyDescription& description, const TrainingInputs& inputs,
                     const DemonstrationCopies& copies) {
  const bool copied =
      !copies.mirror.empty() || !copies.rotation.empty() || copies.goals != Goals::none;
  Transitions shown =
      in_numbers(transitions(*inputs.demonstrations, copied ? Bytes::expand : Bytes::keep));
  shown.next_observations = {};  // which cloning has no need of
  const std::vector<Symmetry> symmetries =
      symmetries_of(copies, shown, inputs.demonstrations->actions.discrete);
  const char* asked = symmetries.empty() ? nullptr : "mirror and rotation";
  if (!symmetries.empty()) shown = with_symmetries(shown, symmetries);
  if (copies.goals != Goals::none) {
    asked = "goals";
    if (inputs.environment != nullptr)
      fail(ErrorKind::bad_input, "goals: expected no environment: %s gives no goal to observe",
           inputs.environment->name);
    shown = with_goals(
        shown,
        {.kind = copies.goals == Goals::last      ? GoalRelabeling::Kind::last
                 : copies.goals == Goals::reached ? GoalRelabeling::Kind::reached
                                                  : GoalRelabeling::Kind::within,
         .columns = copies.goal_columns == 0 ? shown.observations.width() : copies.goal_columns,
         .copies = copies.goal_copies,
         .horizon = copies.goal_horizon,
         .seed = inputs.seed});
  }
  if (asked != nullptr &&
      (inputs.demonstrations->observations.discrete || !description.trunk.convolutions.empty()))
    fail(ErrorKind::bad_input, "%s: expected observations that are rows of numbers, found %s",
         asked,
         description.trunk.convolutions.empty() ? "an index"
                                                : "images (set convolutions= takes them as rows)");
  if (shown.observations.width() != description.observation.width())
    description.observation.shape = {shown.observations.width()};
  return shown;
}

// An iteration is so many steps of Adam: a row of progress each would cost more than the step.
class CloningTrainer final : public Trainer {
 public:
  CloningTrainer(const TrainingInputs& inputs, const PolicyDescription& description,
                 const Transitions& pairs, BehaviorCloning::Options options, Index steps)
      : policy_(*inputs.device, description, inputs.seed), steps_(steps) {
    const double held_out = std::ceil(options.validation_share * static_cast<double>(pairs.rows()));
    if (pairs.rows() < 10) options.validation_share = 0;
    const Index left = pairs.rows() - (pairs.rows() < 10 ? 0 : static_cast<Index>(held_out));
    options.batch_size = std::min(options.batch_size, std::max<Index>(1, left));
    fit_normalizer(policy_, pairs);
    cloning_ = std::make_unique<BehaviorCloning>(policy_, pairs, options);
  }
  Policy& policy() override { return policy_; }
  Metrics step() override {
    const BehaviorCloning::Metrics found = cloning_->train(steps_);
    stopped_ = found.stopped;
    return {{"loss", found.loss},
            {"epoch", found.epoch},
            {"validation", found.validation},
            {"best_validation", found.best_validation}};
  }
  bool finished() override { return stopped_; }
  void conclude() override { cloning_->keep_best(); }
  void save(const std::string& folder, Index iteration) override {
    write(folder, iteration, {&policy_.store(), &cloning_->store()},
          {{"stopped", stopped_ ? "1" : "0"}});
  }
  void resume(const std::string& folder, Index /*iteration*/) override {
    auto metadata = read(folder, {&policy_.store(), &cloning_->store()});
    cloning_->restore();
    stopped_ = metadata["stopped"] == "1";
  }

 private:
  Policy policy_;
  std::unique_ptr<BehaviorCloning> cloning_;
  Index steps_;
  bool stopped_ = false;
};

// Policies with memory, through time, and remedies for what a policy's own errors lead to. The
// order of windows follows from the seed.
class SequenceTrainer final : public Trainer {
 public:
  SequenceTrainer(const TrainingInputs& inputs, const PolicyDescription& description,
                  const Transitions& shown, SequenceCloning::Options options, Index steps,
                  double validation_share)
      : steps_(steps), mixed_(options.teacher.kind != TeacherSchedule::Kind::always) {
    options.policy = description;
    // Heads that know neither their likelihood nor a bound have nothing to be validated by.
    const HeadTraits& traits = description.head.row().traits;
    if (!traits.likelihood && !traits.bound) validation_share = 0;
    auto [sequences, held_out] = split_sequences(shown, validation_share, options.seed);
    // Windows no longer than the longest episode: what pads them is computed too.
    Index longest = 1;
    for (Index i = 0; i < sequences.sequences(); ++i)
      longest = std::max(longest, sequences.length(i));
    options.steps = std::min(options.steps, longest);
    cloning_ = std::make_unique<SequenceCloning>(*inputs.device, sequences, options);
    fit_normalizer(cloning_->policy(), sequences);
    if (held_out.rows() > 0)
      held_out_ = std::make_unique<HeldOutSequences>(*cloning_, std::move(held_out));
  }
  Policy& policy() override { return cloning_->policy(); }
  Metrics step() override {
    double loss = 0;
    SequenceCloning::Metrics found;
    for (Index i = 0; i < steps_; ++i) {
      found = cloning_->step();
      loss += found.loss / static_cast<double>(steps_);
    }
    Metrics metrics = {{"loss", loss}, {"epoch", found.epoch}};
    if (held_out_ != nullptr) {
      metrics.emplace_back("validation", held_out_->validate());
      metrics.emplace_back("best_validation", held_out_->best());
    }
    if (mixed_) metrics.emplace_back("expert_share", found.teacher_share);
    return metrics;
  }
  void conclude() override {
    if (held_out_ != nullptr) held_out_->keep_best();
  }
  void save(const std::string& folder, Index iteration) override {
    const std::vector<Store*> all = stores();
    write(folder, iteration, {all.begin(), all.end()});
  }
  void resume(const std::string& folder, Index iteration) override {
    read(folder, stores());
    cloning_->restore(iteration * steps_);
  }

 private:
  std::vector<Store*> stores() {
    std::vector<Store*> all = {&cloning_->policy().store(), &cloning_->store()};
    if (held_out_ != nullptr) all.push_back(&held_out_->store());
    return all;
  }

  std::unique_ptr<SequenceCloning> cloning_;
  std::unique_ptr<HeldOutSequences> held_out_;
  Index steps_;
  bool mixed_;
};

class CloningSetup final : public TrainingSetup {
 public:
  explicit CloningSetup(const TrainingInputs& inputs)
      : inputs_(inputs), policy_(inputs_), pairs_({.validation_share = 0.1}) {
    OptionList(pairs_).seed(inputs.seed);
    OptionList(sequences_).seed(inputs.seed);
  }
  void list(OptionList& list) override {
    policy_.list(list);
    if (by_sequences()) {
      list_options(list, sequences_);
      list.add(option("steps", sequence_steps_, "gradient steps an iteration", {.least = 1}));
      list.add(option("validation_share", sequence_share_,
                      "share of the episodes held out, of five or more; 0: none",
                      {.least = 0, .below = 1}));
    } else {
      list_options(list, pairs_);
      list.add(option("steps", steps_, "gradient steps an iteration", {.least = 1}));
      // To choose one of these is to go by sequences.
      const OptionList all(sequences_);
      for (const Option& one : all.options())
        for (const std::string remedy : {"decay", "gain", "sampling", "perturbation", "correction"})
          if (one.settable() && (one.name == remedy || one.name.starts_with(remedy + ".")))
            list.add(one);
      list.require([this] { OptionList(sequences_).check(); });
    }
    list_options(list, copies_);
  }
  std::unique_ptr<Trainer> make() override {
    PolicyDescription description = policy_.description();
    const Transitions shown = shown_to(description, inputs_, copies_);
    if (by_sequences())
      return std::make_unique<SequenceTrainer>(inputs_, description, shown, sequences_,
                                               sequence_steps_, sequence_share_);
    return std::make_unique<CloningTrainer>(inputs_, description, shown, pairs_, steps_);
  }

 private:
  // Heads with latent variables have losses of their own, which want draws and a warm-up: sequences
  // are trained with those, and a trunk without memory sees no more of them than a step.
  bool by_sequences() const {
    const PolicyDescription& policy = policy_.chosen();
    return !sequences_.decay.empty() || trunk_named(policy.trunk.name).has_memory ||
           policy.head.row().traits.latent;
  }

  const TrainingInputs inputs_;
  PolicySetup policy_;
  BehaviorCloning::Options pairs_;
  SequenceCloning::Options sequences_;
  Index steps_ = 100, sequence_steps_ = 20;
  double sequence_share_ = 0.1;
  DemonstrationCopies copies_;
};

}  // namespace

const AlgorithmRow bc_row = {
    .name = "bc",
    .summary = "behavioral cloning: the likelihood of the demonstrated actions",
    .observations = "numbers or an index",
    .actions = "any",
    .source = "Pomerleau 1989",
    .header = "algorithms/cloning/behavior_cloning.h",
    .needs = {.demonstrations = true},
    .iterations = 30,
    .metric = "loss",
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<CloningSetup>(inputs);
    }};

const AlgorithmRow linear_gaussian_row = {
    .name = "linear-gaussian",
    .summary = "cloning in closed form: ridge regression with a Gaussian about it",
    .observations = "numbers",
    .actions = "numbers",
    .source = "Hastie, Tibshirani & Friedman 2009, section 3.4",
    .header = "algorithms/cloning/linear_gaussian.h"};

}  // namespace understudy
