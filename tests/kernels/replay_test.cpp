// Rows of a replay buffer: drawn from what is there, each as often as another, and followed through
// the ring as far as an episode, the newest row or the last demonstration lets them.

#include "kernels/replay/replay.h"

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::close;
using kernel_test::Random;
using Index = std::int64_t;

struct Filled {
  ReplayLayout layout;
  Index added;
};
constexpr Filled tables[] = {{{0, 12, 3}, 3},  {{0, 12, 3}, 12}, {{0, 12, 3}, 21},
                             {{5, 12, 4}, 0},  {{5, 12, 4}, 8},  {{7, 16, 1}, 40},
                             {{7, 16, 2}, 14}, {{300, 8, 8}, 16}};

KERNEL_TEST(ReplayKernels, draw_the_rows_of_the_contract) {
  for (const Filled& table : tables)
    for (Index n : {1, 3, 64, 257}) {
      const Index wanted = table.layout.demonstrations > 0 ? n / 2 : 0;
      std::vector<std::int32_t> expected(static_cast<std::size_t>(n));
      const std::uint64_t offset = 77;
      reference.draw(on.host_stream(), {5, 9}, &offset, table.layout, wanted, n, &table.added,
                     expected.data());
      auto counter = on.of(std::vector<std::uint64_t>{offset});
      auto added = on.of(std::vector<Index>{table.added});
      auto index = on.template poisoned_of<std::int32_t>(n);
      kernels.draw(on.stream(), {5, 9}, counter, table.layout, wanted, n, added, index);
      EXPECT_EQ(index.host(), expected);
      const Index filled = std::min(table.added, table.layout.capacity);
      for (Index i = 0; i < n; ++i) {
        const Index row = expected[static_cast<std::size_t>(i)];
        const bool demonstrated = i < wanted || filled == 0;
        EXPECT_GE(row, demonstrated ? 0 : table.layout.demonstrations);
        EXPECT_LT(
            row, demonstrated ? table.layout.demonstrations : table.layout.demonstrations + filled);
      }
    }
}

// Chi-squared with 15 degrees of freedom is above 44.3 once in 10,000.
KERNEL_TEST(ReplayKernels, draw_each_row_as_often_as_another) {
  constexpr Index n = 16000, rows = 16;
  auto counter = on.of(std::vector<std::uint64_t>{0});
  auto added = on.of(std::vector<Index>{64});
  auto index = on.template poisoned_of<std::int32_t>(n);
  kernels.draw(on.stream(), {1, 2}, counter, {0, rows, 2}, 0, n, added, index);
  std::vector<double> counts(rows);
  for (std::int32_t row : index.host()) ++counts[static_cast<std::size_t>(row)];
  double squares = 0;
  for (double count : counts) squares += (count - n / rows) * (count - n / rows) / (n / rows);
  EXPECT_LT(squares, 44.3);
}

KERNEL_TEST(ReplayKernels, follow_rows_as_the_reference_does) {
  Random random(3);
  for (const Filled& table : tables)
    for (Index steps : {1, 2, 3, 10}) {
      const Index all = table.layout.demonstrations + table.layout.capacity;
      const auto reward = on.rounded(random.normals(all));
      std::vector<double> terminated(static_cast<std::size_t>(all)), ended = terminated;
      for (std::size_t i = 0; i < terminated.size(); ++i) {
        ended[i] = random.integer(0, 4) == 0;
        terminated[i] = ended[i] != 0 && random.integer(0, 1) == 0;
      }
      std::vector<std::int32_t> index;
      const Index filled = std::min(table.added, table.layout.capacity);
      for (Index i = 0; i < table.layout.demonstrations + filled; ++i)
        index.push_back(static_cast<std::int32_t>(i));
      const Index n = static_cast<Index>(index.size());
      const std::size_t size = index.size();
      std::vector<double> sum(size), going_on(size), beyond(size);
      std::vector<std::int32_t> last(size);
      const double discount = on.rounded({0.9})[0];
      reference.n_step(on.host_stream(), table.layout, n, steps, discount, index.data(),
                       &table.added, reward.data(), terminated.data(), ended.data(), sum.data(),
                       going_on.data(), beyond.data(), last.data());
      auto i = on.of(index), found_last = on.template poisoned_of<std::int32_t>(n);
      auto added = on.of(std::vector<Index>{table.added});
      Array<T> r = on.array(reward), t = on.array(terminated), e = on.array(ended);
      Array<T> s = on.poisoned(n), g = on.poisoned(n), b = on.poisoned(n);
      kernels.n_step(on.stream(), table.layout, n, steps, T(discount), i, added, r, t, e, s, g, b,
                     found_last);
      EXPECT_EQ(found_last.host(), last);
      // Sums of ten numbers of size 1, and powers up to the tenth.
      EXPECT_TRUE(close(s, sum, 20, 20 * kernel_test::rounding<T>));
      EXPECT_TRUE(close(g, going_on, 20));
      EXPECT_TRUE(close(b, beyond, 20));
    }
}

// By hand: two environments, of which the second terminated in its second step.
KERNEL_TEST(ReplayKernels, stop_where_an_episode_ends_and_at_the_newest_row) {
  //                       step 0        step 1        step 2
  const ReplayLayout layout{0, 8, 2};
  Array<T> reward = on.array({1, 10, 2, 20, 4, 40, 0, 0});
  Array<T> terminated = on.array({0, 0, 0, 1, 0, 0, 0, 0});
  Array<T> ended = on.array({0, 0, 0, 1, 0, 0, 0, 0});
  auto added = on.of(std::vector<Index>{6});
  auto index = on.of(std::vector<std::int32_t>{0, 1, 2, 4});
  Array<T> sum = on.poisoned(4), going_on = on.poisoned(4), beyond = on.poisoned(4);
  auto last = on.template poisoned_of<std::int32_t>(4);
  kernels.n_step(on.stream(), layout, 4, 3, T(0.5), index, added, reward, terminated, ended, sum,
                 going_on, beyond, last);
  EXPECT_EQ(sum.host(), (std::vector<T>{3, 20, 4, 4}));
  EXPECT_EQ(going_on.host(), (std::vector<T>{T(0.125), 0, T(0.25), T(0.5)}));
  EXPECT_EQ(beyond.host(), (std::vector<T>{0, T(0.25), 0, 0}));
  EXPECT_EQ(last.host(), (std::vector<std::int32_t>{4, 3, 4, 4}));
}

}  // namespace
}  // namespace understudy
