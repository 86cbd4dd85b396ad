#include "algorithms/tabular/problem.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/device/error.h"

namespace understudy {

namespace {

using Index = std::int64_t;

constexpr double sum_tolerance = 1e-6;  // of probabilities that were rounded when written
// So many states a file may have without mentioning them: walls of a map. More must be named
// somewhere, or one number of a broken file would ask for all memory.
constexpr Index unmentioned_states = Index{1} << 22;

template <class T>
void expect_size(const std::vector<T>& column, Index expected, const char* name) {
  if (static_cast<Index>(column.size()) != expected)
    fail(ErrorKind::bad_shape, "%s: expected %lld entries, found %zu", name,
         static_cast<long long>(expected), column.size());
}

void expect_index(Index value, Index bound, const char* name, Index row) {
  if (value < 0 || value >= bound)
    fail(ErrorKind::bad_input, "%s, row %lld: expected 0 to %lld, found %lld", name,
         static_cast<long long>(row), static_cast<long long>(bound - 1),
         static_cast<long long>(value));
}

void expect_finite(const std::vector<double>& column, const char* name) {
  for (std::size_t i = 0; i < column.size(); ++i)
    if (!std::isfinite(column[i]))
      fail(ErrorKind::bad_input, "%s, entry %zu: expected a finite number, found %g", name, i,
           column[i]);
}

void check_numbers(const ProblemTable& t) {
  const Index rows = static_cast<Index>(t.state.size());
  if (t.n_states < 1 || t.n_states > INT32_MAX)
    fail(ErrorKind::bad_input, "n_states: expected at least 1, found %lld",
         static_cast<long long>(t.n_states));
  if (t.n_actions < 1 || t.n_actions > INT32_MAX)
    fail(ErrorKind::bad_input, "n_actions: expected at least 1, found %lld",
         static_cast<long long>(t.n_actions));
  if (rows > INT32_MAX)
    fail(ErrorKind::bad_input, "transitions: expected fewer than 2^31, found %lld",
         static_cast<long long>(rows));
  const std::size_t mentioned = 2 * t.state.size() + t.initial.size() + t.terminal.size() +
                                t.reward.size() + t.features.size();
  if (t.n_states > unmentioned_states && t.n_states > static_cast<Index>(mentioned))
    fail(ErrorKind::bad_input, "n_states: expected states that the columns mention, found %lld",
         static_cast<long long>(t.n_states));
  expect_size(t.action, rows, "action");
  expect_size(t.next_state, rows, "next_state");
  if (!t.probability.empty()) expect_size(t.probability, rows, "probability");
  if (!(t.discount >= 0.0 && t.discount <= 1.0))
    fail(ErrorKind::bad_input, "discount: expected 0 to 1, found %g", t.discount);
  if (t.horizon < 0)
    fail(ErrorKind::bad_input, "horizon: expected at least 0, found %lld",
         static_cast<long long>(t.horizon));
  for (Index i = 0; i < rows; ++i) {
    expect_index(t.state[i], t.n_states, "state", i);
    expect_index(t.action[i], t.n_actions, "action", i);
    expect_index(t.next_state[i], t.n_states, "next_state", i);
    if (!t.probability.empty() &&
        !(t.probability[i] >= 0.0 && t.probability[i] <= 1.0 + sum_tolerance))
      fail(ErrorKind::bad_input, "probability, row %lld: expected 0 to 1, found %g",
           static_cast<long long>(i), t.probability[i]);
  }
  if (!t.terminal.empty()) expect_size(t.terminal, t.n_states, "terminal");
  if (!t.shape.empty()) {
    expect_size(t.shape, 2, "shape");
    if (t.shape[0] < 1 || t.n_states % t.shape[0] != 0 || t.n_states / t.shape[0] != t.shape[1])
      fail(ErrorKind::bad_shape, "shape: expected height x width = %lld states, found %lld x %lld",
           static_cast<long long>(t.n_states), static_cast<long long>(t.shape[0]),
           static_cast<long long>(t.shape[1]));
  }
  expect_finite(t.reward, "reward");
  expect_finite(t.features, "features");
  expect_finite(t.transition_features, "transition_features");
}

void build_transpose(Problem& p) {
  p.incoming_begin.assign(p.n_states + 1, 0);
  for (std::int32_t next : p.next_state) ++p.incoming_begin[next + 1];
  std::partial_sum(p.incoming_begin.begin(), p.incoming_begin.end(), p.incoming_begin.begin());
  p.incoming_pair.resize(p.next_state.size());
  p.incoming_probability.resize(p.next_state.size());
  std::vector<std::int32_t> at(p.incoming_begin.begin(), p.incoming_begin.end() - 1);
  for (std::size_t j = 0; j < p.next_state.size(); ++j) {
    const std::int32_t to = at[p.next_state[j]]++;
    p.incoming_pair[to] = p.transition_pair[j];
    p.incoming_probability[to] = p.probability[j];
  }
}

// Features by state, by (state, action), or by row of the table; `order` is the rows that were
// kept.
void build_features(const ProblemTable& t, const std::vector<Index>& order, Problem& p) {
  const Index f = t.n_features;
  p.n_features = f;
  if (t.features.empty() && t.transition_features.empty()) return;
  if (f < 1) fail(ErrorKind::bad_shape, "features: the number of features is not given");
  if (!t.features.empty() && !t.transition_features.empty())
    fail(ErrorKind::bad_input, "features: found both features and transition_features");
  const Index found = static_cast<Index>(t.features.size());
  if (!t.transition_features.empty()) {
    expect_size(t.transition_features, static_cast<Index>(t.state.size()) * f,
                "transition_features");
    p.feature_owner = FeatureOwner::transition;
    p.features.assign(p.n_pairs() * f, 0.0);
    p.transition_features.resize(p.n_transitions() * f);
    for (Index j = 0; j < p.n_transitions(); ++j)
      for (Index i = 0; i < f; ++i) {
        const double x = t.transition_features[order[j] * f + i];
        p.transition_features[j * f + i] = x;
        p.features[p.transition_pair[j] * f + i] += p.probability[j] * x;
      }
  } else if (found == t.n_states * f) {
    p.feature_owner = FeatureOwner::state;
    p.features = t.features;
  } else if (found % f == 0 && found / f == t.n_states * t.n_actions) {
    p.feature_owner = FeatureOwner::pair;
    p.features.resize(p.n_pairs() * f);
    for (Index k = 0; k < p.n_pairs(); ++k) {
      const double* from = &t.features[(p.pair_state[k] * t.n_actions + p.pair_action[k]) * f];
      std::copy(from, from + f, &p.features[k * f]);
    }
  } else {
    fail(ErrorKind::bad_shape,
         "features: expected [%lld, %lld] or [%lld, %lld, %lld], found %lld numbers",
         static_cast<long long>(t.n_states), static_cast<long long>(f),
         static_cast<long long>(t.n_states), static_cast<long long>(t.n_actions),
         static_cast<long long>(f), static_cast<long long>(found));
  }
}

void build_goals(const ProblemTable& t, Problem& p) {
  if (t.goal_id.empty() && t.goal_state.empty()) return;
  const Index m = static_cast<Index>(t.goal_id.size());
  expect_size(t.goal_state, m, "goal_state");
  Index goals = 0;
  for (Index i = 0; i < m; ++i) {
    expect_index(t.goal_id[i], m, "goal_id", i);
    expect_index(t.goal_state[i], t.n_states, "goal_state", i);
    goals = std::max(goals, t.goal_id[i] + 1);
  }
  p.goal_begin.assign(goals + 1, 0);
  for (Index id : t.goal_id) ++p.goal_begin[id + 1];
  for (Index g = 0; g < goals; ++g) {
    if (p.goal_begin[g + 1] == 0)
      fail(ErrorKind::bad_input, "goal_id: goal %lld has no state", static_cast<long long>(g));
    p.goal_begin[g + 1] += p.goal_begin[g];
  }
  p.goal_state.resize(m);
  std::vector<std::int32_t> at(p.goal_begin.begin(), p.goal_begin.end() - 1);
  for (Index i = 0; i < m; ++i)
    p.goal_state[at[t.goal_id[i]]++] = static_cast<std::int32_t>(t.goal_state[i]);
  p.goals_absorb = t.goals_absorb;
}

// What a terminal state has of `width` numbers: in [S, width] its row; of [S, A, width] the row
// that all its actions have.
void terminal_row(const ProblemTable& t, const std::vector<double>& values, Index width, Index s,
                  const char* name, double* row) {
  const bool of_states = static_cast<Index>(values.size()) == t.n_states * width;
  const Index actions = of_states ? 1 : t.n_actions;
  const double* const from = &values[s * actions * width];
  std::copy(from, from + width, row);
  for (Index i = width; i < actions * width; ++i)
    if (from[i] != row[i % width])
      fail(ErrorKind::bad_input,
           "%s, state %lld: with terminal_reward expected the same for every action of a terminal "
           "state, found %g and %g",
           name, static_cast<long long>(s), row[i % width], from[i]);
}

// The problem's own rewards and features of pairs, with what is earned on entering an end.
void earn_on_entering(const ProblemTable& t, Problem& p) {
  const auto add = [&](const std::vector<double>& values, Index width, const char* name,
                       std::vector<double>& by_pair) {
    std::vector<double> row(width);
    for (Index s = 0; s < p.n_states; ++s) {
      if (!p.terminal[s]) continue;
      terminal_row(t, values, width, s, name, row.data());
      for (Index i = p.incoming_begin[s]; i < p.incoming_begin[s + 1]; ++i)
        for (Index c = 0; c < width; ++c)
          by_pair[p.incoming_pair[i] * width + c] +=
              p.discount * p.incoming_probability[i] * row[c];
    }
  };
  if (!p.reward.empty()) add(t.reward, 1, "reward", p.reward);
  if (t.features.empty()) return;
  const Index f = p.n_features;
  if (p.feature_owner == FeatureOwner::state) {
    std::vector<double> by_pair(p.n_pairs() * f);
    for (Index k = 0; k < p.n_pairs(); ++k)
      std::copy_n(&p.features[p.pair_state[k] * f], f, &by_pair[k * f]);
    p.features.swap(by_pair);
    p.feature_owner = FeatureOwner::pair;
  }
  add(t.features, f, "features", p.features);
}

}  // namespace

std::int64_t Problem::pair_of(std::int64_t state, std::int64_t action) const {
  const auto first = pair_action.begin() + pair_begin[state];
  const auto last = pair_action.begin() + pair_begin[state + 1];
  const auto at = std::lower_bound(first, last, action);
  return at != last && *at == action ? at - pair_action.begin() : -1;
}

SparseDynamics<double> Problem::dynamics() const {
  return {n_states,
          n_pairs(),
          n_transitions(),
          pair_begin.data(),
          transition_begin.data(),
          next_state.data(),
          probability.data()};
}

IncomingDynamics<double> Problem::incoming() const {
  return {incoming_begin.data(), incoming_pair.data(), incoming_probability.data()};
}

Problem make_problem(const ProblemTable& t) {
  check_numbers(t);
  Problem p;
  p.n_states = t.n_states;
  p.n_actions = t.n_actions;
  p.discount = t.discount;
  p.horizon = t.horizon;
  p.shape = t.shape;
  p.terminal = t.terminal.empty() ? std::vector<std::uint8_t>(t.n_states, 0) : t.terminal;

  // Rows in order of state and action, without those of probability 0 and those that leave a
  // terminal state. The sort is stable, so successors keep the order they were given in.
  std::vector<Index> order;
  for (Index i = 0; i < static_cast<Index>(t.state.size()); ++i)
    if (!p.terminal[t.state[i]] && (t.probability.empty() || t.probability[i] > 0.0))
      order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return t.state[a] != t.state[b] ? t.state[a] < t.state[b] : t.action[a] < t.action[b];
  });
  p.pair_begin.assign(t.n_states + 1, 0);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Index row = order[i];
    const bool first =
        i == 0 || t.state[row] != t.state[order[i - 1]] || t.action[row] != t.action[order[i - 1]];
    if (first) {
      p.pair_state.push_back(static_cast<std::int32_t>(t.state[row]));
      p.pair_action.push_back(static_cast<std::int32_t>(t.action[row]));
      p.transition_begin.push_back(p.transition_begin.back());
      ++p.pair_begin[t.state[row] + 1];
    }
    p.next_state.push_back(static_cast<std::int32_t>(t.next_state[row]));
    p.probability.push_back(t.probability.empty() ? 1.0 : t.probability[row]);
    p.transition_pair.push_back(static_cast<std::int32_t>(p.pair_state.size() - 1));
    ++p.transition_begin.back();
  }
  std::partial_sum(p.pair_begin.begin(), p.pair_begin.end(), p.pair_begin.begin());
  for (Index k = 0; k < p.n_pairs(); ++k) {
    double sum = 0.0;
    for (Index j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
      sum += p.probability[j];
    if (std::abs(sum - 1.0) > sum_tolerance)
      fail(ErrorKind::bad_input,
           "probability: transitions of state %d, action %d sum to %.9g, expected 1",
           p.pair_state[k], p.pair_action[k], sum);
  }
  build_transpose(p);

  if (t.initial.empty()) {
    p.initial.assign(t.n_states, 0.0);
    Index acting = 0;
    for (Index s = 0; s < t.n_states; ++s) acting += p.pair_begin[s + 1] > p.pair_begin[s];
    for (Index s = 0; s < t.n_states; ++s)
      if (p.pair_begin[s + 1] > p.pair_begin[s]) p.initial[s] = 1.0 / static_cast<double>(acting);
  } else {
    expect_size(t.initial, t.n_states, "initial");
    double sum = 0.0;
    for (Index s = 0; s < t.n_states; ++s) {
      if (!(t.initial[s] >= 0.0))
        fail(ErrorKind::bad_input, "initial, state %lld: expected at least 0, found %g",
             static_cast<long long>(s), t.initial[s]);
      sum += t.initial[s];
    }
    if (!(std::abs(sum - 1.0) <= sum_tolerance))
      fail(ErrorKind::bad_input, "initial: sums to %.9g, expected 1", sum);
    p.initial = t.initial;
  }
  build_features(t, order, p);
  build_goals(t, p);
  if (!t.reward.empty()) p.reward = pair_reward(p, t.reward);
  if (t.terminal_reward) earn_on_entering(t, p);
  return p;
}

Problem with_luck_chosen(const Problem& p) {
  const auto n = static_cast<std::int32_t>(p.n_transitions());
  Problem lucky;
  lucky.n_states = p.n_states;
  lucky.discount = p.discount;
  lucky.horizon = p.horizon;
  lucky.initial = p.initial;
  lucky.terminal = p.terminal;
  lucky.shape = p.shape;
  lucky.next_state = p.next_state;
  lucky.pair_begin.resize(p.n_states + 1);
  for (Index s = 0; s <= p.n_states; ++s) lucky.pair_begin[s] = p.transition_begin[p.pair_begin[s]];
  lucky.transition_begin.resize(n + 1);
  std::iota(lucky.transition_begin.begin(), lucky.transition_begin.end(), 0);
  lucky.probability.assign(n, 1.0);
  for (std::int32_t j = 0; j < n; ++j) {
    const std::int32_t s = p.pair_state[p.transition_pair[j]];
    lucky.transition_pair.push_back(j);
    lucky.pair_state.push_back(s);
    lucky.pair_action.push_back(j - lucky.pair_begin[s]);
    lucky.n_actions = std::max<Index>(lucky.n_actions, j - lucky.pair_begin[s] + 1);
  }
  build_transpose(lucky);
  return lucky;
}

std::vector<double> reward_with_luck(const Problem& p, const std::vector<double>& reward) {
  std::vector<double> r(p.n_transitions());
  for (Index j = 0; j < p.n_transitions(); ++j)
    r[j] = reward[p.transition_pair[j]] + std::log(p.probability[j]);
  return r;
}

std::vector<double> pair_reward(const Problem& p, const std::vector<double>& reward) {
  const Index found = static_cast<Index>(reward.size());
  std::vector<double> r(p.n_pairs());
  if (found == p.n_states) {
    for (Index k = 0; k < p.n_pairs(); ++k) r[k] = reward[p.pair_state[k]];
  } else if (found == p.n_states * p.n_actions) {
    for (Index k = 0; k < p.n_pairs(); ++k)
      r[k] = reward[p.pair_state[k] * p.n_actions + p.pair_action[k]];
  } else if (found == p.n_pairs()) {
    r = reward;
  } else {
    fail(ErrorKind::bad_shape, "reward: expected [%lld] or [%lld, %lld], found %lld numbers",
         static_cast<long long>(p.n_states), static_cast<long long>(p.n_states),
         static_cast<long long>(p.n_actions), static_cast<long long>(found));
  }
  return r;
}

std::vector<double> linear_reward(const Problem& p, const std::vector<double>& weights) {
  const Index f = p.n_features;
  if (p.feature_owner == FeatureOwner::none)
    fail(ErrorKind::bad_input, "features: the problem has none");
  expect_size(weights, f, "weights");
  const bool of_states = p.feature_owner == FeatureOwner::state;
  const Index rows = of_states ? p.n_states : p.n_pairs();
  std::vector<double> r(rows);
  for (Index i = 0; i < rows; ++i) {
    const double* x = &p.features[i * f];
    double sum = 0.0;
    for (Index c = 0; c < f; ++c) sum += weights[c] * x[c];
    r[i] = sum;
  }
  return of_states ? pair_reward(p, r) : r;
}

std::vector<double> feature_expectations(const Problem& p,
                                         const std::vector<double>& pair_occupancy) {
  const Index f = p.n_features;
  const bool of_states = p.feature_owner == FeatureOwner::state;
  const std::vector<double> rows = of_states ? sum_over_pairs(p, pair_occupancy) : pair_occupancy;
  std::vector<double> sum(f, 0.0);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == 0.0) continue;
    const double* x = &p.features[i * f];
    for (Index c = 0; c < f; ++c) sum[c] += rows[i] * x[c];
  }
  return sum;
}

std::vector<double> sum_over_pairs(const Problem& p, const std::vector<double>& pairs) {
  std::vector<double> sum(p.n_states, 0.0);
  for (Index k = 0; k < p.n_pairs(); ++k) sum[p.pair_state[k]] += pairs[k];
  return sum;
}

std::vector<double> table_of_pairs(const Problem& p, const std::vector<double>& pairs,
                                   double missing) {
  std::vector<double> table(p.n_states * p.n_actions, missing);
  for (Index k = 0; k < p.n_pairs(); ++k)
    table[p.pair_state[k] * p.n_actions + p.pair_action[k]] = pairs[k];
  return table;
}

void check_reaches_end(const Problem& p, std::int64_t goal) {
  std::vector<std::uint8_t> reaches(p.n_states, 0);
  std::vector<std::int32_t> open;
  if (goal >= 0) {
    for (Index i = p.goal_begin[goal]; i < p.goal_begin[goal + 1]; ++i)
      open.push_back(p.goal_state[i]);
  } else {
    for (Index s = 0; s < p.n_states; ++s)
      if (p.terminal[s]) open.push_back(static_cast<std::int32_t>(s));
  }
  for (std::int32_t s : open) reaches[s] = 1;
  while (!open.empty()) {
    const std::int32_t s = open.back();
    open.pop_back();
    for (Index i = p.incoming_begin[s]; i < p.incoming_begin[s + 1]; ++i) {
      const std::int32_t from = p.pair_state[p.incoming_pair[i]];
      if (!reaches[from]) reaches[from] = 1, open.push_back(from);
    }
  }
  for (Index s = 0; s < p.n_states; ++s) {
    if (reaches[s]) continue;
    if (goal >= 0)
      fail(ErrorKind::bad_input, "goal %lld cannot be reached from state %lld",
           static_cast<long long>(goal), static_cast<long long>(s));
    fail(ErrorKind::bad_input,
         "state %lld: no terminal state can be reached from it; undiscounted problems need one "
         "(or a horizon, or a discount below 1)",
         static_cast<long long>(s));
  }
}

}  // namespace understudy
