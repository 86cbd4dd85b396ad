// understudy record ENV: demonstrations, by a policy, a built-in expert or uniform actions.

#include <cstdio>

#include "algorithms/data/demonstration_files.h"
#include "algorithms/data/sampling.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct RecordOptions {
  std::string environment, policy, out, code;
  std::int64_t episodes = 0, subsample = 1;
  bool stochastic = false;
};

int run(const RecordOptions& options, const Common& common) {
  if (!options.out.ends_with(".npz") && !options.out.ends_with(".csv"))
    fail(ErrorKind::bad_input, "--out: expected a name that ends in .npz or .csv, found %s",
         options.out.c_str());
  const EnvironmentDescription& environment = resolve_environment(options.environment);
  Session session(common);
  const PlayOptions how = {.episodes = options.episodes,
                           .deterministic = !options.stochastic,
                           .seed = common.seed,
                           .code = options.code};
  const auto player = make_player(session.device(), options.policy, environment, how);
  const Demonstrations whole = play(session.device(), environment, *player, how);
  const Demonstrations kept = options.subsample == 1
                                  ? whole
                                  : subsample(whole, options.subsample, common.seed, options.out);
  save_demonstrations(options.out, kept);
  const Score score = score_of(whole, environment);
  if (common.json) {
    Json object = score_json(score);
    object["environment"] = environment.name;
    object["policy"] = options.policy;
    object["steps"] = kept.steps();
    object["seed"] = common.seed;
    object["out"] = options.out;
    print(object);
  } else if (!common.quiet) {
    std::printf("%s: %lld episodes, %lld steps kept, mean return %g; %s\n", environment.name,
                static_cast<long long>(score.episodes), static_cast<long long>(kept.steps()),
                score.mean, options.out.c_str());
  }
  return 0;
}

}  // namespace

void add_record(Verb& root, Command& command) {
  Verb verb = root.verb("record", "Records demonstrations");
  auto options = std::make_shared<RecordOptions>();
  verb.option("ENV", options->environment, "the environment").required();
  verb.option("--policy", options->policy, "a run, builtin (an expert), or random").required();
  verb.option("--episodes", options->episodes, "how many").required().between(1, 1000000);
  verb.option("--subsample", options->subsample,
              "keeps every K-th step of an episode, from a random one on")
      .between(1, 1000000);
  verb.flag("--stochastic", options->stochastic, "samples from the policy, not its mode");
  verb.option(
      "--code", options->code,
      "of a policy with latent codes, \"2\" or \"0,0.5\"; by default drawn for each episode");
  verb.option("--out", options->out, "D.npz, or .csv").required();
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
