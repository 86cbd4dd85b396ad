// understudy train ALGORITHM: learns a policy from demonstrations, in a run folder.

#include <cstdio>

#include "algorithms/data/demonstration_files.h"
#include "cli/session/resolve_environment.h"
#include "cli/training/trainer.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct TrainOptions {
  std::string algorithm, environment, out, config, expert = "builtin", teacher, policy, trunk;
  std::vector<std::string> demonstrations, set;
  std::int64_t iterations = 0;
  LoggingOptions watch;
};

struct Entry {
  const char* name;
  std::unique_ptr<Trainer> (*make)(const Training&);
};
constexpr Entry trainers[] = {
    {"bc", make_cloning}, {"dagger", make_dagger}, {"distill", make_distillation},
    {"gail", make_gail},  {"fem", make_fem},       {"gtal", make_gtal},
};

const Entry& trainer_named(const std::string& name) {
  std::string names;
  for (const Entry& one : trainers) {
    if (name == one.name) return one;
    names += (names.empty() ? "" : ", ") + std::string(one.name);
  }
  fail(ErrorKind::bad_input, "train: no algorithm '%s'; there are: %s", name.c_str(),
       names.c_str());
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

Demonstrations load(const TrainOptions& options, const EnvironmentDescription* environment) {
  if (environment == nullptr) return load_without_environment(options.demonstrations);
  const DemonstrationSpaces spaces = demonstration_spaces(spaces_of(*environment));
  return load_demonstrations(options.demonstrations, &spaces);
}

int run(const TrainOptions& options, const Common& common) {
  const Entry& entry = trainer_named(options.algorithm);
  const EnvironmentDescription* environment =
      options.environment.empty() ? nullptr : &resolve_environment(options.environment);
  Demonstrations demonstrations;
  if (!options.demonstrations.empty()) demonstrations = load(options, environment);
  Session session(common);
  std::vector<std::string> set = options.set;
  if (!options.policy.empty()) set.push_back("head=" + options.policy);
  if (!options.trunk.empty()) set.push_back("trunk=" + options.trunk);
  Settings settings(options.config, set);
  Training training;
  training.device = &session.device();
  training.environment = environment;
  training.demonstrations = options.demonstrations.empty() ? nullptr : &demonstrations;
  if (!options.demonstrations.empty()) training.demonstrations_name = options.demonstrations[0];
  const bool distils = options.algorithm == "distill";
  if (!distils && !options.teacher.empty())
    fail(ErrorKind::bad_input, "--teacher: expected the algorithm distill, found %s",
         options.algorithm.c_str());
  training.expert = distils ? options.teacher : options.expert;
  training.seed = common.seed;
  training.settings = &settings;
  const std::unique_ptr<Trainer> trainer = entry.make(training);

  Json config = {{"kind", "train"}, {"algorithm", options.algorithm}};
  if (environment != nullptr) config["environment"] = options.environment;
  config["demonstrations"] = options.demonstrations;
  if (options.algorithm == "dagger") config["expert"] = options.expert;
  if (distils) config["teacher"] = options.teacher;
  const Trained trained =
      train_in(options.out, config, *trainer, training, options.iterations, common, options.watch);
  if (common.json) {
    Json object = {{"algorithm", options.algorithm},
                   {"iterations", trained.iterations},
                   {"interactions", trained.interactions},
                   {"seconds", trained.seconds},
                   {"out", options.out}};
    if (trained.score.is_object()) object.update(trained.score);
    print(object);
  } else if (!common.quiet) {
    std::printf("%s: %lld iterations, %.2f s", options.algorithm.c_str(),
                static_cast<long long>(trained.iterations), trained.seconds);
    if (trained.score.is_object())
      std::printf(", return %.4g over %lld episodes", trained.score["return_mean"].get<double>(),
                  trained.score["episodes"].get<long long>());
    std::printf("; %s\n", options.out.c_str());
  }
  return 0;
}

}  // namespace

void add_train(Verb& root, Command& command) {
  Verb verb = root.verb("train", "Learns a policy from demonstrations");
  auto options = std::make_shared<TrainOptions>();
  verb.option("ALGORITHM", options->algorithm, "as `understudy algorithms` lists it").required();
  verb.option("--env", options->environment, "the environment, where one is needed");
  verb.option("--demos", options->demonstrations, "demonstrations: .npz, .csv, .arrow or a folder");
  verb.option("--out", options->out, "the run's folder").required();
  verb.option("--config", options->config, "settings: a file with a JSON object");
  verb.option("--set", options->set, "a setting, key=value");
  verb.option("--policy", options->policy,
              "the head, as `understudy policies` lists them, or gmm, cvae, made (setting head)");
  verb.option("--trunk", options->trunk, "mlp (default), rnn, lstm or gru (setting trunk)");
  add_logging_options(verb, options->watch);
  verb.option("--iterations", options->iterations, "in place of the algorithm's own number")
      .between(std::int64_t{1}, std::int64_t{1000000000});
  verb.option("--expert", options->expert,
              "dagger: builtin (default), a run, or pipe:COMMAND, a program to ask");
  verb.option("--teacher", options->teacher, "distill: a run, builtin, or pipe:COMMAND");
  verb.when_chosen([&command, options] {
    command.run = [&command, options] { return run(*options, command.common); };
  });
}

}  // namespace understudy::cli
