// Recurrences along time: every implementation against the reference in every layout; the reference
// against sums written out, and against its own adjoint.

#include "kernels/scan/scan.h"

#include <algorithm>

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::close;
using kernel_test::Random;
using kernel_test::same_bits;
using Index = std::int64_t;

template <class T>
constexpr double unit = std::numeric_limits<T>::epsilon() / 2;

ScanShape row_major(Index rows, Index steps) { return {rows, steps, steps, 1}; }
ScanShape step_major(Index rows, Index steps) { return {rows, steps, 1, rows}; }
// Rows three apart within a step, with elements between that belong to nobody.
ScanShape spread(Index rows, Index steps) { return {rows, steps, 3, 3 * rows + 1}; }

Index extent(const ScanShape& shape) {
  if (shape.rows == 0 || shape.steps == 0) return 0;
  return (shape.rows - 1) * shape.row_stride + (shape.steps - 1) * shape.step_stride + 1;
}

std::vector<ScanShape> shapes() {
  std::vector<ScanShape> all;
  for (Index rows : {0, 1, 2, 7, 8, 9, 17, 33})
    for (Index steps : {0, 1, 2, 31, 32, 33, 70})
      for (const ScanShape& shape :
           {row_major(rows, steps), step_major(rows, steps), spread(rows, steps)})
        all.push_back(shape);
  // Enough rows for the strips of the CPU and for a thread a row on CUDA.
  all.push_back(step_major(1030, 3));
  return all;
}

// Coefficients as a discount with episode ends makes them.
std::vector<double> coefficients(Random& random, Index n) {
  auto c = random.uniforms(n, 0.5, 1);
  for (double& one : c)
    if (random.integer(0, 9) == 0) one = 0;
  return c;
}

// 0 or 1
std::vector<double> flags(Random& random, Index n) {
  std::vector<double> f(static_cast<std::size_t>(n));
  for (double& one : f) one = random.integer(0, 9) == 0;
  return f;
}

// The error a term gathers on its way, one rounding a step, times the largest sum of absolute
// terms.
template <class T>
double tolerance(const ScanShape& shape, const std::vector<double>& absolute_scan) {
  double most = 0;
  for (double one : absolute_scan)
    if (std::isfinite(one)) most = std::max(most, one);
  return double(shape.steps + 8) * unit<T> * most;
}

KERNEL_TEST(ScanKernels, scans_agree_with_the_reference) {
  Random random(1);
  for (const ScanShape& shape : shapes()) {
    on.misalignment = int(random.integer(0, 3));
    const Index n = extent(shape);
    const auto x = on.rounded(random.normals(n)), c = on.rounded(coefficients(random, n));
    auto magnitudes = x;
    for (double& one : magnitudes) one = std::abs(one);
    for (bool backward : {true, false}) {
      const auto run = backward ? reference.backward_scan : reference.forward_scan;
      const auto kernel = backward ? kernels.backward_scan : kernels.forward_scan;
      // NaN where nothing may be written.
      std::vector<double> expected(std::size_t(n), std::nan("")), scale = expected;
      run(on.host_stream(), shape, x.data(), c.data(), expected.data());
      run(on.host_stream(), shape, magnitudes.data(), c.data(), scale.data());
      Array<T> xa = on.array(x), ca = on.array(c), y = on.poisoned(n);
      kernel(on.stream(), shape, xa, ca, y);
      EXPECT_TRUE(close(y, expected, 0, tolerance<T>(shape, scale)))
          << (backward ? "backward " : "forward ") << shape.rows << " rows, " << shape.steps
          << " steps, row stride " << shape.row_stride;
      // In place: the same, but what belongs to nobody keeps its value.
      kernel(on.stream(), shape, xa, ca, xa);
      const std::vector<T> found = xa.host(), apart = y.host();
      for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_EQ(found[i], std::isnan(apart[i]) ? T(x[i]) : apart[i]);
    }
  }
}

KERNEL_TEST(ScanKernels, advantages_agree_with_the_reference) {
  Random random(2);
  for (const ScanShape& shape : shapes()) {
    on.misalignment = int(random.integer(0, 3));
    const Index n = extent(shape);
    const auto reward = on.rounded(random.normals(n)), value = on.rounded(random.normals(n));
    const auto next = on.rounded(random.normals(n));
    const auto terminated = flags(random, n);
    auto ended = flags(random, n);
    for (std::size_t i = 0; i < ended.size(); ++i) ended[i] = std::max(ended[i], terminated[i]);
    const double discount = double(T(0.99)), lambda = double(T(0.95));
    std::vector<double> expected(std::size_t(n), std::nan(""));
    reference.advantages(on.host_stream(), shape, discount, lambda, reward.data(), value.data(),
                         next.data(), terminated.data(), ended.data(), expected.data());
    // As in `tolerance`: the scan of what the temporal differences are at most.
    std::vector<double> sizes = reward, weights = reward, scale = reward;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      sizes[i] = std::abs(reward[i]) + discount * std::abs(next[i]) + std::abs(value[i]);
      weights[i] = ended[i] == 1 ? 0 : discount * lambda;
    }
    reference.backward_scan(on.host_stream(), shape, sizes.data(), weights.data(), scale.data());
    const double absolute = tolerance<T>(shape, scale);
    Array<T> r = on.array(reward), v = on.array(value), w = on.array(next),
             t = on.array(terminated);
    Array<T> e = on.array(ended), a = on.poisoned(n);
    kernels.advantages(on.stream(), shape, T(discount), T(lambda), r, v, w, t, e, a);
    EXPECT_TRUE(close(a, expected, 0, absolute))
        << shape.rows << " rows, " << shape.steps << " steps, row stride " << shape.row_stride;
  }
}

// Equation 16 as the sum it abbreviates: each temporal difference until the episode's end, with the
// weight (discount lambda)^k.
TEST(ScanReference, advantages_are_the_weighted_sum_of_temporal_differences) {
  const ScanKernels<double> kernels = reference_kernels<ScanKernels>();
  Stream stream;
  Random random(3);
  const Index steps = 40;
  const double discount = 0.97, lambda = 0.9;
  const auto r = random.normals(steps), v = random.normals(steps), w = random.normals(steps);
  const auto terminated = flags(random, steps);
  auto ended = flags(random, steps);
  for (Index t = 0; t < steps; ++t) ended[t] = std::max(ended[t], terminated[t]);
  std::vector<double> a(steps);
  kernels.advantages(stream, row_major(1, steps), discount, lambda, r.data(), v.data(), w.data(),
                     terminated.data(), ended.data(), a.data());
  for (Index t = 0; t < steps; ++t) {
    double sum = 0;
    for (Index k = t; k < steps; ++k) {
      const double bootstrap = terminated[k] == 1 ? 0 : discount * w[k];
      sum += std::pow(discount * lambda, double(k - t)) * (r[k] + bootstrap - v[k]);
      if (ended[k] == 1) break;
    }
    EXPECT_NEAR(a[t], sum, 1e-12);
  }
}

// <u, backward v> = <forward u, v>
KERNEL_TEST(ScanKernels, forward_scan_is_the_adjoint_of_backward_scan) {
  Random random(4);
  const ScanShape shape = row_major(9, 45);
  const Index n = extent(shape);
  const auto u = on.rounded(random.normals(n)), v = on.rounded(random.normals(n));
  Array<T> ua = on.array(u), va = on.array(v), c = on.array(coefficients(random, n));
  kernels.forward_scan(on.stream(), shape, ua, c, ua);
  kernels.backward_scan(on.stream(), shape, va, c, va);
  const std::vector<T> forward = ua.host(), backward = va.host();
  double left = 0, right = 0, size = 0;
  for (Index i = 0; i < n; ++i) {
    left += u[i] * double(backward[i]);
    right += double(forward[i]) * v[i];
    size += std::abs(u[i] * double(backward[i]));
  }
  EXPECT_NEAR(left, right, 64 * unit<T> * size);  // each product with its scan's few roundings
}

KERNEL_TEST(ScanKernels, a_team_gives_the_same_bits) {
  if (on.is_cuda) return;
  Random random(5);
  for (const ScanShape& shape : {row_major(3000, 19), step_major(3001, 19), spread(1009, 40)}) {
    const Index n = extent(shape);
    Array<T> x = on.array(random.normals(n)), c = on.array(coefficients(random, n));
    Array<T> end = on.array(flags(random, n));
    std::vector<std::vector<T>> results[2];
    for (int team = 0; team < 2; ++team) {
      Stream& stream = team ? on.team_stream() : on.stream();
      Array<T> y = on.poisoned(n), z = on.poisoned(n), a = on.poisoned(n);
      kernels.backward_scan(stream, shape, x, c, y);
      kernels.forward_scan(stream, shape, x, c, z);
      kernels.advantages(stream, shape, T(0.9), T(0.8), x, c, x, end, end, a);
      results[team] = {y.host(), z.host(), a.host()};
    }
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(results[1][i], results[0][i]));
  }
}

}  // namespace
}  // namespace understudy
