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

// The draws of up to a vector's worth of instances: `ResetRandom` in every lane.
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
      block_[i] = arrays.episode[instance] * std::uint64_t((draws + 3) / 4);
    }
  }

  UNDERSTUDY_INLINE Vec<T> uniform(double low, double high) {
    if (next_ == 4) draw();
    const std::uint32_t* word = words_[next_++];
    T unit[w];
    for (int i = 0; i < w; ++i)
      unit[i] =
          sizeof(T) == 4 ? T(std::int32_t(word[i] >> 8)) * T(0x1p-24) : T(word[i]) * T(0x1p-32);
    return T(low) + T(high - low) * load<T>(unit);
  }

 private:
  // Philox in loops over lanes, which compilers turn into vector instructions.
  UNDERSTUDY_INLINE void draw() {
    std::uint32_t a[w], b[w], c[w], d[w];
    for (int i = 0; i < w; ++i) {
      a[i] = std::uint32_t(block_[i]);
      b[i] = std::uint32_t(block_[i] >> 32);
      c[i] = std::uint32_t(instance_[i]);
      d[i] = std::uint32_t(instance_[i] >> 32);
      ++block_[i];
    }
    std::uint32_t key_0 = std::uint32_t(seed_), key_1 = std::uint32_t(seed_ >> 32);
    for (int round = 0; round < 10; ++round) {
      for (int i = 0; i < w; ++i) {
        const std::uint64_t p = std::uint64_t(Philox::multiplier_0) * a[i];
        const std::uint64_t q = std::uint64_t(Philox::multiplier_1) * c[i];
        a[i] = std::uint32_t(q >> 32) ^ b[i] ^ key_0;
        b[i] = std::uint32_t(q);
        c[i] = std::uint32_t(p >> 32) ^ d[i] ^ key_1;
        d[i] = std::uint32_t(p);
      }
      key_0 += Philox::weyl_0;
      key_1 += Philox::weyl_1;
    }
    for (int i = 0; i < w; ++i) {
      words_[0][i] = a[i];
      words_[1][i] = b[i];
      words_[2][i] = c[i];
      words_[3][i] = d[i];
    }
    next_ = 0;
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
  for (int k = 0; k < E::state_size; ++k)
    for (int i = 0; i < count; ++i) arrays.state[k * arrays.stride + who[i]] = state[k][i];
  for (int i = 0; i < count; ++i) {
    arrays.elapsed[who[i]] = 0;
    ++arrays.episode[who[i]];
  }
  if (observation == nullptr) return;
  T rows[E::observation_size * lanes<T>];
  store_rows<T, E::observation_size>(rows, E::observe(state), lanes<T>);
  for (int i = 0; i < count; ++i)
    for (int k = 0; k < E::observation_size; ++k)
      observation[who[i] * Index(E::observation_size) + k] = rows[i * E::observation_size + k];
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

  const auto next = E::step(load_state<E, T>(arrays, i), action);
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

template <class E, class T>
void step(Stream& stream, const InstanceArrays<T>& arrays, const StepArrays<T>& given) {
  split_rows(stream, arrays.instances, 4 * E::state_size + E::observation_size, block_instances,
             [&](Index begin, Index end, int) {
               std::int32_t ended[block_instances];
               for (Index block = begin; block < end; block += block_instances) {
                 const Index block_end =
                     end - block < block_instances ? end : block + block_instances;
                 Index count = 0;
                 for (Index i = block; i < block_end; i += lanes<T>) {
                   const Index rest = block_end - i;
                   unsigned bits =
                       step_lanes<E, T>(arrays, given, i, int(rest < lanes<T> ? rest : lanes<T>));
                   for (; bits != 0; bits &= bits - 1)
                     ended[count++] = std::int32_t(i) + __builtin_ctz(bits);
                 }
                 if (given.final_observation != nullptr)
                   for (Index e = 0; e < count; ++e)
                     for (int k = 0; k < E::observation_size; ++k) {
                       const Index at = ended[e] * Index(E::observation_size) + k;
                       given.final_observation[at] = given.observation[at];
                     }
                 if (given.automatic_reset)
                   reset_listed<E, T>(arrays, ended, count, given.observation);
               }
             });
}

template <class E, class T>
void reset(Stream& stream, const InstanceArrays<T>& arrays, T* observation) {
  split_rows(stream, arrays.instances, 4 * E::state_size + E::observation_size, block_instances,
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
