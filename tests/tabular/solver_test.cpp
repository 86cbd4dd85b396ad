// Values of known worlds, and that every way of solving says the same.

#include "algorithms/tabular/solver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/worlds.h"
#include "kernels/device/device.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;

double start_value(const Problem& p, const std::vector<double>& v) {
  double sum = 0.0;
  for (std::int64_t s = 0; s < p.n_states; ++s) sum += p.initial[s] * v[s];
  return sum;
}

// FrozenLake's success probabilities: 0.7442 within 100 steps on the small map, 0.8235 without
// limit; 0.9132 within 200 on the large one. Uniform play succeeds 0.0139 of the time on the small
// map.
TEST(Worlds, FrozenLakeIsAsHardAsGymnasiums) {
  Engine engine;
  for (auto [rows, horizon, success] : {std::tuple{4, 100, 0.7442}, {8, 200, 0.9132}}) {
    ProblemTable t = frozen_lake(rows);
    t.horizon = horizon;
    const Problem p = make_problem(t);
    EXPECT_NEAR(solve_horizon(engine, p, p.reward, Backup::max, Expectation::causal).values[0],
                success, 6e-5);
  }
  const Problem p = make_problem(frozen_lake());
  EXPECT_NEAR(solve(engine, p, p.reward, {.backup = Backup::max}).values[0], 0.8235, 6e-5);
  const std::vector<double> uniform(p.n_pairs(), 0.25);
  EXPECT_NEAR(evaluate_policy(engine, p, p.reward, uniform)[0], 0.0139, 6e-5);
}

TEST(Worlds, CliffWalkingCostsThirteenSteps) {
  Engine engine;
  const Problem p = make_problem(cliff_walking());
  for (SolveMethod method : {SolveMethod::value_iteration, SolveMethod::policy_iteration,
                             SolveMethod::modified_policy_iteration})
    EXPECT_NEAR(
        start_value(p,
                    solve(engine, p, p.reward, {.backup = Backup::max, .method = method}).values),
        -13.0, 1e-9);
}

TEST(Worlds, TaxisOptimalReturnIsSevenPointNineThree) {
  Engine engine;
  const Problem p = make_problem(taxi());
  EXPECT_NEAR(start_value(p, solve(engine, p, p.reward, {.backup = Backup::max}).values), 7.93,
              0.005);
}

TEST(Worlds, AreWhatTheirPapersSay) {
  const ProblemTable grid = abbeel_ng_gridworld({.size = 32, .macro = 8, .seed = 3});
  EXPECT_EQ(grid.n_features, 16);
  double sum = 0.0;
  for (std::int64_t s = 0; s < 32 * 32; ++s) sum += grid.reward[s];
  EXPECT_NEAR(sum / 64.0, 1.0, 1e-12);  // the weights sum to 1, each earned by 64 cells
  const ProblemTable objects = objectworld({.seed = 5});
  EXPECT_EQ(objects.n_features, 31 * 4);
  for (double r : objects.reward) EXPECT_TRUE(r == 5.0 || r == 0.0 || r == -10.0);
  // Distractor colors leave the first two, and so the reward, where they were.
  EXPECT_EQ(objectworld({.inner_colors = 6, .seed = 5}).reward, objects.reward);
  const ProblemTable binary = binaryworld({.seed = 7});
  const std::int64_t s = 5 * 32 + 5;
  double blue = 0.0;
  for (int f = 0; f < 9; ++f) blue += binary.features[s * 9 + f];
  EXPECT_EQ(binary.reward[s], blue == 4.0 ? 1.0 : blue == 5.0 ? -1.0 : 0.0);
  for (const ProblemTable& t : {grid, objects, binary, garnet({}), gridworld({})})
    EXPECT_NO_THROW(make_problem(t));
  EXPECT_THROW(frozen_lake(5), Error);
  EXPECT_THROW(garnet({.states = 3, .branching = 4}), Error);
}

// The values satisfy the Bellman equation, whatever found them.
TEST(Solver, EveryMethodAgrees) {
  Threads team(2);
  Engine engine(&team);
  const Problem p = make_problem(garnet({.states = 60, .actions = 5, .branching = 4, .seed = 2}));
  for (Backup backup : {Backup::max, Backup::log_sum_exp}) {
    const Solution a = solve(engine, p, p.reward, {.backup = backup, .tolerance = 1e-12});
    for (SolveMethod method :
         {SolveMethod::policy_iteration, SolveMethod::modified_policy_iteration,
          SolveMethod::anderson, SolveMethod::multigrid}) {
      const Solution b =
          solve(engine, p, p.reward, {.backup = backup, .method = method, .tolerance = 1e-12});
      // 1e-12 of change a sweep at discount 0.95 is within 2e-11 of the fixed point.
      for (std::size_t i = 0; i < a.values.size(); ++i)
        EXPECT_NEAR(a.values[i], b.values[i], 5e-11);
      for (std::size_t k = 0; k < a.policy.size(); ++k) EXPECT_NEAR(a.policy[k], b.policy[k], 1e-9);
      EXPECT_LT(b.iterations, a.iterations / 3);
    }
  }
}

// A gridworld large enough for three levels of aggregates, with a pit that ends the episode, which
// no aggregate may move.
Problem pit(double discount) {
  GridworldOptions options;
  options.height = 40;
  options.width = 37;
  options.discount = discount;
  ProblemTable t = gridworld(options);
  t.terminal.assign(t.n_states, 0);
  const std::int64_t hole = 20 * 37 + 11;
  t.terminal[hole] = 1;
  for (std::size_t i = t.state.size(); i-- > 0;)
    if (t.state[i] == hole) {
      for (auto* column : {&t.state, &t.action, &t.next_state}) column->erase(column->begin() + i);
      t.probability.erase(t.probability.begin() + i);
    }
  t.reward = random_vector(4, t.n_states, -1, 1);
  for (std::int64_t s = 0; s < t.n_states; ++s) t.reward[s] -= discount == 1.0 ? 3.0 : 0.0;
  return make_problem(t);
}

TEST(Solver, AcceleratedSweepsReachTheFixedPointInFewerOfThem) {
  Threads team(3);
  Engine engine(&team), alone;
  for (double discount : {0.99, 1.0}) {
    const Problem p = pit(discount);
    for (Backup backup : {Backup::log_sum_exp, Backup::max}) {
      const Solution direct =
          solve(engine, p, p.reward, {.backup = backup, .method = SolveMethod::policy_iteration});
      // Plain sweeps take some 2500 at discount 0.99. Newton's equation helps a hard choice little
      // while its policy still changes; it is then sweeps, two a cycle and one to see.
      const int by_aggregates = backup == Backup::log_sum_exp ? 500 : 3800;
      for (auto [method, most] :
           {std::pair{SolveMethod::anderson, 900}, {SolveMethod::multigrid, by_aggregates}}) {
        SolveOptions options{.backup = backup, .method = method, .tolerance = 1e-11};
        const Solution s = solve(engine, p, p.reward, options);
        // A change of 1e-11 is amplified by at most the mean length of an episode, some 1000 steps
        // here where nothing is discounted.
        for (std::int64_t i = 0; i < p.n_states; ++i)
          ASSERT_NEAR(s.values[i], direct.values[i], 1e-7) << i;
        EXPECT_LT(s.iterations, most) << static_cast<int>(method) << " " << discount;
        // Sums are by chunks, whatever the team.
        EXPECT_EQ(solve(alone, p, p.reward, options).values, s.values);
      }
    }
  }
}

// A gridworld is recognized by its transitions, in whatever order its actions are, and solved on
// the grid itself: odd sizes, a size that coarse grids do not divide, rewards far apart.
TEST(Solver, GridworldsAreSolvedAsStencils) {
  Threads team(2);
  Engine engine, shared(&team);
  for (auto [height, width, spread] : {std::tuple{37, 54, 0.1}, {3, 70, 1.0}}) {
    GridworldOptions options;
    options.height = height;
    options.width = width;
    ProblemTable t = gridworld(options);
    t.shape = {height, width};
    t.reward = random_vector(4, t.n_states, -spread, spread);
    for (std::int64_t& a : t.action) a = (a + 2) % 5;
    const Problem p = make_problem(t);
    const std::optional<GridForm> form = grid_form(engine, p, p.reward);
    ASSERT_TRUE(form.has_value());
    EXPECT_NEAR(form->dynamics.chosen, 0.7, 1e-12);
    EXPECT_EQ(form->reward, t.reward);
    for (Backup backup : {Backup::log_sum_exp, Backup::max}) {
      const bool soft = backup == Backup::log_sum_exp;
      const Solution plain =
          solve(engine, p, p.reward, {.backup = backup, .tolerance = 1e-8, .stencil = false});
      for (auto [method, share] : {std::pair{SolveMethod::value_iteration, 1.1},
                                   {SolveMethod::extrapolated, 0.9},
                                   {SolveMethod::momentum, soft ? 0.3 : 1.2},
                                   {SolveMethod::anderson, 0.9},
                                   {SolveMethod::multigrid, !soft          ? 0.9
                                                            : spread < 1.0 ? 0.04
                                                                           : 0.25}}) {
        const SolveOptions by{.backup = backup, .method = method, .tolerance = 1e-8};
        const Solution s = solve(engine, p, p.reward, by);
        // A change of 1e-8 is at most 1e-6 from the fixed point, for each of the two.
        for (std::int64_t i = 0; i < p.n_states; ++i)
          ASSERT_NEAR(s.values[i], plain.values[i], 2e-6) << static_cast<int>(method);
        EXPECT_LT(s.iterations, share * plain.iterations) << static_cast<int>(method);
      }
    }
  }
  // Whatever the team, also where rows are shared out.
  GridForm large{{150, 130, false, 0.7, 0.1, 0.05}, random_vector(5, 150 * 130, -0.1, 0.1)};
  const SolveOptions by{.method = SolveMethod::multigrid, .tolerance = 1e-6};
  const Solution alone = solve_grid(engine, large, 0.99, by);
  EXPECT_EQ(solve_grid(shared, large, 0.99, by).values, alone.values);
  EXPECT_LT(alone.iterations, 100);
  // One cell that is not like the others, a reward by action, an end: none of them is a stencil.
  ProblemTable t = gridworld({.height = 5, .width = 4});
  t.shape = {5, 4};
  t.reward.assign(20, 0.0);
  Problem p = make_problem(t);
  EXPECT_TRUE(grid_form(engine, p, p.reward).has_value());
  std::vector<double> by_action = p.reward;
  by_action[7] += 0.5;
  EXPECT_FALSE(grid_form(engine, p, by_action).has_value());
  std::size_t i = 60;
  while (t.action[i] != t.action[i + 1] || t.probability[i] == t.probability[i + 1]) ++i;
  std::swap(t.probability[i], t.probability[i + 1]);
  p = make_problem(t);
  EXPECT_FALSE(grid_form(engine, p, p.reward).has_value());
  EXPECT_THROW(solve_grid(engine, {{4, 4, true, 0.7, 0, 0.075}, {1.0, 2.0}}, 0.9), Error);
  EXPECT_THROW(solve_grid(engine, {{1, 2, true, 0.9, 0, 0.075}, {1.0, 2.0}}, 0.9), Error);
  EXPECT_THROW(solve_grid(engine, {{1, 2, true, 0.7, 0, 0.075}, {1.0, 2.0}}, 1.0), Error);
}

TEST(Solver, SinglePrecisionIsDoubleButForItsRounding) {
  Engine engine;
  const Problem p = pit(0.99);
  const Solution wide = solve(engine, p, p.reward, {.tolerance = 1e-11});
  double largest = 0.0;
  for (double v : wide.values) largest = std::max(largest, std::abs(v));
  for (SolveMethod method :
       {SolveMethod::value_iteration, SolveMethod::anderson, SolveMethod::multigrid}) {
    const Solution s =
        solve(engine, p, p.reward,
              {.method = method, .tolerance = 1e-12, .precision = SolvePrecision::f32});
    // Sweeps stop at a change of 64 roundings at the most, which 1 / (1 - discount) turns into
    // 6400.
    for (std::int64_t i = 0; i < p.n_states; ++i)
      ASSERT_NEAR(s.values[i], wide.values[i], 6400 * 1.2e-7 * largest);
    EXPECT_EQ(s.policy.size(), p.reward.size());
  }
  const Solution short_one =
      solve(engine, p, p.reward, {.precision = SolvePrecision::f32, .values_only = true});
  EXPECT_TRUE(short_one.policy.empty() && short_one.q_values.empty());
  EXPECT_THROW(solve(engine, p, p.reward,
                     {.method = SolveMethod::policy_iteration, .precision = SolvePrecision::f32}),
               Error);
  EXPECT_THROW(solve(engine, p, p.reward, {}, 1, {1.0, 2.0}), Error);
}

// The same interface on a device, here the emulator of one.
TEST(Solver, ADeviceGivesTheSameValues) {
  const std::unique_ptr<Device> device = cuda_device();
  Engine there(*device), here;
  const Problem p =
      make_problem(garnet({.states = 50, .actions = 4, .branching = 3, .discount = 0.7}));
  const std::vector<double> rewards = random_vector(1, p.n_pairs() * 3, -1, 1);
  for (std::int64_t batch : {1, 3})
    for (SolveMethod method :
         {SolveMethod::value_iteration, SolveMethod::modified_policy_iteration})
      for (SolvePrecision precision : {SolvePrecision::f64, SolvePrecision::f32}) {
        if (precision == SolvePrecision::f32 && method != SolveMethod::value_iteration) continue;
        const std::vector<double> reward(rewards.begin(), rewards.begin() + p.n_pairs() * batch);
        const SolveOptions options{.method = method, .tolerance = 1e-7, .precision = precision};
        const Solution a = solve(here, p, reward, options, batch);
        const Solution b = solve(there, p, reward, options, batch);
        // Changes of 1e-7, or of four roundings of some 6, over 1 - discount, twice.
        for (std::size_t i = 0; i < a.values.size(); ++i)
          ASSERT_NEAR(a.values[i], b.values[i], precision == SolvePrecision::f64 ? 7e-7 : 2e-5);
        for (std::size_t k = 0; k < a.policy.size(); ++k)
          ASSERT_NEAR(a.policy[k], b.policy[k], 4e-5);
      }
  EXPECT_THROW(solve(there, p, p.reward, {.method = SolveMethod::multigrid}), Error);
}

// Any number of rewards at once are the rewards one by one.
TEST(Solver, BatchesAreTheirMembers) {
  Engine engine;
  const Problem p =
      make_problem(garnet({.states = 30, .actions = 3, .branching = 3, .discount = 0.8}));
  // Part of a panel of lanes, and two panels and a part.
  for (std::int64_t batch : {11, 139})
    for (SolvePrecision precision : {SolvePrecision::f64, SolvePrecision::f32}) {
      const std::vector<double> rewards = random_vector(1, p.n_pairs() * batch, -1, 1);
      const SolveOptions options{.precision = precision};
      const Solution together = solve(engine, p, rewards, options, batch);
      for (std::int64_t b = 0; b < batch; b += 7) {
        std::vector<double> r(p.n_pairs());
        for (std::int64_t k = 0; k < p.n_pairs(); ++k) r[k] = rewards[k * batch + b];
        const Solution alone = solve(engine, p, r, options);
        // In single precision four roundings of some 10, over 1 - discount, on either side.
        for (std::int64_t s = 0; s < p.n_states; ++s)
          EXPECT_NEAR(together.values[s * batch + b], alone.values[s],
                      precision == SolvePrecision::f64 ? 1e-9 : 5e-5);
      }
    }
}

// ---- other people's programs --------------------------------------------------------------------

// A problem in files, as tests/oracles/tabular_peers.py reads it, and what a package makes of it;
// nothing where the package is not there.
struct Peers {
  std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "understudy_tabular_peers";
  explicit Peers(const Problem& p, const std::vector<double>& state_reward, std::int64_t horizon) {
    std::filesystem::create_directories(folder);
    std::vector<double> dense(p.n_states * p.n_actions * p.n_states, 0.0);
    for (std::int64_t j = 0; j < p.n_transitions(); ++j) {
      const std::int32_t k = p.transition_pair[j];
      dense[(p.pair_state[k] * p.n_actions + p.pair_action[k]) * p.n_states + p.next_state[j]] +=
          p.probability[j];
    }
    write("transitions", dense);
    write("reward", state_reward);
    write("initial", p.initial);
    std::ofstream(folder / "sizes")
        << p.n_states << " " << p.n_actions << " " << horizon << " " << p.discount;
  }
  ~Peers() { std::filesystem::remove_all(folder); }
  void write(const char* name, const std::vector<double>& values) const {
    std::ofstream(folder / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  }
  int ask(const std::string& peer, std::vector<double>& found) const {
    const char* python = std::getenv("UNDERSTUDY_PYTHON");
    const std::string command = std::string(python != nullptr ? python : "python3") +
                                " tests/oracles/tabular_peers.py " + folder.string() + " " + peer +
                                " > " + (folder / "log").string() + " 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream file(folder / (peer + ".out"), std::ios::binary);
    for (double x = 0; file.read(reinterpret_cast<char*>(&x), sizeof x);) found.push_back(x);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

// Every state with every action, as the packages want it, and rewards of states.
Problem peers_problem(std::int64_t horizon, std::vector<double>* reward) {
  ProblemTable t = garnet({.states = 20, .actions = 3, .branching = 4, .discount = 0.9, .seed = 6});
  t.horizon = horizon;
  *reward = random_vector(8, t.n_states, -1, 1);
  t.reward = *reward;
  return make_problem(t);
}

TEST(Peers, ImitationsCausalEntropySaysTheSame) {
  std::vector<double> reward, found;
  const std::int64_t horizon = 30;
  const Problem p = peers_problem(horizon, &reward);
  const Peers peers(p, reward, horizon);
  const int status = peers.ask("imitation", found);
  if (status == 77 || status == 127) GTEST_SKIP() << "no imitation (UNDERSTUDY_PYTHON)";
  ASSERT_EQ(status, 0);
  Engine engine;
  const HorizonSolution s =
      solve_horizon(engine, p, p.reward, Backup::log_sum_exp, Expectation::causal);
  const HorizonOccupancy o = occupancy_over_horizon(engine, p, s.policy, p.initial);
  const std::size_t values = horizon * p.n_states, pairs = horizon * p.n_pairs();
  ASSERT_EQ(found.size(), values + pairs + p.n_states);
  for (std::size_t i = 0; i < values; ++i) ASSERT_NEAR(found[i], s.values[i], 1e-8);
  for (std::size_t k = 0; k < pairs; ++k) ASSERT_NEAR(found[values + k], s.policy[k], 1e-8);
  // Its visits count the state after the last action too.
  for (std::int64_t i = 0; i < p.n_states; ++i) {
    double visits = 0.0, weight = 1.0;
    for (std::int64_t t = 0; t < horizon; ++t, weight *= p.discount)
      visits += weight * o.states[t * p.n_states + i];
    for (std::int64_t k = 0; k < p.n_pairs(); ++k)
      for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
        if (p.next_state[j] == i)
          visits += weight * p.probability[j] * s.policy[(horizon - 1) * p.n_pairs() + k] *
                    o.states[(horizon - 1) * p.n_states + p.pair_state[k]];
    ASSERT_NEAR(found[values + pairs + i], visits, 1e-8) << i;
  }
}

TEST(Peers, IrlMaxentsPolicyAndVisitsAreTheSame) {
  std::vector<double> reward, found;
  const Problem p = peers_problem(0, &reward);
  const Peers peers(p, reward, 1);
  const int status = peers.ask("irl-maxent", found);
  if (status == 77 || status == 127) GTEST_SKIP() << "no irl-maxent (UNDERSTUDY_PYTHON)";
  ASSERT_EQ(status, 0);
  Engine engine;
  const Solution s = solve(engine, p, p.reward, {.tolerance = 1e-13});
  ASSERT_EQ(found.size(), static_cast<std::size_t>(p.n_pairs() + p.n_states));
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) ASSERT_NEAR(found[k], s.policy[k], 1e-8);
  // Visits under the uniform policy until state 0, where it never leaves.
  ProblemTable t = garnet({.states = 20, .actions = 3, .branching = 4, .discount = 0.9, .seed = 6});
  t.discount = 1.0;
  t.initial = p.initial;
  t.terminal.assign(20, 0);
  t.terminal[0] = 1;
  for (std::size_t i = t.state.size(); i-- > 0;)
    if (t.state[i] == 0) {
      for (auto* column : {&t.state, &t.action, &t.next_state}) column->erase(column->begin() + i);
      t.probability.erase(t.probability.begin() + i);
    }
  t.reward = reward;
  const Problem ends = make_problem(t);
  const std::vector<double> uniform(ends.n_pairs(), 1.0 / 3.0);
  const Occupancy o = occupancy_of(engine, ends, uniform, ends.initial);
  for (std::int64_t i = 0; i < p.n_states; ++i)
    ASSERT_NEAR(found[p.n_pairs() + i], o.states[i], 1e-8);
}

TEST(Solver, OccupancyIsConsistent) {
  Engine engine;
  const Problem p =
      make_problem(garnet({.states = 40, .actions = 3, .branching = 4, .discount = 0.9}));
  const Solution s = solve(engine, p, p.reward);
  const Occupancy swept = occupancy_of(engine, p, s.policy, p.initial);
  PolicySystem system(p);
  system.set_policy(s.policy);
  std::vector<double> direct = p.initial;
  system.occupancy(engine, 1, direct);
  double visits = 0.0, earned = 0.0;
  for (std::int64_t i = 0; i < p.n_states; ++i) {
    EXPECT_NEAR(swept.states[i], direct[i], 1e-10);
    visits += direct[i];
  }
  EXPECT_NEAR(visits, 10.0, 1e-10);  // 1 / (1 - discount)
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) earned += swept.pairs[k] * p.reward[k];
  const std::vector<double> v = evaluate_policy(engine, p, p.reward, s.policy, 1e-12);
  EXPECT_NEAR(start_value(p, v), earned, 1e-9);
}

TEST(Solver, ExpectedValueDifferenceIsZeroAtTheBestPolicyAlone) {
  Engine engine;
  const Problem p = make_problem(garnet({}));
  EXPECT_NEAR(expected_value_difference(engine, p, p.reward,
                                        solve(engine, p, p.reward, {.backup = Backup::max}).policy),
              0.0, 1e-8);
  EXPECT_GT(expected_value_difference(engine, p, p.reward, solve(engine, p, p.reward).policy), 0.1);
}

TEST(Solver, SamplesFollowThePolicyAndTheSeed) {
  const Problem p = make_problem(garnet({.states = 5, .actions = 3, .branching = 2}));
  Engine engine;
  const Solution s = solve(engine, p, p.reward);
  const auto episodes = sample_trajectories(p, s.policy, 4000, 10, 9);
  EXPECT_EQ(sample_trajectories(p, s.policy, 1, 10, 9)[0].states, episodes[0].states);
  EXPECT_NE(sample_trajectories(p, s.policy, 1, 10, 10)[0].states, episodes[0].states);
  std::vector<double> count(p.n_pairs(), 0.0), visits(p.n_states, 0.0);
  for (const auto& pairs : pairs_of(p, episodes))
    for (std::int32_t k : pairs) count[k] += 1.0, visits[p.pair_state[k]] += 1.0;
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    const double n = visits[p.pair_state[k]], pi = s.policy[k];
    // Five standard deviations of a binomial.
    EXPECT_NEAR(count[k], n * pi, 5 * std::sqrt(n * pi * (1 - pi)) + 1);
  }
  const std::vector<double> log_probability = log_probabilities(p, s.policy, episodes);
  for (double l : log_probability) EXPECT_LT(l, 0.0);
}

// Undiscounted soft values of a cycle that costs too little: each way round adds more than it
// takes.
TEST(Solver, DivergenceIsNamedWithItsRadius) {
  ProblemTable t;
  t.n_states = 2;
  t.n_actions = 2;
  t.state = {0, 0};
  t.action = {0, 1};
  t.next_state = {0, 1};
  t.terminal = {0, 1};
  t.initial = {1, 0};
  t.reward = {0.5, -1.0, 0.0, 0.0};
  const Problem p = make_problem(t);
  Engine engine;
  try {
    solve(engine, p, p.reward);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_finite);
    EXPECT_NE(std::string(error.what()).find("spectral radius 1.648721"), std::string::npos)
        << error.what();
  }
  // With the cost doubled z = 1 / (1 - e^-0.5) e^-1.
  const Solution s = solve(engine, p, {-0.5, -1.0});
  EXPECT_NEAR(s.values[0], -1.0 - std::log(1.0 - std::exp(-0.5)), 1e-8);
}

// A corridor: what lies at its end is news for as many sweeps as it has cells, the same each time.
TEST(Solver, LongWaysAreNoDivergence) {
  constexpr int cells = 700;
  ProblemTable t;
  t.n_states = cells + 1;
  t.n_actions = 1;
  t.terminal.assign(cells + 1, 0);
  t.terminal[cells] = 1;
  t.initial.assign(cells + 1, 0.0);
  t.initial[0] = 1;
  t.reward.assign(cells + 1, -1.0);
  for (int s = 0; s < cells; ++s) {
    t.state.push_back(s);
    t.action.push_back(0);
    t.next_state.push_back(s + 1);
  }
  const Problem p = make_problem(t);
  Engine engine;
  for (const Backup backup : {Backup::max, Backup::log_sum_exp}) {
    const Solution s =
        solve(engine, p, p.reward, {.backup = backup, .method = SolveMethod::value_iteration});
    EXPECT_NEAR(s.values[0], -cells, 1e-6);
    EXPECT_NEAR(evaluate_policy(engine, p, p.reward, s.policy)[0], -cells, 1e-6);
    EXPECT_NEAR(occupancy_of(engine, p, s.policy, p.initial).states[cells - 1], 1, 1e-9);
  }
}

// Bad input, and the line that says so.
TEST(Problem, BadInputIsNamed) {
  struct Row {
    const char* expected;
    void (*spoil)(ProblemTable&);
  };
  const Row rows[] = {
      {"transitions of state 0, action 1 sum to 0.9, expected 1",
       [](ProblemTable& t) { t.probability[1] = 0.9; }},
      {"probability, row 1: expected 0 to 1, found -0.5",
       [](ProblemTable& t) { t.probability[1] = -0.5; }},
      {"probability, row 0: expected 0 to 1, found nan",
       [](ProblemTable& t) { t.probability[0] = NAN; }},
      {"discount: expected 0 to 1, found -0.1", [](ProblemTable& t) { t.discount = -0.1; }},
      {"discount: expected 0 to 1, found 1.5", [](ProblemTable& t) { t.discount = 1.5; }},
      {"horizon: expected at least 0, found -3", [](ProblemTable& t) { t.horizon = -3; }},
      {"state, row 2: expected 0 to 2, found 7", [](ProblemTable& t) { t.state[2] = 7; }},
      {"action, row 0: expected 0 to 1, found 2", [](ProblemTable& t) { t.action[0] = 2; }},
      {"next_state, row 0: expected 0 to 2, found -1",
       [](ProblemTable& t) { t.next_state[0] = -1; }},
      {"next_state: expected 3 entries, found 2", [](ProblemTable& t) { t.next_state.pop_back(); }},
      {"n_states: expected at least 1, found 0", [](ProblemTable& t) { t.n_states = 0; }},
      {"n_states: expected states that the columns mention, found 2000000000",
       [](ProblemTable& t) { t.n_states = 2000000000; }},
      {"shape: expected height x width = 3 states, found 4611686018427387904 x 4",
       [](ProblemTable& t) {
         t.shape = {std::int64_t{1} << 62, 4};
       }},
      {"initial: sums to 0.5, expected 1", [](ProblemTable& t) { t.initial[0] = 0.5; }},
      {"initial, state 1: expected at least 0, found -1",
       [](ProblemTable& t) { t.initial[1] = -1; }},
      {"reward: expected [3] or [3, 2], found 4 numbers",
       [](ProblemTable& t) { t.reward.resize(4); }},
      {"reward, entry 1: expected a finite number, found inf",
       [](ProblemTable& t) {
         t.reward = {0, INFINITY, 0};
       }},
      {"features: expected [3, 2] or [3, 2, 2], found 5 numbers",
       [](ProblemTable& t) { t.n_features = 2, t.features.resize(5); }},
      {"terminal: expected 3 entries, found 1", [](ProblemTable& t) { t.terminal.resize(1); }},
      {"shape: expected height x width = 3 states, found 2 x 2",
       [](ProblemTable& t) {
         t.shape = {2, 2};
       }},
      {"goal_id: goal 0 has no state",
       [](ProblemTable& t) {
         t.goal_id = {1, 1}, t.goal_state = {0, 1};
       }},
      {"goal_state, row 0: expected 0 to 2, found 9",
       [](ProblemTable& t) { t.goal_id = {0}, t.goal_state = {9}; }},
      {"state 0: no terminal state can be reached from it",
       [](ProblemTable& t) {
         t.terminal = {0, 0, 0};
       }},
  };
  for (const Row& row : rows) {
    ProblemTable t;
    t.n_states = 3;
    t.n_actions = 2;
    t.state = {0, 0, 1};
    t.action = {0, 1, 0};
    t.next_state = {1, 2, 2};
    t.probability = {1, 1, 1};
    t.initial = {1, 0, 0};
    t.terminal = {0, 0, 1};
    t.reward = {-1, -1, 0};
    row.spoil(t);
    Engine engine;
    try {
      const Problem p = make_problem(t);
      solve(engine, p, p.reward);
      ADD_FAILURE() << "accepted: " << row.expected;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(row.expected), std::string::npos) << error.what();
    }
  }
}

TEST(Problem, ImpossibleDemonstrationsAreNamed) {
  ProblemTable t;
  t.n_states = 3;
  t.n_actions = 2;
  t.state = {0, 0, 1};
  t.action = {0, 1, 0};
  t.next_state = {1, 2, 2};
  t.terminal = {0, 0, 1};
  const Problem p = make_problem(t);
  auto message = [&](Trajectory trajectory) {
    try {
      pairs_of(p, {{{0, 2}, {1}}, trajectory});
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(message({{0, 1, 2}, {0, 0}}), "");
  EXPECT_EQ(message({{0, 1, 2}, {0, 1}}),
            "episode 1, step 1: action 1 is not available in state 1");
  EXPECT_EQ(message({{0, 2}, {0}}),
            "episode 1, step 0: action 0 cannot lead from state 0 to state 2");
  EXPECT_EQ(message({{0, 5}, {0}}), "episode 1, step 1: expected a state of 0 to 2, found 5");
  EXPECT_EQ(message({{0}, {0, 0}}), "episode 1: expected 2 or 3 states for 2 actions, found 1");
}

}  // namespace
}  // namespace understudy
