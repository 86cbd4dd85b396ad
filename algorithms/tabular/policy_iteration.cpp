// Policy iteration: a policy's linear system, factored and solved, and Newton's method with it.

#include "algorithms/tabular/solver.h"

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/device_dynamics.h"
#include "algorithms/tabular/solver_internal.h"
#include "algorithms/tabular/sparse_lu.h"
#include "algorithms/tabular/successor_matrix.h"
#include "kernels/device/device_buffer.h"
#include "kernels/device/error.h"

namespace understudy {

bool PolicySystem::factor(const std::vector<double>& policy) {
  matrix_.reset();
  for (std::int64_t j = 0; j < problem_.n_transitions(); ++j)
    matrix_.subtract(
        j, problem_.discount * problem_.probability[j] * policy[problem_.transition_pair[j]]);
  return matrix_.factor() == SparseLu::Pivots::positive;
}

void PolicySystem::set_policy(const std::vector<double>& policy) {
  bool ends = factor(policy);
  longest_ = 1.0 / (1.0 - problem_.discount);
  if (ends && problem_.discount == 1.0) {
    // Rounding may keep the pivots of a singular system positive: steps to the end tell.
    std::vector<double> steps(static_cast<std::size_t>(problem_.n_states), 1.0);
    values(1, steps);
    for (double n : steps) ends = ends && n >= 0.5 && n <= longest_episode;
    longest_ = *std::max_element(steps.begin(), steps.end());
  }
  if (!ends) fail_never_ends();
}

void PolicySystem::permuted(std::int64_t batch, bool transposed, std::vector<double>& x) {
  constexpr std::int64_t wide = 32;  // right-hand sides that are worth the way to a GPU
  const SparseLu& lu = matrix_.lu();
  const auto& position = lu.position();
  DeviceBuffer<double> y(device_, static_cast<std::int64_t>(x.size()));
  for (std::int64_t s = 0; s < problem_.n_states; ++s)
    std::copy(&x[s * batch], &x[s * batch] + batch, y.host() + position[s] * batch);
  if (device_.kind() == DeviceKind::cpu || batch >= wide) {
    matrix_.to_device();
    y.to_device();
    if (transposed)
      lu.solve_transposed(device_.stream(), batch, y.data());
    else
      lu.solve(device_.stream(), batch, y.data());
    y.to_host();
  } else if (transposed) {
    lu.solve_transposed_on_host(batch, y.host());
  } else {
    lu.solve_on_host(batch, y.host());
  }
  for (std::int64_t s = 0; s < problem_.n_states; ++s)
    std::copy(y.host() + position[s] * batch, y.host() + (position[s] + 1) * batch, &x[s * batch]);
}

void PolicySystem::values(std::int64_t batch, std::vector<double>& right) {
  permuted(batch, false, right);
}

void PolicySystem::occupancy(std::int64_t batch, std::vector<double>& source) {
  permuted(batch, true, source);
}

void prefer_ends(const Problem& p, const std::vector<double>& q, double tolerance,
                 std::vector<double>& policy) {
  std::vector<std::uint8_t> best(static_cast<std::size_t>(p.n_pairs()), 0);
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    const std::int32_t begin = p.pair_begin[s], end = p.pair_begin[s + 1];
    if (begin == end) continue;
    const double largest = *std::max_element(q.begin() + begin, q.begin() + end);
    for (std::int32_t k = begin; k < end; ++k) best[k] = q[k] >= largest - tolerance;
  }
  // Transitions of best actions to the nearest end.
  constexpr std::int32_t none = INT32_MAX;
  std::vector<std::int32_t> steps(static_cast<std::size_t>(p.n_states), none), open;
  for (std::int64_t s = 0; s < p.n_states; ++s)
    if (p.pair_begin[s] == p.pair_begin[s + 1]) {
      steps[s] = 0;
      open.push_back(static_cast<std::int32_t>(s));
    }
  for (std::size_t at = 0; at < open.size(); ++at)
    for (std::int32_t i = p.incoming_begin[open[at]]; i < p.incoming_begin[open[at] + 1]; ++i) {
      const std::int32_t k = p.incoming_pair[i], from = p.pair_state[k];
      if (best[k] == 0 || steps[from] != none) continue;
      steps[from] = steps[open[at]] + 1;
      open.push_back(from);
    }
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    if (steps[s] == none || steps[s] == 0) continue;
    std::int32_t chosen = p.pair_begin[s];
    double nearest = 0.0;
    for (std::int32_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k) {
      if (best[k] == 0) continue;
      double nearer = 0.0;
      for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
        if (steps[p.next_state[j]] < steps[s]) nearer += p.probability[j];
      if (nearer > nearest) nearest = nearer, chosen = k;
    }
    std::fill(policy.begin() + p.pair_begin[s], policy.begin() + p.pair_begin[s + 1], 0.0);
    policy[chosen] = 1.0;
  }
}

namespace {

// r_pi(s) = sum_a pi (r - log pi for soft choices).
std::vector<double> policy_reward(const Problem& p, const std::vector<double>& reward,
                                  const std::vector<double>& policy, Backup backup) {
  std::vector<double> r(p.n_states, 0.0);
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    if (policy[k] == 0.0) continue;
    r[p.pair_state[k]] +=
        policy[k] * (reward[k] - (backup == Backup::log_sum_exp ? std::log(policy[k]) : 0.0));
  }
  return r;
}

}  // namespace

Solution solve_directly(PolicySystem& system, const std::vector<double>& reward, Backup backup,
                        const std::vector<double>& start, double tolerance) {
  Device& device = system.device();
  const Problem& p = system.problem();
  check_solvable(p, reward, 1);
  const DeviceDynamics<double> m(device, p);
  const BackupRule<double> rule{backup, Expectation::causal, p.discount};
  Solution s;
  s.values = start;
  s.q_values.resize(p.n_pairs());
  s.policy.resize(p.n_pairs());
  std::vector<double> next(p.n_states), before(p.n_pairs());
  if (start.empty()) {
    // The uniform policy ends wherever any policy does.
    for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
      const std::int64_t state = p.pair_state[k];
      s.policy[k] = 1.0 / static_cast<double>(p.pair_begin[state + 1] - p.pair_begin[state]);
    }
    system.set_policy(s.policy);
    s.values = policy_reward(p, reward, s.policy, backup);
    system.values(1, s.values);
  }
  constexpr int most = 1000;
  double scale = 1.0, last = INFINITY;
  for (; s.iterations < most; ++s.iterations) {
    before = s.policy;
    backup_with_policy(device, m, rule, 1, reward, s.values, s.q_values, next, s.policy, &s.change);
    if (!std::isfinite(s.change))
      fail(ErrorKind::not_finite, "values are no longer finite: the partition function diverges");
    for (double v : next) scale = std::max(scale, std::abs(v));
    // 64 roundings of the largest value are as close as values mostly come; with rewards that make
    // policies nearly deterministic, systems are less exact, and Newton's steps stop shrinking
    // before. Without a discount values are off by a change times the steps to the end.
    const bool circles = backup == Backup::max && p.discount == 1.0;
    const bool stopped = s.iterations > 0 && s.change >= last && s.change <= 1e-9 * scale &&
                         (p.discount < 1.0 || s.change * system.longest() <= 1e-6 * scale);
    const bool settled = s.change <= std::max(tolerance, 64 * 2.2e-16 * scale) || stopped;
    last = s.change;
    if (circles) prefer_ends(p, s.q_values, 1e-12 * scale, s.policy);
    system.set_policy(s.policy);
    if (backup == Backup::log_sum_exp && p.discount == 1.0 && system.longest() > 1e7)
      fail_never_ends();
    if (settled || (backup == Backup::max && s.iterations > 0 && before == s.policy)) {
      // The system is factored at this policy: the last Newton step, to full precision, costs a
      // solve.
      s.values = policy_reward(p, reward, s.policy, backup);
      system.values(1, s.values);
      backup_with_policy(device, m, rule, 1, reward, s.values, s.q_values, next, s.policy);
      if (circles) prefer_ends(p, s.q_values, 1e-12 * scale, s.policy);
      s.values.swap(next);
      return s;
    }
    s.values = policy_reward(p, reward, s.policy, backup);
    system.values(1, s.values);
  }
  fail(ErrorKind::not_finite,
       "policy iteration did not settle in %d improvements: the last changed values by %.3g", most,
       s.change);
}

}  // namespace understudy
