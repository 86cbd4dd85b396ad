// understudy reproduce gail-classic: Table 3 of "Generative adversarial imitation learning" (Ho &
// Ermon 2016) for its three classic tasks: cloning, FEM, GTAL and GAIL from 1, 4, 7 and 10
// demonstrations.
//
// The protocol is the paper's and its code's: the first N episodes of the expert, thinned out to
// every 10th step (CartPole) or 5th; networks of 2 x 100 tanh on observations standardized with the
// expert's statistics; 300 iterations of 5000 pairs, TRPO with divergence 0.01; the last policy's
// modes over 50 episodes; seven seeds. What differs here: 50 environments of 100 steps in place of
// whole episodes, values beyond a truncated episode, Fisher products over every fifth pair (an
// option), and all of the expert's pairs in each step of the discriminator.
//
// Each finished run is a line of results.jsonl in --out; what is there is not run again.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <mutex>
#include <optional>
#include <thread>

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/cloning/behavior_cloning.h"
#include "algorithms/data/demonstration_files.h"
#include "algorithms/policies/evaluation.h"
#include "cli/reproduce/reproduce.h"
#include "cli/session/progress.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace gail_classic {

struct Task {
  const char* name;         // in --env
  const char* environment;  // ours
  const char* file;         // of the authors' expert, in gym_experts
  std::int64_t keep;        // every so many steps
  double random, expert;    // the paper's returns
  // Means of bclone, fem, simplex, ga in the authors' results, for N = 1, 4, 7, 10.
  double published[4][4];
};

constexpr std::int64_t sizes[] = {1, 4, 7, 10};
constexpr const char* algorithms[] = {"bc", "fem", "gtal", "gail"};

constexpr Task tasks[] = {
    {"cartpole",
     "cartpole-v0",
     "cartpole_expert.csv",
     10,
     18.64,
     200,
     {{72.02, 169.18, 188.60, 177.19},
      {200, 200, 200, 199.75},
      {200, 200, 199.94, 200},
      {200, 200, 200, 200}}},
    {"acrobot",
     "acrobot-v0",
     "acrobot_expert.csv",
     5,
     -200,
     -75.25,
     {{-130.60, -93.20, -96.92, -95.09},
      {-133.14, -94.21, -95.08, -77.22},
      {-81.35, -94.80, -95.75, -94.32},
      {-77.26, -83.12, -82.56, -78.91}}},
    {"mountain_car",
     "mountain_car",
     "mountaincar_expert.csv",
     5,
     -200,
     -98.75,
     {{-136.76, -133.25, -127.34, -123.14},
      {-100.97, -99.29, -100.65, -100.48},
      {-115.48, -143.58, -128.96, -120.05},
      {-101.55, -101.35, -99.90, -100.83}}},
};

constexpr OptionChoice expert_sources[] = {{0, "authors"}, {1, "own"}};
struct Options {
  std::string environments, algorithms;  // with commas between them
  std::vector<std::int64_t> sizes;
  std::string experts = "authors";
  std::int64_t iterations = 300, steps_per_iteration = 5000, num_envs = 50, fisher_stride = 1;
  double entropy = 0;
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("env", o.environments, "of cartpole, acrobot, mountain_car; by default all"),
      option("algorithm", o.algorithms, "of bc, fem, gtal, gail; by default all"),
      option("n", o.sizes, "demonstrations, of 1, 4, 7, 10; by default all", {.least = 1}),
      option("experts", o.experts, expert_sources, "those of gym_experts, or trained here by TRPO"),
      option("iterations", o.iterations, "of each run", {.least = 1, .most = 100000}),
      option("steps_per_iteration", o.steps_per_iteration, "transitions",
             {.least = 1, .most = 1000000, .unit = "steps"}),
      option("num_envs", o.num_envs, "environments side by side", {.least = 1, .most = 100000}),
      option("fisher_stride", o.fisher_stride,
             "Fisher-vector products over every so many transitions (1, as the paper has it)",
             {.least = 1, .most = 1000}),
      option("entropy_coefficient", o.entropy, "of the policy", {.least = 0, .most = 10}));
}

struct Run {
  const Task* task;
  int algorithm, size;  // places in the lists above
  std::uint64_t seed;
};

struct Outcome {
  double mean = 0, seconds = 0;
};

// Of our own expert: TRPO on the true reward, until its modes reach the paper's expert or time is
// up; its draws are then recorded, as the authors' were.
Demonstrations own_expert(Device& device, const Task& task, const Options& options,
                          std::uint64_t seed) {
  const EnvironmentDescription& environment = environment_named(task.environment);
  Policy policy(device, imitation_policy(environment), seed);
  TrpoOptions trpo;
  trpo.learner.rollouts = {.num_envs = options.num_envs,
                           .steps_per_iteration = options.steps_per_iteration,
                           .seed = seed + 1000};
  trpo.trust_region.fisher_stride = options.fisher_stride;
  trpo.learner.baseline.trust_region.fisher_stride = options.fisher_stride;
  Trpo learner(policy, environment, trpo);
  constexpr int most = 150, every = 10;
  for (int i = 1; i <= most; ++i) {
    learner.step();
    throw_if_interrupted();
    if (i % every == 0 && evaluate_policy(policy, environment).mean >= task.expert) break;
  }
  // Draws from the policy, as the authors' demonstrations are.
  const PlayOptions how = {.episodes = 10, .deterministic = false, .seed = seed};
  const auto player = make_player(policy, how);
  return play(device, environment, *player, how);
}

Demonstrations authors_expert(const Reproduction& reproduction, const Task& task) {
  const std::string path = reproduction.data_folder("gym_experts") + "/" + task.file;
  Demonstrations demonstrations = load_demonstrations(path);
  const EnvironmentDescription& environment = environment_named(task.environment);
  conform(demonstrations, demonstration_spaces(spaces_of(environment)), path);
  return demonstrations;
}

Outcome play(const Demonstrations& all, const Run& run, const Options& options) {
  const auto begin = std::chrono::steady_clock::now();
  auto device = cpu_device();  // a run a thread
  const EnvironmentDescription& environment = environment_named(run.task->environment);
  const Demonstrations few = subsample(first_episodes(all, sizes[run.size], run.task->file),
                                       run.task->keep, run.seed, run.task->file);
  Policy policy(*device, imitation_policy(environment), run.seed);
  if (run.algorithm == 0) {
    const Transitions pairs = transitions(few);
    fit_normalizer(policy, pairs);
    BehaviorCloning cloning(policy, pairs,
                            {.batch_size = 128,
                             .learning_rate = 1e-3,
                             .gradient_norm = 0,
                             .validation_share = 0.3,
                             .seed = run.seed});
    cloning.train(1000);
    cloning.keep_best();
  } else {
    freeze_normalizer(policy, transitions(few));
    AdversarialOptions imitate = imitation_options(
        adversarial_algorithm_named(algorithms[run.algorithm]),
        {.num_envs = options.num_envs, .steps_per_iteration = options.steps_per_iteration},
        options.fisher_stride, run.seed);
    imitate.trpo.learner.entropy_coefficient = options.entropy;
    const auto imitation = make_imitation(policy, environment, few, imitate, run.task->file);
    for (std::int64_t i = 0; i < options.iterations; ++i) {
      imitation->step();
      throw_if_interrupted();
    }
  }
  Outcome outcome;
  outcome.mean = evaluate_policy(policy, environment, {.seed = run.seed}).mean;
  outcome.seconds = seconds_since(begin);
  return outcome;
}

// What a line of results.jsonl is found by: all that decides its result.
Json key_of(const Run& run, const Options& options) {
  Json key = {{"experts", options.experts},
              {"env", run.task->name},
              {"n", sizes[run.size]},
              {"algorithm", algorithms[run.algorithm]},
              {"seed", run.seed}};
  if (run.algorithm != 0 || options.experts == "own")
    key.update({{"iterations", options.iterations},
                {"steps_per_iteration", options.steps_per_iteration},
                {"num_envs", options.num_envs},
                {"fisher_stride", options.fisher_stride},
                {"entropy", options.entropy}});
  return key;
}

// Finished runs by their keys; a last line that was cut off is left out.
std::vector<std::pair<Json, Outcome>> read_results(const std::string& path) {
  std::vector<std::pair<Json, Outcome>> results;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("return")) continue;
    const Outcome outcome{entry["return"].get<double>(), entry.value("seconds", 0.0)};
    entry.erase("return");
    entry.erase("seconds");
    results.emplace_back(entry, outcome);
  }
  return results;
}

template <class Names>
int place_of(const Names& names, const std::string& name, const char* option) {
  int i = 0;
  std::string known;
  for (const auto& candidate : names) {
    if (name == candidate) return i;
    known += std::string(i++ == 0 ? "" : ", ") + candidate;
  }
  fail(ErrorKind::bad_input, "%s: expected %s, found '%s'", option, known.c_str(), name.c_str());
}

std::vector<Run> chosen_runs(const Options& options, std::int64_t seeds, std::uint64_t first_seed) {
  const char* task_names[] = {tasks[0].name, tasks[1].name, tasks[2].name};
  bool wanted_task[3] = {}, wanted_algorithm[4] = {}, wanted_size[4] = {};
  for (const std::string& name : words(options.environments))
    wanted_task[place_of(task_names, name, "--env")] = true;
  for (const std::string& name : words(options.algorithms))
    wanted_algorithm[place_of(gail_classic::algorithms, name, "--algorithm")] = true;
  for (std::int64_t n : options.sizes) {
    const auto* found = std::find(std::begin(sizes), std::end(sizes), n);
    if (found == std::end(sizes))
      fail(ErrorKind::bad_input, "--n: expected 1, 4, 7 or 10, found %lld",
           static_cast<long long>(n));
    wanted_size[found - std::begin(sizes)] = true;
  }
  const auto any = [](bool wanted, bool none) { return wanted || none; };
  std::vector<Run> runs;
  for (int t = 0; t < 3; ++t)
    for (int size = 0; size < 4; ++size)
      for (int a = 0; a < 4; ++a)
        for (std::int64_t s = 0; s < seeds; ++s)
          if (any(wanted_task[t], options.environments.empty()) &&
              any(wanted_algorithm[a], options.algorithms.empty()) &&
              any(wanted_size[size], options.sizes.empty()))
            runs.push_back({&tasks[t], a, size, first_seed + static_cast<std::uint64_t>(s)});
  return runs;
}

// `expert`: what was shown; empty where nothing was left to learn from it.
Table table_of(const Task& task, const std::vector<Run>& runs, const std::vector<Outcome>& outcomes,
               const Demonstrations& expert, const Options& options) {
  Table table;
  table.title = formatted("%s (random %g, expert %g), %s experts", task.name, task.random,
                          task.expert, options.experts == "own" ? "our own" : "the authors'");
  if (!expert.rewards.empty()) {
    double mean = 0;
    const std::vector<double> returns = expert.returns();
    for (double one : returns) mean += one / static_cast<double>(returns.size());
    table.title += formatted(", whose %zu demonstrations have %.2f", returns.size(), mean);
  }
  table.columns = {"N, algorithm", "paper", "ours", "95 % interval", "failed", "seconds a run"};
  for (int size = 0; size < 4; ++size)
    for (int a = 0; a < 4; ++a) {
      std::vector<double> means;
      double seconds = 0;
      int failed = 0;
      for (std::size_t i = 0; i < runs.size(); ++i) {
        if (runs[i].task != &task || runs[i].size != size || runs[i].algorithm != a) continue;
        means.push_back(outcomes[i].mean);
        seconds += outcomes[i].seconds;
        failed += outcomes[i].mean < (task.random + task.expert) / 2;
      }
      if (means.empty()) continue;
      const double n = static_cast<double>(means.size());
      double mean = 0;
      for (double value : means) mean += value / n;
      const auto [low, high] = bootstrap_interval(means);
      table.rows.push_back(
          {formatted("%2lld %s", static_cast<long long>(sizes[size]), algorithms[a]),
           formatted("%.2f", task.published[a][size]), formatted("%.2f", mean),
           formatted("[%.2f, %.2f]", low, high), formatted("%d of %zu", failed, means.size()),
           formatted("%.1f", seconds / n)});
    }
  table.note = "failed: seeds nearer to random than to the expert";
  return table;
}

void run(Reproduction& reproduction, const Options& options) {
  if (options.steps_per_iteration % options.num_envs != 0 ||
      options.steps_per_iteration % options.fisher_stride != 0)
    fail(ErrorKind::bad_input,
         "--steps-per-iteration: expected a multiple of --num-envs and --fisher-stride");
  constexpr std::int64_t papers_seeds = 7;
  const std::int64_t seeds = reproduction.seeds_or(papers_seeds);
  const std::vector<Run> runs = chosen_runs(options, seeds, reproduction.common.seed);
  std::vector<std::optional<Outcome>> outcomes(runs.size());
  const std::string path = reproduction.out.empty() ? "" : reproduction.out + "/results.jsonl";
  if (!path.empty())
    for (const auto& [key, outcome] : read_results(path))
      for (std::size_t i = 0; i < runs.size(); ++i)
        if (key == key_of(runs[i], options)) outcomes[i] = outcome;
  std::vector<std::size_t> waiting;
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (!outcomes[i]) waiting.push_back(i);

  std::vector<Demonstrations> experts(std::size(tasks));
  for (std::size_t t = 0; t < std::size(tasks); ++t) {
    const auto is_of = [&](std::size_t i) { return runs[i].task == &tasks[t]; };
    // What our own is worth is told even where all is learned; the authors' is known.
    const bool needed =
        std::any_of(waiting.begin(), waiting.end(), is_of) ||
        (options.experts == "own" &&
         std::any_of(runs.begin(), runs.end(), [&](const Run& r) { return r.task == &tasks[t]; }));
    if (!needed) continue;
    auto device = cpu_device();
    experts[t] = options.experts == "own"
                     ? own_expert(*device, tasks[t], options, reproduction.common.seed)
                     : authors_expert(reproduction, tasks[t]);
  }

  // Runs share nothing, so that threads take whole runs, and a run's result does not depend on
  // them. The first error stops all.
  const std::size_t threads = static_cast<std::size_t>(
      reproduction.common.threads == 0 ? available_cores() : reproduction.common.threads);
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  Progress progress(static_cast<std::int64_t>(waiting.size()), reproduction.common.quiet);
  const auto work = [&] {
    for (std::size_t place; (place = next++) < waiting.size();) {
      const std::size_t i = waiting[place];
      try {
        const Outcome outcome =
            play(experts[static_cast<std::size_t>(runs[i].task - tasks)], runs[i], options);
        const std::lock_guard lock(mutex);
        outcomes[i] = outcome;
        progress.step(
            "runs", static_cast<std::int64_t>(place + 1), static_cast<std::int64_t>(waiting.size()),
            formatted("%s N=%lld %s seed %llu: %.2f", runs[i].task->name,
                      static_cast<long long>(sizes[runs[i].size]), algorithms[runs[i].algorithm],
                      static_cast<unsigned long long>(runs[i].seed), outcome.mean));
        if (path.empty()) continue;
        Json line = key_of(runs[i], options);
        line["return"] = outcome.mean;
        line["seconds"] = outcome.seconds;
        std::ofstream file(path, std::ios::app);
        file << line.dump() << '\n' << std::flush;
        if (!file) fail(ErrorKind::bad_file, "%s: cannot be written", path.c_str());
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::current_exception();
        next = waiting.size();
      }
    }
  };
  std::vector<std::thread> team;
  for (std::size_t i = 0; i < std::min(threads, waiting.size()); ++i) team.emplace_back(work);
  for (std::thread& thread : team) thread.join();
  if (error) std::rethrow_exception(error);

  std::vector<Outcome> finished;
  for (const auto& outcome : outcomes) finished.push_back(*outcome);
  for (const Task& task : tasks) {
    Table table =
        table_of(task, runs, finished, experts[static_cast<std::size_t>(&task - tasks)], options);
    if (!table.rows.empty()) reproduction.tables.push_back(std::move(table));
  }
}

}  // namespace gail_classic

Experiment gail_classic_experiment() {
  return with_settings<gail_classic::Options>(
      "gail-classic",
      "Cloning, FEM, GTAL and GAIL on CartPole, Acrobot and MountainCar, 1 to 10 demonstrations",
      "Ho & Ermon 2016, \"Generative adversarial imitation learning\", Table 3", gail_classic::run);
}

}  // namespace understudy::cli
