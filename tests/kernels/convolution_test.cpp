// Convolution and pooling: the reference against its own adjoints and a case done by hand, then
// every implementation against the reference.

#include "kernels/convolution/convolution.h"

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Array;
using kernel_test::Random;
using Values = std::vector<double>;

std::int64_t elements_x(const Convolution& s) {
  return s.batch * s.in_channels * s.in_height * s.in_width;
}
std::int64_t elements_y(const Convolution& s) {
  return s.batch * s.out_channels * s.out_height() * s.out_width();
}
std::int64_t elements_w(const Convolution& s) {
  return s.out_channels * s.in_channels * s.kernel_height * s.kernel_width;
}
std::int64_t elements_x(const Pooling& s) {
  return s.batch * s.channels * s.in_height * s.in_width;
}
std::int64_t elements_y(const Pooling& s) {
  return s.batch * s.channels * s.out_height() * s.out_width();
}

std::string text(const Convolution& s) {
  std::string all = "convolution";
  for (std::int64_t n :
       {s.batch, s.in_channels, s.in_height, s.in_width, s.out_channels, s.kernel_height,
        s.kernel_width, s.stride_height, s.stride_width, s.pad_height, s.pad_width})
    all += " " + std::to_string(n);
  return all;
}

// batch, in channels, height, width, out channels, kernel, stride, pad
Convolution shape(std::int64_t batch, std::int64_t in, std::int64_t height, std::int64_t width,
                  std::int64_t out, std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return {batch, in, height, width, out, kernel, kernel, stride, stride, pad, pad};
}

// Around vectors, groups of rows, panels and blocks of pixels; kernels smaller and larger than the
// stride; borders that no window reaches; the field's networks' layers on small images.
std::vector<Convolution> shapes() {
  std::vector<Convolution> all = {
      shape(1, 1, 1, 1, 1, 1, 1, 0),    shape(2, 1, 3, 3, 2, 3, 1, 0),
      shape(2, 3, 5, 4, 4, 3, 1, 1),    shape(1, 2, 7, 9, 5, 2, 3, 0),
      shape(3, 4, 6, 6, 8, 3, 2, 1),    shape(1, 3, 20, 20, 33, 8, 4, 0),
      shape(2, 17, 6, 7, 15, 4, 2, 0),  shape(2, 16, 4, 5, 64, 3, 1, 1),
      shape(1, 5, 11, 12, 65, 3, 2, 2), shape(5, 2, 4, 4, 20, 3, 1, 0),
      shape(1, 64, 3, 3, 7, 1, 2, 0),   shape(19, 1, 3, 4, 3, 2, 1, 1),
      shape(2, 33, 4, 4, 48, 2, 2, 0),  shape(0, 2, 5, 5, 3, 3, 1, 0),
      shape(2, 0, 5, 5, 3, 3, 1, 0),    shape(2, 3, 5, 5, 0, 3, 1, 0),
  };
  all.push_back({2, 3, 9, 5, 6, 4, 2, 3, 1, 2, 0});  // nothing square
  all.push_back({1, 2, 4, 13, 3, 1, 5, 2, 4, 0, 3});
  return all;
}

double inner(const Values& a, const Values& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Values poisoned(std::int64_t n) { return Values(static_cast<std::size_t>(n), NAN); }

TEST(ConvolutionReference, a_case_by_hand) {
  const ConvolutionKernels<double> kernels = reference_kernels<ConvolutionKernels>();
  Stream stream;
  const Convolution s{1, 1, 3, 3, 1, 2, 2, 1, 2, 0, 1};
  const Values x = {1, 2, 3, 4, 5, 6, 7, 8, 9}, w = {1, 10, 100, 1000}, bias = {0.5};
  Values y = poisoned(elements_y(s));
  kernels.forward(stream, s, x.data(), w.data(), bias.data(), Activation::none, y.data(), nullptr);
  // columns -1 and 0, then 1 and 2, of rows 0 and 1, then 1 and 2
  EXPECT_EQ(y, (Values{4010.5, 6532.5, 7040.5, 9865.5}));
}

// <dy, conv(x, w)> = <dx, x> = <dw, w>
TEST(ConvolutionReference, the_three_are_each_others_adjoints) {
  const ConvolutionKernels<double> kernels = reference_kernels<ConvolutionKernels>();
  Stream stream;
  Random random(1);
  for (const Convolution& s : shapes()) {
    SCOPED_TRACE(text(s));
    const Values x = random.normals(elements_x(s)), w = random.normals(elements_w(s));
    const Values dy = random.normals(elements_y(s));
    Values y = poisoned(elements_y(s)), dx = poisoned(elements_x(s)), dw = poisoned(elements_w(s));
    kernels.forward(stream, s, x.data(), w.data(), nullptr, Activation::none, y.data(), nullptr);
    kernels.input_gradient(stream, s, dy.data(), w.data(), dx.data(), nullptr);
    kernels.weight_gradient(stream, s, dy.data(), x.data(), dw.data(), false, nullptr);
    const double left = inner(dy, y);
    // some thousands of roundings of terms of size 1
    EXPECT_NEAR(left, inner(dx, x), 1e-10);
    EXPECT_NEAR(left, inner(dw, w), 1e-10);
    EXPECT_EQ(left != 0, elements_x(s) * elements_y(s) > 0);
  }
}

// `terms` products of normal numbers: partial sums grow as the root of their number, each rounds to
// its own size, and the roundings too add up as the root. A term left out is of size 1.
template <class T>
double tolerance(std::int64_t terms) {
  return static_cast<double>(std::numeric_limits<T>::epsilon()) * 4 *
         static_cast<double>(terms + 4);
}

template <class T>
void compare(kernel_test::Place<T>& on, const ConvolutionKernels<T>& kernels,
             const ConvolutionKernels<double>& reference, const Convolution& s, Activation f,
             bool with_bias, bool accumulate, std::uint64_t seed) {
  SCOPED_TRACE(text(s));
  Random random(seed);
  const Values x = on.rounded(random.normals(elements_x(s)));
  const Values w = on.rounded(random.normals(elements_w(s)));
  const Values dy = on.rounded(random.normals(elements_y(s)));
  const Values bias = on.rounded(random.normals(s.out_channels));
  const Values before = on.rounded(random.normals(elements_w(s)));

  Array<T> tx = on.array(x), tw = on.array(w), tdy = on.array(dy), tbias = on.array(bias);
  Array<T> ty = on.poisoned(elements_y(s)), tdx = on.poisoned(elements_x(s));
  Array<T> tdw = accumulate ? on.array(before) : on.poisoned(elements_w(s));
  Array<T> workspace = on.poisoned(kernels.workspace_elements(s));
  kernels.forward(on.stream(), s, tx, tw, with_bias ? tbias.data() : nullptr, f, ty, workspace);
  kernels.input_gradient(on.stream(), s, tdy, tw, tdx, workspace);
  kernels.weight_gradient(on.stream(), s, tdy, tx, tdw, accumulate, workspace);

  Values y = poisoned(elements_y(s)), dx = poisoned(elements_x(s));
  Values dw = accumulate ? before : poisoned(elements_w(s));
  Stream& host = on.host_stream();
  reference.forward(host, s, x.data(), w.data(), with_bias ? bias.data() : nullptr, f, y.data(),
                    nullptr);
  reference.input_gradient(host, s, dy.data(), w.data(), dx.data(), nullptr);
  reference.weight_gradient(host, s, dy.data(), x.data(), dw.data(), accumulate, nullptr);

  const std::int64_t kernel = s.kernel_height * s.kernel_width;
  EXPECT_TRUE(kernel_test::close(ty, y, 0, tolerance<T>(s.in_channels * kernel)));
  EXPECT_TRUE(kernel_test::close(tdx, dx, 0, tolerance<T>(s.out_channels * kernel)));
  EXPECT_TRUE(
      kernel_test::close(tdw, dw, 0, tolerance<T>(s.batch * s.out_height() * s.out_width())));
}

KERNEL_TEST(ConvolutionKernels, agree_with_the_reference) {
  constexpr Activation functions[] = {Activation::none, Activation::tanh, Activation::sigmoid,
                                      Activation::relu};
  std::uint64_t seed = 20;
  for (const Convolution& s : shapes()) {
    ++seed;
    on.misalignment = static_cast<int>(seed % 4);
    compare<T>(on, kernels, reference, s, functions[seed % 4], seed % 3 != 0, seed % 2 != 0, seed);
  }
  for (int i = 0; i < (on.is_cuda ? 4 : 30); ++i) {
    Random random(++seed);
    const auto any = [&](std::int64_t low, std::int64_t high) { return random.integer(low, high); };
    Convolution s{any(1, 3), any(1, 6), any(4, 12), any(4, 12), any(1, 20), any(1, 4),
                  any(1, 4), any(1, 4), any(1, 4),  any(0, 2),  any(0, 2)};
    compare<T>(on, kernels, reference, s, functions[seed % 4], true, false, seed);
  }
}

// Images go to threads; the weight gradient's sums must not notice.
KERNEL_TEST(ConvolutionKernels, bits_do_not_depend_on_threads) {
  if (on.is_cuda) return;
  Random random(3);
  const Convolution s = shape(37, 3, 9, 9, 20, 3, 2, 1);
  Array<T> x = on.array(random.normals(elements_x(s))), w = on.array(random.normals(elements_w(s)));
  Array<T> dy = on.array(random.normals(elements_y(s)));
  std::vector<T> results[2][3];
  for (int team = 0; team < 2; ++team) {
    Stream& stream = team == 1 ? on.team_stream() : on.stream();
    Array<T> y = on.poisoned(elements_y(s)), dx = on.poisoned(elements_x(s));
    Array<T> dw = on.poisoned(elements_w(s));
    Array<T> workspace = on.poisoned(kernels.workspace_elements(s));
    kernels.forward(stream, s, x, w, nullptr, Activation::relu, y, workspace);
    kernels.input_gradient(stream, s, dy, w, dx, workspace);
    kernels.weight_gradient(stream, s, dy, x, dw, false, workspace);
    results[team][0] = y.host(), results[team][1] = dx.host(), results[team][2] = dw.host();
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(kernel_test::same_bits(results[0][i], results[1][i]));
}

std::vector<Pooling> pools() {
  return {{1, 1, 1, 1, 1, 1, 1, 1}, {2, 3, 4, 6, 2, 2, 2, 2},  {1, 2, 7, 8, 3, 3, 2, 2},
          {3, 1, 5, 5, 3, 2, 1, 1}, {2, 5, 9, 4, 1, 2, 3, 1},  {1, 130, 6, 6, 2, 3, 2, 3},
          {0, 2, 4, 4, 2, 2, 2, 2}, {2, 2, 17, 33, 5, 4, 3, 2}};
}

TEST(PoolingReference, gradients_are_adjoints) {
  const ConvolutionKernels<double> kernels = reference_kernels<ConvolutionKernels>();
  Stream stream;
  Random random(4);
  for (const Pooling& s : pools()) {
    const Values x = random.normals(elements_x(s)), dy = random.normals(elements_y(s));
    const Values v = random.normals(elements_x(s));
    Values y = poisoned(elements_y(s)), dx = poisoned(elements_x(s)), picked = y;
    std::vector<std::int32_t> index(y.size(), -1);
    kernels.average_pool(stream, s, x.data(), y.data());
    kernels.average_pool_gradient(stream, s, dy.data(), dx.data());
    EXPECT_NEAR(inner(dy, y), inner(dx, x), 1e-11);
    kernels.max_pool(stream, s, x.data(), y.data(), index.data());
    kernels.max_pool_pick(stream, s, x.data(), index.data(), picked.data());
    EXPECT_EQ(picked, y);  // the pick of x itself is the maximum
    kernels.max_pool_pick(stream, s, v.data(), index.data(), picked.data());
    kernels.max_pool_gradient(stream, s, dy.data(), index.data(), dx.data());
    EXPECT_NEAR(inner(dy, picked), inner(dx, v), 1e-11);
  }
}

KERNEL_TEST(ConvolutionKernels, pooling_agrees_with_the_reference) {
  std::uint64_t seed = 50;
  for (const Pooling& s : pools()) {
    Random random(++seed);
    on.misalignment = static_cast<int>(seed % 3);
    // few different values, so that the first of equals is asked for
    Values x = random.normals(elements_x(s));
    for (double& value : x) value = std::floor(2 * value);
    if (seed % 2 == 0)
      for (std::size_t i = 0; i < x.size(); i += 3) x[i] = i % 2 == 0 ? NAN : -INFINITY;
    const Values dy = on.rounded(random.normals(elements_y(s)));
    const Values v = on.rounded(random.normals(elements_x(s)));
    Array<T> tx = on.array(x), tdy = on.array(dy), tv = on.array(v);
    Array<T> maximum = on.poisoned(elements_y(s)), picked = on.poisoned(elements_y(s));
    Array<T> average = on.poisoned(elements_y(s));
    Array<T> dmaximum = on.poisoned(elements_x(s)), daverage = on.poisoned(elements_x(s));
    auto index = on.template poisoned_of<std::int32_t>(elements_y(s));
    kernels.max_pool(on.stream(), s, tx, maximum, index);
    kernels.max_pool_pick(on.stream(), s, tv, index, picked);
    kernels.max_pool_gradient(on.stream(), s, tdy, index, dmaximum);
    kernels.average_pool(on.stream(), s, tv, average);
    kernels.average_pool_gradient(on.stream(), s, tdy, daverage);

    Values y = poisoned(elements_y(s)), dx = poisoned(elements_x(s));
    std::vector<std::int32_t> where(y.size(), -1);
    Stream& host = on.host_stream();
    reference.max_pool(host, s, x.data(), y.data(), where.data());
    EXPECT_TRUE(kernel_test::close(maximum, y, 0));
    EXPECT_TRUE(kernel_test::same_bits(index.host(), where));
    reference.max_pool_pick(host, s, v.data(), where.data(), y.data());
    EXPECT_TRUE(kernel_test::close(picked, y, 0));
    // at most twenty numbers of size 1 are added
    const double unit = static_cast<double>(std::numeric_limits<T>::epsilon());
    reference.max_pool_gradient(host, s, dy.data(), where.data(), dx.data());
    EXPECT_TRUE(kernel_test::close(dmaximum, dx, 0, 20 * unit));
    reference.average_pool(host, s, v.data(), y.data());
    EXPECT_TRUE(kernel_test::close(average, y, 0, 20 * unit));
    reference.average_pool_gradient(host, s, dy.data(), dx.data());
    EXPECT_TRUE(kernel_test::close(daverage, dx, 0, 20 * unit));
  }
}

}  // namespace
}  // namespace understudy
