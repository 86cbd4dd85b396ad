// Elementary functions on vectors: kernels/device/simd.h's Vec<T>, T = float or double.
//
// Include only from `*_cpu.cpp`. Everything is inlined and uses neither tables in memory nor
// branches. The coefficients come from coefficients.py; each function's comment says the reduction.
// Errors, in units in the last place, are those that tests/kernels/math_cpu_test.cpp holds them to,
// for every instruction set, infinities, NaN and denormals included: 4 for the hyperbolic tangent,
// 3 for the sigmoid, 2 for the others.

#pragma once

#include "kernels/device/simd.h"

namespace understudy::UNDERSTUDY_ISA {

template <class T>
constexpr bool is_single = sizeof(T) == 4;

// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule: a chain of multiply-adds, of which the
// core runs several iterations' side by side.
template <class T>
UNDERSTUDY_INLINE Vec<T> polynomial(Vec<T>, T last) {
  return broadcast<T>(last);
}
template <class T, class... Rest>
UNDERSTUDY_INLINE Vec<T> polynomial(Vec<T> x, T first, Rest... rest) {
  return polynomial<T>(x, static_cast<T>(rest)...) * x + first;
}

// Adding and subtracting 1.5 * 2^(bits of the significand - 1) rounds |x| < 2^22 (2^51) to an
// integer, ties to even, and leaves that integer in the low bits of the sum.
template <class T>
constexpr T rounding_shift = is_single<T> ? T(12582912.0) : T(6755399441055744.0);

template <class T>
UNDERSTUDY_INLINE Vec<T> round_to_integer(Vec<T> x) {
#if defined(__AVX512F__)
  if constexpr (is_single<T>)
    return (Vec<T>)_mm512_maskz_roundscale_ps(0xffff, (__m512)x, 8);
  else
    return (Vec<T>)_mm512_maskz_roundscale_pd(0xff, (__m512d)x, 8);
#elif defined(__AVX2__)
  if constexpr (is_single<T>)
    return (Vec<T>)_mm256_round_ps((__m256)x, 8);
  else
    return (Vec<T>)_mm256_round_pd((__m256d)x, 8);
#else
  return (x + rounding_shift<T>)-rounding_shift<T>;
#endif
}

// p * 2^n for integers n within twice the exponent's range, rounded once, also into denormals.
template <class T>
UNDERSTUDY_INLINE Vec<T> scale_by_power_of_two(Vec<T> p, Vec<T> n) {
#if defined(__AVX512F__)
  if constexpr (is_single<T>)
    return (Vec<T>)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)n);
  else
    return (Vec<T>)_mm512_maskz_scalef_pd(0xff, (__m512d)p, (__m512d)n);
#else
  constexpr int significand = is_single<T> ? 23 : 52;
  constexpr Integer<T> bias = is_single<T> ? 127 : 1023;
  // in two steps, of which the first is exact: 2^n itself may be no number
  const Vec<T> shift = broadcast<T>(rounding_shift<T>);
  const Vec<T> half = round_to_integer<T>(n * T(0.5));
  const VecInt<T> first = bits_of<T>(half + shift) - bits_of<T>(shift);
  const VecInt<T> second = bits_of<T>((n - half) + shift) - bits_of<T>(shift);
  return p * from_bits<T>((first + bias) << significand) *
         from_bits<T>((second + bias) << significand);
#endif
}

// x = n ln 2 + r, |r| <= ln 2 / 2 and a little. ln 2 in two parts, the first short enough that its
// product with n is exact.
template <class T>
UNDERSTUDY_INLINE void reduce_by_ln2(Vec<T> x, Vec<T>& n, Vec<T>& r) {
  n = round_to_integer<T>(x * T(1.44269504088896340736));
  if constexpr (is_single<T>) {
    r = x - n * 0.693145751953125f;
    r = r - n * 1.428606765330187e-6f;
  } else {
    r = x - n * 6.93147180369123816490e-01;
    r = r - n * 1.90821492927058770002e-10;
  }
}

// exp(r) - 1 - r over r^2 for |r| <= ln 2 / 2.
template <class T>
UNDERSTUDY_INLINE Vec<T> exponential_tail(Vec<T> r) {
  if constexpr (is_single<T>)
    return polynomial<T>(r, 0.4999999404f, 0.1666651666f, 0.04166810215f, 0.008369192481f,
                         0.001383890514f);
  else
    return polynomial<T>(r, 0.50000000000000111, 0.166666666666664409, 0.0416666666665258117,
                         0.00833333333347168435, 0.00138888889448538335, 0.000198412695655663849,
                         0.0000248014917572241665, 2.75575256868246063e-6, 2.76307603577287421e-7,
                         2.50219088122880969e-8);
}

// exp(x) = 2^n exp(r).
template <class T>
UNDERSTUDY_INLINE Vec<T> exponential(Vec<T> x) {
  // beyond these the result is 0 or infinity by the scaling; NaN stays
  x = minimum<T>(broadcast<T>(T(is_single<T> ? 89 : 710)), x);
  x = maximum<T>(broadcast<T>(T(is_single<T> ? -104 : -746)), x);
  Vec<T> n, r;
  reduce_by_ln2<T>(x, n, r);
  // 1 last, so that its rounding is nearly the only one
  const Vec<T> p = (exponential_tail<T>(r) * (r * r) + r) + T(1);
  return scale_by_power_of_two<T>(p, n);
}

// exp(x) - 1 = 2 (2^(n-1) (exp(r) - 1) + (2^(n-1) - 1/2)), which is exact in its second term and
// for n = 0 loses nothing; 2^(n-1) because 2^n may overflow where the result does not.
template <class T>
UNDERSTUDY_INLINE Vec<T> exponential_minus_one(Vec<T> x) {
  Vec<T> a = minimum<T>(broadcast<T>(T(is_single<T> ? 89 : 710)), x);
  a = maximum<T>(broadcast<T>(T(is_single<T> ? -30 : -50)), a);  // -1 from there down
  Vec<T> n, r;
  reduce_by_ln2<T>(a, n, r);
  const Vec<T> q = exponential_tail<T>(r) * (r * r) + r;
  const Vec<T> half = scale_by_power_of_two<T>(broadcast<T>(T(0.5)), n);
  const Vec<T> y = T(2) * (half * q + (half - T(0.5)));
  // so small that exp(x) - 1 is x: keeps the sign of 0 and the last bit of denormals
  const T small = is_single<T> ? T(1e-9) : T(1e-17);
  return absolute<T>(x) < small ? x : y;
}

// Logarithms write x = 2^k m, m in [0.75, 1.5): k = 0 for x near 1, where log x is small.
template <class T>
UNDERSTUDY_INLINE void split_exponent(Vec<T> x, Vec<T>& k, Vec<T>& m) {
#if defined(__AVX512F__)
  // One instruction each, right for denormals and 0, and NaN for negative x (sign control 3); the
  // exponent of m is 0 or -1.
  if constexpr (is_single<T>) {
    const __m512 mantissa = _mm512_maskz_getmant_ps(0xffff, (__m512)x, _MM_MANT_NORM_p75_1p5,
                                                    (_MM_MANTISSA_SIGN_ENUM)3);
    m = (Vec<T>)mantissa;
    k = (Vec<T>)_mm512_maskz_sub_ps(0xffff, _mm512_maskz_getexp_ps(0xffff, (__m512)x),
                                    _mm512_maskz_getexp_ps(0xffff, mantissa));
  } else {
    const __m512d mantissa =
        _mm512_maskz_getmant_pd(0xff, (__m512d)x, _MM_MANT_NORM_p75_1p5, (_MM_MANTISSA_SIGN_ENUM)3);
    m = (Vec<T>)mantissa;
    k = (Vec<T>)_mm512_maskz_sub_pd(0xff, _mm512_maskz_getexp_pd(0xff, (__m512d)x),
                                    _mm512_maskz_getexp_pd(0xff, mantissa));
  }
#else
  constexpr int significand = is_single<T> ? 23 : 52;
  const T smallest = is_single<T> ? T(1.17549435e-38) : T(2.2250738585072014e-308);
  const T two_to_significand = is_single<T> ? T(8388608.0) : T(4503599627370496.0);
  // Without the sign, so that the difference of the bits cannot overflow: logarithm_specials has
  // what it means.
  const Vec<T> a = absolute<T>(x);
  const VecInt<T> denormal = a < smallest;
  const VecInt<T> bits = bits_of<T>(denormal ? a * two_to_significand : a);
  const VecInt<T> offset = bits - bits_of<T>(broadcast<T>(T(0.75)));
  const VecInt<T> exponent = offset >> significand;
  m = from_bits<T>(bits - (exponent << significand));
  // the integer in k's low bits, the shift taken off again: exact
  k = from_bits<T>(exponent + bits_of<T>(broadcast<T>(rounding_shift<T>))) - rounding_shift<T>;
  k = denormal ? k - T(significand) : k;
#endif
}

// What split_exponent does not know of: on AVX-512 nothing.
template <class T>
UNDERSTUDY_INLINE Vec<T> logarithm_specials([[maybe_unused]] Vec<T> x, Vec<T> y) {
#if !defined(__AVX512F__)
  const T infinity = T(__builtin_inf());
  y = x < infinity ? y : x;  // infinity and NaN are their own logarithms
  y = x > T(0) ? y : (x == T(0) ? broadcast<T>(-infinity) : broadcast<T>(T(__builtin_nan(""))));
#endif
  return y;
}

// k ln 2 + log(1 + f) + c, for 1 + f in [0.75, 1.5) and a correction |c| far below f (or 0).
template <class T>
UNDERSTUDY_INLINE Vec<T> assemble_logarithm(Vec<T> k, Vec<T> f, Vec<T> c) {
  if constexpr (is_single<T>) {
    // log(1 + f) = f + f^2 q(f)
    const Vec<T> q = polynomial<T>(f, -0.4999999702f, 0.3333333135f, -0.2500039637f, 0.2000041902f,
                                   -0.1665100604f, 0.1425628513f, -0.1273641288f, 0.1183940172f,
                                   -0.09321350604f, 0.03851841018f);
    Vec<T> y = k * 1.428606765330187e-6f + c;
    y = (f * f) * q + y;
    return k * 0.693145751953125f + (f + y);
  } else {
    // log(1 + f) = f - s (f - r), s = f / (2 + f), s + s r / 2 the inverse hyperbolic tangent of s:
    // f^2/2-like terms are subtracted from f, so that f's own digits are kept
    const Vec<T> s = f / (T(2) + f);
    const Vec<T> z = s * s;
    const Vec<T> r =
        z * polynomial<T>(z, 0.666666666666665964, 0.400000000000566402, 0.285714285558416103,
                          0.222222242946505, 0.181816659970334304, 0.153911077061608809,
                          0.131736739227273802, 0.138425179786307528);
    const Vec<T> y = (k * 1.90821492927058770002e-10 + c) - s * (f - r);
    return k * 6.93147180369123816490e-01 + (f + y);
  }
}

template <class T>
UNDERSTUDY_INLINE Vec<T> logarithm(Vec<T> x) {
  Vec<T> k, m;
  split_exponent<T>(x, k, m);
  return logarithm_specials<T>(x, assemble_logarithm<T>(k, m - T(1), Vec<T>{}));
}

// log(1 + x) with u = 1 + x rounded and what the rounding lost, x - (u - 1), divided by u.
template <class T>
UNDERSTUDY_INLINE Vec<T> logarithm_of_one_plus(Vec<T> x) {
  const Vec<T> u = x + T(1);
  Vec<T> k, m;
  split_exponent<T>(u, k, m);
  // the larger of the two addends first, so that the difference is exact
  const Vec<T> lost = x > T(1) ? T(1) - (u - x) : x - (u - T(1));
  Vec<T> y = assemble_logarithm<T>(k, m - T(1), lost / u);
  y = logarithm_specials<T>(u, y);
  // tiny x (and the sign of 0) is its own result; infinity has no loss to speak of
  const T small = is_single<T> ? T(1e-9) : T(1e-17);
  y = absolute<T>(x) < small ? x : y;
  const T infinity = T(__builtin_inf());
  y = u == T(0) ? broadcast<T>(-infinity) : y;
  return x == infinity ? x : y;
}

// With t = exp(-2 |x|) - 1, tanh |x| = -t / (2 + t), which keeps small x's digits and cannot
// overflow. In f32 -2 |x| = n ln 2 + r, ln 2 one number: what that lacks, times n, is far below the
// last place of 1, near which the result is for n below -1. And 2^n is made of the bits of n + 127,
// which the rounding leaves at the end of a number.
template <class T>
UNDERSTUDY_INLINE Vec<T> hyperbolic_tangent(Vec<T> x) {
  Vec<T> r, power;
  if constexpr (is_single<T>) {
    const Vec<T> a = minimum<T>(broadcast<T>(10.0f), absolute<T>(x));
    const Vec<T> rounded = a * -2.885390081777927f + rounding_shift<T>;
    const Vec<T> n = rounded - rounding_shift<T>;
    r = n * -0.6931471805599453f - (a + a);
    power = from_bits<T>(bits_of<T>(rounded + 127.0f) << 23);
  } else {
    const Vec<T> a = minimum<T>(broadcast<T>(T(20)), absolute<T>(x));
    Vec<T> n;
    reduce_by_ln2<T>(a * T(-2), n, r);
    power = scale_by_power_of_two<T>(broadcast<T>(T(1)), n);
  }
  const Vec<T> q = exponential_tail<T>(r) * (r * r) + r;
  const Vec<T> t = power * q + (power - T(1));
  return copy_sign<T>(t / (t + T(2)), x);
}

// 1 / (1 + exp(-x)), from exp(-|x|) so that nothing overflows and small results keep their digits.
template <class T>
UNDERSTUDY_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> e = exponential<T>(-absolute<T>(x));
  const Vec<T> numerator = x < T(0) ? e : broadcast<T>(T(1));
  return numerator / (e + T(1));
}

// The largest integer not above x; what is beyond 2^23 (2^52) is an integer already.
template <class T>
UNDERSTUDY_INLINE Vec<T> floor_of(Vec<T> x) {
  const Vec<T> nearest = round_to_integer<T>(x);
  const Vec<T> below = nearest > x ? nearest - T(1) : nearest;
  const T integers_from = is_single<T> ? T(4194304.0) : T(2251799813685248.0);
#if defined(__AVX2__)
  (void)integers_from;
  return copy_sign<T>(absolute<T>(below), below == T(0) ? x : below);
#else
  const Vec<T> truncated = [&] {
    Vec<T> t = x;
    for (int i = 0; i < lanes<T>; ++i)
      t[i] = is_single<T> ? __builtin_floorf(x[i]) : __builtin_floor(x[i]);
    return t;
  }();
  return absolute<T>(x) < integers_from
             ? copy_sign<T>(absolute<T>(below), below == T(0) ? x : below)
             : truncated;
#endif
}

}  // namespace understudy::UNDERSTUDY_ISA
