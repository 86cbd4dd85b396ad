// What `train` and `expert` do with an algorithm: its settings from the command line, its
// iterations in a run folder, a policy and a result at the end.

#pragma once

#include <string>

#include "algorithms/training/registry.h"
#include "cli/session/run_folder.h"
#include "cli/session/settings.h"
#include "cli/session/several_runs.h"

namespace understudy::cli {

// What does not decide a run's results.
struct LoggingOptions {
  bool trace = false;              // every inner quantity into trace.csv
  double checkpoint_seconds = 30;  // between checkpoints, at least
};
void add_logging_options(Verb& verb, LoggingOptions& logging);  // --trace, --checkpoint-seconds

struct TrainingRun {
  const AlgorithmRow* algorithm = nullptr;
  TrainingInputs inputs = {};
  GivenSettings given = {};
  std::int64_t iterations = 0;  // 0: the algorithm's own
  std::string out;
  LoggingOptions logging = {};
  // One of several: nothing is printed of it, and with --resume one that is done is left as it is.
  bool one_of_several = false;
};

struct Trained {
  std::int64_t iterations = 0, interactions = 0;
  double seconds = 0;
  Json settings;  // all of them
  Json score;     // of 50 episodes, deterministic; null without an environment
};

// `work` for each of several runs, a training with a folder and settings of its own; settings are
// refused before any begins. Returns the exit code.
int train_several(const SeveralRuns& several, const TrainingRun& training, const Common& common,
                  const std::function<int(const TrainingRun& one, const Common& common)>& work);

// `config` is completed by the settings and the iterations. Leaves policy.safetensors and
// result.json in the run.
Trained train_in_folder(const TrainingRun& training, Json config, const Common& common);

// For --help: the algorithm's settings, in the environment if one is named, with those given. Where
// no algorithm is named, those that `fits` accepts. What is wrong is said in place of them.
std::string help_on_settings(const std::string& algorithm, const std::string& environment,
                             const GivenSettings& given, bool (*fits)(const AlgorithmRow&));

}  // namespace understudy::cli
