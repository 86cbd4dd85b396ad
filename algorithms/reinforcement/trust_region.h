// A trust-region step: the natural gradient, as far as a divergence allows.
//
//   maximize over theta   L(theta)
//   subject to            mean_i KL(p_old(. | x_i) || p_theta(. | x_i)) <= delta
//
// (Schulman, Levine, Moritz, Jordan & Abbeel 2015, "Trust region policy optimization", equation 14
// and appendix C.) One step, with g the gradient of L and F the Fisher information:
//
//   1. x = (F + cg_damping I)^-1 g by conjugate gradient on Fisher-vector products
//      F v = mean_i Jᵀ M J v
//   2. s = sqrt(2 delta / xᵀ (F + cg_damping I) x) x: where the quadratic model of the divergence
//      is delta
//   3. theta = theta_old + f s for f = 1, r, r², ... (r: backtrack_ratio), the first for which L
//      has grown and the divergence, now measured, is within delta. None: theta stays theta_old.
//
// 1 and 2 are one program, a try of 3 is another. The same step fits policies and value functions:
// a value function is the Gaussian of standard deviation 1 around the value, its divergence half
// the mean squared change (Schulman et al. 2016, "High-dimensional continuous control using
// generalized advantage estimation", section 5).
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "algorithms/policies/distribution.h"

namespace understudy {

class OptionList;

struct TrustRegionOptions {
  double max_kl = 0.01;          // delta, in nats (Ho & Ermon 2016, section 6)
  double cg_damping = 0.1;       // ibid.
  int cg_iterations = 10;        // of conjugate gradient (Schulman et al. 2015, appendix C)
  double cg_tolerance = 1e-10;   // on the squared residual (ibid., its authors' code)
  double backtrack_ratio = 0.8;  // of the step, from try to try (SB3-contrib's TRPO)
  int max_backtracks = 15;       // 0.8^14 = 0.04 of the full step is the last
  // F is a mean over every n-th row only: the products are the most of a step's cost, and a tenth
  // of the rows serves them (ibid., appendix C). Must divide the number of rows.
  std::int64_t fisher_stride = 1;
};
void list_options(OptionList& list, TrustRegionOptions& options);

// One try of the line search.
struct TrustRegionTry {
  double fraction = 0, improvement = 0, divergence = 0;
};

struct TrustRegionMetrics {
  double objective = 0;       // L before the step
  double improvement = 0;     // of L, by the step that was taken; 0 where none was
  double predicted = 0;       // the same, g . (f s)
  double divergence = 0;      // mean KL of the step that was taken, <= delta
  double fraction = 0;        // f; 0: every try failed
  int line_search_steps = 0;  // candidates tried
  double gradient_norm = 0;   // |g|
  double step_norm = 0;       // |s|, Euclidean
  double curvature = 0;       // xᵀ (F + cg_damping I) x
  double entropy = 0;         // mean, of p_old
  // |g - (F + cg_damping I) x|² before and after each iteration.
  std::vector<double> residuals = {};
  // line_search_steps of them; the last is the one taken, if any is.
  std::vector<TrustRegionTry> tried = {};
};

class TrustRegion {
 public:
  // Records p(. | x) for every `stride`-th row of x. Called once a program for all rows, and once
  // more for those of F.
  using Model =
      std::function<std::unique_ptr<ActionDistribution>(Program& program, std::int64_t stride)>;
  // Records L, one number, with what it needs beside x.
  using Objective = std::function<Tensor(Program& program, const ActionDistribution& now)>;

  // `parameters` are theta. What the two record is read at every step.
  TrustRegion(const Parameters& parameters, const Model& model, const Objective& objective,
              const TrustRegionOptions& options);
  TrustRegion(const TrustRegion&) = delete;
  TrustRegion& operator=(const TrustRegion&) = delete;

  // Changes the parameters. Numbers that are not finite are an `Error` of the kind `not_finite`,
  // with the parameters as they were.
  TrustRegionMetrics step();

  Program& direction_program() { return direction_; }

 private:
  const Parameters& parameters_;
  TrustRegionOptions options_;
  Store store_;
  Array *old_, *full_step_;
  Program direction_, trial_;
};

}  // namespace understudy
