// The executor on the CPU: a vector of instances at a time.
//
// The environment's own code runs on vectors whose lanes are instances. What made it fast:
//
//   * A variable of all instances lies together: loads and stores are whole vectors.
//   * Observations go out as rows. For two and four columns the rows are put together by shuffles
//     and leave as whole vectors.
//   * Resets wait. A step only notes who ended; after a block of instances those are reset a vector
//     at a time, with one Philox for all its lanes. CartPole under random actions ends in every
//     second vector, and a reset on the spot would double its time.

#include "envs/arithmetic_cpu.h"
#include "envs/batch.h"
#include "envs/list.h"
#include "envs/random.h"
#include "kernels/device/split.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

// Instances between two rounds of resets: their state stays in the first cache.
constexpr Index block_instances = 512;
// What an instance counts when work is split: parts of some 8192. A step takes a nanosecond or two
// an instance; smaller parts cost more in cache lines that move between cores than they save.
constexpr Index instance_cost = 2;

// As many 32-bit integers as a vector of T has lanes.
template <class T>
struct Words {
  typedef std::int32_t type __attribute__((vector_size(4 * lanes<T>)));
};

template <class T>
UNDERSTUDY_INLINE Vec<T> load_actions(const std::int32_t* action, int count) {
  typename Words<T>::type words = {};
  if (count == lanes<T>)
    std::memcpy(&words, action, sizeof words);
  else
    for (int i = 0; i < count; ++i) words[i] = action[i];
  return __builtin_convertvector(words, Vec<T>);
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

// The draws of a vector's worth of instances: `ResetRandom` in every lane.
template <class T>
class LaneRandom {
 public:
  static constexpr int w = lanes<T>;

  UNDERSTUDY_INLINE LaneRandom(const InstanceArrays<T>& arrays, const std::int32_t* who, int count,
                               int draws)
      : seed_(arrays.seed) {
    for (int i = 0; i < w; ++i) {
      const Index instance = who[i < count ? i : 0];
      instance_[i] = arrays.first_instance + std::uint64_t(instance);
      block_[i] = reset_block(arrays.episode[instance], draws);
    }
  }
  // Those of a step of instances [first, first + w).
  UNDERSTUDY_INLINE LaneRandom(const InstanceArrays<T>& arrays, Index first, int draws)
      : seed_(arrays.seed) {
    for (int i = 0; i < w; ++i) {
      instance_[i] = arrays.first_instance + std::uint64_t(first + i);
      block_[i] =
          step_block(arrays.episode[first + i], std::uint64_t(arrays.elapsed[first + i]), draws);
    }
  }

  UNDERSTUDY_INLINE Vec<T> uniform(double low, double high) {
    if (next_ == 4) draw();
    typedef std::uint32_t Word __attribute__((vector_size(4 * w)));
    Word word;
    std::memcpy(&word, words_[next_++], sizeof word);
    if constexpr (sizeof(T) == 4) {
      // Through signed integers, which every instruction set converts.
      const auto upper = (typename Words<T>::type)(word >> 8);
      return T(low) + T(high - low) * (__builtin_convertvector(upper, Vec<T>) * T(0x1p-24));
    } else {
      return T(low) + T(high - low) * (__builtin_convertvector(word, Vec<T>) * T(0x1p-32));
    }
  }

 private:
  UNDERSTUDY_INLINE void draw() {
    for (int first = 0; first < w; first += wide_lanes) {
      WideWords a, c;
      std::memcpy(&a, block_ + first, sizeof a);
      std::memcpy(&c, instance_ + first, sizeof c);
      WideWords b = a >> 32, d = c >> 32;
      std::uint32_t key_0 = std::uint32_t(seed_), key_1 = std::uint32_t(seed_ >> 32);
      for (int round = 0; round < 10; ++round) {
        const WideWords p = multiply_words(a, Philox::multiplier_0);
        const WideWords q = multiply_words(c, Philox::multiplier_1);
        a = (q >> 32) ^ b ^ (key_0 - WideWords{});
        b = q;
        c = (p >> 32) ^ d ^ (key_1 - WideWords{});
        d = p;
        key_0 += Philox::weyl_0;
        key_1 += Philox::weyl_1;
      }
      put(words_[0] + first, a);
      put(words_[1] + first, b);
      put(words_[2] + first, c);
      put(words_[3] + first, d);
    }
    for (int i = 0; i < w; ++i) ++block_[i];
    next_ = 0;
  }

  // The lower halves.
  static UNDERSTUDY_INLINE void put(std::uint32_t* to, WideWords wide) {
    typedef std::uint32_t Narrow __attribute__((vector_size(4 * wide_lanes)));
    const Narrow words = __builtin_convertvector(wide, Narrow);
    std::memcpy(to, &words, sizeof words);
  }

  std::uint64_t seed_, instance_[w], block_[w];
  std::uint32_t words_[4][w] = {};
  int next_ = 4;
};

// Begins the next episodes of the `count` <= lanes<T> instances in `who`.
template <class E, class T>
UNDERSTUDY_INLINE void reset_lanes(const InstanceArrays<T>& arrays, const std::int32_t* who,
                                   int count, T* observation) {
  LaneRandom<T> random(arrays, who, count, E::reset_draws);
  const typename E::State state = E::reset(random);
  T states[E::state_size * lanes<T>], rows[E::observation_size * lanes<T>];
  for (int k = 0; k < E::state_size; ++k) store<T>(states + k * lanes<T>, state[k]);
  store_rows<T, E::observation_size>(rows, E::observe(state), lanes<T>);
  for (int i = 0; i < count; ++i) {
    const Index instance = who[i];
    for (int k = 0; k < E::state_size; ++k)
      arrays.state[k * arrays.stride + instance] = states[k * lanes<T> + i];
    arrays.elapsed[instance] = 0;
    ++arrays.episode[instance];
    if (observation == nullptr) continue;
    std::memcpy(observation + instance * E::observation_size, rows + i * E::observation_size,
                E::observation_size * sizeof(T));
  }
}

template <class E, class T>
UNDERSTUDY_INLINE void reset_listed(const InstanceArrays<T>& arrays, const std::int32_t* who,
                                    Index count, T* observation) {
  for (Index first = 0; first < count; first += lanes<T>) {
    const Index rest = count - first;
    reset_lanes<E, T>(arrays, who + first, int(rest < lanes<T> ? rest : lanes<T>), observation);
  }
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
    LaneRandom<T> random(arrays, i, E::step_draws);
    return E::step(load_state<E, T>(arrays, i), action, random);
  } else {
    return E::step(load_state<E, T>(arrays, i), action);
  }
}

// Steps instances [i, i + count), count <= lanes<T>; returns a bit for each whose episode ended.
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
void step(Stream& stream, const InstanceArrays<T>& arrays, const StepArrays<T>& given) {
  split_rows(
      stream, arrays.instances, instance_cost, block_instances, [&](Index begin, Index end, int) {
        std::int32_t ended[block_instances + lanes<T>];
        for (Index block = begin; block < end; block += block_instances) {
          const Index block_end = end - block < block_instances ? end : block + block_instances;
          Index count = 0;
          for (Index i = block; i < block_end; i += lanes<T>) {
            const Index rest = block_end - i;
            const unsigned bits =
                step_lanes<E, T>(arrays, given, i, int(rest < lanes<T> ? rest : lanes<T>));
            append_lanes<T>(ended, count, i, bits);
          }
          if (given.final_observation != nullptr)
            for (Index e = 0; e < count; ++e)
              for (int k = 0; k < E::observation_size; ++k) {
                const Index at = ended[e] * Index(E::observation_size) + k;
                given.final_observation[at] = given.observation[at];
              }
          if (given.automatic_reset) reset_listed<E, T>(arrays, ended, count, given.observation);
        }
      });
}

template <class E, class T>
void reset(Stream& stream, const InstanceArrays<T>& arrays, T* observation) {
  split_rows(stream, arrays.instances, instance_cost, block_instances,
             [&](Index begin, Index end, int) {
               std::int32_t all[block_instances];
               for (Index block = begin; block < end; block += block_instances) {
                 const Index count = end - block < block_instances ? end - block : block_instances;
                 for (Index i = 0; i < count; ++i) all[i] = std::int32_t(block + i);
                 reset_listed<E, T>(arrays, all, count, observation);
               }
             });
}

template <class E, class T>
void observe(Stream&, const InstanceArrays<T>& arrays, T* observation) {
  for (Index i = 0; i < arrays.instances; i += lanes<T>) {
    const Index rest = arrays.instances - i;
    store_rows<T, E::observation_size>(observation + i * E::observation_size,
                                       E::observe(load_state<E, T>(arrays, i)),
                                       int(rest < lanes<T> ? rest : lanes<T>));
  }
}

template <class T, template <class> class... E>
UNDERSTUDY_INLINE void fill_all(BatchTable<T>& table, EnvironmentList<E...>) {
  BatchKernels<T>* next = table.dynamics;
  ((*next++ = {reset<E<Vec<T>>, T>, step<E<Vec<T>>, T>, observe<E<Vec<T>>, T>}), ...);
}

}  // namespace

void fill(BatchTable<float>& table) { fill_all(table, Environments()); }
void fill(BatchTable<double>& table) { fill_all(table, Environments()); }

}  // namespace understudy::UNDERSTUDY_ISA
