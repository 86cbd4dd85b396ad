// understudy irl ALGORITHM: recovers the reward of a tabular problem's demonstrator.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "algorithms/tabular/learner.h"
#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/problem_file.h"
#include "algorithms/tabular/solver.h"
#include "autograd/files/checkpoint.h"
#include "autograd/files/npz.h"
#include "cli/session/run_folder.h"
#include "cli/session/settings.h"
#include "cli/session/several_runs.h"
#include "cli/tabular/irl_parts.h"
#include "cli/tabular/problem_source.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

struct IrlArguments {
  std::string algorithm, out;
  std::vector<std::string> demonstrations;
  GivenSettings settings;
  ProblemSource source;
  std::int64_t iterations = 500;
  std::int64_t evaluate_every = 10;
  bool list = false, trace = false;
  SeveralRuns several;
  bool one_of_several = false;
};

int list(const Common& common) {
  Json array = Json::array();
  for (const TabularAlgorithm& one : tabular_algorithms()) {
    array.push_back({{"name", one.name}, {"summary", one.summary}, {"source", one.source}});
    if (!common.json) std::printf("%-20s %s (%s)\n", one.name, one.summary, one.source);
  }
  if (common.json) print(array);
  return 0;
}

Json config_of(const IrlArguments& arguments, const std::string& algorithm, bool indicators,
               const Json& settings) {
  Json config = {{"kind", "irl"},
                 {"algorithm", algorithm},
                 {"mdp", arguments.source.mdp},
                 {"demonstrations", arguments.demonstrations},
                 {"features", indicators ? "one a state" : "the problem's"},
                 {"iterations", arguments.iterations},
                 {"evaluate_every", arguments.evaluate_every},
                 {"settings", settings}};
  const WorldOptions& world = arguments.source.world;
  if (world.size >= 0) config["size"] = world.size;
  if (world.discount >= 0) config["discount"] = world.discount;
  if (world.noise >= 0) config["noise"] = world.noise;
  if (world.seed != 0) config["world_seed"] = world.seed;
  if (world.horizon > 0) config["horizon"] = world.horizon;
  if (world.terminal_reward) config["terminal_reward"] = true;
  return config;
}

// What reward.npz holds: the contract's arrays, and what a report draws.
files::NamedArrays arrays_of(const TabularTask& task, const Recovered& found,
                             const LoadedProblem& loaded) {
  const Problem& problem = task.problem;
  const std::int64_t steps = problem.horizon, states = problem.n_states;
  const std::vector<double> none(static_cast<std::size_t>(states), std::nan(""));
  files::NamedArrays arrays;
  const auto vector = [](const std::vector<double>& values) { return files::Array::from(values); };
  arrays["reward"] = found.reward.empty() ? vector(none) : reward_array(problem, found.reward);
  arrays["weights"] = vector(found.weights);
  if (!found.standard_errors.empty()) arrays["standard_errors"] = vector(found.standard_errors);
  if (found.values.empty())
    arrays["values"] = vector(none);
  else if (problem.n_goals() > 0)
    arrays["values"] = array_of({states, problem.n_goals()}, found.values);
  else
    arrays["values"] =
        steps > 0 ? array_of({steps + 1, states}, found.values) : vector(found.values);
  arrays["policy"] = pair_array(problem, found.policy, 0.0, steps);
  arrays["occupancy"] = vector(found.occupancy);
  arrays["log_likelihood"] = files::Array::scalar<double>(found.log_likelihood);
  std::vector<double> demonstrated(static_cast<std::size_t>(states), 0.0);
  for (const Trajectory& trajectory : task.demonstrations)
    for (std::int32_t state : trajectory.states)
      demonstrated[static_cast<std::size_t>(state)] +=
          1.0 / static_cast<double>(task.demonstrations.size());
  arrays["demonstrated"] = vector(demonstrated);
  if (!problem.shape.empty()) arrays["shape"] = files::Array::from(problem.shape);
  if (!loaded.coordinates.empty()) arrays["coordinates"] = coordinates_array(loaded);
  if (!problem.reward.empty()) arrays["true_reward"] = reward_array(problem, problem.reward);
  return arrays;
}

// Visits given that all is optimal, which are what maxent matches: alpha beta / Z [S].
std::vector<double> expected_by_model(Device& device, const Problem& problem,
                                      const std::vector<double>& reward) {
  if (problem.horizon == 0) return occupancy_given_optimality(device, problem, reward).states;
  const Messages m = messages(device, problem, reward, Expectation::log_mean_exp);
  std::vector<double> visits(static_cast<std::size_t>(problem.n_states), 0.0);
  for (std::size_t i = 0; i < m.state_marginal.size(); ++i)
    visits[i % visits.size()] += m.state_marginal[i];
  return visits;
}

void print_found(const Recovered& found, const Json& result, const std::string& out) {
  std::printf("%s after %lld iterations; log-likelihood %.6f (%.6f an episode)\n",
              found.status.c_str(), result["iterations"].get<long long>(), found.log_likelihood,
              found.log_likelihood / result["episodes"].get<double>());
  if (result.contains("expected_value_difference"))
    std::printf("expected value difference %.6g\n",
                result["expected_value_difference"].get<double>());
  constexpr std::size_t most = 24;
  const bool errors = !found.standard_errors.empty();
  if (!found.weights.empty())
    std::printf("  %7s  %12s%s\n", "feature", "weight", errors ? "  std. error          t" : "");
  for (std::size_t i = 0; i < found.weights.size() && i < most; ++i) {
    std::printf("  %7zu  %12.6f", i, found.weights[i]);
    if (errors)
      std::printf("  %10.6f  %9.2f", found.standard_errors[i],
                  found.weights[i] / found.standard_errors[i]);
    std::printf("\n");
  }
  if (found.weights.size() > most) std::printf("  ... %zu weights\n", found.weights.size());
  if (!found.remark.empty()) std::printf("%s\n", found.remark.c_str());
  std::printf("%s/reward.npz\n", out.c_str());
}

int run_irl(IrlArguments arguments, const Common& common) {
  if (arguments.list) return list(common);
  for (const auto& [name, missing] :
       {std::pair{"ALGORITHM (--list names them)", arguments.algorithm.empty()},
        {"--mdp", arguments.source.mdp.empty()},
        {"--demos", arguments.demonstrations.empty()},
        {"--out", arguments.out.empty()}})
    if (missing) fail(ErrorKind::bad_input, "irl: %s is needed", name);
  const TabularAlgorithm& algorithm = tabular_algorithm(arguments.algorithm);

  // All that can be wrong with the input is found before the folder is touched.
  const IrlInputs in = inputs_of(arguments.source, arguments.demonstrations, algorithm);
  const std::vector<Trajectory>& demonstrations = in.demonstrations;
  if (in.problem.horizon > 0)
    for (std::size_t e = 0; e < demonstrations.size(); ++e)
      if (static_cast<std::int64_t>(demonstrations[e].actions.size()) > in.problem.horizon)
        fail(ErrorKind::bad_input,
             "episode %zu: expected at most %lld steps (the horizon), found "
             "%zu",
             e, static_cast<long long>(in.problem.horizon), demonstrations[e].actions.size());
  Session session(common);
  Device& device = session.device();
  const TabularTask task{device, in.problem, demonstrations, arguments.iterations};
  const std::unique_ptr<TabularPlan> plan = algorithm.plan();
  assign_options([&] { return plan->options(); }, assignments_of(arguments.settings));
  plan->options().seed(common.seed);
  plan->options().check();
  const std::unique_ptr<TabularLearner> learner = plan->make(task);

  const Json config =
      config_of(arguments, algorithm.name, in.indicators, settings_json(plan->options()));
  if (arguments.one_of_several && common.resume && is_finished(arguments.out, config, common))
    return 0;
  RunFolder run(arguments.out, config, common);
  print_remarks(common, in.remarks);
  // A network goes on from its checkpoint. Any other learner is the same from run to run, to
  // the last bit: it goes on by doing again, unlogged, the iterations that the checkpoint counts.
  bool already = false;
  Store* const store = learner->store();
  if (store != nullptr && run.resumed()) read_checkpoint(run.checkpoint(), {store});
  for (std::int64_t i = 0; store == nullptr && i < run.iteration() && !already; ++i) {
    throw_if_interrupted();
    learner->step();
    already = learner->finished();
  }
  const Judge judge(device, in);
  Loop loop;
  loop.iterations = already ? run.iteration() : arguments.iterations;
  loop.what = algorithm.name;
  loop.metric = algorithm.metric;
  std::int64_t latest = 0;
  loop.step = [&](std::int64_t iteration) {
    latest = iteration;
    Metrics metrics = learner->step();
    if (judge.can() && arguments.evaluate_every > 0)
      metrics.emplace_back(
          "expected_value_difference",
          iteration == 1 || iteration % arguments.evaluate_every == 0 || learner->finished()
              ? judge.of(learner->snapshot())
              : std::nan(""));
    return metrics;
  };
  std::unique_ptr<Tracer> tracer;
  if (arguments.trace) {
    tracer = std::make_unique<Tracer>(
        run, device, in, algorithm.discounts ? Expectation::causal : Expectation::log_mean_exp);
    loop.trace = [&] { return tracer->of(latest, *learner); };
  }
  loop.save = [&](std::int64_t iteration) {
    if (store != nullptr) return run.save(iteration, {store});
    files::Safetensors checkpoint;
    checkpoint.arrays["weights"] = files::Array::from(learner->weights());
    run.save(iteration, std::move(checkpoint));
  };
  loop.finished = [&] { return learner->finished(); };
  const std::int64_t iterations = iterate(run, loop, common);

  const Recovered found = learner->recovered();
  files::NamedArrays arrays = arrays_of(task, found, in.loaded);
  if (!algorithm.discounts && in.problem.n_goals() == 0)
    arrays["marginal_occupancy"] =
        files::Array::from(expected_by_model(device, in.problem, found.reward));
  files::write_npz(run.file("reward.npz"), arrays);
  Json result = {{"kind", "irl"},
                 {"algorithm", algorithm.name},
                 {"status", found.status},
                 {"iterations", iterations},
                 {"episodes", demonstrations.size()},
                 {"log_likelihood", found.log_likelihood},
                 {"weights", found.weights}};
  if (in.problem.horizon > 0) result["horizon"] = in.problem.horizon;
  if (!found.standard_errors.empty()) result["standard_errors"] = found.standard_errors;
  if (judge.can()) result["expected_value_difference"] = judge.of(found);
  if (!found.remark.empty()) result["remark"] = found.remark;
  if (!in.remarks.empty()) result["remarks"] = in.remarks;
  run.finish(result);
  result["run"] = arguments.out;
  if (common.json)
    print(result);
  else if (!common.quiet)
    print_found(found, result, arguments.out);
  return 0;
}

int run_irls(const IrlArguments& arguments, const Common& common) {
  if (!arguments.several.asked() || arguments.list) return run_irl(arguments, common);
  for (const auto& [name, missing] :
       {std::pair{"ALGORITHM", arguments.algorithm.empty()}, {"--out", arguments.out.empty()}})
    if (missing) fail(ErrorKind::bad_input, "irl: %s is needed", name);
  const TabularAlgorithm& algorithm = tabular_algorithm(arguments.algorithm);
  return run_several(
      arguments.several, arguments.out, common,
      [&](const PlannedRun& run) {
        const std::unique_ptr<TabularPlan> plan = algorithm.plan();
        assign_options([&] { return plan->options(); },
                       assignments_of(with_swept(arguments.settings, run)));
      },
      [&](const PlannedRun& run, const std::string& path, const Common& own) {
        IrlArguments one = arguments;
        one.settings = with_swept(arguments.settings, run);
        one.out = path;
        one.one_of_several = true;
        return run_irl(one, own);
      });
}

// For --help: the algorithm's settings with those given, or the algorithms there are.
std::string help_on_settings(const IrlArguments& arguments) {
  if (arguments.algorithm.empty()) {
    std::string text = "Algorithms, whose settings `--help` behind the name lists:\n";
    for (const TabularAlgorithm& one : tabular_algorithms())
      text += formatted("  %-20s %s\n", one.name, one.summary);
    return text;
  }
  try {
    const std::unique_ptr<TabularPlan> plan = tabular_algorithm(arguments.algorithm).plan();
    assign_options([&] { return plan->options(); }, assignments_of(arguments.settings));
    return "Settings of " + arguments.algorithm + " (--set setting=value, or --config FILE):\n" +
           settings_table(plan->options());
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

void add_irl(Verb& root, Command& command) {
  Verb verb = root.verb("irl", "Recovers the reward of a tabular problem's demonstrator");
  auto arguments = std::make_shared<IrlArguments>();
  verb.option("ALGORITHM", arguments->algorithm, "see --list");
  verb.flag("--list", arguments->list, "the algorithms there are");
  add_problem_options(verb, arguments->source);
  verb.option("--demos", arguments->demonstrations, "files of demonstrations");
  verb.option("--out", arguments->out, "the run's folder");
  verb.option("--iterations", arguments->iterations, "at most (default 500)").between(1, 100000000);
  add_settings(verb, arguments->settings);
  add_several_runs(verb, arguments->several);
  verb.option("--evaluate-every", arguments->evaluate_every,
              "iterations between looks at the expected value difference, 0: at the end (10)")
      .between(0, 100000000);
  verb.flag("--trace", arguments->trace,
            "every iteration's messages or visits as RUN/trace/ITERATION.npz, its feature gaps in "
            "trace.csv");
  verb.footer([arguments] { return help_on_settings(*arguments); });
  verb.when_chosen([&command, arguments] {
    command.run = [&command, arguments] { return run_irls(*arguments, command.common); };
  });
}

}  // namespace understudy::cli
