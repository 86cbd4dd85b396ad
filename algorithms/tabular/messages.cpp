#include "algorithms/tabular/messages.h"

#include <algorithm>
#include <cmath>

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

// The forward messages are a soft backup on the transposed problem: a "state" s' chooses among the
// transitions into it, each with the reward r + log p and the state it came from as successor.
class ForwardMessages {
 public:
  ForwardMessages(const Problem& p, const std::vector<double>& reward) : p_(p) {
    for (std::int64_t i = 0; i < p.n_transitions(); ++i) {
      one_.push_back(static_cast<std::int32_t>(i));
      from_.push_back(p.pair_state[p.incoming_pair[i]]);
      reward_.push_back(reward[p.incoming_pair[i]] + std::log(p.incoming_probability[i]));
    }
    one_.push_back(static_cast<std::int32_t>(p.n_transitions()));
    certain_.assign(p.n_transitions(), 1.0);
  }
  void step(Engine& engine, const double* alpha, double* next) const {
    const SparseDynamics<double> back{
        p_.n_states, p_.n_transitions(), p_.n_transitions(), p_.incoming_begin.data(),
        one_.data(), from_.data(),       certain_.data()};
    engine.kernels().backup(engine.stream(), back, {Backup::log_sum_exp, Expectation::causal, 1.0},
                            1, reward_.data(), false, alpha, nullptr, next);
    for (std::int64_t s = 0; s < p_.n_states; ++s)
      if (p_.incoming_begin[s] == p_.incoming_begin[s + 1]) next[s] = -INFINITY;
  }

 private:
  const Problem& p_;
  std::vector<std::int32_t> one_, from_;
  std::vector<double> reward_, certain_;
};

}  // namespace

HorizonSolution solve_horizon(Engine& engine, const Problem& p, const std::vector<double>& reward,
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
  for (std::int64_t t = steps - 1; t >= 0; --t) {
    engine.kernels().backup(engine.stream(), p.dynamics(), {backup, expectation, p.discount}, 1,
                            reward.data(), false, &h.values[(t + 1) * states],
                            &h.q_values[t * pairs], &h.values[t * states]);
    engine.kernels().policy(engine.stream(), p.dynamics(), backup, 1, &h.q_values[t * pairs],
                            &h.values[t * states], &h.policy[t * pairs]);
  }
  return h;
}

HorizonOccupancy occupancy_over_horizon(Engine& engine, const Problem& p,
                                        const std::vector<double>& policy,
                                        const std::vector<double>& source) {
  const std::int64_t steps = p.horizon, states = p.n_states, pairs = p.n_pairs();
  HorizonOccupancy o;
  o.states.assign(steps * states, 0.0);
  o.pairs.assign(pairs, 0.0);
  std::copy(source.begin(), source.end(), o.states.begin());
  std::vector<double> flow(pairs), last(states);
  for (std::int64_t t = 0; t < steps; ++t) {
    double* next = t + 1 < steps ? &o.states[(t + 1) * states] : last.data();
    engine.kernels().forward(engine.stream(), p.dynamics(), p.incoming(), 1.0, 1, nullptr,
                             &policy[t * pairs], &o.states[t * states], flow.data(), next);
    for (std::int64_t k = 0; k < pairs; ++k) o.pairs[k] += flow[k];
  }
  return o;
}

Messages messages(Engine& engine, const Problem& p, const std::vector<double>& reward,
                  Expectation expectation) {
  HorizonSolution h = solve_horizon(engine, p, reward, Backup::log_sum_exp, expectation);
  const std::int64_t steps = p.horizon, states = p.n_states, pairs = p.n_pairs();
  Messages m;
  m.horizon = steps;
  m.alpha.resize(steps * states);
  m.state_marginal.resize(steps * states);
  m.pair_marginal.resize(steps * pairs);
  for (std::int64_t s = 0; s < states; ++s) m.alpha[s] = std::log(p.initial[s]);
  const ForwardMessages forward(p, reward);
  for (std::int64_t t = 0; t + 1 < steps; ++t)
    forward.step(engine, &m.alpha[t * states], &m.alpha[(t + 1) * states]);

  if (expectation == Expectation::log_mean_exp) {
    // alpha beta at the first step sums to p(O_1:T), and at later steps to what has not ended
    // before.
    std::vector<double> joint(states);
    for (std::int64_t s = 0; s < states; ++s) joint[s] = m.alpha[s] + h.values[s];
    m.log_partition = log_sum_exp(joint.data(), states);
    for (std::int64_t i = 0; i < steps * states; ++i)
      m.state_marginal[i] = std::exp(m.alpha[i] + h.values[i] - m.log_partition);
  } else {
    m.state_marginal = occupancy_over_horizon(engine, p, h.policy, p.initial).states;
  }
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
