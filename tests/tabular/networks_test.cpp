// Problems from maps and from files.

#include "algorithms/tabular/networks.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>

#include "algorithms/tabular/goal_family.h"
#include "algorithms/tabular/problem_file.h"
#include "algorithms/tabular/worlds.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

TEST(Networks, LinksNumberTheirTurns) {
  const ProblemTable t = link_network({.links = 3,
                                       .from = {0, 0, 1, 2},
                                       .to = {1, 2, 2, 0},
                                       .action = {},
                                       .features = {1, 2, 3, 4},
                                       .n_features = 1,
                                       .goal_id = {0},
                                       .goal_link = {2}});
  EXPECT_EQ(t.action, (std::vector<std::int64_t>{0, 1, 0, 0}));
  EXPECT_EQ(t.n_actions, 2);
  const Problem p = make_problem(t);
  EXPECT_TRUE(p.deterministic());
  EXPECT_EQ(trajectory_along(p, {0, 2, 0, 1}, 0).actions, (std::vector<std::int32_t>{1, 0, 0}));
  EXPECT_THROW(trajectory_along(p, {1, 0}, 0), Error);
}

// Two rows of three cells with an obstacle in the upper middle.
TEST(Networks, WalkersGoRoundObstacles) {
  const Problem p = make_problem(
      walking_grid({.width = 3, .height = 2, .state = {0, 0, 0, 0, 1, 0}, .goals = {5}}));
  EXPECT_EQ(p.pair_begin[5] - p.pair_begin[4], 0);  // the obstacle
  EXPECT_EQ(p.pair_begin[1] - p.pair_begin[0], 2);  // east and north
  EXPECT_EQ(p.pair_begin[2] - p.pair_begin[1], 4);  // west, east, and both diagonals upwards
  // Everything here is beside the obstacle.
  for (std::size_t j = 0; j < p.next_state.size(); ++j)
    EXPECT_EQ(p.transition_features[3 * j + 2], 1.0);
  Device& device = tabular_cases::processor();
  GoalFamily family(device, p);
  // Of few ways from cell 3 to 5 at a high price of length the shortest wins: 3, 1, 5 of length 2
  // sqrt 2.
  const std::vector<double> v = family.values(family.transition_reward({-20, 0, 0}), {0});
  EXPECT_NEAR(v[3], -20 * 2 * std::sqrt(2.0), 1e-3);
  EXPECT_EQ(v[5], 0.0);
}

TEST(Networks, PathsAreNumbersAndBlanks) {
  EXPECT_EQ(parse_path(" 3 17  4"), (std::vector<std::int32_t>{3, 17, 4}));
  EXPECT_TRUE(parse_path("").empty());
  EXPECT_THROW(parse_path("3 x"), Error);
  EXPECT_THROW(parse_path("3,4"), Error);
}

TEST(ProblemFile, ComesBackAsItWas) {
  const std::string path =
      (std::filesystem::temp_directory_path() / "understudy_problem_test.npz").string();
  ProblemTable lake = frozen_lake(4);
  lake.horizon = 100;
  ProblemTable network = link_network({.links = 3,
                                       .from = {0, 0, 1, 2},
                                       .to = {1, 2, 2, 0},
                                       .action = {},
                                       .features = {1, 2, 3, 4},
                                       .n_features = 1,
                                       .goal_id = {0},
                                       .goal_link = {2},
                                       .goals_absorb = true});
  network.probability.assign(4, 1.0);
  for (const ProblemTable& t : {lake, network, binaryworld({.size = 4})}) {
    write_problem_table(path, t);
    const ProblemTable back = read_problem_table(path);
    EXPECT_EQ(back.n_states, t.n_states);
    EXPECT_EQ(back.n_actions, t.n_actions);
    EXPECT_EQ(back.state, t.state);
    EXPECT_EQ(back.action, t.action);
    EXPECT_EQ(back.next_state, t.next_state);
    EXPECT_EQ(back.probability, t.probability);
    EXPECT_EQ(back.discount, t.discount);
    EXPECT_EQ(back.horizon, t.horizon);
    EXPECT_EQ(back.initial, t.initial);
    EXPECT_EQ(back.reward, t.reward);
    EXPECT_EQ(back.features, t.features);
    EXPECT_EQ(back.transition_features, t.transition_features);
    EXPECT_EQ(back.n_features, t.n_features);
    EXPECT_EQ(back.terminal, t.terminal);
    EXPECT_EQ(back.shape, t.shape);
    EXPECT_EQ(back.goal_id, t.goal_id);
    EXPECT_EQ(back.goal_state, t.goal_state);
    EXPECT_EQ(back.goals_absorb, t.goals_absorb);
  }
  std::remove(path.c_str());
  EXPECT_THROW(read_problem_table(path), Error);
}

TEST(ProblemFile, DemonstrationsAreTrajectories) {
  Demonstrations d;
  d.observations = {{}, true, {}, {0, 1, 2, 4, 5}};
  d.actions = {{}, true, {}, {3, 2, 1}};
  d.starts = {0, 2, 3};
  d.terminal = {1, 1};
  d.goals = {7, 8};
  const std::vector<Trajectory> t = trajectories_of(d);
  ASSERT_EQ(t.size(), 2u);
  EXPECT_EQ(t[0].states, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(t[0].actions, (std::vector<std::int32_t>{3, 2}));
  EXPECT_EQ(t[1].states, (std::vector<std::int32_t>{4, 5}));
  EXPECT_EQ(t[1].goal, 8);
  d.observations.discrete = false;
  EXPECT_THROW(trajectories_of(d), Error);
}

}  // namespace
}  // namespace understudy
