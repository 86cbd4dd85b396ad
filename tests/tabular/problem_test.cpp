// What is wrong with a problem or its demonstrations is said in one line.

#include "algorithms/tabular/problem.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "algorithms/tabular/solver.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using tabular_cases::processor;

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
    Device& device = processor();
    try {
      const Problem p = make_problem(t);
      solve(device, p, p.reward);
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

// 0 -> 1 -> 2, which ends; from 0 and 1 one may also stay. The end has a reward and a feature.
ProblemTable to_an_end() {
  ProblemTable t;
  t.n_states = 3;
  t.n_actions = 2;
  t.state = {0, 0, 1, 1};
  t.action = {0, 1, 0, 1};
  t.next_state = {0, 1, 1, 2};
  t.probability = {1, 1, 1, 1};
  t.terminal = {0, 0, 1};
  t.discount = 0.5;
  t.initial = {1, 0, 0};
  t.reward = {-1, -2, 8};
  t.n_features = 2;
  t.features = {1, 0, 2, 0, 0, 3};
  return t;
}

TEST(Problem, AnEndsRewardIsEarnedOnEnteringIfTheTableSaysSo) {
  ProblemTable t = to_an_end();
  const Problem never = make_problem(t);
  EXPECT_EQ(never.reward, (std::vector<double>{-1, -1, -2, -2}));
  EXPECT_EQ(never.feature_owner, FeatureOwner::state);
  t.terminal_reward = true;
  const Problem once = make_problem(t);
  // As if one more step were taken there: V(2) = 8, discounted once.
  EXPECT_EQ(once.reward, (std::vector<double>{-1, -1, -2, -2 + 0.5 * 8}));
  const Solution s = solve(processor(), once, once.reward, {.backup = Backup::max});
  EXPECT_NEAR(s.values[1], -2 + 0.5 * 8, 1e-9);
  EXPECT_NEAR(s.values[0], -1 + 0.5 * 2, 1e-9);
  // Features alike, so that weights make the same reward.
  EXPECT_EQ(once.feature_owner, FeatureOwner::pair);
  EXPECT_EQ(linear_reward(once, {-1, 0}), (std::vector<double>{-1, -1, -2, -2}));
  EXPECT_EQ(linear_reward(once, {0, 2}), (std::vector<double>{0, 0, 0, 3}));
  // By pair: the same for every action of an end, or nobody knows which.
  t.reward = {-1, -1, -2, -2, 8, 8};
  EXPECT_EQ(make_problem(t).reward, once.reward);
  t.reward.back() = 7;
  try {
    make_problem(t);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("reward, state 2: with terminal_reward"),
              std::string::npos)
        << error.what();
  }
}

// What can have no effect is said, and nothing where everything has one.
TEST(Problem, WhatHasNoEffectIsSaid) {
  const auto remarks = [](const ProblemTable& t) { return without_effect(t, make_problem(t)); };
  const auto has = [&](const ProblemTable& t, const char* expected) {
    std::string all;
    for (const std::string& one : remarks(t)) all += one + "\n";
    EXPECT_NE(all.find(expected), std::string::npos) << expected << " in:\n" << all;
  };
  const ProblemTable whole = to_an_end();
  has(whole, "reward: that of terminal state 2 (8) is never earned");
  has(whole, "features: column 1 is 0 wherever an action is taken");
  ProblemTable t = whole;
  t.terminal_reward = true;
  EXPECT_TRUE(remarks(t).empty());
  t.initial = {0.5, 0, 0.5};
  has(t, "initial: terminal state 2 is a start");
  t = whole;
  t.next_state = {0, 0, 1, 2};
  has(t, "terminal: no start leads to state 2");
  t = whole;
  t.state.push_back(2), t.action.push_back(0), t.next_state.push_back(0),
      t.probability.push_back(1);
  has(t, "terminal state 2: the transitions that lead out of it are not taken");
  t = whole;
  t.terminal = {};
  t.state.push_back(2), t.action.push_back(0), t.next_state.push_back(0),
      t.probability.push_back(1);
  t.features = {1, 5, 2, 5, 3, 5};
  has(t, "features: column 1 is the same at every step");
  t.goal_id = {0, 1};
  t.goal_state = {2, 0};
  t.next_state[3] = 1;
  has(t, "goal_state: no start leads to goal 0");
}

}  // namespace
}  // namespace understudy
