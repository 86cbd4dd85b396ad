// Vectors of instances as the numbers of an environment. Include only from `*_cpu.cpp`.

#pragma once

#include "envs/arithmetic.h"
#include "kernels/device/simd.h"

namespace understudy {
namespace UNDERSTUDY_ISA {

template <class T>
using IntegerVec = typename VectorOf<Integer<T>>::type;

template <class T>
struct VectorArithmetic {
  using Scalar = T;
  using Mask = IntegerVec<T>;
  using Bits = IntegerVec<T>;
  static UNDERSTUDY_INLINE Vec<T> constant(T value) { return broadcast<T>(value); }
  static UNDERSTUDY_INLINE Vec<T> select(Mask mask, Vec<T> yes, Vec<T> no) {
    return mask ? yes : no;
  }
  static UNDERSTUDY_INLINE Bits bits(Vec<T> value) { return (Bits)value; }
  static UNDERSTUDY_INLINE Vec<T> from_bits(Bits word) { return (Vec<T>)word; }
};

}  // namespace UNDERSTUDY_ISA

template <>
struct Arithmetic<UNDERSTUDY_ISA::Vec<float>> : UNDERSTUDY_ISA::VectorArithmetic<float> {};
template <>
struct Arithmetic<UNDERSTUDY_ISA::Vec<double>> : UNDERSTUDY_ISA::VectorArithmetic<double> {};

}  // namespace understudy
