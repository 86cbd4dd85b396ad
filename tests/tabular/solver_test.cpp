// Every way of solving says the same.

#include "algorithms/tabular/solver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
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

// The values satisfy the Bellman equation, whatever found them.
TEST(Solver, EveryMethodAgrees) {
  Threads team(2);
  const std::unique_ptr<Device> shared = cpu_device(&team);
  Device& device = *shared;
  const Problem p = make_problem(garnet({.states = 60, .actions = 5, .branching = 4, .seed = 2}));
  for (Backup backup : {Backup::max, Backup::log_sum_exp}) {
    const Solution a = solve(device, p, p.reward, {.backup = backup, .tolerance = 1e-12});
    for (SolveMethod method :
         {SolveMethod::policy_iteration, SolveMethod::modified_policy_iteration,
          SolveMethod::anderson, SolveMethod::multigrid}) {
      const Solution b =
          solve(device, p, p.reward, {.backup = backup, .method = method, .tolerance = 1e-12});
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
  const std::unique_ptr<Device> shared = cpu_device(&team);
  Device &device = *shared, &alone = processor();
  for (double discount : {0.99, 1.0}) {
    const Problem p = pit(discount);
    for (Backup backup : {Backup::log_sum_exp, Backup::max}) {
      const Solution direct =
          solve(device, p, p.reward, {.backup = backup, .method = SolveMethod::policy_iteration});
      // Plain sweeps take some 2500 at discount 0.99. Newton's equation helps a hard choice little
      // while its policy still changes; it is then sweeps, two a cycle and one to see.
      const int by_aggregates = backup == Backup::log_sum_exp ? 500 : 3800;
      for (auto [method, most] :
           {std::pair{SolveMethod::anderson, 900}, {SolveMethod::multigrid, by_aggregates}}) {
        SolveOptions options{.backup = backup, .method = method, .tolerance = 1e-11};
        const Solution s = solve(device, p, p.reward, options);
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
  const std::unique_ptr<Device> owner = cpu_device(&team);
  Device &device = processor(), &shared = *owner;
  for (auto [height, width, spread] : {std::tuple{37, 54, 0.1}, {3, 70, 1.0}}) {
    GridworldOptions options;
    options.height = height;
    options.width = width;
    ProblemTable t = gridworld(options);
    t.shape = {height, width};
    t.reward = random_vector(4, t.n_states, -spread, spread);
    for (std::int64_t& a : t.action) a = (a + 2) % 5;
    const Problem p = make_problem(t);
    const std::optional<GridForm> form = grid_form(device, p, p.reward);
    ASSERT_TRUE(form.has_value());
    EXPECT_NEAR(form->dynamics.chosen, 0.7, 1e-12);
    EXPECT_EQ(form->reward, t.reward);
    for (Backup backup : {Backup::log_sum_exp, Backup::max}) {
      const bool soft = backup == Backup::log_sum_exp;
      const Solution plain =
          solve(device, p, p.reward, {.backup = backup, .tolerance = 1e-8, .stencil = false});
      for (auto [method, share] : {std::pair{SolveMethod::value_iteration, 1.1},
                                   {SolveMethod::extrapolated, 0.9},
                                   {SolveMethod::momentum, soft ? 0.3 : 1.2},
                                   {SolveMethod::anderson, 0.9},
                                   {SolveMethod::multigrid, !soft          ? 0.9
                                                            : spread < 1.0 ? 0.04
                                                                           : 0.25}}) {
        const SolveOptions by{.backup = backup, .method = method, .tolerance = 1e-8};
        const Solution s = solve(device, p, p.reward, by);
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
  const Solution alone = solve_grid(device, large, 0.99, by);
  EXPECT_EQ(solve_grid(shared, large, 0.99, by).values, alone.values);
  EXPECT_LT(alone.iterations, 100);
  // One cell that is not like the others, a reward by action, an end: none of them is a stencil.
  ProblemTable t = gridworld({.height = 5, .width = 4});
  t.shape = {5, 4};
  t.reward.assign(20, 0.0);
  Problem p = make_problem(t);
  EXPECT_TRUE(grid_form(device, p, p.reward).has_value());
  std::vector<double> by_action = p.reward;
  by_action[7] += 0.5;
  EXPECT_FALSE(grid_form(device, p, by_action).has_value());
  std::size_t i = 60;
  while (t.action[i] != t.action[i + 1] || t.probability[i] == t.probability[i + 1]) ++i;
  std::swap(t.probability[i], t.probability[i + 1]);
  p = make_problem(t);
  EXPECT_FALSE(grid_form(device, p, p.reward).has_value());
  EXPECT_THROW(solve_grid(device, {{4, 4, true, 0.7, 0, 0.075}, {1.0, 2.0}}, 0.9), Error);
  EXPECT_THROW(solve_grid(device, {{1, 2, true, 0.9, 0, 0.075}, {1.0, 2.0}}, 0.9), Error);
  EXPECT_THROW(solve_grid(device, {{1, 2, true, 0.7, 0, 0.075}, {1.0, 2.0}}, 1.0), Error);
}

TEST(Solver, SinglePrecisionIsDoubleButForItsRounding) {
  Device& device = processor();
  const Problem p = pit(0.99);
  const Solution wide = solve(device, p, p.reward, {.tolerance = 1e-11});
  double largest = 0.0;
  for (double v : wide.values) largest = std::max(largest, std::abs(v));
  for (SolveMethod method :
       {SolveMethod::value_iteration, SolveMethod::anderson, SolveMethod::multigrid}) {
    const Solution s =
        solve(device, p, p.reward,
              {.method = method, .tolerance = 1e-12, .precision = SolvePrecision::f32});
    // Sweeps stop at a change of 64 roundings at the most, which 1 / (1 - discount) turns into
    // 6400.
    for (std::int64_t i = 0; i < p.n_states; ++i)
      ASSERT_NEAR(s.values[i], wide.values[i], 6400 * 1.2e-7 * largest);
    EXPECT_EQ(s.policy.size(), p.reward.size());
  }
  const Solution short_one =
      solve(device, p, p.reward, {.precision = SolvePrecision::f32, .values_only = true});
  EXPECT_TRUE(short_one.policy.empty() && short_one.q_values.empty());
  EXPECT_THROW(solve(device, p, p.reward,
                     {.method = SolveMethod::policy_iteration, .precision = SolvePrecision::f32}),
               Error);
  EXPECT_THROW(solve(device, p, p.reward, {}, 1, {1.0, 2.0}), Error);
}

// Any number of rewards at once are the rewards one by one.
TEST(Solver, BatchesAreTheirMembers) {
  Device& device = processor();
  const Problem p =
      make_problem(garnet({.states = 30, .actions = 3, .branching = 3, .discount = 0.8}));
  // Part of a panel of lanes, and two panels and a part.
  for (std::int64_t batch : {11, 139})
    for (SolvePrecision precision : {SolvePrecision::f64, SolvePrecision::f32}) {
      const std::vector<double> rewards = random_vector(1, p.n_pairs() * batch, -1, 1);
      const SolveOptions options{.precision = precision};
      const Solution together = solve(device, p, rewards, options, batch);
      for (std::int64_t b = 0; b < batch; b += 7) {
        std::vector<double> r(p.n_pairs());
        for (std::int64_t k = 0; k < p.n_pairs(); ++k) r[k] = rewards[k * batch + b];
        const Solution alone = solve(device, p, r, options);
        // In single precision four roundings of some 10, over 1 - discount, on either side.
        for (std::int64_t s = 0; s < p.n_states; ++s)
          EXPECT_NEAR(together.values[s * batch + b], alone.values[s],
                      precision == SolvePrecision::f64 ? 1e-9 : 5e-5);
      }
    }
}

TEST(Solver, OccupancyIsConsistent) {
  Device& device = processor();
  const Problem p =
      make_problem(garnet({.states = 40, .actions = 3, .branching = 4, .discount = 0.9}));
  const Solution s = solve(device, p, p.reward);
  const Occupancy swept = occupancy_of(device, p, s.policy, p.initial);
  PolicySystem system(device, p);
  system.set_policy(s.policy);
  std::vector<double> direct = p.initial;
  system.occupancy(1, direct);
  double visits = 0.0, earned = 0.0;
  for (std::int64_t i = 0; i < p.n_states; ++i) {
    EXPECT_NEAR(swept.states[i], direct[i], 1e-10);
    visits += direct[i];
  }
  EXPECT_NEAR(visits, 10.0, 1e-10);  // 1 / (1 - discount)
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) earned += swept.pairs[k] * p.reward[k];
  const std::vector<double> v = evaluate_policy(device, p, p.reward, s.policy, 1e-12);
  EXPECT_NEAR(start_value(p, v), earned, 1e-9);
}

TEST(Solver, ExpectedValueDifferenceIsZeroAtTheBestPolicyAlone) {
  Device& device = processor();
  const Problem p = make_problem(garnet({}));
  EXPECT_NEAR(expected_value_difference(device, p, p.reward,
                                        solve(device, p, p.reward, {.backup = Backup::max}).policy),
              0.0, 1e-8);
  EXPECT_GT(expected_value_difference(device, p, p.reward, solve(device, p, p.reward).policy), 0.1);
}

TEST(Solver, SamplesFollowThePolicyAndTheSeed) {
  const Problem p = make_problem(garnet({.states = 5, .actions = 3, .branching = 2}));
  Device& device = processor();
  const Solution s = solve(device, p, p.reward);
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
  Device& device = processor();
  try {
    solve(device, p, p.reward);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_finite);
    EXPECT_NE(std::string(error.what()).find("spectral radius 1.648721"), std::string::npos)
        << error.what();
  }
  // With the cost doubled z = 1 / (1 - e^-0.5) e^-1.
  const Solution s = solve(device, p, {-0.5, -1.0});
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
  Device& device = processor();
  for (const Backup backup : {Backup::max, Backup::log_sum_exp}) {
    const Solution s =
        solve(device, p, p.reward, {.backup = backup, .method = SolveMethod::value_iteration});
    EXPECT_NEAR(s.values[0], -cells, 1e-6);
    EXPECT_NEAR(evaluate_policy(device, p, p.reward, s.policy)[0], -cells, 1e-6);
    EXPECT_NEAR(occupancy_of(device, p, s.policy, p.initial).states[cells - 1], 1, 1e-9);
  }
}

// Ice of 5 x 5: a move goes to either side with probability 0.1 each. The corner ends the episode.
ProblemTable ice(double step, double at_corner) {
  constexpr int n = 5, dy[4] = {0, 1, 0, -1}, dx[4] = {-1, 0, 1, 0};
  ProblemTable t;
  t.n_states = n * n;
  t.n_actions = 4;
  for (int s = 0; s + 1 < n * n; ++s)
    for (int a = 0; a < 4; ++a)
      for (int side = -1; side <= 1; ++side) {
        const int b = (a + side + 4) % 4;
        const int y = std::clamp(s / n + dy[b], 0, n - 1), x = std::clamp(s % n + dx[b], 0, n - 1);
        t.state.push_back(s);
        t.action.push_back(a);
        t.next_state.push_back(y * n + x);
        t.probability.push_back(side == 0 ? 0.8 : 0.1);
      }
  t.terminal.assign(n * n, 0);
  t.terminal.back() = 1;
  t.initial.assign(n * n, 0.0);
  t.initial[0] = 1.0;
  t.reward.assign(n * n, step);
  t.reward.back() = at_corner;
  return t;
}

// A goal that earns nothing leaves all actions equally good, and the first of them pushed against a
// wall for ever: its visits were summed without end.
TEST(Solver, OfEquallyGoodActionsOneLeadsToTheEnd) {
  Device& device = processor();
  const Problem p = make_problem(ice(0.0, 1.0));
  for (SolveMethod method : {SolveMethod::policy_iteration, SolveMethod::value_iteration,
                             SolveMethod::modified_policy_iteration}) {
    const Solution s = solve(device, p, p.reward, {.backup = Backup::max, .method = method});
    const Occupancy visits = occupancy_of(device, p, s.policy, p.initial);
    // As many episodes end as begin.
    double ended = 0.0;
    for (std::int64_t k = 0; k < p.n_pairs(); ++k)
      for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
        if (p.terminal[p.next_state[j]]) ended += p.probability[j] * visits.pairs[k];
    EXPECT_NEAR(ended, 1.0, 1e-12);
    EXPECT_NEAR(s.values[0], 0.0, 1e-9);
  }
}

// A policy that takes millions of steps to its end has visits all the same, and at once.
TEST(Solver, VisitsOfLongEpisodesAreOneSystem) {
  Device& device = processor();
  const Problem p = make_problem(ice(-1.0, 0.0));
  // To the left, away from the corner, but one time in a hundred in each other direction.
  std::vector<double> policy(static_cast<std::size_t>(p.n_pairs()));
  for (std::int64_t k = 0; k < p.n_pairs(); ++k)
    policy[k] = p.pair_action[k] == 0 ? 1.0 - 3e-2 : 1e-2;
  const Occupancy visits = occupancy_of(device, p, policy, p.initial);
  double steps = 0.0;
  for (double d : visits.states) steps += d;
  steps -= visits.states.back();
  EXPECT_GT(steps, 1e5);
  // Steps to the end by the other system: the expected length is r . d with r = 1.
  PolicySystem system(device, p);
  system.set_policy(policy);
  std::vector<double> length(static_cast<std::size_t>(p.n_states), 1.0);
  length.back() = 0.0;
  system.values(1, length);
  // Either is exact to the rounding of some 10^6 steps.
  EXPECT_NEAR(steps / length[0], 1.0, 1e-8);
  // Without the moves at random it never ends, and rounding does not hide that.
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) policy[k] = p.pair_action[k] == 0 ? 1.0 : 0.0;
  EXPECT_THROW(occupancy_of(device, p, policy, p.initial), Error);
  EXPECT_THROW(system.set_policy(policy), Error);
}

// Above `direct_states` the same by mixed sweeps, which are bounded.
TEST(Solver, VisitsOfLargeProblemsSettle) {
  Device& device = processor();
  // A walk along a line that goes back as often as it goes on: n^2 steps.
  constexpr std::int64_t n = 30, copies = direct_states / n + 1;
  ProblemTable t;
  t.n_states = n * copies;
  t.n_actions = 1;
  t.terminal.assign(t.n_states, 0);
  for (std::int64_t s = 0; s < t.n_states; ++s) {
    if (s % n == n - 1) {
      t.terminal[s] = 1;
      continue;
    }
    for (std::int64_t next : {s % n == 0 ? s : s - 1, s + 1}) {
      t.state.push_back(s);
      t.action.push_back(0);
      t.next_state.push_back(next);
      t.probability.push_back(0.5);
    }
  }
  t.initial.assign(t.n_states, 0.0);
  t.initial[0] = 1.0;
  const Problem p = make_problem(t);
  ASSERT_GT(p.n_states, direct_states);
  const Occupancy visits = occupancy_of(
      device, p, std::vector<double>(static_cast<std::size_t>(p.n_pairs()), 1.0), p.initial, 1e-9);
  // d(s) = 2 (n - 1 - s): the chain's fundamental matrix.
  for (std::int64_t s = 0; s + 1 < n; ++s)
    EXPECT_NEAR(visits.states[s], 2.0 * static_cast<double>(n - 1 - s), 1e-3) << s;
}

// Weights of 0 have no soft values where one can walk for ever. Newton's steps grow until rounding
// keeps the pivots of a singular system positive.
TEST(Solver, SoftValuesThatDoNotExistAreNotFound) {
  Device& device = processor();
  const Problem lake = make_problem(frozen_lake());
  PolicySystem system(device, lake);
  const std::vector<double> zero(static_cast<std::size_t>(lake.n_pairs()), 0.0);
  try {
    const Solution s = solve_directly(system, zero, Backup::log_sum_exp);
    ADD_FAILURE() << "values of " << s.values[0];
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::not_finite);
  }
}

}  // namespace
}  // namespace understudy
