// Limited-memory BFGS with a strong Wolfe line search (Nocedal & Wright 2006, algorithms 7.4, 7.5,
// 3.5 and 3.6), on plain vectors of doubles.
//
// The objective is a callback that returns its value and writes its gradient. Where it has no value
// (a divergent partition function, an overflow) it returns infinity or NaN, and the line search
// shortens the step: an optimizer that starts inside the domain stays inside it.
//
// With `l1` > 0 it minimizes f(x) + l1 |x|_1 by the orthant-wise method (Andrew & Gao 2007): the
// pseudo-gradient chooses an orthant, the step stays in it, and coordinates that would cross zero
// stop there, exactly.
//
//   Lbfgs optimizer(objective, start, {.gradient_tolerance = 1e-6});
//   while (optimizer.step()) log(optimizer.value());
//
// Thread safety: no state is shared between optimizers; one thread at a time steps one, and the
// objective runs on that thread.

#pragma once

#include <functional>
#include <vector>

namespace understudy {

struct LbfgsOptions {
  int memory = 10;                   // pairs (s, y) kept; 3 to 20 (Nocedal & Wright, section 7.2)
  int iterations = 500;              // steps at most
  double gradient_tolerance = 1e-6;  // stop when the largest |gradient| is at or below
  double value_tolerance = 0.0;  // stop when a step improves by less than this, relatively; 0: off
  double sufficient_decrease = 1e-4;  // c1 of the Wolfe conditions
  double curvature = 0.9;             // c2
  int line_search_evaluations = 30;   // evaluations at most in one line search
  double first_step =
      1.0;          // longest first step |x1 - x0|, in x's unit; later ones scale themselves
  double l1 = 0.0;  // weight of |x|_1
};

enum class LbfgsStatus {
  running,
  converged_gradient,
  converged_value,
  iteration_limit,
  line_search_failed,  // no decrease along the direction: at the limit of the arithmetic
};

// "converged (gradient)" and the like.
const char* name(LbfgsStatus status);

// Returns f(x) and writes its gradient, which has x's size.
using LbfgsObjective =
    std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>;

class Lbfgs {
 public:
  // Evaluates the objective at `start`; an `Error` if it is not finite there, or an option is bad.
  Lbfgs(LbfgsObjective objective, std::vector<double> start, LbfgsOptions options = {});

  // One iteration. False once there is nothing left to do; `status` then says why.
  bool step();

  const std::vector<double>& point() const { return point_; }
  // Of f alone, without the l1 term.
  const std::vector<double>& gradient() const { return gradient_; }
  // f + l1 |x|_1.
  double value() const { return value_; }
  // The largest |pseudo-gradient|: what `gradient_tolerance` is held against.
  double gradient_norm() const;
  int iterations() const { return iterations_; }
  int evaluations() const { return evaluations_; }
  LbfgsStatus status() const { return status_; }

 private:
  double evaluate(const std::vector<double>& x, std::vector<double>& gradient);
  std::vector<double> pseudo_gradient() const;
  std::vector<double> direction(const std::vector<double>& steepest) const;
  bool wolfe_search(const std::vector<double>& direction, double slope, double step);
  bool orthant_search(const std::vector<double>& direction, const std::vector<double>& steepest,
                      double step);
  void remember(const std::vector<double>& x, const std::vector<double>& gradient);

  LbfgsObjective objective_;
  LbfgsOptions options_;
  std::vector<double> point_, gradient_, trial_, trial_gradient_;
  double value_ = 0.0, trial_value_ = 0.0;
  // Differences of points and gradients, the oldest first, and 1 / (s . y).
  std::vector<std::vector<double>> s_, y_;
  std::vector<double> rho_;
  int iterations_ = 0, evaluations_ = 0;
  LbfgsStatus status_ = LbfgsStatus::running;
};

struct LbfgsResult {
  std::vector<double> point, gradient;
  double value = 0.0;
  int iterations = 0, evaluations = 0;
  LbfgsStatus status = LbfgsStatus::running;
};

// Steps until there is nothing left to do.
LbfgsResult minimize(LbfgsObjective objective, std::vector<double> start,
                     const LbfgsOptions& options = {});

}  // namespace understudy
