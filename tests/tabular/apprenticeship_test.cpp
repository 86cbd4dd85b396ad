// Convex programmes by their certificates, and apprenticeship on problems whose demonstrator is
// known.

#include "algorithms/tabular/apprenticeship.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/convex_program.h"
#include "algorithms/tabular/worlds.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;

// max 3 x + 5 y with x <= 4, 2 y <= 12, 3 x + 2 y <= 18: 36 at (2, 6) (Hillier & Lieberman's first
// example).
TEST(ConvexProgram, SolvesALinearProgrammeWithItsCertificate) {
  ConvexProgram p;
  const auto x = p.add_variable(-3), y = p.add_variable(-5);
  p.add_constraint({x, p.add_variable(0)}, {1, 1}, 4);
  p.add_constraint({y, p.add_variable(0)}, {2, 1}, 12);
  p.add_constraint({x, y, p.add_variable(0)}, {3, 2, 1}, 18);
  const ConvexSolution s = solve_convex(p);
  EXPECT_NEAR(s.objective, -36, 1e-6);
  EXPECT_NEAR(s.primal[x], 2, 1e-6);
  EXPECT_NEAR(s.primal[y], 6, 1e-6);
  EXPECT_LE(s.gap, 1e-9);
  // Shadow prices 0, 3/2 and 1.
  EXPECT_NEAR(s.dual[0], 0, 1e-6);
  EXPECT_NEAR(s.dual[1], -1.5, 1e-6);
  EXPECT_NEAR(s.dual[2], -1, 1e-6);
}

// Random programmes, feasible and bounded by construction: the certificate is recomputed from the
// answer.
TEST(ConvexProgram, CertificatesHoldOnRandomProgrammes) {
  for (unsigned seed = 1; seed <= 6; ++seed)
    for (bool quadratic : {false, true}) {
      const std::size_t n = 30, m = 12;
      const std::vector<double> a = random_vector(seed, n * m, -1, 1),
                                x0 = random_vector(seed + 50, n, 0, 2);
      const std::vector<double> y0 = random_vector(seed + 90, m, -1, 1),
                                s0 = random_vector(seed + 70, n, 0, 2);
      ConvexProgram p;
      std::vector<std::int32_t> all;
      for (std::size_t j = 0; j < n; ++j) {
        double c = s0[j];
        for (std::size_t i = 0; i < m; ++i) c += a[i * n + j] * y0[i];
        all.push_back(p.add_variable(c));
      }
      for (std::size_t i = 0; i < m; ++i) {
        double b = 0;
        for (std::size_t j = 0; j < n; ++j) b += a[i * n + j] * x0[j];
        p.add_constraint(all, {a.begin() + i * n, a.begin() + (i + 1) * n}, b);
      }
      if (quadratic) {
        const std::vector<double> r = random_vector(seed + 30, n * 5, -1, 1);
        for (std::size_t i = 0; i < n; ++i)
          for (std::size_t j = 0; j < n; ++j) {
            double q = 0;
            for (int k = 0; k < 5; ++k) q += r[i * 5 + k] * r[j * 5 + k];
            p.quadratic.push_back(q);
          }
      }
      const ConvexSolution s = solve_convex(p);
      double objective = 0, bound = 0;
      for (std::size_t j = 0; j < n; ++j) {
        EXPECT_GE(s.primal[j], 0.0);
        double qx = 0, reduced = p.cost[j];
        for (std::size_t k = 0; quadratic && k < n; ++k) qx += p.quadratic[j * n + k] * s.primal[k];
        for (std::size_t i = 0; i < m; ++i) reduced -= a[i * n + j] * s.dual[i];
        EXPECT_GE(reduced + qx, -1e-7);  // dual feasible
        objective += p.cost[j] * s.primal[j] + 0.5 * qx * s.primal[j];
        bound -= 0.5 * qx * s.primal[j];
      }
      for (std::size_t i = 0; i < m; ++i) bound += p.right[i] * s.dual[i];
      EXPECT_NEAR(objective, bound, 1e-7 * (1 + std::abs(objective)));
    }
}

TEST(ConvexProgram, SaysWhenThereIsNoSolution) {
  ConvexProgram infeasible;
  infeasible.add_constraint({infeasible.add_variable(1)}, {1}, -1);  // x = -1
  EXPECT_THROW(solve_convex(infeasible), Error);
  ConvexProgram unbounded;
  const auto x = unbounded.add_variable(-1), y = unbounded.add_variable(0);
  unbounded.add_constraint({x, y}, {1, -1}, 0);
  EXPECT_THROW(solve_convex(unbounded), Error);
}

struct World {
  Problem problem;
  Solution expert;
  std::vector<double> mu;
};

World small_world(Device& device, unsigned seed) {
  World w{make_problem(abbeel_ng_gridworld({.size = 12, .macro = 4, .seed = seed})), {}, {}};
  w.problem.discount = 0.9;
  w.expert = solve(device, w.problem, w.problem.reward, {.backup = Backup::max});
  w.mu = policy_features(device, w.problem, w.expert.policy);
  return w;
}

double value_of(const World& w, const std::vector<double>& values) {
  double sum = 0;
  for (std::int64_t s = 0; s < w.problem.n_states; ++s) sum += w.problem.initial[s] * values[s];
  return sum;
}

TEST(Apprentice, ComesAsNearToTheExpertAsItsTheoremsSay) {
  Device& device = processor();
  for (unsigned seed : {1u, 2u}) {
    const World w = small_world(device, seed);
    for (auto method :
         {ApprenticeOptions::Method::projection, ApprenticeOptions::Method::max_margin}) {
      Apprentice apprentice(device, w.problem, w.mu, {.method = method});
      std::vector<double> distances;
      for (int i = 0; i < 40 && (distances.empty() || distances.back() > 0.02); ++i)
        distances.push_back(apprentice.step());
      EXPECT_LE(distances.back(), 0.02) << "seed " << seed;
      // Never farther than before: the hull only grows, and projections only approach.
      for (std::size_t i = 1; i < distances.size(); ++i)
        EXPECT_LE(distances[i], distances[i - 1] + 1e-6);
      // So the mixture's value under the true weights, of norm at most 1, is as near.
      const std::vector<double> mixture = apprentice.mixture();
      double value = 0;
      for (std::size_t i = 0; i < mixture.size(); ++i)
        value += mixture[i] * value_of(w, evaluate_policy(device, w.problem, w.problem.reward,
                                                          apprentice.policies()[i]));
      EXPECT_NEAR(value, value_of(w, w.expert.values), 0.03);
    }
  }
}

// Solved directly or by sweeps, a step's policy is worth the optimal value of its weights. (The
// policies themselves may differ: under the first weights all are equally good.) Sweeps to 1e-10 at
// discount 0.99 leave 1e-8 in a value.
TEST(Apprentice, PoliciesAreBestForTheirWeightsBothWays) {
  Device& device = processor();
  const Problem p = make_problem(abbeel_ng_gridworld({.size = 16, .macro = 4, .seed = 3}));
  const std::vector<double> expert =
      policy_features(device, p, solve(device, p, p.reward, {.backup = Backup::max}).policy);
  for (std::int64_t direct_states : {100000, 0}) {
    Apprentice apprentice(device, p, expert, {.direct_states = direct_states, .tolerance = 1e-10});
    for (int i = 0; i < 4; ++i) {
      apprentice.step();
      const Solution best = solve(device, p, linear_reward(p, apprentice.weights()),
                                  {.backup = Backup::max, .tolerance = 1e-11});
      double most = 0, found = 0;
      for (std::int64_t s = 0; s < p.n_states; ++s) most += p.initial[s] * best.values[s];
      for (std::int64_t c = 0; c < p.n_features; ++c)
        found += apprentice.weights()[c] * apprentice.expectations().back()[c];
      EXPECT_NEAR(found, most, 1e-6);
    }
  }
}

TEST(Apprentice, MwalIsHardlyWorseThanTheExpertAndMayBeBetter) {
  Device& device = processor();
  const World w = small_world(device, 3);
  // A demonstrator that wanders: with better features being larger, it is easy to do better.
  std::vector<double> bad(w.problem.n_pairs(), 0.25);
  const std::vector<double> mu = policy_features(device, w.problem, bad);
  Apprentice apprentice(device, w.problem, mu,
                        {.method = ApprenticeOptions::Method::mwal, .rounds = 60});
  for (int i = 0; i < 60; ++i) apprentice.step();
  double value = 0;
  for (const auto& policy : apprentice.policies())
    value += value_of(w, evaluate_policy(device, w.problem, w.problem.reward, policy)) / 60;
  EXPECT_GT(value, value_of(w, evaluate_policy(device, w.problem, w.problem.reward, bad)) - 0.05);
}

TEST(Lpal, ReachesTheExpertWithOneStationaryPolicy) {
  Device& device = processor();
  const World w = small_world(device, 4);
  const LpalResult result = lpal(w.problem, w.mu);
  EXPECT_LE(result.gap, 1e-6);
  EXPECT_GE(result.margin, -1e-5);
  const std::vector<double> mu = policy_features(device, w.problem, result.policy);
  double worst = INFINITY;
  for (std::size_t c = 0; c < mu.size(); ++c) worst = std::min(worst, mu[c] - w.mu[c]);
  EXPECT_NEAR(worst, result.margin, 1e-4);  // the programme's own claim about its policy
  EXPECT_GE(value_of(w, evaluate_policy(device, w.problem, w.problem.reward, result.policy)),
            value_of(w, w.expert.values) - 1e-3);
}

TEST(MaxMarginPlanning, FindsWeightsUnderWhichTheDemonstratorIsNearlyBest) {
  Device& device = processor();
  const World w = small_world(device, 5);
  const Occupancy expert = occupancy_of(device, w.problem, w.expert.policy, w.problem.initial);
  const MaxMarginResult result = max_margin_planning(
      device, w.problem, expert.pairs, {.regularization = 1e-3, .rate = 1.0, .iterations = 150});
  EXPECT_LT(result.objective, result.objectives.front());
  EXPECT_LT(expected_value_difference(device, w.problem, w.problem.reward, result.policy),
            0.2 * expected_value_difference(device, w.problem, w.problem.reward,
                                            std::vector<double>(w.problem.n_pairs(), 0.25)));
}

// Ng & Russell's 5 x 5 grid: the policy must be best for the reward found, at every state.
TEST(NgRussell, ThePolicyIsBestForTheRewardFound) {
  Device& device = processor();
  ProblemTable t = gridworld({.height = 5, .width = 5, .stay = false, .discount = 0.9});
  t.reward.assign(25, 0.0);
  t.reward[4] = 1.0;
  t.n_features = 25;
  t.features.assign(25 * 25, 0.0);
  for (int s = 0; s < 25; ++s) t.features[s * 25 + s] = 1.0;
  const Problem p = make_problem(t);
  const Solution expert = solve(device, p, p.reward, {.backup = Backup::max});
  const NgRussellResult result = ng_russell(device, p, expert.policy, 1.05);
  EXPECT_LE(result.gap, 1e-7);
  EXPECT_GT(result.margin, 0.0);
  for (double r : result.reward) EXPECT_LE(std::abs(r), 1.0 + 1e-7);
  const std::vector<double> r = pair_reward(p, result.reward);
  const std::vector<double> ours = evaluate_policy(device, p, r, expert.policy, 1e-12);
  const Solution best = solve(device, p, r, {.backup = Backup::max, .tolerance = 1e-12});
  for (int s = 0; s < 25; ++s) EXPECT_NEAR(ours[s], best.values[s], 1e-6);

  const auto demonstrations = sample_trajectories(p, expert.policy, 300, 60, 1);
  const NgRussellResult sampled = ng_russell_from_samples(device, p, demonstrations, 8);
  const Solution learned =
      solve(device, p, linear_reward(p, sampled.reward), {.backup = Backup::max});
  EXPECT_LT(expected_value_difference(device, p, p.reward, learned.policy), 0.3);
}

TEST(Apprentice, RefusesWhatItCannotDo) {
  Device& device = processor();
  const World w = small_world(device, 1);
  EXPECT_THROW(Apprentice(device, w.problem, {1.0, 2.0}), Error);
  Problem undiscounted = w.problem;
  undiscounted.discount = 1.0;
  EXPECT_THROW(Apprentice(device, undiscounted, w.mu), Error);
  EXPECT_THROW(lpal(undiscounted, w.mu), Error);
}

}  // namespace
}  // namespace understudy
