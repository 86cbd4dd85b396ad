// Rows and elements moved by index: every implementation moves exactly what the reference moves,
// bad indices included, and adds in the order that the contract names.

#include "kernels/gather/gather.h"

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::close;
using kernel_test::Random;
using kernel_test::same_bits;
using Index = std::int64_t;

// Indices into [0, n), one in eight of them bad.
std::vector<std::int32_t> indices(Random& random, Index rows, Index n) {
  const std::int32_t bad[] = {-1, std::int32_t(n), std::int32_t(n + 100),
                              std::numeric_limits<std::int32_t>::min(),
                              std::numeric_limits<std::int32_t>::max()};
  std::vector<std::int32_t> index(static_cast<std::size_t>(rows));
  for (std::int32_t& i : index)
    i = n == 0 || random.integer(0, 7) == 0 ? bad[random.integer(0, 4)]
                                            : std::int32_t(random.integer(0, n - 1));
  return index;
}

struct Shape {
  Index rows, n;
};
constexpr Shape shapes[] = {{0, 5},  {1, 1},  {3, 0},   {7, 2},   {5, 3},   {9, 4},  {6, 7},
                            {4, 8},  {3, 9},  {17, 15}, {16, 16}, {15, 17}, {3, 31}, {2, 33},
                            {5, 64}, {2, 65}, {3, 129}, {130, 3}, {257, 1}, {64, 5}};

KERNEL_TEST(GatherKernels, gathers_rows_exactly) {
  Random random(1);
  for (Shape shape : shapes)
    for (Index table_rows : {Index{0}, Index{1}, Index{9}}) {
      on.misalignment = int(random.integer(0, 3));
      const auto table = on.rounded(random.normals(table_rows * shape.n));
      const auto index = indices(random, shape.rows, table_rows);
      std::vector<double> expected(std::size_t(shape.rows * shape.n));
      reference.gather_rows(on.host_stream(), shape.rows, shape.n, table_rows, table.data(),
                            index.data(), expected.data());
      Array<T> t = on.array(table), y = on.poisoned(shape.rows * shape.n);
      auto i = on.of(index);
      kernels.gather_rows(on.stream(), shape.rows, shape.n, table_rows, t, i, y);
      EXPECT_TRUE(close(y, expected, 0)) << shape.rows << " x " << shape.n;
    }
}

// Every byte is a number of f32 and f64, so that there is nothing to round.
KERNEL_TEST(GatherKernels, gathers_bytes_as_their_numbers) {
  Random random(6);
  for (Shape shape : shapes)
    for (Index table_rows : {Index{0}, Index{1}, Index{9}}) {
      on.misalignment = int(random.integer(0, 3));
      std::vector<std::uint8_t> table(std::size_t(table_rows * shape.n));
      for (std::uint8_t& one : table) one = std::uint8_t(random.integer(0, 255));
      const auto index = indices(random, shape.rows, table_rows);
      std::vector<double> expected(std::size_t(shape.rows * shape.n));
      reference.gather_bytes(on.host_stream(), shape.rows, shape.n, table_rows, table.data(),
                             index.data(), expected.data());
      auto t = on.of(table);
      auto i = on.of(index);
      Array<T> y = on.poisoned(shape.rows * shape.n);
      kernels.gather_bytes(on.stream(), shape.rows, shape.n, table_rows, t, i, y);
      EXPECT_TRUE(close(y, expected, 0)) << shape.rows << " x " << shape.n;
    }
}

// The contract fixes the order of additions, so the bits are those of this loop.
KERNEL_TEST(GatherKernels, scatters_rows_in_order) {
  Random random(2);
  for (Shape shape : shapes)
    for (Index table_rows : {Index{1}, Index{4}}) {
      on.misalignment = int(random.integer(0, 3));
      const auto table = random.normals(table_rows * shape.n),
                 x = random.normals(shape.rows * shape.n);
      const auto index = indices(random, shape.rows, table_rows);
      std::vector<T> expected(table.begin(), table.end());
      for (Index i = 0; i < shape.rows; ++i)
        for (Index j = 0; j < shape.n; ++j)
          if (0 <= index[i] && index[i] < table_rows)
            expected[index[i] * shape.n + j] += T(x[i * shape.n + j]);
      Array<T> t = on.array(table), from = on.array(x);
      auto i = on.of(index);
      kernels.scatter_rows(on.stream(), shape.rows, shape.n, table_rows, from, i, t);
      EXPECT_TRUE(same_bits(t.host(), expected)) << shape.rows << " x " << shape.n;
    }
}

KERNEL_TEST(GatherKernels, picks_and_places_exactly) {
  Random random(3);
  for (Shape shape : shapes) {
    on.misalignment = int(random.integer(0, 3));
    const Index size = shape.rows * shape.n;
    const auto matrix = on.rounded(random.normals(size)),
               vector = on.rounded(random.normals(shape.rows));
    const auto index = indices(random, shape.rows, shape.n);
    auto i = on.of(index);
    std::vector<double> picked(std::size_t(shape.rows)), placed(std::size_t(size), 9.0);
    std::vector<double> hot(std::size_t(size), 9.0);
    reference.take_along_axis(on.host_stream(), shape.rows, shape.n, matrix.data(), index.data(),
                              picked.data());
    reference.scatter(on.host_stream(), shape.rows, shape.n, vector.data(), index.data(),
                      placed.data());
    reference.one_hot(on.host_stream(), shape.rows, shape.n, index.data(), hot.data());

    Array<T> m = on.array(matrix), v = on.array(vector);
    Array<T> p = on.poisoned(shape.rows), q = on.poisoned(size), h = on.poisoned(size);
    kernels.take_along_axis(on.stream(), shape.rows, shape.n, m, i, p);
    kernels.scatter(on.stream(), shape.rows, shape.n, v, i, q);
    kernels.one_hot(on.stream(), shape.rows, shape.n, i, h);
    EXPECT_TRUE(close(p, picked, 0)) << shape.rows << " x " << shape.n;
    EXPECT_TRUE(close(q, placed, 0)) << shape.rows << " x " << shape.n;
    EXPECT_TRUE(close(h, hot, 0)) << shape.rows << " x " << shape.n;
  }
}

// <scatter_rows(x), t> = <x, gather_rows(t)> and <scatter(x), m> = <x, take_along_axis(m)>, where
// all indices are good.
TEST(GatherReference, scattering_and_placing_are_adjoint_to_gathering_and_picking) {
  const GatherKernels<double> kernels = reference_kernels<GatherKernels>();
  Stream stream;
  Random random(4);
  const Index rows = 20, n = 6;
  const auto x = random.normals(rows * n), t = random.normals(n * n), v = random.normals(rows);
  std::vector<std::int32_t> index;
  for (Index i = 0; i < rows; ++i) index.push_back(std::int32_t(random.integer(0, n - 1)));
  std::vector<double> scattered(n * n, 0.0), gathered(rows * n), placed(rows * n), picked(rows);
  kernels.scatter_rows(stream, rows, n, n, x.data(), index.data(), scattered.data());
  kernels.gather_rows(stream, rows, n, n, t.data(), index.data(), gathered.data());
  kernels.scatter(stream, rows, n, v.data(), index.data(), placed.data());
  kernels.take_along_axis(stream, rows, n, x.data(), index.data(), picked.data());
  const auto dot = [](const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
  };
  EXPECT_NEAR(dot(scattered, t), dot(x, gathered), 1e-12);
  EXPECT_NEAR(dot(placed, x), dot(v, picked), 1e-12);
}

KERNEL_TEST(GatherKernels, a_team_gives_the_same_bits) {
  if (on.is_cuda) return;
  Random random(5);
  const Index rows = 1030, n = 70, table_rows = 11;
  const auto x = on.array(random.normals(rows * n));
  const auto index = on.of(indices(random, rows, table_rows));
  const auto column = on.of(indices(random, rows, n));
  std::vector<std::vector<T>> results[2];
  for (int team = 0; team < 2; ++team) {
    Stream& stream = team ? on.team_stream() : on.stream();
    Array<T> y = on.poisoned(rows * n), p = on.poisoned(rows), q = on.poisoned(rows * n);
    Array<T> table = on.array(std::vector<double>(table_rows * n, 0.5));
    kernels.scatter_rows(stream, rows, n, table_rows, x, index, table);
    kernels.gather_rows(stream, rows, n, table_rows, table, index, y);
    kernels.take_along_axis(stream, rows, n, x, column, p);
    kernels.scatter(stream, rows, n, p, column, q);
    results[team] = {table.host(), y.host(), p.host(), q.host()};
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(same_bits(results[1][i], results[0][i]));
}

}  // namespace
}  // namespace understudy
