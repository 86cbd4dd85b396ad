// exp and log on vectors, for arguments that dynamic programming has: exp of numbers at most a few
// units above 0 (differences from a maximum), log of 0 and of normal positive numbers.
//
// Include only from this family's `*_cpu.cpp`. Both are within 2 units in the last place there.

#pragma once

#include <type_traits>

#include "kernels/device/simd.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

template <class T>
using IntegerVec = typename VectorOf<Integer<T>>::type;
// Bits are shifted and added without a sign, where wrapping round is defined.
template <class T>
using BitsVec = typename VectorOf<std::make_unsigned_t<Integer<T>>>::type;

template <class T>
struct Layout;
template <>
struct Layout<float> {
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  static constexpr float lowest = -87.33f, highest = 88.0f;
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
};
template <>
struct Layout<double> {
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double lowest = -708.3, highest = 709.0;
  static constexpr double ln2_high = 6.93147180369123816490e-01,
                          ln2_low = 1.90821492927058770002e-10;
};

// exp r for |r| <= ln 2 / 2: 1 + r + r^2 times a polynomial through the Chebyshev points, off by
// 1.1e-8 in single and 1.7e-17 in double precision.
template <class T>
UNDERSTUDY_INLINE Vec<T> exp_polynomial(Vec<T> r) {
  Vec<T> p;
  if constexpr (sizeof(T) == 4) {
    p = broadcast<T>(T(1.3926213466332443037e-3));
    p = p * r + T(8.3632029715758549465e-3);
    p = p * r + T(4.1666554437685938899e-2);
    p = p * r + T(1.6666576845993976311e-1);
    p = p * r + T(0.5);
  } else {
    p = broadcast<T>(T(2.5100424157005066788e-8));
    p = p * r + T(2.7620138719973995569e-7);
    p = p * r + T(2.7557268378684192873e-6);
    p = p * r + T(2.4801521190217727651e-5);
    p = p * r + T(1.9841269863105968748e-4);
    p = p * r + T(1.3888888917281793308e-3);
    p = p * r + T(8.3333333333300513464e-3);
    p = p * r + T(4.1666666666623991516e-2);
    p = p * r + T(1.6666666666666667456e-1);
    p = p * r + T(5.0000000000000010262e-1);
  }
  p = p * r + T(1);
  return p * r + T(1);
}

// exp x = 2^n exp r with n = round(x / ln 2). 0 below `lowest`, where the result would be
// subnormal (AVX-512: a subnormal number or 0); NaN stays NaN.
template <class T>
UNDERSTUDY_INLINE Vec<T> vector_exp(Vec<T> x) {
  using L = Layout<T>;
  using V = Vec<T>;
#if defined(__AVX512F__)
  // Scaling by 2^n is one instruction that knows its limits; far below them, so that -infinity is
  // a number on the way.
  const V bounded = maximum<T>(broadcast<T>(sizeof(T) == 4 ? T(-120) : T(-800)), x);
#else
  const V bounded = minimum<T>(broadcast<T>(L::highest), x);
#endif
  const V shifted = bounded * T(1.44269504088896340736) + L::round;
  const V n = shifted - L::round;
  const V r = (bounded - n * L::ln2_high) - n * L::ln2_low;
  const V p = exp_polynomial<T>(r);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return (V)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)n);
  else
    return (V)_mm512_maskz_scalef_pd(0xff, (__m512d)p, (__m512d)n);
#else
  // The integer n sits in the low bits of `shifted`; moved into the exponent it multiplies by 2^n.
  const BitsVec<T> power = (BitsVec<T>)shifted << L::mantissa_bits;
  const V result = (V)((BitsVec<T>)p + power);
  return x < L::lowest ? V{} : (x == x ? result : x);
#endif
}

// log x = e ln 2 + 2 artanh(f / (2 + f)) with x = 2^e (1 + f) and 1 + f in [0.707, 1.414].
template <class T>
UNDERSTUDY_INLINE Vec<T> vector_log(Vec<T> x) {
  using L = Layout<T>;
  using V = Vec<T>;
  using I = IntegerVec<T>;
  using B = BitsVec<T>;
  const Integer<T> half_root =
      sizeof(T) == 4 ? Integer<T>(0x3f3504f3) : Integer<T>(0x3fe6a09e667f3bcd);
  const I bits = (I)((B)x - static_cast<std::make_unsigned_t<Integer<T>>>(half_root));
  const I e = bits >> L::mantissa_bits;  // arithmetic: x below 0.707 has a negative exponent
  const V m = (V)((B)x - ((B)e << L::mantissa_bits));
  const V f = m - T(1);
  const V s = f / (f + T(2)), z = s * s;
  V p;
  if constexpr (sizeof(T) == 4) {
    p = broadcast<T>(T(2.0 / 11));
    p = p * z + T(2.0 / 9);
  } else {
    p = broadcast<T>(T(2.0 / 21));
    p = p * z + T(2.0 / 19);
    p = p * z + T(2.0 / 17);
    p = p * z + T(2.0 / 15);
    p = p * z + T(2.0 / 13);
    p = p * z + T(2.0 / 11);
    p = p * z + T(2.0 / 9);
  }
  p = p * z + T(2.0 / 7);
  p = p * z + T(2.0 / 5);
  p = p * z + T(2.0 / 3);
  // f - s f is 2 s, with f's own low bits kept.
  const V tail = s * (z * p);
  const V count = __builtin_convertvector(e, V);
  const V result = count * L::ln2_high + ((f - s * f) + (tail + count * L::ln2_low));
  return x > T(0) ? result
                  : (x == T(0) ? broadcast<T>(-__builtin_inff()) : x - x + T(__builtin_nanf("")));
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
