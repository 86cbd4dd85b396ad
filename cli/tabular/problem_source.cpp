#include "cli/tabular/problem_source.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "algorithms/tabular/problem_file.h"
#include "algorithms/tabular/worlds.h"
#include "autograd/files/npz.h"
#include "cli/tabular/route_data.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

template <class T>
void set(T& option, double given) {
  if (given >= 0) option = static_cast<T>(given);
}

// One step costs 1, the last cell ends the episode: shortest paths in a wind.
ProblemTable make_gridworld(const WorldOptions& given) {
  GridworldOptions o{.height = 8, .width = 8};
  set(o.height, static_cast<double>(given.size));
  set(o.width, static_cast<double>(given.size));
  set(o.discount, given.discount);
  if (given.noise >= 0) {
    o.chosen = 1 - given.noise;
    o.move_slip = given.noise / 4;
  }
  ProblemTable table = gridworld(o);
  table.terminal.assign(static_cast<std::size_t>(table.n_states), 0);
  table.terminal.back() = 1;
  table.reward.assign(static_cast<std::size_t>(table.n_states), -1.0);
  return without_steps_from_ends(table);
}

ProblemTable make_abbeel_ng(const WorldOptions& given) {
  AbbeelNgOptions o;
  set(o.size, static_cast<double>(given.size));
  o.macro = std::max<std::int64_t>(1, o.size / 8);
  o.seed = given.seed;
  ProblemTable table = abbeel_ng_gridworld(o);
  set(table.discount, given.discount);
  return table;
}

ProblemTable make_objectworld(const WorldOptions& given) {
  ObjectworldOptions o;
  set(o.size, static_cast<double>(given.size));
  set(o.discount, given.discount);
  if (given.noise >= 0) o.determinism = 1 - given.noise;
  o.seed = given.seed;
  return objectworld(o);
}

ProblemTable make_binaryworld(const WorldOptions& given) {
  BinaryworldOptions o;
  set(o.size, static_cast<double>(given.size));
  set(o.discount, given.discount);
  if (given.noise >= 0) o.determinism = 1 - given.noise;
  o.seed = given.seed;
  return binaryworld(o);
}

ProblemTable make_frozen_lake(const WorldOptions& given) {
  return frozen_lake(given.size < 0 ? 4 : static_cast<int>(given.size), given.noise != 0,
                     given.discount < 0 ? 1.0 : given.discount);
}
ProblemTable make_cliff_walking(const WorldOptions& given) {
  return cliff_walking(given.noise > 0, given.discount < 0 ? 1.0 : given.discount);
}
ProblemTable make_taxi(const WorldOptions& given) {
  return taxi(given.discount < 0 ? 1.0 : given.discount);
}

ProblemTable make_garnet(const WorldOptions& given) {
  GarnetOptions o;
  set(o.states, static_cast<double>(given.size));
  set(o.discount, given.discount);
  o.branching = std::min(o.branching, o.states);
  o.seed = given.seed;
  return garnet(o);
}

}  // namespace

const std::vector<World>& worlds() {
  static const std::vector<World> all = {
      {"gridworld", "cells, four moves and staying, wind; -1 a step to the last cell",
       "Sutton & Barto 2018, chapter 3; --size 8 --noise 0.3", "size discount noise",
       make_gridworld},
      {"abbeel_ng", "a grid of macro cells with few rewards", "Abbeel & Ng 2004, section 5.1",
       "size discount world-seed", make_abbeel_ng},
      {"objectworld", "colored objects whose distances make the reward",
       "Levine, Popović & Koltun 2011", "size discount noise world-seed", make_objectworld},
      {"binaryworld", "reward by the number of blue neighbors", "Wulfmeier, Ondrúška & Posner 2015",
       "size discount noise world-seed", make_binaryworld},
      {"frozen_lake", "ice with holes; --size 4 or 8, --noise 0: not slippery",
       "Gymnasium's FrozenLake-v1", "size discount noise", make_frozen_lake},
      {"cliff_walking", "along a cliff; --noise 1: slippery", "Gymnasium's CliffWalking-v1",
       "discount noise", make_cliff_walking},
      {"taxi", "fetch a passenger and bring him home", "Gymnasium's Taxi-v3", "discount",
       make_taxi},
      {"garnet", "random problems", "Archibald et al. 1995; Bhatnagar et al. 2009",
       "size discount world-seed", make_garnet},
  };
  return all;
}

void add_world_options(Verb& verb, WorldOptions& options) {
  verb.option("--size", options.size, "of a built-in world: cells a side, or states")
      .between(1, 1000000);
  verb.option("--discount", options.discount, "of a built-in world, in [0, 1]").between(0.0, 1.0);
  verb.option("--noise", options.noise, "of a built-in world: how often actions go wrong")
      .between(0.0, 1.0);
  verb.option("--world-seed", options.seed, "of what a built-in world places at random");
  verb.option("--horizon", options.horizon,
              "steps of an episode; without: the problem's own, or discounted, or to the end")
      .between(1, 100000000);
  verb.flag("--terminal-reward", options.terminal_reward,
            "what a terminal state's reward says is earned on entering it");
}

namespace {

// What was given and shapes nothing.
std::vector<std::string> unused_options(const World& world, const WorldOptions& given) {
  const std::string shaped_by = std::string(" ") + world.shaped_by + " ";
  std::vector<std::string> remarks;
  for (const auto& [option, is_given] : {std::pair{"size", given.size >= 0},
                                         {"discount", given.discount >= 0},
                                         {"noise", given.noise >= 0},
                                         {"world-seed", given.seed != 0}})
    if (is_given && shaped_by.find(std::string(" ") + option + " ") == std::string::npos)
      remarks.push_back(std::string("--") + option + ": " + world.name + " is the same with it");
  const std::string name = world.name;
  if ((name == "frozen_lake" || name == "cliff_walking") && given.noise > 0 && given.noise != 1)
    remarks.push_back(formatted("--noise %g: %s is slippery or not (0), and now as with 1",
                                given.noise, world.name));
  return remarks;
}

void apply_to_any(const WorldOptions& given, ProblemTable& table) {
  if (given.horizon > 0) table.horizon = given.horizon;
  table.terminal_reward = table.terminal_reward || given.terminal_reward;
}

}  // namespace

Option add_problem_options(Verb& verb, ProblemSource& source) {
  const Option problem =
      verb.option("--mdp", source.mdp, "the problem: a .npz file, or a built-in world's name");
  add_world_options(verb, source.world);
  return problem;
}

LoadedProblem load_problem(const ProblemSource& source) {
  LoadedProblem loaded;
  const auto& all = worlds();
  const auto world = std::find_if(all.begin(), all.end(),
                                  [&](const World& one) { return source.mdp == one.name; });
  if (world != all.end()) {
    loaded.table = world->make(source.world);
    loaded.table.remarks = unused_options(*world, source.world);
    apply_to_any(source.world, loaded.table);
    return loaded;
  }
  if (!source.mdp.ends_with(".npz")) {
    std::string names;
    for (const World& one : all) names += (names.empty() ? "" : ", ") + std::string(one.name);
    fail(ErrorKind::bad_input, "--mdp: expected a .npz file or one of %s, found %s", names.c_str(),
         files::shown_path(source.mdp).c_str());
  }
  const WorldOptions& shape = source.world;
  if (shape.size >= 0 || shape.discount >= 0 || shape.noise >= 0)
    fail(ErrorKind::bad_input,
         "--size, --discount and --noise shape built-in worlds; %s is a file and has its own",
         files::shown_path(source.mdp).c_str());
  loaded.table = read_problem_table(source.mdp);
  apply_to_any(shape, loaded.table);
  if (shape.seed != 0) loaded.table.remarks.push_back("--world-seed: a file is the same with it");
  const files::Npz file = files::Npz::open(source.mdp);
  if (file.contains("coordinates")) {
    const files::Array coordinates = file.read("coordinates");
    const files::Shape& dims = coordinates.shape();
    if (dims.size() != 2 || dims[0] != loaded.table.n_states || (dims[1] != 2 && dims[1] != 4))
      fail(ErrorKind::bad_shape, "%s: coordinates: expected [%lld, 2] or [%lld, 4], found %s",
           files::shown_path(source.mdp).c_str(), static_cast<long long>(loaded.table.n_states),
           static_cast<long long>(loaded.table.n_states), files::to_string(dims).c_str());
    loaded.coordinates = coordinates.converted<double>(source.mdp + ": coordinates");
  }
  return loaded;
}

ProblemTable with_goal(const ProblemTable& t, std::int64_t goal) {
  std::vector<std::uint8_t> is_goal(static_cast<std::size_t>(t.n_states), 0);
  bool known = false;
  for (std::size_t i = 0; i < t.goal_id.size(); ++i)
    if (t.goal_id[i] == goal && t.goal_state[i] >= 0 && t.goal_state[i] < t.n_states) {
      is_goal[static_cast<std::size_t>(t.goal_state[i])] = 1;
      known = true;
    }
  if (!known)
    fail(ErrorKind::bad_input, "--goal: the problem has no goal %lld",
         static_cast<long long>(goal));
  ProblemTable g = t;
  g.goal_id.clear();
  g.goal_state.clear();
  g.goals_absorb = false;
  g.terminal.resize(static_cast<std::size_t>(t.n_states), 0);
  if (t.goals_absorb) {
    // The walk ends there: its rows go, with their features.
    for (auto* column : {&g.state, &g.action, &g.next_state}) column->clear();
    g.probability.clear();
    g.transition_features.clear();
    const std::int64_t f = t.transition_features.empty() ? 0 : t.n_features;
    for (std::size_t row = 0; row < t.state.size(); ++row) {
      const std::int64_t s = t.state[row];
      if (s >= 0 && s < t.n_states && is_goal[static_cast<std::size_t>(s)] != 0) continue;
      g.state.push_back(s);
      g.action.push_back(t.action[row]);
      g.next_state.push_back(t.next_state[row]);
      if (!t.probability.empty()) g.probability.push_back(t.probability[row]);
      const auto from = t.transition_features.begin() + static_cast<std::ptrdiff_t>(row) * f;
      g.transition_features.insert(g.transition_features.end(), from, from + f);
    }
    for (std::int64_t s = 0; s < t.n_states; ++s)
      if (is_goal[static_cast<std::size_t>(s)] != 0) g.terminal[static_cast<std::size_t>(s)] = 1;
    return g;
  }
  const std::int64_t states = t.n_states, actions = t.n_actions;
  g.n_states = states + 1;
  g.n_actions = actions + 1;
  g.terminal.push_back(1);
  g.shape.clear();
  if (!g.initial.empty()) g.initial.push_back(0.0);
  // What belonged to states or pairs, as a table of pairs in which the new pairs are free.
  const auto widened = [&](const std::vector<double>& values, std::int64_t width) {
    if (values.empty()) return values;
    const bool of_states = static_cast<std::int64_t>(values.size()) == states * width;
    std::vector<double> wide(static_cast<std::size_t>((states + 1) * (actions + 1) * width), 0.0);
    for (std::int64_t s = 0; s < states; ++s)
      for (std::int64_t a = 0; a < actions; ++a)
        for (std::int64_t c = 0; c < width; ++c)
          wide[static_cast<std::size_t>((s * (actions + 1) + a) * width + c)] =
              values[static_cast<std::size_t>((of_states ? s : s * actions + a) * width + c)];
    return wide;
  };
  g.reward = widened(t.reward, 1);
  g.features = widened(t.features, t.n_features);
  for (std::int64_t s = 0; s < states; ++s) {
    if (is_goal[static_cast<std::size_t>(s)] == 0) continue;
    g.state.push_back(s);
    g.action.push_back(actions);
    g.next_state.push_back(states);
    if (!g.probability.empty()) g.probability.push_back(1.0);
    if (!g.transition_features.empty())
      g.transition_features.resize(g.transition_features.size() +
                                   static_cast<std::size_t>(t.n_features));
  }
  return g;
}

void add_state_indicators(ProblemTable& table) {
  constexpr std::int64_t most = 4096;  // the features are dense: 128 MiB
  if (table.n_states > most)
    fail(ErrorKind::bad_input,
         "the problem has no features; one a state is possible up to %lld states, found %lld",
         static_cast<long long>(most), static_cast<long long>(table.n_states));
  table.n_features = table.n_states;
  table.features.assign(static_cast<std::size_t>(table.n_states * table.n_states), 0.0);
  for (std::int64_t s = 0; s < table.n_states; ++s)
    table.features[static_cast<std::size_t>(s * table.n_states + s)] = 1.0;
}

files::Array coordinates_array(const LoadedProblem& loaded) {
  const auto states = loaded.table.n_states;
  return array_of({states, static_cast<std::int64_t>(loaded.coordinates.size()) / states},
                  loaded.coordinates);
}

files::Array array_of(files::Shape shape, const std::vector<double>& values) {
  return files::Array::from<double>(std::move(shape), std::span<const double>(values));
}

files::Array pair_array(const Problem& problem, const std::vector<double>& pairs, double missing,
                        std::int64_t steps) {
  if (steps == 0)
    return array_of({problem.n_states, problem.n_actions}, table_of_pairs(problem, pairs, missing));
  std::vector<double> all;
  for (std::int64_t t = 0; t < steps; ++t) {
    const auto begin = pairs.begin() + t * problem.n_pairs();
    const std::vector<double> table =
        table_of_pairs(problem, {begin, begin + problem.n_pairs()}, missing);
    all.insert(all.end(), table.begin(), table.end());
  }
  return array_of({steps, problem.n_states, problem.n_actions}, all);
}

files::Array reward_array(const Problem& problem, const std::vector<double>& pairs) {
  std::vector<double> states(static_cast<std::size_t>(problem.n_states), 0.0);
  bool of_states = problem.feature_owner == FeatureOwner::state;
  for (std::int64_t s = 0; s < problem.n_states && of_states; ++s)
    for (std::int32_t k = problem.pair_begin[s]; k < problem.pair_begin[s + 1]; ++k) {
      if (k == problem.pair_begin[s]) states[s] = pairs[k];
      of_states = of_states && pairs[k] == states[s];
    }
  return of_states ? array_of({problem.n_states}, states) : pair_array(problem, pairs, 0.0);
}

}  // namespace understudy::cli
