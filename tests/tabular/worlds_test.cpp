// Values of known worlds: what their papers, and Gymnasium, say of them.

#include "algorithms/tabular/worlds.h"

#include <gtest/gtest.h>

#include <tuple>

#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/solver.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;

// FrozenLake's success probabilities: 0.7442 within 100 steps on the small map, 0.8235 without
// limit; 0.9132 within 200 on the large one. Uniform play succeeds 0.0139 of the time on the small
// map.
TEST(Worlds, FrozenLakeIsAsHardAsGymnasiums) {
  Device& device = processor();
  for (auto [rows, horizon, success] : {std::tuple{4, 100, 0.7442}, {8, 200, 0.9132}}) {
    ProblemTable t = frozen_lake(rows);
    t.horizon = horizon;
    const Problem p = make_problem(t);
    EXPECT_NEAR(solve_horizon(device, p, p.reward, Backup::max, Expectation::causal).values[0],
                success, 6e-5);
  }
  const Problem p = make_problem(frozen_lake());
  EXPECT_NEAR(solve(device, p, p.reward, {.backup = Backup::max}).values[0], 0.8235, 6e-5);
  const std::vector<double> uniform(p.n_pairs(), 0.25);
  EXPECT_NEAR(evaluate_policy(device, p, p.reward, uniform)[0], 0.0139, 6e-5);
}

TEST(Worlds, CliffWalkingCostsThirteenSteps) {
  Device& device = processor();
  const Problem p = make_problem(cliff_walking());
  for (SolveMethod method : {SolveMethod::value_iteration, SolveMethod::policy_iteration,
                             SolveMethod::modified_policy_iteration})
    EXPECT_NEAR(
        start_value(p,
                    solve(device, p, p.reward, {.backup = Backup::max, .method = method}).values),
        -13.0, 1e-9);
}

TEST(Worlds, TaxisOptimalReturnIsSevenPointNineThree) {
  Device& device = processor();
  const Problem p = make_problem(taxi());
  EXPECT_NEAR(start_value(p, solve(device, p, p.reward, {.backup = Backup::max}).values), 7.93,
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

}  // namespace
}  // namespace understudy
