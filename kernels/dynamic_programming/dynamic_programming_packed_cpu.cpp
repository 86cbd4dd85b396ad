// Backups of one problem in packed form, for one instruction set.
//
// What made it fast: the sparse form's scalar gathers (one a transition) become one vector a
// distinct successor, consecutive states a plain load; probabilities that sixteen states share are
// read once. A sweep then waits for memory where the problem is irregular, for its exponentials
// where it is not.

#include "kernels/dynamic_programming/dynamic_programming.h"
#include "kernels/dynamic_programming/dynamic_programming_cpu.h"
#include "kernels/dynamic_programming/dynamic_programming_lanes_cpu.h"
#include "kernels/dynamic_programming/dynamic_programming_math.h"

namespace understudy::UNDERSTUDY_ISA {

namespace {

constexpr int block_lanes = PackedBlock::lanes;
constexpr std::int64_t part_blocks = 128;  // of a part of the work: 2048 states

template <class T>
constexpr int vectors = block_lanes / lanes<T>;  // of a block's sixteen states

// Sixteen numbers.
template <class T>
struct Row {
  Vec<T> v[vectors<T>];
};

template <class T>
UNDERSTUDY_INLINE Row<T> load_row(const T* p) {
  Row<T> r;
  for (int i = 0; i < vectors<T>; ++i) r.v[i] = load<T>(p + i * lanes<T>);
  return r;
}

template <class T>
UNDERSTUDY_INLINE void store_row(T* p, const Row<T>& r, int count) {
  for (int i = 0; i < vectors<T>; ++i) {
    const int left = count - i * lanes<T>;
    if (left >= lanes<T>)
      store<T>(p + i * lanes<T>, r.v[i]);
    else if (left > 0)
      store_first<T>(p + i * lanes<T>, r.v[i], left);
  }
}

template <class T>
UNDERSTUDY_INLINE Row<T> gather(const T* value, const std::int32_t* index) {
  Row<T> r;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    r.v[0] = (Vec<T>)_mm512_mask_i32gather_ps(_mm512_setzero_ps(), 0xffff,
                                              _mm512_loadu_si512(index), value, 4);
  } else {
    for (int i = 0; i < vectors<T>; ++i) {
      __m256i at;
      __builtin_memcpy(&at, index + i * lanes<T>, sizeof at);
      r.v[i] = (Vec<T>)_mm512_mask_i32gather_pd(_mm512_setzero_pd(), 0xff, at, value, 8);
    }
  }
#else
  for (int i = 0; i < vectors<T>; ++i)
    for (int l = 0; l < lanes<T>; ++l) r.v[i][l] = value[index[i * lanes<T> + l]];
#endif
  return r;
}

// acc += probabilities times a slot. Where a state does not lead to its slot the probability is 0
// and the slot anything, -infinity included.
template <class T>
UNDERSTUDY_INLINE const T* add_product(int code, const T* coefficient, const Row<T>* slot,
                                       Row<T>* acc) {
  const Row<T>& from = slot[code >> 1];
  if ((code & 1) == 0) {
    for (int i = 0; i < vectors<T>; ++i) acc->v[i] += *coefficient * from.v[i];
    return coefficient + 1;
  }
  for (int i = 0; i < vectors<T>; ++i) {
    const Vec<T> p = load<T>(coefficient + i * lanes<T>);
    acc->v[i] += p == T(0) ? Vec<T>{} : p * from.v[i];
  }
  return coefficient + block_lanes;
}

template <class T>
UNDERSTUDY_INLINE Vec<T> level_of(Vec<T> m) {
  return m == broadcast<T>(-__builtin_inff()) ? Vec<T>{} : m;
}

// The log_mean_exp expectation takes exp once a slot, relative to its state's largest. False where
// a state's slots are too far apart for that.
template <class T>
UNDERSTUDY_INLINE bool exponentials(int slots, Row<T>* slot, Row<T>* level) {
  constexpr T safe = sizeof(T) == 4 ? T(60) : T(600);
  bool fits = true;
  for (int i = 0; i < vectors<T>; ++i) {
    Vec<T> high = broadcast<T>(-__builtin_inff());
    for (int d = 0; d < slots; ++d) high = maximum<T>(high, slot[d].v[i]);
    high = level_of<T>(high);
    Vec<T> low = high;
    for (int d = 0; d < slots; ++d) {
      const Vec<T> v = slot[d].v[i];
      low = minimum<T>(low, v == broadcast<T>(-__builtin_inff()) ? high : v);
    }
    fits = fits && maximum_lane<T>(high - low) < safe;
    level->v[i] = high;
  }
  if (!fits) return false;
  for (int d = 0; d < slots; ++d)
    for (int i = 0; i < vectors<T>; ++i) slot[d].v[i] = vector_exp<T>(slot[d].v[i] - level->v[i]);
  return true;
}

// False where the block must be swept from the sparse form.
template <class T>
UNDERSTUDY_INLINE bool backup_block(const PackedDynamics<T>& packed, const PackedBlock& b,
                                    const BackupRule<T>& rule, const T* packed_reward,
                                    const T* value, const T* here, int count, T* new_value,
                                    T* chain) {
  const bool soft = rule.backup == Backup::log_sum_exp,
             causal = rule.expectation == Expectation::causal;
  Row<T> slot[PackedBlock::most_slots], q[PackedBlock::most_pairs], level{};
  const std::uint16_t* code = packed.code + b.code;
  const std::int32_t* index = packed.index + b.index;
  for (int d = 0; d < b.slots; ++d) {
    if (*code++ != 0) {
      slot[d] = load_row<T>(value + *index++);
    } else {
      slot[d] = gather<T>(value, index);
      index += block_lanes;
    }
  }
  if (!causal && !exponentials<T>(b.slots, slot, &level)) return false;
  const std::uint16_t* const pair_code = code;
  const T* coefficient = packed.coefficient + b.coefficient;
  Row<T> high, sum{};
  for (int i = 0; i < vectors<T>; ++i) high.v[i] = broadcast<T>(-__builtin_inff());
  const T* reward = packed_reward + b.pair_row * block_lanes;
  for (int a = 0; a < b.pairs; ++a, reward += block_lanes) {
    Row<T> acc{};
    for (int left = *code++; left > 0; --left)
      coefficient = add_product<T>(*code++, coefficient, slot, &acc);
    for (int i = 0; i < vectors<T>; ++i) {
      const Vec<T> ahead = causal ? rule.discount * acc.v[i] : level.v[i] + vector_log<T>(acc.v[i]);
      q[a].v[i] = load<T>(reward + i * lanes<T>) + ahead;
      high.v[i] = maximum<T>(high.v[i], q[a].v[i]);
    }
  }
  Row<T> result = high;
  if (soft)
    for (int i = 0; i < vectors<T>; ++i) {
      const Vec<T> at = level_of<T>(high.v[i]);
      for (int a = 0; a < b.pairs; ++a) {
        q[a].v[i] = vector_exp<T>(q[a].v[i] - at);
        sum.v[i] += q[a].v[i];
      }
      result.v[i] = at + vector_log<T>(sum.v[i]);
    }
  store_row<T>(new_value, result, count);
  for (int l = 0; l < count; ++l)
    if ((b.acting >> l & 1) == 0) new_value[l] = here[l];
  if (chain == nullptr) return true;

  // Again over the program, the policy instead of the values.
  Row<T> weight[PackedBlock::most_slots];
  for (int d = 0; d < b.slots; ++d) weight[d] = Row<T>{};
  Row<T> chosen{};  // hard: 1 once a largest has been seen
  code = pair_code;
  coefficient = packed.coefficient + b.coefficient;
  for (int a = 0; a < b.pairs; ++a) {
    Row<T> pi;
    for (int i = 0; i < vectors<T>; ++i) {
      if (soft) {
        pi.v[i] = sum.v[i] > T(0) ? q[a].v[i] / sum.v[i] : Vec<T>{};
      } else {
        const Vec<T> best = q[a].v[i] == high.v[i] ? T(1) - chosen.v[i] : Vec<T>{};
        pi.v[i] = high.v[i] == broadcast<T>(-__builtin_inff()) ? Vec<T>{} : best;
        chosen.v[i] += pi.v[i];
      }
    }
    for (int left = *code++; left > 0; --left, ++code) {
      const bool shared = (*code & 1) == 0;
      for (int i = 0; i < vectors<T>; ++i)
        weight[*code >> 1].v[i] +=
            pi.v[i] * (shared ? broadcast<T>(*coefficient) : load<T>(coefficient + i * lanes<T>));
      coefficient += shared ? 1 : block_lanes;
    }
  }
  for (int d = 0; d < b.slots; ++d) {
    T* const row = chain + b.chain + d * block_lanes;
    store_row<T>(row, weight[d], block_lanes);
    for (int l = 0; l < block_lanes; ++l)
      if ((b.acting >> l & 1) == 0) row[l] = 0;
  }
  return true;
}

// The chain of a plain block, from its new values; causal.
template <class T>
UNDERSTUDY_INLINE void plain_chain(const SparseDynamics<T>& m, const BackupRule<T>& rule,
                                   std::int64_t first, std::int64_t end, const T* reward,
                                   const T* value, const T* new_value, T* chain) {
  for (std::int64_t s = first; s < end; ++s) {
    bool chosen = false;
    for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k) {
      const T q = reward[k] + rule.discount * causal_ahead<T>(m, k, value);
      T pi;
      if (new_value[s] == -__builtin_inff())
        pi = 0;
      else if (rule.backup == Backup::log_sum_exp)
        pi = vector_exp<T>(broadcast<T>(q - new_value[s]))[0];
      else
        pi = !chosen && q == new_value[s] ? T(1) : T(0);
      chosen = chosen || pi == T(1);
      for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
        *chain++ = pi * m.probability[j];
    }
  }
}

template <class T>
void packed_backup(Stream& stream, const SparseDynamics<T>& m, const PackedDynamics<T>& packed,
                   const BackupRule<T>& rule, const T* reward, const T* packed_reward,
                   const T* value, T* new_value, T* chain) {
  auto run = [&](int part) {
    const std::int64_t from = part * part_blocks;
    for (std::int64_t i = from; i < from + part_blocks && i < packed.blocks; ++i) {
      const PackedBlock& b = packed.block[i];
      const std::int64_t first = i * block_lanes;
      const std::int64_t left = m.states - first;
      const int count = left < block_lanes ? static_cast<int>(left) : block_lanes;
      if (b.slots != PackedBlock::plain &&
          backup_block<T>(packed, b, rule, packed_reward, value, value + first, count,
                          new_value + first, chain))
        continue;
      backup_states<T>(m, rule, first, first + count, reward, value, nullptr, new_value);
      if (chain != nullptr)
        plain_chain<T>(m, rule, first, first + count, reward, value, new_value, chain + b.chain);
    }
  };
  const int parts = static_cast<int>((packed.blocks + part_blocks - 1) / part_blocks);
  if (stream.threads != nullptr && parts > 1) {
    stream.threads->run(parts, [&](int part, int) { run(part); });
  } else {
    for (int part = 0; part < parts; ++part) run(part);
  }
}

}  // namespace

template <class T>
void fill_packed(DynamicProgrammingKernels<T>& kernels) {
  kernels.packed_backup = packed_backup<T>;
}
template void fill_packed(DynamicProgrammingKernels<float>&);
template void fill_packed(DynamicProgrammingKernels<double>&);

}  // namespace understudy::UNDERSTUDY_ISA
