// More elementary functions on vectors, beside math_cpu.h: softplus, the error function, sine and
// cosine, and powers. All within 2 units in the last place over the whole range of T, which
// tests/kernels/math_cpu_test.cpp holds them to; coefficients from coefficients.py.

#pragma once

#include "kernels/elementwise/math_cpu.h"

namespace understudy::UNDERSTUDY_ISA {

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): nothing overflows, and for very negative x the
// logarithm's argument is small and keeps its digits.
template <class T>
UNDERSTUDY_INLINE Vec<T> softplus(Vec<T> x) {
  const Vec<T> tail = logarithm_of_one_plus<T>(exponential<T>(-absolute<T>(x)));
  return maximum<T>(Vec<T>{}, x) + tail;
}

// |x| <= 1: erf(x) = x + x P(x^2). Beyond: 1 - exp(-Q(|x| - 1)), Q = -log erfc. There erfc is
// at most 0.157, so that the exponential's error counts little, and less and less as x grows.
template <class T>
UNDERSTUDY_INLINE Vec<T> error_function(Vec<T> x) {
  const Vec<T> a = absolute<T>(x), z = x * x;
  // erf rounds to 1 a little below
  const Vec<T> t = minimum<T>(broadcast<T>(T(is_single<T> ? 3.95 : 5.95)), a) - T(1);
  Vec<T> near, far;
  if constexpr (is_single<T>) {
    near = x + x * polynomial<T>(z, 0.1283791661f, -0.3761262596f, 0.1128357872f, -0.0268533472f,
                                 0.005187162198f, -0.0007997853099f, 7.806903159e-5f);
    far = polynomial<T>(t, 1.84960556f, 2.63896203f, 0.8431955576f, 0.04106943309f,
                        -0.008822147734f, 0.0005498938262f, 0.0005280209007f, -0.0001487203554f);
  } else {
    near = x + x * polynomial<T>(
                       z, 0.128379167095512586, -0.37612638903184098, 0.112837916709711036,
                       -0.0268661706480332468, 0.00522397765272512166, -0.000854832853912467568,
                       0.000120553864121502986, -0.0000149268903012934228, 1.64812773225966108e-6,
                       -1.65604341051897733e-7, 1.60430287946191167e-8, -1.66117558129151452e-9,
                       1.46488199359536125e-10);
    far =
        polynomial<T>(t, 1.84960550993324824, 2.63896751423479659, 0.8431072563580706,
                      0.0415610980590358503, -0.0100338256264721464, 0.00197790475350129689,
                      -0.000237334709177885512, -0.0000262311777406366111, 0.000027032515550114323,
                      -9.35840085169272627e-6, 1.69085841081255309e-6, 2.66783460571029712e-7,
                      -4.43099108798314085e-7, 2.73911589607159453e-7, -1.22973297244306819e-7,
                      4.23806837262438874e-8, -1.10115975382408049e-8, 2.07147981412826131e-9,
                      -2.64687911954534098e-10, 2.04623370097648135e-11, -7.1988326293423723e-13);
  }
  return a <= T(1) ? near : copy_sign<T>(T(1) - exponential<T>(-far), x);
}

// f(x, y) of f32 computed in f64, half a vector at a time.
template <class F>
UNDERSTUDY_INLINE Vec<float> widely(Vec<float> x, Vec<float> y, const F& f) {
  typedef float Half __attribute__((vector_size(vector_bytes / 2)));
  Half halves_x[2], halves_y[2];
  std::memcpy(halves_x, &x, sizeof x);
  std::memcpy(halves_y, &y, sizeof y);
  for (int i = 0; i < 2; ++i)
    halves_x[i] = __builtin_convertvector(f(__builtin_convertvector(halves_x[i], Vec<double>),
                                            __builtin_convertvector(halves_y[i], Vec<double>)),
                                          Half);
  std::memcpy(&x, halves_x, sizeof x);
  return x;
}

// x - n pi / 2 for |n| < 2^20 (Cody & Waite): pi / 2 in parts of 33 bits, whose products with n are
// exact, and what the second subtraction rounded off is given to the third. So the remainder keeps
// its digits however near x is to a multiple.
UNDERSTUDY_INLINE Vec<double> subtract_quarters(Vec<double> x, Vec<double> n) {
  const Vec<double> first = x - n * 1.57079632673412561417e+00;
  const Vec<double> part = n * 6.07710050630396597660e-11;
  const Vec<double> second = first - part;
  const Vec<double> lost = (first - second) - part;
  return second - (n * 2.02226624879595063154e-21 - lost);
}

// sin(r) for |r| <= pi / 4 and a little: r + r^3 S(r^2).
template <class T>
UNDERSTUDY_INLINE Vec<T> sine_near_zero(Vec<T> r) {
  const Vec<T> z = r * r;
  if constexpr (is_single<T>)
    return r + (r * z) * polynomial<T>(z, -0.1666665524f, 0.008332188241f, -0.0001951799786f);
  else
    return r + (r * z) * polynomial<T>(z, -0.166666666666666297, 0.00833333333332179557,
                                       -0.000198412698292922018, 2.75573135065603945e-6,
                                       -2.505072817499522e-8, 1.58950117418473891e-10);
}
// cos(r) there: 1 - r^2 / 2 + r^4 C(r^2).
template <class T>
UNDERSTUDY_INLINE Vec<T> cosine_near_zero(Vec<T> r) {
  const Vec<T> z = r * r;
  // 1 - z / 2 and what its rounding lost
  const Vec<T> half = z * T(0.5), most = T(1) - half;
  const Vec<T> lost = (T(1) - most) - half;
  if constexpr (is_single<T>)
    return most +
           (lost + (z * z) * polynomial<T>(z, 0.04166664556f, -0.001388730132f, 2.443067024e-5f));
  else
    return most +
           (lost + (z * z) * polynomial<T>(z, 0.041666666666666595, -0.00138888888888733029,
                                           0.0000248015872889471543, -2.75573141919265625e-7,
                                           2.08757007448052694e-9, -1.13584469648132378e-11));
}

// sin(x + quarter pi / 2). Beyond the limit the multiple of pi / 2 has too many digits, and the C
// library takes over, element by element: an angle of a million turns is no usual one.
template <class T>
UNDERSTUDY_INLINE Vec<T> sine_shifted(Vec<T> x, int quarter) {
  const T limit = is_single<T> ? T(16384) : T(1e6);
  const Vec<T> n = round_to_integer<T>(x * T(0.63661977236758134308));
  Vec<T> r;
  if constexpr (is_single<T>)
    r = widely(
        x, n, [](Vec<double> a, Vec<double> b) __attribute__((always_inline)) {
          return subtract_quarters(a, b);
        });
  else
    r = subtract_quarters(x, n);
  // the integer in the low bits of the shifted sum
  const VecInt<T> k = bits_of<T>(n + rounding_shift<T>) + Integer<T>(quarter);
  const VecInt<T> odd = (k & Integer<T>(1)) == Integer<T>(1);
  Vec<T> y = odd ? cosine_near_zero<T>(r) : sine_near_zero<T>(r);
  y = (k & Integer<T>(2)) == Integer<T>(2) ? -y : y;
  if (maximum_lane<T>(absolute<T>(x) <= limit ? Vec<T>{} : broadcast<T>(T(1))) != T(0)) [[unlikely]]
    for (int i = 0; i < lanes<T>; ++i)
      if (!(x[i] <= limit && x[i] >= -limit)) {
        if constexpr (is_single<T>)
          y[i] = quarter == 0 ? __builtin_sinf(x[i]) : __builtin_cosf(x[i]);
        else
          y[i] = quarter == 0 ? __builtin_sin(x[i]) : __builtin_cos(x[i]);
      }
  return y;
}
template <class T>
UNDERSTUDY_INLINE Vec<T> sine(Vec<T> x) {
  const Vec<T> y = sine_shifted<T>(x, 0);
  return x == T(0) ? x : y;  // -0 stays -0
}
template <class T>
UNDERSTUDY_INLINE Vec<T> cosine(Vec<T> x) {
  return sine_shifted<T>(x, 1);
}

// a b = product + error, exactly. The error is written as one instruction where there is one: spelt
// in arithmetic, the compiler would see that a b - a b is 0.
UNDERSTUDY_INLINE Vec<double> multiply_exactly(Vec<double> a, Vec<double> b, Vec<double>& error) {
  const Vec<double> product = a * b;
#if defined(__AVX512F__)
  error = (Vec<double>)_mm512_fmsub_pd((__m512d)a, (__m512d)b, (__m512d)product);
#elif defined(__AVX2__)
  error = (Vec<double>)_mm256_fmsub_pd((__m256d)a, (__m256d)b, (__m256d)product);
#else
  // Dekker's: the upper 26 bits of each, whose partial products fit
  const Vec<double> a1 = from_bits<double>(bits_of<double>(a) & ~std::int64_t{0x7ffffff});
  const Vec<double> b1 = from_bits<double>(bits_of<double>(b) & ~std::int64_t{0x7ffffff});
  const Vec<double> a2 = a - a1, b2 = b - b1;
  error = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2;
#endif
  return product;
}

// a^b for 0 < a < infinity and any number b: exp(b log a) with the logarithm to some 65 bits,
// because b log a may be 700, and an error there is a relative one of the result.
UNDERSTUDY_INLINE Vec<double> power_of_positive(Vec<double> a, Vec<double> b) {
  using V = Vec<double>;
  V k, m;
  split_exponent<double>(a, k, m);
  // m within a factor of the square root of 2 from 1: the terms below that are not carried in two
  // parts are then half as large
  const VecInt<double> high = m > 1.4142135623730951;
  m = high ? m * 0.5 : m;
  k = high ? k + 1.0 : k;
  // s = (m - 1) / (m + 1) = s1 + s2
  const V f = m - 1.0, d = m + 1.0;
  const V d2 = m - (d - 1.0);
  const V s1 = f / d;
  V error;
  const V back = multiply_exactly(s1, d, error);
  const V s2 = (((f - back) - error) - s1 * d2) / d;
  // log m = 2 s + s (2/3 z + z^2 R(z)), z = s^2; the factor in brackets is u1 + u2
  V z2, u2, t2;
  const V z = multiply_exactly(s1, s1, z2);
  z2 = z2 + 2.0 * s1 * s2;
  const V u1 = multiply_exactly(z, broadcast<double>(2.0 / 3), u2);
  u2 = u2 + z * 3.700743415417188e-17 + z2 * (2.0 / 3) +
       (z * z) * polynomial<double>(z, 0.399999999999997247, 0.285714285715773009,
                                    0.222222221912530354, 0.18181821525483452, 0.153844066758687892,
                                    0.13341143877209255, 0.11592364565645881, 0.12571412666371104);
  const V t1 = multiply_exactly(s1, u1, t2);
  t2 = t2 + s1 * u2 + s2 * u1;
  const V h1 = 2.0 * s1 + t1;
  const V h2 = (2.0 * s1 - h1) + t1 + t2 + 2.0 * s2;
  // log a = k ln 2 + log m = l1 + l2
  const V whole = k * 6.93147180369123816490e-01;  // exact
  const V most = whole + h1;
  const V rest = ((whole - most) + h1) + (h2 + k * 1.90821492927058770002e-10);
  const V l1 = most + rest;
  const V l2 = (most - l1) + rest;

  // beyond 2^80 every power is 0, 1 or infinity: held there, so that nothing becomes NaN
  b = minimum<double>(broadcast<double>(0x1p80), b);
  b = maximum<double>(broadcast<double>(-0x1p80), b);
  V e2;
  V e1 = multiply_exactly(b, l1, e2);
  e2 = absolute<double>(e1) < 750.0 ? e2 + b * l2 : V{};
  e1 = minimum<double>(broadcast<double>(710.0), e1);
  e1 = maximum<double>(broadcast<double>(-746.0), e1);
  // exp(e1 + e2) = 2^n exp(head + low), the head exact
  const V n = round_to_integer<double>(e1 * 1.44269504088896340736);
  const V head = e1 - n * 6.93147180369123816490e-01;
  const V low = e2 - n * 1.90821492927058770002e-10;
  const V r = head + low;
  const V p = head + (exponential_tail<double>(r) * (r * r) + low);
  return scale_by_power_of_two<double>(p + 1.0, n);
}

// a^b as C's Annex F has it. In f32 through f64, where exp(b log a) has digits to spare.
template <class T>
UNDERSTUDY_INLINE Vec<T> power(Vec<T> a, Vec<T> b) {
  const Vec<T> zero = {}, one = broadcast<T>(T(1));
  const Vec<T> infinity = broadcast<T>(T(__builtin_inf())), magnitude = absolute<T>(a);
  Vec<T> y;
  if constexpr (is_single<T>)
    y = widely(
        magnitude, b, [](Vec<double> base, Vec<double> e) __attribute__((always_inline)) {
          return exponential<double>(e * logarithm<double>(base));
        });
  else
    y = power_of_positive(magnitude, b);
  y = magnitude == zero ? (b < zero ? infinity : zero) : y;
  y = magnitude == infinity ? (b < zero ? zero : infinity) : y;
  // infinite exponents: 1 for |a| = 1, else 0 or infinity by the sides of 1
  const VecInt<T> grows = (magnitude > one) == (b > zero);
  y = absolute<T>(b) == infinity ? (magnitude == one ? one : (grows ? infinity : zero)) : y;
  // negative bases: the sign of odd powers; no number where the exponent is no integer
  const VecInt<T> whole = floor_of<T>(b) == b;
  const Vec<T> half = b * T(0.5);
  const VecInt<T> odd = whole & (floor_of<T>(half) != half);
  y = from_bits<T>(bits_of<T>(y) ^ (bits_of<T>(a) & bits_of<T>(broadcast<T>(T(-0.0))) & odd));
  const VecInt<T> nowhere = (a < zero) & (a > -infinity) & ~whole;
  y = nowhere ? broadcast<T>(T(__builtin_nan(""))) : y;
  y = a == a ? (b == b ? y : b) : a;
  return ((a == one) | (b == zero)) ? one : y;
}

}  // namespace understudy::UNDERSTUDY_ISA
