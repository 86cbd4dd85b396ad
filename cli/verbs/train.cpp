// understudy train ALGORITHM: learns a policy from demonstrations, in a run folder.

#include <cstdio>

#include "algorithms/data/demonstration_files.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/pipe_expert.h"
#include "cli/training/player.h"
#include "cli/training/training_run.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct TrainOptions {
  std::string algorithm, environment, expert = "builtin", teacher, head, trunk;
  std::vector<std::string> demonstrations;
  TrainingRun training;
  SeveralRuns several;
};

// Those that learn from demonstrations or from an expert that can be asked.
bool by_example(const AlgorithmRow& row) { return row.setup != nullptr && !row.needs.reward; }

// What --policy and --trunk say are settings too.
GivenSettings settings_of(const TrainOptions& options) {
  GivenSettings given = options.training.given;
  if (!options.head.empty()) given.set.push_back("head=" + options.head);
  if (!options.trunk.empty()) given.set.push_back("trunk=" + options.trunk);
  return given;
}

// Where no environment says how many choices there are, the highest index does: one that is a slip
// would ask for a policy that no memory holds.
Demonstrations load_without_environment(const std::vector<std::string>& paths) {
  constexpr std::int64_t most_choices = 1 << 20;
  const auto count = [](const Series& series) { return series.discrete ? most_choices : -1; };
  Demonstrations all;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    Demonstrations next = load_demonstrations(paths[i]);
    conform(next,
            {.observation_shape = next.observations.shape,
             .observation_count = count(next.observations),
             .action_shape = next.actions.shape,
             .action_count = count(next.actions)},
            paths[i]);
    if (i == 0) {
      all = std::move(next);
    } else {
      append(all, next, paths[i]);
    }
  }
  return all;
}

Demonstrations load(const TrainOptions& options, const EnvironmentDescription* environment,
                    bool states_only) {
  if (environment == nullptr) return load_without_environment(options.demonstrations);
  DemonstrationSpaces spaces = demonstration_spaces(*environment);
  spaces.states_only = states_only;
  return load_demonstrations(options.demonstrations, &spaces);
}

// What the algorithm needs and was not given.
void require_inputs(const TrainOptions& options, const AlgorithmRow& algorithm) {
  const auto need = [&](bool needed, bool there, const char* what) {
    if (needed && !there)
      fail(ErrorKind::bad_input, "%s: expected %s, found none", algorithm.name, what);
  };
  need(algorithm.needs.environment, !options.environment.empty(), "an environment (--env)");
  need(algorithm.needs.demonstrations, !options.demonstrations.empty(), "demonstrations (--demos)");
  need(algorithm.needs.teacher, !options.teacher.empty(), "a teacher (--teacher RUN)");
  if (!algorithm.needs.teacher && !options.teacher.empty())
    fail(ErrorKind::bad_input,
         "--teacher: expected an algorithm with a teacher (distill), found %s", algorithm.name);
}

// Who is asked: a policy, or another expert. One that is missing or does not fit the environment is
// an Error.
struct Asked {
  std::unique_ptr<Policy> policy;
  std::unique_ptr<Expert> other;
};
Asked expert_named(const std::string& name, bool teacher, Device& device,
                   const EnvironmentDescription& environment) {
  Asked asked;
  if (name == "builtin") {
    asked.other = built_in_expert(environment);
    return asked;
  }
  if (name.starts_with("pipe:")) {
    asked.other = std::make_unique<PipeExpert>(name.substr(5));
    return asked;
  }
  // Where spaces agree by chance a run still says what it was taught for. The policy's own file,
  // RUN/policy.safetensors, does not, and teaches wherever it fits.
  if (teacher && is_run(name)) {
    const Json config = read_json(name + "/config.json");
    const bool says = config.contains("environment") && config["environment"].is_string();
    const std::string taught = says ? config["environment"].get<std::string>() : "";
    if (says && &resolve_environment(taught) != &environment)
      fail(ErrorKind::bad_input, "%s: expected a teacher of %s, found one of %s", name.c_str(),
           environment.name, taught.c_str());
  }
  asked.policy = load_policy(device, name);
  require_spaces(*asked.policy, environment, name);
  if (asked.policy->description().codes.any())
    fail(ErrorKind::bad_input, "%s: expected a policy without latent codes, found one with",
         name.c_str());
  return asked;
}

// One run, without a device yet, nor whoever is asked.
int train(const TrainOptions& options, TrainingRun training, const Common& common) {
  const AlgorithmRow& algorithm = *training.algorithm;
  TrainingInputs& inputs = training.inputs;
  const EnvironmentDescription* environment = inputs.environment;
  Session session(common);
  inputs.device = &session.device();
  inputs.seed = common.seed;
  Json config = {{"kind", "train"}, {"algorithm", options.algorithm}};
  if (environment != nullptr) config["environment"] = options.environment;
  config["demonstrations"] = options.demonstrations;
  Asked asked;
  if (algorithm.needs.expert || algorithm.needs.teacher) {
    const bool teacher = algorithm.needs.teacher;
    inputs.expert_name = teacher ? options.teacher : options.expert;
    asked = expert_named(inputs.expert_name, teacher, session.device(), *environment);
    inputs.teacher = asked.policy.get();
    inputs.expert = asked.other.get();
    config[teacher ? "teacher" : "expert"] = inputs.expert_name;
  }
  const Trained trained = train_in_folder(training, config, common);
  if (training.one_of_several) return 0;
  if (common.json) {
    Json object = {{"algorithm", options.algorithm},
                   {"iterations", trained.iterations},
                   {"interactions", trained.interactions},
                   {"seconds", trained.seconds},
                   {"out", training.out}};
    if (trained.score.is_object()) object.update(trained.score);
    print(object);
  } else if (!common.quiet) {
    std::printf("%s: %lld iterations, %.2f s", options.algorithm.c_str(),
                static_cast<long long>(trained.iterations), trained.seconds);
    if (trained.score.is_object())
      std::printf(", return %.4g over %lld episodes", trained.score["return_mean"].get<double>(),
                  trained.score["episodes"].get<long long>());
    std::printf("; %s\n", training.out.c_str());
  }
  return 0;
}

int run(TrainOptions options, const Common& common) {
  const AlgorithmRow& algorithm = algorithm_named(options.algorithm, "train", by_example);
  require_inputs(options, algorithm);
  TrainingRun& training = options.training;
  TrainingInputs& inputs = training.inputs;
  if (!options.environment.empty()) inputs.environment = &resolve_environment(options.environment);
  Demonstrations demonstrations;
  if (!options.demonstrations.empty()) {
    demonstrations = load(options, inputs.environment, algorithm.needs.states_only);
    inputs.demonstrations = &demonstrations;
    inputs.demonstrations_name = options.demonstrations[0];
  }
  training.algorithm = &algorithm;
  training.given = settings_of(options);
  if (!options.several.asked()) return train(options, training, common);
  return train_several(
      options.several, training, common,
      [&](const TrainingRun& one, const Common& own) { return train(options, one, own); });
}

}  // namespace

void add_train(Verb& root, Command& command) {
  Verb verb = root.verb("train", "Learns a policy from demonstrations");
  auto options = std::make_shared<TrainOptions>();
  verb.option("ALGORITHM", options->algorithm, "as `understudy algorithms` lists it").required();
  verb.option("--env", options->environment, "the environment, where one is needed");
  verb.option("--demos", options->demonstrations, "demonstrations: .npz, .csv, .arrow or a folder");
  verb.option("--out", options->training.out, "the run's folder").required();
  add_settings(verb, options->training.given);
  verb.option("--policy", options->head,
              "the head, as `understudy policies` lists them, or gmm, cvae, made (setting head)");
  verb.option("--trunk", options->trunk, "mlp (default), rnn, lstm or gru (setting trunk)");
  add_logging_options(verb, options->training.logging);
  add_several_runs(verb, options->several);
  verb.option("--iterations", options->training.iterations, "instead of the algorithm's default")
      .between(std::int64_t{1}, std::int64_t{1000000000});
  verb.option("--expert", options->expert,
              "dagger: builtin (default), a run, or pipe:COMMAND, an external process");
  verb.option("--teacher", options->teacher, "distill: a run, builtin, or pipe:COMMAND");
  verb.footer([options] {
    return help_on_settings(options->algorithm, options->environment, settings_of(*options),
                            by_example);
  });
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
