// Philox on the CPU: a vector of 32-bit lanes encrypts as many counters at once, and what follows
// is arithmetic on whole vectors. Lane l holds block l of a group; two rounds of interleaving put
// the draws in order of their elements.
//
// A group of blocks always makes the same draws, wherever a call begins: what a call does not need
// of its first and last group it throws away.

#include "kernels/device/simd.h"
#include "kernels/device/threads.h"
#include "kernels/random/draw.h"
#include "kernels/random/random.h"

namespace understudy::UNDERSTUDY_ISA {

namespace {

using Index = std::int64_t;

typedef std::uint32_t Words __attribute__((vector_size(vector_bytes)));
typedef std::uint64_t Longs __attribute__((vector_size(vector_bytes)));
constexpr int group_blocks = vector_bytes / 4;

// Lower and upper halves of the 32-bit products: the even lanes' as 64-bit products, then the
// odd's.
UNDERSTUDY_INLINE Longs multiply_even(Longs a, std::uint32_t b) {
#if defined(__AVX512F__)
  return (Longs)_mm512_maskz_mul_epu32(0xff, (__m512i)a, _mm512_set1_epi64(b));
#elif defined(__AVX2__)
  return (Longs)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#elif defined(__SSE2__)
  return (Longs)__builtin_ia32_pmuludq128((int __attribute__((vector_size(16))))a,
                                          (int __attribute__((vector_size(16))))(Longs{} + b));
#else
  return (a & 0xffffffffu) * b;
#endif
}
UNDERSTUDY_INLINE Words multiply_words(Words a, std::uint32_t b, Words& high) {
  const Longs low_half = Longs{} + 0xffffffffu;
  const Longs even = multiply_even((Longs)a, b), odd = multiply_even((Longs)a >> 32, b);
  high = (Words)((even >> 32) | (odd & ~low_half));
  return (Words)((even & low_half) | (odd << 32));
}

// a0 b0 a1 b1 ..., of the lower and of the upper halves of a and b
template <int... i>
struct Lanes {};
template <int count, int... i>
struct LanesTo : LanesTo<count - 1, count - 1, i...> {};
template <int... i>
struct LanesTo<0, i...> {
  using type = Lanes<i...>;
};

template <class V, int... i>
UNDERSTUDY_INLINE void interleave(V& a, V& b, Lanes<i...>) {
  constexpr int count = sizeof...(i);
  const V low = __builtin_shufflevector(a, b, (i % 2 == 0 ? i / 2 : count + i / 2)...);
  const V high = __builtin_shufflevector(
      a, b, (i % 2 == 0 ? count / 2 + i / 2 : count + count / 2 + i / 2)...);
  a = low;
  b = high;
}
template <class V>
UNDERSTUDY_INLINE void interleave(V& a, V& b) {
  interleave(a, b, typename LanesTo<static_cast<int>(sizeof(V) / sizeof(V{}[0]))>::type{});
}

template <class T>
struct UnsignedOf;
template <>
struct UnsignedOf<float> {
  using Vector = Words;
  using type = std::uint32_t;
};
template <>
struct UnsignedOf<double> {
  using Vector = Longs;
  using type = std::uint64_t;
};

template <class T>
struct Ops {
  using Scalar = T;
  using Value = Vec<T>;
  using Bits = typename UnsignedOf<T>::Vector;
  using Word = Words;

  static UNDERSTUDY_INLINE Value number(T value) { return broadcast<T>(value); }
  static UNDERSTUDY_INLINE Bits pattern(typename UnsignedOf<T>::type value) {
    return Bits{} + value;
  }
  static UNDERSTUDY_INLINE Bits bits(Value value) { return (Bits)value; }
  static UNDERSTUDY_INLINE Value value(Bits bits) { return (Value)bits; }
  static UNDERSTUDY_INLINE Value root(Value a) { return square_root<T>(a); }
  static UNDERSTUDY_INLINE Words multiply(Words a, std::uint32_t b, Words& high) {
    return multiply_words(a, b, high);
  }
  static UNDERSTUDY_INLINE Value fused(Value a, Value b, Value c) {
#if defined(__AVX512F__)
    if constexpr (sizeof(T) == 4)
      return (Value)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
    else
      return (Value)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__)
    if constexpr (sizeof(T) == 4)
      return (Value)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
    else
      return (Value)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    // one instruction where the processor has it, else the C library's exact function
    for (int i = 0; i < lanes<T>; ++i)
      a[i] = sizeof(T) == 4 ? __builtin_fmaf(a[i], b[i], c[i]) : __builtin_fma(a[i], b[i], c[i]);
    return a;
#endif
  }
};

// Elements that a group of blocks makes.
template <class T>
constexpr Index group_elements = group_blocks*(sizeof(T) == 4 ? 4 : 2);

// The words of blocks begin, begin + 1, ...
UNDERSTUDY_INLINE void draw_words(const RandomState& state, std::uint64_t begin,
                                  Words (&words)[4]) {
  std::uint32_t low[group_blocks], high[group_blocks];
  for (int lane = 0; lane < group_blocks; ++lane) {
    const std::uint64_t block = begin + static_cast<std::uint64_t>(lane);
    low[lane] = static_cast<std::uint32_t>(block);
    high[lane] = static_cast<std::uint32_t>(block >> 32);
  }
  std::memcpy(&words[0], low, sizeof low);
  std::memcpy(&words[1], high, sizeof high);
  words[2] = Words{} + static_cast<std::uint32_t>(state.stream);
  words[3] = Words{} + static_cast<std::uint32_t>(state.stream >> 32);
  Draw<Ops<float>>::philox(words[0], words[1], words[2], words[3], state.seed);
}

enum class Kind { uniform, normal, gumbel };

// Turns two vectors of numbers, those of elements 2k and those of 2k + 1, into draws.
template <Kind kind, class T>
UNDERSTUDY_INLINE void draw_pair(typename Ops<T>::Bits a, typename Ops<T>::Bits b, Vec<T>& first,
                                 Vec<T>& second) {
  using D = Draw<Ops<T>>;
  if constexpr (kind == Kind::uniform) {
    first = D::uniform(a);
    second = D::uniform(b);
  } else if constexpr (kind == Kind::normal) {
    D::normals(a, b, first, second);
  } else {
    first = D::gumbel(a);
    second = D::gumbel(b);
  }
}

// The draws of one group.
template <Kind kind, class T>
UNDERSTUDY_INLINE void draw_group(const RandomState& state, std::uint64_t begin, T* y) {
  Words words[4];
  draw_words(state, begin, words);
  Vec<T> out[4];
  if constexpr (sizeof(T) == 4) {
    draw_pair<kind, T>(words[0], words[1], out[0], out[1]);
    draw_pair<kind, T>(words[2], words[3], out[2], out[3]);
    // blocks are lanes, words are vectors: transpose
    interleave(out[0], out[2]);
    interleave(out[1], out[3]);
    interleave(out[0], out[1]);
    interleave(out[2], out[3]);
  } else {
    // the halves of 64 bits side by side: the lower half of the blocks, then the upper
    interleave(words[0], words[1]);
    interleave(words[2], words[3]);
    draw_pair<kind, T>((Longs)words[0], (Longs)words[2], out[0], out[1]);
    draw_pair<kind, T>((Longs)words[1], (Longs)words[3], out[2], out[3]);
    interleave(out[0], out[1]);
    interleave(out[2], out[3]);
  }
  for (int i = 0; i < 4; ++i) store(y + i * lanes<T>, out[i]);
}

template <Kind kind, class T>
void draw_range(const RandomState& state, std::uint64_t offset, Index first, Index n, T* y) {
  constexpr Index group = group_elements<T>;
  Index done = 0;
  while (done < n) {
    const Index at = first + done;
    const Index from = at % group;  // elements of the group that belong to someone else
    const std::uint64_t begin =
        offset + static_cast<std::uint64_t>(at / group) * static_cast<std::uint64_t>(group_blocks);
    if (from == 0 && n - done >= group) {
      draw_group<kind, T>(state, begin, y + done);
      done += group;
      continue;
    }
    T part[group];
    draw_group<kind, T>(state, begin, part);
    const Index count = n - done < group - from ? n - done : group - from;
    for (Index i = 0; i < count; ++i) y[done + i] = part[from + i];
    done += count;
  }
}

// Large arrays are split over the team at boundaries of groups.
constexpr Index worth_splitting = 32768;

template <Kind kind, class T>
void draw(Stream& stream, RandomState state, const std::uint64_t* counter, std::uint64_t skip,
          Index first, Index n, T* y) {
  const std::uint64_t offset = *counter + skip;
  if (stream.threads == nullptr || n < worth_splitting) {
    draw_range<kind, T>(state, offset, first, n, y);
    return;
  }
  constexpr Index part_elements = worth_splitting / 4;
  const int parts = static_cast<int>((n + part_elements - 1) / part_elements);
  stream.threads->run(parts, [&](int part, int) {
    const Index begin = part * part_elements;
    const Index count = n - begin < part_elements ? n - begin : part_elements;
    draw_range<kind, T>(state, offset, first + begin, count, y + begin);
  });
}

// The noise of a few hundred elements at a time, across the ends of rows.
template <class T>
void categorical_rows(const RandomState& state, std::uint64_t offset, Index first, Index rows,
                      Index n, const T* x, std::int32_t* index) {
  constexpr Index chunk = 4 * group_elements<T>;
  T noise[chunk];
  const T lowest = -static_cast<T>(__builtin_inf());
  T best = lowest;
  std::int32_t best_at = 0;
  Index row = 0, column = 0;
  for (Index begin = 0; begin < rows * n; begin += chunk) {
    const Index count = rows * n - begin < chunk ? rows * n - begin : chunk;
    draw_range<Kind::gumbel, T>(state, offset, first + begin, count, noise);
    for (Index i = 0; i < count; ++i) {
      const T value = x[begin + i] + noise[i];
      if (value > best) {
        best = value;
        best_at = static_cast<std::int32_t>(column);
      }
      if (++column == n) {
        index[row++] = best_at;
        best = lowest;
        best_at = 0;
        column = 0;
      }
    }
  }
}

template <class T>
void categorical(Stream& stream, RandomState state, const std::uint64_t* counter,
                 std::uint64_t skip, Index first, Index rows, Index n, const T* x,
                 std::int32_t* index) {
  const std::uint64_t offset = *counter + skip;
  if (n == 0) {
    for (Index r = 0; r < rows; ++r) index[r] = 0;
    return;
  }
  if (stream.threads == nullptr || rows * n < worth_splitting) {
    categorical_rows(state, offset, first, rows, n, x, index);
    return;
  }
  const Index part_rows = (worth_splitting / 4 + n - 1) / n;
  const int parts = static_cast<int>((rows + part_rows - 1) / part_rows);
  stream.threads->run(parts, [&](int part, int) {
    const Index begin = part * part_rows;
    const Index count = rows - begin < part_rows ? rows - begin : part_rows;
    categorical_rows(state, offset, first + begin * n, count, n, x + begin * n, index + begin);
  });
}

void permutation(Stream& stream, RandomState state, const std::uint64_t* counter,
                 std::uint64_t skip, Index n, std::int32_t* index) {
  const std::uint64_t offset = *counter + skip;
  if (n <= most_shuffled) {
    for (Index i = 0; i < n; ++i) index[i] = static_cast<std::int32_t>(i);
    // the same words as `uniform` of f32 turns into numbers
    std::uint32_t words[most_shuffled + 4 * group_blocks];
    for (Index block = 0; block * 4 < n; block += group_blocks) {
      Words group[4];
      draw_words(state, offset + static_cast<std::uint64_t>(block), group);
      for (int lane = 0; lane < group_blocks; ++lane)
        for (int word = 0; word < 4; ++word) words[(block + lane) * 4 + word] = group[word][lane];
    }
    for (Index i = n - 1; i > 0; --i) {
      const Index j = static_cast<Index>(
          static_cast<std::uint64_t>(words[i]) * static_cast<std::uint64_t>(i + 1) >> 32);
      const std::int32_t moved = index[i];
      index[i] = index[j];
      index[j] = moved;
    }
    return;
  }

  Words group[4];
  draw_words(state, offset, group);
  std::uint32_t keys[12];
  for (int key = 0; key < 12; ++key) keys[key] = group[key % 4][key / 4];
  const std::uint32_t count = static_cast<std::uint32_t>(n);
  const int bits = 32 - __builtin_clz(count - 1);
  // The first walk of many indices is a loop without branches, which the compiler turns into
  // vectors; the fewer than half that come out at n or above walk on by themselves.
  auto permute = [&](Index begin, Index end) {
    constexpr Index most = 128;
    std::uint32_t values[most];
    for (Index at = begin; at < end; at += most) {
      const Index here = end - at < most ? end - at : most;
      for (Index i = 0; i < here; ++i)
        values[i] = feistel_walk(static_cast<std::uint32_t>(at + i), bits, keys);
      for (Index i = 0; i < here; ++i) {
        while (values[i] >= count) values[i] = feistel_walk(values[i], bits, keys);
        index[at + i] = static_cast<std::int32_t>(values[i]);
      }
    }
  };
  if (stream.threads == nullptr || n < worth_splitting) return permute(0, n);
  constexpr Index part_elements = worth_splitting / 4;
  stream.threads->run(static_cast<int>((n + part_elements - 1) / part_elements),
                      [&](int part, int) {
                        const Index begin = part * part_elements;
                        permute(begin, begin + part_elements < n ? begin + part_elements : n);
                      });
}

void advance(Stream&, std::uint64_t* counter, std::uint64_t blocks) { *counter += blocks; }

template <class T>
constexpr RandomKernels<T> kernels = {.uniform = draw<Kind::uniform, T>,
                                      .normal = draw<Kind::normal, T>,
                                      .gumbel = draw<Kind::gumbel, T>,
                                      .categorical = categorical<T>,
                                      .permutation = permutation,
                                      .advance = advance};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<RandomKernels> cpu_kernels<RandomKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
