// DAgger and policy distillation: both gather states round by round, where the teacher or the
// learner goes, and fit the learner to all of them. An iteration is a round; the set that grows is
// kept beside the checkpoint, by its round.

#include "algorithms/cloning/dagger.h"
#include "algorithms/training/gathered_set.h"
#include "algorithms/training/policy_setup.h"
#include "algorithms/training/rows.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using Index = std::int64_t;

// What a student takes from its teacher.
enum class Target : std::int8_t { distribution, draws, mode };
constexpr OptionChoice targets[] = {choice(Target::distribution, "distribution"),
                                    choice(Target::draws, "draws"), choice(Target::mode, "mode")};

class DaggerTrainer final : public Trainer {
 public:
  DaggerTrainer(const TrainingInputs& inputs, const PolicyDescription& description, Index num_envs,
                bool teacher_by_mode, const Dagger::Options& options)
      : policy_(*inputs.device, description, inputs.seed),
        world_(*inputs.device, *inputs.environment, num_envs, inputs.seed),
        distills_(options.teacher != nullptr) {
    Expert* expert = inputs.expert;
    // A teacher's draws are not the learner's, which has the seed itself.
    if (inputs.teacher != nullptr) {
      by_teacher_ = std::make_unique<PolicyExpert>(*inputs.teacher, teacher_by_mode, ~inputs.seed);
      expert = by_teacher_.get();
    }
    dagger_ = std::make_unique<Dagger>(policy_, world_, *expert, options);
    if (inputs.demonstrations != nullptr) {
      fit_normalizer(policy_, transitions(*inputs.demonstrations));
      dagger_->add(*inputs.demonstrations);
      given_ = inputs.demonstrations->steps();
    }
    if (distills_) fit_actions_like(policy_, *options.teacher);
  }
  Policy& policy() override { return policy_; }
  const char* metric() const override { return distills_ ? "kl" : nullptr; }
  Metrics step() override {
    const Dagger::Metrics found = dagger_->step();
    return {{"disagreement", found.disagreement},
            {"beta", found.beta},
            {"transitions", static_cast<double>(found.transitions)},
            {distills_ ? "kl" : "loss", found.loss},
            {"episodes", static_cast<double>(found.episodes)},
            {"return_mean", found.mean_return}};
  }
  Index interactions() const override { return dagger_->aggregated().steps() - given_; }
  void save(const std::string& folder, Index iteration) override {
    set_.write(folder, iteration, dagger_->aggregated());
    write(folder, iteration, {&policy_.store()});
    set_.wrote(folder, iteration);
  }
  void resume(const std::string& folder, Index iteration) override {
    read(folder, {&policy_.store()});
    dagger_->resume(set_.read(folder, iteration), iteration);
  }

 private:
  Policy policy_;
  BatchWorld world_;
  bool distills_;
  std::unique_ptr<Expert> by_teacher_;
  std::unique_ptr<Dagger> dagger_;
  Index given_ = 0;
  GatheredSet set_{"aggregated"};
};

class DaggerSetup final : public TrainingSetup {
 public:
  DaggerSetup(const TrainingInputs& inputs, bool student)
      : inputs_(inputs),
        student_(student),
        policy_(inputs_,
                student && inputs.teacher != nullptr ? &inputs.teacher->description() : nullptr) {
    OptionList(options_).seed(inputs.seed);
    OptionList(options_.distillation).seed(inputs.seed);
    if (!student) return;
    // As the paper has it, unless told otherwise: on the states that the teacher comes to.
    options_.schedule = BetaSchedule::constant;
    options_.share = 1;
    choose_target(default_target());
  }
  void list(OptionList& list) override {
    policy_.list(list);
    if (student_ && !target_given_ && target_ != default_target()) choose_target(default_target());
    list.add(option("num_envs", num_envs_, "environments that the learner acts in", {.least = 1}));
    if (student_) {
      list.add(option("target", target_, targets,
                      "the training target: the teacher's distribution, its samples, or its mode",
                      {.source = "Rusu et al. 2016, equation 3"}));
      list.when_set("target", [this] {
        target_given_ = true;
        choose_target(target_);
      });
    }
    list_options(list, options_, distills());
    if (distills() && !policy_.chosen().head.row().traits.logits && inputs_.device != nullptr)
      list.leave_out("temperature");
    if (student_ && inputs_.device != nullptr) list.require([this] { check_target(); });
  }
  std::unique_ptr<Trainer> make() override {
    if (distills()) options_.teacher = inputs_.teacher;
    const bool by_mode =
        !student_ || (distills() ? options_.deterministic : target_ == Target::mode);
    return std::make_unique<DaggerTrainer>(inputs_, policy_.description(), num_envs_, by_mode,
                                           options_);
  }

 private:
  bool distills() const { return student_ && target_ == Target::distribution; }
  bool whole() const {
    return inputs_.teacher != nullptr &&
           Distillation::fits(policy_.description(), inputs_.teacher->description());
  }
  // A teacher that is no policy has a mode alone. Where the divergence is not known, or the teacher
  // remembers what the student does not see, the likelihood of the teacher's draws has the same
  // optimum.
  Target default_target() const {
    if (inputs_.device == nullptr) return Target::distribution;
    if (inputs_.teacher == nullptr) return Target::mode;
    return whole() ? Target::distribution : Target::draws;
  }
  void choose_target(Target target) {
    target_ = target;
    options_.deterministic = target == Target::mode;
  }
  void check_target() const {
    if (inputs_.teacher == nullptr && target_ != Target::mode)
      fail(ErrorKind::bad_input, "target: expected mode, which is all that %s has",
           inputs_.expert_name.c_str());
    if (target_ != Target::distribution || whole()) return;
    const PolicyDescription &ours = policy_.chosen(), &theirs = inputs_.teacher->description();
    fail(ErrorKind::bad_input,
         "target: distribution needs the teacher's head, with a known divergence, its "
         "normalize_actions, and no recurrence; found heads %s and %s, trunks %s and %s",
         ours.head.name().c_str(), theirs.head.name().c_str(), ours.trunk.name.c_str(),
         theirs.trunk.name.c_str());
  }

  const TrainingInputs inputs_;
  bool student_;
  PolicySetup policy_;
  Dagger::Options options_;
  Target target_ = Target::mode;
  bool target_given_ = false;
  Index num_envs_ = 10;
};

}  // namespace

const AlgorithmRow dagger_row = {
    .name = "dagger",
    .summary = "dataset aggregation: cloning on the states that the learner visits",
    .observations = "numbers",
    .actions = "any",
    .source = "Ross, Gordon & Bagnell 2011",
    .header = "algorithms/cloning/dagger.h",
    .needs = {.environment = true, .expert = true},
    .iterations = 10,
    .metric = "disagreement",
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<DaggerSetup>(inputs, false);
    }};

const AlgorithmRow distill_row = {
    .name = "distill",
    .summary = "policy distillation: a teacher's distribution on visited states",
    .observations = "numbers",
    .actions = "any",
    .source = "Rusu et al. 2016",
    .header = "algorithms/cloning/distillation.h",
    .needs = {.environment = true, .teacher = true},
    .iterations = 10,
    .metric = "disagreement",
    .setup = [](const TrainingInputs& inputs) -> std::unique_ptr<TrainingSetup> {
      return std::make_unique<DaggerSetup>(inputs, true);
    }};

}  // namespace understudy
