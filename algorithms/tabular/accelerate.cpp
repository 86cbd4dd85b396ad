#include "algorithms/tabular/accelerate.h"

#include <algorithm>
#include <cmath>

#include "kernels/device/parts.h"

namespace understudy {

namespace {

// a - b, 0 where that is not finite.
template <class T>
T difference(T a, T b) {
  const T d = a - b;
  return d - d == T(0) ? d : T(0);
}

// A product of short stretches in the numbers' own precision, eight sums wide, for vectors.
template <class T>
double dot(const T* a, const T* b, std::int64_t n) {
  double total = 0.0;
  std::int64_t i = 0;
  for (; i + 256 <= n; i += 256) {
    T sum[16] = {};
    for (int j = 0; j < 256; j += 16)
      for (int l = 0; l < 16; ++l) sum[l] += a[i + j + l] * b[i + j + l];
    for (T s : sum) total += static_cast<double>(s);
  }
  for (; i < n; ++i) total += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return total;
}

// Solves the symmetric positive system A x = b of size n in place, by elimination.
void solve_small(int n, std::vector<double>& a, std::vector<double>& b) {
  for (int k = 0; k < n; ++k)
    for (int i = k + 1; i < n; ++i) {
      const double f = a[i * n + k] / a[k * n + k];
      for (int j = k; j < n; ++j) a[i * n + j] -= f * a[k * n + j];
      b[i] -= f * b[k];
    }
  for (int k = n - 1; k >= 0; --k) {
    for (int j = k + 1; j < n; ++j) b[k] -= a[k * n + j] * b[j];
    b[k] /= a[k * n + k];
  }
}

}  // namespace

// ---- Anderson mixing ----------------------------------------------------------------------------

template <class T>
Anderson<T>::Anderson(Device& device, std::int64_t n, int memory)
    : device_(device),
      n_(n),
      memory_(std::clamp(memory, 1, 16)),
      residual_change_(memory_, std::vector<T>(n)),
      value_change_(memory_, std::vector<T>(n)),
      residual_(n),
      value_(n),
      gram_(memory_ * memory_) {}

template <class T>
void Anderson<T>::mix(T* x, const T* g) {
  const int columns = seen_ ? std::min(kept_ + 1, memory_) : 0;
  const int newest = oldest_;  // the column that is overwritten
  const std::int64_t parts = chunk_count(n_);
  // Sums are by chunks, in their order. A chunk's products: of the newest column with all, and of
  // the residual with all.
  std::vector<double> partial(parts * 2 * memory_, 0.0);
  for_each_chunk(device_, n_, [&](int part, std::int64_t first, std::int64_t end) {
    T* const df = residual_change_[newest].data();
    T* const dg = value_change_[newest].data();
    for (std::int64_t i = first; i < end; ++i) {
      const T f = difference(g[i], x[i]);
      df[i] = f - residual_[i];
      dg[i] = difference(g[i], value_[i]);
      residual_[i] = f;
      value_[i] = g[i];
    }
    double* const sums = &partial[part * 2 * memory_];
    for (int c = 0; c < columns; ++c) {
      const T* const other = residual_change_[c].data();
      sums[c] = dot(df + first, other + first, end - first);
      sums[memory_ + c] = dot(&residual_[first], other + first, end - first);
    }
  });
  std::vector<double> weight(memory_, 0.0);
  if (columns > 0) {
    std::vector<double> right(columns, 0.0), row(columns, 0.0);
    for (std::int64_t part = 0; part < parts; ++part)
      for (int c = 0; c < columns; ++c) {
        row[c] += partial[part * 2 * memory_ + c];
        right[c] += partial[part * 2 * memory_ + memory_ + c];
      }
    for (int c = 0; c < columns; ++c)
      gram_[newest * memory_ + c] = gram_[c * memory_ + newest] = row[c];
    std::vector<double> a(columns * columns);
    double trace = 0.0;
    for (int i = 0; i < columns; ++i) {
      trace += gram_[i * memory_ + i];
      for (int j = 0; j < columns; ++j) a[i * columns + j] = gram_[i * memory_ + j];
    }
    // Columns are known to some roundings of their length; less than that means nothing.
    const double least = sizeof(T) == 4 ? 1e-9 : 1e-15;
    for (int i = 0; i < columns; ++i) a[i * columns + i] += least * trace + 1e-300;
    solve_small(columns, a, right);
    for (int c = 0; c < columns; ++c) weight[c] = std::isfinite(right[c]) ? right[c] : 0.0;
    kept_ = columns;
    oldest_ = (newest + 1) % memory_;
  }
  seen_ = true;
  for_each_chunk(device_, n_, [&](int, std::int64_t first, std::int64_t end) {
    std::copy(g + first, g + end, x + first);
    for (int c = 0; c < columns; ++c) {
      const T w = static_cast<T>(weight[c]);
      const T* const dg = value_change_[c].data();
      for (std::int64_t i = first; i < end; ++i) x[i] -= w * dg[i];
    }
  });
}

// ---- aggregation multigrid ----------------------------------------------------------------------

template <class T>
Aggregation<T>::Aggregation(Device& device, std::int64_t states, double discount,
                            std::vector<std::int32_t> row, std::vector<std::int32_t> column)
    : device_(device),
      states_(states),
      discount_(discount),
      row_(std::move(row)),
      column_(std::move(column)) {}

// Each state in turn takes the free neighbor that it leads to most. States that lead nowhere keep
// the value they have, and to themselves.
template <class T>
std::vector<std::int32_t> Aggregation<T>::match(const Level& level, std::int32_t* count) {
  std::vector<std::int32_t> aggregate(level.states, -1);
  *count = 0;
  for (std::int64_t s = 0; s < level.states; ++s) {
    if (aggregate[s] >= 0) continue;
    std::int32_t best = -1;
    T most = 0;
    for (std::int32_t j = level.begin[s]; j < level.begin[s + 1]; ++j) {
      const std::int32_t to = level.column[j];
      const bool free = to != s && aggregate[to] < 0 && level.begin[to] < level.begin[to + 1];
      if (free && level.value[j] > most) best = to, most = level.value[j];
    }
    aggregate[s] = *count;
    if (best >= 0) aggregate[best] = *count;
    ++*count;
  }
  return aggregate;
}

// The pattern of the chain among aggregates, and how the fine one maps to it.
template <class T>
typename Aggregation<T>::Level Aggregation<T>::coarser(Level& fine,
                                                       // NOLINTNEXTLINE: it is moved from
                                                       std::vector<std::int32_t> aggregate,
                                                       std::int32_t count) {
  Level coarse;
  coarse.states = count;
  fine.aggregate = std::move(aggregate);
  fine.member_begin.assign(count + 1, 0);
  for (std::int32_t a : fine.aggregate) ++fine.member_begin[a + 1];
  for (std::int32_t a = 0; a < count; ++a) fine.member_begin[a + 1] += fine.member_begin[a];
  fine.member.resize(fine.states);
  std::vector<std::int32_t> at(fine.member_begin.begin(), fine.member_begin.end() - 1);
  for (std::int64_t s = 0; s < fine.states; ++s)
    fine.member[at[fine.aggregate[s]]++] = static_cast<std::int32_t>(s);
  fine.place.resize(fine.column.size());
  coarse.begin.push_back(0);
  std::vector<std::int32_t> seen(count, -1);  // where a column stands in this row, if not before it
  for (std::int32_t a = 0; a < count; ++a) {
    for (std::int32_t i = fine.member_begin[a]; i < fine.member_begin[a + 1]; ++i)
      for (std::int32_t j = fine.begin[fine.member[i]]; j < fine.begin[fine.member[i] + 1]; ++j) {
        const std::int32_t to = fine.aggregate[fine.column[j]];
        if (seen[to] < coarse.begin.back()) {
          seen[to] = static_cast<std::int32_t>(coarse.column.size());
          coarse.column.push_back(to);
        }
        fine.place[j] = seen[to];
      }
    coarse.begin.push_back(static_cast<std::int32_t>(coarse.column.size()));
  }
  coarse.value.assign(coarse.column.size(), T(0));
  coarse.right.resize(count);
  coarse.x.resize(count);
  coarse.next.resize(count);
  return coarse;
}

template <class T>
void Aggregation<T>::sum_values(Level& fine, Level& coarse) {
  for_each_chunk(device_, coarse.states, [&](int, std::int64_t first, std::int64_t end) {
    std::fill(coarse.value.begin() + coarse.begin[first], coarse.value.begin() + coarse.begin[end],
              T(0));
    for (std::int64_t a = first; a < end; ++a) {
      const T share = T(1) / static_cast<T>(fine.member_begin[a + 1] - fine.member_begin[a]);
      for (std::int32_t i = fine.member_begin[a]; i < fine.member_begin[a + 1]; ++i)
        for (std::int32_t j = fine.begin[fine.member[i]]; j < fine.begin[fine.member[i] + 1]; ++j)
          coarse.value[fine.place[j]] += share * fine.value[j];
    }
  });
}

template <class T>
void Aggregation<T>::choose(const T* chain) {
  constexpr std::int64_t coarsest = 100;
  Level finest;
  finest.states = states_;
  finest.begin.assign(states_ + 1, 0);
  for (std::int32_t r : row_)
    if (r >= 0) ++finest.begin[r + 1];
  for (std::int64_t s = 0; s < states_; ++s) finest.begin[s + 1] += finest.begin[s];
  order_.resize(finest.begin.back());
  finest.column.resize(order_.size());
  finest.value.resize(order_.size());
  std::vector<std::int32_t> at(finest.begin.begin(), finest.begin.end() - 1);
  for (std::size_t i = 0; i < row_.size(); ++i) {
    if (row_[i] < 0) continue;
    const std::int32_t j = at[row_[i]]++;
    order_[j] = static_cast<std::int32_t>(i);
    finest.column[j] = column_[i];
    finest.value[j] = chain[i];
  }
  row_ = column_ = {};
  level_.push_back(std::move(finest));
  while (level_.back().states > coarsest) {
    Level& fine = level_.back();
    std::int32_t pairs = 0, fours = 0;
    std::vector<std::int32_t> aggregate = match(fine, &pairs);
    Level half = coarser(fine, aggregate, pairs);
    sum_values(fine, half);
    const std::vector<std::int32_t> again = match(half, &fours);
    if (fours > fine.states * 3 / 4) break;  // hardly anything leads anywhere
    for (std::int32_t& a : aggregate) a = again[a];
    Level coarse = coarser(fine, std::move(aggregate), fours);
    sum_values(fine, coarse);
    level_.push_back(std::move(coarse));
  }
}

template <class T>
void Aggregation<T>::set_chain(const T* chain) {
  if (level_.empty()) {
    choose(chain);
  } else {
    for_each_chunk(device_, static_cast<std::int64_t>(order_.size()),
                   [&](int, std::int64_t first, std::int64_t end) {
                     for (std::int64_t j = first; j < end; ++j)
                       level_[0].value[j] = chain[order_[j]];
                   });
    for (std::size_t l = 0; l + 1 < level_.size(); ++l) sum_values(level_[l], level_[l + 1]);
  }
  factor();
}

// The coarsest system as a dense matrix, factored in place; its pivots are positive, the matrix
// being I minus a chain that ends or is discounted.
template <class T>
void Aggregation<T>::factor() {
  constexpr std::int64_t most = 400;
  const Level& level = level_.back();
  const std::int64_t n = level.states;
  dense_.clear();
  if (n > most || level_.size() == 1) return;
  dense_.assign(n * n, 0.0);
  for (std::int64_t s = 0; s < n; ++s) {
    dense_[s * n + s] += 1.0;
    for (std::int32_t j = level.begin[s]; j < level.begin[s + 1]; ++j)
      dense_[s * n + level.column[j]] -= discount_ * static_cast<double>(level.value[j]);
  }
  for (std::int64_t k = 0; k < n; ++k) {
    if (!(dense_[k * n + k] > 1e-12)) return dense_.clear();
    for (std::int64_t i = k + 1; i < n; ++i) {
      const double f = dense_[i * n + k] /= dense_[k * n + k];
      if (f == 0.0) continue;
      for (std::int64_t j = k + 1; j < n; ++j) dense_[i * n + j] -= f * dense_[k * n + j];
    }
  }
}

// One damped Jacobi sweep of (I - discount P) x = right.
template <class T>
void Aggregation<T>::jacobi(Level& level) {
  const T discount = static_cast<T>(discount_), damping = T(0.8);
  for_each_chunk(device_, level.states, [&](int, std::int64_t first, std::int64_t end) {
    for (std::int64_t s = first; s < end; ++s) {
      T sum = 0, own = 0;
      for (std::int32_t j = level.begin[s]; j < level.begin[s + 1]; ++j) {
        sum += level.value[j] * level.x[level.column[j]];
        own += level.column[j] == s ? level.value[j] : T(0);
      }
      const T residual = level.right[s] + discount * sum - level.x[s];
      level.next[s] = level.x[s] + damping * residual / (T(1) - discount * own);
    }
  });
  level.x.swap(level.next);
}

// x of one level from its right-hand side, by a V-cycle.
template <class T>
void Aggregation<T>::solve(std::size_t l) {
  Level& level = level_[l];
  const std::int64_t n = level.states;
  std::fill(level.x.begin(), level.x.end(), T(0));
  if (l + 1 == level_.size()) {
    if (dense_.empty()) {
      for (int sweep = 0; sweep < 30; ++sweep) jacobi(level);
      return;
    }
    std::vector<double> b(level.right.begin(), level.right.end());
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t j = 0; j < i; ++j) b[i] -= dense_[i * n + j] * b[j];
    for (std::int64_t i = n - 1; i >= 0; --i) {
      for (std::int64_t j = i + 1; j < n; ++j) b[i] -= dense_[i * n + j] * b[j];
      b[i] /= dense_[i * n + i];
    }
    for (std::int64_t i = 0; i < n; ++i) level.x[i] = static_cast<T>(b[i]);
    return;
  }
  Level& coarse = level_[l + 1];
  const T discount = static_cast<T>(discount_);
  for (int sweep = 0; sweep < 2; ++sweep) jacobi(level);
  for_each_chunk(device_, coarse.states, [&](int, std::int64_t first, std::int64_t end) {
    for (std::int64_t a = first; a < end; ++a) {
      T total = 0;
      for (std::int32_t i = level.member_begin[a]; i < level.member_begin[a + 1]; ++i) {
        const std::int32_t s = level.member[i];
        T sum = 0;
        for (std::int32_t j = level.begin[s]; j < level.begin[s + 1]; ++j)
          sum += level.value[j] * level.x[level.column[j]];
        total += level.right[s] + discount * sum - level.x[s];
      }
      coarse.right[a] = total / static_cast<T>(level.member_begin[a + 1] - level.member_begin[a]);
    }
  });
  solve(l + 1);
  for_each_chunk(device_, n, [&](int, std::int64_t first, std::int64_t end) {
    for (std::int64_t s = first; s < end; ++s) level.x[s] += coarse.x[level.aggregate[s]];
  });
  for (int sweep = 0; sweep < 2; ++sweep) jacobi(level);
}

template <class T>
void Aggregation<T>::correct(const T* before, T* after) {
  if (level_.size() < 2) return;
  Level &fine = level_[0], &coarse = level_[1];
  for_each_chunk(device_, coarse.states, [&](int, std::int64_t first, std::int64_t end) {
    for (std::int64_t a = first; a < end; ++a) {
      T total = 0;
      for (std::int32_t i = fine.member_begin[a]; i < fine.member_begin[a + 1]; ++i)
        total += difference(after[fine.member[i]], before[fine.member[i]]);
      coarse.right[a] = total / static_cast<T>(fine.member_begin[a + 1] - fine.member_begin[a]);
    }
  });
  solve(1);
  // V + (I - discount P)^-1 r = T V + ((I - discount P)^-1 - I) r.
  for_each_chunk(device_, fine.states, [&](int, std::int64_t first, std::int64_t end) {
    for (std::int64_t s = first; s < end; ++s)
      after[s] += coarse.x[fine.aggregate[s]] - coarse.right[fine.aggregate[s]];
  });
}

template class Anderson<float>;
template class Anderson<double>;
template class Aggregation<float>;
template class Aggregation<double>;

}  // namespace understudy
