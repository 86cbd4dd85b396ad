// understudy reproduce softness: what acting softly is good for (Dharna 2019, sections 3.2 and
// 3.3): "if we train with mistakes then at test time, when the environment gets perturbed, the
// agent's actions will be robust", and entropy "primes exploration".
//
//   1  A grid whose dynamics change after planning: exact values of the hard and of soft-optimal
//      policies, planned on the grid as it was, where one cell is blocked (all cells, one at a
//      time), where moves fail more often, and in wind. Soft policies at temperature tau:
//      pi = exp((Q - V) / tau), planned as rewards / tau.
//   2  A chain that pays a little at its beginning and much at its end: Q-learning with and without
//      entropy, in backup and in behavior.
//   3  CartPole with other poles and forces: policies of TRPO with and without an entropy bonus.

#include <algorithm>
#include <array>
#include <cmath>

#include "algorithms/data/draws.h"
#include "algorithms/evaluation/statistics.h"
#include "algorithms/policies/actor.h"
#include "algorithms/reinforcement/trpo.h"
#include "algorithms/tabular/solver.h"
#include "algorithms/tabular/worlds.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/reward_worlds.h"
#include "envs/cartpole.h"

namespace understudy::cli {

namespace softness {

using Vector = std::vector<double>;

constexpr std::int64_t default_seeds = 5, side = 7;
constexpr double temperatures[] = {0, 0.03, 0.1, 0.3, 1};  // 0: hard

struct Options {
  std::int64_t steps = 20000;          // of a learner on the chain
  std::int64_t interactions = 100000;  // of TRPO
  double entropy_coefficient = 0.05;   // of TRPO's soft policies
  std::int64_t chain_seeds = 100;
};
void list_options(OptionList& list, Options& o) {
  list.fields(o, option("steps", o.steps, "of a learner on the chain", {.least = 1}),
              option("chain_seeds", o.chain_seeds, "on each chain", {.least = 1}),
              option("interactions", o.interactions, "of TRPO on CartPole", {.least = 1000}),
              option("entropy_coefficient", o.entropy_coefficient, "of TRPO's soft policies",
                     {.above = 0}));
}

// ---- 1: a grid that changes ---------------------------------------------------------------------

struct Change {
  std::int64_t blocked = -1;  // moves into it stay
  double slip = 0.05;         // of all moves, into a random direction
  double wind = 0;            // of all moves, one cell down besides
};

// Each step costs 1 until the corner across.
Problem grid(const Change& change) {
  ProblemTable t;
  t.n_states = side * side;
  t.n_actions = 4;
  t.discount = 0.98;
  t.terminal.assign(side * side, 0);
  t.terminal.back() = 1;
  t.initial.assign(side * side, 0.0);
  t.initial[0] = 1;
  t.reward.assign(side * side, -1.0);
  t.reward.back() = 0;
  constexpr int along[4][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
  const auto moved = [&](std::int64_t s, int direction) {
    const std::int64_t y = std::clamp<std::int64_t>(s / side + along[direction][0], 0, side - 1);
    const std::int64_t x = std::clamp<std::int64_t>(s % side + along[direction][1], 0, side - 1);
    return y * side + x == change.blocked ? s : y * side + x;
  };
  for (std::int64_t s = 0; s < side * side - 1; ++s)
    for (int a = 0; a < 4; ++a) {
      Vector next(side * side, 0.0);
      for (int direction = 0; direction < 4; ++direction) {
        const double p = change.slip / 4 + (direction == a ? 1 - change.slip : 0);
        const std::int64_t to = moved(s, direction);
        next[to] += p * (1 - change.wind);
        next[to == side * side - 1 ? to : moved(to, 1)] += p * change.wind;
      }
      for (std::int64_t to = 0; to < side * side; ++to)
        if (next[to] > 0) {
          t.state.push_back(s);
          t.action.push_back(a);
          t.next_state.push_back(to);
          t.probability.push_back(next[to]);
        }
    }
  return make_problem(t);
}

Vector planned(Device& device, const Problem& p, double temperature) {
  if (temperature == 0) return solve(device, p, p.reward, {.backup = Backup::max}).policy;
  Vector reward = p.reward;
  for (double& r : reward) r /= temperature;
  return solve(device, p, reward, {}).policy;
}

double value_of(Device& device, const Problem& p, const Vector& policy) {
  return evaluate_policy(device, p, p.reward, policy)[0];  // the start is state 0
}

Table changes(Device& device) {
  const Problem known = grid({});
  std::vector<Vector> policies;
  for (double temperature : temperatures) policies.push_back(planned(device, known, temperature));
  Table table{
      "Discounted cost from corner to corner of a 7 x 7 grid, of policies planned before it "
      "changed",
      {"change", "hard", "tau 0.03", "tau 0.1", "tau 0.3", "tau 1", "planned anew"},
      {},
      "exact; blocked: one of the 47 other cells, moves into which stay; each step costs 1, "
      "discount 0.98, 50 is for ever"};
  const auto add = [&](const std::string& name, const std::vector<Change>& all, bool worst) {
    std::vector<Json> row = {name};
    for (std::size_t i = 0; i <= policies.size(); ++i) {
      double sum = 0, most = 0;
      for (const Change& change : all) {
        const Problem p = grid(change);
        const double cost =
            -value_of(device, p, i < policies.size() ? policies[i] : planned(device, p, 0));
        sum += cost;
        most = std::max(most, cost);
      }
      row.push_back(formatted("%.2f", worst ? most : sum / static_cast<double>(all.size())));
    }
    table.rows.push_back(std::move(row));
  };
  std::vector<Change> blocked;
  for (std::int64_t s = 1; s < side * side - 1; ++s) blocked.push_back({.blocked = s});
  add("none", {{}}, false);
  add("one cell blocked, mean", blocked, false);
  add("one cell blocked, worst", blocked, true);
  for (double slip : {0.2, 0.5})
    add(formatted("moves fail with %g", slip), {{.slip = slip}}, false);
  for (double wind : {0.2, 0.4}) add(formatted("wind down with %g", wind), {{.wind = wind}}, false);
  return table;
}

// ---- 2: a chain ---------------------------------------------------------------------------------

enum class Exploration : std::int8_t { none, epsilon, entropy };

// Steps until the far end was first reached; `limit` where it never was. And whether the greedy
// policy goes there in the end.
struct Found {
  double steps = 0;
  bool learned = false;
};
Found walk(std::int64_t length, Exploration exploration, std::int64_t limit, std::uint64_t seed) {
  constexpr double discount = 0.98, rate = 0.2, epsilon = 0.1, tau = 0.05, near_pay = 0.01;
  constexpr std::uint64_t stream = 0x636861696e;
  Draws draws(seed, stream);
  const auto uniform = [&] {
    return (static_cast<double>(draws.below(1 << 30)) + 0.5) / (1 << 30);
  };
  // Where nothing is paid, soft values are those of two free choices a step for ever. Begun at 0,
  // actions that were tried would look better for their entropy alone.
  const double begin =
      exploration == Exploration::entropy ? discount * tau * std::log(2.0) / (1 - discount) : 0;
  std::vector<std::array<double, 2>> q(static_cast<std::size_t>(length), {begin, begin});
  const auto value = [&](std::int64_t s) {
    const auto& both = q[static_cast<std::size_t>(s)];
    const double most = std::max(both[0], both[1]);
    if (exploration != Exploration::entropy) return most;
    return most +
           tau * std::log(std::exp((both[0] - most) / tau) + std::exp((both[1] - most) / tau));
  };
  Found found{static_cast<double>(limit), false};
  std::int64_t s = 0;
  for (std::int64_t t = 0; t < limit; ++t) {
    auto& both = q[static_cast<std::size_t>(s)];
    // 0: back, 1: on.
    double on = both[1] > both[0] ? 1 : both[1] < both[0] ? 0 : 0.5;
    if (exploration == Exploration::epsilon) on = (1 - epsilon) * on + epsilon / 2;
    if (exploration == Exploration::entropy) on = 1 / (1 + std::exp((both[0] - both[1]) / tau));
    const int action = uniform() < on ? 1 : 0;
    const bool end = action == 1 && s == length - 1;
    const double pay = end ? 1 : action == 0 && s == 0 ? near_pay : 0;
    const std::int64_t next = end ? 0 : std::max<std::int64_t>(0, s + (action == 1 ? 1 : -1));
    both[action] += rate * (pay + discount * value(next) - both[action]);
    if (end && found.steps == static_cast<double>(limit)) found.steps = static_cast<double>(t + 1);
    s = next;
  }
  found.learned =
      std::all_of(q.begin(), q.end(), [](const auto& both) { return both[1] > both[0]; });
  return found;
}

Table chains(const Reproduction& reproduction, const Options& options) {
  Table table{
      formatted("A chain that pays 0.01 at its beginning and 1 at its end, which leads back: "
                "Q-learning, %lld steps, %lld seeds",
                static_cast<long long>(options.steps), static_cast<long long>(options.chain_seeds)),
      {"states", "no exploration: learned", "steps to the end", "epsilon 0.1: learned",
       "steps to the end ", "entropy, tau 0.05: learned", " steps to the end"},
      {},
      "learned: the greedy policy goes to the end from everywhere; steps: the median until it "
      "was first reached"};
  for (std::int64_t length : {4, 8, 12, 16, 24}) {
    std::vector<Json> row = {length};
    for (Exploration exploration :
         {Exploration::none, Exploration::epsilon, Exploration::entropy}) {
      Vector steps;
      int learned = 0;
      for (std::int64_t i = 0; i < options.chain_seeds; ++i) {
        const Found found = walk(length, exploration, options.steps, reproduction.seed(i));
        steps.push_back(found.steps);
        learned += found.learned ? 1 : 0;
      }
      const double middle = median_of(steps);
      row.push_back(formatted("%d", learned));
      row.push_back(middle >= static_cast<double>(options.steps)
                        ? formatted("> %lld", static_cast<long long>(options.steps))
                        : formatted("%.0f", middle));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

// ---- 3: CartPole --------------------------------------------------------------------------------

struct HeavyPole : CartPoleConstants {
  static constexpr double pole_mass = 1;
};
struct LongPole : CartPoleConstants {
  static constexpr double half_length = 1.5;
};
struct ShortPole : CartPoleConstants {
  static constexpr double half_length = 0.15;
};
struct WeakMotor : CartPoleConstants {
  static constexpr double force = 3;
};
struct StrongMotor : CartPoleConstants {
  static constexpr double force = 25;
};

// The mean return of so many episodes of 500 steps, side by side.
template <class Constants>
double mean_return(Device& device, const Policy& policy, bool deterministic, std::uint64_t seed) {
  using Cart = CartPoleDynamics<double, Constants>;
  constexpr std::int64_t episodes = 100, horizon = 500;
  constexpr std::uint64_t stream = 0x63617274;
  Store store(device);
  Actor::Options how;
  how.rows = episodes;
  how.deterministic = deterministic;
  how.seed = seed;
  Actor actor(policy, store, how);
  Draws draws(seed, stream);
  std::vector<typename Cart::State> states(episodes);
  for (auto& state : states)
    for (int i = 0; i < CartPoleFacts::state_size; ++i)
      state[i] = 0.1 * (static_cast<double>(draws.below(1 << 30)) / (1 << 30) - 0.5);
  std::vector<bool> lost(episodes, false);
  double total = 0;
  for (std::int64_t t = 0; t < horizon; ++t) {
    Vector seen;
    for (const auto& state : states)
      for (int i = 0; i < CartPoleFacts::state_size; ++i) seen.push_back(state[i]);
    const Vector actions = actor.act(seen);
    for (std::size_t e = 0; e < states.size(); ++e) {
      if (lost[e]) continue;
      total += 1;
      const double angle = states[e][CartPoleFacts::angle];
      typename Cart::Action action;
      action[0] = actions[e];
      states[e] = Cart::pushed(states[e], action, std::sin(angle), std::cos(angle));
      lost[e] = Cart::lost(states[e]);
    }
  }
  return total / episodes;
}

std::unique_ptr<Policy> trained(Device& device, double entropy, std::int64_t interactions,
                                std::uint64_t seed) {
  const EnvironmentDescription& environment = environment_named("cartpole");
  auto policy = std::make_unique<Policy>(device, describe_policy(environment), seed);
  TrpoOptions options;
  options.learner.rollouts = {.num_envs = 8, .steps_per_iteration = 1000, .seed = seed};
  options.learner.discount = 0.99;
  options.learner.entropy_coefficient = entropy;
  options.learner.baseline.seed = seed;
  Trpo trpo(*policy, environment, options);
  while (trpo.rollouts().interactions() + 1000 <= interactions) {
    throw_if_interrupted();
    trpo.step();
  }
  return policy;
}

Table carts(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  struct Cart {
    const char* name;
    double (*play)(Device&, const Policy&, bool, std::uint64_t);
  };
  const Cart variants[] = {{"as trained", mean_return<CartPoleConstants>},
                           {"pole of 1 kg instead of 0.1", mean_return<HeavyPole>},
                           {"pole of 3 m instead of 1", mean_return<LongPole>},
                           {"pole of 0.3 m", mean_return<ShortPole>},
                           {"a push of 3 N instead of 10", mean_return<WeakMotor>},
                           {"a push of 25 N", mean_return<StrongMotor>}};
  constexpr std::size_t kinds = 2, count = std::size(variants);
  std::vector<Vector> returns(kinds * count, Vector(static_cast<std::size_t>(seeds)));
  in_parallel(reproduction.common.threads, seeds * kinds, [&](std::int64_t i) {
    const std::unique_ptr<Device> device = cpu_device();
    const bool soft = i % kinds == 1;
    const std::uint64_t seed = reproduction.seed(i / kinds);
    const auto policy =
        trained(*device, soft ? options.entropy_coefficient : 0, options.interactions, seed);
    for (std::size_t v = 0; v < count; ++v)
      returns[static_cast<std::size_t>(i % kinds) * count + v]
             [static_cast<std::size_t>(i / kinds)] = variants[v].play(*device, *policy, true, seed);
  });
  Table table{formatted("CartPole-v1 with other constants: returns of TRPO after %lld interactions",
                        static_cast<long long>(options.interactions)),
              {"constants", "no entropy bonus", formatted("%g", options.entropy_coefficient)},
              {},
              formatted("mean of %lld seeds of 100 episodes and half of its 95 %% bootstrap "
                        "interval; most likely actions",
                        static_cast<long long>(seeds))};
  for (std::size_t v = 0; v < count; ++v) {
    std::vector<Json> row = {variants[v].name};
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      const Spread spread = bootstrap_spread(returns[kind * count + v]);
      row.push_back(formatted("%.0f ± %.0f", spread.mean, (spread.high - spread.low) / 2));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

void run(Reproduction& reproduction, const Options& options) {
  const std::unique_ptr<Device> device = cpu_device();
  reproduction.tables.push_back(changes(*device));
  reproduction.tables.push_back(chains(reproduction, options));
  reproduction.tables.push_back(carts(reproduction, options));
}

}  // namespace softness

Experiment softness_experiment() {
  return with_settings<softness::Options>(
      "softness", "Soft policies where the world has changed, and entropy as exploration",
      "Dharna 2019, sections 3.2 and 3.3 (no table of theirs)", softness::run);
}

}  // namespace understudy::cli
