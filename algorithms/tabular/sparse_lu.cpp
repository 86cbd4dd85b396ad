#include "algorithms/tabular/sparse_lu.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include "kernels/device/error.h"

namespace understudy {

namespace {

using Lists = std::vector<std::vector<std::int32_t>>;

// Neighbors of each row in the graph of A + A', sorted, without itself.
Lists symmetric_pattern(std::int64_t rows, const std::vector<std::int32_t>& begin,
                        const std::vector<std::int32_t>& column) {
  Lists near(rows);
  for (std::int32_t i = 0; i < rows; ++i)
    for (std::int32_t e = begin[i]; e < begin[i + 1]; ++e)
      if (column[e] != i) near[i].push_back(column[e]), near[column[e]].push_back(i);
  for (auto& list : near) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  return near;
}

// Minimum degree: eliminate the row with the fewest neighbors; they become neighbors of each
// other. Returns the rows in order of elimination. Ties go to the lower row, so the order is always
// the same.
std::vector<std::int32_t> minimum_degree(Lists near) {
  using Entry = std::pair<std::size_t, std::int32_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  for (std::size_t i = 0; i < near.size(); ++i)
    queue.push({near[i].size(), static_cast<std::int32_t>(i)});
  std::vector<std::uint8_t> done(near.size(), 0);
  std::vector<std::int32_t> order, merged;
  while (!queue.empty()) {
    const auto [degree, row] = queue.top();
    queue.pop();
    if (done[row] || degree != near[row].size()) continue;  // an entry that is out of date
    done[row] = 1;
    order.push_back(row);
    const std::vector<std::int32_t> clique = std::move(near[row]);
    near[row].clear();
    for (std::int32_t other : clique) {
      merged.clear();
      std::set_union(near[other].begin(), near[other].end(), clique.begin(), clique.end(),
                     std::back_inserter(merged));
      std::erase_if(
          merged, [&, eliminated = row](std::int32_t x) { return x == other || x == eliminated; });
      near[other] = merged;
      queue.push({near[other].size(), other});
    }
  }
  return order;
}

// Columns beyond the diagonal of each row of U, fill included: a row inherits the pattern of the
// rows whose first column it is (the elimination tree's children).
Lists symbolic(const Lists& near, const std::vector<std::int32_t>& order,
               const std::vector<std::int32_t>& position) {
  const std::size_t n = near.size();
  Lists upper(n), children(n);
  std::vector<std::int32_t> merged;
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = static_cast<std::int32_t>(i);
    std::vector<std::int32_t> columns;
    for (std::int32_t other : near[order[i]])
      if (position[other] > row) columns.push_back(position[other]);
    std::sort(columns.begin(), columns.end());
    for (std::int32_t child : children[i]) {
      merged.clear();
      std::set_union(columns.begin(), columns.end(), upper[child].begin() + 1, upper[child].end(),
                     std::back_inserter(merged));
      columns.swap(merged);
    }
    upper[i] = columns;
    if (!columns.empty()) children[columns.front()].push_back(row);
  }
  return upper;
}

}  // namespace

SparseLu::SparseLu(std::int64_t rows, const std::vector<std::int32_t>& begin,
                   const std::vector<std::int32_t>& column)
    : rows_(rows), position_(rows), inverse_diagonal_(rows), work_(rows, 0.0) {
  const Lists near = symmetric_pattern(rows, begin, column);
  const std::vector<std::int32_t> order = minimum_degree(near);
  for (std::int32_t i = 0; i < rows; ++i) position_[order[i]] = i;
  const Lists upper = symbolic(near, order, position_);

  upper_begin_.assign(1, 0);
  std::vector<std::int32_t> counts(rows, 0);
  for (const auto& columns : upper) {
    upper_column_.insert(upper_column_.end(), columns.begin(), columns.end());
    upper_begin_.push_back(static_cast<std::int32_t>(upper_column_.size()));
    for (std::int32_t j : columns) ++counts[j];
  }
  lower_begin_.assign(1, 0);
  for (std::int32_t c : counts) lower_begin_.push_back(lower_begin_.back() + c);
  lower_column_.resize(upper_column_.size());
  mirror_.resize(upper_column_.size());
  std::vector<std::int32_t> at(lower_begin_.begin(), lower_begin_.end() - 1);
  for (std::int32_t i = 0; i < rows; ++i)
    for (std::int32_t e = upper_begin_[i]; e < upper_begin_[i + 1]; ++e) {
      const std::int32_t to = at[upper_column_[e]]++;
      lower_column_[to] = i;
      mirror_[to] = e;
    }
  for (auto* values : {&lower_, &upper_, &lower_transposed_, &upper_transposed_})
    values->resize(upper_column_.size());

  row_begin_.assign(1, 0);
  for (std::int32_t i = 0; i < rows; ++i) {
    for (std::int32_t e = begin[order[i]]; e < begin[order[i] + 1]; ++e) {
      row_column_.push_back(position_[column[e]]);
      row_entry_.push_back(e);
    }
    row_begin_.push_back(static_cast<std::int32_t>(row_entry_.size()));
  }
}

// Row by row (Gaussian elimination, "ikj"): row i is spread over `work_`, the rows of U that its
// lower entries name are subtracted, and it is gathered again.
SparseLu::Pivots SparseLu::factor(const std::vector<double>& value) {
  Pivots pivots = Pivots::positive;
  for (std::int64_t i = 0; i < rows_; ++i) {
    for (std::int32_t e = row_begin_[i]; e < row_begin_[i + 1]; ++e)
      work_[row_column_[e]] += value[row_entry_[e]];
    for (std::int32_t e = lower_begin_[i]; e < lower_begin_[i + 1]; ++e) {
      const std::int32_t k = lower_column_[e];
      const double factor = work_[k] * inverse_diagonal_[k];
      work_[k] = 0.0;
      lower_[e] = factor;
      if (factor == 0.0) continue;
      for (std::int32_t u = upper_begin_[k]; u < upper_begin_[k + 1]; ++u)
        work_[upper_column_[u]] -= factor * upper_[u];
    }
    const double pivot = work_[i];
    work_[i] = 0.0;
    for (std::int32_t u = upper_begin_[i]; u < upper_begin_[i + 1]; ++u) {
      upper_[u] = work_[upper_column_[u]];
      work_[upper_column_[u]] = 0.0;
    }
    if (!std::isfinite(pivot) || pivot == 0.0) return Pivots::singular;
    if (pivot < 0.0) pivots = Pivots::not_positive;
    inverse_diagonal_[i] = 1.0 / pivot;
  }
  for (std::size_t e = 0; e < mirror_.size(); ++e) {
    lower_transposed_[mirror_[e]] = lower_[e];
    upper_transposed_[e] = upper_[mirror_[e]];
  }
  return pivots;
}

void SparseLu::solve(const DynamicProgrammingKernels<double>& kernels, Stream& stream,
                     std::int64_t batch, double* x) const {
  const SparseRows<double> l{rows_, lower_begin_.data(), lower_column_.data(), lower_.data()};
  const SparseRows<double> u{rows_, upper_begin_.data(), upper_column_.data(), upper_.data()};
  kernels.solve_triangular(stream, l, nullptr, false, batch, x);
  kernels.solve_triangular(stream, u, inverse_diagonal_.data(), true, batch, x);
}

void SparseLu::solve_transposed(const DynamicProgrammingKernels<double>& kernels, Stream& stream,
                                std::int64_t batch, double* x) const {
  const SparseRows<double> l{rows_, lower_begin_.data(), lower_column_.data(),
                             upper_transposed_.data()};
  const SparseRows<double> u{rows_, upper_begin_.data(), upper_column_.data(),
                             lower_transposed_.data()};
  kernels.solve_triangular(stream, l, inverse_diagonal_.data(), false, batch, x);
  kernels.solve_triangular(stream, u, nullptr, true, batch, x);
}

}  // namespace understudy
