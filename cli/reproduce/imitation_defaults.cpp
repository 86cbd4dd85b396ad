// understudy reproduce imitation-defaults: what `train gail`, `fem` and `gtal` do as they come.
//
// First, GAIL on the classic tasks from four demonstrations of the built-in experts. Then survival
// bias (Kostrikov et al. 2019, section 4): experts whose episodes end early or do not, in files
// whose `terminal` is right, missing, set throughout or set nowhere, with absorbing states and with
// a reward whose sign goes by the flags.

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "algorithms/adversarial/reward.h"
#include "algorithms/cloning/dagger_world.h"
#include "algorithms/data/draws.h"
#include "algorithms/policies/evaluation.h"
#include "algorithms/training/registry.h"
#include "cli/reproduce/reproduce.h"
#include "cli/training/player.h"

namespace understudy::cli {

namespace imitation_defaults {

constexpr std::int64_t default_seeds = 5;
constexpr double mark = 0.9;  // of the way from uniform actions to the expert
constexpr const char* classic_tasks[] = {"cartpole", "acrobot", "mountain_car",
                                         "mountain_car_continuous", "pendulum"};

// ---- Survival bias ----

struct Expert {
  const char *environment, *what;
  double random_share;  // of its actions: a cart-pole's expert that falls at times
  std::int64_t episodes;
};
constexpr Expert experts[] = {{"cartpole", "CartPole, mostly lasts", 0.3, 10},
                              {"cartpole", "CartPole, mostly falls", 0.44, 10},
                              {"mountain_car", "MountainCar", 0, 10},
                              {"acrobot", "Acrobot", 0, 10}};

enum class Flags : std::int8_t { right, missing, set, unset };
constexpr std::pair<Flags, const char*> flag_variants[] = {{Flags::right, "right"},
                                                           {Flags::missing, "missing"},
                                                           {Flags::set, "all set"},
                                                           {Flags::unset, "all unset"}};

// The built-in expert, which takes a share of its actions at random; without the observations after
// last actions. A demonstrator's seed is one and the same for all learners.
Demonstrations demonstrate(Device& device, const Expert& expert) {
  const EnvironmentDescription& environment = environment_named(expert.environment);
  constexpr std::uint64_t seed = 1, stream = 0x73757276;
  BatchWorld world(device, environment, expert.episodes, seed);
  world.begin(0);
  struct Episode {
    std::vector<float> seen;
    std::vector<std::int64_t> done;
    bool ended = false, terminated = false;
  };
  std::vector<Episode> all(static_cast<std::size_t>(expert.episodes));
  Draws draws(seed, stream);
  constexpr std::int64_t sides = 1000;
  const std::int64_t width = environment.observation_size;
  for (int t = 0; t < environment.horizon; ++t) {
    const std::vector<float> observations = world.observations(), states = world.states();
    std::vector<float> actions;
    for (std::size_t e = 0; e < all.size(); ++e) {
      const float* state = states.data() + e * static_cast<std::size_t>(environment.state_size);
      const std::vector<double> exact(state, state + environment.state_size);
      double action = 0;
      environment.expert(exact.data(), &action);
      if (draws.below(sides) < std::llround(expert.random_share * sides))
        action = static_cast<double>(draws.below(environment.action_count));
      actions.push_back(static_cast<float>(action));
      if (all[e].ended) continue;
      const float* o = observations.data() + e * static_cast<std::size_t>(width);
      all[e].seen.insert(all[e].seen.end(), o, o + width);
      all[e].done.push_back(static_cast<std::int64_t>(action));
    }
    const DaggerWorld::Outcome outcome = world.step(actions);
    for (std::size_t e = 0; e < all.size(); ++e) {
      if (all[e].ended) continue;
      all[e].ended = outcome.ended[e] != 0;
      all[e].terminated = outcome.terminated[e] != 0;
    }
  }
  Demonstrations result;
  result.observations.shape = {width};
  result.actions.discrete = true;
  result.last_observation = false;
  for (const Episode& episode : all) {
    result.observations.numbers.insert(result.observations.numbers.end(), episode.seen.begin(),
                                       episode.seen.end());
    result.actions.indices.insert(result.actions.indices.end(), episode.done.begin(),
                                  episode.done.end());
    result.starts.push_back(result.actions.rows());
    result.terminal.push_back(episode.terminated);
  }
  return result;
}

Demonstrations flagged(Demonstrations shown, Flags flags) {
  const std::size_t episodes = shown.terminal.size();
  if (flags != Flags::right) shown.terminal.assign(episodes, flags == Flags::set);
  if (flags == Flags::missing) shown.end_unknown.assign(episodes, 1);
  return shown;
}

// ---- Learning as `train` does ----

using Settings = std::vector<std::pair<std::string, std::string>>;

double learned_return(Device& device, const char* algorithm, const char* environment_name,
                      const Demonstrations& shown, std::uint64_t seed,
                      const Settings& settings = {}) {
  const EnvironmentDescription& environment = environment_named(environment_name);
  const AlgorithmRow& row = algorithm_named(algorithm);
  const auto setup = row.setup(
      {.device = &device, .environment = &environment, .demonstrations = &shown, .seed = seed});
  std::vector<OptionAssignment> assignments;
  for (const auto& [name, value] : settings) assignments.push_back({name, value, "experiment"});
  setup->assign(assignments);
  const auto trainer = setup->make();
  for (std::int64_t i = 0; i < row.iterations; ++i) {
    throw_if_interrupted();
    trainer->step();
  }
  trainer->conclude();
  return evaluate_policy(trainer->policy(), environment, {.seed = seed}).mean;
}

std::string listed(const std::vector<double>& values) {
  std::string text;
  for (double value : values) text += formatted(text.empty() ? "%.1f" : " %.1f", value);
  return text;
}

double mark_of(const EnvironmentDescription& environment, double expert) {
  return environment.random_return + mark * (expert - environment.random_return);
}

Table defaults_table(Reproduction& reproduction, Device& device, std::int64_t seeds) {
  Table table;
  table.title = "train gail, by its defaults, from four demonstrations of the built-in expert";
  table.columns = {"task", "expert", "mark", "returns of the seeds", "reached"};
  for (const char* name : classic_tasks) {
    const EnvironmentDescription& environment = environment_named(name);
    const PlayOptions how = {.episodes = 4, .seed = reproduction.common.seed};
    const auto player = make_player(device, "builtin", environment, how);
    const Demonstrations shown = play(device, environment, *player, how);
    const double expert = score_of(shown, environment).mean;
    const double least = mark_of(environment, expert);
    std::vector<double> found;
    for (std::int64_t i = 0; i < seeds; ++i)
      found.push_back(learned_return(device, "gail", name, shown, reproduction.seed(i)));
    const auto reached =
        std::count_if(found.begin(), found.end(), [&](double value) { return value >= least; });
    table.rows.push_back({name, formatted("%.1f", expert), formatted("%.1f", least), listed(found),
                          formatted("%lld of %lld", static_cast<long long>(reached),
                                    static_cast<long long>(seeds))});
  }
  table.note = formatted("mark: %g of the way from uniform actions to the expert", mark);
  return table;
}

struct Cure {
  const char *algorithm, *what;
  bool absorbing;
};
constexpr Cure cures[] = {{"gail", "gail", true},
                          {"fem", "fem", true},
                          {"gtal", "gtal", true},
                          {"gail", "gail, sign by flags", false}};

Table survival_table(Reproduction& reproduction, Device& device, std::int64_t seeds,
                     const Expert& expert) {
  const EnvironmentDescription& environment = environment_named(expert.environment);
  const Demonstrations shown = demonstrate(device, expert);
  const EpisodeEnds truth = episode_ends(shown, environment.horizon, EndsEvidence::flags);
  Table table;
  table.title =
      formatted("%s: %lld demonstrations of %.0f steps on average, of which %lld terminate",
                expert.what, static_cast<long long>(truth.episodes), truth.mean_length(),
                static_cast<long long>(truth.terminated));
  table.columns = {"algorithm", "flags", "terminated", "returns of the seeds", "mean"};
  for (const Cure& cure : cures) {
    Settings settings;
    if (!cure.absorbing) settings = {{"absorbing_states", "false"}, {"expert_ends", "flags"}};
    // What was taken to have ended decides all of a run: with the same, it has the same bits.
    std::map<std::tuple<std::int64_t, std::int64_t>, std::vector<double>> known;
    for (const auto& [flags, name] : flag_variants) {
      const Demonstrations file = flagged(shown, flags);
      const EpisodeEnds ends =
          episode_ends(file, environment.horizon,
                       cure.absorbing ? EndsEvidence::automatic : EndsEvidence::flags);
      const std::tuple key(ends.terminated, ends.beyond);
      if (!known.contains(key))
        for (std::int64_t i = 0; i < seeds; ++i)
          known[key].push_back(learned_return(device, cure.algorithm, expert.environment, file,
                                              reproduction.seed(i), settings));
      const std::vector<double>& found = known[key];
      table.rows.push_back({cure.what, name,
                            formatted("%lld", static_cast<long long>(ends.terminated)),
                            listed(found), formatted("%.1f", mean_of(found))});
    }
  }
  return table;
}

void run(Reproduction& reproduction) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  CpuSession cpu(reproduction.common);
  reproduction.tables.push_back(defaults_table(reproduction, cpu.device(), seeds));
  for (const Expert& expert : experts)
    reproduction.tables.push_back(survival_table(reproduction, cpu.device(), seeds, expert));
}

}  // namespace imitation_defaults

Experiment imitation_defaults_experiment() {
  return {"imitation-defaults",
          "GAIL, FEM and GTAL by their defaults: classic tasks, and files whose flags mislead",
          "Kostrikov et al. 2019, \"Discriminator-actor-critic\", section 4", nullptr,
          imitation_defaults::run};
}

}  // namespace understudy::cli
