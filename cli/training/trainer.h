// What `train` and `expert` drive: an algorithm with its policy, as iterations that can be broken
// off and taken up again.

#pragma once

#include <memory>
#include <string>

#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/data/demonstrations.h"
#include "algorithms/policies/policy.h"
#include "cli/session/run_folder.h"
#include "cli/session/settings.h"
#include "envs/registry.h"

namespace understudy::cli {

// What a trainer is made from. What is pointed to outlives it.
struct Training {
  Device* device = nullptr;
  const EnvironmentDescription* environment = nullptr;  // null: none was named
  const Demonstrations* demonstrations = nullptr;       // null: none were given
  std::string demonstrations_name;
  std::string expert;  // of DAgger and distillation: builtin, a run, or pipe:COMMAND
  std::uint64_t seed = 0;
  Settings* settings = nullptr;
};

class Trainer {
 public:
  virtual ~Trainer() = default;
  virtual Policy& policy() = 0;

  virtual std::int64_t default_iterations() const = 0;
  // The metric in the line of progress.
  virtual const char* metric() const = 0;
  // Whether there may be none yet: NaN, for which a run does not stop.
  virtual bool metric_may_wait() const { return false; }
  virtual Metrics step() = 0;
  // Nothing more is to be learned; asked after each step and after resuming.
  virtual bool finished() { return false; }
  // After the last step, before the policy is written.
  virtual void conclude() {}
  // For --trace: every inner quantity of the latest step; empty: what `step` returned is all.
  virtual Metrics trace() const { return {}; }
  // What is to be said of the latest step, for a person's eyes; null: nothing.
  virtual const char* warning() const { return nullptr; }
  // What the algorithm settled by itself, for result.json and for a person's eyes.
  virtual Json decisions() const { return Json::object(); }
  // Steps in the environment so far, not counting the expert's.
  virtual std::int64_t interactions() const { return 0; }

  virtual void save(RunFolder& run, std::int64_t iteration) = 0;
  // From the checkpoint of `run`, which is that of its `iteration()`.
  virtual void resume(RunFolder& run) = 0;
};

std::unique_ptr<Trainer> make_cloning(const Training& training);
std::unique_ptr<Trainer> make_dagger(const Training& training);
std::unique_ptr<Trainer> make_distillation(const Training& training);
// trpo, ppo, a2c or reinforce, on the environment's own reward.
std::unique_ptr<Trainer> make_reinforcement(const Training& training, const std::string& algorithm);
std::unique_ptr<Trainer> make_gail(const Training& training);
std::unique_ptr<Trainer> make_fem(const Training& training);
std::unique_ptr<Trainer> make_gtal(const Training& training);

// A policy for the environment, or, where there is none, for the demonstrations: two hidden layers
// of 100 (setting `hidden`), the usual head. Settings `trunk` and `head` name others, and each head
// has settings of its own. One that is to be like a teacher observes and acts as that does, and has
// its head, with its settings, unless another is named.
PolicyDescription take_policy(const Training& training, const PolicyDescription* like = nullptr);

// What cloning's optimizer and loss are told.
BehaviorCloning::Options take_cloning(const Training& training);

struct Trained {
  std::int64_t iterations = 0, interactions = 0;
  double seconds = 0;
  Json score;  // of 50 episodes, deterministic; null without an environment
};

// What does not decide a run's results.
struct LoggingOptions {
  bool trace = false;              // every inner quantity into trace.csv
  double checkpoint_seconds = 30;  // between checkpoints, at least
};
void add_logging_options(Verb& verb, LoggingOptions& watch);  // --trace, --checkpoint-seconds

// Runs a trainer in a run folder: `config` is completed by the settings and the iterations (0: the
// trainer's own). Leaves policy.safetensors and result.json.
Trained train_in(const std::string& out, Json config, Trainer& trainer, const Training& training,
                 std::int64_t iterations, const Common& common, const LoggingOptions& watch = {});

}  // namespace understudy::cli
