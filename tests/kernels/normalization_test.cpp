// Layer normalization and its gradient: every implementation against the reference, and the
// reference's gradient against central differences.

#include "kernels/normalization/normalization.h"

#include <algorithm>

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::close;
using kernel_test::Random;
using kernel_test::same_bits;
using Index = std::int64_t;

double largest(const std::vector<double>& values) {
  double most = 0;
  for (double value : values) most = std::max(most, std::abs(value));
  return most;
}

template <class T>
constexpr double unit = std::numeric_limits<T>::epsilon() / 2;

struct Shape {
  Index rows, n;
};
constexpr Shape shapes[] = {{0, 3},  {1, 1},   {5, 2},   {4, 3},  {3, 7},  {9, 8},
                            {2, 15}, {3, 16},  {5, 17},  {4, 31}, {3, 32}, {6, 33},
                            {2, 64}, {3, 100}, {2, 127}, {1, 257}};

KERNEL_TEST(NormalizationKernels, layer_norm_agrees_with_the_reference) {
  Random random(1);
  // The second offset would cost a one-pass variance all its digits in f32.
  for (double offset : {0.0, 300.0})
    for (Shape shape : shapes) {
      on.misalignment = int(random.integer(0, 3));
      const Index size = shape.rows * shape.n;
      auto values = random.normals(size);
      for (double& value : values) value += offset;
      const auto x = on.rounded(values);
      const auto gain = on.rounded(random.normals(shape.n)),
                 bias = on.rounded(random.normals(shape.n));
      const double epsilon = double(T(1e-3));
      std::vector<double> y(std::size_t(size), 0.0), z = y, s(std::size_t(shape.rows));
      reference.layer_norm(on.host_stream(), shape.rows, shape.n, epsilon, x.data(), gain.data(),
                           bias.data(), y.data(), z.data(), s.data());

      // x - m is known to a few roundings of x; s magnifies that, in z once and in s (which moves
      // by s^2 times the error of the deviation) again.
      const double error = 8 * unit<T> * largest(x) * largest(s);
      const double for_z = error * (1 + largest(z)),
                   for_s = error * largest(s) + 8 * unit<T> * largest(s);
      const double for_y = for_z * largest(gain) + 4 * unit<T> * (largest(y) + largest(bias));
      Array<T> input = on.array(x), g = on.array(gain), b = on.array(bias);
      Array<T> out = on.poisoned(size), normalized = on.poisoned(size),
               scale = on.poisoned(shape.rows);
      kernels.layer_norm(on.stream(), shape.rows, shape.n, T(epsilon), input, g, b, out, normalized,
                         scale);
      EXPECT_TRUE(close(out, y, 0, for_y)) << shape.rows << " x " << shape.n;
      EXPECT_TRUE(close(normalized, z, 0, for_z)) << shape.rows << " x " << shape.n;
      EXPECT_TRUE(close(scale, s, 0, for_s)) << shape.rows << " x " << shape.n;

      // In place, and without what only the gradient needs: the same bits.
      kernels.layer_norm(on.stream(), shape.rows, shape.n, T(epsilon), input, g, b, input, nullptr,
                         nullptr);
      EXPECT_TRUE(same_bits(input.host(), out.host())) << shape.rows << " x " << shape.n;
    }
}

KERNEL_TEST(NormalizationKernels, gradient_agrees_with_the_reference) {
  Random random(2);
  for (Shape shape : shapes) {
    on.misalignment = int(random.integer(0, 3));
    const Index size = shape.rows * shape.n;
    const auto z = on.rounded(random.normals(size)), h = on.rounded(random.normals(size));
    const auto s = on.rounded(random.uniforms(shape.rows, 0.5, 2));
    std::vector<double> expected(std::size_t(size), 0.0);
    reference.normalize_gradient(on.host_stream(), shape.rows, shape.n, z.data(), s.data(),
                                 h.data(), expected.data());
    // Three terms of this size, each with a few roundings; a sum of n terms in at least four
    // chains.
    const double absolute =
        (16 + double(shape.n) / 4) * unit<T> * 2 * largest(h) * (1 + largest(z) * largest(z));
    Array<T> za = on.array(z), ha = on.array(h), sa = on.array(s), dx = on.poisoned(size);
    kernels.normalize_gradient(on.stream(), shape.rows, shape.n, za, sa, ha, dx);
    EXPECT_TRUE(close(dx, expected, 0, absolute)) << shape.rows << " x " << shape.n;
    kernels.normalize_gradient(on.stream(), shape.rows, shape.n, za, sa, ha, ha);  // in place
    EXPECT_TRUE(same_bits(ha.host(), dx.host())) << shape.rows << " x " << shape.n;
  }
}

KERNEL_TEST(NormalizationKernels, a_row_that_is_not_finite_leaves_the_others_alone) {
  const Index n = 20;
  std::vector<double> x = Random(3).normals(3 * n);
  x[n + 4] = std::numeric_limits<double>::infinity();
  Array<T> input = on.array(x), gain = on.array(std::vector<double>(n, 1.0));
  Array<T> bias = on.array(std::vector<double>(n, 0.0)), y = on.poisoned(3 * n);
  kernels.layer_norm(on.stream(), 3, n, T(1e-5), input, gain, bias, y, nullptr, nullptr);
  const std::vector<T> found = y.host();
  for (Index j = 0; j < n; ++j) {
    EXPECT_TRUE(std::isfinite(found[j]));
    EXPECT_TRUE(std::isnan(found[n + j]));
    EXPECT_TRUE(std::isfinite(found[2 * n + j]));
  }
}

// d/dx sum_j h_j z_j by central differences: error about step^2 times the third derivative, plus
// rounding over the step, both below 1e-8 here.
TEST(NormalizationReference, gradient_agrees_with_central_differences) {
  const NormalizationKernels<double> kernels = reference_kernels<NormalizationKernels>();
  Stream stream;
  Random random(4);
  const Index n = 7;
  auto x = random.normals(n);
  const auto h = random.normals(n);
  const std::vector<double> ones(n, 1.0), zeros(n, 0.0);
  std::vector<double> y(n), z(n), dx(n);
  double s;
  const auto loss = [&] {
    kernels.layer_norm(stream, 1, n, 0.01, x.data(), ones.data(), zeros.data(), y.data(), z.data(),
                       &s);
    double sum = 0;
    for (Index j = 0; j < n; ++j) sum += h[j] * z[j];
    return sum;
  };
  loss();
  kernels.normalize_gradient(stream, 1, n, z.data(), &s, h.data(), dx.data());
  const double step = 1e-5;
  for (Index j = 0; j < n; ++j) {
    const double middle = x[j];
    x[j] = middle + step;
    const double above = loss();
    x[j] = middle - step;
    const double below = loss();
    x[j] = middle;
    EXPECT_NEAR(dx[j], (above - below) / (2 * step), 1e-8);
  }
}

KERNEL_TEST(NormalizationKernels, a_team_gives_the_same_bits) {
  if (on.is_cuda) return;
  Random random(5);
  const Index rows = 700, n = 65;
  Array<T> x = on.array(random.normals(rows * n)), h = on.array(random.normals(rows * n));
  Array<T> gain = on.array(random.normals(n)), bias = on.array(random.normals(n));
  std::vector<std::vector<T>> results[2];
  for (int team = 0; team < 2; ++team) {
    Stream& stream = team ? on.team_stream() : on.stream();
    Array<T> y = on.poisoned(rows * n), z = on.poisoned(rows * n), s = on.poisoned(rows);
    Array<T> dx = on.poisoned(rows * n);
    kernels.layer_norm(stream, rows, n, T(1e-5), x, gain, bias, y, z, s);
    kernels.normalize_gradient(stream, rows, n, z, s, h, dx);
    results[team] = {y.host(), z.host(), s.host(), dx.host()};
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(same_bits(results[1][i], results[0][i]));
}

}  // namespace
}  // namespace understudy
