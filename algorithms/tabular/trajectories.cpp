// Demonstrations of a problem: the pairs and transitions that they take, their features.

#include <algorithm>

#include "algorithms/tabular/problem.h"
#include "kernels/device/error.h"

namespace understudy {

std::vector<std::vector<std::int32_t>> pairs_of(const Problem& p,
                                                const std::vector<Trajectory>& trajectories) {
  std::vector<std::vector<std::int32_t>> all(trajectories.size());
  for (std::size_t e = 0; e < trajectories.size(); ++e) {
    const Trajectory& t = trajectories[e];
    const std::size_t steps = t.actions.size();
    if (t.states.size() != steps && t.states.size() != steps + 1)
      fail(ErrorKind::bad_shape,
           "episode %zu: expected %zu or %zu states for %zu actions, found %zu", e, steps,
           steps + 1, steps, t.states.size());
    for (std::size_t i = 0; i < t.states.size(); ++i)
      if (t.states[i] < 0 || t.states[i] >= p.n_states)
        fail(ErrorKind::bad_input, "episode %zu, step %zu: expected a state of 0 to %lld, found %d",
             e, i, static_cast<long long>(p.n_states - 1), t.states[i]);
    if (p.n_goals() > 0) {
      if (t.goal < 0 || t.goal >= p.n_goals())
        fail(ErrorKind::bad_input, "episode %zu: expected a goal of 0 to %lld, found %d", e,
             static_cast<long long>(p.n_goals() - 1), t.goal);
      const auto first = p.goal_state.begin() + p.goal_begin[t.goal];
      const auto last = p.goal_state.begin() + p.goal_begin[t.goal + 1];
      if (t.states.size() == steps + 1 && std::find(first, last, t.states.back()) == last)
        fail(ErrorKind::bad_input, "episode %zu: ends in state %d, which is not beside its goal %d",
             e, t.states.back(), t.goal);
    }
    for (std::size_t i = 0; i < steps; ++i) {
      const std::int64_t k = p.pair_of(t.states[i], t.actions[i]);
      if (k < 0)
        fail(ErrorKind::bad_input, "episode %zu, step %zu: action %d is not available in state %d",
             e, i, t.actions[i], t.states[i]);
      if (i + 1 < t.states.size()) {
        const auto first = p.next_state.begin() + p.transition_begin[k];
        const auto last = p.next_state.begin() + p.transition_begin[k + 1];
        if (std::find(first, last, t.states[i + 1]) == last)
          fail(ErrorKind::bad_input,
               "episode %zu, step %zu: action %d cannot lead from state %d to state %d", e, i,
               t.actions[i], t.states[i], t.states[i + 1]);
      }
      all[e].push_back(static_cast<std::int32_t>(k));
    }
  }
  return all;
}

std::vector<std::vector<std::int32_t>> transitions_of(const Problem& p,
                                                      const std::vector<Trajectory>& trajectories) {
  std::vector<std::vector<std::int32_t>> all = pairs_of(p, trajectories);
  for (std::size_t e = 0; e < all.size(); ++e) {
    const Trajectory& t = trajectories[e];
    if (t.states.size() != t.actions.size() + 1)
      fail(ErrorKind::bad_shape, "episode %zu: the state after its last action is missing", e);
    for (std::size_t i = 0; i < all[e].size(); ++i) {
      std::int64_t j = p.transition_begin[all[e][i]];
      while (p.next_state[j] != t.states[i + 1]) ++j;
      all[e][i] = static_cast<std::int32_t>(j);
    }
  }
  return all;
}

Trajectory trajectory_along(const Problem& p, const std::vector<std::int32_t>& states,
                            std::int32_t goal) {
  Trajectory t;
  t.states = states;
  t.goal = goal;
  for (std::size_t i = 0; i + 1 < states.size(); ++i) {
    for (std::int32_t s : {states[i], states[i + 1]})
      if (s < 0 || s >= p.n_states)
        fail(ErrorKind::bad_input, "path: expected states of 0 to %lld, found %d",
             static_cast<long long>(p.n_states - 1), s);
    std::int32_t action = -1;
    for (std::int64_t k = p.pair_begin[states[i]]; k < p.pair_begin[states[i] + 1] && action < 0;
         ++k)
      for (std::int64_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
        if (p.next_state[j] == states[i + 1]) action = p.pair_action[k];
    if (action < 0)
      fail(ErrorKind::bad_input, "path, step %zu: no action leads from state %d to state %d", i,
           states[i], states[i + 1]);
    t.actions.push_back(action);
  }
  return t;
}

std::vector<double> mean_features(const Problem& p, const std::vector<Trajectory>& trajectories,
                                  double discount) {
  std::vector<double> visits(p.n_pairs(), 0.0);
  const auto pairs = pairs_of(p, trajectories);
  for (const auto& episode : pairs) {
    double weight = 1.0 / static_cast<double>(trajectories.size());
    for (std::int32_t k : episode) visits[k] += weight, weight *= discount;
  }
  return feature_expectations(p, visits);
}

}  // namespace understudy
