// A fixed policy: its values, occupancy and likelihood, and episodes sampled from it.

#include "algorithms/tabular/solver.h"

#include <cmath>
#include <random>

#include "algorithms/tabular/device_dynamics.h"
#include "algorithms/tabular/iterations.h"
#include "algorithms/tabular/solver_internal.h"
#include "algorithms/tabular/sweeps.h"

namespace understudy {

std::vector<double> evaluate_policy(Device& device, const Problem& p,
                                    const std::vector<double>& reward,
                                    const std::vector<double>& policy, double tolerance,
                                    std::int64_t batch) {
  check_solvable(p, reward, batch);
  const DeviceDynamics<double> m(device, p);
  const auto r = view_of(device, reward), pi = view_of(device, policy);
  DeviceBuffer<double> v(device, p.n_states * batch), next(device, p.n_states * batch);
  MaximumChange<double> maximum_change(device);
  DivergenceWatch watch(p.n_states);
  for (double change = INFINITY; change > tolerance;) {
    kernels_of<double>(device).evaluate(device.stream(), m, p.discount, batch, r.data(), false,
                                        pi.data(), v.data(), next.data());
    change = maximum_change.of(v, next);
    v.swap(next);
    if (change > tolerance) watch.see(change);
  }
  return widened(v);
}

Occupancy occupancy_of(Device& device, const Problem& p, const std::vector<double>& policy,
                       const std::vector<double>& source, double tolerance) {
  const DeviceDynamics<double> m(device, p);
  const DeviceIncoming incoming(device, p);
  const auto pi = view_of(device, policy), from = view_of(device, source);
  DeviceBuffer<double> states(device, p.n_states), next(device, p.n_states),
      flow(device, p.n_pairs());
  assign(states, source);
  MaximumChange<double> maximum_change(device);
  DivergenceWatch watch(p.n_states);
  for (double change = INFINITY; change > tolerance;) {
    kernels_of<double>(device).forward(device.stream(), m, incoming, p.discount, 1, from.data(),
                                       pi.data(), states.data(), flow.data(), next.data());
    change = maximum_change.of(states, next);
    states.swap(next);
    if (change > tolerance) watch.see(change);
  }
  Occupancy o{widened(states), std::vector<double>(p.n_pairs())};
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) o.pairs[k] = policy[k] * o.states[p.pair_state[k]];
  return o;
}

std::vector<double> log_probabilities(const Problem& p, const std::vector<double>& policy,
                                      const std::vector<Trajectory>& trajectories) {
  std::vector<double> log_probability;
  for (const auto& pairs : pairs_of(p, trajectories)) {
    double sum = 0.0;
    for (std::int32_t k : pairs) sum += std::log(policy[k]);
    log_probability.push_back(sum);
  }
  return log_probability;
}

double expected_value_difference(Device& device, const Problem& p,
                                 const std::vector<double>& true_reward,
                                 const std::vector<double>& policy) {
  const Solution best = solve(device, p, true_reward, {.backup = Backup::max});
  const std::vector<double> ours = evaluate_policy(device, p, true_reward, policy);
  double difference = 0.0;
  for (std::int64_t s = 0; s < p.n_states; ++s)
    difference += p.initial[s] * (best.values[s] - ours[s]);
  return difference;
}

std::vector<Trajectory> sample_trajectories(const Problem& p, const std::vector<double>& policy,
                                            std::int64_t count, std::int64_t steps,
                                            std::uint64_t seed) {
  std::vector<Trajectory> all(count);
  for (std::int64_t e = 0; e < count; ++e) {
    std::seed_seq sequence{seed & 0xffffffffu, seed >> 32, static_cast<std::uint64_t>(e)};
    std::mt19937_64 random(sequence);
    // The first index whose cumulative weight exceeds a uniform draw; the last positive one where
    // rounding leaves a remainder.
    auto draw = [&](std::int64_t first, std::int64_t last, auto weight) {
      double u = static_cast<double>(random() >> 11) * 0x1p-53;
      std::int64_t chosen = first;
      for (std::int64_t i = first; i < last; ++i) {
        if (weight(i) <= 0.0) continue;
        chosen = i;
        u -= weight(i);
        if (u < 0.0) break;
      }
      return chosen;
    };
    std::int64_t s = draw(0, p.n_states, [&](std::int64_t i) { return p.initial[i]; });
    Trajectory& t = all[e];
    t.states.push_back(static_cast<std::int32_t>(s));
    for (std::int64_t i = 0; i < steps && p.pair_begin[s + 1] > p.pair_begin[s]; ++i) {
      const std::int64_t k =
          draw(p.pair_begin[s], p.pair_begin[s + 1], [&](std::int64_t k) { return policy[k]; });
      const std::int64_t j = draw(p.transition_begin[k], p.transition_begin[k + 1],
                                  [&](std::int64_t j) { return p.probability[j]; });
      s = p.next_state[j];
      t.actions.push_back(p.pair_action[k]);
      t.states.push_back(static_cast<std::int32_t>(s));
    }
  }
  return all;
}

}  // namespace understudy
