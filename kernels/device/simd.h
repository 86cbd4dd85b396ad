// Vectors of the instruction set that this file is compiled for.
//
// Include only from `*_cpu.cpp`, which is compiled once per instruction set with UNDERSTUDY_ISA
// naming the namespace. Arithmetic is the compilers' vector extension: a + b, a * b + c (contracted
// to a fused multiply-add), a < b (a mask), mask ? a : b. Everything here is always inlined, so
// that no copy made for one instruction set can be linked into another.

#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif
// AVX-512 intrinsics are used in their zero-masking forms with all lanes set: the same
// instructions, without g++ 12's false warnings about the undefined register that the plain forms
// pass (GCC bug 105593).

#if !defined(UNDERSTUDY_ISA)
#error "simd.h: UNDERSTUDY_ISA must name the namespace (portable, avx2 or avx512)"
#endif

#define UNDERSTUDY_INLINE inline __attribute__((always_inline))

namespace understudy::UNDERSTUDY_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Vec = typename VectorOf<T>::type;

// Lanes of a vector of T.
template <class T>
constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

// The signed integer as wide as T, which is also what a comparison of Vec<T> gives a lane.
template <class T>
struct IntegerOf;
template <>
struct IntegerOf<float> {
  using type = std::int32_t;
};
template <>
struct IntegerOf<double> {
  using type = std::int64_t;
};
template <class T>
using Integer = typename IntegerOf<T>::type;

// As many integers as a Vec<T> has lanes, each as wide; comparisons of Vec<T> have this type, all
// ones where true.
template <class T>
struct VectorOfIntegers {
  typedef Integer<T> type __attribute__((vector_size(vector_bytes)));
};
template <class T>
using VecInt = typename VectorOfIntegers<T>::type;

template <class T>
UNDERSTUDY_INLINE Vec<T> broadcast(T value) {
  return value - Vec<T>{};
}

// The same bits read as the other type.
template <class T>
UNDERSTUDY_INLINE VecInt<T> bits_of(Vec<T> v) {
  return (VecInt<T>)v;
}
template <class T>
UNDERSTUDY_INLINE Vec<T> from_bits(VecInt<T> v) {
  return (Vec<T>)v;
}

template <class T>
UNDERSTUDY_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
UNDERSTUDY_INLINE void store(T* p, Vec<T> v) {
  std::memcpy(p, &v, sizeof v);
}

// The first n lanes from memory, 0 <= n <= lanes<T>; the others are 0. Reads nothing beyond p + n.
template <class T>
UNDERSTUDY_INLINE Vec<T> load_first(const T* p, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p);
  else
    return (Vec<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1u), p);
#else
  Vec<T> v = {};
  for (int i = 0; i < lanes<T>; ++i)
    if (i < n) v[i] = p[i];
  return v;
#endif
}

// Stores the first n lanes; writes nothing beyond p + n.
template <class T>
UNDERSTUDY_INLINE void store_first(T* p, Vec<T> v, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), (__m512)v);
  else
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1u), (__m512d)v);
#else
  for (int i = 0; i < lanes<T>; ++i)
    if (i < n) p[i] = v[i];
#endif
}

// As the instructions do: the second operand where either is NaN.
template <class T>
UNDERSTUDY_INLINE Vec<T> maximum(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
  else
    return (Vec<T>)_mm512_maskz_max_pd(0xff, (__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm256_max_ps((__m256)a, (__m256)b);
  else
    return (Vec<T>)_mm256_max_pd((__m256d)a, (__m256d)b);
#else
  return a > b ? a : b;
#endif
}
template <class T>
UNDERSTUDY_INLINE Vec<T> minimum(Vec<T> a, Vec<T> b) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
  else
    return (Vec<T>)_mm512_maskz_min_pd(0xff, (__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm256_min_ps((__m256)a, (__m256)b);
  else
    return (Vec<T>)_mm256_min_pd((__m256d)a, (__m256d)b);
#else
  return a < b ? a : b;
#endif
}

// |a|: the sign bit cleared.
template <class T>
UNDERSTUDY_INLINE Vec<T> absolute(Vec<T> a) {
  return from_bits<T>(bits_of<T>(a) & ~bits_of<T>(broadcast<T>(T(-0.0))));
}
// |magnitude| with the sign bit of `sign`.
template <class T>
UNDERSTUDY_INLINE Vec<T> copy_sign(Vec<T> magnitude, Vec<T> sign) {
  const VecInt<T> mask = bits_of<T>(broadcast<T>(T(-0.0)));
  return from_bits<T>((bits_of<T>(magnitude) & ~mask) | (bits_of<T>(sign) & mask));
}

template <class T>
UNDERSTUDY_INLINE Vec<T> square_root(Vec<T> a) {
#if defined(__AVX512F__)
  // Masked with all lanes: g++ warns of the undefined lanes that the plain one names.
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_maskz_sqrt_ps(0xffff, (__m512)a);
  else
    return (Vec<T>)_mm512_maskz_sqrt_pd(0xff, (__m512d)a);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm256_sqrt_ps((__m256)a);
  else
    return (Vec<T>)_mm256_sqrt_pd((__m256d)a);
#else
  Vec<T> r = a;
  for (int i = 0; i < lanes<T>; ++i)
    r[i] = sizeof(T) == 4 ? __builtin_sqrtf(a[i]) : __builtin_sqrt(a[i]);
  return r;
#endif
}

// Sum of the lanes, pairwise: the same order for every call.
template <class T>
UNDERSTUDY_INLINE T sum_lanes(Vec<T> v) {
  T part[lanes<T>];
  std::memcpy(part, &v, sizeof v);
  for (int half = lanes<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) part[i] += part[i + half];
  return part[0];
}

template <class T>
UNDERSTUDY_INLINE T maximum_lane(Vec<T> v) {
  T part[lanes<T>];
  std::memcpy(part, &v, sizeof v);
  for (int half = lanes<T> / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) part[i] = part[i] > part[i + half] ? part[i] : part[i + half];
  return part[0];
}

}  // namespace understudy::UNDERSTUDY_ISA
