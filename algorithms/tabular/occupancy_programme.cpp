// Matching as a convex programme over occupancies: (1) of occupancy_matching.h, by Newton's method
// with the flow of visits as its equations (Boyd & Vandenberghe 2004, section 10.2). Each variable
// is counted in units of sqrt(rho), in which the entropy's curvature is a projection.

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/dense_solve.h"
#include "algorithms/tabular/occupancy_matching.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using Vector = std::vector<double>;
using Regularizer = OccupancyRegularizer;

// What is minimized: psi*(rho - rho_E) - lambda H(rho), the norm as sqrt(|x|^2 + epsilon^2) and the
// maximum as epsilon log sum exp(x / epsilon).
class Programme {
 public:
  Programme(Device& device, const Problem& problem, const Vector& expert,
            const OccupancyMatchingOptions& options)
      : problem_(problem), options_(options), expert_(expert) {
    Vector policy(problem.n_pairs());
    for (std::int64_t k = 0; k < problem.n_pairs(); ++k) {
      const std::int64_t s = problem.pair_state[k];
      policy[k] = 1.0 / static_cast<double>(problem.pair_begin[s + 1] - problem.pair_begin[s]);
    }
    PolicySystem system(device, problem);  // to the last digits, where sweeps leave 1e-12
    system.set_policy(policy);
    Vector visits = problem.initial;
    system.occupancy(1, visits);
    rho_ = policy;
    for (std::int64_t k = 0; k < problem.n_pairs(); ++k) rho_[k] *= visits[problem.pair_state[k]];
    // What the uniform policy does not reach, no policy does.
    row_of_.assign(problem.n_states, -1);
    for (std::int32_t k = 0; k < problem.n_pairs(); ++k)
      if (rho_[k] > 0) {
        pairs_.push_back(k);
        std::int32_t& row = row_of_[problem.pair_state[k]];
        if (row < 0) row = rows_++;
      }
    if (linear()) {
      const std::int64_t f = problem.n_features;
      for (std::int64_t c = 0; c < f; ++c) {
        Vector unit(f, 0.0);
        unit[c] = 1;
        features_.push_back(linear_reward(problem, unit));
      }
    }
  }

  const Vector& occupancy() const { return rho_; }
  bool linear() const {
    return options_.regularizer == Regularizer::fem || options_.regularizer == Regularizer::gtal;
  }

  // Newton's steps until one is below rounding. False where they do not settle.
  bool minimize(double epsilon, int& iterations) {
    constexpr int most = 200;
    for (int i = 0; i < most; ++i) {
      ++iterations;
      double value = 0, decrement = 0;
      const Vector step = newton(epsilon, &value, &decrement);
      if (step.empty()) return false;
      double length = 1;
      for (std::size_t i = 0; i < pairs_.size(); ++i)
        if (step[i] < 0) length = std::min(length, -0.95 * rho_[pairs_[i]] / step[i]);
      const double rounding = 1e-13 * (1 + std::abs(value));
      bool moved = false;
      for (int tries = 0; tries < 50 && !moved; ++tries, length /= 2) {
        Vector next = rho_;
        for (std::size_t i = 0; i < pairs_.size(); ++i) next[pairs_[i]] += length * step[i];
        if (objective(next, epsilon) > value - 1e-4 * length * decrement + rounding) continue;
        rho_ = std::move(next);
        moved = true;
      }
      // The decrement is about the square of the relative change of occupancies, times lambda.
      if (decrement <= 1e-17 * (1 + std::abs(value))) return true;
      if (!moved) return decrement <= rounding;
    }
    return false;
  }

 private:
  Vector difference(const Vector& rho) const {
    Vector x;
    for (const Vector& feature : features_) {
      double sum = 0;
      for (std::size_t k = 0; k < rho.size(); ++k) sum += feature[k] * (rho[k] - expert_[k]);
      x.push_back(options_.regularizer == Regularizer::gtal ? -sum : sum);
    }
    return x;
  }

  double objective(const Vector& rho, double epsilon) const {
    if (!linear()) return -occupancy_objective(problem_, expert_, rho, options_);
    const Vector x = difference(rho);
    double smooth = 0;
    if (options_.regularizer == Regularizer::fem) {
      for (double xi : x) smooth += xi * xi;
      smooth = std::sqrt(smooth + epsilon * epsilon);
    } else {
      const double largest = *std::max_element(x.begin(), x.end());
      for (double xi : x) smooth += std::exp((xi - largest) / epsilon);
      smooth = largest + epsilon * std::log(smooth);
    }
    OccupancyMatchingOptions entropy_alone = options_;
    entropy_alone.regularizer = Regularizer::constant;
    return smooth - occupancy_objective(problem_, rho, rho, entropy_alone);
  }

  // Gradient and curvature of psi* by the pairs, added.
  void add_conjugate(double epsilon, Vector& gradient, Vector& hessian, std::size_t n) const {
    const std::size_t m = pairs_.size();
    if (!linear()) {
      for (std::size_t i = 0; i < m; ++i) {
        const double rho = rho_[pairs_[i]], expert = expert_[pairs_[i]];
        if (options_.regularizer == Regularizer::gail) {
          gradient[i] += std::log(rho / (rho + expert));
          hessian[i * n + i] += expert / (rho * (rho + expert));
        } else {
          gradient[i] += (rho - expert) / options_.l2;
          hessian[i * n + i] += 1 / options_.l2;
        }
      }
      return;
    }
    const Vector x = difference(rho_);
    const std::size_t f = x.size();
    const bool fem = options_.regularizer == Regularizer::fem;
    Vector w(f);  // psi*'s derivative by x
    double scale = 0;
    if (fem) {
      for (double xi : x) scale += xi * xi;
      scale = std::sqrt(scale + epsilon * epsilon);
      for (std::size_t c = 0; c < f; ++c) w[c] = x[c] / scale;
    } else {
      const double largest = *std::max_element(x.begin(), x.end());
      double sum = 0;
      for (std::size_t c = 0; c < f; ++c) sum += w[c] = std::exp((x[c] - largest) / epsilon);
      for (double& one : w) one /= sum;
    }
    // d2 psi* / dx2 = (I - w w') / scale, or (diag w - w w') / epsilon.
    const double sign = fem ? 1 : -1;
    Vector along(m, 0.0), column(m);
    for (std::size_t c = 0; c < f; ++c) {
      for (std::size_t i = 0; i < m; ++i) along[i] += w[c] * features_[c][pairs_[i]];
      const double own = fem ? 1 / scale : w[c] / epsilon;
      for (std::size_t i = 0; i < m; ++i) {
        const double left = own * features_[c][pairs_[i]];
        if (left == 0) continue;
        for (std::size_t j = 0; j < m; ++j) hessian[i * n + j] += left * features_[c][pairs_[j]];
      }
    }
    const double shared = fem ? 1 / scale : 1 / epsilon;
    for (std::size_t i = 0; i < m; ++i) {
      gradient[i] += sign * along[i];
      for (std::size_t j = 0; j < m; ++j) hessian[i * n + j] -= shared * along[i] * along[j];
    }
  }

  // The step of each of `pairs_`; nothing where the system is singular.
  Vector newton(double epsilon, double* value, double* decrement) const {
    const Problem& p = problem_;
    const std::size_t m = pairs_.size(), n = m + static_cast<std::size_t>(rows_);
    const double lambda = options_.entropy_coefficient;
    Vector gradient(m, 0.0), hessian(n * n, 0.0);
    const Vector states = sum_over_pairs(p, rho_);
    for (std::size_t i = 0; i < m; ++i) {
      const std::int32_t k = pairs_[i], s = p.pair_state[k];
      gradient[i] += lambda * std::log(rho_[k] / states[s]);
      hessian[i * n + i] += lambda / rho_[k];
      for (std::size_t j = 0; j < m; ++j)
        if (p.pair_state[pairs_[j]] == s) hessian[i * n + j] -= lambda / states[s];
    }
    add_conjugate(epsilon, gradient, hessian, n);
    // The flow: sum_a rho(s, a) - discount sum into s of p rho stays what it is.
    for (std::size_t i = 0; i < m; ++i) {
      const std::int32_t k = pairs_[i];
      const auto flow = [&](std::int32_t s, double x) {
        if (row_of_[s] < 0) return;
        const std::size_t row = m + static_cast<std::size_t>(row_of_[s]);
        hessian[i * n + row] += x / std::sqrt(states[s]);
        hessian[row * n + i] += x / std::sqrt(states[s]);
      };
      flow(p.pair_state[k], 1);
      for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
        flow(p.next_state[j], -p.discount * p.probability[j]);
    }
    Vector step(n, 0.0), unit(n, 1.0);
    for (std::size_t i = 0; i < m; ++i) {
      unit[i] = std::sqrt(rho_[pairs_[i]]);
      step[i] = -gradient[i] * unit[i];
    }
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) hessian[i * n + j] *= unit[i] * unit[j];
    if (!solve_dense(hessian, step)) return {};
    step.resize(m);
    *decrement = 0;
    for (std::size_t i = 0; i < m; ++i) {
      step[i] *= unit[i];
      *decrement -= gradient[i] * step[i];
    }
    *value = objective(rho_, epsilon);
    return step;
  }

  const Problem& problem_;
  const OccupancyMatchingOptions& options_;
  const Vector& expert_;
  std::vector<Vector> features_;     // [F][pairs]
  std::vector<std::int32_t> pairs_;  // those that are reached
  std::vector<std::int32_t> row_of_;
  std::int32_t rows_ = 0;
  Vector rho_;
};

// How far the expert's visits are from the flow of an occupancy.
double flow_residual(const Problem& p, const Vector& rho) {
  Vector flow = sum_over_pairs(p, rho);
  for (std::int64_t j = 0; j < p.n_transitions(); ++j)
    flow[p.next_state[j]] -= p.discount * p.probability[j] * rho[p.transition_pair[j]];
  double largest = 0;
  for (std::int64_t s = 0; s < p.n_states; ++s)
    if (p.pair_begin[s + 1] > p.pair_begin[s])
      largest = std::max(largest, std::abs(flow[s] - p.initial[s]));
  return largest;
}

}  // namespace

OccupancySolution solve_over_occupancies(Device& device, const Problem& p, const Vector& expert,
                                         const OccupancyMatchingOptions& options) {
  OccupancySolution found;
  if (options.regularizer == Regularizer::constant) {
    // One point is feasible, if it is.
    const double residual = flow_residual(p, expert);
    if (residual > 1e-9)
      fail(
          ErrorKind::bad_input,
          "regularizer constant: expected an occupancy, found visits off by %.2g from any policy's "
          "(smoothing above 0 takes the demonstrated policy's)",
          residual);
    found.occupancy = expert;
  } else {
    Programme programme(device, p, expert, options);
    double size = 1;
    for (double x : expert) size += x;
    bool settled = true;
    if (!programme.linear()) settled = programme.minimize(0, found.iterations);
    for (double epsilon = 0.1 * size; programme.linear() && settled && epsilon > 1e-10 * size;
         epsilon *= 0.1)
      settled = programme.minimize(epsilon, found.iterations);
    if (!settled)
      fail(ErrorKind::not_finite,
           "occupancy_matching: no solution over occupancies in %d steps of Newton's method",
           found.iterations);
    found.occupancy = programme.occupancy();
  }
  const Vector states = sum_over_pairs(p, found.occupancy);
  found.policy.assign(p.n_pairs(), 0.0);
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    const std::int64_t s = p.pair_state[k];
    found.policy[k] = states[s] > 0
                          ? found.occupancy[k] / states[s]
                          : 1.0 / static_cast<double>(p.pair_begin[s + 1] - p.pair_begin[s]);
  }
  found.objective = occupancy_objective(p, expert, found.occupancy, options);
  return found;
}

}  // namespace understudy
