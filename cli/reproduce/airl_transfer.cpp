// understudy reproduce airl-transfer: a reward that is learned in one maze, and a policy trained
// anew on it in another, whose barrier stands on the other side.
//
// The expert is TRPO on the true reward of point_maze-right, with some entropy; 50 episodes of its
// draws are the demonstrations. From them each method learns by its defaults. What its reward is
// worth elsewhere is what TRPO from scratch makes of it in point_maze-left, by the true reward.
// (In the paper GAIL's row is its policy's, carried over; here its discriminator is frozen, too.)
//
// Each finished cell, a method and a seed, is a line of results.jsonl in --out; what is there is
// not run again. All of them are written to results.csv.

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>

#include "algorithms/adversarial/frozen_reward.h"
#include "algorithms/evaluation/statistics.h"
#include "algorithms/policies/evaluation.h"
#include "algorithms/training/registry.h"
#include "cli/reproduce/reproduce.h"
#include "cli/session/progress.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace airl_transfer {

constexpr const char *learned_in = "point_maze-right", *tried_in = "point_maze-left";
constexpr std::int64_t default_seeds = 10;

using Settings = std::vector<std::pair<const char*, const char*>>;

struct Method {
  const char *name, *algorithm;  // null: the true reward
  Settings settings;
  const char* paper;  // return in the other maze, with their dynamics
};
const std::vector<Method>& methods() {
  static const std::vector<Method> all = {
      {"airl, g(s)", "airl", {{"input", "state"}}, "-8.82"},
      {"airl, g(s, a)", "airl", {{"input", "state_action"}}, "-31.2"},
      {"gan_gcl, g(s, a)", "gan_gcl", {{"input", "state_action"}}, "-40.2"},
      {"gail, frozen", "gail", {}, "-29.9 (policy)"},
      {"the true reward", nullptr, {}, "-8.45"}};
  return all;
}

struct Options {
  std::string methods;
  std::int64_t demonstrations = 50, expert_iterations = 150, iterations = 100, anew = 100;
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("methods", o.methods, "numbers of rows, with commas; by default all"),
      option("demonstrations", o.demonstrations, "episodes", {.least = 1}),
      option("expert_iterations", o.expert_iterations, "of TRPO on the true reward", {.least = 1}),
      option("iterations", o.iterations, "of imitation", {.least = 1}),
      option("anew", o.anew, "iterations of TRPO in the other maze", {.least = 1}));
}

struct Outcome {
  double here = 0, there = 0, seconds = 0;  // returns of the imitator, and of who learned anew
};

// `iterations` of a row of the table of algorithms, by its defaults but for the settings.
std::unique_ptr<Trainer> trained(const char* algorithm, const TrainingInputs& inputs,
                                 const Settings& settings, std::int64_t iterations) {
  const auto setup = algorithm_named(algorithm).setup(inputs);
  std::vector<OptionAssignment> assignments;
  for (const auto& [name, value] : settings) assignments.push_back({name, value, "experiment"});
  setup->assign(assignments);
  auto trainer = setup->make();
  for (std::int64_t i = 0; i < iterations; ++i) {
    throw_if_interrupted();
    trainer->step();
  }
  trainer->conclude();
  return trainer;
}

Demonstrations demonstrate(Device& device, const Options& options, std::uint64_t seed) {
  const EnvironmentDescription& maze = environment_named(learned_in);
  const auto expert = trained("trpo", {.device = &device, .environment = &maze, .seed = seed},
                              {{"entropy_coefficient", "0.05"}}, options.expert_iterations);
  const PlayOptions how = {
      .episodes = options.demonstrations, .deterministic = false, .seed = seed};
  const auto player = make_player(expert->policy(), how);
  return play(device, maze, *player, how);
}

Outcome learn(Device& device, const Method& method, const Demonstrations& shown,
              const Options& options, std::uint64_t seed) {
  const auto begin = std::chrono::steady_clock::now();
  Outcome outcome;
  TrainingInputs inputs = {.device = &device, .seed = seed};
  std::unique_ptr<FrozenReward> reward;
  if (method.algorithm != nullptr) {
    inputs.environment = &environment_named(learned_in);
    inputs.demonstrations = &shown;
    const auto imitator = trained(method.algorithm, inputs, method.settings, options.iterations);
    outcome.here = evaluate_policy(imitator->policy(), *inputs.environment, {.seed = seed}).mean;
    reward = imitator->learned_reward();
  }
  inputs.environment = &environment_named(tried_in);
  inputs.demonstrations = nullptr;
  inputs.reward = reward.get();
  const auto anew = trained("trpo", inputs, {}, options.anew);
  outcome.there = evaluate_policy(anew->policy(), *inputs.environment, {.seed = seed}).mean;
  outcome.seconds = seconds_since(begin);
  return outcome;
}

// What a line of results.jsonl is found by: all that decides its result.
Json key_of(const Method& method, std::uint64_t seed, const Options& options) {
  return {{"method", method.name},
          {"seed", seed},
          {"demonstrations", options.demonstrations},
          {"expert_iterations", options.expert_iterations},
          {"iterations", options.iterations},
          {"anew", options.anew}};
}

// Finished cells by their keys; a last line that was cut off is left out.
std::map<std::string, Outcome> read_cells(const std::string& path) {
  std::map<std::string, Outcome> cells;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("there")) continue;
    const Outcome outcome{entry["here"], entry["there"], entry["seconds"]};
    for (const char* result : {"here", "there", "seconds"}) entry.erase(result);
    cells[entry.dump()] = outcome;
  }
  return cells;
}

std::vector<std::size_t> chosen_methods(const Options& options) {
  std::vector<std::size_t> chosen;
  for (const std::string& one : words(options.methods)) {
    const bool digit =
        one.size() == 1 && one[0] >= '1' && one[0] <= static_cast<char>('0' + methods().size());
    if (!digit)
      fail(ErrorKind::bad_input, "--methods: expected numbers from 1 to %zu, found '%s'",
           methods().size(), one.c_str());
    chosen.push_back(static_cast<std::size_t>(one[0] - '1'));
  }
  for (std::size_t m = 0; options.methods.empty() && m < methods().size(); ++m) chosen.push_back(m);
  return chosen;
}

std::string interval_of(const std::vector<double>& values) {
  const auto [low, high] = interquartile_mean_interval({values});
  return formatted("[%.2f, %.2f]", low, high);
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  const std::vector<std::size_t> chosen = chosen_methods(options);
  CpuSession cpu(reproduction.common);
  const std::string path = reproduction.out.empty() ? "" : reproduction.out + "/results.jsonl";
  std::map<std::string, Outcome> cells = read_cells(path);
  std::vector<std::pair<std::size_t, std::uint64_t>> waiting;  // a seed's methods together
  for (std::int64_t i = 0; i < seeds; ++i)
    for (const std::size_t m : chosen)
      if (!cells.contains(key_of(methods()[m], reproduction.seed(i), options).dump()))
        waiting.emplace_back(m, reproduction.seed(i));
  Demonstrations shown;
  if (!waiting.empty()) shown = demonstrate(cpu.device(), options, reproduction.common.seed);
  Progress progress(static_cast<std::int64_t>(waiting.size()), reproduction.common.quiet);
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const auto& [m, seed] = waiting[i];
    const Method& method = methods()[m];
    const Outcome outcome = learn(cpu.device(), method, shown, options, seed);
    Json line = key_of(method, seed, options);
    cells[line.dump()] = outcome;
    progress.step("cells", static_cast<std::int64_t>(i + 1),
                  static_cast<std::int64_t>(waiting.size()),
                  formatted("%s, seed %llu: %.2f", method.name,
                            static_cast<unsigned long long>(seed), outcome.there));
    if (path.empty()) continue;
    line.update({{"here", outcome.here}, {"there", outcome.there}, {"seconds", outcome.seconds}});
    std::ofstream file(path, std::ios::app);
    file << line.dump() << '\n' << std::flush;
    if (!file) fail(ErrorKind::bad_file, "%s: cannot be written", path.c_str());
  }

  std::vector<std::vector<double>> here(chosen.size()), there(chosen.size());
  std::string csv = "method,seed,return_here,return_there,seconds\n";
  for (std::size_t c = 0; c < chosen.size(); ++c)
    for (std::int64_t i = 0; i < seeds; ++i) {
      const std::uint64_t seed = reproduction.seed(i);
      const Method& method = methods()[chosen[c]];
      const Outcome& cell = cells.at(key_of(method, seed, options).dump());
      here[c].push_back(cell.here);
      there[c].push_back(cell.there);
      csv += formatted("\"%s\",%llu,%.6g,%.6g,%.3g\n", method.name,
                       static_cast<unsigned long long>(seed), cell.here, cell.there, cell.seconds);
    }
  if (!path.empty()) {
    std::ofstream file(reproduction.out + "/results.csv");
    file << csv << std::flush;
    if (!file) fail(ErrorKind::bad_file, "%s: cannot be written", reproduction.out.c_str());
  }
  Table table;
  table.title = formatted("Rewards learned in %s, policies trained on them in %s, %lld seeds",
                          learned_in, tried_in, static_cast<long long>(seeds));
  table.columns = {"reward", "imitator", "anew, elsewhere", "95 % interval", "share",
                   "paper",  "seeds"};
  const double random = environment_named(tried_in).random_return;
  const auto truth = std::find(chosen.begin(), chosen.end(), methods().size() - 1);
  for (std::size_t c = 0; c < chosen.size(); ++c) {
    const Method& method = methods()[chosen[c]];
    Json share;
    if (truth != chosen.end()) {
      const double best =
          interquartile_mean(there[static_cast<std::size_t>(truth - chosen.begin())]);
      share = formatted("%.2f", (interquartile_mean(there[c]) - random) / (best - random));
    }
    std::string each;
    for (double one : there[c]) each += formatted(each.empty() ? "%.1f" : " %.1f", one);
    table.rows.push_back({method.name,
                          method.algorithm == nullptr
                              ? Json()
                              : Json(formatted("%.2f", interquartile_mean(here[c]))),
                          formatted("%.2f", interquartile_mean(there[c])), interval_of(there[c]),
                          share, method.paper, each});
  }
  table.note =
      "returns: interquartile means over seeds, with stratified bootstrap intervals; share: of the "
      "way from uniform actions to who learns from the true reward";
  reproduction.tables.push_back(std::move(table));
}

}  // namespace airl_transfer

Experiment airl_transfer_experiment() {
  return with_settings<airl_transfer::Options>(
      "airl-transfer",
      "Rewards learned in one maze, policies trained on them in another: AIRL, GAN-GCL, GAIL",
      "Fu et al. 2018, \"Learning robust rewards\", Table 1", airl_transfer::run);
}

}  // namespace understudy::cli
