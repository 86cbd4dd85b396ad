// Cholesky factors and triangular solves: the reference against their definitions, every
// implementation against the reference.

#include "kernels/cholesky/cholesky.h"

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

const double nan = std::nan("");

// M M^T / n + I: condition number about 5. Only the lower triangle; above it, what must not be
// read.
std::vector<double> positive_definite(Random& random, Index batch, Index n, double above = nan) {
  std::vector<double> a;
  for (Index b = 0; b < batch; ++b) {
    const auto m = random.normals(n * n);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        double sum = i == j;
        for (Index k = 0; k < n; ++k) sum += m[i * n + k] * m[j * n + k] / double(n);
        a.push_back(j <= i ? sum : above);
      }
  }
  return a;
}

struct Shape {
  Index batch, n;
};
// Batches around the number of lanes, sizes around vectors, panels and the bounds between methods.
constexpr Shape shapes[] = {{0, 3},  {2, 0},  {1, 1},  {17, 1}, {33, 2}, {16, 3}, {15, 4}, {9, 5},
                            {8, 7},  {7, 8},  {20, 9}, {3, 15}, {2, 16}, {5, 17}, {9, 31}, {8, 32},
                            {8, 33}, {1, 40}, {2, 47}, {1, 65}, {1, 81}, {1, 113}};

TEST(CholeskyReference, the_factor_times_its_transpose_is_the_matrix) {
  const CholeskyKernels<double> kernels = reference_kernels<CholeskyKernels>();
  Stream stream;
  Random random(1);
  for (Index n : {1, 2, 5, 12}) {
    const auto a = positive_definite(random, 3, n);
    std::vector<double> l(a.size(), nan);
    kernels.factor(stream, 3, n, a.data(), l.data());
    for (Index b = 0; b < 3; ++b)
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
          const double* m = l.data() + b * n * n;
          if (j > i) {
            EXPECT_EQ(m[i * n + j], 0);
            continue;
          }
          double sum = 0;
          for (Index k = 0; k < n; ++k) sum += m[i * n + k] * m[j * n + k];
          EXPECT_NEAR(sum, a[(b * n + i) * n + j], 1e-14 * double(n));
          if (i == j) {
            EXPECT_GT(m[i * n + i], 0);
          }
        }
  }
}

TEST(CholeskyReference, the_solution_solves_the_system) {
  const CholeskyKernels<double> kernels = reference_kernels<CholeskyKernels>();
  Stream stream;
  Random random(2);
  const Index n = 6, columns = 3;
  std::vector<double> l = positive_definite(random, 1, n);
  kernels.factor(stream, 1, n, l.data(), l.data());
  const auto b = random.normals(n * columns);
  for (bool transpose : {false, true}) {
    std::vector<double> x(b.size(), nan);
    kernels.solve(stream, 1, n, columns, transpose, l.data(), b.data(), x.data());
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < columns; ++c) {
        double sum = 0;
        for (Index k = 0; k < n; ++k)
          sum += (transpose ? l[k * n + i] : l[i * n + k]) * x[k * columns + c];
        EXPECT_NEAR(sum, b[i * columns + c], 1e-13);
      }
  }
}

KERNEL_TEST(CholeskyKernels, factors_agree_with_the_reference) {
  Random random(3);
  for (Shape shape : shapes) {
    on.misalignment = int(random.integer(0, 3));
    const auto a = on.rounded(positive_definite(random, shape.batch, shape.n));
    std::vector<double> expected(a.size());
    reference.factor(on.host_stream(), shape.batch, shape.n, a.data(), expected.data());
    // Higham, theorem 10.3: L is exact for a matrix (n + 1) units away; the condition number of 5
    // and elements of about 2 make the rest.
    const double absolute = 10 * double(shape.n + 1) * unit<T>;
    Array<T> from = on.array(a), l = on.poisoned(Index(a.size()));
    kernels.factor(on.stream(), shape.batch, shape.n, from, l);
    EXPECT_TRUE(close(l, expected, 0, absolute)) << shape.batch << " of " << shape.n;
    kernels.factor(on.stream(), shape.batch, shape.n, from, from);  // in place
    EXPECT_TRUE(same_bits(from.host(), l.host())) << shape.batch << " of " << shape.n;
  }
}

// A zero or negative pivot in row `bad`: columns before it are good, from it on all is NaN.
KERNEL_TEST(CholeskyKernels, a_matrix_that_is_not_positive_definite_gives_nan_from_its_pivot_on) {
  for (Shape shape : {Shape{16, 5}, Shape{1, 5}, Shape{1, 40}, Shape{18, 9}})
    for (double pivot : {0.0, -1.0, nan}) {
      const Index n = shape.n, bad = n / 2, broken = shape.batch / 2;
      std::vector<double> a;
      for (Index b = 0; b < shape.batch; ++b)
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < n; ++j)
            a.push_back(i == j ? (b == broken && i == bad ? pivot : 4.0) : 0.0);
      Array<T> l = on.array(a);
      kernels.factor(on.stream(), shape.batch, n, l, l);
      const std::vector<T> found = l.host();
      for (Index b = 0; b < shape.batch; ++b)
        for (Index i = 0; i < n; ++i)
          for (Index j = 0; j < n; ++j) {
            const T element = found[(b * n + i) * n + j];
            if (b == broken && j >= bad && j <= i)
              EXPECT_TRUE(std::isnan(element)) << i << ", " << j;
            else
              EXPECT_EQ(element, i == j ? 2 : 0) << i << ", " << j;
          }
    }
}

KERNEL_TEST(CholeskyKernels, solutions_agree_with_the_reference) {
  Random random(4);
  for (Shape shape : shapes) {
    on.misalignment = int(random.integer(0, 3));
    std::vector<double> l = positive_definite(random, shape.batch, shape.n);
    reference.factor(on.host_stream(), shape.batch, shape.n, l.data(), l.data());
    for (Index b = 0; b < shape.batch; ++b)  // solve must not read above the diagonal
      for (Index i = 0; i < shape.n; ++i)
        for (Index j = i + 1; j < shape.n; ++j) l[(b * shape.n + i) * shape.n + j] = nan;
    l = on.rounded(l);
    Array<T> la = on.array(l);
    for (Index columns : {0, 1, 2, 3, 5, 17, 70}) {
      if ((shape.n > 40 || on.is_cuda) && columns > 5) continue;
      const auto b = on.rounded(random.normals(shape.batch * shape.n * columns));
      for (bool transpose : {false, true}) {
        std::vector<double> expected(b.size());
        reference.solve(on.host_stream(), shape.batch, shape.n, columns, transpose, l.data(),
                        b.data(), expected.data());
        // Higham, theorem 8.5: n units, times the condition of L (about 3) and solutions of
        // about 5.
        const double absolute = 30 * double(shape.n + 1) * unit<T>;
        Array<T> right = on.array(b), x = on.poisoned(Index(b.size()));
        kernels.solve(on.stream(), shape.batch, shape.n, columns, transpose, la, right, x);
        EXPECT_TRUE(close(x, expected, 0, absolute))
            << shape.batch << " of " << shape.n << ", " << columns << " columns"
            << (transpose ? ", transposed" : "");
        kernels.solve(on.stream(), shape.batch, shape.n, columns, transpose, la, right, right);
        EXPECT_TRUE(same_bits(right.host(), x.host())) << shape.batch << " of " << shape.n;
      }
    }
  }
}

KERNEL_TEST(CholeskyKernels, a_team_gives_the_same_bits) {
  if (on.is_cuda) return;
  Random random(5);
  for (Shape shape : {Shape{150, 12}, Shape{5, 50}}) {
    const Array<T> a = on.array(positive_definite(random, shape.batch, shape.n));
    const Array<T> b = on.array(random.normals(shape.batch * shape.n * 2));
    std::vector<std::vector<T>> results[2];
    for (int team = 0; team < 2; ++team) {
      Stream& stream = team ? on.team_stream() : on.stream();
      Array<T> l = on.poisoned(a.size()), x = on.poisoned(b.size());
      kernels.factor(stream, shape.batch, shape.n, a, l);
      kernels.solve(stream, shape.batch, shape.n, 2, true, l, b, x);
      results[team] = {l.host(), x.host()};
    }
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(same_bits(results[1][i], results[0][i]));
  }
}

}  // namespace
}  // namespace understudy
