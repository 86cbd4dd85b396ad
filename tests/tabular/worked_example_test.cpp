// The corridor of docs/tabular.md: every message printed there is computed here.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/messages.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

// Cells 0, 1, 2 in a row; actions 0 left, 1 right, which go the other way with probability 0.2; a
// move off the end stays. A step from cell 0 or 1 costs 1, from cell 2 nothing. Three steps from
// cell 0.
Problem corridor() {
  ProblemTable t;
  t.n_states = 3;
  t.n_actions = 2;
  t.horizon = 3;
  for (std::int64_t s = 0; s < 3; ++s)
    for (std::int64_t a = 0; a < 2; ++a)
      for (std::int64_t way = 0; way < 2; ++way) {
        t.state.push_back(s);
        t.action.push_back(a);
        t.next_state.push_back(way == 0 ? std::max<std::int64_t>(s - 1, 0)
                                        : std::min<std::int64_t>(s + 1, 2));
        t.probability.push_back(way == a ? 0.8 : 0.2);
      }
  t.initial = {1, 0, 0};
  t.reward = {-1, -1, 0};
  return make_problem(t);
}

void expect(const std::vector<double>& found, const std::vector<double>& printed) {
  ASSERT_EQ(found.size(), printed.size());
  // As printed: four decimals.
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (std::isinf(printed[i]))
      EXPECT_EQ(found[i], printed[i]) << i;
    else
      EXPECT_NEAR(found[i], printed[i], 5.1e-5) << i;
  }
}

TEST(WorkedExample, IsWhatTheChapterPrints) {
  const Problem p = corridor();
  Device& device = tabular_cases::processor();
  const Messages m = messages(device, p, p.reward, Expectation::log_mean_exp);
  const Messages c = messages(device, p, p.reward, Expectation::causal);
  const double none = -INFINITY;
  expect(m.beta_state,
         {-0.5632, 0.1870, 1.3197, -0.6137, 0.0064, 1.0064, -0.3069, -0.3069, 0.6931, 0, 0, 0});
  expect(m.beta_state_action, {-1.4551, -1.0906, -1.0200, -0.1685, 0.3018, 0.8712, -1.3069, -1.3069,
                               -1.0115, -0.4420, -0.0115, 0.5580, -1, -1, -1, -1, 0, 0});
  expect(m.alpha, {0, none, none, -1, -1, none, -1.3069, -2, -2});
  expect(m.state_marginal, {1, 0, 0, 0.3498, 0.6502, 0, 0.3498, 0.1749, 0.4754});
  expect(m.policy, {0.4099, 0.5901, 0.2991, 0.7009, 0.3614, 0.6386, 0.5, 0.5, 0.3614, 0.6386,
                    0.3614, 0.6386, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5});
  EXPECT_NEAR(m.log_partition, -0.5632, 5.1e-5);
  // Cells' visits given that all is optimal, and those of running the policy, which is not as
  // lucky.
  std::vector<double> given(3), run(3);
  const std::vector<double> by_step = occupancy_over_horizon(device, p, m.policy, p.initial).states;
  for (std::size_t i = 0; i < 9; ++i) {
    given[i % 3] += m.state_marginal[i];
    run[i % 3] += by_step[i];
  }
  expect(given, {1.6995, 0.8251, 0.4754});
  expect(run, {1.8998, 0.7770, 0.3231});
  // Causal values are no messages, but (4) is what one step from a single cell makes of them.
  EXPECT_NEAR(c.log_partition, -0.6351, 5.1e-5);
  expect(c.beta_state,
         {-0.6351, -0.0447, 1.1681, -0.6137, -0.0694, 0.9306, -0.3069, -0.3069, 0.6931, 0, 0, 0});
  expect(c.policy, {0.4191, 0.5809, 0.2836, 0.7164, 0.3543, 0.6457, 0.5, 0.5, 0.3543, 0.6457,
                    0.3543, 0.6457, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5});
  expect(c.state_marginal, {1, 0, 0, 0.4514, 0.5486, 0, 0.4521, 0.2257, 0.3222});
}

}  // namespace
}  // namespace understudy
