// The executor on the CPU: a vector of environments at a time.
//
// The environment's own code runs on vectors whose lanes are environments. What made it fast:
//
//   * A variable of all environments lies together: loads and stores are whole vectors.
//   * Observations go out as rows. For two and four columns the rows are put together by shuffles
//     and leave as whole vectors.
//   * Resets wait. A step only notes who ended; after a block of environments those are reset a
//     vector at a time, with one Philox for all its lanes. CartPole under random actions ends in
//     every second vector, and a reset on the spot would double its time.

#include "envs/arithmetic_cpu.h"
#include "envs/batch.h"
#include "envs/list.h"
#include "envs/random.h"
#include "kernels/device/split.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

// Parts of a batch begin at multiples of this.
constexpr Index part_multiple = 512;
// What an environment counts when work is split: parts of some 8192. A step takes a nanosecond or
// two an environment; smaller parts cost more in cache lines that move between cores than they
// save.
constexpr Index env_cost = 2;

// As many 32-bit integers as a vector of T has lanes.
template <class T>
struct Words {
  typedef std::int32_t type __attribute__((vector_size(4 * lanes<T>)));
};

template <class T>
UNDERSTUDY_INLINE Vec<T> load_actions(const std::int32_t* action, int count) {
  using Actions = typename Words<T>::type;
  if (count == lanes<T>) {
    Actions all;
    std::memcpy(&all, action, sizeof all);
    return __builtin_convertvector(all, Vec<T>);
  }
  Actions first = {};
  for (int i = 0; i < count; ++i) first[i] = action[i];
  return __builtin_convertvector(first, Vec<T>);
}

// ---- rows of observations ----

template <int... i>
struct Lanes {};
template <int n, int... i>
struct CountTo : CountTo<n - 1, n - 1, i...> {};
template <int... i>
struct CountTo<0, i...> {
  using type = Lanes<i...>;
};

// a0 b0 a1 b1 ..., from lane `first` of both on.
template <int first, class T, int... i>
UNDERSTUDY_INLINE Vec<T> zip(Vec<T> a, Vec<T> b, Lanes<i...>) {
  return __builtin_shufflevector(a, b, (first + i / 2 + (i & 1) * int(sizeof...(i)))...);
}
template <class T>
UNDERSTUDY_INLINE Vec<T> zip_low(Vec<T> a, Vec<T> b) {
  return zip<0, T>(a, b, typename CountTo<lanes<T>>::type());
}
template <class T>
UNDERSTUDY_INLINE Vec<T> zip_high(Vec<T> a, Vec<T> b) {
  return zip<lanes<T> / 2, T>(a, b, typename CountTo<lanes<T>>::type());
}

// Row i of `to` is lane i of every column, for the first `count` lanes.
template <class T, int columns>
UNDERSTUDY_INLINE void store_rows(T* to, const Variables<Vec<T>, columns>& column, int count) {
  constexpr int w = lanes<T>;
  const bool whole = count == w;
  if constexpr (columns == 1) {
    store_first<T>(to, column[0], count);
    return;
  } else if constexpr (columns == 2) {
    if (whole) {
      store<T>(to, zip_low<T>(column[0], column[1]));
      store<T>(to + w, zip_high<T>(column[0], column[1]));
      return;
    }
  } else if constexpr (columns == 4) {
    if (whole) {
      const Vec<T> even_low = zip_low<T>(column[0], column[2]);
      const Vec<T> even_high = zip_high<T>(column[0], column[2]);
      const Vec<T> odd_low = zip_low<T>(column[1], column[3]);
      const Vec<T> odd_high = zip_high<T>(column[1], column[3]);
      store<T>(to, zip_low<T>(even_low, odd_low));
      store<T>(to + w, zip_high<T>(even_low, odd_low));
      store<T>(to + 2 * w, zip_low<T>(even_high, odd_high));
      store<T>(to + 3 * w, zip_high<T>(even_high, odd_high));
      return;
    }
  }
  T numbers[columns * w];
  for (int k = 0; k < columns; ++k) store<T>(numbers + k * w, column[k]);
  for (int i = 0; i < count; ++i)
    for (int k = 0; k < columns; ++k) to[i * columns + k] = numbers[k * w + i];
}

// ---- resets ----

// Words of Philox in 64-bit lanes. Only the lower halves count: the product reads nothing else, so
// that what shifts and exclusive ors leave in the upper ones never has to be cleared.
typedef std::uint64_t WideWords __attribute__((vector_size(vector_bytes)));
constexpr int wide_lanes = vector_bytes / 8;

UNDERSTUDY_INLINE WideWords multiply_words(WideWords a, std::uint32_t b) {
#if defined(__AVX512F__)
  return (WideWords)_mm512_maskz_mul_epu32(0xff, (__m512i)a, _mm512_set1_epi64(b));
#elif defined(__AVX2__)
  return (WideWords)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#else
  return (a & 0xffffffffu) * std::uint64_t(b);
#endif
}

// The words at base[who], for whole vectors of `who`.
template <class T>
UNDERSTUDY_INLINE typename Words<T>::type gather_words(const std::uint32_t* base,
                                                       typename Words<T>::type who) {
  typename Words<T>::type result = {};
#if defined(__AVX512F__)
  if constexpr (lanes<T> == 16)
    return (typename Words<T>::type)_mm512_mask_i32gather_epi32((__m512i)result, 0xffff,
                                                                (__m512i)who, base, 4);
#endif
#if defined(__AVX2__)
  const int* from = reinterpret_cast<const int*>(base);
  if constexpr (lanes<T> == 8)
    return (typename Words<T>::type)_mm256_i32gather_epi32(from, (__m256i)who, 4);
  if constexpr (lanes<T> == 4)
    return (typename Words<T>::type)_mm_i32gather_epi32(from, (__m128i)who, 4);
#endif
  for (int i = 0; i < lanes<T>; ++i) result[i] = std::int32_t(base[who[i]]);
  return result;
}

// The draws of a vector's worth of environments: `ResetRandom` in every lane, of at most `draws`
// each.
//
// All stays in registers: what is stored in pieces and loaded whole waits for the stores to reach
// the cache.
template <class T, int draws>
class LaneRandom {
 public:
  static constexpr int w = lanes<T>;

  // Those of resets; `who` has a whole vector.
  UNDERSTUDY_INLINE LaneRandom(const InstanceArrays<T>& arrays, const std::int32_t* who)
      : seed_(arrays.seed) {
    typename Words<T>::type all;
    std::memcpy(&all, who, sizeof all);
    const auto episode = gather_words<T>(arrays.episode, all);
    for (int h = 0; h < halves; ++h) {
      env_[h] = arrays.first_env + widen(all, h);
      block_[h] = widen(episode, h) * reset_block(1, draws);
    }
    draw();
  }
  // Those of a step of environments [first, first + w).
  UNDERSTUDY_INLINE LaneRandom(const InstanceArrays<T>& arrays, Index first) : seed_(arrays.seed) {
    std::uint64_t env[w], block[w];
    for (int i = 0; i < w; ++i) {
      env[i] = arrays.first_env + std::uint64_t(first + i);
      block[i] =
          step_block(arrays.episode[first + i], std::uint64_t(arrays.elapsed[first + i]), draws);
    }
    std::memcpy(env_, env, sizeof env);
    std::memcpy(block_, block, sizeof block);
    draw();
  }

  UNDERSTUDY_INLINE Vec<T> uniform(double low, double high) {
    if constexpr (draws > 4)
      if (next_ == 4) draw();
    const Word word = words_[next_++];
    if constexpr (sizeof(T) == 4) {
      // Through signed integers, which every instruction set converts.
      const auto upper = (typename Words<T>::type)(word >> 8);
      return T(low) + T(high - low) * (__builtin_convertvector(upper, Vec<T>) * T(0x1p-24));
    } else {
      return T(low) + T(high - low) * (__builtin_convertvector(word, Vec<T>) * T(0x1p-32));
    }
  }

 private:
  typedef std::uint32_t Word __attribute__((vector_size(4 * w)));
  typedef std::uint32_t Narrow __attribute__((vector_size(4 * wide_lanes)));
  typedef std::uint32_t Pairs __attribute__((vector_size(vector_bytes)));
  static constexpr int halves = w / wide_lanes;

  UNDERSTUDY_INLINE void draw() {
    WideWords a[halves], b[halves], c[halves], d[halves];
    for (int h = 0; h < halves; ++h) {
      a[h] = block_[h];
      b[h] = block_[h] >> 32;
      c[h] = env_[h];
      d[h] = env_[h] >> 32;
      block_[h] += 1;
    }
    WideWords key_0 = std::uint64_t(std::uint32_t(seed_)) - WideWords{};
    WideWords key_1 = (seed_ >> 32) - WideWords{};
    for (int round = 0; round < 10; ++round) {
      for (int h = 0; h < halves; ++h) {
        const WideWords p = multiply_words(a[h], Philox::multiplier_0);
        const WideWords q = multiply_words(c[h], Philox::multiplier_1);
        a[h] = (q >> 32) ^ b[h] ^ key_0;
        b[h] = q;
        c[h] = (p >> 32) ^ d[h] ^ key_1;
        d[h] = p;
      }
      key_0 += Philox::weyl_0;
      key_1 += Philox::weyl_1;
    }
    const typename CountTo<w>::type each{};
    words_[0] = narrow(a, each);
    words_[1] = narrow(b, each);
    words_[2] = narrow(c, each);
    words_[3] = narrow(d, each);
    next_ = 0;
  }

  // Half h of 32-bit lanes, each in one of 64 bits.
  static UNDERSTUDY_INLINE WideWords widen(typename Words<T>::type all, int h) {
    return widen((Word)all, h, typename CountTo<wide_lanes>::type());
  }
  template <int... i>
  static UNDERSTUDY_INLINE WideWords widen(Word all, int h, Lanes<i...>) {
    const Narrow low = __builtin_shufflevector(all, all, i...);
    const Narrow high = __builtin_shufflevector(all, all, ((i + wide_lanes) % w)...);
    return __builtin_convertvector(h == 0 ? low : high, WideWords);
  }

  // The lower halves of 64-bit lanes.
  template <int... i>
  static UNDERSTUDY_INLINE Word narrow(const WideWords (&wide)[halves], Lanes<i...>) {
    if constexpr (halves == 1) {
      return __builtin_convertvector(wide[0], Word);
    } else {
      constexpr int low = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 1;
      return __builtin_shufflevector((Pairs)wide[0], (Pairs)wide[1], (2 * i + low)...);
    }
  }

  std::uint64_t seed_;
  WideWords env_[halves], block_[halves];
  Word words_[4];
  int next_ = 0;
};

// Begins the next episodes of the first `count` of `who`, 1 <= count <= lanes<T>; what follows them
// up to a whole vector is overwritten. Apart from the steps, so that the constants of either have
// all the registers.
template <class E, class T>
__attribute__((noinline)) void reset_lanes(const InstanceArrays<T>& arrays, std::int32_t* who,
                                           int count, T* observation) {
  constexpr int w = lanes<T>, columns = E::observation_size;
  for (int i = count; i < w; ++i) who[i] = who[0];
  LaneRandom<T, E::reset_draws> random(arrays, who);
  const typename E::State state = E::reset(random);
  T states[E::state_size * w], rows[columns * w];
  for (int k = 0; k < E::state_size; ++k) store<T>(states + k * w, state[k]);
  store_rows<T, columns>(rows, E::observe(state), w);
  T *const to = arrays.state, *const elapsed = arrays.elapsed;
  std::uint32_t* const episode = arrays.episode;
  const Index stride = arrays.stride;
  for (int i = 0; i < count; ++i) {
    const Index env = who[i];
    for (int k = 0; k < E::state_size; ++k) to[k * stride + env] = states[k * w + i];
    elapsed[env] = 0;
    ++episode[env];
    if (observation != nullptr)
      std::memcpy(observation + env * columns, rows + i * columns, columns * sizeof(T));
  }
}

// What is left to do for those whose episodes ended. Apart from the steps as well.
template <class E, class T>
__attribute__((noinline)) void end_episodes(const InstanceArrays<T>& arrays,
                                            const StepArrays<T>& step, std::int32_t* who,
                                            int count) {
  constexpr int columns = E::observation_size;
  if (step.final_observation != nullptr)
    for (int i = 0; i < count; ++i)
      std::memcpy(step.final_observation + Index(who[i]) * columns,
                  step.observation + Index(who[i]) * columns, columns * sizeof(T));
  if (step.automatic_reset) reset_lanes<E, T>(arrays, who, count, step.observation);
}

// ---- steps ----

template <class E, class T>
UNDERSTUDY_INLINE typename E::State load_state(const InstanceArrays<T>& arrays, Index i) {
  typename E::State state;
  for (int k = 0; k < E::state_size; ++k) state[k] = load<T>(arrays.state + k * arrays.stride + i);
  return state;
}

template <class E, class T>
UNDERSTUDY_INLINE auto step_lanes_once(const InstanceArrays<T>& arrays, Index i,
                                       const typename E::Action& action) {
  if constexpr (step_draws_of<E>() > 0) {
    LaneRandom<T, E::step_draws> random(arrays, i);
    return E::step(load_state<E, T>(arrays, i), action, random);
  } else {
    return E::step(load_state<E, T>(arrays, i), action);
  }
}

// Steps environments [i, i + count), count <= lanes<T>; returns a bit for each whose episode ended.
// The state's arrays reach to the next multiple of any vector, the caller's only to `count`.
template <class E, class T>
UNDERSTUDY_INLINE unsigned step_lanes(const InstanceArrays<T>& arrays, const StepArrays<T>& step,
                                      Index i, int count) {
  typename E::Action action;
  if constexpr (E::action_count > 0) {
    action[0] = load_actions<T>(step.discrete + i, count);
  } else if constexpr (E::action_size == 1) {
    action[0] = count == lanes<T> ? load<T>(step.continuous + i)
                                  : load_first<T>(step.continuous + i, count);
  } else {
    for (int k = 0; k < E::action_size; ++k) {
      T numbers[lanes<T>] = {};
      for (int lane = 0; lane < count; ++lane)
        numbers[lane] = step.continuous[(i + lane) * E::action_size + k];
      action[k] = load<T>(numbers);
    }
  }

  const auto next = step_lanes_once<E, T>(arrays, i, action);
  const Vec<T> elapsed = load<T>(arrays.elapsed + i) + T(1);
  const IntegerVec<T> truncated = elapsed >= arrays.horizon;
  const Vec<T> zero = {}, one = broadcast<T>(T(1));

  for (int k = 0; k < E::state_size; ++k)
    store<T>(arrays.state + k * arrays.stride + i, next.state[k]);
  store<T>(arrays.elapsed + i, elapsed);
  store_rows<T, E::observation_size>(step.observation + i * E::observation_size,
                                     E::observe(next.state), count);
  if (count == lanes<T>) {
    store<T>(step.reward + i, next.reward);
    store<T>(step.terminated + i, next.terminated ? one : zero);
    store<T>(step.truncated + i, truncated ? one : zero);
  } else {
    store_first<T>(step.reward + i, next.reward, count);
    store_first<T>(step.terminated + i, next.terminated ? one : zero, count);
    store_first<T>(step.truncated + i, truncated ? one : zero, count);
  }
  return mask_bits<T>(next.terminated | truncated) & ((1u << count) - 1u);
}

// Appends i + lane for every bit that is set. Without a branch, since whether an episode ends in a
// vector cannot be foretold; writes up to a vector's worth beyond the count.
template <class T>
UNDERSTUDY_INLINE void append_lanes(std::int32_t* list, Index& count, Index i, unsigned bits) {
#if defined(__AVX512F__)
  // (The form that compresses straight into memory is many times slower on Zen 4.)
  if constexpr (sizeof(T) == 4) {
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i who = _mm512_add_epi32(lane, _mm512_set1_epi32(int(i)));
    _mm512_storeu_si512(list + count, _mm512_maskz_compress_epi32(__mmask16(bits), who));
  } else {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i who = _mm256_add_epi32(lane, _mm256_set1_epi32(int(i)));
    _mm256_storeu_si256((__m256i*)(list + count), _mm256_maskz_compress_epi32(__mmask8(bits), who));
  }
  count += __builtin_popcount(bits);
#else
  for (int lane = 0; lane < lanes<T>; ++lane) {
    list[count] = std::int32_t(i) + lane;
    count += (bits >> lane) & 1;
  }
#endif
}

template <class E, class T>
void step(Stream& stream, const InstanceArrays<T>& all, const StepArrays<T>& step) {
  split_rows(stream, all.num_envs, env_cost, part_multiple, [&](Index begin, Index end, int) {
    constexpr int w = lanes<T>;
    // Copies of its own, whose pointers no store can change.
    const InstanceArrays<T> arrays = all;
    const StepArrays<T> given = step;
    // Those who ended wait until there are two vectors of them, so that the oldest, which are whole
    // in the cache by then, are reset with no empty lanes.
    std::int32_t ended[3 * w] = {};
    Index count = 0, i = begin;
    do {
      for (; i < end && count < 2 * w; i += w) {
        const Index rest = end - i;
        const unsigned bits = step_lanes<E, T>(arrays, given, i, int(rest < w ? rest : w));
        append_lanes<T>(ended, count, i, bits);
      }
      const Index now = count < w ? count : w;
      if (now > 0) end_episodes<E, T>(all, step, ended, int(now));
      std::memmove(ended, ended + w, 2 * w * sizeof *ended);
      count -= now;
    } while (i < end || count > 0);
  });
}

template <class E, class T>
void reset(Stream& stream, const InstanceArrays<T>& arrays, T* observation) {
  split_rows(stream, arrays.num_envs, env_cost, part_multiple, [&](Index begin, Index end, int) {
    constexpr int w = lanes<T>;
    for (Index first = begin; first < end; first += w) {
      std::int32_t who[w];
      for (int i = 0; i < w; ++i) who[i] = std::int32_t(first + i);
      const int count = int(end - first < w ? end - first : w);
      reset_lanes<E, T>(arrays, who, count, observation);
    }
  });
}

template <class E, class T>
void observe(Stream&, const InstanceArrays<T>& arrays, T* observation) {
  for (Index i = 0; i < arrays.num_envs; i += lanes<T>) {
    const Index rest = arrays.num_envs - i;
    store_rows<T, E::observation_size>(observation + i * E::observation_size,
                                       E::observe(load_state<E, T>(arrays, i)),
                                       int(rest < lanes<T> ? rest : lanes<T>));
  }
}

// A list of more environments than BatchTable holds does not compile.
template <class T, template <class> class... E>
constexpr BatchTable<T> kernels_of(EnvironmentList<E...>) {
  return {{{reset<E<Vec<T>>, T>, step<E<Vec<T>>, T>, observe<E<Vec<T>>, T>}...}};
}
template <class T>
constexpr BatchTable<T> kernels = kernels_of<T>(Environments());

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<BatchTable> cpu_kernels<BatchTable, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
