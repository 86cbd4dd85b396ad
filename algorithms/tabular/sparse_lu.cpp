#include "algorithms/tabular/sparse_lu.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <utility>

#include "kernels/device/backend.h"

namespace understudy {

namespace {

// Those of the CPU.
const Backend<double>& host_kernels(Device& device) {
  return device.kind() == DeviceKind::cpu ? device.kernels<double>()
                                          : cpu_backend<double>(best_instruction_set());
}

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

SparseLu::SparseLu(Device& device, std::int64_t rows, const std::vector<std::int32_t>& begin,
                   const std::vector<std::int32_t>& column)
    : device_(device), rows_(rows), position_(rows), inverse_diagonal_(rows), work_(rows, 0.0) {
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
  // (const: only `to_device` writes there)
  lower_pattern_ = {view_of(device, std::as_const(lower_begin_)),
                    view_of(device, std::as_const(lower_column_))};
  upper_pattern_ = {view_of(device, std::as_const(upper_begin_)),
                    view_of(device, std::as_const(upper_column_))};
  values_ = {view_of(device, lower_), view_of(device, upper_), view_of(device, lower_transposed_),
             view_of(device, upper_transposed_), view_of(device, inverse_diagonal_)};
}

// Row by row (Gaussian elimination, "ikj"): row i is spread over `work_`, the rows of U that its
// lower entries name are subtracted, and it is gathered again.
SparseLu::Pivots SparseLu::factor(const std::vector<double>& value) {
  there_ = false;
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

void SparseLu::to_device() {
  if (there_) return;
  for (auto* values : {&values_.lower, &values_.upper, &values_.lower_transposed,
                       &values_.upper_transposed, &values_.inverse_diagonal})
    values->to_device();
  there_ = true;
}

// A = L U: forwards through L, backwards through U. A' = U' L': U' is the lower triangle then, and
// has the diagonal.
void SparseLu::solve_triangles(Where where, Stream& stream, bool transposed, std::int64_t batch,
                               double* x) const {
  const bool there = where == Where::device;
  const auto of = [&](const auto& buffer) { return there ? buffer.data() : buffer.host(); };
  const SparseRows<double> lower{rows_, of(lower_pattern_.begin), of(lower_pattern_.column),
                                 of(transposed ? values_.upper_transposed : values_.lower)};
  const SparseRows<double> upper{rows_, of(upper_pattern_.begin), of(upper_pattern_.column),
                                 of(transposed ? values_.lower_transposed : values_.upper)};
  const double* const inverse = of(values_.inverse_diagonal);
  const auto solve_triangular = (there ? device_.kernels<double>() : host_kernels(device_))
                                    .dynamic_programming.solve_triangular;
  solve_triangular(stream, lower, transposed ? inverse : nullptr, false, batch, x);
  solve_triangular(stream, upper, transposed ? nullptr : inverse, true, batch, x);
}

void SparseLu::solve(Stream& stream, std::int64_t batch, double* x) const {
  solve_triangles(Where::device, stream, false, batch, x);
}
void SparseLu::solve_transposed(Stream& stream, std::int64_t batch, double* x) const {
  solve_triangles(Where::device, stream, true, batch, x);
}
void SparseLu::solve_on_host(std::int64_t batch, double* x) const {
  Stream alone;
  solve_triangles(Where::host, alone, false, batch, x);
}
void SparseLu::solve_transposed_on_host(std::int64_t batch, double* x) const {
  Stream alone;
  solve_triangles(Where::host, alone, true, batch, x);
}

}  // namespace understudy
