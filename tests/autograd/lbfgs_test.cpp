// L-BFGS on functions whose minima are known.

#include "autograd/optimize/lbfgs.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/device/error.h"

namespace understudy {
namespace {

double rosenbrock(const std::vector<double>& x, std::vector<double>& g) {
  double f = 0.0;
  std::fill(g.begin(), g.end(), 0.0);
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double a = x[i + 1] - x[i] * x[i], b = 1.0 - x[i];
    f += 100.0 * a * a + b * b;
    g[i] += -400.0 * a * x[i] - 2.0 * b;
    g[i + 1] += 200.0 * a;
  }
  return f;
}

TEST(Lbfgs, FindsRosenbrocksMinimum) {
  for (int n : {2, 10, 101}) {
    std::vector<double> start(n);
    for (int i = 0; i < n; ++i) start[i] = i % 2 == 0 ? -1.2 : 1.0;
    const LbfgsResult result =
        minimize(rosenbrock, start, {.iterations = 2000, .gradient_tolerance = 1e-9});
    EXPECT_EQ(result.status, LbfgsStatus::converged_gradient) << name(result.status);
    // The gradient bound over the smallest curvature (about 0.4 here) bounds the distance. For n >=
    // 4 a second, local minimum exists near x[0] = -1; from this start the global one is found.
    for (double x : result.point) EXPECT_NEAR(x, 1.0, 1e-7);
  }
}

TEST(Lbfgs, SolvesAQuadraticExactly) {
  const std::vector<double> center = {3.0, -2.0, 0.5, 7.0}, curvature = {1.0, 100.0, 1e-2, 5.0};
  const LbfgsResult result = minimize(
      [&](const std::vector<double>& x, std::vector<double>& g) {
        double f = 0.0;
        for (int i = 0; i < 4; ++i) {
          const double d = x[i] - center[i];
          f += 0.5 * curvature[i] * d * d;
          g[i] = curvature[i] * d;
        }
        return f;
      },
      std::vector<double>(4), {.gradient_tolerance = 1e-10});
  EXPECT_EQ(result.status, LbfgsStatus::converged_gradient);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(result.point[i], center[i], 1e-8);
}

// x - log x has no value at or below 0; a first step of length 10 from 0.1 upwards and a
// Newton-like step back would both leave the domain.
// Pairs of which y is large, as of features in large units, were all thrown away: what was left was
// steepest descent.
TEST(Lbfgs, KeepsItsPairsInAnyUnitOfX) {
  const std::vector<double> center = {3.0, -2.0, 0.5, 7.0}, curvature = {1.0, 100.0, 1e-2, 5.0};
  for (const double unit : {1e-8, 1.0, 1e8}) {
    const LbfgsResult result = minimize(
        [&](const std::vector<double>& x, std::vector<double>& g) {
          double f = 0.0;
          for (std::size_t i = 0; i < 4; ++i) {
            const double d = unit * x[i] - center[i];
            f += 0.5 * curvature[i] * d * d;
            g[i] = unit * curvature[i] * d;
          }
          return f;
        },
        std::vector<double>(4, 0.0), {.iterations = 60, .gradient_tolerance = 1e-8 * unit});
    EXPECT_EQ(result.status, LbfgsStatus::converged_gradient) << unit << name(result.status);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(unit * result.point[i], center[i], 1e-5);
  }
}

TEST(Lbfgs, ShortensStepsThatLeaveTheDomain) {
  int outside = 0;
  auto objective = [&](const std::vector<double>& x, std::vector<double>& g) {
    if (x[0] <= 0.0) {
      ++outside;
      return std::nan("");
    }
    g[0] = 1.0 - 1.0 / x[0];
    return x[0] - std::log(x[0]);
  };
  const LbfgsResult result =
      minimize(objective, {20.0}, {.gradient_tolerance = 1e-10, .first_step = 50});
  EXPECT_EQ(result.status, LbfgsStatus::converged_gradient);
  EXPECT_NEAR(result.point[0], 1.0, 1e-9);
  const LbfgsResult far = minimize(
      [&](const std::vector<double>& x, std::vector<double>& g) {
        if (x[0] <= 0.0) {
          ++outside;
          return std::nan("");
        }
        g[0] = 1e3 * (1.0 - 1.0 / x[0]);
        return 1e3 * (x[0] - std::log(x[0]));
      },
      {20.0}, {.gradient_tolerance = 1e-7, .first_step = 50});
  EXPECT_NEAR(far.point[0], 1.0, 1e-9);
  EXPECT_GT(outside, 0);
}

// The minimum of (x - c)^2 / 2 + l1 |x| is soft thresholding of c.
TEST(Lbfgs, L1ThresholdsExactly) {
  const std::vector<double> c = {3.0, -2.0, 0.5, -0.25, 0.0};
  const LbfgsResult result = minimize(
      [&](const std::vector<double>& x, std::vector<double>& g) {
        double f = 0.0;
        for (std::size_t i = 0; i < c.size(); ++i) {
          f += 0.5 * (x[i] - c[i]) * (x[i] - c[i]);
          g[i] = x[i] - c[i];
        }
        return f;
      },
      std::vector<double>(c.size(), 0.1), {.gradient_tolerance = 1e-9, .l1 = 1.0});
  EXPECT_EQ(result.status, LbfgsStatus::converged_gradient);
  const std::vector<double> expected = {2.0, -1.0, 0.0, 0.0, 0.0};
  for (std::size_t i = 0; i < c.size(); ++i) EXPECT_NEAR(result.point[i], expected[i], 1e-8);
  for (std::size_t i = 2; i < c.size(); ++i) EXPECT_EQ(result.point[i], 0.0);
}

TEST(Lbfgs, RefusesBadInput) {
  auto infinite = [](const std::vector<double>&, std::vector<double>&) { return INFINITY; };
  EXPECT_THROW(Lbfgs(infinite, {1.0}), Error);
  EXPECT_THROW(Lbfgs(rosenbrock, {1.0, 1.0}, {.memory = 0}), Error);
  EXPECT_THROW(Lbfgs(rosenbrock, {1.0, 1.0}, {.l1 = -1.0}), Error);
}

}  // namespace
}  // namespace understudy
