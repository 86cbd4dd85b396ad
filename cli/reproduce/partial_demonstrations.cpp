// understudy reproduce partial-demonstrations: what is learned where much was not seen. Inverse
// reinforcement learning "can fill in missing behavior given partial demonstrations" (Bacciu's
// lecture); learners that need no whole episode take them as they are.
//
// A map of 8 x 8 cells of three grounds, drawn anew for each seed, with one cell that pays; moves
// fail with probability 0.1. The expert is soft-optimal and starts anywhere. Its episodes of 24
// steps are shown whole, to their first third, the first third without actions, and every third
// state alone.
//
//   IRL        the causal model's linear weights of grounds and the cell (partial.h), then its
//              policy
//   cloning    the shares of actions in each state, a count of 1/10 added to each; where actions
//              are hidden they are inferred under the policy so far, twenty times (Dempster, Laird
//              & Rubin 1977)
//
// The score is the value of the learned policy, from anywhere, between that of uniform actions (0)
// and the expert's (1).

#include <algorithm>
#include <cmath>

#include "algorithms/data/draws.h"
#include "algorithms/tabular/partial.h"
#include "algorithms/tabular/worlds.h"
#include "cli/reproduce/picture.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/reward_worlds.h"

namespace understudy::cli {

namespace partial_demonstrations {

using Vector = std::vector<double>;

constexpr std::int64_t default_seeds = 20, side = 8, grounds = 3;

struct Options {
  std::vector<std::int64_t> demonstrations = {2, 8, 32, 128};
  std::int64_t steps = 24;
  double precision = 1;  // of a Gaussian prior of the weights: l2 = precision / N
};
void list_options(OptionList& list, Options& o) {
  list.fields(o, option("demonstrations", o.demonstrations, "how many, a row each", {.least = 1}),
              option("steps", o.steps, "of a whole demonstration", {.least = 3}),
              option("precision", o.precision, "of a Gaussian prior of the weights", {.above = 0}));
}

Problem map_of(std::uint64_t seed) {
  constexpr std::uint64_t stream = 0x67726f756e64;
  ProblemTable t = gridworld({.height = side,
                              .width = side,
                              .stay = true,
                              .chosen = 0.9,
                              .stay_slip = 0,
                              .move_slip = 0.025,
                              .discount = 0.9});
  Draws draws(seed, stream);
  const std::int64_t goal = draws.below(side * side);
  constexpr double pays[grounds] = {0, -1, -3}, goal_pays = 3;
  t.n_features = grounds + 1;
  for (std::int64_t s = 0; s < side * side; ++s) {
    const std::int64_t ground = draws.below(grounds);
    for (std::int64_t f = 0; f < grounds; ++f) t.features.push_back(ground == f ? 1 : 0);
    t.features.push_back(s == goal ? 1 : 0);
    t.reward.push_back(pays[ground] + (s == goal ? goal_pays : 0));
  }
  return make_problem(t);
}

struct Seen {
  const char* name;
  bool third, actions;
  std::int64_t every;
};
constexpr Seen kinds[] = {{"whole episodes", false, true, 1},
                          {"the first third", true, true, 1},
                          {"the first third, no actions", true, false, 1},
                          {"every third state", false, false, 3}};

double value_of(Device& device, const Problem& p, const Vector& policy) {
  const Vector values = evaluate_policy(device, p, p.reward, policy);
  double sum = 0;
  for (std::int64_t s = 0; s < p.n_states; ++s) sum += p.initial[s] * values[s];
  return sum;
}

Vector cloned(const Problem& p, const std::vector<PartialTrajectory>& seen, bool hidden) {
  constexpr double added = 0.1;
  constexpr int rounds = 20;
  Vector policy(p.n_pairs()), visits;
  for (std::int64_t k = 0; k < p.n_pairs(); ++k)
    policy[k] = 1.0 / static_cast<double>(p.pair_begin[p.pair_state[k] + 1] -
                                          p.pair_begin[p.pair_state[k]]);
  for (int round = 0; round < (hidden ? rounds : 1); ++round) {
    partial_log_likelihood(p, policy, seen, &visits);
    for (double& count : visits) count += added;
    const Vector states = sum_over_pairs(p, visits);
    for (std::int64_t k = 0; k < p.n_pairs(); ++k) policy[k] = visits[k] / states[p.pair_state[k]];
  }
  return policy;
}

// For each number of demonstrations and kind: IRL's score and cloning's.
using Scores = std::vector<std::pair<double, double>>;
Scores learn(std::uint64_t seed, const Options& options) {
  const std::unique_ptr<Device> device = cpu_device();
  const Problem p = map_of(seed);
  const Vector expert = solve(*device, p, p.reward, {}).policy;
  const Vector uniform(p.n_pairs(), 1.0 / static_cast<double>(p.n_actions));
  const double best = value_of(*device, p, expert), worst = value_of(*device, p, uniform);
  Scores scores;
  for (std::int64_t count : options.demonstrations) {
    const std::vector<Trajectory> whole =
        sample_trajectories(p, expert, count, options.steps, seed);
    for (const Seen& kind : kinds) {
      throw_if_interrupted();
      std::vector<PartialTrajectory> seen;
      for (const Trajectory& t : whole)
        seen.push_back(
            seen_part(t, kind.third ? options.steps / 3 : options.steps, kind.actions, kind.every));
      PartialMaxEnt model(*device, p, seen);
      const LinearFit fit = fit_partial(model, p, options.precision / static_cast<double>(count),
                                        {.iterations = 100, .gradient_tolerance = 1e-5});
      const Vector found = solve(*device, p, linear_reward(p, fit.weights), {}).policy;
      const auto score = [&](const Vector& policy) {
        return (value_of(*device, p, policy) - worst) / (best - worst);
      };
      scores.emplace_back(score(found), score(cloned(p, seen, !kind.actions || kind.every > 1)));
    }
  }
  return scores;
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  std::vector<Scores> found(static_cast<std::size_t>(seeds));
  in_parallel(reproduction.common.threads, seeds, [&](std::int64_t i) {
    found[static_cast<std::size_t>(i)] = learn(reproduction.seed(i), options);
  });
  Table table{
      formatted("Value between uniform actions (0) and the expert (1), from N demonstrations "
                "of %lld steps",
                static_cast<long long>(options.steps)),
      {"N", "what is seen", "IRL", "cloning"},
      {},
      formatted("mean of %lld maps and half of its 95 %% bootstrap interval",
                static_cast<long long>(seeds))};
  std::vector<Curve> curves;
  std::vector<std::string> ticks;
  for (std::size_t n = 0; n < options.demonstrations.size(); ++n) {
    ticks.push_back(std::to_string(options.demonstrations[n]));
    for (std::size_t kind = 0; kind < std::size(kinds); ++kind) {
      std::vector<Json> row = {options.demonstrations[n], kinds[kind].name};
      for (const bool irl : {true, false}) {
        Vector values;
        for (const Scores& one : found) {
          const auto& [a, b] = one[n * std::size(kinds) + kind];
          values.push_back(irl ? a : b);
        }
        const Spread spread = bootstrap_spread(values);
        row.push_back(formatted("%.3f ± %.3f", spread.mean, (spread.high - spread.low) / 2));
        const std::size_t at = 2 * kind + (irl ? 0 : 1);
        if (curves.size() <= at) {
          curves.resize(at + 1);
          curves[at].name = std::string(irl ? "IRL, " : "cloning, ") + kinds[kind].name;
          curves[at].css_class = series_class(kind) + (irl ? "" : " d1");
        }
        curves[at].points.push_back({static_cast<double>(n), spread.mean});
      }
      table.rows.push_back(std::move(row));
    }
  }
  reproduction.tables.push_back(std::move(table));
  Panel panel = panel_of(std::move(curves), "demonstrations", "value, of the expert's");
  panel.x.named = ticks;
  reproduction.pictures.emplace_back("partial-demonstrations.svg", picture_of({panel}));
}

}  // namespace partial_demonstrations

Experiment partial_demonstrations_experiment() {
  return with_settings<partial_demonstrations::Options>(
      "partial-demonstrations", "Rewards and clones from demonstrations of which parts are missing",
      "Bacciu's lecture on imitation; Ziebart 2010 (no table of theirs)",
      partial_demonstrations::run);
}

}  // namespace understudy::cli
