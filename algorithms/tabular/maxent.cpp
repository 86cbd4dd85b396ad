#include "algorithms/tabular/maxent.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "algorithms/tabular/device_dynamics.h"
#include "kernels/device/error.h"

namespace understudy {

MaxEntModel::MaxEntModel(Device& device, const Problem& problem,
                         const std::vector<Trajectory>& trajectories, Expectation expectation,
                         MaxEntObjective objective)
    : device_(device),
      problem_(problem),
      expectation_(expectation),
      objective_(objective),
      trajectories_(trajectories),
      episodes_(static_cast<double>(trajectories.size())),
      visits_(problem.n_pairs(), 0.0),
      first_(problem.n_states, 0.0) {
  if (trajectories.empty()) fail(ErrorKind::bad_input, "demonstrations: there are none");
  if (expectation == Expectation::log_mean_exp && problem.discount < 1.0)
    fail(ErrorKind::not_available,
         "the log_mean_exp expectation has no discount, found %g: use a horizon", problem.discount);
  if (problem.horizon == 0 && problem.discount == 1.0) check_reaches_end(problem);
  const auto pairs = pairs_of(problem, trajectories);
  std::map<std::pair<std::int32_t, std::int32_t>, double> counts;
  for (std::size_t e = 0; e < pairs.size(); ++e) {
    if (problem.horizon > 0 && static_cast<std::int64_t>(pairs[e].size()) > problem.horizon)
      fail(ErrorKind::bad_input,
           "episode %zu: expected at most %lld steps (the horizon), found %zu", e,
           static_cast<long long>(problem.horizon), pairs[e].size());
    if (trajectories[e].states.empty()) fail(ErrorKind::bad_input, "episode %zu: has no state", e);
    first_[trajectories[e].states.front()] += 1.0;
    double weight = 1.0;
    for (std::size_t t = 0; t < pairs[e].size(); ++t) {
      counts[{static_cast<std::int32_t>(t), pairs[e][t]}] += 1.0;
      visits_[pairs[e][t]] += weight;
      if (objective == MaxEntObjective::feature_matching) weight *= problem.discount;
    }
  }
  for (const auto& [key, count] : counts) by_step_.push_back({key.first, key.second, count});
  if (expectation == Expectation::log_mean_exp) {
    for (const auto& episode : transitions_of(problem, trajectories))
      for (std::int32_t j : episode) log_dynamics_ += std::log(problem.probability[j]);
    std::map<std::pair<std::int32_t, std::int32_t>, double> last;
    for (const Trajectory& t : trajectories) {
      const auto steps = static_cast<std::int32_t>(t.actions.size());
      const std::int32_t s = t.states.back();
      if (problem.pair_begin[s] < problem.pair_begin[s + 1] &&
          (problem.horizon == 0 || steps < problem.horizon))
        last[{problem.horizon == 0 ? 0 : steps, s}] += 1.0;
    }
    for (const auto& [key, count] : last) last_.push_back({key.first, key.second, count});
  }
  if (problem.horizon > 0) return;
  if (expectation == Expectation::causal) {
    system_ = std::make_unique<PolicySystem>(device, problem);
  } else if (problem.n_states <= direct_states) {
    lucky_ = with_luck_chosen(problem);
    system_ = std::make_unique<PolicySystem>(device, lucky_);
  }
}

MaxEntModel::MaxEntModel(Device& device, const Problem& problem, std::vector<double> visits,
                         double episodes)
    : device_(device),
      problem_(problem),
      expectation_(Expectation::causal),
      objective_(MaxEntObjective::likelihood),
      episodes_(episodes),
      first_(problem.n_states, 0.0) {
  if (problem.horizon > 0)
    fail(ErrorKind::not_available, "visits of pairs are no likelihood over a horizon, found %lld",
         static_cast<long long>(problem.horizon));
  if (problem.discount == 1.0) check_reaches_end(problem);
  system_ = std::make_unique<PolicySystem>(device, problem);
  set_visits(std::move(visits));
}

void MaxEntModel::set_visits(std::vector<double> visits) {
  if (static_cast<std::int64_t>(visits.size()) != problem_.n_pairs())
    fail(ErrorKind::bad_shape, "visits: expected %lld numbers by pairs, found %zu",
         static_cast<long long>(problem_.n_pairs()), visits.size());
  visits_ = std::move(visits);
  by_step_.clear();
  for (std::int32_t k = 0; k < problem_.n_pairs(); ++k)
    if (visits_[k] > 0) by_step_.push_back({0, k, visits_[k]});
}

double MaxEntModel::value(const std::vector<double>& reward, std::vector<double>* gradient) {
  if (static_cast<std::int64_t>(reward.size()) != problem_.n_pairs())
    fail(ErrorKind::bad_shape, "reward: expected %lld numbers by pairs, found %zu",
         static_cast<long long>(problem_.n_pairs()), reward.size());
  if (expectation_ == Expectation::log_mean_exp) return log_mean_exp(reward, gradient);
  return problem_.horizon > 0 ? causal_over_horizon(reward, gradient)
                              : causal_stationary(reward, gradient);
}

// Newton's steps from the last values may meet a policy that never ends although values exist:
// those from the uniform policy, which ends, rise to them. So what exists does not depend on what
// was asked before.
bool MaxEntModel::solve_from_warm(const std::vector<double>& reward, Solution& solution) {
  for (bool warm : {true, false}) {
    if (warm && warm_.empty()) continue;
    try {
      solution = solve_directly(*system_, reward, Backup::log_sum_exp,
                                warm ? warm_ : std::vector<double>{});
      warm_ = solution.values;
      return true;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_finite) throw;
    }
  }
  return false;
}

double MaxEntModel::causal_stationary(const std::vector<double>& reward,
                                      std::vector<double>* gradient) {
  const Problem& p = problem_;
  Solution s;
  if (!solve_from_warm(reward, s)) return -INFINITY;
  double value = 0.0;
  std::vector<double> v(p.n_states, 0.0);
  if (objective_ == MaxEntObjective::likelihood) {
    for (const Visit& visit : by_step_) {  // (1), and b of (2)
      const std::int32_t state = p.pair_state[visit.pair];
      value += visit.count * (s.q_values[visit.pair] - s.values[state]);
      v[state] -= visit.count;
      for (std::int32_t j = p.transition_begin[visit.pair]; j < p.transition_begin[visit.pair + 1];
           ++j)
        v[p.next_state[j]] += p.discount * p.probability[j] * visit.count;
    }
  } else {  // (3)
    for (std::int64_t k = 0; k < p.n_pairs(); ++k) value += visits_[k] * reward[k];
    for (std::int64_t i = 0; i < p.n_states; ++i) {
      value -= first_[i] * s.values[i];
      v[i] = -first_[i];
    }
  }
  if (gradient == nullptr) return value;
  // The system was left factored at this policy: v of (2), or -d of (4).
  system_->occupancy(1, v);
  adjoint_ = v;
  std::vector<double> d = first_;
  system_->occupancy(1, d);
  gradient->resize(p.n_pairs());
  expected_.resize(p.n_pairs());
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    (*gradient)[k] = visits_[k] + s.policy[k] * v[p.pair_state[k]];
    expected_[k] = s.policy[k] * d[p.pair_state[k]];
  }
  return value;
}

double MaxEntModel::causal_over_horizon(const std::vector<double>& reward,
                                        std::vector<double>* gradient) {
  const Problem& p = problem_;
  const std::int64_t steps = p.horizon, states = p.n_states, pairs = p.n_pairs();
  const HorizonSolution h =
      solve_horizon(device_, p, reward, Backup::log_sum_exp, Expectation::causal);
  const bool likelihood = objective_ == MaxEntObjective::likelihood;
  double value = 0.0;
  if (likelihood) {  // (1)
    for (const Visit& v : by_step_)
      value += v.count * (h.q_values[v.step * pairs + v.pair] -
                          h.values[v.step * states + p.pair_state[v.pair]]);
  } else {  // (3)
    for (std::int64_t k = 0; k < pairs; ++k) value += visits_[k] * reward[k];
    for (std::int64_t i = 0; i < states; ++i) value -= first_[i] * h.values[i];
  }
  if (gradient == nullptr) return value;
  *gradient = visits_;
  expected_.assign(pairs, 0.0);
  adjoint_.resize(steps * states);
  const auto forward = kernels_of<double>(device_).forward;
  const DeviceDynamics<double> m(device_, p);
  const DeviceIncoming incoming(device_, p);
  const auto policy = view_of(device_, std::as_const(h.policy));
  DeviceBuffer<double> adjoint(device_, states), occupancy(device_, states), next(device_, states),
      flow(device_, pairs), source(device_, states);
  assign(occupancy, first_);
  if (!likelihood)
    for (std::int64_t i = 0; i < states; ++i) adjoint.host()[i] = -first_[i];
  std::size_t at = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    // b of (2): what was demonstrated at this step, and from where its successors are demonstrated.
    std::fill_n(source.host(), states, 0.0);
    for (; likelihood && at < by_step_.size() && by_step_[at].step == t; ++at) {
      const Visit& v = by_step_[at];
      adjoint.host()[p.pair_state[v.pair]] -= v.count;
      for (std::int32_t j = p.transition_begin[v.pair]; j < p.transition_begin[v.pair + 1]; ++j)
        source.host()[p.next_state[j]] += p.discount * p.probability[j] * v.count;
    }
    std::copy_n(adjoint.host(), states, &adjoint_[t * states]);
    adjoint.to_device();
    source.to_device();
    forward(device_.stream(), m, incoming, p.discount, 1, source.data(), policy.data() + t * pairs,
            adjoint.data(), flow.data(), next.data());
    adjoint.swap(next);
    adjoint.to_host();
    flow.to_host();
    for (std::int64_t k = 0; k < pairs; ++k) (*gradient)[k] += flow.host()[k];  // (2), (4)
    forward(device_.stream(), m, incoming, p.discount, 1, nullptr, policy.data() + t * pairs,
            occupancy.data(), flow.data(), next.data());
    occupancy.swap(next);
    flow.to_host();
    for (std::int64_t k = 0; k < pairs; ++k) expected_[k] += flow.host()[k];
  }
  return value;
}

// Conditioned on its first state, a trajectory of log_mean_exp is a Markov chain with the policy
// beta(s, a) / beta(s) and dynamics tilted by beta(s'): pair k and successor s' together have
// probability p exp(r(k) - V(s) + V(s')), equation (6). The tilt is split around the pull through
// the transpose, scaled by the largest V so that neither half overflows.
double MaxEntModel::log_mean_exp(const std::vector<double>& reward, std::vector<double>* gradient) {
  const Problem& p = problem_;
  if (system_ != nullptr) return log_mean_exp_directly(reward, gradient);
  const std::int64_t states = p.n_states, pairs = p.n_pairs();
  std::vector<double> values, policy;
  if (p.horizon > 0) {
    HorizonSolution h =
        solve_horizon(device_, p, reward, Backup::log_sum_exp, Expectation::log_mean_exp);
    values = std::move(h.values);
    policy = std::move(h.policy);
  } else {
    try {
      Solution s = solve(device_, p, reward,
                         {.expectation = Expectation::log_mean_exp, .tolerance = 1e-13}, 1, warm_);
      values = warm_ = std::move(s.values);
      policy = std::move(s.policy);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::not_finite) throw;
      warm_.clear();
      return -INFINITY;
    }
  }
  double value = linear_part(reward);  // (5)
  for (std::int64_t i = 0; i < states; ++i)
    if (first_[i] > 0.0) value -= first_[i] * values[i];
  for (const Visit& v : last_) value += v.count * values[v.step * states + v.pair];
  if (gradient == nullptr) return value;
  expected_.assign(pairs, 0.0);
  const DeviceDynamics<double> m(device_, p);
  const DeviceIncoming incoming(device_, p);
  DeviceBuffer<double> occupancy(device_, states), next(device_, states), flow(device_, pairs),
      tilted(device_, pairs);
  assign(occupancy, first_);
  double mass = static_cast<double>(trajectories_.size());
  std::size_t at = 0;
  for (std::int64_t t = 0; p.horizon > 0 ? t < p.horizon : mass > 1e-15; ++t) {
    // Walks that were cut off here go on unseen.
    const bool cut = at < last_.size() && last_[at].step == t;
    for (; at < last_.size() && last_[at].step == t; ++at)
      occupancy.host()[last_[at].pair] -= last_[at].count;
    if (cut) occupancy.to_device();
    const double* here = p.horizon > 0 ? &values[t * states] : values.data();
    const double* ahead = p.horizon > 0 ? &values[(t + 1) * states] : values.data();
    const double* pi = p.horizon > 0 ? &policy[t * pairs] : policy.data();
    const double scale = *std::max_element(ahead, ahead + states);
    for (std::int64_t k = 0; k < pairs; ++k) {
      const std::int32_t s = p.pair_state[k];
      expected_[k] += pi[k] * occupancy.host()[s];
      tilted.host()[k] = here[s] == -INFINITY ? 0.0 : std::exp(reward[k] - here[s] + scale);
    }
    tilted.to_device();
    kernels_of<double>(device_).forward(device_.stream(), m, incoming, 1.0, 1, nullptr,
                                        tilted.data(), occupancy.data(), flow.data(), next.data());
    next.to_host();
    mass = 0.0;
    for (std::int64_t s = 0; s < states; ++s) {
      occupancy.host()[s] = next.host()[s] * std::exp(ahead[s] - scale);
      if (p.pair_begin[s + 1] > p.pair_begin[s]) mass += std::abs(occupancy.host()[s]);
    }
    occupancy.to_device();
  }
  // (6)
  gradient->resize(pairs);
  for (std::int64_t k = 0; k < pairs; ++k) (*gradient)[k] = visits_[k] - expected_[k];
  return value;
}

double MaxEntModel::linear_part(const std::vector<double>& reward) const {
  double value = log_dynamics_;
  for (std::int64_t k = 0; k < problem_.n_pairs(); ++k) value += visits_[k] * reward[k];
  return value;
}

// Of whom luck obeys, the policy is (6)'s walk, and d one system: exact however long walks are, and
// Z exists where that policy ends.
double MaxEntModel::log_mean_exp_directly(const std::vector<double>& reward,
                                          std::vector<double>* gradient) {
  const Problem& p = problem_;
  Solution s;
  if (!solve_from_warm(reward_with_luck(p, reward), s)) return -INFINITY;
  double value = linear_part(reward);
  for (std::int64_t i = 0; i < p.n_states; ++i)
    if (first_[i] > 0.0) value -= first_[i] * s.values[i];
  for (const Visit& v : last_) value += v.count * s.values[v.pair];
  if (gradient == nullptr) return value;
  std::vector<double> d = first_;
  for (const Visit& v : last_) d[v.pair] -= v.count;
  system_->occupancy(1, d);
  expected_.assign(p.n_pairs(), 0.0);
  for (std::int64_t j = 0; j < p.n_transitions(); ++j)
    expected_[p.transition_pair[j]] += s.policy[j] * d[p.pair_state[p.transition_pair[j]]];
  gradient->resize(p.n_pairs());
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) (*gradient)[k] = visits_[k] - expected_[k];
  return value;
}

// (7) is F right-hand sides of one system (or F lanes of one backward pass).
std::vector<double> MaxEntModel::information(const std::vector<double>& reward) {
  const Problem& p = problem_;
  if (expectation_ != Expectation::causal)
    fail(ErrorKind::not_available, "information: needs the causal model");
  const std::int64_t f = p.n_features, states = p.n_states, pairs = p.n_pairs();
  std::vector<double> feature(pairs * f), unit(f), total(f * f, 0.0);
  for (std::int64_t c = 0; c < f; ++c) {
    std::fill(unit.begin(), unit.end(), 0.0);
    unit[c] = 1.0;
    const std::vector<double> column = linear_reward(p, unit);
    for (std::int64_t k = 0; k < pairs; ++k) feature[k * f + c] = column[k];
  }
  std::vector<double> by_pair, q(pairs * f);
  if (!std::isfinite(value(reward, &by_pair)))
    fail(ErrorKind::not_finite, "information: the partition function diverges at this reward");
  // (8): takes sum_s v(s) Cov_pi(q) of one step.
  auto add_covariance = [&](const double* policy, const double* adjoint) {
    std::vector<double> mean(f);
    for (std::int64_t s = 0; s < states; ++s) {
      if (adjoint[s] == 0.0) continue;
      std::fill(mean.begin(), mean.end(), 0.0);
      for (std::int64_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
        for (std::int64_t c = 0; c < f; ++c) mean[c] += policy[k] * q[k * f + c];
      for (std::int64_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
        for (std::int64_t c = 0; c < f; ++c)
          for (std::int64_t d = 0; d < f; ++d)
            total[c * f + d] -=
                adjoint[s] * policy[k] * (q[k * f + c] - mean[c]) * (q[k * f + d] - mean[d]);
    }
  };
  auto look_ahead = [&](const std::vector<double>& v) {
    for (std::int64_t k = 0; k < pairs; ++k)
      for (std::int64_t c = 0; c < f; ++c) {
        double ahead = 0.0;
        for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
          ahead += p.probability[j] * v[p.next_state[j] * f + c];
        q[k * f + c] = feature[k * f + c] + p.discount * ahead;
      }
  };
  auto expect = [&](const double* policy) {
    std::vector<double> v(states * f, 0.0);
    for (std::int64_t k = 0; k < pairs; ++k)
      for (std::int64_t c = 0; c < f; ++c) v[p.pair_state[k] * f + c] += policy[k] * q[k * f + c];
    return v;
  };
  if (p.horizon == 0) {
    const Solution s = solve_directly(*system_, reward, Backup::log_sum_exp, warm_);
    q = feature;
    std::vector<double> v = expect(s.policy.data());
    system_->values(f, v);
    look_ahead(v);
    add_covariance(s.policy.data(), adjoint_.data());
    return total;
  }
  const HorizonSolution h =
      solve_horizon(device_, p, reward, Backup::log_sum_exp, Expectation::causal);
  std::vector<double> v(states * f, 0.0);
  for (std::int64_t t = p.horizon - 1; t >= 0; --t) {
    look_ahead(v);
    add_covariance(&h.policy[t * pairs], &adjoint_[t * states]);
    v = expect(&h.policy[t * pairs]);
  }
  return total;
}

LbfgsObjective maxent_objective(MaxEntModel& model, const Problem& p, double l2) {
  return [&model, &p, l2](const std::vector<double>& w, std::vector<double>& g) {
    const double scale = 1.0 / model.episodes();
    std::vector<double> by_pair;
    const double value = model.value(linear_reward(p, w), &by_pair);
    if (!std::isfinite(value)) return static_cast<double>(INFINITY);
    g = feature_expectations(p, by_pair);
    double penalty = 0.0;
    for (std::int64_t c = 0; c < p.n_features; ++c) {
      g[c] = -scale * g[c] + l2 * w[c];
      penalty += 0.5 * l2 * w[c] * w[c];
    }
    return -scale * value + penalty;
  };
}

std::vector<double> standard_errors(MaxEntModel& model, const Problem& p,
                                    const std::vector<double>& weights, double l2) {
  const std::int64_t f = p.n_features;
  std::vector<double> information = model.information(linear_reward(p, weights));
  for (std::int64_t c = 0; c < f; ++c) information[c * f + c] += l2 * model.episodes();
  const std::vector<double> covariance = inverse_of_positive_definite(f, information);
  std::vector<double> errors;
  for (std::int64_t c = 0; c < f; ++c) errors.push_back(std::sqrt(covariance[c * f + c]));
  return errors;
}

LinearFit fit_maxent(MaxEntModel& model, const Problem& p, std::vector<double> start,
                     const MaxEntFitOptions& options) {
  const std::int64_t f = p.n_features;
  if (static_cast<std::int64_t>(start.size()) != f)
    fail(ErrorKind::bad_shape, "weights: expected %lld, found %zu", static_cast<long long>(f),
         start.size());
  LinearAscent ascent(maxent_objective(model, p, options.l2), std::move(start),
                      {options.method, options.learning_rate, options.optimizer});
  while (!ascent.finished()) ascent.step();
  LinearFit fit;
  fit.weights = ascent.weights();
  fit.gradient = ascent.gradient();
  fit.iterations = ascent.iterations();
  fit.evaluations = ascent.evaluations();
  fit.status = ascent.status();
  fit.log_likelihood = model.value(linear_reward(p, fit.weights), nullptr);
  if (options.standard_errors)
    fit.standard_errors = standard_errors(model, p, fit.weights, options.l2);
  return fit;
}

SampledGradient sampled_maxent_gradient(const Problem& p, const std::vector<double>& reward,
                                        const std::vector<Trajectory>& demonstrations,
                                        const std::vector<Trajectory>& samples,
                                        const std::vector<double>& log_q) {
  if (samples.empty() || samples.size() != log_q.size())
    fail(ErrorKind::bad_shape,
         "samples: expected as many log-probabilities as samples, at least 1, found %zu and %zu",
         log_q.size(), samples.size());
  if (demonstrations.empty()) fail(ErrorKind::bad_input, "demonstrations: there are none");
  SampledGradient result;
  result.gradient.assign(p.n_pairs(), 0.0);
  for (const auto& episode : pairs_of(p, demonstrations))
    for (std::int32_t k : episode) {
      result.gradient[k] += 1.0 / static_cast<double>(demonstrations.size());
      result.objective += reward[k] / static_cast<double>(demonstrations.size());
    }
  const auto pairs = pairs_of(p, samples);
  std::vector<double> log_weight(samples.size());
  for (std::size_t j = 0; j < samples.size(); ++j) {
    log_weight[j] = -log_q[j];
    for (std::int32_t k : pairs[j]) log_weight[j] += reward[k];
  }
  const double high = *std::max_element(log_weight.begin(), log_weight.end());
  double sum = 0.0, squares = 0.0;
  for (double& w : log_weight) {
    w = std::exp(w - high);
    sum += w;
    squares += w * w;
  }
  for (std::size_t j = 0; j < samples.size(); ++j)
    for (std::int32_t k : pairs[j]) result.gradient[k] -= log_weight[j] / sum;
  result.objective -= high + std::log(sum / static_cast<double>(samples.size()));
  result.effective_samples = sum * sum / squares;
  return result;
}

}  // namespace understudy
