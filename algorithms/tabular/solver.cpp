#include "algorithms/tabular/solver.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/device/error.h"

namespace understudy {

namespace {

void check_solvable(const Problem& p, const std::vector<double>& reward, std::int64_t batch) {
  if (batch < 1)
    fail(ErrorKind::bad_input, "batch: expected at least 1, found %lld",
         static_cast<long long>(batch));
  if (static_cast<std::int64_t>(reward.size()) != p.n_pairs() * batch)
    fail(ErrorKind::bad_shape, "reward: expected [%lld, %lld] by pairs, found %zu numbers",
         static_cast<long long>(p.n_pairs()), static_cast<long long>(batch), reward.size());
  if (p.horizon > 0)
    fail(ErrorKind::bad_input, "horizon: this solver is for problems without one, found %lld",
         static_cast<long long>(p.horizon));
  if (p.discount == 1.0) check_reaches_end(p);
}

// Values that grow by the same amount sweep after sweep will never stop.
class DivergenceWatch {
 public:
  void see(double change) {
    if (!std::isfinite(change))
      fail(ErrorKind::not_finite, "values are no longer finite: the partition function diverges");
    steady_ = std::abs(change - before_) <= 1e-9 * change ? steady_ + 1 : 0;
    before_ = change;
    if (steady_ > 200)
      fail(ErrorKind::not_finite,
           "values diverge: they grow by %.6g a sweep (spectral radius %.6f, must be below 1)",
           change, std::exp(change));
  }

 private:
  double before_ = 0.0;
  int steady_ = 0;
};

// r_pi(s) = sum_a pi (r - log pi for soft choices).
std::vector<double> policy_reward(const Problem& p, const std::vector<double>& reward,
                                  const std::vector<double>& policy, Choice choice) {
  std::vector<double> r(p.n_states, 0.0);
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    if (policy[k] == 0.0) continue;
    r[p.pair_state[k]] +=
        policy[k] * (reward[k] - (choice == Choice::soft ? std::log(policy[k]) : 0.0));
  }
  return r;
}

}  // namespace

Solution solve(Engine& engine, const Problem& p, const std::vector<double>& reward,
               const SolveOptions& options, std::int64_t batch, const std::vector<double>& start) {
  check_solvable(p, reward, batch);
  if (options.outlook == Outlook::optimistic && p.discount < 1.0)
    fail(ErrorKind::not_available,
         "the optimistic outlook has no discount (found %g): use a horizon", p.discount);
  if (options.method != SolveMethod::value_iteration && options.outlook != Outlook::causal)
    fail(ErrorKind::not_available, "policy iteration needs the causal outlook");
  if (options.method == SolveMethod::policy_iteration) {
    if (batch != 1) fail(ErrorKind::not_available, "policy iteration takes one reward at a time");
    PolicySystem system(p);
    return solve_directly(engine, p, system, reward, options.choice, start, options.tolerance);
  }
  const auto& kernels = engine.kernels();
  const SparseDynamics<double> m = p.dynamics();
  const BackupRule<double> rule{options.choice, options.outlook, p.discount};
  Solution s;
  s.batch = batch;
  s.q_values.resize(p.n_pairs() * batch);
  s.policy.resize(p.n_pairs() * batch);
  s.values = start.empty() ? std::vector<double>(p.n_states * batch, 0.0) : start;
  std::vector<double> next(p.n_states * batch), entropic;
  const bool modified = options.method == SolveMethod::modified_policy_iteration;
  DivergenceWatch watch;
  for (;;) {
    kernels.backup(engine.stream(), m, rule, batch, reward.data(), false, s.values.data(),
                   modified ? s.q_values.data() : nullptr, next.data());
    kernels.maximum_change(engine.stream(), static_cast<std::int64_t>(next.size()), next.data(),
                           s.values.data(), &s.change);
    s.values.swap(next);
    ++s.iterations;
    if (s.change <= options.tolerance) break;
    watch.see(s.change);
    if (s.iterations >= options.iterations)
      fail(ErrorKind::not_finite,
           "values did not settle in %d sweeps: the last changed them by %.3g", s.iterations,
           s.change);
    if (!modified) continue;
    kernels.policy(engine.stream(), m, options.choice, batch, s.q_values.data(), s.values.data(),
                   s.policy.data());
    entropic = reward;
    if (options.choice == Choice::soft)
      for (std::size_t k = 0; k < entropic.size(); ++k)
        if (s.policy[k] > 0.0) entropic[k] -= std::log(s.policy[k]);
    for (int sweep = 0; sweep < options.evaluation_sweeps; ++sweep) {
      kernels.evaluate(engine.stream(), m, p.discount, batch, entropic.data(), false,
                       s.policy.data(), s.values.data(), next.data());
      s.values.swap(next);
    }
  }
  // Q and the policy of the values that were returned: one more backup, whose values they match.
  kernels.backup(engine.stream(), m, rule, batch, reward.data(), false, s.values.data(),
                 s.q_values.data(), next.data());
  s.values.swap(next);
  kernels.policy(engine.stream(), m, options.choice, batch, s.q_values.data(), s.values.data(),
                 s.policy.data());
  return s;
}

PolicySystem::PolicySystem(const Problem& p) : problem_(p) {
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
  lu_ = std::make_unique<SparseLu>(p.n_states, begin, column);
  matrix_.resize(column.size());
}

void PolicySystem::set_policy(const std::vector<double>& policy) {
  std::fill(matrix_.begin(), matrix_.end(), 0.0);
  for (std::int32_t d : diagonal_) matrix_[d] = 1.0;
  for (std::int64_t j = 0; j < problem_.n_transitions(); ++j)
    matrix_[entry_[j]] -=
        problem_.discount * problem_.probability[j] * policy[problem_.transition_pair[j]];
  if (lu_->factor(matrix_) != SparseLu::Pivots::positive)
    fail(ErrorKind::not_finite, "an undiscounted policy never ends: its values do not exist");
}

void PolicySystem::permuted(Engine& engine, std::int64_t batch, bool transposed,
                            std::vector<double>& x) const {
  std::vector<double> y(x.size());
  const auto& position = lu_->position();
  for (std::int64_t s = 0; s < problem_.n_states; ++s)
    std::copy(&x[s * batch], &x[s * batch] + batch, &y[position[s] * batch]);
  if (transposed)
    lu_->solve_transposed(engine.kernels(), engine.stream(), batch, y.data());
  else
    lu_->solve(engine.kernels(), engine.stream(), batch, y.data());
  for (std::int64_t s = 0; s < problem_.n_states; ++s)
    std::copy(&y[position[s] * batch], &y[position[s] * batch] + batch, &x[s * batch]);
}

void PolicySystem::values(Engine& engine, std::int64_t batch, std::vector<double>& right) const {
  permuted(engine, batch, false, right);
}

void PolicySystem::occupancy(Engine& engine, std::int64_t batch,
                             std::vector<double>& source) const {
  permuted(engine, batch, true, source);
}

Solution solve_directly(Engine& engine, const Problem& p, PolicySystem& system,
                        const std::vector<double>& reward, Choice choice,
                        const std::vector<double>& start, double tolerance) {
  check_solvable(p, reward, 1);
  const auto& kernels = engine.kernels();
  const SparseDynamics<double> m = p.dynamics();
  const BackupRule<double> rule{choice, Outlook::causal, p.discount};
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
    s.values = policy_reward(p, reward, s.policy, choice);
    system.values(engine, 1, s.values);
  }
  constexpr int most = 1000;
  double scale = 1.0;
  for (; s.iterations < most; ++s.iterations) {
    kernels.backup(engine.stream(), m, rule, 1, reward.data(), false, s.values.data(),
                   s.q_values.data(), next.data());
    kernels.maximum_change(engine.stream(), p.n_states, next.data(), s.values.data(), &s.change);
    before = s.policy;
    kernels.policy(engine.stream(), m, choice, 1, s.q_values.data(), next.data(), s.policy.data());
    if (!std::isfinite(s.change))
      fail(ErrorKind::not_finite, "values are no longer finite: the partition function diverges");
    for (double v : next) scale = std::max(scale, std::abs(v));
    // 64 roundings of the largest value are as close as values come.
    const bool settled = s.change <= std::max(tolerance, 64 * 2.2e-16 * scale);
    system.set_policy(s.policy);
    if (settled || (choice == Choice::hard && s.iterations > 0 && before == s.policy)) {
      // The system is factored at this policy: the last Newton step, to full precision, costs a
      // solve.
      s.values = policy_reward(p, reward, s.policy, choice);
      system.values(engine, 1, s.values);
      kernels.backup(engine.stream(), m, rule, 1, reward.data(), false, s.values.data(),
                     s.q_values.data(), next.data());
      kernels.policy(engine.stream(), m, choice, 1, s.q_values.data(), next.data(),
                     s.policy.data());
      s.values.swap(next);
      return s;
    }
    s.values = policy_reward(p, reward, s.policy, choice);
    system.values(engine, 1, s.values);
  }
  fail(ErrorKind::not_finite, "policy iteration did not settle in %d improvements", most);
}

std::vector<double> evaluate_policy(Engine& engine, const Problem& p,
                                    const std::vector<double>& reward,
                                    const std::vector<double>& policy, double tolerance,
                                    std::int64_t batch) {
  check_solvable(p, reward, batch);
  std::vector<double> v(p.n_states * batch, 0.0), next(v);
  DivergenceWatch watch;
  for (double change = INFINITY; change > tolerance;) {
    engine.kernels().evaluate(engine.stream(), p.dynamics(), p.discount, batch, reward.data(),
                              false, policy.data(), v.data(), next.data());
    engine.kernels().maximum_change(engine.stream(), static_cast<std::int64_t>(v.size()), v.data(),
                                    next.data(), &change);
    v.swap(next);
    if (change > tolerance) watch.see(change);
  }
  return v;
}

Occupancy occupancy_of(Engine& engine, const Problem& p, const std::vector<double>& policy,
                       const std::vector<double>& source, double tolerance) {
  Occupancy o;
  o.states = source;
  o.pairs.resize(p.n_pairs());
  std::vector<double> next(p.n_states);
  DivergenceWatch watch;
  for (double change = INFINITY; change > tolerance;) {
    engine.kernels().forward(engine.stream(), p.dynamics(), p.incoming(), p.discount, 1,
                             source.data(), policy.data(), o.states.data(), o.pairs.data(),
                             next.data());
    engine.kernels().maximum_change(engine.stream(), p.n_states, o.states.data(), next.data(),
                                    &change);
    o.states.swap(next);
    if (change > tolerance) watch.see(change);
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

double expected_value_difference(Engine& engine, const Problem& p,
                                 const std::vector<double>& true_reward,
                                 const std::vector<double>& policy) {
  const Solution best = solve(engine, p, true_reward, {.choice = Choice::hard});
  const std::vector<double> ours = evaluate_policy(engine, p, true_reward, policy);
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
