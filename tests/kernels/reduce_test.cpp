// Reductions on every implementation against the reference.

#include "kernels/reduce/reduce.h"

#include "tests/kernels/kernel_test.h"

namespace understudy::kernel_test {
namespace {

constexpr Reduction all_reductions[] = {Reduction::sum, Reduction::maximum, Reduction::minimum,
                                        Reduction::sum_of_squares, Reduction::maximum_absolute};

struct Size {
  std::int64_t outer, n, inner;
};

std::vector<Size> sizes() {
  std::vector<Size> all;
  for (std::int64_t n : awkward_sizes(2049)) {
    all.push_back({3, n, 1});
    if (n <= 129) all.push_back({2, 5, n});
    if (n <= 600) all.push_back({1, n, 19});
  }
  all.push_back({0, 4, 4});
  all.push_back({1, 300, 100});
  all.push_back({70, 6, 1});
  all.push_back({1, 70000, 1});  // more than one part of a long row
  return all;
}

KERNEL_TEST(ReduceKernels, agrees_with_the_reference) {
  Random random(7);
  for (const Size& s : sizes()) {
    on.misalignment = static_cast<int>(random.integer(0, 1));
    const std::vector<double> input = on.rounded(random.normals(s.outer * s.n * s.inner));
    const std::vector<double> before = on.rounded(random.normals(s.outer * s.inner));
    for (Reduction how : all_reductions)
      for (bool accumulate : {false, true}) {
        SCOPED_TRACE(testing::Message() << "[" << s.outer << ", " << s.n << ", " << s.inner
                                        << "] operation " << static_cast<int>(how));
        std::vector<double> expected = before;
        reference.reduce(on.host_stream(), how, s.outer, s.n, s.inner, input.data(),
                         expected.data(), accumulate);
        auto x = on.array(input);
        auto y = accumulate ? on.array(before) : on.poisoned(s.outer * s.inner);
        kernels.reduce(on.stream(), how, s.outer, s.n, s.inner, x, y, accumulate);
        if (how != Reduction::sum && how != Reduction::sum_of_squares) {
          ASSERT_TRUE(close(y, expected, 0));  // one of the elements
          continue;
        }
        // Roundings of the sum of sizes. Along a row sums are pairwise, log2 n of them and a few of
        // what a lane adds in a row; down a column they are a chain of n, up as often as down.
        const double roundings = 8 + (s.inner == 1 ? 0 : std::sqrt(static_cast<double>(s.n)));
        std::vector<double> sizes = before, absolute = input;
        for (double& one : sizes) one = std::abs(one);
        for (double& one : absolute) one = std::abs(one);
        reference.reduce(on.host_stream(), how, s.outer, s.n, s.inner, absolute.data(),
                         sizes.data(), accumulate);
        for (double& one : sizes) one *= roundings * rounding<T>;
        ASSERT_TRUE(close(y, expected, sizes));
      }
  }
}

KERNEL_TEST(ReduceKernels, gives_the_same_bits_to_a_team) {
  Random random(8);
  for (const Size& s : {Size{1, 200000, 1}, Size{1, 16, 12000}, Size{900, 100, 1}}) {
    auto x = on.array(on.rounded(random.normals(s.outer * s.n * s.inner)));
    auto alone = on.poisoned(s.outer * s.inner), team = on.poisoned(s.outer * s.inner);
    kernels.reduce(on.stream(), Reduction::sum, s.outer, s.n, s.inner, x, alone, false);
    kernels.reduce(on.team_stream(), Reduction::sum, s.outer, s.n, s.inner, x, team, false);
    EXPECT_TRUE(same_bits(team.host(), alone.host()));
  }
}

KERNEL_TEST(ReduceKernels, lets_nan_through) {
  for (Reduction how : all_reductions)
    for (std::int64_t n : {1, 3, 40, 300})
      for (std::int64_t inner : {1, 3}) {
        std::vector<double> input(static_cast<std::size_t>(n * inner), 1.0);
        input[(n / 2) * inner] = std::nan("");
        auto x = on.array(input);
        auto y = on.poisoned(inner);
        kernels.reduce(on.stream(), how, 1, n, inner, x, y, false);
        EXPECT_TRUE(std::isnan(y.host()[0])) << n << " " << inner;
        if (inner > 1) {
          EXPECT_FALSE(std::isnan(y.host()[1]));
        }
      }
}

KERNEL_TEST(ReduceKernels, finds_the_first_largest_element) {
  Random random(9);
  for (const Size& s : sizes()) {
    if (s.n == 0) continue;
    // Few different values, so that there are equals; here and there a NaN.
    std::vector<double> input;
    for (std::int64_t i = 0; i < s.outer * s.n * s.inner; ++i)
      input.push_back(random.integer(0, 200) == 0 ? std::nan("")
                                                  : static_cast<double>(random.integer(-3, 3)));
    std::vector<std::int32_t> expected(static_cast<std::size_t>(s.outer * s.inner));
    reference.argmax(on.host_stream(), s.outer, s.n, s.inner, input.data(), expected.data());
    auto x = on.array(input);
    auto index = on.template poisoned_of<std::int32_t>(s.outer * s.inner);
    kernels.argmax(on.stream(), s.outer, s.n, s.inner, x, index);
    ASSERT_TRUE(same_bits(index.host(), expected)) << s.outer << " " << s.n << " " << s.inner;
  }
}

}  // namespace
}  // namespace understudy::kernel_test
