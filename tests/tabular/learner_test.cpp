// Every algorithm that recovers rewards, through the face they share: on a CUDA device (here the
// emulator of one) as on the CPU, and by its options.

#include "algorithms/tabular/learner.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <set>
#include <string>

#include "algorithms/tabular/solver.h"
#include "algorithms/tabular/worlds.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;

struct Case {
  Problem problem;
  std::vector<Trajectory> demonstrations;
};

// Rewards are by features drawn at random, so that no two actions are equally good: the best policy
// is one, whatever the rounding. A grid for the convolutional network to look at.
Case grid_case() {
  ProblemTable table = garnet({.states = 36, .actions = 3, .branching = 3, .discount = 0.8});
  table.shape = {6, 6};
  table.n_features = 4;
  table.features = random_vector(12, 36 * 4, -1, 1);
  Case c{make_problem(table), {}};
  // Of the soft policy, and many: how often each action was taken differs from action to action.
  const Solution s = solve(processor(), c.problem, c.problem.reward);
  c.demonstrations = sample_trajectories(c.problem, s.policy, 300, 30, 5);
  return c;
}
Case horizon_case() {
  Case c{random_problem(4, 9, 3, false, false, 1.0, 5, 3), {}};
  c.demonstrations = wandering(c.problem, 6, 14, 5);
  return c;
}
Case ending_case() {
  Case c{random_problem(7, 9, 3, true, false, 1.0, 0, 3), {}};
  c.demonstrations = wandering(c.problem, 6, 14, 60);
  std::erase_if(c.demonstrations,
                [&](const Trajectory& t) { return c.problem.terminal[t.states.back()] == 0; });
  return c;
}
Case goal_case(bool absorb) {
  Case c{network(3, 30, 9, absorb, 3), {}};
  c.demonstrations = trips(c.problem, 4, 40);
  return c;
}

struct Followed {
  std::vector<TabularLearner::Metrics> rows;
  Recovered found;
  std::vector<double> policy;
};

Followed follow(Device& device, const Case& c, const std::string& name, int iterations,
                const std::vector<OptionAssignment>& settings = {}) {
  const std::unique_ptr<TabularPlan> plan = tabular_algorithm(name).plan();
  assign_options([&] { return plan->options(); }, settings);
  const std::unique_ptr<TabularLearner> learner =
      plan->make({device, c.problem, c.demonstrations, iterations});
  Followed followed;
  for (int i = 0; i < iterations && !learner->finished(); ++i)
    followed.rows.push_back(learner->step());
  followed.found = learner->recovered();
  followed.policy = learner->snapshot().policy;
  return followed;
}

void expect_near(const char* what, const std::vector<double>& a, const std::vector<double>& b,
                 double tolerance) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isinf(a[i]) && a[i] == b[i]) continue;
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0, std::abs(a[i]))) << what << " " << i;
  }
}

// Roundings differ by some 1e-15 a step; linear programmes end within 1e-8 of their optimum, and
// policy iteration where a step changes values by 1e-12 of them.
void expect_same(const Case& c, const std::string& name, int iterations,
                 const std::vector<OptionAssignment>& settings = {}, double tolerance = 1e-6) {
  SCOPED_TRACE(name);
  const std::unique_ptr<Device> emulated = cuda_device();
  const Followed a = follow(processor(), c, name, iterations, settings),
                 b = follow(*emulated, c, name, iterations, settings);
  ASSERT_GE(a.rows.size(), 1u);
  ASSERT_EQ(a.rows.size(), b.rows.size());
  for (std::size_t i = 0; i < a.rows.size(); ++i)
    for (std::size_t m = 0; m < a.rows[i].size(); ++m) {
      EXPECT_EQ(a.rows[i][m].first, b.rows[i][m].first);
      ASSERT_NEAR(a.rows[i][m].second, b.rows[i][m].second,
                  tolerance * std::max(1.0, std::abs(a.rows[i][m].second)))
          << a.rows[i][m].first << " of iteration " << i;
    }
  expect_near("reward", a.found.reward, b.found.reward, tolerance);
  expect_near("weights", a.found.weights, b.found.weights, tolerance);
  expect_near("standard errors", a.found.standard_errors, b.found.standard_errors, tolerance);
  expect_near("values", a.found.values, b.found.values, tolerance);
  expect_near("policy", a.found.policy, b.found.policy, tolerance);
  expect_near("occupancy", a.found.occupancy, b.found.occupancy, tolerance);
  expect_near("policy between", a.policy, b.policy, tolerance);
  expect_near("log-likelihood", {a.found.log_likelihood}, {b.found.log_likelihood}, tolerance);
  EXPECT_EQ(a.found.status, b.found.status);
}

TEST(TabularLearners, EveryAlgorithmIsTheSameOnADevice) {
  const Case grid = grid_case();
  int compared = 0;
  for (const TabularAlgorithm& algorithm : tabular_algorithms()) {
    const std::string name = algorithm.name;
    if (name == "maxent" || name == "ng_russell") continue;  // below
    expect_same(grid, name, 4);
    ++compared;
  }
  EXPECT_EQ(compared, 11);
  for (const char* optimizer : {"gradient", "exponentiated"})
    expect_same(grid, "max_causal_entropy", 4, {{"optimizer", optimizer, "test"}});
  expect_same(grid, "max_causal_entropy", 4, {{"objective", "feature_matching", "test"}});
  for (const char* regularizer : {"fem", "gtal", "l2"})
    expect_same(grid, "occupancy_matching", 4, {{"regularizer", regularizer, "test"}});
  expect_same(grid, "projection", 3, {{"direct_states", "0", "test"}});

  // Undiscounted, over a horizon and to the end.
  for (const char* name : {"maxent", "max_causal_entropy"}) {
    expect_same(horizon_case(), name, 4);
    expect_same(ending_case(), name, 4, {{"start", "-2,0,0", "test"}});
  }
  expect_same(horizon_case(), "max_causal_entropy", 4, {{"objective", "feature_matching", "test"}});
  // Families of goals: the systems of all goals at once.
  for (bool absorb : {false, true}) {
    expect_same(goal_case(absorb), "maxent", 4);
    expect_same(goal_case(absorb), "deep_maxent", 3, {{"hidden", "4", "test"}});
  }
  // A policy known in every state.
  Case known{make_problem(garnet({.states = 36, .actions = 3, .branching = 3, .discount = 0.8})),
             {}};
  const Solution s =
      solve(processor(), known.problem, known.problem.reward, {.backup = Backup::max});
  for (int tries = 0;; ++tries) {
    known.demonstrations = sample_trajectories(known.problem, s.policy, 60, 60, tries);
    std::set<std::int32_t> seen;
    for (const Trajectory& t : known.demonstrations)
      for (std::size_t i = 0; i < t.actions.size(); ++i) seen.insert(t.states[i]);
    if (static_cast<std::int64_t>(seen.size()) == known.problem.n_states) break;
    ASSERT_LT(tries, 20) << "no demonstrations that visit every state";
  }
  expect_same(known, "ng_russell", 1, {}, 1e-5);
}

// What an algorithm does is in its options: each of them changes what is learned, or is refused.
TEST(TabularLearners, OptionsAreTakenAndChecked) {
  const Case grid = grid_case();
  const auto weights = [&](const char* name, const std::vector<OptionAssignment>& settings) {
    // Planning by margin begins at 0 and keeps the best weights seen.
    const int iterations = name == std::string("max_margin_planning") ? 40 : 3;
    return follow(processor(), grid, name, iterations, settings).found.reward;
  };
  const struct {
    const char *algorithm, *name, *value;
  } rows[] = {{"max_causal_entropy", "objective", "feature_matching"},
              {"max_causal_entropy", "optimizer", "gradient"},
              {"max_causal_entropy", "l1", "0.1"},
              {"max_causal_entropy", "l2", "0.5"},
              {"sampled_maxent", "samples", "9"},
              {"sampled_maxent", "learning_rate", "0.01"},
              {"sampled_maxent", "l2", "0.5"},
              {"deep_maxent", "hidden", "5"},
              {"deep_maxent", "activation", "tanh"},
              {"deep_maxent", "last_scale", "0.5"},
              {"deep_maxent", "optimizer", "adagrad"},
              {"deep_maxent", "learning_rate", "0.1"},
              {"deep_maxent", "l2", "0.5"},
              {"deep_maxent_conv", "windows", "5"},
              {"mwal", "rounds", "3"},
              {"max_margin_planning", "regularization", "1"},
              {"max_margin_planning", "learning_rate", "0.1"},
              {"occupancy_matching", "regularizer", "l2"},
              {"occupancy_matching", "entropy_coefficient", "0.3"},
              {"occupancy_matching", "smoothing", "0.5"},
              {"ng_russell_sampled", "policies", "1"}};
  for (const auto& row : rows)
    EXPECT_NE(weights(row.algorithm, {}), weights(row.algorithm, {{row.name, row.value, "test"}}))
        << row.algorithm << " " << row.name;
  const auto refused = [&](const char* name, const char* option, const char* value,
                           const char* expected) {
    try {
      weights(name, {{option, value, "test"}});
      ADD_FAILURE() << name << " takes " << option << " " << value;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
    }
  };
  refused("sampled_maxent", "samples", "0", "of 1 or more");
  refused("occupancy_matching", "regularizer", "constant", "smoothing: expected above 0");
  refused("max_causal_entropy", "l2", "-1", "of 0 or more");
  refused("max_causal_entropy", "optimizer", "adam", "lbfgs, gradient or exponentiated");
  refused("max_causal_entropy", "lerning_rate", "1", "learning_rate");
  refused("projection", "rounds", "3", "rounds");
  refused("deep_maxent", "windows", "3", "windows");
  refused("max_margin_planning", "iterations", "3", "iterations");
  try {  // l1 is lbfgs's alone
    weights("max_causal_entropy", {{"l1", "1", "test"}, {"optimizer", "gradient", "test"}});
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "l1: expected 0 unless optimizer is lbfgs, found 1");
  }
}

// A learner that was stepped anew has the same numbers: what resuming without a store relies on.
TEST(TabularLearners, StepsAreTheSameFromRunToRun) {
  const Case grid = grid_case();
  for (const TabularAlgorithm& algorithm : tabular_algorithms()) {
    const std::string name = algorithm.name;
    if (name == "maxent" || name == "ng_russell") continue;
    const Followed a = follow(processor(), grid, name, 3), b = follow(processor(), grid, name, 3);
    EXPECT_EQ(a.rows, b.rows) << name;
    EXPECT_EQ(a.found.policy, b.found.policy) << name;
  }
}

// Features in other units, each in its own: the same rewards and policies, and weights by as much.
// (By powers of two, which round nothing.)
TEST(TabularLearners, UnitsOfFeaturesChangeNothing) {
  const Case grid = grid_case();
  const std::vector<double> factors = {1, 0x1p-30, 0x1p+40, 0x1p-3};
  Case scaled = grid;
  for (std::size_t i = 0; i < scaled.problem.features.size(); ++i)
    scaled.problem.features[i] *= factors[i % 4];
  for (const TabularAlgorithm& algorithm : tabular_algorithms()) {
    const std::string name = algorithm.name;
    if (name == "maxent" || name == "ng_russell") continue;
    SCOPED_TRACE(name);
    const Followed a = follow(processor(), grid, name, 3), b = follow(processor(), scaled, name, 3);
    EXPECT_EQ(a.rows, b.rows);
    EXPECT_EQ(a.found.policy, b.found.policy);
    ASSERT_EQ(a.found.weights.size(), b.found.weights.size());
    for (std::size_t i = 0; i < a.found.weights.size(); ++i)
      EXPECT_EQ(a.found.weights[i], b.found.weights[i] * factors[i]);
    for (std::size_t i = 0; i < a.found.standard_errors.size(); ++i)
      EXPECT_EQ(a.found.standard_errors[i], b.found.standard_errors[i] * factors[i]);
  }
  // Weights to begin from are the caller's.
  const Followed from = follow(processor(), scaled, "max_causal_entropy", 3,
                               {{"start", "1,1073741824,9.094947017729282e-13,8", "test"}}),
                 ones = follow(processor(), grid, "max_causal_entropy", 3,
                               {{"start", "1,1,1,1", "test"}});
  EXPECT_EQ(from.rows, ones.rows);
}

TEST(TabularLearners, NamesAreFoundByOtherNamesToo) {
  EXPECT_STREQ(tabular_algorithm("mce-irl").name, "max_causal_entropy");
  EXPECT_STREQ(tabular_algorithm("mmp").name, "max_margin_planning");
  EXPECT_THROW(tabular_algorithm("alchemy"), Error);
  std::set<std::string> names;
  for (const TabularAlgorithm& one : tabular_algorithms()) {
    EXPECT_TRUE(names.insert(one.name).second);
    EXPECT_TRUE(std::ifstream(one.header).good()) << one.header;
  }
}

}  // namespace
}  // namespace understudy
