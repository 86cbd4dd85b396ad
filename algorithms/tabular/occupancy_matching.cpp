#include "algorithms/tabular/occupancy_matching.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "algorithms/tabular/apprenticeship.h"
#include "algorithms/tabular/dense_solve.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using Vector = std::vector<double>;
using Regularizer = OccupancyRegularizer;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double total_of(const Vector& x) { return std::accumulate(x.begin(), x.end(), 0.0); }

double norm(const Vector& x) { return std::sqrt(dot(x, x)); }

double start_value(const Problem& p, const Vector& values) { return dot(p.initial, values); }

Vector uniform_policy(const Problem& p) {
  Vector policy(p.n_pairs());
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    const std::int64_t s = p.pair_state[k];
    policy[k] = 1.0 / static_cast<double>(p.pair_begin[s + 1] - p.pair_begin[s]);
  }
  return policy;
}

// psi*'s argument as features: F (rho - rho_E).
Vector feature_difference(const Problem& p, const Vector& rho, const Vector& expert) {
  Vector x = feature_expectations(p, rho);
  const Vector of_expert = feature_expectations(p, expert);
  for (std::size_t c = 0; c < x.size(); ++c) x[c] -= of_expert[c];
  return x;
}

double x_log(double x, double of) { return x > 0 ? x * std::log(of) : 0; }

double conjugate(const Problem& p, const Vector& rho, const Vector& expert,
                 const OccupancyMatchingOptions& options) {
  double total = 0;
  switch (options.regularizer) {
    case Regularizer::constant: return 0;
    case Regularizer::fem: return norm(feature_difference(p, rho, expert));
    case Regularizer::gtal: {
      const Vector x = feature_difference(p, rho, expert);
      return -*std::min_element(x.begin(), x.end());
    }
    case Regularizer::gail:
      for (std::size_t k = 0; k < rho.size(); ++k) {
        const double sum = rho[k] + expert[k];
        total += x_log(rho[k], rho[k] / sum) + x_log(expert[k], expert[k] / sum);
      }
      return total;
    case Regularizer::l2:
      for (std::size_t k = 0; k < rho.size(); ++k)
        total += (rho[k] - expert[k]) * (rho[k] - expert[k]);
      return total / (2 * options.l2);
  }
  return 0;
}

double causal_entropy(const Problem& p, const Vector& rho) {
  const Vector states = sum_over_pairs(p, rho);
  double total = 0;
  for (std::size_t k = 0; k < rho.size(); ++k)
    if (rho[k] > 0) total -= rho[k] * std::log(rho[k] / states[p.pair_state[k]]);
  return total;
}

bool endless(const Problem& p, const Vector& rho) {
  return std::abs(total_of(rho) * (1 - p.discount) - total_of(p.initial)) < 1e-9;
}

}  // namespace

std::vector<double> expert_occupancy(Device& device, const Problem& p,
                                     const std::vector<Trajectory>& demonstrations,
                                     double smoothing) {
  Vector visits = demonstrated_occupancy(p, demonstrations);
  if (smoothing > 0) {
    Vector policy(p.n_pairs(), smoothing);
    for (const auto& pairs : pairs_of(p, demonstrations))
      for (std::int32_t k : pairs) policy[k] += 1;
    const Vector counts = sum_over_pairs(p, policy);
    for (std::int64_t k = 0; k < p.n_pairs(); ++k) policy[k] /= counts[p.pair_state[k]];
    return occupancy_of(device, p, policy, p.initial).pairs;
  }
  const double shown = total_of(visits);
  const Occupancy any = occupancy_of(device, p, uniform_policy(p), p.initial);
  if (shown > 0 && endless(p, any.pairs))
    for (double& x : visits) x /= shown * (1 - p.discount);
  return visits;
}

double occupancy_objective(const Problem& p, const Vector& expert, const Vector& occupancy,
                           const OccupancyMatchingOptions& options) {
  if (options.regularizer == Regularizer::constant)
    return options.entropy_coefficient * causal_entropy(p, expert);
  return options.entropy_coefficient * causal_entropy(p, occupancy) -
         conjugate(p, occupancy, expert, options);
}

// ---- over rewards -------------------------------------------------------------------------------

OccupancyMatching::OccupancyMatching(Device& device, const Problem& problem,
                                     std::vector<double> expert,
                                     const OccupancyMatchingOptions& options)
    : device_(device), problem_(problem), options_(options), expert_(std::move(expert)) {
  if (problem.discount >= 1 || problem.horizon > 0)
    fail(ErrorKind::bad_input,
         "occupancy_matching: expected a discount below 1 and no horizon, found %g and %lld",
         problem.discount, static_cast<long long>(problem.horizon));
  if (problem.n_states <= direct_states) system_ = std::make_unique<PolicySystem>(device, problem);
  if (linear()) {
    if (problem.feature_owner == FeatureOwner::none)
      fail(ErrorKind::bad_input, "regularizer: fem and gtal need features, and there are none");
    const auto f = static_cast<std::size_t>(problem.n_features);
    expert_features_ = feature_expectations(problem, expert_);
    const bool ball = options.regularizer == Regularizer::fem;
    weights_.assign(f, ball ? 0.0 : 1.0 / static_cast<double>(f));
    look();
    barrier_ = 1 + std::abs(objective_);
    return;
  }
  const bool gail = options.regularizer == Regularizer::gail;
  for (std::int32_t k = 0; k < problem.n_pairs(); ++k)
    if (!gail || expert_[k] > 0) free_.push_back(k);
  if (free_.empty()) fail(ErrorKind::bad_input, "demonstrations: expected visits, found none");
  // D = 1/2 everywhere is gail's start.
  const Vector start(free_.size(), gail ? std::log(2.0) : 0.0);
  LbfgsOptions optimizer;
  optimizer.memory = 20;
  optimizer.iterations = 1000000;  // the caller counts
  optimizer.gradient_tolerance = options.tolerance * total_of(expert_);
  lbfgs_ = std::make_unique<Lbfgs>(
      [this](const Vector& x, Vector& gradient) { return evaluate(x, gradient); }, start,
      optimizer);
  weights_ = start;
  look();
}

Vector OccupancyMatching::reward_of(const Vector& weights) const {
  if (linear()) return linear_reward(problem_, weights);
  Vector reward(problem_.n_pairs(), 0.0);
  for (std::size_t i = 0; i < free_.size(); ++i) reward[free_[i]] = weights[i];
  return reward;
}

void OccupancyMatching::act(const Vector& reward) {
  const double lambda = options_.entropy_coefficient;
  Vector scaled = reward;
  for (double& r : scaled) r /= lambda;
  Solution s;
  if (system_ != nullptr) {
    s = solve_directly(*system_, scaled, Backup::log_sum_exp, warm_);
    system_->set_policy(s.policy);
    Vector visits = problem_.initial;
    system_->occupancy(1, visits);
    occupancy_.resize(problem_.n_pairs());
    for (std::int64_t k = 0; k < problem_.n_pairs(); ++k)
      occupancy_[k] = visits[problem_.pair_state[k]] * s.policy[k];
  } else {
    s = solve(device_, problem_, scaled, {.tolerance = 1e-12}, 1, warm_);
    occupancy_ = occupancy_of(device_, problem_, s.policy, problem_.initial, 1e-13).pairs;
  }
  warm_ = s.values;
  values_ = std::move(s.values);
  for (double& v : values_) v *= lambda;
  policy_ = std::move(s.policy);
}

double OccupancyMatching::evaluate(const Vector& x, Vector& gradient) {
  const bool gail = options_.regularizer == Regularizer::gail;
  if (gail && !(*std::min_element(x.begin(), x.end()) > 0)) return INFINITY;
  const Vector reward = reward_of(x);
  try {
    act(reward);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::not_finite) throw;
    warm_.clear();
    return INFINITY;  // a step so long that values overflow
  }
  double value = start_value(problem_, values_);
  if (linear()) {
    gradient = feature_difference(problem_, occupancy_, expert_);
    return value - dot(x, expert_features_);
  }
  gradient.resize(free_.size());
  for (std::size_t i = 0; i < free_.size(); ++i) {
    const double visits = expert_[free_[i]], r = x[i];
    gradient[i] = occupancy_[free_[i]];
    switch (options_.regularizer) {
      case Regularizer::gail:  // psi's <rho_E, r> cancels the other
        value -= visits * std::log(-std::expm1(-r));
        gradient[i] -= visits / std::expm1(r);
        break;
      case Regularizer::l2:
        value += 0.5 * options_.l2 * r * r - visits * r;
        gradient[i] += options_.l2 * r - visits;
        break;
      default:
        value -= visits * r;
        gradient[i] -= visits;
        break;
    }
  }
  return value;
}

// sum_s d(s) Cov_pi(Q_w(s, .)) / lambda, with Q_w the values of the features (maxent.h, 7 and 8).
Vector OccupancyMatching::curvature() {
  const Problem& p = problem_;
  const std::int64_t f = p.n_features, pairs = p.n_pairs();
  Vector q(pairs * f), unit(f), total(f * f, 0.0), mean(f);
  for (std::int64_t c = 0; c < f; ++c) {
    std::fill(unit.begin(), unit.end(), 0.0);
    unit[c] = 1;
    const Vector column = linear_reward(p, unit);
    for (std::int64_t k = 0; k < pairs; ++k) q[k * f + c] = column[k];
  }
  Vector v;
  if (system_ != nullptr) {
    v.assign(p.n_states * f, 0.0);
    for (std::int64_t k = 0; k < pairs; ++k)
      for (std::int64_t c = 0; c < f; ++c) v[p.pair_state[k] * f + c] += policy_[k] * q[k * f + c];
    system_->values(f, v);
  } else {
    v = evaluate_policy(device_, p, q, policy_, 1e-10, f);
  }
  for (std::int64_t j = 0; j < p.n_transitions(); ++j)
    for (std::int64_t c = 0; c < f; ++c)
      q[p.transition_pair[j] * f + c] += p.discount * p.probability[j] * v[p.next_state[j] * f + c];
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    std::fill(mean.begin(), mean.end(), 0.0);
    for (std::int64_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
      for (std::int64_t c = 0; c < f; ++c) mean[c] += policy_[k] * q[k * f + c];
    for (std::int64_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
      for (std::int64_t c = 0; c < f; ++c)
        for (std::int64_t d = 0; d < f; ++d)
          total[c * f + d] += occupancy_[k] * (q[k * f + c] - mean[c]) * (q[k * f + d] - mean[d]) /
                              options_.entropy_coefficient;
  }
  return total;
}

// A Newton step of (2) plus -barrier log(1 - |w|^2), or -barrier sum log w on sum w = 1.
void OccupancyMatching::barrier_step() {
  const bool ball = options_.regularizer == Regularizer::fem;
  const std::size_t f = weights_.size(), n = f + (ball ? 0 : 1);
  const auto barrier = [&](const Vector& w) {
    double value = 0;
    if (ball) {
      const double room = 1 - dot(w, w);
      return room > 0 ? -barrier_ * std::log(room) : INFINITY;
    }
    for (double x : w) value -= x > 0 ? barrier_ * std::log(x) : -INFINITY;
    return value;
  };
  Vector gradient;
  const double value = evaluate(weights_, gradient) + barrier(weights_);
  const Vector curved = curvature();
  Vector hessian(n * n, 0.0), step(n, 0.0);
  const double room = 1 - dot(weights_, weights_);
  for (std::size_t c = 0; c < f; ++c) {
    const double w = weights_[c];
    for (std::size_t d = 0; d < f; ++d)
      hessian[c * n + d] =
          curved[c * f + d] + (ball ? 4 * barrier_ * w * weights_[d] / (room * room) : 0.0);
    hessian[c * n + c] += ball ? 2 * barrier_ / room : barrier_ / (w * w);
    gradient[c] += ball ? 2 * barrier_ * w / room : -barrier_ / w;
    step[c] = -gradient[c];
    if (!ball) hessian[c * n + f] = hessian[f * n + c] = 1;
  }
  if (!solve_dense(hessian, step))
    fail(ErrorKind::not_finite, "occupancy_matching: a singular system of Newton's method");
  step.resize(f);
  const double slope = dot(gradient, step);  // below 0
  // Newton's step ends inside, at a lower value; rounding of the values is no reason to stop.
  const double rounding = 1e-13 * (1 + std::abs(value));
  double length = 1;
  for (int tries = 0; tries < 60; ++tries, length /= 2) {
    Vector next = weights_, unused;
    for (std::size_t c = 0; c < f; ++c) next[c] += length * step[c];
    const double wall = barrier(next);
    if (!std::isfinite(wall)) continue;
    if (evaluate(next, unused) + wall > value + 1e-4 * length * slope + rounding) continue;
    weights_ = next;
    break;
  }
  look();
  if (-slope > 0.01 * barrier_ && -slope > rounding) return;
  const double width = static_cast<double>(ball ? 2 : f);
  if (barrier_ * width <= 1e-3 * options_.tolerance * (1 + std::abs(objective_))) finished_ = true;
  barrier_ *= 0.1;
}

void OccupancyMatching::look() {
  Vector unused;
  objective_ = evaluate(weights_, unused);
  gap_ = objective_ - occupancy_objective(problem_, expert_, occupancy_, options_);
}

void OccupancyMatching::step() {
  if (finished_) return;
  if (linear()) return barrier_step();
  finished_ = !lbfgs_->step();
  weights_ = lbfgs_->point();
  look();
}

std::string OccupancyMatching::status() const {
  if (!finished_) return "iteration limit";
  if (lbfgs_ == nullptr) return "converged (barrier)";
  return name(lbfgs_->status());
}

double OccupancyMatching::distance() const {
  const double own = total_of(occupancy_), other = total_of(expert_);
  double sum = 0;
  for (std::size_t k = 0; k < expert_.size(); ++k)
    sum += std::abs(occupancy_[k] / own - expert_[k] / other);
  return 0.5 * sum;
}

}  // namespace understudy
