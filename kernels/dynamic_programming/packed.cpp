#include "kernels/dynamic_programming/packed.h"

#include <algorithm>
#include <cmath>

namespace understudy {

namespace {

constexpr int lanes = PackedBlock::lanes, most_slots = PackedBlock::most_slots,
              most_pairs = PackedBlock::most_pairs;

// One state's successors, each once, and its pairs' probabilities over them.
struct State {
  bool real = false;  // lanes beyond the last state are not
  int pairs = 0, slots = 0;
  std::int32_t successor[most_slots];

  // Place of `next` among the slots, added at the end if new; -1 where there is no room.
  int slot_of(std::int32_t next) {
    for (int d = 0; d < slots; ++d)
      if (successor[d] == next) return d;
    if (slots == most_slots) return -1;
    successor[slots] = next;
    return slots++;
  }
};

}  // namespace

template <class T>
void PackedStore<T>::add(const SparseDynamics<double>& m, std::int64_t first) {
  PackedBlock b{};
  b.code = static_cast<std::int64_t>(code.size());
  b.index = static_cast<std::int64_t>(index.size());
  b.coefficient = static_cast<std::int64_t>(coefficient.size());
  b.pair_row = pair_rows_;
  b.chain = chain_;
  State state[lanes];
  const std::int64_t end = std::min(first + lanes, m.states);
  int pairs = 0, slots = 0;
  bool fits = true;
  for (std::int64_t s = first; s < end; ++s)
    if (m.pair_begin[s] < m.pair_begin[s + 1])
      b.acting = static_cast<std::uint16_t>(b.acting | 1u << (s - first));
  for (std::int64_t s = first; s < end && fits; ++s) {
    State& here = state[s - first];
    here.real = true;
    here.pairs = static_cast<int>(
        std::min<std::int64_t>(m.pair_begin[s + 1] - m.pair_begin[s], most_pairs + 1));
    fits = here.pairs <= most_pairs;
    if (!fits) break;
    for (std::int32_t j = m.transition_begin[m.pair_begin[s]];
         fits && j < m.transition_begin[m.pair_begin[s + 1]]; ++j)
      fits = here.slot_of(m.next_state[j]) >= 0;
    pairs = std::max(pairs, here.pairs);
    slots = std::max(slots, here.slots);
  }
  const std::int64_t transitions =
      m.transition_begin[m.pair_begin[end]] - m.transition_begin[m.pair_begin[first]];
  if (fits) {
    for (int d = 0; d < slots; ++d) {
      // A lane without this slot may read any state: where that makes a run, the run's.
      std::int64_t base = 0;
      bool run = true, known = false;
      for (int l = 0; l < lanes && run; ++l) {
        if (d >= state[l].slots) continue;
        const std::int64_t from = state[l].successor[d] - l;
        if (!known) base = from;
        known = true;
        run = from == base;
      }
      run = run && base >= 0 && base + lanes <= m.states;
      code.push_back(run ? 1 : 0);
      if (run) {
        index.push_back(static_cast<std::int32_t>(base));
        continue;
      }
      for (int l = 0; l < lanes; ++l)
        index.push_back(d < state[l].slots ? state[l].successor[d]
                                           : static_cast<std::int32_t>(first));
    }
    std::int64_t products = 0;
    double p[most_slots][lanes];
    for (int a = 0; a < pairs; ++a) {
      for (int d = 0; d < slots; ++d) std::fill(p[d], p[d] + lanes, 0.0);
      for (int l = 0; l < lanes; ++l) {
        if (a >= state[l].pairs) continue;
        const std::int64_t k = m.pair_begin[first + l] + a;
        for (std::int32_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
          p[state[l].slot_of(m.next_state[j])][l] += m.probability[j];
      }
      const std::size_t count_at = code.size();
      code.push_back(0);
      for (int d = 0; d < slots; ++d) {
        // A lane without this pair takes anything.
        bool any = false, same = true;
        double one = -1.0;
        for (int l = 0; l < lanes; ++l) {
          if (a >= state[l].pairs) continue;
          any = any || p[d][l] != 0.0;
          if (one < 0.0) one = p[d][l];
          same = same && p[d][l] == one;
        }
        if (!any) continue;
        ++code[count_at];
        ++products;
        code.push_back(static_cast<std::uint16_t>(2 * d + (same ? 0 : 1)));
        if (same)
          coefficient.push_back(static_cast<T>(one));
        else
          for (int l = 0; l < lanes; ++l) coefficient.push_back(static_cast<T>(p[d][l]));
      }
    }
    // Worth it where no more than three products in four stand for nothing.
    fits = products * lanes <= 4 * transitions + 4 * lanes;
  }
  if (fits) {
    b.pairs = static_cast<std::uint16_t>(pairs);
    b.slots = static_cast<std::uint16_t>(slots);
    pair_rows_ += pairs;
    chain_ += static_cast<std::int64_t>(slots) * lanes;
  } else {
    code.resize(b.code);
    index.resize(b.index);
    coefficient.resize(b.coefficient);
    b.slots = PackedBlock::plain;
    chain_ += transitions;
    ++plain_;
  }
  block.push_back(b);
}

template <class T>
PackedStore<T>::PackedStore(const SparseDynamics<double>& sparse) : states_(sparse.states) {
  block.reserve(sparse.states / lanes + 1);
  for (std::int64_t first = 0; first < sparse.states; first += lanes) add(sparse, first);
}

template <class T>
PackedDynamics<T> PackedStore<T>::view() const {
  return {static_cast<std::int64_t>(block.size()),
          pair_rows_,
          chain_,
          block.data(),
          code.data(),
          index.data(),
          coefficient.data()};
}

template <class T>
std::int64_t PackedStore<T>::bytes() const {
  const std::int64_t real = sizeof(T);
  return static_cast<std::int64_t>(block.size() * sizeof(PackedBlock) + code.size() * 2 +
                                   index.size() * 4) +
         static_cast<std::int64_t>(coefficient.size()) * real + pair_rows_ * lanes * real +
         2 * states_ * real;
}

template <class T>
std::vector<T> PackedStore<T>::pack_pairs(const SparseDynamics<double>& m,
                                          const double* pairs) const {
  std::vector<T> rows(pair_rows_ * lanes, static_cast<T>(-INFINITY));
  for (std::size_t i = 0; i < block.size(); ++i) {
    const PackedBlock& b = block[i];
    if (b.slots == PackedBlock::plain) continue;
    const std::int64_t first = static_cast<std::int64_t>(i) * lanes;
    for (std::int64_t s = first; s < std::min(first + lanes, m.states); ++s)
      for (std::int64_t k = m.pair_begin[s]; k < m.pair_begin[s + 1]; ++k)
        rows[(b.pair_row + k - m.pair_begin[s]) * lanes + s - first] = static_cast<T>(pairs[k]);
  }
  return rows;
}

template <class T>
std::vector<std::int32_t> PackedStore<T>::chain_columns(const SparseDynamics<double>& m) const {
  std::vector<std::int32_t> column(chain_, -1);
  for (std::size_t i = 0; i < block.size(); ++i) {
    const PackedBlock& b = block[i];
    const std::int64_t first = static_cast<std::int64_t>(i) * lanes;
    const std::int64_t end = std::min(first + lanes, m.states);
    if (b.slots == PackedBlock::plain) {
      const std::int32_t from = m.transition_begin[m.pair_begin[first]];
      std::copy(m.next_state + from, m.next_state + m.transition_begin[m.pair_begin[end]],
                column.begin() + b.chain);
      continue;
    }
    State state;
    for (std::int64_t s = first; s < end; ++s) {
      state.slots = 0;
      for (std::int32_t j = m.transition_begin[m.pair_begin[s]];
           j < m.transition_begin[m.pair_begin[s + 1]]; ++j)
        column[b.chain + state.slot_of(m.next_state[j]) * lanes + s - first] = m.next_state[j];
    }
  }
  return column;
}

template <class T>
std::vector<std::int32_t> PackedStore<T>::chain_rows(const SparseDynamics<double>& m) const {
  std::vector<std::int32_t> row = chain_columns(m);
  for (std::size_t i = 0; i < block.size(); ++i) {
    const PackedBlock& b = block[i];
    const std::int64_t first = static_cast<std::int64_t>(i) * lanes;
    if (b.slots == PackedBlock::plain) {
      std::int64_t at = b.chain;
      for (std::int64_t s = first; s < std::min(first + lanes, m.states); ++s)
        for (std::int32_t j = m.transition_begin[m.pair_begin[s]];
             j < m.transition_begin[m.pair_begin[s + 1]]; ++j)
          row[at++] = static_cast<std::int32_t>(s);
      continue;
    }
    for (std::int64_t e = 0; e < b.slots * lanes; ++e)
      if (row[b.chain + e] >= 0) row[b.chain + e] = static_cast<std::int32_t>(first + e % lanes);
  }
  return row;
}

template class PackedStore<float>;
template class PackedStore<double>;

}  // namespace understudy
