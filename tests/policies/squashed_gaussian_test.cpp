// The squashed Gaussian against quadrature, finite differences and the Gaussian that it squashes.

#include "algorithms/policies/squashed_gaussian.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <vector>

#include "kernels/device/error.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

const ActionSpace one = {ActionKind::continuous, 1, {-2}, {3}};
const ActionSpace two = {ActionKind::continuous, 2, {-2, 0}, {3, 10}};

double gaussian_density(double u, double mean, double std) {
  const double z = (u - mean) / std;
  return std::exp(-0.5 * z * z) / std / std::sqrt(2 * M_PI);
}

// At the ends of equal cells of u, whose images under a = c + h tanh u are cells of a. By the
// midpoint rule in u, with da = h (1 - tanh^2 u) du: what a wrong slope would not bring to 1.
TEST(SquashedGaussian, log_probability_integrates_to_1_over_its_bounds) {
  const std::unique_ptr<Device> device = cpu_device();
  for (const auto& [mean, std] : {std::pair{0.3, 0.7}, {-2.0, 0.2}, {1.5, 1.1}}) {
    const std::int64_t n = 4000;
    const double from = mean - 9 * std, du = 18 * std / static_cast<double>(n);
    Vector actions, slopes, expected;
    for (std::int64_t i = 0; i < n; ++i) {
      const double u = from + (static_cast<double>(i) + 0.5) * du;
      if (std::abs(u) > 6.5) continue;  // nearer to a bound than it tells apart
      actions.push_back(0.5 + 2.5 * std::tanh(u));
      slopes.push_back(2.5 / std::cosh(u) / std::cosh(u));
      expected.push_back(gaussian_density(u, mean, std) / slopes.back());
    }
    Program program(*device, Real::f64);
    const auto count = static_cast<std::int64_t>(actions.size());
    const Tensor action = program.input("a", {rows(count), 1});
    const Tensor m = program.full({rows(count), 1}, mean);
    const Tensor s = program.full({rows(count), 1}, std::log(std));
    program.output("log", SquashedGaussian(m, s, one).log_probability(action));
    program.write("a", actions);
    program.run();
    double total = 0;
    const Vector found = program.read("log");
    for (std::size_t i = 0; i < found.size(); ++i) {
      total += std::exp(found[i]) * slopes[i] * du;
      // atanh near the bound loses digits: 1 - y of 1e-5 leaves 1e-11.
      EXPECT_NEAR(found[i], std::log(expected[i]), 1e-7);
    }
    // What lies beyond 6.5 is less than 1e-5 of the widest.
    EXPECT_NEAR(total, 1, 1e-5);
  }
}

struct Recorded {
  explicit Recorded(std::int64_t n, const Vector& mean, const Vector& log_std)
      : program(*device, Real::f64) {
    counter = &store.create("counter", {1}, Element::counter);
    at_mean = program.input("mean", {rows(n), 2});
    at_log_std = program.input("log_std", {rows(n), 2});
    Vector means, log_stds;
    for (std::int64_t i = 0; i < n; ++i) {
      means.insert(means.end(), mean.begin(), mean.end());
      log_stds.insert(log_stds.end(), log_std.begin(), log_std.end());
    }
    program.write("mean", means);
    program.write("log_std", log_stds);
  }
  std::unique_ptr<Device> device = cpu_device();
  Store store{*device, Real::f64};
  Array* counter;
  Program program;
  Tensor at_mean, at_log_std;
};

TEST(SquashedGaussian, draws_say_their_own_log_probability_and_stay_within_bounds) {
  Recorded r(2000, {0.4, -1.2}, {-0.5, 0.3});
  const SquashedGaussian distribution(r.at_mean, r.at_log_std, two);
  const SquashedGaussian::Drawn drawn = distribution.draw({r.counter, 3, 4});
  r.program.output("action", drawn.action);
  r.program.output("own", drawn.log_probability);
  r.program.output("again", distribution.log_probability(drawn.action));
  r.program.output("units", distribution.in_units(drawn.action) - drawn.unit);
  r.program.output("mode", distribution.mode());
  r.program.run();
  const Vector a = r.program.read("action"), own = r.program.read("own");
  const Vector again = r.program.read("again"), units = r.program.read("units");
  std::size_t below = 0;
  for (std::size_t i = 0; i < own.size(); ++i) {
    EXPECT_NEAR(own[i], again[i], 1e-6 * (1 + std::abs(own[i])));
    EXPECT_NEAR(units[2 * i], 0, 1e-14);
    EXPECT_TRUE(a[2 * i] > -2 && a[2 * i] < 3 && a[2 * i + 1] > 0 && a[2 * i + 1] < 10);
    below += a[2 * i] < r.program.read("mode")[0];
  }
  // The mode is each dimension's median: a standard deviation of these is 22.
  EXPECT_NEAR(static_cast<double>(below), 1000, 90);
}

// With the same noise in both, which is what the gradient holds still.
TEST(SquashedGaussian, gradients_through_draws_are_finite_differences) {
  Recorded r(3, {0.4, -1.2}, {-0.5, 0.3});
  const auto drawn = SquashedGaussian(r.at_mean, r.at_log_std, two).draw({r.counter, 3, 4});
  const Tensor value = sum(square(drawn.action)) + 3.0 * sum(drawn.log_probability);
  r.program.output("value", value);
  const std::vector<Tensor> g = r.program.gradients(value, {r.at_mean, r.at_log_std});
  r.program.output("d_mean", g[0]);
  r.program.output("d_log_std", g[1]);
  const auto value_at = [&](const char* input, const Vector& at) {
    r.counter->fill(0);
    r.program.write(input, at);
    r.program.run();
    return r.program.value("value");
  };
  for (const auto& [input, output, begin] :
       {std::tuple{"mean", "d_mean", Vector{0.4, -1.2}}, {"log_std", "d_log_std", {-0.5, 0.3}}}) {
    Vector at;
    for (int row = 0; row < 3; ++row) at.insert(at.end(), begin.begin(), begin.end());
    value_at(input, at);
    const Vector gradient = r.program.read(output);
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double middle = at[i], h = 1e-6;
      at[i] = middle + h;
      const double above = value_at(input, at);
      at[i] = middle - h;
      const double below = value_at(input, at);
      at[i] = middle;
      value_at(input, at);
      EXPECT_NEAR(gradient[i], (above - below) / (2 * h), 1e-6 * (1 + std::abs(gradient[i])));
    }
  }
}

TEST(SquashedGaussian, is_refused_without_bounds) {
  Parameters parameters("model");
  const HeadSite site{
      .parameters = parameters, .name = "head", .inputs = 3, .action = {ActionKind::continuous, 2}};
  EXPECT_THROW(SquashedGaussianHead(site, {}), Error);
}

}  // namespace
}  // namespace understudy
