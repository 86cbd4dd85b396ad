// Softmax and its relatives on every implementation against the reference.

#include "kernels/softmax/softmax.h"

#include "tests/kernels/kernel_test.h"

namespace understudy::kernel_test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Rows of usual numbers, with what must not overflow, with -infinity, and with nothing else.
std::vector<double> rows_of(Random& random, std::int64_t rows, std::int64_t n) {
  std::vector<double> x;
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t j = 0; j < n; ++j) {
      double value = 3 * random.normal();
      if (r % 5 == 1) value *= 100;
      if (r % 5 == 2 && random.integer(0, 2) == 0) value = -infinity;
      if (r % 5 == 3) value += 1e4;
      if (r % 5 == 4) value = -infinity;
      x.push_back(value);
    }
  return x;
}

// Roundings of a sum of n terms, in units of the sum of their sizes: they go up as often as down,
// so as the root of the chain that a sum is; and 8 of what happens to each term and to the sum,
// ulps of exp and log among it.
double of_sum(std::int64_t n) { return 8 + std::sqrt(static_cast<double>(n)); }

// Bounds for what a row of n is, from the reference's answer:
//
//   exp(x - m) / sum        the difference's rounding is an error of |x - m| <= |log y| roundings
//   (x - m) - log(sum)      the difference's, the result's, and log(sum)'s, which has the relative
//                           error of the sum, in whose terms those of the differences weigh as
//                           their probabilities: by at most log n
//   m + log(sum)            likewise
template <class T>
std::vector<double> softmax_bounds(const std::vector<double>& y, std::int64_t n) {
  std::vector<double> bounds;
  for (double p : y)
    bounds.push_back(std::numeric_limits<T>::min() +  // below it digits are lost
                     (p > 0 ? rounding<T> * p * (of_sum(n) - std::log(p)) : 0));
  return bounds;
}
template <class T>
std::vector<double> log_bounds(const std::vector<double>& y, std::int64_t n) {
  std::vector<double> bounds;
  for (double v : y)
    bounds.push_back(rounding<T> *
                     (2 * std::abs(v) + of_sum(n) + 2 * std::log(static_cast<double>(n))));
  return bounds;
}

KERNEL_TEST(SoftmaxKernels, agrees_with_the_reference) {
  Random random(11);
  for (std::int64_t n : awkward_sizes(2049)) {
    if (n == 0) continue;
    const std::int64_t rows = n > 300 ? 5 : 10;
    SCOPED_TRACE(n);
    on.misalignment = static_cast<int>(random.integer(0, 1));
    const std::vector<double> input = on.rounded(rows_of(random, rows, n));
    auto x = on.array(input);
    std::vector<double> expected(input.size()), sums(static_cast<std::size_t>(rows));
    auto y = on.poisoned(rows * n), s = on.poisoned(rows);

    reference.softmax(on.host_stream(), rows, n, input.data(), expected.data());
    kernels.softmax(on.stream(), rows, n, x, y);
    ASSERT_TRUE(close(y, expected, softmax_bounds<T>(expected, n)));
    reference.log_softmax(on.host_stream(), rows, n, input.data(), expected.data());
    kernels.log_softmax(on.stream(), rows, n, x, y);
    ASSERT_TRUE(close(y, expected, log_bounds<T>(expected, n)));
    reference.log_sum_exp(on.host_stream(), rows, n, input.data(), sums.data());
    kernels.log_sum_exp(on.stream(), rows, n, x, s);
    ASSERT_TRUE(close(s, sums, log_bounds<T>(sums, n)));
  }
}

KERNEL_TEST(SoftmaxKernels, gradients_agree_with_the_reference) {
  Random random(12);
  for (std::int64_t n : awkward_sizes(2049)) {
    if (n == 0) continue;
    const std::int64_t rows = 4;
    SCOPED_TRACE(n);
    const std::vector<double> x = random.normals(rows * n);
    std::vector<double> y(x.size()), expected(x.size());
    const std::vector<double> g = on.rounded(random.normals(rows * n));
    auto gradient = on.array(g);
    for (bool log_form : {false, true}) {
      (log_form ? reference.log_softmax : reference.softmax)(on.host_stream(), rows, n, x.data(),
                                                             y.data());
      y = on.rounded(y);
      (log_form ? reference.log_softmax_gradient : reference.softmax_gradient)(
          on.host_stream(), rows, n, y.data(), g.data(), expected.data());
      auto output = on.array(y), dx = on.poisoned(rows * n);
      (log_form ? kernels.log_softmax_gradient : kernels.softmax_gradient)(on.stream(), rows, n,
                                                                           output, gradient, dx);
      // a sum of n terms whose sizes sum to `sizes`, times y or exp(y), whose own error is |y|
      // roundings at most; the difference and the product.
      std::vector<double> bounds;
      for (std::int64_t r = 0; r < rows; ++r) {
        double sizes = 0;
        for (std::int64_t j = r * n; j < (r + 1) * n; ++j)
          sizes += std::abs(log_form ? g[j] : y[j] * g[j]);
        for (std::int64_t j = r * n; j < (r + 1) * n; ++j)
          bounds.push_back(
              rounding<T> *
              ((log_form ? std::exp(y[j]) * (of_sum(n) + std::abs(y[j])) : y[j] * of_sum(n)) *
                   sizes +
               2 * std::abs(log_form ? g[j] : y[j] * g[j]) + 2 * std::abs(expected[j])));
      }
      ASSERT_TRUE(close(dx, expected, bounds));
    }
  }
}

KERNEL_TEST(SoftmaxKernels, may_write_over_its_operands) {
  Random random(13);
  for (std::int64_t n : {5, 33, 1500}) {
    const std::int64_t rows = 3;
    const std::vector<double> input = on.rounded(random.normals(rows * n));
    auto apart = on.array(input), over = on.array(input), y = on.poisoned(rows * n);
    kernels.softmax(on.stream(), rows, n, apart, y);
    kernels.softmax(on.stream(), rows, n, over, over);
    EXPECT_TRUE(same_bits(over.host(), y.host()));
    auto g = on.array(input), dx = on.poisoned(rows * n);
    kernels.softmax_gradient(on.stream(), rows, n, y, g, dx);
    kernels.softmax_gradient(on.stream(), rows, n, y, g, g);
    EXPECT_TRUE(same_bits(g.host(), dx.host()));
  }
}

KERNEL_TEST(SoftmaxKernels, gives_the_same_bits_to_a_team) {
  Random random(14);
  auto x = on.array(on.rounded(random.normals(2000 * 33)));
  auto alone = on.poisoned(2000 * 33), team = on.poisoned(2000 * 33);
  kernels.log_softmax(on.stream(), 2000, 33, x, alone);
  kernels.log_softmax(on.team_stream(), 2000, 33, x, team);
  EXPECT_TRUE(same_bits(team.host(), alone.host()));
}

}  // namespace
}  // namespace understudy::kernel_test
