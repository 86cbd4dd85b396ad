// understudy reproduce off-policy: steps in the environment and seconds until 90 % of the expert,
// for imitation on and off the policy, as `train` has each by its defaults.
//
// A cell is an algorithm on a task from so many demonstrations by one seed, which draws the
// demonstrations too. After each iteration 20 episodes by the policy's modes are evaluated, on
// episodes and a clock of their own; a cell ends where their mean is 90 % of the way from uniform
// actions to the mean of its demonstrations, or has failed at --steps. With --out a cell is a row
// of runs.csv there, and a run that is started again does what is missing.
//
// Beside it, where --python names one that has them, SQIL and AIRL of the library `imitation`
// (Gleave et al. 2022) on the same demonstrations (bench/peers/imitation_peers.py).

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "algorithms/data/demonstration_files.h"
#include "algorithms/policies/evaluation.h"
#include "algorithms/training/registry.h"
#include "cli/reproduce/reproduce.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace off_policy {

constexpr std::int64_t default_seeds = 10, most_demonstrations = 10;
constexpr double mark = 0.9;  // of the way from uniform actions to the expert
constexpr const char* header = "algorithm,task,demonstrations,seed,reached,steps,seconds,return";

struct Settings {
  std::string tasks = "cartpole,acrobot,mountain_car,pendulum";
  std::string algorithms = "gail,airl,sqil,iq_learn,dac,dqfd";
  std::vector<std::int64_t> demonstrations = {1, 4, 10};
  std::int64_t steps = 200000;
  std::string python;
};
void list_options(OptionList& list, Settings& o) {
  list.fields(
      o, option("tasks", o.tasks, "environments, between commas"),
      option("algorithms", o.algorithms, "of `train`, between commas"),
      option("demonstrations", o.demonstrations, "how many", {.least = 1, .most = 10}),
      option("steps", o.steps, "in the environment, after which a run has failed", {.least = 1}),
      option("python", o.python, "an interpreter that has the library `imitation`"));
}

struct Cell {
  std::string algorithm, task;
  std::int64_t demonstrations = 0;
  std::uint64_t seed = 0;
  std::string key() const {
    return algorithm + "," + task + "," + std::to_string(demonstrations) + "," +
           std::to_string(seed);
  }
};
struct Outcome {
  bool reached = false;
  double steps = 0, seconds = 0, mean = 0;
};

Demonstrations demonstrate(Device& device, const Cell& cell) {
  const EnvironmentDescription& environment = environment_named(cell.task.c_str());
  const PlayOptions how = {.episodes = most_demonstrations, .seed = 1000 + cell.seed};
  const auto player = make_player(device, "builtin", environment, how);
  const Demonstrations all = play(device, environment, *player, how);
  return first_episodes(all, cell.demonstrations, "demonstrations");
}

double mark_of(const EnvironmentDescription& environment, const Demonstrations& shown) {
  const double expert = mean_of(shown.returns());
  return environment.random_return + mark * (expert - environment.random_return);
}

bool learns(const Cell& cell) {
  const bool numbers = environment_named(cell.task.c_str()).action_count == 0;
  return find_algorithm(cell.algorithm) != nullptr &&
         !(numbers && std::string(find_algorithm(cell.algorithm)->actions) == "discrete");
}

Outcome learn(Device& device, const Cell& cell, std::int64_t most) {
  const EnvironmentDescription& environment = environment_named(cell.task.c_str());
  const Demonstrations shown = demonstrate(device, cell);
  const double wanted = mark_of(environment, shown);
  Outcome outcome;
  auto start = std::chrono::steady_clock::now();
  const auto trainer = algorithm_named(cell.algorithm)
                           .setup({.device = &device,
                                   .environment = &environment,
                                   .demonstrations = &shown,
                                   .seed = cell.seed})
                           ->make();
  while (!outcome.reached && trainer->interactions() < most) {
    throw_if_interrupted();
    trainer->step();
    outcome.seconds += seconds_since(start);
    outcome.steps = static_cast<double>(trainer->interactions());
    outcome.mean =
        evaluate_policy(trainer->policy(), environment, {.episodes = 20, .seed = cell.seed}).mean;
    outcome.reached = outcome.mean >= wanted;
    start = std::chrono::steady_clock::now();
  }
  return outcome;
}

// "reached,steps,seconds,return" of the peer's script.
Outcome parsed(const std::string& text, const std::string& from) {
  Outcome outcome;
  int reached = 0;
  if (std::sscanf(text.c_str(), "%d,%lf,%lf,%lf", &reached, &outcome.steps, &outcome.seconds,
                  &outcome.mean) != 4)
    fail(ErrorKind::bad_input, "%s: expected reached,steps,seconds,return, found '%s'",
         from.c_str(), text.c_str());
  outcome.reached = reached != 0;
  return outcome;
}

Outcome learn_by_peer(Device& device, const Cell& cell, const Settings& settings,
                      const std::string& folder) {
  const EnvironmentDescription& environment = environment_named(cell.task.c_str());
  const Demonstrations shown = demonstrate(device, cell);
  const std::string file = folder + "/demonstrations.npz";
  save_demonstrations(file, shown);
  const std::string script = "bench/peers/imitation_peers.py";
  const std::string command = settings.python + " " + script + " " + cell.algorithm.substr(10) +
                              " " + environment.gymnasium + " " + file + " " +
                              std::to_string(cell.seed) + " " + std::to_string(settings.steps) +
                              " " + formatted("%.6g", mark_of(environment, shown));
  std::FILE* pipe = popen(command.c_str(), "r");
  char line[200] = "";
  const bool said = pipe != nullptr && std::fgets(line, sizeof line, pipe) != nullptr;
  if (pipe != nullptr) pclose(pipe);
  if (!said)
    fail(ErrorKind::bad_input, "--python: %s %s said nothing", settings.python.c_str(),
         script.c_str());
  return parsed(line, script);
}

std::map<std::string, Outcome> read_cells(const std::string& path) {
  std::map<std::string, Outcome> done;
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    std::size_t comma = std::string::npos, from = 0;
    for (int i = 0; i < 4 && from != std::string::npos; ++i) {
      comma = line.find(',', from);
      from = comma == std::string::npos ? comma : comma + 1;
    }
    if (from == std::string::npos || line == header) continue;
    done[line.substr(0, comma)] = parsed(line.substr(from), path);
  }
  return done;
}

Table table_of(const std::string& task, const std::vector<Cell>& cells,
               const std::map<std::string, Outcome>& done) {
  Table table;
  table.title = task + ": until 90 % of the expert";
  table.columns = {"algorithm",     "demonstrations", "reached",      "steps (IQM)",
                   "95 % interval", "seconds (IQM)",  "95 % interval"};
  std::map<std::pair<std::string, std::int64_t>, std::vector<Outcome>> groups;
  std::vector<std::pair<std::string, std::int64_t>> order;
  for (const Cell& cell : cells) {
    if (cell.task != task) continue;
    const std::pair group(cell.algorithm, cell.demonstrations);
    if (!groups.contains(group)) order.push_back(group);
    groups[group].push_back(done.at(cell.key()));
  }
  for (const auto& group : order) {
    std::vector<double> steps, seconds;
    std::size_t reached = 0;
    for (const Outcome& one : groups[group]) {
      steps.push_back(one.steps);
      seconds.push_back(one.seconds);
      reached += one.reached;
    }
    const auto interval = [](const std::vector<double>& values, const char* format) {
      const auto [low, high] = interquartile_mean_interval({values});
      return formatted(format, low) + " to " + formatted(format, high);
    };
    table.rows.push_back(
        {group.first, std::to_string(group.second), formatted("%zu of %zu", reached, steps.size()),
         formatted("%.0f", interquartile_mean(steps)), interval(steps, "%.0f"),
         formatted("%.2f", interquartile_mean(seconds)), interval(seconds, "%.2f")});
  }
  table.note =
      "IQM: interquartile mean over seeds, with stratified bootstrap intervals; a seed that "
      "failed counts with the steps and seconds that it was given";
  return table;
}

void run(Reproduction& reproduction, const Settings& settings) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  const std::vector<std::string> tasks = words(settings.tasks);
  std::vector<std::string> algorithms = words(settings.algorithms);
  for (const std::string& name : algorithms) algorithm_named(name, "--algorithms");
  if (!settings.python.empty()) {
    algorithms.emplace_back("imitation-sqil");
    algorithms.emplace_back("imitation-airl");
  }
  std::vector<Cell> cells;
  for (const std::string& task : tasks)
    for (const std::string& algorithm : algorithms)
      for (std::int64_t shown : settings.demonstrations)
        for (std::int64_t i = 0; i < seeds; ++i) {
          const Cell cell{algorithm, task, shown, reproduction.seed(i)};
          const bool discrete = environment_named(task.c_str()).action_count > 0;
          const bool peer = algorithm.starts_with("imitation-");
          // The library's SQIL is DQN.
          if (peer ? discrete || algorithm != "imitation-sqil" : learns(cell))
            cells.push_back(cell);
        }
  const bool kept = !reproduction.out.empty();
  if (!settings.python.empty() && !kept)
    fail(ErrorKind::bad_input, "--python: expected --out, where its demonstrations are written");
  if (kept) std::filesystem::create_directories(reproduction.out);
  const std::string path = reproduction.out + "/runs.csv";
  std::map<std::string, Outcome> done;
  if (kept) done = read_cells(path);
  if (kept && done.empty()) std::ofstream(path) << header << '\n';
  CpuSession cpu(reproduction.common);
  for (const Cell& cell : cells) {
    if (done.contains(cell.key())) continue;
    const Outcome outcome = cell.algorithm.starts_with("imitation-")
                                ? learn_by_peer(cpu.device(), cell, settings, reproduction.out)
                                : learn(cpu.device(), cell, settings.steps);
    done[cell.key()] = outcome;
    if (kept)
      std::ofstream(path, std::ios::app) << cell.key()
                                         << formatted(",%d,%.0f,%.4g,%.5g\n", outcome.reached,
                                                      outcome.steps, outcome.seconds, outcome.mean)
                                         << std::flush;
  }
  for (const std::string& task : tasks) reproduction.tables.push_back(table_of(task, cells, done));
}

}  // namespace off_policy

Experiment off_policy_experiment() {
  return with_settings<off_policy::Settings>(
      "off-policy",
      "Steps and seconds to 90 % of the expert: GAIL, AIRL, SQIL, IQ-Learn, DAC and DQfD",
      "Reddy et al. 2020; Garg et al. 2021; Kostrikov et al. 2019; Hester et al. 2018",
      off_policy::run);
}

}  // namespace understudy::cli
