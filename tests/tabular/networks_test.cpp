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

// By shape, and not by how many numbers there are: an array the other way around has as many.
TEST(ProblemFile, ArraysAreHeldToTheirShapes) {
  using files::Array;
  const auto arrays = [] {
    files::NamedArrays a;
    const std::vector<std::int64_t> from = {0, 0, 1, 1, 2, 2}, by = {0, 1, 0, 1, 0, 1};
    a["n_states"] = Array::scalar<std::int64_t>(3);
    a["n_actions"] = Array::scalar<std::int64_t>(2);
    a["state"] = a["next_state"] = Array::from(from);
    a["action"] = Array::from(by);
    a["probability"] = Array::from(std::vector<double>(6, 1.0));
    a["discount"] = Array::scalar(0.5);
    return a;
  };
  const auto numbers = [](files::Shape shape) {
    std::int64_t count = 1;
    for (std::int64_t n : shape) count *= n;
    std::vector<double> values;
    for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<double>(i));
    return Array::from<double>(std::move(shape), std::span<const double>(values));
  };
  const struct {
    const char* name;
    files::Shape shape;
    const char* expected;  // null: it is taken
  } rows[] = {
      {"reward", {3}, nullptr},
      {"reward", {3, 2}, nullptr},
      {"reward", {2, 3}, "m.npz: reward: expected [3] or [3, 2], found [2, 3] (states come first)"},
      {"reward", {6}, "reward: expected [3] or [3, 2], found [6]"},
      {"reward", {3, 1}, "reward: expected [3] or [3, 2], found [3, 1]"},
      {"features", {3, 4}, nullptr},
      {"features", {3, 2, 4}, nullptr},
      {"features", {2, 3, 4}, "features: expected [3, 4] or [3, 2, 4], found [2, 3, 4] (states"},
      {"features", {4, 3}, "features: expected [3, 3] or [3, 2, 3], found [4, 3]"},
      {"features", {6, 4}, "features: expected [3, 4] or [3, 2, 4], found [6, 4]"},
      {"features", {12}, "features: expected 2 or 3 dimensions, found [12]"},
      {"transition_features", {6, 2}, nullptr},
      {"transition_features", {2, 6}, "transition_features: expected [6, 6], found [2, 6]"},
      {"transition_features", {3, 2, 2}, "transition_features: expected [6, 2], found [3, 2, 2]"},
      {"initial", {3, 1}, "initial: expected [3], found [3, 1]"},
      {"terminal", {1, 3}, "terminal: expected [3], found [1, 3]"},
      {"state", {6, 1}, "state: expected one dimension, found [6, 1]"},
      {"shape", {1, 2}, "shape: expected one dimension, found [1, 2]"},
  };
  for (const auto& row : rows) {
    files::NamedArrays a = arrays();
    a[row.name] = numbers(row.shape);
    try {
      const ProblemTable t = problem_table_from(a, "m.npz");
      EXPECT_EQ(row.expected, nullptr) << row.name << " " << files::to_string(row.shape);
    } catch (const Error& error) {
      ASSERT_NE(row.expected, nullptr) << error.what();
      EXPECT_NE(std::string(error.what()).find(row.expected), std::string::npos) << error.what();
    }
  }
  // What nobody reads is said.
  files::NamedArrays a = arrays();
  a["rewards"] = numbers({3});
  a["gamma"] = Array::scalar(0.9);
  const ProblemTable t = problem_table_from(a, "m.npz");
  ASSERT_EQ(t.remarks.size(), 1u);
  EXPECT_EQ(t.remarks[0], "m.npz: not read: gamma, rewards");
  a["terminal_reward"] = Array::scalar<bool>(true);
  EXPECT_TRUE(problem_table_from(a, "m.npz").terminal_reward);
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

// Environments whose states have numbers show an indicator, a 1 among zeros; Gymnasium shows the
// number. Either is the other.
TEST(ProblemFile, IndicatorsAndNumbersOfStatesAreTheSame) {
  const auto shown = [] {
    Demonstrations d;
    d.observations = {{3}, false, {1, 0, 0, 0, 0, 1, 0, 1, 0}, {}};
    d.actions = {{}, true, {}, {0, 1}};
    d.starts = {0, 2};
    d.terminal = {0};
    return d;
  };
  Demonstrations d = shown();
  const DemonstrationSpaces states{.observation_count = 3, .action_count = 2};
  conform(d, states, "d.npz");
  EXPECT_EQ(trajectories_of(d)[0].states, (std::vector<std::int32_t>{0, 2, 1}));
  for (const auto& row :
       {std::vector<float>{1, 1, 0}, {0, 0, 0}, {0, 0.5f, 0}, {2, 0, 0}, {1, 0, 3}}) {
    Demonstrations wrong = shown();
    std::copy(row.begin(), row.end(), wrong.observations.numbers.begin() + 3);
    try {
      conform(wrong, states, "d.npz");
      ADD_FAILURE() << row[0] << row[1] << row[2];
    } catch (const Error& error) {
      EXPECT_NE(
          std::string(error.what()).find("episode 0, row 1: expected an index, or an indicator"),
          std::string::npos)
          << error.what();
    }
  }
  const DemonstrationSpaces indicator{
      .observation_shape = {3}, .action_count = 2, .observation_indicator = true};
  d.observations = {{}, true, {}, {0, 2, 1}};
  conform(d, indicator, "d.npz");
  EXPECT_EQ(d.observations, shown().observations);
  d.observations = {{}, true, {}, {0, 3, 1}};
  EXPECT_THROW(conform(d, indicator, "d.npz"), Error);
  // Without the flag a box of three numbers is no state.
  d.observations = {{}, true, {}, {0, 2, 1}};
  EXPECT_THROW(conform(d, {.observation_shape = {3}, .action_count = 2}, "d.npz"), Error);
}

}  // namespace
}  // namespace understudy
