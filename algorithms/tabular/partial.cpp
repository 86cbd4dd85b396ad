#include "algorithms/tabular/partial.h"

#include <algorithm>
#include <cmath>

#include "kernels/device/error.h"

namespace understudy {

namespace {

using Vector = std::vector<double>;

// d M.
Vector forward(const Problem& p, const Vector& policy, const Vector& d) {
  Vector next(d.size(), 0.0);
  for (std::int64_t j = 0; j < p.n_transitions(); ++j) {
    const std::int32_t k = p.transition_pair[j];
    next[p.next_state[j]] += d[p.pair_state[k]] * policy[k] * p.probability[j];
  }
  return next;
}

// M b, and what each pair leads to.
Vector backward(const Problem& p, const Vector& policy, const Vector& b, Vector& by_pair) {
  by_pair.assign(p.n_pairs(), 0.0);
  for (std::int64_t j = 0; j < p.n_transitions(); ++j)
    by_pair[p.transition_pair[j]] += p.probability[j] * b[p.next_state[j]];
  Vector before(b.size(), 0.0);
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) before[p.pair_state[k]] += policy[k] * by_pair[k];
  return before;
}

// Of one gap: its probability, and its expected visits, added.
double cross(const Problem& p, const Vector& policy, std::int32_t from, std::int32_t to,
             std::int64_t steps, Vector* visits) {
  Vector start(p.n_states, 0.0), end(p.n_states, 0.0);
  start[from] = end[to] = 1;
  std::vector<Vector> ahead{start};
  for (std::int64_t t = 0; t < steps; ++t) ahead.push_back(forward(p, policy, ahead.back()));
  const double probability = ahead.back()[to];
  if (visits == nullptr || !(probability > 0)) return probability;
  Vector by_pair;
  for (std::int64_t t = steps - 1; t >= 0; --t) {
    const Vector before = backward(p, policy, end, by_pair);
    for (std::int64_t k = 0; k < p.n_pairs(); ++k)
      (*visits)[k] += ahead[t][p.pair_state[k]] * policy[k] * by_pair[k] / probability;
    end = before;
  }
  return probability;
}

double transition_probability(const Problem& p, std::int64_t pair, std::int32_t to) {
  double sum = 0;
  for (std::int32_t j = p.transition_begin[pair]; j < p.transition_begin[pair + 1]; ++j)
    if (p.next_state[j] == to) sum += p.probability[j];
  return sum;
}

void check(const Problem& p, const std::vector<PartialTrajectory>& seen) {
  for (std::size_t e = 0; e < seen.size(); ++e) {
    const PartialTrajectory& one = seen[e];
    if (one.states.empty() || one.times.size() != one.states.size() ||
        one.actions.size() + 1 != one.states.size())
      fail(ErrorKind::bad_shape,
           "episode %zu: expected as many times as states and an action less, found %zu, %zu and "
           "%zu",
           e, one.times.size(), one.states.size(), one.actions.size());
    for (std::size_t i = 0; i < one.states.size(); ++i) {
      if (one.states[i] < 0 || one.states[i] >= p.n_states)
        fail(ErrorKind::bad_input, "episode %zu: state: expected 0 to %lld, found %d", e,
             static_cast<long long>(p.n_states - 1), one.states[i]);
      if (i > 0 && one.times[i] <= one.times[i - 1])
        fail(ErrorKind::bad_input,
             "episode %zu: times: expected to increase, found %lld after %lld", e,
             static_cast<long long>(one.times[i]), static_cast<long long>(one.times[i - 1]));
      if (i > 0 && one.actions[i - 1] >= 0 && one.times[i] != one.times[i - 1] + 1)
        fail(ErrorKind::bad_input, "episode %zu: an action is known, but not the state after it",
             e);
    }
  }
}

}  // namespace

PartialTrajectory seen_part(const Trajectory& trajectory, std::int64_t steps, bool actions,
                            std::int64_t every) {
  PartialTrajectory seen;
  for (std::int64_t t = 0; t <= steps && t < static_cast<std::int64_t>(trajectory.states.size());
       t += every) {
    if (t > 0) seen.actions.push_back(actions && every == 1 ? trajectory.actions[t - 1] : -1);
    seen.times.push_back(t);
    seen.states.push_back(trajectory.states[t]);
  }
  return seen;
}

double partial_log_likelihood(const Problem& p, const Vector& policy,
                              const std::vector<PartialTrajectory>& seen, Vector* visits) {
  if (visits != nullptr) visits->assign(p.n_pairs(), 0.0);
  double total = 0;
  for (std::size_t e = 0; e < seen.size(); ++e)
    for (std::size_t i = 0; i + 1 < seen[e].states.size(); ++i) {
      const std::int32_t from = seen[e].states[i], to = seen[e].states[i + 1],
                         action = seen[e].actions[i];
      double probability = 0;
      if (action >= 0) {
        const std::int64_t pair = p.pair_of(from, action);
        if (pair >= 0) {
          probability = policy[pair] * transition_probability(p, pair, to);
          if (visits != nullptr) (*visits)[pair] += 1;
        }
      } else {
        probability = cross(p, policy, from, to, seen[e].times[i + 1] - seen[e].times[i], visits);
      }
      if (!(probability > 0))
        fail(ErrorKind::bad_input, "episode %zu, time %lld: state %d cannot be followed by %d", e,
             static_cast<long long>(seen[e].times[i]), from, to);
      total += std::log(probability);
    }
  return total;
}

PartialMaxEnt::PartialMaxEnt(Device& device, const Problem& problem,
                             std::vector<PartialTrajectory> seen)
    : device_(device),
      problem_(problem),
      seen_(std::move(seen)),
      model_(device, problem, std::vector<double>(problem.n_pairs(), 0.0),
             static_cast<double>(seen_.size())) {
  if (seen_.empty()) fail(ErrorKind::bad_input, "demonstrations: there are none");
  check(problem, seen_);
}

double PartialMaxEnt::value(const Vector& reward, Vector* gradient) {
  Solution s;
  try {
    s = solve(device_, problem_, reward, {.method = default_method(problem_, Expectation::causal)},
              1, warm_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_finite) throw;
    return -INFINITY;
  }
  warm_ = s.values;
  Vector visits;
  const double log_likelihood = partial_log_likelihood(problem_, s.policy, seen_, &visits);
  if (gradient == nullptr) return log_likelihood;
  model_.set_visits(visits);
  model_.value(reward, gradient);
  return log_likelihood;
}

LinearFit fit_partial(PartialMaxEnt& model, const Problem& p, double l2,
                      const LbfgsOptions& options) {
  const double episodes = model.episodes();
  const LbfgsObjective objective = [&](const Vector& w, Vector& gradient) {
    Vector by_pair;
    double value = -model.value(linear_reward(p, w), &by_pair) / episodes;
    if (!std::isfinite(value)) return value;
    gradient = feature_expectations(p, by_pair);
    for (std::size_t c = 0; c < w.size(); ++c) {
      value += 0.5 * l2 * w[c] * w[c];
      gradient[c] = l2 * w[c] - gradient[c] / episodes;
    }
    return value;
  };
  const LbfgsResult found = minimize(objective, Vector(p.n_features, 0.0), options);
  LinearFit fit;
  fit.weights = found.point;
  fit.gradient = found.gradient;
  fit.iterations = found.iterations;
  fit.evaluations = found.evaluations;
  fit.status = found.status;
  fit.log_likelihood = model.value(linear_reward(p, fit.weights), nullptr);
  return fit;
}

}  // namespace understudy
