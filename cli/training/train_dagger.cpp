// DAgger and policy distillation as trainers: both gather states round by round, where the teacher
// or the learner goes, and fit the learner to all of them.

#include <filesystem>

#include "algorithms/cloning/dagger.h"
#include "algorithms/data/demonstration_files.h"
#include "autograd/files/checkpoint.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/pipe_expert.h"
#include "cli/training/player.h"
#include "cli/training/trainer.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

using Index = std::int64_t;

// What a student takes from its teacher.
enum class Target : std::int8_t { distribution, draws, mode };

// The teacher, where it is a policy; null where it is none. One that is missing or does not fit the
// environment is an Error.
std::unique_ptr<Policy> load_teacher(const Training& training, bool distils) {
  const char* algorithm = distils ? "distill" : "dagger";
  if (training.environment == nullptr)
    fail(ErrorKind::bad_input, "%s: expected an environment (--env), found none", algorithm);
  const std::string& teacher = training.expert;
  if (teacher.empty())
    fail(ErrorKind::bad_input, "%s: expected a teacher (--teacher RUN), found none", algorithm);
  if (teacher == "builtin" || teacher.starts_with("pipe:")) return nullptr;
  // Where spaces agree by chance a run still says what it was taught for. The policy's own file,
  // RUN/policy.safetensors, does not, and teaches wherever it fits.
  if (distils && is_run(teacher)) {
    const Json config = read_json(teacher + "/config.json");
    const bool says = config.contains("environment") && config["environment"].is_string();
    const std::string name = says ? config["environment"].get<std::string>() : "";
    if (says && &resolve_environment(name) != training.environment)
      fail(ErrorKind::bad_input, "%s: expected a teacher of %s, found one of %s", teacher.c_str(),
           training.environment->name, name.c_str());
  }
  auto policy = load_policy(*training.device, teacher);
  require_spaces(*policy, *training.environment, teacher);
  return policy;
}

// A round an iteration. The set that grows is kept beside the checkpoint, by its round.
class DaggerTrainer final : public Trainer {
 public:
  DaggerTrainer(const Training& training, bool distils)
      : teacher_(load_teacher(training, distils)),
        policy_(*training.device,
                take_policy(training, distils && teacher_ ? &teacher_->description() : nullptr),
                training.seed) {
    const EnvironmentDescription& environment = *training.environment;
    Dagger::Options options;
    Index num_envs = 10;
    Settings& settings = *training.settings;
    const bool by_mode = distils ? take_target(training, options) : true;
    if (options.teacher == nullptr) options.cloning = take_cloning(training);
    settings.take_count("num_envs", num_envs);
    settings.take_count("steps", options.steps);
    settings.take_count("training_steps", options.training_steps);
    options.schedule = settings.choose(
        "schedule", {"indicator", "exponential", "linear", "constant"}, options.schedule);
    settings.take("decay", options.decay);
    settings.take("rounds", options.rounds);
    settings.take("share", options.share);
    settings.take("from_scratch", options.from_scratch);
    options.seed = training.seed;
    divergence_ = options.teacher != nullptr;
    world_ = std::make_unique<BatchWorld>(*training.device, environment, num_envs, training.seed);
    // A teacher's draws are not the learner's, which has the seed itself.
    if (teacher_ != nullptr)
      expert_ = std::make_unique<PolicyExpert>(*teacher_, by_mode, ~training.seed);
    else if (training.expert == "builtin")
      expert_ = built_in_expert(environment);
    else
      expert_ = std::make_unique<PipeExpert>(training.expert.substr(5));
    dagger_ = std::make_unique<Dagger>(policy_, *world_, *expert_, options);
    if (training.demonstrations != nullptr) {
      fit_normalizer(policy_, transitions(*training.demonstrations));
      Demonstrations first = *training.demonstrations;
      dagger_->add(first);
      given_ = first.steps();
    }
  }
  Policy& policy() override { return policy_; }
  Index default_iterations() const override { return 10; }
  const char* metric() const override { return divergence_ ? "divergence" : "disagreement"; }
  Metrics step() override {
    const Dagger::Metrics found = dagger_->step();
    return {{"disagreement", found.disagreement},
            {"beta", found.beta},
            {"transitions", static_cast<double>(found.transitions)},
            {divergence_ ? "divergence" : "loss", found.loss},
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

  // How a student learns and who acts, of distillation. Returns whether its teacher acts by its
  // mode.
  bool take_target(const Training& training, Dagger::Options& options) {
    Settings& settings = *training.settings;
    // A teacher that is no policy has a mode alone. Where the divergence is not known, or the
    // teacher remembers what the student does not see, the likelihood of the teacher's draws has
    // the same optimum.
    const bool whole =
        teacher_ != nullptr && Distillation::fits(policy_.description(), teacher_->description());
    Target target = teacher_ == nullptr ? Target::mode
                    : whole             ? Target::distribution
                                        : Target::draws;
    target = settings.choose("target", {"distribution", "draws", "mode"}, target);
    if (teacher_ == nullptr && target != Target::mode)
      fail(ErrorKind::bad_input, "target: expected mode, which is all that %s has",
           training.expert.c_str());
    if (target == Target::distribution && !whole)
      fail(ErrorKind::bad_input,
           "target: a distribution is taken on by a policy with the teacher's head, of known "
           "divergence, both without memory; found heads %s and %s, trunks %s and %s",
           name_of(policy_.description().head.kind), name_of(teacher_->description().head.kind),
           name_of(policy_.description().trunk.kind), name_of(teacher_->description().trunk.kind));
    options.deterministic = target == Target::mode;
    settings.take("deterministic", options.deterministic);
    // As the paper has it, unless told otherwise: on the states that the teacher comes to.
    options.schedule = BetaSchedule::constant;
    options.share = 1;
    if (target != Target::distribution) return target == Target::mode;
    options.teacher = teacher_.get();
    Distillation::Options& distillation = options.distillation;
    settings.take_count("batch_size", distillation.batch_size);
    settings.take("learning_rate", distillation.learning_rate);
    settings.take("gradient_norm", distillation.gradient_norm);
    if (policy_.description().head.kind == HeadKind::categorical)
      settings.take("temperature", distillation.temperature);
    if (!(distillation.temperature > 0))
      fail(ErrorKind::bad_input, "temperature: expected a number above 0, found %g",
           distillation.temperature);
    return options.deterministic;
  }

  std::unique_ptr<Policy> teacher_;
  Policy policy_;
  std::unique_ptr<BatchWorld> world_;
  std::unique_ptr<Expert> expert_;
  std::unique_ptr<Dagger> dagger_;
  bool divergence_ = false;
  Index given_ = 0, saved_ = 0;
};

}  // namespace

std::unique_ptr<Trainer> make_dagger(const Training& training) {
  return std::make_unique<DaggerTrainer>(training, false);
}
std::unique_ptr<Trainer> make_distillation(const Training& training) {
  return std::make_unique<DaggerTrainer>(training, true);
}

}  // namespace understudy::cli
