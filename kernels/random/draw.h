// From counters to draws: the arithmetic that CPU and CUDA share, bit for bit.
//
// `Ops` says what the numbers are: whole vectors on the CPU, scalars on CUDA. It is a type of the
// including file's own namespace, so that no instantiation is shared between instruction sets. It
// has
//
//   Scalar  float or double                 Value  numbers
//   Bits    unsigned integers as wide as the numbers, as many
//   Word    unsigned 32-bit integers
//   number(Scalar), pattern(Bits's scalar)  the same in every lane
//   fused(a, b, c)                          a b + c, rounded once
//   root(a)                                 the correctly rounded square root
//   bits(Value), value(Bits)                the same bits as the other type
//   multiply(Word, uint32, Word& high)      the lower half of the product
//
// The compilers may contract a product and a sum into a fused multiply-add or leave it, which
// changes bits. So no product below is added to anything, except in `fused` or where the product is
// exact.

#pragma once

#include <cstdint>

#if defined(__CUDACC__)
#define UNDERSTUDY_DRAW static __device__ __forceinline__
#else
#define UNDERSTUDY_DRAW static inline __attribute__((always_inline))
#endif

namespace understudy {

template <class Ops>
struct Draw {
  using Scalar = typename Ops::Scalar;
  using Value = typename Ops::Value;
  using Bits = typename Ops::Bits;
  using Word = typename Ops::Word;

  static constexpr bool single = sizeof(Scalar) == 4;
  static constexpr int width = single ? 32 : 64;
  static constexpr int mantissa = single ? 23 : 52;

  // ---- Philox-4x32-10: ten rounds of two multiplications, which encrypt the counter ----

  UNDERSTUDY_DRAW void philox(Word& a, Word& b, Word& c, Word& d, std::uint64_t seed) {
    std::uint32_t key0 = static_cast<std::uint32_t>(seed);
    std::uint32_t key1 = static_cast<std::uint32_t>(seed >> 32);
    for (int round = 0; round < 10; ++round) {
      Word high_a, high_c;
      const Word low_a = Ops::multiply(a, 0xD2511F53u, high_a);
      const Word low_c = Ops::multiply(c, 0xCD9E8D57u, high_c);
      a = high_c ^ b ^ key0;
      c = high_a ^ d ^ key1;
      b = low_c;
      d = low_a;
      key0 += 0x9E3779B9u;  // the golden ratio and sqrt(3) - 1, as in the paper
      key1 += 0xBB67AE85u;
    }
  }

  // ---- numbers from bits: put into the mantissa of a number in [1, 2), from which 1 is taken ----

  UNDERSTUDY_DRAW Value in_unit(Bits word, Scalar one) {
    const Bits exponent_of_one = Ops::bits(Ops::number(1));
    return Ops::value((word >> (width - mantissa)) | exponent_of_one) - Ops::number(one);
  }

  // [0, 1): one bit more than a mantissa holds, added by itself. Every step is exact.
  UNDERSTUDY_DRAW Value uniform(Bits word) {
    const Bits last = (word >> (width - mantissa - 1)) & Ops::pattern(1);
    const Bits half_step = Ops::bits(Ops::number(half));
    // all bits set where the last one is
    const Value low = Ops::value(half_step & (Ops::pattern(0) - last));
    return in_unit(word, 1) + low;
  }

  // (0, 1): the middles of 2^mantissa intervals. 1 - half is exact, and so is the difference.
  UNDERSTUDY_DRAW Value open_uniform(Bits word) { return in_unit(word, 1) + Ops::number(half); }

  // ---- logarithm of a positive normal number ----
  //
  // x = 2^e m with m in [sqrt 1/2, sqrt 2), and log m = 2 atanh s, s = (m - 1) / (m + 1). As |s| is
  // below 0.1716, the series 2 (s + s^3/3 + s^5/5 + ...) needs 5 terms (f32) or 11 (f64) until what
  // is left out is below a rounding.

  UNDERSTUDY_DRAW Value logarithm(Value x) {
    // from the bits of sqrt 1/2 up, the exponent changes where m does
    const Bits base = Ops::pattern(single ? 0x3F3504F3u : Pattern(0x3FE6A09E667F3BCDull));
    const Bits above = Ops::bits(x) - base;
    const Bits m_bits = (above & Ops::pattern((Pattern(1) << mantissa) - 1)) + base;
    const Value m = Ops::value(m_bits);

    // e as a number: e + bias in the mantissa of 2^mantissa, less both. With e >= -bias all is
    // exact.
    const Bits biased = (above + Ops::pattern(Pattern(bias) << mantissa)) >> mantissa;
    const Scalar shift = single ? Scalar(8388608) : Scalar(4503599627370496);
    const Value e = Ops::value(biased | Ops::bits(Ops::number(shift))) - Ops::number(shift + bias);

    const Value s = (m - Ops::number(1)) / (m + Ops::number(1));
    const Value z = s * s;
    Value series = Ops::number(Scalar(1) / Scalar(2 * terms + 1));
    for (int k = terms - 1; k > 0; --k)
      series = Ops::fused(series, z, Ops::number(Scalar(1) / Scalar(2 * k + 1)));
    const Value s2 = s + s;
    const Value tail = Ops::fused(e, Ops::number(log2_low), s2 * z * series);
    // log 2 in two parts: e times the first, of few bits, is exact
    return Ops::fused(e, Ops::number(log2_high), s2 + tail);
  }

  // ---- cosine and sine of 2 pi u, u in [0, 1) ----
  //
  // 4 u = q + r with q the nearest integer and r in [-1/2, 1/2], exactly; then Taylor's series at
  // r pi/2, of at most pi/4, and q quarter turns.

  UNDERSTUDY_DRAW void cosine_sine(Value u, Value& cosine, Value& sine) {
    const Scalar round = single ? Scalar(12582912) : Scalar(6755399441055744);  // 1.5 2^mantissa
    const Value turns = u + u + (u + u);
    const Value shifted = turns + Ops::number(round);  // its last bits are q
    const Value r = turns - (shifted - Ops::number(round));
    const Bits q = Ops::bits(shifted);

    const Value x = r * Ops::number(Scalar(1.57079632679489661923));
    const Value z = x * x;
    // 1 - z/2! + z^2/4! - ... and x (1 - z/3! + z^2/5! - ...), by Horner's rule: each term divides
    // by the next two numbers of the factorial
    Value c = Ops::number(1), s = Ops::number(1);
    for (int k = terms_of_circle; k > 0; --k) {
      c = Ops::fused(c * z, Ops::number(Scalar(-1) / Scalar((2 * k - 1) * (2 * k))),
                     Ops::number(1));
      s = Ops::fused(s * z, Ops::number(Scalar(-1) / Scalar((2 * k) * (2 * k + 1))),
                     Ops::number(1));
    }
    s = s * x;

    // a quarter turn swaps, and changes the cosine's sign; half a turn changes both
    const Bits swap = Ops::pattern(0) - (q & Ops::pattern(1));
    const Bits c_bits = Ops::bits(c), s_bits = Ops::bits(s);
    const Bits other = (c_bits ^ s_bits) & swap;
    const Bits sign_of_sine = (q & Ops::pattern(2)) << (width - 2);
    const Bits sign_of_cosine = ((q + Ops::pattern(1)) & Ops::pattern(2)) << (width - 2);
    cosine = Ops::value((c_bits ^ other) ^ sign_of_cosine);
    sine = Ops::value((s_bits ^ other) ^ sign_of_sine);
  }

  // ---- draws ----

  UNDERSTUDY_DRAW Value gumbel(Bits word) {
    const Value exponential = Ops::number(0) - logarithm(open_uniform(word));
    return Ops::number(0) - logarithm(exponential);
  }

  UNDERSTUDY_DRAW void normals(Bits word, Bits angle, Value& first, Value& second) {
    const Value radius = Ops::root(Ops::number(-2) * logarithm(open_uniform(word)));
    Value cosine, sine;
    cosine_sine(open_uniform(angle), cosine, sine);
    first = radius * cosine;
    second = radius * sine;
  }

 private:
  template <bool is_single, class = void>
  struct PatternOf {
    using type = std::uint32_t;
  };
  template <class Dummy>
  struct PatternOf<false, Dummy> {
    using type = std::uint64_t;
  };
  using Pattern = typename PatternOf<single>::type;

  static constexpr Scalar half = single ? Scalar(5.9604644775390625e-08)      // 2^-24
                                        : Scalar(1.1102230246251565404e-16);  // 2^-53
  static constexpr int bias = single ? 128 : 1024;
  static constexpr int terms = single ? 4 : 10;
  static constexpr int terms_of_circle = single ? 5 : 8;
  // 0.69314718055994530942 = high + low, high with 15 (f32) or 41 (f64) bits
  static constexpr Scalar log2_high = single ? Scalar(0x1.62e4p-1) : Scalar(0x1.62e42fefa2p-1);
  static constexpr Scalar log2_low =
      single ? Scalar(0x1.7f7d1cf79abcap-20) : Scalar(0x1.9ef35793c7673p-41);
};

// ---- permutations: scalars everywhere ----

// One round's function of a half. Multiplications carry every bit upwards, shifts bring it back.
#if defined(__CUDACC__)
__device__ __forceinline__
#else
inline __attribute__((always_inline))
#endif
    std::uint32_t
    feistel_mix(std::uint32_t half, std::uint32_t key) {
  half = (half ^ key) * 0x9E3779B1u;
  half = (half ^ half >> 15) * 0x85EBCA6Bu;
  return half ^ half >> 13;
}

// One walk through the network that twelve keys name: a permutation of the numbers of `bits` > 1
// bits. Two halves are changed in turn by a function of the other, which can be undone whatever the
// function is. The permutation of 0..n-1, bits = ceil(log2 n), sends an index to the first number
// below n that walks from it come upon.
#if defined(__CUDACC__)
__device__ __forceinline__
#else
inline __attribute__((always_inline))
#endif
    std::uint32_t
    feistel_walk(std::uint32_t index, int bits, const std::uint32_t* keys) {
  const int low_bits = bits / 2, high_bits = bits - low_bits;
  std::uint32_t low = index & ((1u << low_bits) - 1), high = index >> low_bits;
  for (int round = 0; round < 12; round += 2) {
    low ^= feistel_mix(high, keys[round]) >> (32 - low_bits);
    high ^= feistel_mix(low, keys[round + 1]) >> (32 - high_bits);
  }
  return high << low_bits | low;
}

}  // namespace understudy
