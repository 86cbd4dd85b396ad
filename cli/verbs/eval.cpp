// understudy eval RUN: a policy's returns, and its scores on held-out demonstrations.

#include <cmath>
#include <cstdio>

#include "algorithms/data/demonstration_files.h"
#include "cli/session/run_folder.h"
#include "cli/training/player.h"
#include "cli/training/policy_answers.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct EvalOptions {
  std::string run, environment;
  std::int64_t episodes = 50;
  bool stochastic = false;
  std::vector<std::string> demonstrations;
};

// The demonstrations as the policy's own spaces have them.
Demonstrations held_out(const EvalOptions& options, const Policy& policy) {
  const PolicyDescription& d = policy.description();
  DemonstrationSpaces spaces = demonstration_spaces({d.observation, d.action});
  spaces.action_low = spaces.action_high = {};  // how likely actions beyond bounds are can be asked
  return load_demonstrations(options.demonstrations, &spaces);
}

// Mean log-likelihood of a step in nats, and the mode's error: the share of other choices, or the
// root of the mean squared difference.
void add_fit(Json& object, const Policy& policy, const Demonstrations& demonstrations) {
  const Transitions steps = transitions(demonstrations);
  const auto numbers = [](const Series& series) {
    return series.discrete ? std::vector<float>(series.indices.begin(), series.indices.end())
                           : series.numbers;
  };
  const std::vector<float> observations = numbers(steps.observations);
  const std::vector<float> actions = numbers(steps.actions);
  PolicyAnswers answers(policy);
  answers.as_episodes(demonstrations.starts);
  double total = 0, error = 0;
  try {
    for (double one : answers.log_probabilities(observations, actions)) total += one;
  } catch (const Error& unknown) {
    // A head that draws and does not know its likelihood has errors all the same.
    if (unknown.kind() != ErrorKind::not_available) throw;
    total = NAN;
  }
  const std::vector<double> modes = answers.modes(observations);
  for (std::size_t i = 0; i < modes.size(); ++i)
    error += steps.actions.discrete ? (modes[i] != actions[i] ? 1.0 : 0.0)
                                    : (modes[i] - actions[i]) * (modes[i] - actions[i]);
  const double count = static_cast<double>(demonstrations.steps());
  object["log_likelihood"] = std::isnan(total) ? Json() : Json(total / count);
  object["held_out_steps"] = demonstrations.steps();
  if (steps.actions.discrete)
    object["error_rate"] = error / count;
  else
    object["root_mean_squared_error"] = std::sqrt(error / static_cast<double>(modes.size()));
}

int run(const EvalOptions& options, const Common& common) {
  Session session(common);
  const bool stands_alone = options.run == "random" || options.run == "builtin";
  Json object;
  const bool has_environment =
      !options.environment.empty() || stands_alone ||
      (is_run(options.run) && read_json(options.run + "/config.json").contains("environment"));
  if (has_environment || options.demonstrations.empty()) {
    const EnvironmentDescription& environment = environment_of(options.run, options.environment);
    const PlayOptions how = {
        .episodes = options.episodes, .deterministic = !options.stochastic, .seed = common.seed};
    const auto player = make_player(session.device(), options.run, environment, how);
    object = score_json(score_of(play(session.device(), environment, *player, how), environment));
    object["environment"] = environment.name;
  }
  object["seed"] = common.seed;
  if (!options.demonstrations.empty()) {
    if (stands_alone)
      fail(ErrorKind::bad_input, "--demos: expected a run, found %s, which has no likelihood",
           options.run.c_str());
    const auto policy = load_policy(session.device(), options.run);
    add_fit(object, *policy, held_out(options, *policy));
  }
  if (common.json) {
    print(object);
    return 0;
  }
  if (has_environment)
    std::printf("%s: return %.4g +- %.3g over %lld episodes", options.run.c_str(),
                object["return_mean"].get<double>(), object["return_std"].get<double>(),
                object["episodes"].get<long long>());
  if (has_environment && object["return_ci95"][0].is_number())
    std::printf(" (95 %% of the mean: %.4g to %.4g)", object["return_ci95"][0].get<double>(),
                object["return_ci95"][1].get<double>());
  if (object.contains("normalised") && object["normalised"].is_number())
    std::printf(", normalized %.3f", object["normalised"].get<double>());
  if (has_environment) std::printf("\n");
  for (const char* key : {"log_likelihood", "error_rate", "root_mean_squared_error"})
    if (object.contains(key) && object[key].is_number())
      std::printf("%s %.6g\n", key, object[key].get<double>());
  return 0;
}

}  // namespace

void add_eval(Verb& root, Command& command) {
  Verb verb = root.verb("eval", "Measures a policy");
  auto options = std::make_shared<EvalOptions>();
  verb.option("RUN", options->run, "a run, a policy's .safetensors, builtin or random").required();
  verb.option("--env", options->environment, "another environment than the run's");
  verb.option("--episodes", options->episodes, "how many (default 50)").between(1, 1000000);
  verb.flag("--stochastic", options->stochastic, "samples from the policy, not its mode");
  verb.option("--demos", options->demonstrations, "held-out demonstrations to score");
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
