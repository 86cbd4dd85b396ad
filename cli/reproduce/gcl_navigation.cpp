// understudy reproduce gcl-navigation: costs learned from trajectories, on the kinds of task of
// Finn, Levine & Abbeel 2016, "Guided cost learning", in worlds of our own: a mass pushed past
// obstacles (point_mass), an arm of two links that reaches for a target (planar_arm).
//
// Guided cost learning beside what else learns from the same demonstrations and samples: GAN-GCL,
// whose classifier sees whole trajectories, and GAIL, whose reward is gone with its discriminator.
// "Without demonstrations": they are not in the background, as before the paper's section 4.3.
//
// Each finished run is a line of results.jsonl in --out; what is there is not run again.

#include <algorithm>
#include <cmath>
#include <fstream>

#include "algorithms/policies/evaluation.h"
#include "algorithms/training/registry.h"
#include "cli/reproduce/kept_runs.h"
#include "cli/reproduce/reproduce.h"
#include "cli/session/progress.h"
#include "cli/training/player.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace gcl_navigation {

constexpr const char* tasks[] = {"point_mass", "planar_arm"};

struct Method {
  const char *name, *what, *algorithm;
  std::vector<std::pair<std::string, std::string>> settings;
};

const std::vector<Method>& methods() {
  static const std::vector<Method> all = {{"gcl", "GCL", "gcl", {}},
                                          {"gcl-alone",
                                           "GCL without demonstrations in the background",
                                           "gcl",
                                           {{"cost.demonstrations_in_background", "false"}}},
                                          {"gan_gcl", "GAN-GCL", "gan_gcl", {}},
                                          {"gail", "GAIL", "gail", {}}};
  return all;
}

struct Options {
  std::string tasks, methods;
  std::int64_t iterations = 150, demonstrations = 20;
};
void list_options(OptionList& list, Options& o) {
  list.fields(o, option("tasks", o.tasks, "of point_mass, planar_arm; by default both"),
              option("methods", o.methods, "of gcl, gcl-alone, gan_gcl, gail; by default all"),
              option("iterations", o.iterations, "of each run", {.least = 1, .most = 100000}),
              option("demonstrations", o.demonstrations, "of the built-in expert",
                     {.least = 1, .most = 10000}));
}

bool is_chosen(const std::string& list, const std::string& name) {
  const std::vector<std::string> all = words(list);
  return all.empty() || std::find(all.begin(), all.end(), name) != all.end();
}

Json learn(Device& device, const EnvironmentDescription& environment, const Method& method,
           const Demonstrations& shown, const Options& options, std::uint64_t seed) {
  const auto begin = std::chrono::steady_clock::now();
  const auto setup = algorithm_named(method.algorithm)
                         .setup({.device = &device,
                                 .environment = &environment,
                                 .demonstrations = &shown,
                                 .seed = seed});
  // As many pairs an iteration for all: an episode of each of 50 environments.
  std::vector<OptionAssignment> assignments = {{"num_envs", "50", "experiment"}};
  if (std::string(method.algorithm) != "gcl")
    assignments.push_back(
        {"steps_per_iteration", std::to_string(50 * environment.horizon), "experiment"});
  for (const auto& [name, value] : method.settings)
    assignments.push_back({name, value, "experiment"});
  setup->assign(assignments);
  const auto trainer = setup->make();
  double effective = 0;
  std::int64_t counted = 0;
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    throw_if_interrupted();
    for (const auto& [name, value] : trainer->step())
      if (name == "cost/effective_samples") {
        effective += value;
        ++counted;
      }
  }
  Json found = {{"return", evaluate_policy(trainer->policy(), environment, {.seed = seed}).mean},
                {"seconds", seconds_since(begin)}};
  if (counted > 0) found["effective"] = effective / static_cast<double>(counted);
  return found;
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(10);
  CpuSession cpu(reproduction.common);
  KeptRuns kept(reproduction.out);
  std::string csv = "task,method,seed,return,normalized,effective_samples\n";
  Progress progress(static_cast<std::int64_t>(std::size(tasks) * methods().size()) * seeds,
                    reproduction.common.quiet);
  for (const char* task : tasks) {
    if (!is_chosen(options.tasks, task)) continue;
    const EnvironmentDescription& environment = environment_named(task);
    const PlayOptions how = {.episodes = options.demonstrations, .seed = reproduction.common.seed};
    const auto expert = make_player(cpu.device(), "builtin", environment, how);
    const Demonstrations shown = play(cpu.device(), environment, *expert, how);
    const double best = score_of(shown, environment).mean;
    Table table{formatted("%s (random %.1f, expert %.1f)", task, environment.random_return, best),
                {"", "share of the expert", "return", "seeds at 90 %", "effective samples",
                 "seconds a run"},
                {},
                ""};
    for (const Method& method : methods()) {
      if (!is_chosen(options.methods, method.name)) continue;
      std::vector<double> share, returned, effective, seconds;
      int reached = 0;
      for (std::int64_t i = 0; i < seeds; ++i) {
        const std::uint64_t seed = reproduction.seed(i);
        const Json key = {{"task", task},
                          {"method", method.name},
                          {"seed", seed},
                          {"iterations", options.iterations},
                          {"demonstrations", options.demonstrations}};
        if (kept.find(key) == nullptr)
          kept.add(key, learn(cpu.device(), environment, method, shown, options, seed));
        const Json& found = *kept.find(key);
        returned.push_back(found["return"].get<double>());
        share.push_back((returned.back() - environment.random_return) /
                        (best - environment.random_return));
        seconds.push_back(found["seconds"].get<double>());
        if (found.contains("effective")) effective.push_back(found["effective"].get<double>());
        reached += share.back() >= 0.9;
        csv += formatted(
            "%s,%s,%llu,%.3f,%.4f,%s\n", task, method.name, static_cast<unsigned long long>(seed),
            returned.back(), share.back(),
            effective.size() == share.size() ? formatted("%.1f", effective.back()).c_str() : "");
        progress.step("runs", i + 1, seeds,
                      formatted("%s, %s: %.3f", task, method.what, share.back()));
      }
      const auto [low, high] = interquartile_mean_interval({share});
      table.rows.push_back(
          {method.what, formatted("%.3f [%.3f, %.3f]", interquartile_mean(share), low, high),
           formatted("%.2f", interquartile_mean(returned)),
           formatted("%d of %lld", reached, static_cast<long long>(seeds)),
           effective.empty() ? Json() : Json(formatted("%.1f", mean_of(effective))),
           formatted("%.1f", mean_of(seconds))});
    }
    table.note = formatted(
        "%lld demonstrations, %lld iterations of 50 episodes, %lld seeds; interquartile means with "
        "95 %% bootstrap intervals; share: from uniform actions (0) to the demonstrations (1)",
        static_cast<long long>(options.demonstrations), static_cast<long long>(options.iterations),
        static_cast<long long>(seeds));
    if (!table.rows.empty()) reproduction.tables.push_back(table);
  }
  if (!reproduction.out.empty()) {
    std::ofstream file(reproduction.out + "/seeds.csv");
    file << csv;
  }
}

}  // namespace gcl_navigation

Experiment gcl_navigation_experiment() {
  return with_settings<gcl_navigation::Options>(
      "gcl-navigation", "Costs from trajectories: past obstacles, and with an arm",
      "Finn, Levine & Abbeel 2016, \"Guided cost learning\", sections 4 and 7 (worlds our own)",
      gcl_navigation::run);
}

}  // namespace understudy::cli
