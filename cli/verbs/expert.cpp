// understudy expert ENV: a policy trained on the environment's own reward.

#include <cstdio>

#include "cli/session/resolve_environment.h"
#include "cli/training/trainer.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct ExpertOptions {
  std::string environment, out, config, algorithm = "trpo";
  std::vector<std::string> set;
  std::int64_t iterations = 0;
  LoggingOptions watch;
};

int run(const ExpertOptions& options, const Common& common) {
  const EnvironmentDescription& environment = resolve_environment(options.environment);
  Session session(common);
  Settings settings(options.config, options.set);
  Training training;
  training.device = &session.device();
  training.environment = &environment;
  training.seed = common.seed;
  training.settings = &settings;
  const std::unique_ptr<Trainer> trainer = make_reinforcement(training, options.algorithm);
  const Json config = {
      {"kind", "expert"}, {"algorithm", options.algorithm}, {"environment", options.environment}};
  const Trained trained =
      train_in(options.out, config, *trainer, training, options.iterations, common, options.watch);
  const double mean = trained.score["return_mean"].get<double>();
  if (common.json) {
    Json object = {{"algorithm", options.algorithm},
                   {"environment", environment.name},
                   {"iterations", trained.iterations},
                   {"interactions", trained.interactions},
                   {"seconds", trained.seconds},
                   {"solved", mean >= environment.solved},
                   {"out", options.out}};
    object.update(trained.score);
    print(object);
  } else if (!common.quiet) {
    std::printf(
        "%s on %s: %lld iterations, %lld steps, %.2f s, return %.4g over %lld episodes; "
        "%s\n",
        options.algorithm.c_str(), environment.name, static_cast<long long>(trained.iterations),
        static_cast<long long>(trained.interactions), trained.seconds, mean,
        trained.score["episodes"].get<long long>(), options.out.c_str());
  }
  return 0;
}

}  // namespace

void add_expert(Verb& root, Command& command) {
  Verb verb = root.verb("expert", "Trains an expert on the environment's own reward");
  auto options = std::make_shared<ExpertOptions>();
  verb.option("ENV", options->environment, "the environment").required();
  verb.option("--out", options->out, "the run's folder").required();
  verb.option("--algorithm", options->algorithm, "trpo (default), ppo, a2c or reinforce")
      .one_of({"trpo", "ppo", "a2c", "reinforce"});
  verb.option("--iterations", options->iterations,
              "at most (default 200); fewer where the environment is solved before")
      .between(std::int64_t{1}, std::int64_t{1000000000});
  verb.option("--config", options->config, "settings: a file with a JSON object");
  verb.option("--set", options->set, "a setting, key=value");
  add_logging_options(verb, options->watch);
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
