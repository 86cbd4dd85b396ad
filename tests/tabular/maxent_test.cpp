// Messages and maximum-entropy objectives against the enumeration of all trajectories, and every
// gradient against finite differences.

#include "algorithms/tabular/maxent.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;

// Sums of up to a few thousand terms of like size, in double.
constexpr double exact = 1e-11;
// Central differences with h = 1e-5 of values of order 10.
constexpr double differenced = 2e-8;

// The graphical model: p(tau, O) = p(s_1) product of p(s'|s, a) exp r.
TEST(Messages, OptimisticOnesAreThoseOfAllTrajectories) {
  for (unsigned seed : {1u, 2u, 3u})
    for (bool ends : {false, true}) {
      const Problem p = random_problem(seed, 4, 3, ends, false, 1.0, 4, 2);
      const std::vector<double> r = random_vector(seed, p.n_pairs(), -1, 1);
      Device& device = processor();
      const Messages m = messages(device, p, r, Expectation::log_mean_exp);
      const std::int64_t states = p.n_states, pairs = p.n_pairs();
      double total = 0.0;
      std::vector<double> marginal(4 * states, 0.0), pair(4 * pairs, 0.0), from(states, 0.0);
      for (std::int32_t s = 0; s < states; ++s)
        enumerate(p, s, 4, [&](const Path& path) {
          double weight = path.dynamics;
          for (std::int32_t k : path.pairs) weight *= std::exp(r[k]);
          from[s] += weight;
          weight *= p.initial[s];
          total += weight;
          for (std::size_t t = 0; t < path.pairs.size(); ++t)
            pair[t * pairs + path.pairs[t]] += weight;
          for (std::size_t t = 0; t < std::min<std::size_t>(path.states.size(), 4); ++t)
            marginal[t * states + path.states[t]] += weight;
        });
      EXPECT_NEAR(m.log_partition, std::log(total), exact);
      for (std::int64_t s = 0; s < states; ++s)
        EXPECT_NEAR(m.beta_state[s], std::log(from[s]), exact);
      for (std::size_t i = 0; i < pair.size(); ++i)
        EXPECT_NEAR(m.pair_marginal[i], pair[i] / total, exact);
      for (std::int64_t i = 0; i < 4 * states; ++i) {
        // alpha beta of a terminal state counts arrivals; nothing leaves it, so it is counted once.
        EXPECT_NEAR(m.state_marginal[i], marginal[i] / total, exact) << i;
      }
      // alpha_2(s') = sum over first steps.
      for (std::int64_t next = 0; next < states; ++next) {
        double sum = 0.0;
        for (std::int64_t k = 0; k < pairs; ++k)
          for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
            if (p.next_state[j] == next)
              sum += p.initial[p.pair_state[k]] * std::exp(r[k]) * p.probability[j];
        EXPECT_NEAR(std::exp(m.alpha[states + next]), sum, exact);
      }
    }
}

TEST(Messages, CausalMarginalsAreThoseOfRunningThePolicy) {
  const Problem p = random_problem(5, 4, 3, true, false, 1.0, 4, 2);
  const std::vector<double> r = random_vector(5, p.n_pairs(), -1, 1);
  Device& device = processor();
  const Messages m = messages(device, p, r, Expectation::causal);
  std::vector<double> pair(4 * p.n_pairs(), 0.0);
  for (std::int32_t s = 0; s < p.n_states; ++s)
    enumerate(p, s, 4, [&](const Path& path) {
      double probability = p.initial[s] * path.dynamics;
      for (std::size_t t = 0; t < path.pairs.size(); ++t)
        probability *= m.policy[t * p.n_pairs() + path.pairs[t]];
      for (std::size_t t = 0; t < path.pairs.size(); ++t)
        pair[t * p.n_pairs() + path.pairs[t]] += probability;
    });
  for (std::size_t i = 0; i < pair.size(); ++i) EXPECT_NEAR(m.pair_marginal[i], pair[i], exact);
}

TEST(Messages, TheOutlooksAgreeOnDeterministicDynamics) {
  const Problem p = random_problem(6, 5, 3, true, true, 1.0, 5, 2);
  const std::vector<double> r = random_vector(6, p.n_pairs(), -1, 1);
  Device& device = processor();
  const Messages a = messages(device, p, r, Expectation::causal),
                 b = messages(device, p, r, Expectation::log_mean_exp);
  for (std::size_t i = 0; i < a.policy.size(); ++i) EXPECT_NEAR(a.policy[i], b.policy[i], exact);
}

// A sure 0 or a fair gamble for +3 or -3: worth the same. The causal agent does not care; the
// optimistic one believes that it will win, and gambles with odds cosh 3.
TEST(Messages, OptimisticAgentsGambleAndCausalOnesDoNot) {
  ProblemTable t;
  t.n_states = 4;
  t.n_actions = 2;
  t.horizon = 2;
  t.state = {0, 0, 0, 1, 2};
  t.action = {0, 1, 1, 0, 0};
  t.next_state = {3, 1, 2, 3, 3};
  t.probability = {1.0, 0.5, 0.5, 1.0, 1.0};
  t.terminal = {0, 0, 0, 1};
  t.initial = {1, 0, 0, 0};
  const Problem p = make_problem(t);
  const std::vector<double> r = pair_reward(p, {0.0, 3.0, -3.0, 0.0});
  Device& device = processor();
  const Messages causal = messages(device, p, r, Expectation::causal);
  const Messages optimistic = messages(device, p, r, Expectation::log_mean_exp);
  EXPECT_NEAR(causal.policy[1], 0.5, exact);
  EXPECT_NEAR(optimistic.policy[1] / optimistic.policy[0], std::cosh(3.0), 1e-10);
}

// Of a causal demonstrator the 2008 model learns a reward that is biased, the causal model does
// not: with the feature "gambled for +3 or -3", whose true weight is 1, and a demonstrator that
// gambles half the time, the causal maximum is flat in expectation at w with E = 0, so a second
// feature (an entry fee on the gamble, true weight 0) is what the 2008 model must invent to explain
// the gambles not taken.
TEST(MaxEnt, The2008ModelInventsAPenaltyOnRiskThatTheCausalOneDoesNot) {
  ProblemTable t;
  t.n_states = 4;
  t.n_actions = 2;
  t.horizon = 2;
  t.state = {0, 0, 0, 1, 2};
  t.action = {0, 1, 1, 0, 0};
  t.next_state = {3, 1, 2, 3, 3};
  t.probability = {1.0, 0.5, 0.5, 1.0, 1.0};
  t.terminal = {0, 0, 0, 1};
  t.initial = {1, 0, 0, 0};
  t.n_features = 2;
  // [S, A, F]: winnings, and 1 for gambling.
  t.features = {0, 0, 0, 1, 3, 0, 0, 0, -3, 0, 0, 0, 0, 0, 0, 0};
  const Problem p = make_problem(t);
  Device& device = processor();
  std::vector<Trajectory> demonstrations;
  for (int i = 0; i < 4; ++i) demonstrations.push_back({{0, 3}, {0}});
  for (int i = 0; i < 2; ++i) demonstrations.push_back({{0, 1, 3}, {1, 0}});
  for (int i = 0; i < 2; ++i) demonstrations.push_back({{0, 2, 3}, {1, 0}});
  // Winnings are worth 1 each, as the demonstrator had it; only the fee is free.
  auto best_fee = [&](Expectation expectation) {
    MaxEntModel model(device, p, demonstrations, expectation);
    return minimize(
               [&](const std::vector<double>& w, std::vector<double>& g) {
                 std::vector<double> by_pair;
                 const double value = model.value(linear_reward(p, {1.0, w[0]}), &by_pair);
                 g[0] = -feature_expectations(p, by_pair)[1];
                 return -value;
               },
               {0.0}, {.gradient_tolerance = 1e-10})
        .point[0];
  };
  EXPECT_NEAR(best_fee(Expectation::causal), 0.0, 1e-8);
  EXPECT_NEAR(best_fee(Expectation::log_mean_exp), -std::log(std::cosh(3.0)), 1e-8);
}

struct Setting {
  bool ends, deterministic;
  double discount;
  std::int64_t horizon;
  Expectation expectation;
  MaxEntObjective objective;
};

class Objective : public ::testing::TestWithParam<Setting> {};

TEST_P(Objective, GradientAgreesWithFiniteDifferences) {
  const Setting& s = GetParam();
  const Problem p = random_problem(11, 6, 3, s.ends, s.deterministic, s.discount, s.horizon, 3);
  const std::vector<Trajectory> demonstrations = wandering(p, 3, 7, 4);
  Device& device = processor();
  MaxEntModel model(device, p, demonstrations, s.expectation, s.objective);
  // Costly enough for undiscounted walks to end.
  const std::vector<double> r = random_vector(12, p.n_pairs(), -2.5, -1);
  std::vector<double> g;
  const double value = model.value(r, &g);
  ASSERT_TRUE(std::isfinite(value));
  const std::vector<double> numeric =
      finite_difference([&](const std::vector<double>& x) { return model.value(x, nullptr); }, r);
  for (std::size_t i = 0; i < g.size(); ++i)
    EXPECT_NEAR(g[i], numeric[i], differenced * std::max(1.0, std::abs(value))) << i;
}

TEST_P(Objective, FittingReachesAPointWithoutSlope) {
  const Setting& s = GetParam();
  const Problem p = random_problem(13, 6, 3, s.ends, s.deterministic, s.discount, s.horizon, 2);
  Device& device = processor();
  MaxEntModel model(device, p, wandering(p, 4, 40, 4), s.expectation, s.objective);
  MaxEntFitOptions options;
  options.l2 = 0.3;  // keeps undiscounted weights inside the domain
  const LinearFit fit = fit_maxent(model, p, {-3.0, 0.0}, options);
  EXPECT_EQ(fit.status, LbfgsStatus::converged_gradient) << name(fit.status);
  for (double g : fit.gradient) EXPECT_LE(std::abs(g), 1e-6);
  for (double w : fit.weights) EXPECT_GT(std::abs(w), 1e-4);
}

INSTANTIATE_TEST_SUITE_P(
    All, Objective,
    ::testing::Values(
        Setting{false, false, 0.9, 0, Expectation::causal, MaxEntObjective::likelihood},
        Setting{false, false, 0.9, 0, Expectation::causal, MaxEntObjective::feature_matching},
        Setting{true, false, 0.8, 0, Expectation::causal, MaxEntObjective::likelihood},
        Setting{false, false, 1.0, 5, Expectation::causal, MaxEntObjective::likelihood},
        Setting{true, false, 0.9, 5, Expectation::causal, MaxEntObjective::likelihood},
        Setting{false, false, 1.0, 5, Expectation::causal, MaxEntObjective::feature_matching},
        Setting{true, false, 1.0, 5, Expectation::log_mean_exp, MaxEntObjective::likelihood},
        Setting{false, false, 1.0, 4, Expectation::log_mean_exp, MaxEntObjective::likelihood}));

// Undiscounted problems at costs where they exist.
INSTANTIATE_TEST_SUITE_P(
    Absorbing, Objective,
    ::testing::Values(
        Setting{true, true, 1.0, 0, Expectation::causal, MaxEntObjective::likelihood},
        Setting{true, false, 1.0, 0, Expectation::causal, MaxEntObjective::feature_matching},
        Setting{true, true, 1.0, 0, Expectation::log_mean_exp, MaxEntObjective::likelihood},
        Setting{true, false, 1.0, 0, Expectation::log_mean_exp, MaxEntObjective::likelihood}));

// An episode that was cut off has the probability of all that it may go on to: over a horizon, and
// to the end.
TEST(MaxEnt, AnEpisodeThatWasCutOffIsItsContinuations) {
  const Problem p = random_problem(31, 4, 3, true, false, 1.0, 4, 2);
  const std::vector<double> r = random_vector(31, p.n_pairs(), -1, 1);
  Device& device = processor();
  Trajectory cut;
  enumerate(p, 0, 2, [&](const Path& path) {
    if (path.pairs.size() < 2 || p.terminal[path.states.back()] || !cut.states.empty()) return;
    cut.states = path.states;
    for (std::int32_t k : path.pairs) cut.actions.push_back(p.pair_action[k]);
  });
  ASSERT_EQ(cut.actions.size(), 2u);
  double all = 0.0, that_go_on = 0.0;
  enumerate(p, 0, 4, [&](const Path& path) {
    double weight = path.dynamics;
    for (std::int32_t k : path.pairs) weight *= std::exp(r[k]);
    all += weight;
    bool same = path.pairs.size() >= 2;
    for (std::size_t i = 0; same && i < 2; ++i)
      same =
          path.states[i + 1] == cut.states[i + 1] && p.pair_action[path.pairs[i]] == cut.actions[i];
    if (same) that_go_on += weight;
  });
  MaxEntModel model(device, p, {cut}, Expectation::log_mean_exp);
  EXPECT_NEAR(model.value(r, nullptr), std::log(that_go_on / all), exact);
}

// Up to `direct_states` the model of 2008 is a causal one of whom luck obeys; sweeps agree.
TEST(MaxEnt, WhomLuckObeysIsTheModelOf2008) {
  const Problem p = random_problem(32, 7, 3, true, false, 1.0, 0, 2);
  const std::vector<double> r = random_vector(32, p.n_pairs(), -3, -1.5);
  Device& device = processor();
  const Problem lucky = with_luck_chosen(p);
  const Solution by_luck = solve(device, lucky, reward_with_luck(p, r)),
                 by_sweeps = solve(device, p, r, {.expectation = Expectation::log_mean_exp});
  for (std::int64_t s = 0; s < p.n_states; ++s)
    EXPECT_NEAR(by_luck.values[s], by_sweeps.values[s], 1e-8);
  // The visits are alpha beta / Z of a horizon that no walk outlasts.
  Problem long_one = p;
  long_one.horizon = 400;
  const Messages m = messages(device, long_one, r, Expectation::log_mean_exp);
  const Occupancy visits = occupancy_given_optimality(device, p, r);
  for (std::int64_t s = 0; s + 1 < p.n_states; ++s) {
    double sum = 0.0;
    for (std::int64_t t = 0; t < 400; ++t) sum += m.state_marginal[t * p.n_states + s];
    EXPECT_NEAR(visits.states[s], sum, 1e-8);
  }
}

// log p of demonstrations against the enumeration that it normalizes over.
TEST(MaxEnt, OptimisticLikelihoodSumsToOneOverAllTrajectories) {
  const Problem p = random_problem(21, 4, 3, true, false, 1.0, 3, 2);
  const std::vector<double> r = random_vector(21, p.n_pairs(), -1, 1);
  Device& device = processor();
  for (Expectation expectation : {Expectation::log_mean_exp, Expectation::causal}) {
    double sum = 0.0;
    enumerate(p, 0, 3, [&](const Path& path) {
      Trajectory t;
      t.states = path.states;
      for (std::int32_t k : path.pairs) t.actions.push_back(p.pair_action[k]);
      MaxEntModel model(device, p, {t}, expectation);
      const double log_dynamics =
          expectation == Expectation::causal ? std::log(path.dynamics) : 0.0;
      sum += std::exp(model.value(r, nullptr) + log_dynamics);
    });
    EXPECT_NEAR(sum, 1.0, exact);
  }
}

TEST(MaxEnt, InformationIsMinusTheHessian) {
  for (std::int64_t horizon : {0, 5})
    for (MaxEntObjective objective :
         {MaxEntObjective::likelihood, MaxEntObjective::feature_matching})
      for (double discount : {0.9, 1.0}) {
        const Problem p = random_problem(31, 6, 3, true, false, discount, horizon, 3);
        Device& device = processor();
        MaxEntModel model(device, p, wandering(p, 9, 12, 5), Expectation::causal, objective);
        const std::vector<double> w = {-3.0, 0.4, 0.2};
        const std::vector<double> information = model.information(linear_reward(p, w));
        for (int c = 0; c < 3; ++c) {
          const auto slope = finite_difference(
              [&](const std::vector<double>& x) {
                std::vector<double> g;
                model.value(linear_reward(p, x), &g);
                return feature_expectations(p, g)[c];
              },
              w);
          for (int d = 0; d < 3; ++d)
            EXPECT_NEAR(information[c * 3 + d], -slope[d],
                        1e-6 * std::max(1.0, std::abs(slope[d])));
        }
      }
}

// With every trajectory as a sample, and the dynamics as their weight, the sampled gradient is
// exact.
TEST(MaxEnt, SampledGradientIsExactWhenEverythingIsSampled) {
  const Problem p = random_problem(41, 4, 3, true, false, 1.0, 3, 2);
  const std::vector<double> r = random_vector(41, p.n_pairs(), -1, 1);
  Device& device = processor();
  std::vector<Trajectory> demonstrations;
  for (Trajectory t : wandering(p, 8, 60, 3))
    if (t.states.front() == 0) demonstrations.push_back(t);
  std::vector<Trajectory> samples;
  std::vector<double> log_q;
  enumerate(p, 0, 3, [&](const Path& path) {
    Trajectory t;
    t.states = path.states;
    for (std::int32_t k : path.pairs) t.actions.push_back(p.pair_action[k]);
    samples.push_back(t);
    log_q.push_back(-std::log(path.dynamics));
  });
  MaxEntModel model(device, p, demonstrations, Expectation::log_mean_exp);
  std::vector<double> g;
  model.value(r, &g);
  const SampledGradient sampled = sampled_maxent_gradient(p, r, demonstrations, samples, log_q);
  for (std::size_t k = 0; k < g.size(); ++k)
    EXPECT_NEAR(sampled.gradient[k], g[k] / static_cast<double>(demonstrations.size()), exact);
}

TEST(MaxEnt, PlainGradientsReachTheSameMaximum) {
  const Problem p = random_problem(51, 5, 3, false, false, 0.9, 0, 2);
  Device& device = processor();
  const std::vector<double> truth = {1.5, 0.8};
  const Solution expert = solve(device, p, linear_reward(p, truth));
  const auto demonstrations = sample_trajectories(p, expert.policy, 200, 10, 1);
  MaxEntModel model(device, p, demonstrations);
  MaxEntFitOptions options;
  options.optimizer.iterations = 20000;
  const LinearFit best = fit_maxent(model, p, {1.0, 1.0}, options);
  options.method = LinearOptimizer::gradient;
  options.learning_rate = 0.3;
  const LinearFit plain = fit_maxent(model, p, {1.0, 1.0}, options);
  options.method = LinearOptimizer::exponentiated;
  const LinearFit exponentiated = fit_maxent(model, p, {1.0, 1.0}, options);
  for (int c = 0; c < 2; ++c) {
    EXPECT_GT(best.weights[c], 0.0);
    EXPECT_NEAR(plain.weights[c], best.weights[c], 1e-4);
    EXPECT_NEAR(exponentiated.weights[c], best.weights[c], 1e-4);
  }
}

}  // namespace
}  // namespace understudy
