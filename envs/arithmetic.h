// The numbers that an environment is written in: one environment, or a vector of environments.
//
// An environment is a template on a type Real. It is used with float and double, on host and
// device, and by the CPU's executor with vectors whose lanes are environments. What both kinds of
// number can do is +, -, *, / (also with a Scalar on one side), comparisons (which give a Mask), |
// and & of masks, and the functions below. There is no branch on a Real: `select` takes its place.

#pragma once

#include <cstdint>
#include <cstring>

// Code for host and device. Always inlined, so that no copy made for one instruction set can be
// linked into another.
#if defined(__CUDACC__)
#define UNDERSTUDY_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define UNDERSTUDY_HOST_DEVICE inline __attribute__((always_inline))
#endif

namespace understudy {

template <class Real>
struct Arithmetic;

// One environment. (A vector's own specialization is in arithmetic_cpu.h.)
template <class T, class Word>
struct ScalarArithmetic {
  using Scalar = T;
  using Mask = bool;
  using Bits = Word;

  static UNDERSTUDY_HOST_DEVICE T constant(T value) { return value; }
  static UNDERSTUDY_HOST_DEVICE T select(bool mask, T yes, T no) { return mask ? yes : no; }
  static UNDERSTUDY_HOST_DEVICE bool all(bool mask) { return mask; }
  static UNDERSTUDY_HOST_DEVICE Word bits(T value) {
    Word word;
    memcpy(&word, &value, sizeof word);
    return word;
  }
  static UNDERSTUDY_HOST_DEVICE T from_bits(Word word) {
    T value;
    memcpy(&value, &word, sizeof value);
    return value;
  }
};
template <>
struct Arithmetic<float> : ScalarArithmetic<float, std::uint32_t> {};
template <>
struct Arithmetic<double> : ScalarArithmetic<double, std::uint64_t> {};

template <class Real>
using ScalarOf = typename Arithmetic<Real>::Scalar;
template <class Real>
using MaskOf = typename Arithmetic<Real>::Mask;

// mask ? yes : no
template <class Real>
UNDERSTUDY_HOST_DEVICE Real select(MaskOf<Real> mask, Real yes, Real no) {
  return Arithmetic<Real>::select(mask, yes, no);
}

// A number as a Real.
template <class Real>
UNDERSTUDY_HOST_DEVICE Real constant(ScalarOf<Real> value) {
  return Arithmetic<Real>::constant(value);
}

// |x|
template <class Real>
UNDERSTUDY_HOST_DEVICE Real magnitude(Real x) {
  using A = Arithmetic<Real>;
  using Bits = typename A::Bits;
  constexpr bool single = sizeof(ScalarOf<Real>) == 4;
  return A::from_bits(A::bits(x) & (Bits{} + (single ? 0x7fffffffLL : 0x7fffffffffffffffLL)));
}

// NaN stays NaN.
template <class Real>
UNDERSTUDY_HOST_DEVICE Real clip(Real x, ScalarOf<Real> low, ScalarOf<Real> high) {
  const Real from_below = select<Real>(x < low, constant<Real>(low), x);
  return select<Real>(from_below > high, constant<Real>(high), from_below);
}

// sqrt(a), within 2 ulp, for 1e-30 < a < 1e30; below that sqrt(1e-30). A guess of 1 / sqrt(a) by
// the exponent's halving, Newton's method, and one of Heron's steps on sqrt(a) itself.
template <class Real>
UNDERSTUDY_HOST_DEVICE Real square_root(Real a) {
  using A = Arithmetic<Real>;
  using Scalar = ScalarOf<Real>;
  using Bits = typename A::Bits;
  constexpr bool single = sizeof(Scalar) == 4;
  const Real safe = select<Real>(a > Scalar(1e-30), a, constant<Real>(Scalar(1e-30)));
  const Bits half =
      (A::bits(safe) >> 1) & (Bits{} + (single ? 0x7fffffffLL : 0x7fffffffffffffffLL));
  Real y = A::from_bits((Bits{} + (single ? 0x5f3759dfLL : 0x5fe6eb50c7b537a9LL)) - half);
  for (int i = 0; i < (single ? 3 : 5); ++i) y = y * (Scalar(1.5) - Scalar(0.5) * safe * y * y);
  const Real root = safe * y;
  return Scalar(0.5) * (root + safe / root);
}

// The nearest integer, |x| < 2^22 (f32) or 2^51 (f64). `shifted` gets x plus the number that makes
// the sum's last bits the integer's.
template <class Real>
UNDERSTUDY_HOST_DEVICE Real round_to_integer(Real x, Real& shifted) {
  using Scalar = ScalarOf<Real>;
  constexpr Scalar shift = sizeof(Scalar) == 4 ? Scalar(12582912.0) : Scalar(6755399441055744.0);
  shifted = x + shift;
  return shifted - shift;
}

// sin r and cos r for |r| <= pi/4 by minimax polynomials: Cephes's in f32 (Moshier 1989), those of
// Sun's fdlibm (1993) in f64.
template <class Real>
UNDERSTUDY_HOST_DEVICE void sine_cosine_polynomials(Real r, Real& s, Real& c) {
  using Scalar = ScalarOf<Real>;
  const Real z = r * r;
  if constexpr (sizeof(Scalar) == 4) {
    const Real odd =
        (Scalar(-1.9515295891e-4) * z + Scalar(8.3321608736e-3)) * z + Scalar(-1.6666654611e-1);
    const Real even = (Scalar(2.443315711809948e-5) * z + Scalar(-1.388731625493765e-3)) * z +
                      Scalar(4.166664568298827e-2);
    s = odd * z * r + r;
    c = even * (z * z) + (Scalar(1) - Scalar(0.5) * z);
  } else {
    Real odd = Scalar(1.58969099521155010221e-10) * z + Scalar(-2.50507602534068634195e-08);
    odd = odd * z + Scalar(2.75573137070700676789e-06);
    odd = odd * z + Scalar(-1.98412698298579493134e-04);
    odd = odd * z + Scalar(8.33333333332248946124e-03);
    odd = odd * z + Scalar(-1.66666666666666324348e-01);
    Real even = Scalar(-1.13596475577881948265e-11) * z + Scalar(2.08757232129817482790e-09);
    even = even * z + Scalar(-2.75573143513906633035e-07);
    even = even * z + Scalar(2.48015872894767294178e-05);
    even = even * z + Scalar(-1.38888888888741095749e-03);
    even = even * z + Scalar(4.16666666666666019037e-02);
    s = odd * z * r + r;
    c = even * (z * z) + (Scalar(1) - Scalar(0.5) * z);
  }
}

// sin x and cos x, for |x| < 8000 (f32) or 10^5 (f64) within 2 ulp of the larger of the two.
//
// x = k pi/2 + r with pi/2 in three parts, the first two short enough for exact products (Cody &
// Waite 1980). One code for every kind of number, so that host, vectors and device agree.
template <class Real>
UNDERSTUDY_HOST_DEVICE void sine_cosine(Real x, Real& sine, Real& cosine) {
  using A = Arithmetic<Real>;
  using Scalar = ScalarOf<Real>;
  using Bits = typename A::Bits;
  constexpr bool single = sizeof(Scalar) == 4;
  Real shifted;
  const Real k = round_to_integer<Real>(x * Scalar(0.63661977236758134308), shifted);
  Real r = x - k * (single ? Scalar(1.5703125) : Scalar(1.57079632673412561417));
  r = r - k * (single ? Scalar(4.837512969970703125e-4) : Scalar(6.07710050630396597660e-11));
  r = r - k * (single ? Scalar(7.54978995489188216e-8) : Scalar(2.02226624879595063154e-21));
  Real s, c;
  sine_cosine_polynomials<Real>(r, s, c);

  // Quadrant k mod 4: odd ones exchange the two; the second bit is the sine's sign, and with the
  // first added to it the cosine's.
  const Bits quadrant = A::bits(shifted);
  constexpr int to_sign = int(sizeof(Scalar)) * 8 - 2;
  const MaskOf<Real> odd = (quadrant & 1) != 0;
  const Real straight = select<Real>(odd, c, s), crossed = select<Real>(odd, s, c);
  sine = A::from_bits(A::bits(straight) ^ ((quadrant & 2) << to_sign));
  cosine = A::from_bits(A::bits(crossed) ^ (((quadrant + 1) & 2) << to_sign));
}

// The same to the last bit, faster where x is nearly always within pi/4: there k is 0.
template <class Real>
UNDERSTUDY_HOST_DEVICE void sine_cosine_near_zero(Real x, Real& sine, Real& cosine) {
  using Scalar = ScalarOf<Real>;
  if (Arithmetic<Real>::all((x > Scalar(-0.78)) & (x < Scalar(0.78))))
    sine_cosine_polynomials<Real>(x, sine, cosine);
  else
    sine_cosine<Real>(x, sine, cosine);
}

// x less the multiple of 2 pi that brings it into [-pi, pi].
template <class Real>
UNDERSTUDY_HOST_DEVICE Real wrap_angle(Real x) {
  using Scalar = ScalarOf<Real>;
  constexpr Scalar pi = Scalar(3.14159265358979323846);
  Real unused;
  const Real turns = round_to_integer<Real>(x * Scalar(0.15915494309189533577), unused);
  Real y = x - turns * (2 * pi);
  // Rounding can leave an angle a hair outside.
  y = select<Real>(y > pi, y - 2 * pi, y);
  return select<Real>(y < -pi, y + 2 * pi, y);
}

}  // namespace understudy
