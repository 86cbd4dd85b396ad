// More elementary functions on vectors, beside math_cpu.h: softplus, the error function, sine and
// cosine, and powers. Bounds as there, 2 units in the last place, on the ranges said.

#pragma once

#include "kernels/elementwise/math_cpu.h"

namespace understudy::UNDERSTUDY_ISA {

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)): nothing overflows, and for very negative x the
// logarithm's argument is small and keeps its digits.
template <class T>
UNDERSTUDY_INLINE Vec<T> softplus(Vec<T> x) {
  const Vec<T> tail = logarithm_of_one_plus<T>(exponential<T>(-absolute<T>(x)));
  const Vec<T> y = maximum<T>(Vec<T>{}, x) + tail;
  return x == x ? y : x;
}

// The rational approximations of Cody (1969, "Rational Chebyshev approximation for the error
// function", Mathematics of Computation 23): one around 0, one of erfc(|x|) exp(x^2) from 0.46875
// on. Beyond 4, where the second was not made for, erfc is below 2e-8 and its error far below erf's
// last digit.
template <class T>
UNDERSTUDY_INLINE Vec<T> error_function_by_cody(Vec<T> x) {
  const Vec<T> a = minimum<T>(broadcast<T>(T(6.5)), absolute<T>(x));
  const Vec<T> z = a * a;
  const Vec<T> near =
      x *
      polynomial<T>(z, 3.20937758913846947e03, 3.77485237685302021e02, 1.13864154151050156e02,
                    3.16112374387056560e00, 1.85777706184603153e-01) /
      polynomial<T>(z, 2.84423683343917062e03, 1.28261652607737228e03, 2.44024637934444173e02,
                    2.36012909523441209e01, 1.0);
  const Vec<T> ratio =
      polynomial<T>(a, 1.23033935479799725e03, 2.05107837782607147e03, 1.71204761263407058e03,
                    8.81952221241769090e02, 2.98635138197400131e02, 6.61191906371416295e01,
                    8.88314979438837594e00, 5.64188496988670089e-01, 2.15311535474403846e-08) /
      polynomial<T>(a, 1.23033935480374942e03, 3.43936767414372164e03, 4.36261909014324716e03,
                    3.29079923573345963e03, 1.62138957456669019e03, 5.37181101862009858e02,
                    1.17693950891312499e02, 1.57449261107098347e01, 1.0);
  const Vec<T> far = copy_sign<T>(T(1) - exponential<T>(-z) * ratio, x);
  const Vec<T> y = absolute<T>(x) <= T(0.46875) ? near : far;
  return x == x ? y : x;
}

// f(x), or f(x, y), of f32 computed in f64, half a vector at a time.
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

// In f32 the rational functions' own roundings would show where 1 - erfc cancels: so in double.
template <class T>
UNDERSTUDY_INLINE Vec<T> error_function(Vec<T> x) {
  if constexpr (is_single<T>)
    return widely(
        x, x, [](Vec<double> a, Vec<double>) __attribute__((always_inline)) {
          return error_function_by_cody<double>(a);
        });
  else
    return error_function_by_cody<T>(x);
}

// sin and cos of r in [-pi/4, pi/4], Taylor's series: the first term left out is below half a unit.
template <class T>
UNDERSTUDY_INLINE Vec<T> sine_series(Vec<T> r) {
  const Vec<T> z = r * r;
  if constexpr (is_single<T>)
    return r + r * z * polynomial<T>(z, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880);
  else
    return r + r * z *
                   polynomial<T>(z, -1.0 / 6, 1.0 / 120, -1.0 / 5040, 1.0 / 362880, -1.0 / 39916800,
                                 1.0 / 6227020800.0, -1.0 / 1307674368000.0,
                                 1.0 / 355687428096000.0);
}
template <class T>
UNDERSTUDY_INLINE Vec<T> cosine_series(Vec<T> r) {
  const Vec<T> z = r * r;
  // 1 - z/2 and what its rounding lost
  const Vec<T> half = z * T(0.5), most = T(1) - half;
  const Vec<T> lost = (T(1) - most) - half;
  if constexpr (is_single<T>)
    return most +
           (lost + z * z * polynomial<T>(z, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800));
  else
    return most + (lost + z * z *
                              polynomial<T>(z, 1.0 / 24, -1.0 / 720, 1.0 / 40320, -1.0 / 3628800,
                                            1.0 / 479001600, -1.0 / 87178291200.0,
                                            1.0 / 20922789888000.0, -1.0 / 6402373705728000.0));
}

// sin(x + quarter pi / 2), for |x| up to a few thousand (1e5 in f64) by subtracting a multiple of
// pi / 2 in three parts (Cody & Waite), of which the first two have so few digits that their
// products are exact; beyond that the C library's, element by element: a policy does not live
// there.
template <class T>
UNDERSTUDY_INLINE Vec<T> sine_shifted(Vec<T> x, int quarter) {
  const T limit = is_single<T> ? T(4096) : T(1e5);
  const Vec<T> n = round_to_integer<T>(x * T(0.63661977236758134308));
  Vec<T> r;
  if constexpr (is_single<T>) {
    r = x - n * 1.5703125f;
    r = r - n * 4.8375129699707031e-4f;
    r = r - n * 7.5497899548918821e-8f;
  } else {
    r = x - n * 1.57079632673412561417e+00;
    r = r - n * 6.07710050630396597660e-11;
    r = r - n * 2.02226624879595063154e-21;
  }
  // the integer in the low bits of the shifted sum
  const VecInt<T> k = bits_of<T>(n + rounding_shift<T>) + Integer<T>(quarter);
  const VecInt<T> odd = (k & Integer<T>(1)) == Integer<T>(1);
  Vec<T> y = odd ? cosine_series<T>(r) : sine_series<T>(r);
  y = (k & Integer<T>(2)) == Integer<T>(2) ? -y : y;
  for (int i = 0; i < lanes<T>; ++i)
    if (!(x[i] <= limit && x[i] >= -limit)) [[unlikely]] {
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

// a^b. In f32 as exp(b log a) in double, which has digits to spare; what that does not know (signs,
// zeros, infinities), and all of f64, where it would take a logarithm of twice the precision, by
// the C library's element by element.
template <class T>
UNDERSTUDY_INLINE Vec<T> power(Vec<T> a, Vec<T> b) {
  Vec<T> y = {};
  if constexpr (is_single<T>) {
    bool ordinary = true;
    for (int i = 0; i < lanes<T>; ++i)
      ordinary = ordinary && a[i] > 0 && a[i] < T(__builtin_inf()) && b[i] - b[i] == 0;
    if (ordinary)
      return widely(
          a, b, [](Vec<double> base, Vec<double> e) __attribute__((always_inline)) {
            return exponential<double>(logarithm<double>(base) * e);
          });
    for (int i = 0; i < lanes<T>; ++i) y[i] = __builtin_powf(a[i], b[i]);
  } else {
    for (int i = 0; i < lanes<T>; ++i) y[i] = __builtin_pow(a[i], b[i]);
  }
  return y;
}

}  // namespace understudy::UNDERSTUDY_ISA
