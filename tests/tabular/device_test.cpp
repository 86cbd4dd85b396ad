// On a CUDA device, here the emulator of one, solvers say what they say on the CPU.
//
// Both run the same sweeps in the same order: what differs is the rounding of exp, log and of sums
// whose terms are added in another order, some 1e-16 of their size a step.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/solver.h"
#include "algorithms/tabular/worlds.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;

class TabularDevice : public ::testing::Test {
 protected:
  std::unique_ptr<Device> owner_ = cuda_device();
  Device &there_ = *owner_, &here_ = processor();
};

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isinf(a[i]) && a[i] == b[i]) continue;
    ASSERT_NEAR(a[i], b[i], tolerance) << "entry " << i;
  }
}

constexpr SolveMethod every_method[] = {SolveMethod::value_iteration,
                                        SolveMethod::policy_iteration,
                                        SolveMethod::modified_policy_iteration,
                                        SolveMethod::extrapolated,
                                        SolveMethod::momentum,
                                        SolveMethod::anderson,
                                        SolveMethod::multigrid};

// Problems that are swept packed, as a stencil, and (a state with more pairs than a block has room
// for) from the rows of transitions.
std::vector<Problem> problems() {
  std::vector<Problem> all;
  all.push_back(
      make_problem(garnet({.states = 50, .actions = 4, .branching = 3, .discount = 0.7})));
  ProblemTable grid = gridworld({.height = 9, .width = 14, .discount = 0.7});
  grid.shape = {9, 14};
  grid.reward = random_vector(3, grid.n_states, -1, 1);
  all.push_back(make_problem(grid));
  all.push_back(
      make_problem(garnet({.states = 20, .actions = 40, .branching = 2, .discount = 0.7})));
  return all;
}

TEST_F(TabularDevice, EveryMethodOfSolveAgrees) {
  int solved = 0;
  for (const Problem& p : problems())
    for (SolveMethod method : every_method)
      for (Backup backup : {Backup::max, Backup::log_sum_exp})
        for (SolvePrecision precision : {SolvePrecision::f64, SolvePrecision::f32}) {
          const bool single = precision == SolvePrecision::f32;
          const bool by_policies = method == SolveMethod::policy_iteration ||
                                   method == SolveMethod::modified_policy_iteration;
          if (single && by_policies) continue;
          SCOPED_TRACE("method " + std::to_string(static_cast<int>(method)) + " backup " +
                       std::to_string(static_cast<int>(backup)) + " states " +
                       std::to_string(p.n_states) + (single ? " f32" : " f64"));
          const SolveOptions options{
              .backup = backup, .method = method, .tolerance = 1e-10, .precision = precision};
          const Solution a = solve(here_, p, p.reward, options);
          const Solution b = solve(there_, p, p.reward, options);
          // Each is within tolerance / (1 - discount) of the fixed point; in single precision, of
          // which sweeps settle within 64 roundings of some 10, within 3e-4.
          expect_near(a.values, b.values, single ? 5e-4 : 1e-9);
          expect_near(a.q_values, b.q_values, single ? 5e-4 : 1e-9);
          if (backup == Backup::log_sum_exp) expect_near(a.policy, b.policy, single ? 5e-4 : 1e-9);
          ++solved;
        }
  EXPECT_EQ(solved, 3 * (7 * 2 + 5 * 2));
}

TEST_F(TabularDevice, OtherExpectationsBatchesAndStartsAgree) {
  const Problem p = random_problem(5, 30, 4, true, false, 1.0, 0, 2);
  std::vector<double> reward = random_vector(1, p.n_pairs(), -3, -2);
  for (SolveMethod method : {SolveMethod::value_iteration, SolveMethod::anderson}) {
    const SolveOptions options{.expectation = Expectation::log_mean_exp, .method = method};
    expect_near(solve(here_, p, reward, options).values, solve(there_, p, reward, options).values,
                1e-8);
  }
  const Problem q = problems()[0];
  constexpr std::int64_t batch = 3;
  reward = random_vector(2, q.n_pairs() * batch, -1, 1);
  const std::vector<double> start = random_vector(3, q.n_states * batch, -1, 1);
  for (SolveMethod method : {SolveMethod::value_iteration, SolveMethod::modified_policy_iteration})
    for (SolvePrecision precision : {SolvePrecision::f64, SolvePrecision::f32}) {
      const bool single = precision == SolvePrecision::f32;
      if (single && method != SolveMethod::value_iteration) continue;
      const SolveOptions options{.method = method, .precision = precision};
      const Solution a = solve(here_, q, reward, options, batch, start);
      const Solution b = solve(there_, q, reward, options, batch, start);
      expect_near(a.values, b.values, single ? 2e-5 : 1e-9);
      expect_near(a.policy, b.policy, single ? 2e-5 : 1e-9);
    }
}

TEST_F(TabularDevice, GridsWithoutTransitionsAgree) {
  const GridForm grid{{37, 54, true, 0.7, 0.1, 0.05}, random_vector(4, 37 * 54, -0.1, 0.1)};
  for (SolveMethod method : every_method) {
    if (method == SolveMethod::policy_iteration || method == SolveMethod::modified_policy_iteration)
      continue;
    for (Backup backup : {Backup::max, Backup::log_sum_exp}) {
      const SolveOptions options{.backup = backup, .method = method, .tolerance = 1e-9};
      expect_near(solve_grid(here_, grid, 0.8, options).values,
                  solve_grid(there_, grid, 0.8, options).values, 1e-7);
    }
  }
}

// The visits of a grid are those of the problem with its transitions written down, and the
// derivative of the value at the start by the cells' rewards.
TEST_F(TabularDevice, VisitsOfAGridAreThoseOfItsTransitions) {
  constexpr std::int64_t horizon = 7;
  ProblemTable table = gridworld({.height = 6, .width = 9});
  table.shape = {6, 9};
  table.reward = random_vector(6, table.n_states, -1, 1);
  table.discount = 1.0;
  table.horizon = horizon;
  const Problem p = make_problem(table);
  Problem discounted = p;
  discounted.discount = 0.9;  // what `grid_form` recognizes
  const std::optional<GridForm> grid = grid_form(here_, discounted, p.reward);
  ASSERT_TRUE(grid.has_value());
  const HorizonSolution s =
      solve_horizon(here_, p, p.reward, Backup::log_sum_exp, Expectation::causal);
  const HorizonOccupancy o = occupancy_over_horizon(here_, p, s.policy, p.initial);
  for (Device* device : {&here_, &there_}) {
    const GridVisits visits = visits_of_grid(*device, *grid, 1.0, horizon, p.initial);
    const std::vector<double> by_state = sum_over_pairs(p, o.pairs);
    expect_near(visits.visits, by_state, 1e-12);
    expect_near(visits.values, {s.values.begin(), s.values.begin() + p.n_states}, 1e-12);
    const GridVisits single =
        visits_of_grid(*device, *grid, 1.0, horizon, p.initial, SolvePrecision::f32);
    expect_near(single.visits, by_state, 1e-5);
    // By the reward of one cell, discounted.
    GridForm moved = *grid;
    const double h = 1e-6;
    moved.reward[20] += h;
    const auto value = [&](const GridForm& form) {
      return start_value(p, visits_of_grid(*device, form, 0.9, horizon, p.initial).values);
    };
    EXPECT_NEAR((value(moved) - value(*grid)) / h,
                visits_of_grid(*device, *grid, 0.9, horizon, p.initial).visits[20], 1e-6);
  }
}

TEST_F(TabularDevice, PoliciesAreWorthTheSame) {
  const Problem p = problems()[0];
  const Solution s = solve(here_, p, p.reward);
  expect_near(evaluate_policy(here_, p, p.reward, s.policy),
              evaluate_policy(there_, p, p.reward, s.policy), 1e-10);
  const Occupancy a = occupancy_of(here_, p, s.policy, p.initial),
                  b = occupancy_of(there_, p, s.policy, p.initial);
  expect_near(a.states, b.states, 1e-11);
  expect_near(a.pairs, b.pairs, 1e-11);
  EXPECT_NEAR(expected_value_difference(here_, p, p.reward, s.policy),
              expected_value_difference(there_, p, p.reward, s.policy), 1e-9);
  // A few right-hand sides are solved on the host, many on the device.
  PolicySystem system(here_, p), system_there(there_, p);
  system.set_policy(s.policy);
  system_there.set_policy(s.policy);
  for (std::int64_t batch : {1, 3, 32, 45}) {
    const std::vector<double> right = random_vector(7, p.n_states * batch, -1, 1);
    std::vector<double> x = right, y = right;
    system.values(batch, x);
    system_there.values(batch, y);
    expect_near(x, y, 1e-12);
    x = y = right;
    system.occupancy(batch, x);
    system_there.occupancy(batch, y);
    expect_near(x, y, 1e-12);
  }
}

TEST_F(TabularDevice, MessagesAgree) {
  for (bool ends : {false, true}) {
    const Problem p = random_problem(8, 12, 3, ends, false, 1.0, 6, 2);
    const std::vector<double> reward = random_vector(9, p.n_pairs(), -1, 1);
    for (Expectation expectation : {Expectation::causal, Expectation::log_mean_exp}) {
      const Messages a = messages(here_, p, reward, expectation),
                     b = messages(there_, p, reward, expectation);
      expect_near(a.alpha, b.alpha, 1e-12);
      expect_near(a.beta_state, b.beta_state, 1e-12);
      expect_near(a.beta_state_action, b.beta_state_action, 1e-12);
      expect_near(a.policy, b.policy, 1e-12);
      expect_near(a.state_marginal, b.state_marginal, 1e-12);
      expect_near(a.pair_marginal, b.pair_marginal, 1e-12);
      EXPECT_NEAR(a.log_partition, b.log_partition, 1e-12);
    }
    const HorizonSolution a = solve_horizon(here_, p, reward, Backup::max, Expectation::causal),
                          b = solve_horizon(there_, p, reward, Backup::max, Expectation::causal);
    expect_near(a.values, b.values, 1e-12);
    expect_near(occupancy_over_horizon(here_, p, a.policy, p.initial).pairs,
                occupancy_over_horizon(there_, p, a.policy, p.initial).pairs, 1e-12);
  }
}

}  // namespace
}  // namespace understudy
