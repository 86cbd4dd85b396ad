// understudy expert ENV: a policy trained on the environment's own reward.

#include <cstdio>

#include "cli/session/resolve_environment.h"
#include "cli/training/learned_reward.h"
#include "cli/training/training_run.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct ExpertOptions {
  std::string environment, algorithm = "trpo", reward;
  TrainingRun training;
  SeveralRuns several;
};

// Those that learn from the environment's own reward.
bool by_reward(const AlgorithmRow& row) { return row.needs.reward && row.setup != nullptr; }
// And from a learned one in its place.
bool by_any_reward(const AlgorithmRow& row) { return by_reward(row) && row.needs.takes_reward; }

// One run, without a device yet.
int train_expert(const ExpertOptions& options, TrainingRun training, const Common& common) {
  const EnvironmentDescription& environment = *training.inputs.environment;
  Session session(common);
  training.inputs.device = &session.device();
  training.inputs.seed = common.seed;
  Json config = {
      {"kind", "expert"}, {"algorithm", options.algorithm}, {"environment", options.environment}};
  std::unique_ptr<FrozenReward> reward;
  if (!options.reward.empty()) {
    reward = load_reward(session.device(), options.reward, environment);
    training.inputs.reward = reward.get();
    config["reward"] = options.reward;
  }
  const Trained trained = train_in_folder(training, config, common);
  if (training.one_of_several) return 0;
  const double mean = trained.score["return_mean"].get<double>();
  if (common.json) {
    Json object = {{"algorithm", options.algorithm},
                   {"environment", environment.name},
                   {"iterations", trained.iterations},
                   {"interactions", trained.interactions},
                   {"seconds", trained.seconds},
                   {"solved", mean >= environment.solved},
                   {"out", training.out}};
    object.update(trained.score);
    print(object);
  } else if (!common.quiet) {
    std::printf(
        "%s on %s: %lld iterations, %lld steps, %.2f s, return %.4g over %lld episodes; "
        "%s\n",
        options.algorithm.c_str(), environment.name, static_cast<long long>(trained.iterations),
        static_cast<long long>(trained.interactions), trained.seconds, mean,
        trained.score["episodes"].get<long long>(), training.out.c_str());
  }
  return 0;
}

int run(ExpertOptions options, const Common& common) {
  TrainingRun& training = options.training;
  training.inputs.environment = &resolve_environment(options.environment);
  training.algorithm = &algorithm_named(options.algorithm, "expert", by_reward);
  if (!options.reward.empty()) algorithm_named(options.algorithm, "expert --reward", by_any_reward);
  if (!options.several.asked()) return train_expert(options, training, common);
  return train_several(
      options.several, training, common,
      [&](const TrainingRun& one, const Common& own) { return train_expert(options, one, own); });
}

}  // namespace

void add_expert(Verb& root, Command& command) {
  Verb verb = root.verb("expert", "Trains an expert on the environment's own reward");
  auto options = std::make_shared<ExpertOptions>();
  std::string names;
  for (const AlgorithmRow* row : algorithms())
    if (by_reward(*row)) names += (names.empty() ? "" : ", ") + std::string(row->name);
  verb.option("ENV", options->environment, "the environment").required();
  verb.option("--out", options->training.out, "the run's folder").required();
  verb.option("--algorithm", options->algorithm, names + " (default trpo)");
  verb.option("--reward", options->reward,
              "a run whose learned reward takes the place of the environment's: gail, airl, ...");
  verb.option("--iterations", options->training.iterations,
              "at most; fewer where the environment is solved before (not with --reward)")
      .between(std::int64_t{1}, std::int64_t{1000000000});
  add_settings(verb, options->training.given);
  add_logging_options(verb, options->training.logging);
  add_several_runs(verb, options->several);
  verb.footer([options] {
    return help_on_settings(options->algorithm, options->environment, options->training.given,
                            by_reward);
  });
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
