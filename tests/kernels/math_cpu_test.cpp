// The vectorised elementary functions in units in the last place, against long double, on every
// instruction set: f32 over a dense sample of all bit patterns, f64 over random ones.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "kernels/device/instruction_set.h"
#include "kernels/elementwise/elementwise.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Wide = long double;

struct Function {
  const char* name;
  Unary which;
  std::function<Wide(Wide)> exact;
  double bound;  // units in the last place
};

std::vector<Function> functions() {
  return {
      {"exp", Unary::exponential, [](Wide x) { return std::exp(x); }, 2},
      {"log", Unary::logarithm, [](Wide x) { return std::log(x); }, 2},
      {"log1p", Unary::log1p, [](Wide x) { return std::log1p(x); }, 2},
      {"expm1", Unary::expm1, [](Wide x) { return std::expm1(x); }, 2},
      {"tanh", Unary::tanh, [](Wide x) { return std::tanh(x); }, 4},
      {"sigmoid", Unary::sigmoid, [](Wide x) { return 1 / (1 + std::exp(-x)); }, 3},
      {"softplus", Unary::softplus,
       [](Wide x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }, 2},
      {"erf", Unary::erf, [](Wide x) { return std::erf(x); }, 4},
      {"sqrt", Unary::square_root, [](Wide x) { return std::sqrt(x); }, 0.5001},
      {"reciprocal", Unary::reciprocal, [](Wide x) { return 1 / x; }, 0.5001},
  };
}

template <class T>
double units_off(T found, Wide exact) {
  const T rounded = static_cast<T>(exact);
  if (std::isnan(found) || std::isnan(rounded))
    return std::isnan(found) && std::isnan(rounded) ? 0 : INFINITY;
  if (found == rounded) return 0;
  if (std::isinf(found) != std::isinf(rounded)) {
    // The neighbour of infinity is the largest number.
    const T largest = std::numeric_limits<T>::max();
    return std::abs(found) == largest || std::abs(rounded) == largest ? 1 : INFINITY;
  }
  int exponent;
  std::frexp(std::abs(exact), &exponent);
  const int digits = std::numeric_limits<T>::digits;
  const int lowest = std::numeric_limits<T>::min_exponent - digits;
  const Wide unit = std::ldexp(Wide(1), std::max(exponent - digits, lowest));
  return static_cast<double>(std::abs(static_cast<Wide>(found) - exact) / unit);
}

template <class T>
std::vector<T> arguments() {
  std::vector<T> all;
  if constexpr (sizeof(T) == 4) {
    // Every 4,099th bit pattern: both signs, denormals, infinities and NaN among them.
    for (std::uint64_t bits = 0; bits < (std::uint64_t{1} << 32); bits += 4099) {
      const std::uint32_t pattern = static_cast<std::uint32_t>(bits);
      T x;
      std::memcpy(&x, &pattern, sizeof x);
      all.push_back(x);
    }
  } else {
    kernel_test::Random random(3);
    for (int i = 0; i < 200000; ++i) {
      const std::uint64_t pattern = random.word();
      T x;
      std::memcpy(&x, &pattern, sizeof x);
      all.push_back(x);
    }
  }
  // The middle of the range, where functions do something.
  kernel_test::Random random(4);
  for (int i = 0; i < 200000; ++i) all.push_back(static_cast<T>(random.normal() * 10));
  for (int i = 0; i < 100000; ++i) all.push_back(static_cast<T>(1 + random.normal() * 1e-3));
  for (double x : {0.0, -0.0, 1.0, -1.0, 88.0, 88.8, -87.4, -103.9, -104.1, 709.7, 710.1, -745.0})
    all.push_back(static_cast<T>(x));
  for (T x : {std::numeric_limits<T>::infinity(), -std::numeric_limits<T>::infinity(),
              std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::max(),
              std::numeric_limits<T>::min(), std::numeric_limits<T>::denorm_min()})
    all.push_back(x);
  return all;
}

template <class T>
ElementwiseKernels<T> kernels_of(InstructionSet set) {
  ElementwiseKernels<T> kernels;
  if (set == InstructionSet::portable) portable::fill(kernels);
  if (set == InstructionSet::avx2) avx2::fill(kernels);
  if (set == InstructionSet::avx512) avx512::fill(kernels);
  return kernels;
}

template <class T>
void check_all() {
  const std::vector<T> x = arguments<T>();
  std::vector<T> y(x.size());
  for (const Function& f : functions()) {
    std::vector<Wide> exact;
    exact.reserve(x.size());
    for (T value : x) exact.push_back(f.exact(static_cast<Wide>(value)));
    for (InstructionSet set :
         {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512}) {
      if (!available(set)) continue;
      Stream stream;
      kernels_of<T>(set).unary(stream, f.which, static_cast<std::int64_t>(x.size()), x.data(),
                               y.data());
      double worst = 0;
      std::size_t at = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double off = units_off(y[i], exact[i]);
        if (off > worst) worst = off, at = i;
      }
      EXPECT_LE(worst, f.bound) << f.name << (sizeof(T) == 4 ? " f32 " : " f64 ") << name(set)
                                << " at " << x[at] << ": " << y[at] << ", exactly "
                                << static_cast<double>(exact[at]);
    }
  }
}

TEST(Math, f32_is_within_its_units_in_the_last_place) { check_all<float>(); }
TEST(Math, f64_is_within_its_units_in_the_last_place) { check_all<double>(); }

// Sine and cosine near a multiple of pi lose digits of the argument itself: they are held to the
// size of the function's range, as the reduction promises.
template <class T>
void check_waves() {
  const std::vector<T> x = arguments<T>();
  std::vector<T> y(x.size());
  for (bool cosine : {false, true})
    for (InstructionSet set :
         {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512}) {
      if (!available(set)) continue;
      Stream stream;
      kernels_of<T>(set).unary(stream, cosine ? Unary::cosine : Unary::sine,
                               static_cast<std::int64_t>(x.size()), x.data(), y.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const T exact = cosine ? std::cos(x[i]) : std::sin(x[i]);
        if (std::isnan(exact)) {
          EXPECT_TRUE(std::isnan(y[i]));
        } else {
          ASSERT_NEAR(y[i], exact, 2 * std::numeric_limits<T>::epsilon())
              << name(set) << " at " << x[i];
        }
      }
    }
}

TEST(Math, f32_waves_are_within_two_units_of_one) { check_waves<float>(); }
TEST(Math, f64_waves_are_within_two_units_of_one) { check_waves<double>(); }

TEST(Math, powers_are_within_their_units_in_the_last_place) {
  kernel_test::Random random(8);
  std::vector<float> a, b, y;
  for (int i = 0; i < 100000; ++i) {
    a.push_back(static_cast<float>(std::exp(3 * random.normal())));
    b.push_back(static_cast<float>(4 * random.normal()));
  }
  for (float x : {0.0f, -2.0f, 1.0f, INFINITY, -INFINITY, NAN})
    for (float power : {0.0f, 2.0f, -3.0f, 0.5f, INFINITY, NAN}) {
      a.push_back(x);
      b.push_back(power);
    }
  y.resize(a.size());
  Strided shape;
  shape.rank = 1;
  shape.extent[0] = static_cast<std::int64_t>(a.size());
  shape.stride[0][0] = shape.stride[1][0] = 1;
  for (InstructionSet set :
       {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512}) {
    if (!available(set)) continue;
    Stream stream;
    kernels_of<float>(set).binary(stream, Binary::power, shape, a.data(), b.data(), y.data());
    for (std::size_t i = 0; i < a.size(); ++i)
      ASSERT_LE(units_off(y[i], std::pow(static_cast<Wide>(a[i]), static_cast<Wide>(b[i]))), 2)
          << name(set) << ": " << a[i] << " to the " << b[i];
  }
}

}  // namespace
}  // namespace understudy
