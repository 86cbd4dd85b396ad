#include "algorithms/tabular/messages.h"

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/device_dynamics.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

void check_horizon(const Problem& p, const std::vector<double>& reward) {
  if (p.horizon < 1)
    fail(ErrorKind::bad_input, "horizon: expected at least 1, found %lld",
         static_cast<long long>(p.horizon));
  if (static_cast<std::int64_t>(reward.size()) != p.n_pairs())
    fail(ErrorKind::bad_shape, "reward: expected %lld numbers by pairs, found %zu",
         static_cast<long long>(p.n_pairs()), reward.size());
}

double log_sum_exp(const double* x, std::int64_t n) {
  const double high = *std::max_element(x, x + n);
  if (high == -INFINITY) return high;
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - high);
  return high + std::log(sum);
}

// Equation (3) is a log-sum-exp backup on the transposed problem: a "state" s' chooses among the
// transitions into it, each with the reward r + log p and the state it came from as successor.
class ForwardMessages {
 public:
  ForwardMessages(Device& device, const Problem& p, const std::vector<double>& reward)
      : device_(device), p_(p) {
    for (std::int64_t i = 0; i < p.n_transitions(); ++i) {
      one_.push_back(static_cast<std::int32_t>(i));
      from_.push_back(p.pair_state[p.incoming_pair[i]]);
      reward_.push_back(reward[p.incoming_pair[i]] + std::log(p.incoming_probability[i]));
    }
    one_.push_back(static_cast<std::int32_t>(p.n_transitions()));
    certain_.assign(p.n_transitions(), 1.0);
  }

  // alpha [steps, S], of which the first row is given.
  void fill(std::int64_t steps, std::vector<double>& alpha) const {
    const std::vector<std::int32_t>& begin = p_.incoming_begin;
    const auto begin_there = view_of(device_, begin), one = view_of(device_, one_),
               from = view_of(device_, from_);
    const auto certain = view_of(device_, certain_), reward = view_of(device_, reward_);
    const SparseDynamics<double> back{p_.n_states,        p_.n_transitions(), p_.n_transitions(),
                                      begin_there.data(), one.data(),         from.data(),
                                      certain.data()};
    DeviceBuffer<double> rows = view_of(device_, alpha);
    for (std::int64_t t = 0; t + 1 < steps; ++t) {
      double* const next = rows.data() + (t + 1) * p_.n_states;
      kernels_of<double>(device_).backup(device_.stream(), back,
                                         {Backup::log_sum_exp, Expectation::causal, 1.0}, 1,
                                         reward.data(), false, next - p_.n_states, nullptr, next);
      if (t > 0) continue;
      // States that nothing leads to keep what they had, which from now on is nothing.
      rows.to_host();
      for (std::int64_t s = 0; s < p_.n_states; ++s)
        if (begin[s] == begin[s + 1]) rows.host()[p_.n_states + s] = -INFINITY;
      rows.to_device();
    }
    rows.to_host();
  }

 private:
  Device& device_;
  const Problem& p_;
  std::vector<std::int32_t> one_, from_;
  std::vector<double> reward_, certain_;
};

}  // namespace

HorizonSolution solve_horizon(Device& device, const Problem& p, const std::vector<double>& reward,
                              Backup backup, Expectation expectation) {
  check_horizon(p, reward);
  if (expectation == Expectation::log_mean_exp && p.discount < 1.0)
    fail(ErrorKind::not_available, "the log_mean_exp expectation has no discount, found %g",
         p.discount);
  const std::int64_t steps = p.horizon, states = p.n_states, pairs = p.n_pairs();
  HorizonSolution h;
  h.values.assign((steps + 1) * states, 0.0);
  h.q_values.resize(steps * pairs);
  h.policy.resize(steps * pairs);
  const auto& kernels = kernels_of<double>(device);
  const DeviceDynamics<double> m(device, p);
  const auto r = view_of(device, reward);
  DeviceBuffer<double> values = view_of(device, h.values), q_values = view_of(device, h.q_values),
                       policy = view_of(device, h.policy);
  for (std::int64_t t = steps - 1; t >= 0; --t) {
    double *const v = values.data() + t * states, *const q = q_values.data() + t * pairs;
    // (1), (2)
    kernels.backup(device.stream(), m, {backup, expectation, p.discount}, 1, r.data(), false,
                   v + states, q, v);
    // (6)
    kernels.policy(device.stream(), m, backup, 1, q, v, policy.data() + t * pairs);
  }
  values.to_host();
  q_values.to_host();
  policy.to_host();
  return h;
}

HorizonOccupancy occupancy_over_horizon(Device& device, const Problem& p,
                                        const std::vector<double>& policy,
                                        const std::vector<double>& source) {
  const std::int64_t steps = p.horizon, states = p.n_states, pairs = p.n_pairs();
  HorizonOccupancy o;
  o.states.assign(steps * states, 0.0);
  o.pairs.assign(pairs, 0.0);
  std::copy(source.begin(), source.end(), o.states.begin());
  const DeviceDynamics<double> m(device, p);
  const DeviceIncoming incoming(device, p);
  const auto pi = view_of(device, policy);
  DeviceBuffer<double> rows = view_of(device, o.states), flow(device, pairs), last(device, states);
  for (std::int64_t t = 0; t < steps; ++t) {
    double* const here = rows.data() + t * states;
    kernels_of<double>(device).forward(device.stream(), m, incoming, 1.0, 1, nullptr,
                                       pi.data() + t * pairs, here, flow.data(),
                                       t + 1 < steps ? here + states : last.data());
    flow.to_host();
    for (std::int64_t k = 0; k < pairs; ++k) o.pairs[k] += flow.host()[k];
  }
  rows.to_host();
  return o;
}

Occupancy occupancy_given_optimality(Device& device, const Problem& p,
                                     const std::vector<double>& reward) {
  const Problem lucky = with_luck_chosen(p);
  const Solution s = solve(device, lucky, reward_with_luck(p, reward),
                           {.method = default_method(lucky, Expectation::causal)});
  std::vector<double> start(p.n_states);
  for (std::int64_t i = 0; i < p.n_states; ++i) start[i] = std::log(p.initial[i]) + s.values[i];
  const double log_partition = log_sum_exp(start.data(), p.n_states);
  for (double& x : start) x = std::exp(x - log_partition);
  const Occupancy chosen = occupancy_of(device, lucky, s.policy, start);
  Occupancy o{chosen.states, std::vector<double>(p.n_pairs(), 0.0)};
  for (std::int64_t j = 0; j < p.n_transitions(); ++j)
    o.pairs[p.transition_pair[j]] += chosen.pairs[j];
  return o;
}

Messages messages(Device& device, const Problem& p, const std::vector<double>& reward,
                  Expectation expectation) {
  HorizonSolution h = solve_horizon(device, p, reward, Backup::log_sum_exp, expectation);
  const std::int64_t steps = p.horizon, states = p.n_states, pairs = p.n_pairs();
  Messages m;
  m.horizon = steps;
  m.alpha.resize(steps * states);
  m.state_marginal.resize(steps * states);
  m.pair_marginal.resize(steps * pairs);
  for (std::int64_t s = 0; s < states; ++s) m.alpha[s] = std::log(p.initial[s]);
  ForwardMessages(device, p, reward).fill(steps, m.alpha);  // (3)

  // (4): alpha beta sums to p(O_1:T) at the first step, later to what has not ended before.
  std::vector<double> joint(states);
  for (std::int64_t s = 0; s < states; ++s) joint[s] = m.alpha[s] + h.values[s];
  m.log_partition = log_sum_exp(joint.data(), states);
  if (expectation == Expectation::log_mean_exp) {
    // (5)
    for (std::int64_t i = 0; i < steps * states; ++i)
      m.state_marginal[i] = std::exp(m.alpha[i] + h.values[i] - m.log_partition);
  } else {
    m.state_marginal = occupancy_over_horizon(device, p, h.policy, p.initial).states;
  }
  // (7)
  for (std::int64_t t = 0; t < steps; ++t)
    for (std::int64_t k = 0; k < pairs; ++k)
      m.pair_marginal[t * pairs + k] =
          h.policy[t * pairs + k] * m.state_marginal[t * states + p.pair_state[k]];
  m.beta_state = std::move(h.values);
  m.beta_state_action = std::move(h.q_values);
  m.policy = std::move(h.policy);
  return m;
}

}  // namespace understudy
