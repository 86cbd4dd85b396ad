#include "algorithms/tabular/successor_matrix.h"

#include <algorithm>

namespace understudy {

// By rows: each successor once, and the diagonal.
SuccessorMatrix::SuccessorMatrix(Device& device, const Problem& p) {
  std::vector<std::int32_t> begin{0}, column;
  entry_.resize(p.n_transitions());
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    const std::int32_t from = p.transition_begin[p.pair_begin[s]];
    const std::int32_t to = p.transition_begin[p.pair_begin[s + 1]];
    std::vector<std::int32_t> next(p.next_state.begin() + from, p.next_state.begin() + to);
    next.push_back(static_cast<std::int32_t>(s));
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    auto place = [&](std::int64_t state) {
      return begin.back() + static_cast<std::int32_t>(
                                std::lower_bound(next.begin(), next.end(), state) - next.begin());
    };
    diagonal_.push_back(place(s));
    for (std::int32_t j = from; j < to; ++j) entry_[j] = place(p.next_state[j]);
    column.insert(column.end(), next.begin(), next.end());
    begin.push_back(static_cast<std::int32_t>(column.size()));
  }
  lu_ = std::make_unique<SparseLu>(device, p.n_states, begin, column);
  value_.resize(column.size());
}

void SuccessorMatrix::reset() {
  std::fill(value_.begin(), value_.end(), 0.0);
  for (std::int32_t d : diagonal_) value_[d] = 1.0;
}

}  // namespace understudy
