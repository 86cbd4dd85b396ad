// The functions of the gates, to an absolute error of a few roundings of 1: what a gate needs.

#pragma once

#include "kernels/device/simd.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

// exp(x) = 2^n exp(r), |r| <= ln 2 / 2, by the exponential series; x is held where 2^n is a number.
template <class T>
UNDERSTUDY_INLINE Vec<T> gate_exponential(Vec<T> x) {
  using Bits = typename VectorOf<Integer<T>>::type;
  constexpr bool single = sizeof(T) == 4;
  constexpr T limit = single ? T(87) : T(708);
  x = x < -limit ? broadcast<T>(-limit) : x;  // NaN stays
  x = x > limit ? broadcast<T>(limit) : x;
  const T shift = single ? T(12582912.0) : T(6755399441055744.0);  // rounds, n in the low bits
  const Vec<T> shifted = x * T(1.44269504088896340736) + shift;
  const Vec<T> n = shifted - shift;
  const Vec<T> r = (x - n * T(0.693359375)) + n * T(2.12194440054690583e-4);
  constexpr int terms = single ? 7 : 13;
  Vec<T> sum = broadcast<T>(T(1));
  for (int k = terms; k > 0; --k) sum = sum * (r * T(1.0 / k)) + T(1);
  Bits power, bits;
  std::memcpy(&power, &shifted, sizeof power);
  std::memcpy(&bits, &sum, sizeof bits);
  bits += power << (single ? 23 : 52);
  std::memcpy(&sum, &bits, sizeof sum);
  return sum;
}

template <class T>
UNDERSTUDY_INLINE Vec<T> sigmoid(Vec<T> x) {
  return T(1) / (T(1) + gate_exponential<T>(-x));
}
template <class T>
UNDERSTUDY_INLINE Vec<T> hyperbolic_tangent(Vec<T> x) {
  return T(1) - T(2) / (T(1) + gate_exponential<T>(T(2) * x));
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
