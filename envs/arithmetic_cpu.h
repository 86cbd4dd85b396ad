// Vectors of environments as the numbers of an environment. Include only from `*_cpu.cpp`.

#pragma once

#include "envs/arithmetic.h"
#include "kernels/device/simd.h"

namespace understudy {
namespace UNDERSTUDY_ISA {

template <class T>
using IntegerVec = typename VectorOf<Integer<T>>::type;

// A bit for each lane of a comparison.
template <class T>
UNDERSTUDY_INLINE unsigned mask_bits(IntegerVec<T> mask) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return _mm512_movepi32_mask((__m512i)mask);
  else
    return _mm512_movepi64_mask((__m512i)mask);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4)
    return unsigned(_mm256_movemask_ps((__m256)mask));
  else
    return unsigned(_mm256_movemask_pd((__m256d)mask));
#else
  unsigned bits = 0;
  for (int i = 0; i < lanes<T>; ++i) bits |= (mask[i] != 0 ? 1u : 0u) << i;
  return bits;
#endif
}

template <class T>
struct VectorArithmetic {
  using Scalar = T;
  using Mask = IntegerVec<T>;
  using Bits = IntegerVec<T>;
  static UNDERSTUDY_INLINE Vec<T> constant(T value) { return broadcast<T>(value); }
  static UNDERSTUDY_INLINE Vec<T> select(Mask mask, Vec<T> yes, Vec<T> no) {
    return mask ? yes : no;
  }
  static UNDERSTUDY_INLINE bool all(Mask mask) { return mask_bits<T>(mask) == (1u << lanes<T>)-1u; }
  static UNDERSTUDY_INLINE Bits bits(Vec<T> value) { return (Bits)value; }
  static UNDERSTUDY_INLINE Vec<T> from_bits(Bits word) { return (Vec<T>)word; }
};

}  // namespace UNDERSTUDY_ISA

template <>
struct Arithmetic<UNDERSTUDY_ISA::Vec<float>> : UNDERSTUDY_ISA::VectorArithmetic<float> {};
template <>
struct Arithmetic<UNDERSTUDY_ISA::Vec<double>> : UNDERSTUDY_ISA::VectorArithmetic<double> {};

}  // namespace understudy
