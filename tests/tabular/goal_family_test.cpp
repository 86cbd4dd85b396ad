// Goal families against enumeration and dense elimination; and on Borlänge's trips, to the
// published digits, where the data are.

#include "algorithms/tabular/goal_family.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>

#include "algorithms/tabular/networks.h"
#include "autograd/files/csv.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;

// z of one goal by dense Gaussian elimination with pivoting; rows of absorbing goals are only e_g.
std::vector<double> dense_z(const Problem& p, const std::vector<double>& r, int goal) {
  const std::size_t n = p.n_states;
  std::vector<std::vector<double>> a(n, std::vector<double>(n + 1, 0.0));
  for (std::size_t s = 0; s < n; ++s) {
    a[s][s] = 1.0;
    bool beside = false;
    for (std::int32_t i = p.goal_begin[goal]; i < p.goal_begin[goal + 1]; ++i)
      beside |= p.goal_state[i] == static_cast<std::int32_t>(s);
    if (beside) a[s][n] = 1.0;
    if (beside && p.goals_absorb) continue;
    for (std::int32_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
      for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
        a[s][p.next_state[j]] -= p.probability[j] * std::exp(r[j]);
  }
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t best = c;
    for (std::size_t i = c; i < n; ++i)
      if (std::abs(a[i][c]) > std::abs(a[best][c])) best = i;
    std::swap(a[c], a[best]);
    for (std::size_t i = 0; i < n; ++i) {
      if (i == c) continue;
      const double f = a[i][c] / a[c][c];
      for (std::size_t j = c; j <= n; ++j) a[i][j] -= f * a[c][j];
    }
  }
  std::vector<double> z(n);
  for (std::size_t i = 0; i < n; ++i) z[i] = a[i][n] / a[i][i];
  return z;
}

class Goals : public ::testing::TestWithParam<bool> {};

TEST_P(Goals, LikelihoodGradientAndHessianAreExact) {
  const bool absorb = GetParam();
  const Problem p = network(3, 30, 19, absorb, 3);
  Threads team(2);
  const std::unique_ptr<Device> shared = cpu_device(&team);
  Device& device = *shared;
  GoalFamily family(device, p);
  const std::vector<Trajectory> data = trips(p, 4, 60);
  const GoalDemonstrations d = goal_demonstrations(p, data);
  const std::vector<double> w = {-2.0, -0.5, 0.1};
  const std::vector<double> r = family.transition_reward(w);
  double expected = 0.0;
  const auto steps = transitions_of(p, data);
  for (std::size_t e = 0; e < data.size(); ++e) {
    for (std::int32_t j : steps[e]) expected += r[j];
    expected -= std::log(dense_z(p, r, data[e].goal)[data[e].states.front()]);
  }
  std::vector<double> g;
  // Sums of 60 logarithms of order 10, each good to some 100 roundings of the elimination.
  EXPECT_NEAR(family.log_likelihood(d, r, &g), expected, 1e-10 * std::abs(expected));
  const auto numeric = finite_difference(
      [&](const std::vector<double>& x) { return family.log_likelihood(d, x, nullptr); }, r);
  for (std::size_t j = 0; j < g.size(); ++j) EXPECT_NEAR(g[j], numeric[j], 1e-6) << j;

  const std::vector<double> hessian = family.hessian(d, w);
  for (int c = 0; c < 3; ++c) {
    const auto slope = finite_difference(
        [&](const std::vector<double>& x) {
          std::vector<double> by_transition;
          family.log_likelihood(d, family.transition_reward(x), &by_transition);
          double sum = 0.0;
          for (std::size_t j = 0; j < by_transition.size(); ++j)
            sum += by_transition[j] * p.transition_features[j * 3 + c];
          return sum;
        },
        w);
    for (int e = 0; e < 3; ++e)
      EXPECT_NEAR(hessian[c * 3 + e], slope[e], 1e-5 * std::abs(hessian[0]));
  }
  const std::vector<double> v = family.values(r, {0, 7, 18});
  for (int i = 0; i < 3; ++i) {
    const std::vector<double> z = dense_z(p, r, std::vector<int>{0, 7, 18}[i]);
    for (int s = 0; s < 30; ++s) EXPECT_NEAR(v[s * 3 + i], std::log(z[s]), 1e-10);
  }
  // The number of threads changes no bit.
  GoalFamily again(processor(), p);
  std::vector<double> g_alone;
  EXPECT_EQ(again.log_likelihood(d, r, &g_alone), family.log_likelihood(d, r, &g));
  EXPECT_EQ(g_alone, g);
}
INSTANTIATE_TEST_SUITE_P(PassingThroughAndAbsorbing, Goals, ::testing::Bool());

// A walk may go round the goal without end only where it may pass through it: at a radius above 1
// the family that absorbs still has an answer.
TEST(GoalFamily, AbsorbingGoalsBearARadiusAboveOne) {
  ProblemTable t;
  t.n_states = 2;
  t.n_actions = 1;
  t.n_features = 1;
  t.state = {0, 1};
  t.action = {0, 0};
  t.next_state = {1, 0};
  t.transition_features = {1, 1};
  t.goal_id = {0};
  t.goal_state = {1};
  for (bool absorb : {false, true}) {
    t.goals_absorb = absorb;
    const Problem p = make_problem(t);
    Device& device = processor();
    GoalFamily family(device, p);
    const GoalDemonstrations d = goal_demonstrations(p, {{{0, 1}, {0}, 0}});
    const double value = family.log_likelihood(d, family.transition_reward({0.5}), nullptr);
    EXPECT_NEAR(family.spectral_radius(family.transition_reward({0.5})), std::exp(0.5), 1e-6);
    if (absorb) {
      EXPECT_NEAR(value, 0.0, 1e-12);  // the only way there is
    } else {
      EXPECT_EQ(value, -INFINITY);
      EXPECT_THROW(family.values(family.transition_reward({0.5}), {0}), Error);
      EXPECT_THROW(fit_goals(family, p, d, {0.5}), Error);
      // Inside the domain: z_0 = e^w z_1, z_1 = 1 + e^w z_0.
      EXPECT_NEAR(family.log_likelihood(d, family.transition_reward({-1.0}), nullptr),
                  std::log(1 - std::exp(-2.0)), 1e-12);
    }
  }
}

TEST(GoalFamily, FitRecoversTheWeightsThatMadeTheTrips) {
  const Problem p = network(8, 40, 10, false, 2);
  Device& device = processor();
  GoalFamily family(device, p);
  const std::vector<double> truth = {-2.5, -0.8};
  const std::vector<double> r = family.transition_reward(truth);
  std::vector<std::int32_t> goals(10);
  for (int g = 0; g < 10; ++g) goals[g] = g;
  const std::vector<double> v = family.values(r, goals);
  std::mt19937 random(1);
  std::vector<Trajectory> data;
  for (int e = 0; e < 3000; ++e) {
    Trajectory t;
    t.goal = static_cast<std::int32_t>(random() % 10);
    std::int32_t s = static_cast<std::int32_t>(random() % 40);
    t.states.push_back(s);
    for (;;) {
      double u = static_cast<double>(random()) / 4294967296.0;
      std::int32_t chosen = -1;
      for (std::int32_t k = p.pair_begin[s]; k < p.pair_begin[s + 1] && chosen < 0; ++k) {
        u -= std::exp(r[k] + v[p.next_state[k] * 10 + t.goal] - v[s * 10 + t.goal]);
        if (u < 0.0) chosen = k;
      }
      if (chosen < 0) break;  // into the goal
      t.actions.push_back(p.pair_action[chosen]);
      s = p.next_state[chosen];
      t.states.push_back(s);
    }
    data.push_back(t);
  }
  const LinearFit fit = fit_goals(family, p, goal_demonstrations(p, data), {-4.0, 0.0});
  EXPECT_EQ(fit.status, LbfgsStatus::converged_gradient) << name(fit.status);
  // Within four of its own standard errors: one run in 16,000 would fail by chance, and the seed is
  // fixed.
  for (int c = 0; c < 2; ++c) {
    EXPECT_LT(fit.standard_errors[c], 0.1);
    EXPECT_NEAR(fit.weights[c], truth[c], 4 * fit.standard_errors[c]);
  }
}

// A long first step meets divergent partition functions; the line search comes back.
TEST(GoalFamily, FitStaysInsideTheDomain) {
  const Problem p = network(9, 30, 8, false, 1);
  Device& device = processor();
  GoalFamily family(device, p);
  const GoalDemonstrations d =
      goal_demonstrations(p, trips(p, 2, 200));  // aimless: costs near the edge
  GoalFitOptions options;
  options.optimizer.first_step = 20;
  const LinearFit fit = fit_goals(family, p, d, {-8.0}, options);
  EXPECT_EQ(fit.status, LbfgsStatus::converged_gradient) << name(fit.status);
  EXPECT_LT(family.spectral_radius(family.transition_reward(fit.weights)), 1.0);
}

TEST(GoalFamily, NamesWhatIsWrong) {
  auto message = [](auto&& call) {
    try {
      call();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const Problem p = network(3, 10, 2, false, 1);
  EXPECT_NE(message([&] {
              goal_demonstrations(p, {{{0, 1}, {0}, 7}});
            }).find("goal of 0 to 1, found 7"),
            std::string::npos);
  EXPECT_NE(message([&] {
              goal_demonstrations(p, {{{0, 9}, {0}, 0}});
            }).find("episode 0"),
            std::string::npos);
  ProblemTable t;
  t.n_states = 3;
  t.n_actions = 1;
  t.n_features = 1;
  t.state = {0, 1};
  t.action = {0, 0};
  t.next_state = {1, 1};
  t.transition_features = {1, 1};
  t.goal_id = {0, 1};
  t.goal_state = {1, 2};
  const Problem q = make_problem(t);
  Device& device = processor();
  GoalFamily family(device, q);
  GoalDemonstrations d;
  d.transition_count.assign(2, 0.0);
  d.origins.push_back({1, 0, 1.0});
  d.episodes = 1;
  EXPECT_EQ(message([&] { fit_goals(family, q, d, {-1.0}); }),
            "goal 1 cannot be reached from state 0, where an episode begins");
}

// Fosgerau, Frejinger & Karlström 2013 on the 1466 trips of the data folder, whose README has the
// digits below.
TEST(GoalFamily, BorlangeToTheDigit) {
  const char* data = std::getenv("UNDERSTUDY_DATA");
  const std::string folder = std::string(data == nullptr ? "" : data) + "/borlange_routes";
  if (data == nullptr || !std::ifstream(folder + "/trips.csv"))
    GTEST_SKIP() << "no borlange_routes in UNDERSTUDY_DATA";
  const files::Csv turns = files::Csv::open(folder + "/transitions.csv");
  LinkNetwork network;
  network.links = 7288;
  network.from = turns.integers("from_link");
  network.to = turns.integers("to_link");
  network.n_features = 4;
  const auto time = turns.numbers("travel_time_min"), left = turns.numbers("left_turn"),
             constant = turns.numbers("link_constant"), back = turns.numbers("u_turn");
  for (std::size_t i = 0; i < turns.rows(); ++i)
    for (double x : {time[i], left[i], constant[i], back[i]}) network.features.push_back(x);
  const files::Csv destinations = files::Csv::open(folder + "/destinations.csv");
  network.goal_id = destinations.integers("dest_id");
  network.goal_link = destinations.integers("from_link");
  const Problem problem = make_problem(link_network(network));
  const files::Csv table = files::Csv::open(folder + "/trips.csv");
  const auto paths = table.texts("path");
  const auto goals = table.integers("dest_id");
  std::vector<Trajectory> trips;
  for (std::size_t i = 0; i < paths.size(); ++i)
    trips.push_back(
        trajectory_along(problem, parse_path(paths[i]), static_cast<std::int32_t>(goals[i])));

  Threads team(2);
  const std::unique_ptr<Device> shared = cpu_device(&team);
  Device& device = *shared;
  GoalFamily family(device, problem);
  const GoalDemonstrations demonstrations = goal_demonstrations(problem, trips);
  const LinearFit fit = fit_goals(family, problem, demonstrations, {-2, -1, -1, -20});
  const double reference[] = {-2.4589, -0.9267, -0.4095, -4.5413};
  // half a unit of the last digit that is published
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(fit.weights[i], reference[i], 0.5e-4) << i;
  EXPECT_NEAR(fit.log_likelihood, -5067.908, 0.5e-3);
  const auto at = [&](const std::vector<double>& weights) {
    return family.log_likelihood(demonstrations, family.transition_reward(weights), nullptr);
  };
  EXPECT_NEAR(at({-2.494, -0.933, -0.411, -4.459}), -5068.518, 0.5e-3);
  EXPECT_NEAR(at({-2, -1, -1, -20}), -7123.03, 0.5e-2);
  // Outside the domain: no likelihood, and an error that gives the spectral radius.
  EXPECT_EQ(at({-0.1, -0.1, -0.1, -0.1}), -INFINITY);
  try {
    fit_goals(family, problem, demonstrations, {-0.1, -0.1, -0.1, -0.1});
    FAIL() << "a start outside the domain was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("spectral radius"), std::string::npos);
  }
}

}  // namespace
}  // namespace understudy
