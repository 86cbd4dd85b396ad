// How near the vectorized elementary functions are to the truth, over the whole range of the type:
// f32 on every 1021st of all bit patterns, f64 on random ones, both on the points where functions
// of this kind go wrong. The truth is double for f32 and long double for f64, whose own errors are
// thousandths of the units measured here.

#include <cmath>
#include <cstring>

#include "kernels/elementwise/elementwise.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Random;

template <class T>
using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;

// |found - truth| in units in the last place of T at the truth; infinite where one is NaN, or
// infinite, and the other is not, or where a zero has the wrong sign.
template <class T>
double units(T found, Wide<T> truth) {
  const T nearest = static_cast<T>(truth);
  if (std::isnan(found) || std::isnan(truth))
    return std::isnan(found) && std::isnan(truth) ? 0 : INFINITY;
  if (std::isinf(nearest) || std::isinf(found)) {
    // a step beyond the largest number is infinity: an error of one unit, not of infinitely many
    if (found == nearest) return 0;
    const T largest = std::numeric_limits<T>::max();
    return std::isinf(static_cast<Wide<T>>(truth)) ||
                   std::abs(std::isinf(found) ? nearest : found) != largest
               ? INFINITY
               : 1;
  }
  if (found == T(0) && nearest == T(0))
    return std::signbit(found) == std::signbit(nearest) ? 0 : INFINITY;
  int exponent = 0;
  std::frexp(truth, &exponent);
  const int least = std::numeric_limits<T>::min_exponent;
  const Wide<T> unit =
      std::ldexp(Wide<T>(1), std::max(exponent, least) - std::numeric_limits<T>::digits);
  return static_cast<double>(std::abs(static_cast<Wide<T>>(found) - truth) / unit);
}

struct Function {
  Unary name;
  const char* words;
  double bound;  // in units in the last place, as math_cpu.h promises
  double (*f32)(double);
  long double (*f64)(long double);
};

#define UNDERSTUDY_FUNCTION(name, bound, expression)                          \
  {                                                                           \
    Unary::name, #name, bound, [](double x) -> double { return expression; }, \
        [](long double x) -> long double { return expression; }               \
  }

const Function functions[] = {
    UNDERSTUDY_FUNCTION(exponential, 1, std::exp(x)),
    UNDERSTUDY_FUNCTION(expm1, 2, std::expm1(x)),
    UNDERSTUDY_FUNCTION(logarithm, 1, std::log(x)),
    UNDERSTUDY_FUNCTION(log1p, 1, std::log1p(x)),
    UNDERSTUDY_FUNCTION(tanh, 4, std::tanh(x)),
    UNDERSTUDY_FUNCTION(sigmoid, 3,
                        x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x))),
    UNDERSTUDY_FUNCTION(softplus, 2, (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x)))),
    UNDERSTUDY_FUNCTION(erf, 2, std::erf(x)),
    UNDERSTUDY_FUNCTION(sine, 2, std::sin(x)),
    UNDERSTUDY_FUNCTION(cosine, 2, std::cos(x)),
    UNDERSTUDY_FUNCTION(square_root, 0.5, std::sqrt(x)),
    UNDERSTUDY_FUNCTION(reciprocal, 0.5, 1 / x),
    UNDERSTUDY_FUNCTION(floor, 0, std::floor(x)),
};

template <class T>
std::vector<T> points() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> x;
  for (T v : {T(0),
              T(1),
              Limits::infinity(),
              Limits::quiet_NaN(),
              Limits::denorm_min(),
              Limits::min(),
              Limits::max(),
              T(0.5),
              T(0.75),
              T(1.5),
              T(2),
              T(0.34657359),
              T(0.69314718),
              T(0.70710678),
              T(9),
              T(9.01),
              T(9.02),
              T(17.33),
              T(20),
              T(88.72283),
              T(88.73),
              T(87.3365),
              T(103.27),
              T(103.97208),
              T(104),
              T(708.4),
              T(709.782712893384),
              T(709.79),
              T(745.13),
              T(745.2),
              T(0.92),
              T(3.92),
              T(5.93),
              T(6),
              T(1e-10),
              T(1e-20),
              T(8388608),
              T(4503599627370496.0),
              T(1048576),
              T(1e22),
              T(1.5707963267948966),
              T(3.141592653589793),
              T(710.0)})
    for (T near : {v, std::nextafter(v, T(-1)), std::nextafter(v, Limits::infinity())})
      for (T sign : {T(1), T(-1)}) x.push_back(sign * near);
  if constexpr (sizeof(T) == 4) {
    // 1021 is prime: the low bits of the patterns take every value
    for (std::uint64_t pattern = 0; pattern < std::uint64_t{1} << 32; pattern += 1021) {
      const std::uint32_t bits = static_cast<std::uint32_t>(pattern);
      float v;
      std::memcpy(&v, &bits, sizeof v);
      x.push_back(v);
    }
  } else {
    Random random(1);
    for (int i = 0; i < 40000; ++i) {
      const std::uint64_t bits = random.word();
      double v;
      std::memcpy(&v, &bits, sizeof v);
      x.push_back(v);
      for (double width : {0.1, 1.0, 3.0, 10.0, 40.0, 750.0, 1e6})
        x.push_back(random.uniform(-width, width));
      x.push_back(1 + random.uniform(-0.4, 0.6) * std::exp2(-random.uniform(0, 50)));
      // near multiples of pi / 2, where the sine's argument loses its digits
      x.push_back(static_cast<double>(random.integer(-600000, 600000)) * 1.5707963267948966);
    }
  }
  return x;
}

template <class T>
ElementwiseKernels<T> kernels_of(InstructionSet set) {
  return cpu_kernels<ElementwiseKernels>(set).of<T>();
}

template <class T>
void check_functions() {
  const std::vector<T> x = points<T>();
  std::vector<Wide<T>> truth(x.size());
  std::vector<T> y(x.size());
  Stream stream;
  for (const Function& function : functions) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if constexpr (sizeof(T) == 4)
        truth[i] = function.f32(x[i]);
      else
        truth[i] = function.f64(x[i]);
    }
    for (const auto& [set, set_name, options] : instruction_sets) {
      if (!available(set)) continue;
      kernels_of<T>(set).unary(stream, function.name, static_cast<std::int64_t>(x.size()), x.data(),
                               y.data());
      double worst = -1;
      std::size_t at = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double error = units<T>(y[i], truth[i]);
        if (error > worst) worst = error, at = i;
      }
      EXPECT_LE(worst, function.bound)
          << function.words << ", " << name(set) << ", at " << testing::PrintToString(x[at])
          << " found " << testing::PrintToString(y[at]) << ", expected "
          << static_cast<double>(truth[at]);
      // what was measured, for those who look at the test's XML report
      testing::Test::RecordProperty(std::string(function.words) + "_" + name(set),
                                    std::to_string(worst));
      if (std::getenv("UNDERSTUDY_PRINT_UNITS") != nullptr)
        std::printf("%-12s %-9s %s  %.3f at %.9g\n", function.words, name(set),
                    sizeof(T) == 4 ? "f32" : "f64", worst, static_cast<double>(x[at]));
    }
  }
}

TEST(MathCpu, single_precision_stays_within_its_bounds_on_every_1021st_pattern) {
  check_functions<float>();
}
TEST(MathCpu, double_precision_stays_within_its_bounds_on_random_points) {
  check_functions<double>();
}

// The derivative 1 - y^2 must not become negative.
TEST(MathCpu, the_hyperbolic_tangent_never_exceeds_1) {
  const std::vector<float> x = points<float>();
  std::vector<float> y(x.size());
  Stream stream;
  for (const auto& [set, set_name, options] : instruction_sets) {
    if (!available(set)) continue;
    kernels_of<float>(set).unary(stream, Unary::tanh, static_cast<std::int64_t>(x.size()), x.data(),
                                 y.data());
    float largest = 0;
    for (float v : y) largest = std::fmax(largest, std::fabs(v));  // passes NaN by
    EXPECT_EQ(largest, 1.0f) << name(set);
  }
}

template <class T>
void check_power() {
  Random random(2);
  std::vector<T> a, b;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  const T largest = std::numeric_limits<T>::max(), least = std::numeric_limits<T>::denorm_min();
  // every pair of what C's Annex F names, and more
  const T specials[] = {T(0),        -T(0),
                        T(1),        -T(1),
                        T(2),        -T(2),
                        T(3),        -T(3),
                        T(0.5),      -T(0.5),
                        T(1.5),      -T(1.5),
                        inf,         -inf,
                        nan,         largest,
                        -largest,    least,
                        -least,      T(1e9),
                        T(1e9 + 1),  T(4503599627370497.0),
                        T(16777217), T(8388609)};
  for (T s : specials)
    for (T t : specials) a.push_back(s), b.push_back(t);
  for (int i = 0; i < 200000; ++i) {
    // results spread over the whole range of T
    const double log_range = sizeof(T) == 4 ? 104 : 746;
    const double base = std::exp(random.uniform(-1, 1) * std::exp(random.uniform(-12, 4.4)));
    a.push_back(static_cast<T>(base));
    b.push_back(static_cast<T>(random.uniform(-1, 1) * log_range /
                               std::fmax(std::fabs(std::log(base)), 1e-9)));
    a.push_back(static_cast<T>(random.uniform(-20, 20)));
    b.push_back(static_cast<T>(random.integer(-200, 200)));
  }
  Strided shape;
  shape.rank = 1;
  shape.extent[0] = static_cast<std::int64_t>(a.size());
  shape.stride[0][0] = shape.stride[1][0] = 1;
  std::vector<T> y(a.size());
  Stream stream;
  for (const auto& [set, set_name, options] : instruction_sets) {
    if (!available(set)) continue;
    kernels_of<T>(set).binary(stream, Binary::power, shape, a.data(), b.data(), y.data());
    double worst = -1;
    std::size_t at = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const Wide<T> truth = std::pow(static_cast<Wide<T>>(a[i]), static_cast<Wide<T>>(b[i]));
      const double error = units<T>(y[i], truth);
      if (error > worst) worst = error, at = i;
    }
    EXPECT_LE(worst, 2) << name(set) << " at " << testing::PrintToString(a[at]) << " to the power "
                        << testing::PrintToString(b[at]) << ", found "
                        << testing::PrintToString(y[at]);
    if (std::getenv("UNDERSTUDY_PRINT_UNITS") != nullptr)
      std::printf("%-12s %-9s %s  %.3f at %.9g, %.9g\n", "power", name(set),
                  sizeof(T) == 4 ? "f32" : "f64", worst, static_cast<double>(a[at]),
                  static_cast<double>(b[at]));
  }
}

TEST(MathCpu, powers_stay_within_their_bounds_and_follow_annex_f) {
  check_power<float>();
  check_power<double>();
}

}  // namespace
}  // namespace understudy
