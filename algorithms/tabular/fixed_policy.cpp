// A fixed policy: its values, occupancy and likelihood, and episodes sampled from it.

#include "algorithms/tabular/solver.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "algorithms/tabular/device_dynamics.h"
#include "algorithms/tabular/iterations.h"
#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/solver_internal.h"
#include "algorithms/tabular/sweeps.h"

namespace understudy {

namespace {

enum class Way { sweeps, system, mixed };

// See solver.h, above evaluate_policy.
Way way_to(const Problem& p, std::int64_t batch) {
  if (p.discount <= 0.99) return Way::sweeps;
  return batch == 1 && p.n_states <= direct_states ? Way::system : Way::mixed;
}

// The policy where an episode from `source` may come, elsewhere nothing.
std::vector<double> taken_from(const Problem& p, std::vector<double> policy,
                               const std::vector<double>& source) {
  std::vector<std::uint8_t> seen(static_cast<std::size_t>(p.n_states), 0);
  std::vector<std::int32_t> open;
  for (std::int64_t s = 0; s < p.n_states; ++s)
    if (source[s] != 0.0) seen[s] = 1, open.push_back(static_cast<std::int32_t>(s));
  while (!open.empty()) {
    const std::int32_t s = open.back();
    open.pop_back();
    for (std::int32_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
      for (std::int32_t j = p.transition_begin[k]; policy[k] > 0.0 && j < p.transition_begin[k + 1];
           ++j)
        if (!seen[p.next_state[j]]) seen[p.next_state[j]] = 1, open.push_back(p.next_state[j]);
  }
  for (std::int64_t k = 0; k < p.n_pairs(); ++k)
    if (!seen[p.pair_state[k]]) policy[k] = 0.0;
  return policy;
}

// V -> r_pi + discount P_pi V, of one policy or many.
class ValueSweeps {
 public:
  ValueSweeps(Device& device, const Problem& p, const std::vector<double>& reward,
              const std::vector<double>& policy, std::int64_t batch)
      : device_(device),
        dynamics_(device, p),
        discount_(p.discount),
        batch_(batch),
        reward_(view_of(device, reward)),
        policy_(view_of(device, policy)),
        change_(device) {}
  void backup(const double* value, double* new_value) {
    kernels_of<double>(device_).evaluate(device_.stream(), dynamics_, discount_, batch_,
                                         reward_.data(), false, policy_.data(), value, new_value);
  }
  double change(const DeviceBuffer<double>& a, const DeviceBuffer<double>& b) {
    return change_.of(a, b);
  }

 private:
  Device& device_;
  DeviceDynamics<double> dynamics_;
  double discount_;
  std::int64_t batch_;
  DeviceBuffer<const double> reward_, policy_;
  MaximumChange<double> change_;
};

// d -> source + discount P_pi' d.
class VisitSweeps {
 public:
  VisitSweeps(Device& device, const Problem& p, const std::vector<double>& policy,
              const std::vector<double>& source)
      : device_(device),
        dynamics_(device, p),
        incoming_(device, p),
        discount_(p.discount),
        policy_(view_of(device, policy)),
        source_(view_of(device, source)),
        flow_(device, p.n_pairs()),
        change_(device) {}
  void backup(const double* visits, double* new_visits) {
    kernels_of<double>(device_).forward(device_.stream(), dynamics_, incoming_, discount_, 1,
                                        source_.data(), policy_.data(), visits, flow_.data(),
                                        new_visits);
  }
  double change(const DeviceBuffer<double>& a, const DeviceBuffer<double>& b) {
    return change_.of(a, b);
  }

 private:
  Device& device_;
  DeviceDynamics<double> dynamics_;
  DeviceIncoming incoming_;
  double discount_;
  DeviceBuffer<const double> policy_, source_;
  DeviceBuffer<double> flow_;
  MaximumChange<double> change_;
};

// The fixed point of `sweeps` from `x`, which it replaces.
template <class Sweeps>
void settle(Device& device, const Problem& p, Sweeps& sweeps, Way way, double tolerance,
            DeviceBuffer<double>& x) {
  DeviceBuffer<double> next(device, x.size());
  if (way == Way::sweeps) {
    DivergenceWatch watch(p.n_states);
    for (double change = INFINITY; change > tolerance;) {
      sweeps.backup(x.data(), next.data());
      change = sweeps.change(x, next);
      x.swap(next);
      if (change > tolerance) watch.see(change);
    }
    return;
  }
  const SolveOptions options{.tolerance = tolerance};
  Progress progress(options, p.n_states);
  const State state = with_mixing(device, sweeps, options.memory, x, next, progress, 2.2e-16);
  expect_settled(state, progress.sweeps(), progress.change());
}

}  // namespace

std::vector<double> evaluate_policy(Device& device, const Problem& p,
                                    const std::vector<double>& reward,
                                    const std::vector<double>& policy, double tolerance,
                                    std::int64_t batch) {
  check_solvable(p, reward, batch);
  const Way way = way_to(p, batch);
  if (way == Way::system) {
    PolicySystem system(device, p);
    system.set_policy(policy);
    std::vector<double> values(static_cast<std::size_t>(p.n_states), 0.0);
    for (std::int64_t k = 0; k < p.n_pairs(); ++k) values[p.pair_state[k]] += policy[k] * reward[k];
    system.values(1, values);
    return values;
  }
  ValueSweeps sweeps(device, p, reward, policy, batch);
  DeviceBuffer<double> values(device, p.n_states * batch);
  settle(device, p, sweeps, way, tolerance, values);
  return widened(values);
}

Occupancy occupancy_of(Device& device, const Problem& p, const std::vector<double>& policy,
                       const std::vector<double>& source, double tolerance) {
  const Way way = way_to(p, 1);
  Occupancy o{source, std::vector<double>(p.n_pairs())};
  if (way == Way::system) {
    // What no episode comes to may be without end.
    PolicySystem system(device, p);
    if (!system.factor(taken_from(p, policy, source))) fail_never_ends();
    system.occupancy(1, o.states);
    for (double visits : o.states)
      if (!(visits > -1e-6 && visits <= longest_episode)) fail_never_ends();
  } else {
    VisitSweeps sweeps(device, p, policy, source);
    DeviceBuffer<double> states(device, p.n_states);
    assign(states, source);
    settle(device, p, sweeps, way, tolerance, states);
    o.states = widened(states);
  }
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

namespace {

// V(s) at the first step of a policy [T, pairs].
std::vector<double> evaluate_over_horizon(Device& device, const Problem& p,
                                          const std::vector<double>& reward,
                                          const std::vector<double>& policy) {
  const DeviceDynamics<double> m(device, p);
  const auto r = view_of(device, reward), pi = view_of(device, policy);
  DeviceBuffer<double> values(device, p.n_states), next(device, p.n_states);
  for (std::int64_t t = p.horizon - 1; t >= 0; --t) {
    kernels_of<double>(device).evaluate(device.stream(), m, p.discount, 1, r.data(), false,
                                        pi.data() + t * p.n_pairs(), values.data(), next.data());
    values.swap(next);
  }
  return widened(values);
}

}  // namespace

double expected_value_difference(Device& device, const Problem& p,
                                 const std::vector<double>& true_reward,
                                 const std::vector<double>& policy) {
  if (p.horizon > 0) {
    const HorizonSolution best =
        solve_horizon(device, p, true_reward, Backup::max, Expectation::causal);
    const std::vector<double> ours = evaluate_over_horizon(device, p, true_reward, policy);
    double difference = 0.0;
    for (std::int64_t s = 0; s < p.n_states; ++s)
      difference += p.initial[s] * (best.values[s] - ours[s]);
    return difference;
  }
  // Beyond a discount of 0.99 as above evaluate_policy, and by visits: r . d = initial . V,
  // whatever values are where no episode comes.
  const bool by_sweeps = way_to(p, 1) == Way::sweeps;
  const Solution best = solve(device, p, true_reward,
                              {.backup = Backup::max,
                               .method = by_sweeps ? SolveMethod::value_iteration
                                                   : default_method(p, Expectation::causal)});
  double difference = 0.0;
  for (std::int64_t s = 0; s < p.n_states; ++s)
    if (p.initial[s] > 0.0) difference += p.initial[s] * best.values[s];
  if (by_sweeps) {
    const std::vector<double> ours = evaluate_policy(device, p, true_reward, policy);
    difference = 0.0;
    for (std::int64_t s = 0; s < p.n_states; ++s)
      difference += p.initial[s] * (best.values[s] - ours[s]);
    return difference;
  }
  const Occupancy visits = occupancy_of(device, p, policy, p.initial);
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) difference -= visits.pairs[k] * true_reward[k];
  return difference;
}

std::vector<Trajectory> sample_trajectories(const Problem& p, const std::vector<double>& policy,
                                            std::int64_t count, std::int64_t steps,
                                            std::uint64_t seed) {
  const std::int64_t by_step =
      p.horizon > 0 && static_cast<std::int64_t>(policy.size()) == p.horizon * p.n_pairs()
          ? p.n_pairs()
          : 0;
  if (by_step > 0) steps = std::min(steps, p.horizon);
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
      const std::int64_t k = draw(p.pair_begin[s], p.pair_begin[s + 1],
                                  [&](std::int64_t k) { return policy[i * by_step + k]; });
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
