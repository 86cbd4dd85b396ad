#include "cli/training/training_run.h"

#include <chrono>
#include <cstdio>

#include "cli/session/resolve_environment.h"
#include "cli/training/learned_reward.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

void add_logging_options(Verb& verb, LoggingOptions& logging) {
  verb.flag("--trace", logging.trace,
            "write every inner quantity of each iteration into trace.csv of the run");
  verb.option("--checkpoint-seconds", logging.checkpoint_seconds,
              "at least so long between checkpoints (30; 0: one after each iteration)")
      .between(0, 1e9);
}

int train_several(const SeveralRuns& several, const TrainingRun& training, const Common& common,
                  const std::function<int(const TrainingRun& one, const Common& common)>& work) {
  const AlgorithmRow& algorithm = *training.algorithm;
  // Whoever is asked decides on settings, too, and needs a device: each run looks for itself.
  std::function<void(const PlannedRun&)> check;
  if (!algorithm.needs.expert && !algorithm.needs.teacher)
    check = [&](const PlannedRun& run) {
      algorithm.setup(training.inputs)->assign(assignments_of(with_swept(training.given, run)));
    };
  return run_several(several, training.out, common, check,
                     [&](const PlannedRun& run, const std::string& path, const Common& own) {
                       TrainingRun one = training;
                       one.given = with_swept(training.given, run);
                       one.out = path;
                       one.one_of_several = true;
                       return work(one, own);
                     });
}

Trained train_in_folder(const TrainingRun& training, Json config, const Common& common) {
  using Clock = std::chrono::steady_clock;
  const AlgorithmRow& algorithm = *training.algorithm;
  const std::unique_ptr<TrainingSetup> setup = algorithm.setup(training.inputs);
  setup->assign(assignments_of(training.given));
  config["settings"] = settings_json(setup->options());
  std::int64_t iterations = training.iterations > 0 ? training.iterations : algorithm.iterations;
  config["iterations"] = iterations;
  if (training.one_of_several && common.resume && is_finished(training.out, config, common))
    return {};
  const std::unique_ptr<Trainer> trainer = setup->make();
  RunFolder run(training.out, config, common);
  if (run.resumed()) {
    trainer->resume(run.path(), run.iteration());
    // Whoever was killed between the last step and the result has no step to do.
    if (trainer->finished()) iterations = run.iteration();
  }

  if (training.inputs.demonstrations != nullptr)
    print_remarks(common, remarks_on(*training.inputs.demonstrations));
  Json decisions = Json::object();
  for (const auto& [name, value] : trainer->decisions()) {
    decisions[name] = value;
    if (!common.quiet) std::fprintf(stderr, "%s: %s\n", name.c_str(), value.c_str());
  }
  const Clock::time_point begin = Clock::now();
  Loop loop;
  loop.iterations = iterations;
  loop.what = algorithm.name;
  loop.metric = trainer->metric() != nullptr ? trainer->metric() : algorithm.metric;
  loop.metric_may_wait = algorithm.metric_may_wait;
  const char* warned = nullptr;
  Metrics latest;
  loop.step = [&](std::int64_t iteration) {
    latest = trainer->step();
    // Once each time that it begins.
    const char* warning = trainer->warning();
    if (warning != nullptr && warned == nullptr && !common.quiet)
      std::fprintf(stderr, "iteration %lld: %s\n", static_cast<long long>(iteration), warning);
    warned = warning;
    return latest;
  };
  loop.checkpoint_seconds = training.logging.checkpoint_seconds;
  if (training.logging.trace) {
    loop.trace = [&] {
      Metrics inner = trainer->trace();
      return inner.empty() ? latest : inner;
    };
  }
  loop.save = [&](std::int64_t iteration) {
    run.synchronize();
    trainer->save(run.path(), iteration);
  };
  loop.finished = [&] { return trainer->finished(); };
  Trained trained;
  trained.settings = config["settings"];
  trained.iterations = iterate(run, loop, common);
  trainer->conclude();
  trained.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  trained.interactions = trainer->interactions();
  trainer->policy().save(run.file("policy.safetensors"));
  if (const auto reward = trainer->learned_reward()) reward->save(run.file(reward_file));

  Json result = {{"iterations", trained.iterations}, {"interactions", trained.interactions}};
  result.update(decisions);
  if (const EnvironmentDescription* environment = training.inputs.environment) {
    const PlayOptions how = {.seed = training.inputs.seed};
    const auto player = make_player(trainer->policy(), how);
    const Demonstrations played = play(*training.inputs.device, *environment, *player, how);
    trained.score = score_json(score_of(played, *environment));
    result.update(trained.score);
  }
  // The time is nobody's result: it is told, and not kept.
  run.finish(result);
  return trained;
}

std::string help_on_settings(const std::string& algorithm, const std::string& environment,
                             const GivenSettings& given, bool (*fits)(const AlgorithmRow&)) {
  if (algorithm.empty()) {
    std::string text = "Algorithms, whose settings `--help` behind the name lists:\n";
    for (const AlgorithmRow* row : algorithms())
      if (fits(*row)) text += formatted("  %-16s %s\n", row->name, row->summary);
    return text;
  }
  try {
    TrainingInputs inputs;
    if (!environment.empty()) inputs.environment = &resolve_environment(environment);
    const std::unique_ptr<TrainingSetup> setup =
        algorithm_named(algorithm, "algorithm", fits).setup(inputs);
    setup->assign(assignments_of(given));
    return "Settings of " + algorithm + " (--set setting=value, or --config FILE):\n" +
           settings_table(setup->options());
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace understudy::cli
