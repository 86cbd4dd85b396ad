// Matching of occupancies and its dual. The oracle is weak duality, from the test's own plain
// loops: any reward bounds any occupancy's objective, so that two that meet are both best.

#include "algorithms/tabular/occupancy_matching.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/apprenticeship.h"
#include "algorithms/tabular/dense_solve.h"
#include "algorithms/tabular/worlds.h"
#include "kernels/device/error.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;
using Vector = std::vector<double>;
using Regularizer = OccupancyRegularizer;

constexpr Regularizer all[] = {Regularizer::constant, Regularizer::fem, Regularizer::gtal,
                               Regularizer::gail, Regularizer::l2};

struct Case {
  Problem problem;
  Vector expert;  // visits of 40 demonstrations, or of `policy`
  Vector policy;
};
Case case_of(unsigned seed, bool ends, bool exact) {
  Case c{random_problem(seed, 7, 3, ends, false, 0.85, 0, 3), {}, {}};
  Problem& p = c.problem;
  Vector reward = random_vector(seed + 40, p.n_pairs(), -1, 1);
  c.policy = solve(processor(), p, reward).policy;
  c.expert = exact
                 ? occupancy_of(processor(), p, c.policy, p.initial, 1e-15).pairs
                 : expert_occupancy(processor(), p, sample_trajectories(p, c.policy, 40, 30, 3), 0);
  return c;
}

OccupancyMatchingOptions options_of(Regularizer regularizer, double lambda) {
  OccupancyMatchingOptions options;
  options.regularizer = regularizer;
  options.entropy_coefficient = lambda;
  options.l2 = 0.3;
  return options;
}

OccupancyMatching solved(const Case& c, const OccupancyMatchingOptions& options) {
  OccupancyMatching dual(processor(), c.problem, c.expert, options);
  for (int i = 0; i < 5000 && !dual.finished(); ++i) dual.step();
  EXPECT_TRUE(dual.finished());
  return dual;
}

// lambda H(rho) - psi*(rho - rho_E), in the words of the header's table.
double over_occupancies(const Case& c, const Vector& rho, Regularizer regularizer, double lambda) {
  const Problem& p = c.problem;
  double total = 0;
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    double state = 0;
    for (std::int64_t j = 0; j < p.n_pairs(); ++j)
      if (p.pair_state[j] == p.pair_state[k]) state += rho[j];
    if (rho[k] > 0) total -= lambda * rho[k] * std::log(rho[k] / state);
  }
  Vector difference(p.n_features, 0.0);
  for (std::int64_t k = 0; k < p.n_pairs(); ++k)
    for (std::int64_t f = 0; f < p.n_features; ++f)
      difference[f] += p.features[k * p.n_features + f] * (rho[k] - c.expert[k]);
  double squares = 0;
  switch (regularizer) {
    case Regularizer::constant: return total;
    case Regularizer::fem:
      for (double d : difference) squares += d * d;
      return total - std::sqrt(squares);
    case Regularizer::gtal: return total + *std::min_element(difference.begin(), difference.end());
    case Regularizer::gail:
      // The best D of sum rho log D + rho_E log(1 - D), by golden section.
      for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
        const auto of = [&](double d) {
          return (rho[k] > 0 ? rho[k] * std::log(d) : 0) +
                 (c.expert[k] > 0 ? c.expert[k] * std::log(1 - d) : 0);
        };
        double low = 0, high = 1;
        for (int i = 0; i < 80; ++i) {
          const double a = low + 0.381966 * (high - low), b = low + 0.618034 * (high - low);
          (of(a) < of(b) ? low : high) = of(a) < of(b) ? a : b;
        }
        const double best = of(0.5 * (low + high));
        total -= std::isfinite(best) ? best : 0;
      }
      return total;
    case Regularizer::l2:
      for (std::int64_t k = 0; k < p.n_pairs(); ++k)
        squares += (rho[k] - c.expert[k]) * (rho[k] - c.expert[k]);
      return total - squares / 0.6;
  }
  return total;
}

// lambda V(r / lambda) - <rho_E, r> + psi(-r); r of weights where costs are linear.
double over_rewards(const Case& c, const Vector& reward, Regularizer regularizer, double lambda) {
  Vector scaled = reward;
  for (double& r : scaled) r /= lambda;
  double total =
      lambda *
      start_value(c.problem, solve(processor(), c.problem, scaled, {.tolerance = 1e-13}).values);
  for (std::size_t k = 0; k < reward.size(); ++k) {
    total -= c.expert[k] * reward[k];
    if (regularizer == Regularizer::l2) total += 0.15 * reward[k] * reward[k];
    if (regularizer == Regularizer::gail && c.expert[k] > 0)
      total += c.expert[k] * (reward[k] - std::log(1 - std::exp(-reward[k])));
  }
  return total;
}

TEST(OccupancyMatching, ReinforcementAfterInverseReinforcementIsMatching) {
  for (const bool ends : {false, true})
    for (const bool exact : {false, true})
      for (const double lambda : {1.0, 0.2}) {
        const Case c = case_of(ends ? 5 : 3, ends, exact);
        double mass = 0;
        for (double x : c.expert) mass += x;
        for (const Regularizer regularizer : all) {
          if (regularizer == Regularizer::constant && !exact) continue;
          SCOPED_TRACE(static_cast<int>(regularizer));
          const OccupancyMatchingOptions options = options_of(regularizer, lambda);
          const OccupancyMatching dual = solved(c, options);
          const OccupancySolution primal =
              solve_over_occupancies(processor(), c.problem, c.expert, options);
          for (std::size_t k = 0; k < c.expert.size(); ++k)
            EXPECT_NEAR(dual.occupancy()[k], primal.occupancy[k], 1e-6);
          // Both are what they say they are, and meet: neither can be better.
          const double upper = over_rewards(c, dual.reward(), regularizer, lambda),
                       lower = over_occupancies(c, primal.occupancy, regularizer, lambda);
          EXPECT_NEAR(dual.objective(), upper, 1e-8 * (1 + mass));
          EXPECT_NEAR(primal.objective, lower, 1e-8 * (1 + mass));
          EXPECT_NEAR(upper, lower, 2e-8 * (1 + mass));
          EXPECT_NEAR(dual.gap(), 0, 1e-8 * (1 + mass));
          // And it is an occupancy: that of its own policy.
          const Vector again =
              occupancy_of(processor(), c.problem, primal.policy, c.problem.initial).pairs;
          for (std::size_t k = 0; k < again.size(); ++k)
            EXPECT_NEAR(again[k], primal.occupancy[k], 1e-8);
        }
      }
}

TEST(OccupancyMatching, AnyRewardBoundsAnyOccupancy) {
  const Case c = case_of(8, false, true);
  const double lambda = 0.5;
  const auto pairs = static_cast<std::size_t>(c.problem.n_pairs());
  for (unsigned seed = 1; seed <= 5; ++seed) {
    const Vector any = solve(processor(), c.problem, random_vector(seed, pairs, -2, 2)).policy;
    const Vector rho = occupancy_of(processor(), c.problem, any, c.problem.initial).pairs;
    for (const Regularizer regularizer : all) {
      if (regularizer == Regularizer::constant) continue;
      SCOPED_TRACE(static_cast<int>(regularizer));
      const OccupancyMatching dual = solved(c, options_of(regularizer, lambda));
      EXPECT_GT(dual.objective(), over_occupancies(c, rho, regularizer, lambda));
      if (regularizer == Regularizer::fem || regularizer == Regularizer::gtal) {
        // Weights of the ball, or of the simplex.
        double size = 0;
        for (double w : dual.weights()) {
          size += regularizer == Regularizer::fem ? w * w : w;
          EXPECT_TRUE(regularizer == Regularizer::fem || w >= 0);
        }
        EXPECT_LE(size, 1 + 1e-12);
        Vector w = random_vector(seed + 9, 3, 0.01, 0.3);
        if (regularizer == Regularizer::gtal) w[2] = 1 - w[0] - w[1];
        EXPECT_LT(dual.objective(),
                  over_rewards(c, linear_reward(c.problem, w), regularizer, lambda));
        continue;
      }
      EXPECT_LT(dual.objective(),
                over_rewards(c, random_vector(seed + 9, pairs, 0.1, 2), regularizer, lambda));
    }
  }
}

// One state: rho = pi / (1 - discount), so that each result is known.
TEST(OccupancyMatching, ABanditHasItsClosedForms) {
  ProblemTable t;
  t.n_states = 1;
  t.n_actions = 2;
  t.state = {0, 0};
  t.action = {0, 1};
  t.next_state = {0, 0};
  t.discount = 0.5;
  t.n_features = 2;
  t.features = {1, 0, 0, 1};
  const Problem p = make_problem(t);
  const Vector expert = {1.5, 0.5};
  const auto share = [&](Regularizer regularizer, double lambda) {
    const OccupancyMatchingOptions options = options_of(regularizer, lambda);
    OccupancyMatching dual(processor(), p, expert, options);
    for (int i = 0; i < 1000 && !dual.finished(); ++i) dual.step();
    return dual.policy()[0];
  };
  EXPECT_NEAR(share(Regularizer::constant, 1), 0.75, 1e-9);
  // Of the ball the difference of weights is sqrt 2 at most: log odds sqrt 2 / lambda, unless less
  // will do.
  EXPECT_NEAR(share(Regularizer::fem, 2), 1 / (1 + std::exp(-std::sqrt(2.0) / 2)), 1e-9);
  EXPECT_NEAR(share(Regularizer::fem, 1), 0.75, 1e-8);
  // Of the simplex it is 1; at least as much of either feature, of a total that is fixed, is both.
  EXPECT_NEAR(share(Regularizer::gtal, 2), 1 / (1 + std::exp(-0.5)), 1e-9);
  EXPECT_NEAR(share(Regularizer::gtal, 0.5), 0.75, 1e-8);
  // l2: lambda log(x / (2 - x)) = ((1.5 - x) - (0.5 - (2 - x))) / l2.
  const double x = 2 * share(Regularizer::l2, 1);
  EXPECT_NEAR(std::log(x / (2 - x)), (3 - 2 * x) / 0.3, 1e-7);
  // gail: lambda log(x / (2 - x)) = -log D(x) + log D(2 - x).
  const double y = 2 * share(Regularizer::gail, 1);
  EXPECT_NEAR(std::log(y / (2 - y)), std::log((y + 1.5) / y) - std::log((2.5 - y) / (2 - y)), 1e-8);
}

TEST(OccupancyMatching, VisitsThatAreNoOccupancyAreRefusedByConstant) {
  const Case c = case_of(3, false, false);
  EXPECT_THROW(solve_over_occupancies(processor(), c.problem, c.expert,
                                      options_of(Regularizer::constant, 1)),
               Error);
  // Those of the demonstrated policy are one; cut-off visits are scaled to endless ones.
  const Vector smoothed = expert_occupancy(processor(), c.problem,
                                           sample_trajectories(c.problem, c.policy, 5, 30, 3), 0.1);
  EXPECT_NO_THROW(solve_over_occupancies(processor(), c.problem, smoothed,
                                         options_of(Regularizer::constant, 1)));
  double total = 0;
  for (double visits : c.expert) total += visits;
  EXPECT_NEAR(total, 1 / 0.15, 1e-9);
}

TEST(DenseSystems, AreSolvedWithPivotsThatBeginAtZero) {
  Vector a = {0, 2, 1, 1, 1, 0, 4, 0, 3}, b = {7, 3, 13};
  ASSERT_TRUE(solve_dense(a, b));  // x = 1, 2, 3
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(b[i], i + 1, 1e-14);
  Vector singular = {1, 2, 2, 4}, any = {1, 1};
  EXPECT_FALSE(solve_dense(singular, any));
}

}  // namespace
}  // namespace understudy
