#include "autograd/optimize/lbfgs.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/device/error.h"

namespace understudy {

namespace {

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double largest(const std::vector<double>& a) {
  double m = 0.0;
  for (double x : a) m = std::max(m, std::abs(x));
  return m;
}

double sign(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0; }

bool all_finite(const std::vector<double>& a) {
  return std::all_of(a.begin(), a.end(), [](double x) { return std::isfinite(x); });
}

// The minimum of the cubic through two values and slopes (Nocedal & Wright, equation 3.59), kept
// away from the interval's ends so that it always shrinks; the middle where the cubic has none.
double interpolate(double a, double fa, double ga, double b, double fb, double gb) {
  const double middle = 0.5 * (a + b);
  if (!std::isfinite(fb) || !std::isfinite(gb)) return middle;
  const double d1 = ga + gb - 3.0 * (fa - fb) / (a - b);
  const double square = d1 * d1 - ga * gb;
  if (!(square >= 0.0)) return middle;
  const double d2 = (b > a ? 1.0 : -1.0) * std::sqrt(square);
  const double t = b - (b - a) * (gb + d2 - d1) / (gb - ga + 2.0 * d2);
  const double low = std::min(a, b), width = std::abs(b - a);
  if (!(t > low + 0.1 * width && t < low + 0.9 * width)) return middle;
  return t;
}

}  // namespace

const char* name(LbfgsStatus status) {
  switch (status) {
    case LbfgsStatus::running: return "running";
    case LbfgsStatus::converged_gradient: return "converged (gradient)";
    case LbfgsStatus::converged_value: return "converged (value)";
    case LbfgsStatus::iteration_limit: return "iteration limit";
    case LbfgsStatus::line_search_failed: return "line search failed";
  }
  return "unknown";
}

Lbfgs::Lbfgs(LbfgsObjective objective, std::vector<double> start, LbfgsOptions options)
    : objective_(std::move(objective)),
      options_(options),
      point_(std::move(start)),
      gradient_(point_.size()),
      trial_(point_.size()),
      trial_gradient_(point_.size()) {
  if (options_.memory < 1)
    fail(ErrorKind::bad_input, "lbfgs: expected memory of at least 1, found %d", options_.memory);
  if (!(options_.l1 >= 0.0))
    fail(ErrorKind::bad_input, "lbfgs: expected l1 of at least 0, found %g", options_.l1);
  if (!(options_.sufficient_decrease > 0.0 && options_.sufficient_decrease < options_.curvature &&
        options_.curvature < 1.0))
    fail(ErrorKind::bad_input,
         "lbfgs: expected 0 < sufficient_decrease < curvature < 1, found %g, %g",
         options_.sufficient_decrease, options_.curvature);
  value_ = evaluate(point_, gradient_);
  if (!std::isfinite(value_) || !all_finite(gradient_))
    fail(ErrorKind::not_finite, "lbfgs: the objective is %g at the starting point", value_);
}

double Lbfgs::evaluate(const std::vector<double>& x, std::vector<double>& gradient) {
  ++evaluations_;
  double value = objective_(x, gradient);
  if (options_.l1 > 0.0)
    for (double xi : x) value += options_.l1 * std::abs(xi);
  return value;
}

// The subgradient of f + l1 |x| of least norm: steepest descent is its negative.
std::vector<double> Lbfgs::pseudo_gradient() const {
  std::vector<double> g = gradient_;
  if (options_.l1 == 0.0) return g;
  for (std::size_t i = 0; i < g.size(); ++i) {
    if (point_[i] != 0.0) {
      g[i] += options_.l1 * sign(point_[i]);
    } else {
      g[i] = sign(g[i]) * std::max(0.0, std::abs(g[i]) - options_.l1);
    }
  }
  return g;
}

double Lbfgs::gradient_norm() const { return largest(pseudo_gradient()); }

// The two-loop recursion: -H g, H starting from the identity scaled by s.y / y.y.
std::vector<double> Lbfgs::direction(const std::vector<double>& steepest) const {
  std::vector<double> q = steepest, alpha(s_.size());
  for (std::size_t i = s_.size(); i-- > 0;) {
    alpha[i] = rho_[i] * dot(s_[i], q);
    for (std::size_t j = 0; j < q.size(); ++j) q[j] -= alpha[i] * y_[i][j];
  }
  const double scale = s_.empty() ? 1.0 : 1.0 / (rho_.back() * dot(y_.back(), y_.back()));
  for (double& x : q) x *= scale;
  for (std::size_t i = 0; i < s_.size(); ++i) {
    const double beta = rho_[i] * dot(y_[i], q);
    for (std::size_t j = 0; j < q.size(); ++j) q[j] += (alpha[i] - beta) * s_[i][j];
  }
  for (double& x : q) x = -x;
  return q;
}

// Keeps the pair only where the curvature is positive: H must stay positive definite. What is above
// rounding is a share of |s| |y|, which has the unit of s y, whatever that of x.
void Lbfgs::remember(const std::vector<double>& x, const std::vector<double>& gradient) {
  std::vector<double> s(x.size()), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    s[i] = point_[i] - x[i];
    y[i] = gradient_[i] - gradient[i];
  }
  const double sy = dot(s, y);
  if (!(sy > 1e-14 * std::sqrt(dot(s, s)) * std::sqrt(dot(y, y)))) return;
  if (static_cast<int>(s_.size()) == options_.memory) {
    s_.erase(s_.begin());
    y_.erase(y_.begin());
    rho_.erase(rho_.begin());
  }
  s_.push_back(std::move(s));
  y_.push_back(std::move(y));
  rho_.push_back(1.0 / sy);
}

// Leaves the accepted point in trial_, trial_gradient_ and trial_value_.
bool Lbfgs::wolfe_search(const std::vector<double>& direction, double slope, double step) {
  const double decrease = options_.sufficient_decrease, flat = -options_.curvature * slope;
  double trial_slope = 0.0;
  auto try_step = [&](double t) {
    for (std::size_t i = 0; i < point_.size(); ++i) trial_[i] = point_[i] + t * direction[i];
    trial_value_ = evaluate(trial_, trial_gradient_);
    if (!std::isfinite(trial_value_) || !all_finite(trial_gradient_)) trial_value_ = INFINITY;
    trial_slope = std::isfinite(trial_value_) ? dot(trial_gradient_, direction) : INFINITY;
  };
  double low = 0.0, low_value = value_, low_slope = slope;
  double high = 0.0, high_value = 0.0, high_slope = 0.0;
  bool bracketed = false;
  for (int k = 0; k < options_.line_search_evaluations; ++k) {
    try_step(step);
    if (trial_value_ > value_ + decrease * step * slope || trial_value_ >= low_value) {
      // Too long: a minimum lies between low and here. At the limit of the arithmetic the values no
      // longer tell, but the slopes do (Hager & Zhang 2005, the approximate Wolfe conditions).
      // Of values that cancel, such as log-likelihoods in nats, below 1 too.
      const double noise = 1e-14 * std::max(1.0, std::abs(value_));
      if (std::isfinite(trial_value_) && trial_value_ <= value_ + noise &&
          std::abs(trial_slope) <= flat)
        return true;
      high = step, high_value = trial_value_, high_slope = trial_slope;
      bracketed = true;
    } else {
      if (std::abs(trial_slope) <= flat) return true;
      const bool turn = bracketed ? trial_slope * (high - low) >= 0.0 : trial_slope >= 0.0;
      if (turn) {
        high = low, high_value = low_value, high_slope = low_slope;
        bracketed = true;
      }
      low = step, low_value = trial_value_, low_slope = trial_slope;
    }
    if (!bracketed) {
      step *= 2.0;
    } else {
      if (std::abs(high - low) <= 1e-16 * std::max(std::abs(low), std::abs(high))) break;
      step = interpolate(low, low_value, low_slope, high, high_value, high_slope);
    }
  }
  // The conditions could not be met; a point that decreases is still a step forward.
  if (low > 0.0 && low_value < value_) {
    try_step(low);
    return std::isfinite(trial_value_);
  }
  return false;
}

// Backtracking within the orthant of x (of the descent direction where x is 0).
bool Lbfgs::orthant_search(const std::vector<double>& direction,
                           const std::vector<double>& steepest, double step) {
  std::vector<double> orthant(point_.size());
  for (std::size_t i = 0; i < point_.size(); ++i)
    orthant[i] = point_[i] != 0.0 ? sign(point_[i]) : -sign(steepest[i]);
  for (int k = 0; k < options_.line_search_evaluations; ++k, step *= 0.5) {
    double expected = 0.0;
    for (std::size_t i = 0; i < point_.size(); ++i) {
      trial_[i] = point_[i] + step * direction[i];
      if (trial_[i] * orthant[i] < 0.0) trial_[i] = 0.0;
      expected += steepest[i] * (trial_[i] - point_[i]);
    }
    trial_value_ = evaluate(trial_, trial_gradient_);
    if (std::isfinite(trial_value_) && all_finite(trial_gradient_) && trial_value_ < value_ &&
        trial_value_ <= value_ + options_.sufficient_decrease * expected)
      return true;
  }
  return false;
}

bool Lbfgs::step() {
  if (status_ != LbfgsStatus::running) return false;
  std::vector<double> steepest = pseudo_gradient();
  if (largest(steepest) <= options_.gradient_tolerance) {
    status_ = LbfgsStatus::converged_gradient;
    return false;
  }
  if (iterations_ >= options_.iterations) {
    status_ = LbfgsStatus::iteration_limit;
    return false;
  }
  bool moved = false;
  // A second try from steepest descent: old curvature may be of no use here.
  for (int attempt = 0; attempt < 2 && !moved; ++attempt) {
    if (attempt == 1) {
      if (s_.empty()) break;
      s_.clear(), y_.clear(), rho_.clear();
    }
    std::vector<double> d = direction(steepest);
    if (options_.l1 > 0.0)
      for (std::size_t i = 0; i < d.size(); ++i)
        if (d[i] * steepest[i] >= 0.0) d[i] = 0.0;
    const double slope = dot(d, steepest);
    if (!(slope < 0.0)) continue;
    const double first = std::min(1.0, options_.first_step / std::sqrt(dot(d, d)));
    const double step = s_.empty() ? first : 1.0;
    moved = options_.l1 > 0.0 ? orthant_search(d, steepest, step) : wolfe_search(d, slope, step);
  }
  if (!moved) {
    status_ = LbfgsStatus::line_search_failed;
    return false;
  }
  ++iterations_;
  const double before = value_;
  point_.swap(trial_);
  gradient_.swap(trial_gradient_);
  value_ = trial_value_;
  remember(trial_, trial_gradient_);
  if (options_.value_tolerance > 0.0 &&
      before - value_ <=
          options_.value_tolerance * std::max({1.0, std::abs(before), std::abs(value_)}))
    status_ = LbfgsStatus::converged_value;
  return status_ == LbfgsStatus::running;
}

LbfgsResult minimize(LbfgsObjective objective, std::vector<double> start,
                     const LbfgsOptions& options) {
  Lbfgs optimizer(std::move(objective), std::move(start), options);
  while (optimizer.step()) {
  }
  return {optimizer.point(),      optimizer.gradient(),    optimizer.value(),
          optimizer.iterations(), optimizer.evaluations(), optimizer.status()};
}

}  // namespace understudy
