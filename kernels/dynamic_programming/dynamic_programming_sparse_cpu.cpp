// Dynamic programming on sparse problems, for one instruction set.
//
// Two shapes. With several problems the lanes run across the batch, up to four vectors of one state
// at a time, so that every index is read once for four vectors of work. With one problem the lanes
// run along a tile of pairs: scalar code gathers r + discount sum p V into a buffer that stays in
// L1, and exp and log run over the whole tile at once.
//
// Work is split over threads by blocks of states (and of lanes) that depend on the problem alone.

#include "kernels/dynamic_programming/dynamic_programming.h"
#include "kernels/dynamic_programming/dynamic_programming_cpu.h"
#include "kernels/dynamic_programming/dynamic_programming_lanes_cpu.h"
#include "kernels/dynamic_programming/dynamic_programming_math.h"

namespace understudy::UNDERSTUDY_ISA {

namespace {

constexpr int buffered_pairs = 32;  // a state's values Q kept at once

// max where it is finite from below, else 0: what may be subtracted from -infinity.
template <class T>
UNDERSTUDY_INLINE Vec<T> offset(Vec<T> m) {
  return m == broadcast<T>(-__builtin_inff()) ? Vec<T>{} : m;
}

// log sum_j p(j) exp V(next(j)).
template <class T, int Width, bool Partial>
UNDERSTUDY_INLINE void log_mean_exp(const Lanes<T, Width, Partial>& at, const SparseDynamics<T>& m,
                                    std::int64_t k, const T* value, Vec<T>* result) {
  const std::int64_t begin = m.transition_begin[k], end = m.transition_begin[k + 1];
  Vec<T> high[Width], sum[Width], v[Width];
  for (int w = 0; w < Width; ++w) high[w] = broadcast<T>(-__builtin_inff()), sum[w] = Vec<T>{};
  for (std::int64_t j = begin; j < end; ++j) {
    at.read(value, m.next_state[j], v);
    for (int w = 0; w < Width; ++w) high[w] = maximum<T>(high[w], v[w]);
  }
  for (int w = 0; w < Width; ++w) high[w] = offset<T>(high[w]);
  for (std::int64_t j = begin; j < end; ++j) {
    at.read(value, m.next_state[j], v);
    for (int w = 0; w < Width; ++w) sum[w] += m.probability[j] * vector_exp<T>(v[w] - high[w]);
  }
  for (int w = 0; w < Width; ++w) result[w] = high[w] + vector_log<T>(sum[w]);
}

template <class T, int Width, bool Partial>
UNDERSTUDY_INLINE void backup_lanes(const Lanes<T, Width, Partial>& at, std::int64_t first,
                                    std::int64_t end, const SparseDynamics<T>& m,
                                    const BackupRule<T>& rule, const T* reward, bool shared_reward,
                                    const T* value, T* q, T* new_value) {
  using V = Vec<T>;
  const bool soft = rule.backup == Backup::log_sum_exp,
             causal = rule.expectation == Expectation::causal;
  for (std::int64_t s = first; s < end; ++s) {
    const std::int64_t pairs_end = m.pair_begin[s + 1];
    V high[Width], sum[Width], result[Width];
    for (int w = 0; w < Width; ++w) high[w] = broadcast<T>(-__builtin_inff()), sum[w] = V{};
    if (m.pair_begin[s] == pairs_end) {
      at.read(value, s, result);
      at.write(new_value, s, result);
      continue;
    }
    for (std::int64_t from = m.pair_begin[s]; from < pairs_end; from += buffered_pairs) {
      const std::int64_t to = smaller(from + buffered_pairs, pairs_end);
      V buffer[buffered_pairs][Width], before[Width];
      for (int w = 0; w < Width; ++w) before[w] = high[w];
      for (std::int64_t k = from; k < to; ++k) {
        V ahead[Width], r[Width];
        if (causal) {
          for (int w = 0; w < Width; ++w) ahead[w] = V{};
          gather_row<T>(at, m.transition_begin[k], m.transition_begin[k + 1], m.next_state,
                        m.probability, value, ahead);
          for (int w = 0; w < Width; ++w) ahead[w] *= rule.discount;
        } else {
          log_mean_exp<T>(at, m, k, value, ahead);
        }
        if (shared_reward) {
          for (int w = 0; w < Width; ++w) r[w] = broadcast<T>(reward[k]);
        } else {
          at.read(reward, k, r);
        }
        for (int w = 0; w < Width; ++w) {
          r[w] += ahead[w];
          buffer[k - from][w] = r[w];
          high[w] = maximum<T>(high[w], r[w]);
        }
        if (q != nullptr) at.write(q, k, r);
      }
      if (!soft) continue;
      for (int w = 0; w < Width; ++w) {
        const V level = offset<T>(high[w]);
        if (from != m.pair_begin[s]) sum[w] *= vector_exp<T>(before[w] - level);
        for (std::int64_t k = 0; k < to - from; ++k) sum[w] += vector_exp<T>(buffer[k][w] - level);
      }
    }
    for (int w = 0; w < Width; ++w)
      result[w] = soft ? offset<T>(high[w]) + vector_log<T>(sum[w]) : high[w];
    at.write(new_value, s, result);
  }
}

// One problem: states tile by tile. Segments of a buffer are replaced by their log-sum-exp.

constexpr std::int64_t tile_values = 1024, tile_segments = 256;

// x[i] = exp x[i] for i < n, in place; x has room for a whole last vector.
template <class T>
UNDERSTUDY_INLINE void exp_in_place(T* x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += lanes<T>) store<T>(x + i, vector_exp<T>(load<T>(x + i)));
}

// log of the `count` sums plus their offsets, in place; both have room for a whole last vector.
template <class T>
UNDERSTUDY_INLINE void log_in_place(T* sum, const T* level, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += lanes<T>)
    store<T>(sum + i, load<T>(level + i) + vector_log<T>(load<T>(sum + i)));
}

// sum of the row's exponentials relative to its largest, any number of them.
template <class T>
UNDERSTUDY_INLINE T log_mean_exp_ahead(const SparseDynamics<T>& m, std::int64_t k, const T* value) {
  const std::int64_t begin = m.transition_begin[k], end = m.transition_begin[k + 1];
  T high = -__builtin_inff();
  for (std::int64_t j = begin; j < end; ++j) {
    const T v = value[m.next_state[j]];
    high = high > v ? high : v;
  }
  if (high == -__builtin_inff()) return high;
  Vec<T> sum{};
  for (std::int64_t j = begin; j < end; j += lanes<T>) {
    const int n = static_cast<int>(smaller(end - j, lanes<T>));
    T part[lanes<T>];
    for (int i = 0; i < lanes<T>; ++i)
      part[i] = i < n ? value[m.next_state[j + i]] - high : -__builtin_inff();
    sum += load_first<T>(m.probability + j, n) * vector_exp<T>(load<T>(part));
  }
  return high + vector_log<T>(broadcast<T>(sum_lanes<T>(sum)))[0];
}

// A state with more pairs than a tile holds: log-sum-exp in stretches of a running maximum.
template <class T>
UNDERSTUDY_INLINE T long_state(const SparseDynamics<T>& m, const BackupRule<T>& rule,
                               std::int64_t s, const T* reward, const T* value, T* q) {
  const bool soft = rule.backup == Backup::log_sum_exp,
             causal = rule.expectation == Expectation::causal;
  T high = -__builtin_inff(), total = 0;
  for (std::int64_t from = m.pair_begin[s]; from < m.pair_begin[s + 1]; from += lanes<T>) {
    const int n = static_cast<int>(smaller(m.pair_begin[s + 1] - from, lanes<T>));
    T part[lanes<T>], before = high;
    for (int i = 0; i < lanes<T>; ++i) part[i] = -__builtin_inff();
    for (int i = 0; i < n; ++i) {
      const std::int64_t k = from + i;
      part[i] = reward[k] + (causal ? rule.discount * causal_ahead<T>(m, k, value)
                                    : log_mean_exp_ahead<T>(m, k, value));
      if (q != nullptr) q[k] = part[i];
      high = high > part[i] ? high : part[i];
    }
    if (!soft || high == -__builtin_inff()) continue;
    const Vec<T> terms = vector_exp<T>(load<T>(part) - high);
    total = total * vector_exp<T>(broadcast<T>(before - high))[0] + sum_lanes<T>(terms);
  }
  if (!soft || high == -__builtin_inff()) return high;
  return high + vector_log<T>(broadcast<T>(total))[0];
}

template <class T>
UNDERSTUDY_INLINE void backup_one(const SparseDynamics<T>& m, const BackupRule<T>& rule,
                                  std::int64_t first, std::int64_t end, const T* reward,
                                  const T* value, T* q, T* new_value) {
  const bool soft = rule.backup == Backup::log_sum_exp,
             causal = rule.expectation == Expectation::causal;
  T buffer[tile_values + lanes<T>], sum[tile_segments + lanes<T>], level[tile_segments + lanes<T>];
  for (std::int64_t s = first; s < end;) {
    if (m.pair_begin[s + 1] - m.pair_begin[s] > tile_values) {
      new_value[s] = long_state<T>(m, rule, s, reward, value, q);
      ++s;
      continue;
    }
    const std::int64_t begin = m.pair_begin[s];
    std::int64_t tile = s;
    while (tile < end && tile - s < tile_segments && m.pair_begin[tile + 1] - begin <= tile_values)
      ++tile;
    const std::int64_t pairs = m.pair_begin[tile] - begin;
    for (std::int64_t k = 0; k < pairs; ++k)
      buffer[k] = causal ? reward[begin + k] + rule.discount * causal_ahead<T>(m, begin + k, value)
                         : reward[begin + k] + log_mean_exp_ahead<T>(m, begin + k, value);
    if (q != nullptr)
      for (std::int64_t k = 0; k < pairs; ++k) q[begin + k] = buffer[k];
    for (std::int64_t i = s; i < tile; ++i) {
      T high = -__builtin_inff();
      for (std::int64_t k = m.pair_begin[i] - begin; k < m.pair_begin[i + 1] - begin; ++k)
        high = high > buffer[k] ? high : buffer[k];
      if (soft) {
        const T at = high == -__builtin_inff() ? T(0) : high;
        for (std::int64_t k = m.pair_begin[i] - begin; k < m.pair_begin[i + 1] - begin; ++k)
          buffer[k] -= at;
        high = at;
      }
      level[i - s] = high;
    }
    if (soft) {
      exp_in_place<T>(buffer, pairs);
      for (std::int64_t i = s; i < tile; ++i) {
        T total = 0;
        for (std::int64_t k = m.pair_begin[i] - begin; k < m.pair_begin[i + 1] - begin; ++k)
          total += buffer[k];
        sum[i - s] = total;
      }
      log_in_place<T>(sum, level, tile - s);
    }
    for (std::int64_t i = s; i < tile; ++i) {
      const bool boundary = m.pair_begin[i] == m.pair_begin[i + 1];
      new_value[i] = boundary ? value[i] : soft ? sum[i - s] : level[i - s];
    }
    s = tile;
  }
}

template <class T>
void backup(Stream& stream, const SparseDynamics<T>& m, const BackupRule<T>& rule,
            std::int64_t batch, const T* reward, bool shared_reward, const T* value, T* q,
            T* new_value) {
  if (batch == 1) {
    constexpr std::int64_t block = 2048;
    split(stream, m.transitions, (m.states + block - 1) / block, [&](std::int64_t part) {
      backup_one<T>(m, rule, part * block, smaller(part * block + block, m.states), reward, value,
                    q, new_value);
    });
    return;
  }
  over_lanes<T>(stream, m.states, m.transitions + 4 * m.pairs, batch, false,
                [&](const auto& at, std::int64_t first, std::int64_t end) {
                  backup_lanes<T>(at, first, end, m, rule, reward, shared_reward, value, q,
                                  new_value);
                });
}

template <class T>
void policy(Stream& stream, const SparseDynamics<T>& m, Backup backup, std::int64_t batch,
            const T* q, const T* value, T* policy) {
  const std::int64_t block = 4096 / batch + 1;
  split(stream, 8 * m.pairs * batch, (m.states + block - 1) / block, [&](std::int64_t part) {
    const std::int64_t first = part * block, end = smaller(first + block, m.states);
    for (std::int64_t s = first; s < end; ++s) {
      const std::int64_t begin = m.pair_begin[s], pairs_end = m.pair_begin[s + 1];
      if (backup == Backup::log_sum_exp) {
        const T* v = value + s * batch;
        for (std::int64_t k = begin; k < pairs_end; ++k)
          for (std::int64_t b = 0; b < batch; ++b) {
            const T low = -__builtin_inff();
            policy[k * batch + b] = v[b] == low ? low : q[k * batch + b] - v[b];
          }
      } else {
        for (std::int64_t b = 0; b < batch; ++b) {
          std::int64_t best = begin;
          for (std::int64_t k = begin; k < pairs_end; ++k)
            if (q[k * batch + b] > q[best * batch + b]) best = k;
          for (std::int64_t k = begin; k < pairs_end; ++k)
            policy[k * batch + b] = k == best ? T(1) : T(0);
        }
      }
    }
    if (backup != Backup::log_sum_exp) return;
    // The block's pairs lie side by side: one run of exponentials over all of them.
    T* p = policy + m.pair_begin[first] * batch;
    const std::int64_t n = (m.pair_begin[end] - m.pair_begin[first]) * batch;
    std::int64_t i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>) store<T>(p + i, vector_exp<T>(load<T>(p + i)));
    const int left = static_cast<int>(n - i);
    if (left > 0) store_first<T>(p + i, vector_exp<T>(load_first<T>(p + i, left)), left);
  });
}

template <class T>
void evaluate(Stream& stream, const SparseDynamics<T>& m, T discount, std::int64_t batch,
              const T* reward, bool shared_reward, const T* policy, const T* value, T* new_value) {
  if (batch == 1) {
    constexpr std::int64_t block = 2048;
    split(stream, m.transitions, (m.states + block - 1) / block, [&](std::int64_t part) {
      for (std::int64_t s = part * block; s < smaller(part * block + block, m.states); ++s) {
        T sum = 0;
        for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k)
          sum += policy[k] * (reward[k] + discount * causal_ahead<T>(m, k, value));
        new_value[s] = m.pair_begin[s] == m.pair_begin[s + 1] ? value[s] : sum;
      }
    });
    return;
  }
  over_lanes<T>(stream, m.states, m.transitions + m.pairs, batch, false,
                [&](const auto& at, std::int64_t first, std::int64_t end) {
                  constexpr int width = width_of<decltype(at)>;
                  for (std::int64_t s = first; s < end; ++s) {
                    Vec<T> sum[width];
                    for (int w = 0; w < width; ++w) sum[w] = Vec<T>{};
                    if (m.pair_begin[s] == m.pair_begin[s + 1]) at.read(value, s, sum);
                    for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k) {
                      Vec<T> ahead[width], r[width], pi[width];
                      for (int w = 0; w < width; ++w)
                        ahead[w] = Vec<T>{}, r[w] = broadcast<T>(reward[k]);
                      gather_row<T>(at, m.transition_begin[k], m.transition_begin[k + 1],
                                    m.next_state, m.probability, value, ahead);
                      if (!shared_reward) at.read(reward, k, r);
                      at.read(policy, k, pi);
                      for (int w = 0; w < width; ++w)
                        sum[w] += pi[w] * (r[w] + discount * ahead[w]);
                    }
                    at.write(new_value, s, sum);
                  }
                });
}

template <class T>
void forward(Stream& stream, const SparseDynamics<T>& m, const IncomingDynamics<T>& incoming,
             T discount, std::int64_t batch, const T* source, const T* policy, const T* occupancy,
             T* flow, T* new_occupancy) {
  const std::int64_t block = 4096 / batch + 1;
  split(stream, m.pairs * batch, (m.states + block - 1) / block, [&](std::int64_t part) {
    for (std::int64_t s = part * block; s < smaller(part * block + block, m.states); ++s)
      for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k)
        for (std::int64_t b = 0; b < batch; ++b)
          flow[k * batch + b] = policy[k * batch + b] * occupancy[s * batch + b];
  });
  if (batch == 1) {
    constexpr std::int64_t rows = 2048;
    split(stream, m.transitions, (m.states + rows - 1) / rows, [&](std::int64_t part) {
      for (std::int64_t s = part * rows; s < smaller(part * rows + rows, m.states); ++s) {
        T sum = 0;
        for (std::int64_t i = incoming.incoming_begin[s]; i < incoming.incoming_begin[s + 1]; ++i)
          sum += incoming.incoming_probability[i] * flow[incoming.incoming_pair[i]];
        new_occupancy[s] = (source != nullptr ? source[s] : T(0)) + discount * sum;
      }
    });
    return;
  }
  over_lanes<T>(stream, m.states, m.transitions, batch, false,
                [&](const auto& at, std::int64_t first, std::int64_t end) {
                  constexpr int width = width_of<decltype(at)>;
                  for (std::int64_t s = first; s < end; ++s) {
                    Vec<T> sum[width], from[width];
                    for (int w = 0; w < width; ++w) sum[w] = from[w] = Vec<T>{};
                    gather_row<T>(at, incoming.incoming_begin[s], incoming.incoming_begin[s + 1],
                                  incoming.incoming_pair, incoming.incoming_probability, flow, sum);
                    if (source != nullptr) at.read(source, s, from);
                    for (int w = 0; w < width; ++w) sum[w] = from[w] + discount * sum[w];
                    at.write(new_occupancy, s, sum);
                  }
                });
}

}  // namespace

template <class T>
void backup_states(const SparseDynamics<T>& dynamics, const BackupRule<T>& rule, std::int64_t first,
                   std::int64_t end, const T* reward, const T* value, T* q, T* new_value) {
  backup_one<T>(dynamics, rule, first, end, reward, value, q, new_value);
}
template void backup_states(const SparseDynamics<float>&, const BackupRule<float>&, std::int64_t,
                            std::int64_t, const float*, const float*, float*, float*);
template void backup_states(const SparseDynamics<double>&, const BackupRule<double>&, std::int64_t,
                            std::int64_t, const double*, const double*, double*, double*);

template <class T>
void fill_sparse(DynamicProgrammingKernels<T>& kernels) {
  kernels.backup = backup<T>;
  kernels.policy = policy<T>;
  kernels.evaluate = evaluate<T>;
  kernels.forward = forward<T>;
}
template void fill_sparse(DynamicProgrammingKernels<float>&);
template void fill_sparse(DynamicProgrammingKernels<double>&);

}  // namespace understudy::UNDERSTUDY_ISA
