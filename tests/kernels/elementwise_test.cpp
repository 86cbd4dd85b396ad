// Elementwise kernels against the reference: every function, every way to broadcast and to copy.

#include "kernels/elementwise/elementwise.h"

#include <algorithm>

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::awkward_sizes;
using kernel_test::close;
using kernel_test::Random;
using kernel_test::rounding;
using kernel_test::same_bits;
using std::int64_t;

// Four units in the last place (tanh) are eight roundings; the reference itself is in double, where
// its libm is off by up to one more. How near each function is to the truth over its whole range is
// math_cpu_test.cpp's business.
constexpr double roundings = 10;
// The smallest denormal: results there may be one off.
template <class T>
constexpr double smallest = static_cast<double>(std::numeric_limits<T>::denorm_min());

std::vector<double> inputs_for(Unary f, int64_t n, Random& random) {
  std::vector<double> x = random.normals(n);
  for (double& v : x) v *= 3;
  if (f == Unary::logarithm || f == Unary::square_root)
    for (double& v : x) v = std::abs(v);
  if (f == Unary::log1p)
    for (double& v : x) v = std::abs(v) - 0.9;
  // what arithmetic forgets first
  const double specials[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1.0, -1.0, 1e-30, 100.0, -100.0};
  for (std::size_t i = 0; i < std::size(specials) && i * 3 + 1 < x.size(); ++i)
    x[i * 3 + 1] = specials[i];
  return x;
}

KERNEL_TEST(ElementwiseKernels, unary_functions_agree_with_the_reference) {
  Random random(1);
  for (int64_t n : awkward_sizes(300))
    for (int f = 0; f < static_cast<int>(Unary::count); ++f) {
      const Unary function = static_cast<Unary>(f);
      on.misalignment = static_cast<int>((n + f) % 4);
      const std::vector<double> x = on.rounded(inputs_for(function, n, random));
      std::vector<double> expected(x.size());
      reference.unary(on.host_stream(), function, n, x.data(), expected.data());
      Array<T> y = on.poisoned(n);
      kernels.unary(on.stream(), function, n, on.array(x), y);
      EXPECT_TRUE(close(y, expected, roundings, smallest<T>)) << "function " << f << ", n " << n;
      // in place
      Array<T> z = on.array(x);
      kernels.unary(on.stream(), function, n, z, z);
      EXPECT_TRUE(same_bits(z.host(), y.host())) << "in place, function " << f << ", n " << n;
    }
}

// A random iteration of up to `operands` operands. Each operand's dimensions are laid out
// contiguously in a random order (or not at all: broadcast); `needs` receives how many elements
// each must have.
Strided random_shape(Random& random, int operands, int64_t most, int64_t (&needs)[3]) {
  Strided shape;
  shape.rank = static_cast<int>(random.integer(0, 4));
  for (int d = 0; d < shape.rank; ++d) shape.extent[d] = random.integer(1, most);
  if (shape.rank > 0 && random.integer(0, 19) == 0)
    shape.extent[random.integer(0, shape.rank - 1)] = 0;
  for (int o = 0; o < operands; ++o) {
    std::vector<int> order;
    for (int d = 0; d < shape.rank; ++d) order.push_back(d);
    if (random.integer(0, 2) == 0)
      for (int d = 1; d < shape.rank; ++d) std::swap(order[d], order[random.integer(0, d)]);
    const bool broadcasts = random.integer(0, 1) == 0;
    int64_t stride = random.integer(0, 5) == 0 ? 2 : 1;
    needs[o] = 1;
    for (int d = shape.rank - 1; d >= 0; --d) {
      const int axis = order[static_cast<std::size_t>(d)];
      if (broadcasts && random.integer(0, 1) == 0) continue;
      shape.stride[o][axis] = stride;
      stride *= std::max<int64_t>(shape.extent[axis], 1);
      needs[o] += shape.stride[o][axis] * std::max<int64_t>(shape.extent[axis] - 1, 0);
    }
  }
  return shape;
}

int64_t elements(const Strided& shape) {
  int64_t n = 1;
  for (int d = 0; d < shape.rank; ++d) n *= shape.extent[d];
  return n;
}

template <class T>
void check_binary(kernel_test::Place<T>& on, const ElementwiseKernels<T>& kernels,
                  const ElementwiseKernels<double>& reference, Binary f, const Strided& shape,
                  const int64_t (&needs)[3], Random& random) {
  std::vector<double> a = random.normals(needs[0]), b = random.normals(needs[1]);
  if (f == Binary::power)
    for (double& v : a) v = std::abs(v);
  if (f == Binary::equal)
    for (std::vector<double>* side : {&a, &b})
      for (double& v : *side) v = std::round(v);
  if (a.size() > 3) a[3] = NAN;
  if (b.size() > 5) b[5] = NAN;
  a = on.rounded(a), b = on.rounded(b);
  const int64_t n = elements(shape);
  std::vector<double> expected(static_cast<std::size_t>(n));
  reference.binary(on.host_stream(), f, shape, a.data(), b.data(), expected.data());
  Array<T> y = on.poisoned(n);
  kernels.binary(on.stream(), f, shape, on.array(a), on.array(b), y);
  // Arithmetic is rounded once. A power is good to two units in the last place (math_cpu_test.cpp).
  // Gradients subtract from 1 what was rounded, a square once and an exponential three times, times
  // b, of up to 5: 15 roundings where they cancel, one an operation where they do not.
  const bool gradient = f >= Binary::tanh_gradient && f != Binary::relu_gradient;
  EXPECT_TRUE(close(y, expected,
                    f == Binary::power ? 5
                    : gradient         ? 6
                                       : 1,
                    gradient ? 15 * rounding<T> : 0))
      << "function " << static_cast<int>(f) << ", rank " << shape.rank << ", n " << n;
}

KERNEL_TEST(ElementwiseKernels, binary_functions_agree_when_contiguous_or_constant) {
  Random random(2);
  for (int64_t n : awkward_sizes(300))
    for (int f = 0; f < static_cast<int>(Binary::count); ++f)
      for (int constant = 0; constant < 4; ++constant) {
        on.misalignment = static_cast<int>((n + f) % 4);
        Strided shape;
        shape.rank = 1;
        shape.extent[0] = n;
        shape.stride[0][0] = constant & 1 ? 0 : 1;
        shape.stride[1][0] = constant & 2 ? 0 : 1;
        const int64_t needs[3] = {constant & 1 ? 1 : n, constant & 2 ? 1 : n, 0};
        check_binary(on, kernels, reference, static_cast<Binary>(f), shape, needs, random);
      }
}

KERNEL_TEST(ElementwiseKernels, binary_functions_agree_however_they_broadcast) {
  Random random(3);
  for (int round = 0; round < 150; ++round) {
    int64_t needs[3] = {};
    const Strided shape = random_shape(random, 2, round % 3 == 0 ? 20 : 5, needs);
    if (elements(shape) > 6000) continue;
    const Binary f = static_cast<Binary>(random.integer(0, static_cast<int>(Binary::count) - 1));
    check_binary(on, kernels, reference, f, shape, needs, random);
  }
}

KERNEL_TEST(ElementwiseKernels, a_row_and_a_column_broadcast_over_a_matrix) {
  Random random(4);
  for (int64_t rows : {1, 3, 48})
    for (int64_t columns : {1, 2, 15, 16, 17, 33, 100})
      for (bool column : {false, true}) {
        Strided shape;
        shape.rank = 2;
        shape.extent[0] = rows, shape.extent[1] = columns;
        shape.stride[0][0] = columns, shape.stride[0][1] = 1;
        shape.stride[1][0] = column ? 1 : 0, shape.stride[1][1] = column ? 0 : 1;
        const int64_t needs[3] = {rows * columns, column ? rows : columns, 0};
        check_binary(on, kernels, reference, Binary::multiply, shape, needs, random);
      }
}

KERNEL_TEST(ElementwiseKernels, select_takes_from_the_side_that_the_condition_says) {
  Random random(5);
  for (int round = 0; round < 120; ++round) {
    int64_t needs[3] = {};
    const Strided shape = random_shape(random, 3, round % 3 == 0 ? 20 : 5, needs);
    const int64_t n = elements(shape);
    if (n > 6000) continue;
    std::vector<double> c(static_cast<std::size_t>(needs[0]));
    for (double& v : c) v = random.integer(0, 1) == 0 ? 0.0 : random.normal();
    const std::vector<double> a = on.rounded(random.normals(needs[1]));
    const std::vector<double> b = on.rounded(random.normals(needs[2]));
    std::vector<double> expected(static_cast<std::size_t>(n));
    reference.select(on.host_stream(), shape, c.data(), a.data(), b.data(), expected.data());
    Array<T> y = on.poisoned(n);
    kernels.select(on.stream(), shape, on.array(c), on.array(a), on.array(b), y);
    EXPECT_TRUE(close(y, expected, 0)) << "rank " << shape.rank << ", n " << n;
  }
}

KERNEL_TEST(ElementwiseKernels, scale_shift_fill_and_axpy_agree) {
  Random random(6);
  for (int64_t n : awkward_sizes(4097)) {
    on.misalignment = static_cast<int>(n % 3);
    const std::vector<double> x = on.rounded(random.normals(n)), y0 = on.rounded(random.normals(n));
    std::vector<double> expected(x.size());
    Array<T> y = on.poisoned(n);
    // The result is rounded, and the product where it is not fused: it is as large as the result
    // and what was added, 1.5 or a normal number below 5, together.
    const double absolute = 5 * rounding<T>;
    reference.scale_shift(on.host_stream(), n, 0.75, -1.5, x.data(), expected.data());
    kernels.scale_shift(on.stream(), n, T(0.75), T(-1.5), on.array(x), y);
    EXPECT_TRUE(close(y, expected, 2, absolute)) << "scale_shift, n " << n;

    kernels.fill(on.stream(), n, T(2.5), y);
    EXPECT_TRUE(close(y, std::vector<double>(x.size(), 2.5), 0)) << "fill, n " << n;

    expected = y0;
    reference.axpy(on.host_stream(), n, -1.25, x.data(), expected.data());
    Array<T> z = on.array(y0);
    kernels.axpy(on.stream(), n, T(-1.25), on.array(x), z);
    EXPECT_TRUE(close(z, expected, 2, absolute)) << "axpy, n " << n;
  }
}

// Copies `shape`, whose output is a permutation of its own contiguous array, and compares bits.
template <class T>
void check_copy(kernel_test::Place<T>& on, const ElementwiseKernels<T>& kernels,
                const Strided& shape, int64_t need_x, int64_t need_y, Random& random) {
  std::vector<T> x(static_cast<std::size_t>(need_x)), y0(static_cast<std::size_t>(need_y), T(-7));
  for (T& v : x) v = static_cast<T>(random.normal());
  std::vector<T> expected = y0;
  const int64_t n = elements(shape);
  for (int64_t index = 0; index < n; ++index) {
    int64_t rest = index, from = 0, to = 0;
    for (int d = shape.rank - 1; d >= 0; --d) {
      from += rest % shape.extent[d] * shape.stride[0][d];
      to += rest % shape.extent[d] * shape.stride[1][d];
      rest /= shape.extent[d];
    }
    expected[static_cast<std::size_t>(to)] = x[static_cast<std::size_t>(from)];
  }
  Array<T> y = on.of(y0);
  kernels.copy(on.stream(), shape, on.of(x), y);
  EXPECT_TRUE(same_bits(y.host(), expected)) << "rank " << shape.rank << ", n " << n;

  // the same for indices: what T's values become matters not, as long as they differ
  std::vector<std::int32_t> index_x(x.size()), index_expected(y0.size(), -7);
  for (std::size_t i = 0; i < index_x.size(); ++i) index_x[i] = static_cast<std::int32_t>(i * 3);
  for (int64_t index = 0; index < n; ++index) {
    int64_t rest = index, from = 0, to = 0;
    for (int d = shape.rank - 1; d >= 0; --d) {
      from += rest % shape.extent[d] * shape.stride[0][d];
      to += rest % shape.extent[d] * shape.stride[1][d];
      rest /= shape.extent[d];
    }
    index_expected[static_cast<std::size_t>(to)] = index_x[static_cast<std::size_t>(from)];
  }
  Array<std::int32_t> index_y = on.of(std::vector<std::int32_t>(y0.size(), -7));
  kernels.copy_index(on.stream(), shape, on.of(index_x), index_y);
  EXPECT_TRUE(same_bits(index_y.host(), index_expected)) << "indices, rank " << shape.rank;
}

KERNEL_TEST(ElementwiseKernels, copies_permute_broadcast_and_leave_gaps_alone) {
  Random random(7);
  for (int round = 0; round < 150; ++round) {
    int64_t needs[3] = {};
    Strided shape = random_shape(random, 2, round % 3 == 0 ? 20 : 5, needs);
    if (elements(shape) > 6000) continue;
    // the output must not broadcast: lay it out anew, in a random order, with gaps now and then
    std::vector<int> order;
    for (int d = 0; d < shape.rank; ++d) order.push_back(d);
    for (int d = 1; d < shape.rank; ++d) std::swap(order[d], order[random.integer(0, d)]);
    int64_t stride = 1, need = 1;
    for (int axis : order) {
      stride += random.integer(0, 3) == 0 ? 1 : 0;
      shape.stride[1][axis] = stride;
      need += stride * std::max<int64_t>(shape.extent[axis] - 1, 0);
      stride *= std::max<int64_t>(shape.extent[axis], 1);
    }
    check_copy(on, kernels, shape, needs[0], need, random);
  }
}

KERNEL_TEST(ElementwiseKernels, copies_transpose_matrices_of_every_size_around_a_tile) {
  Random random(8);
  for (int64_t rows : {1, 7, 8, 15, 16, 17, 32, 33, 65})
    for (int64_t columns : {1, 8, 16, 31, 33, 100})
      for (int64_t batch : {1, 3}) {
        Strided shape;
        shape.rank = 3;
        shape.extent[0] = batch, shape.extent[1] = rows, shape.extent[2] = columns;
        shape.stride[0][0] = shape.stride[1][0] = rows * columns;
        shape.stride[0][1] = 1, shape.stride[0][2] = rows;
        shape.stride[1][1] = columns, shape.stride[1][2] = 1;
        check_copy(on, kernels, shape, batch * rows * columns, batch * rows * columns, random);
      }
}

KERNEL_TEST(ElementwiseKernels, a_team_computes_the_same_bits) {
  if (on.is_cuda) return;
  Random random(9);
  const int64_t rows = 700, columns = 101, n = rows * columns;
  Array<T> x = on.array(random.normals(n)), b = on.array(random.normals(columns));
  Array<T> alone = on.poisoned(n), together = on.poisoned(n);
  const auto same = [&] { EXPECT_TRUE(same_bits(alone.host(), together.host())); };
  kernels.unary(on.stream(), Unary::tanh, n, x, alone);
  kernels.unary(on.team_stream(), Unary::tanh, n, x, together);
  same();
  Strided shape;
  shape.rank = 2;
  shape.extent[0] = rows, shape.extent[1] = columns;
  shape.stride[0][0] = columns, shape.stride[0][1] = 1, shape.stride[1][1] = 1;
  kernels.binary(on.stream(), Binary::add, shape, x, b, alone);
  kernels.binary(on.team_stream(), Binary::add, shape, x, b, together);
  same();
  shape.stride[0][0] = 1, shape.stride[0][1] = rows;
  shape.stride[1][0] = columns, shape.stride[1][1] = 1;
  kernels.copy(on.stream(), shape, x, alone);
  kernels.copy(on.team_stream(), shape, x, together);
  same();
}

}  // namespace
}  // namespace understudy
