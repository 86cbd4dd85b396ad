// The weights of a linear reward, moved one step at a time to where a mean objective is greatest:
//
//   lbfgs          L-BFGS (autograd/optimize/lbfgs.h), with l1 by its orthant-wise method
//   gradient       w <- w - learning_rate g
//   exponentiated  w <- w exp(-learning_rate g), which keeps weights positive (Kivinen & Warmuth
//                  1997, section 4)
//
// with g the gradient of what is minimized: minus the mean objective, plus penalties.
//
// Thread safety: one thread at a time.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "autograd/optimize/lbfgs.h"

namespace understudy {

enum class LinearOptimizer { lbfgs, gradient, exponentiated };

struct LinearAscentOptions {
  LinearOptimizer optimizer = LinearOptimizer::lbfgs;
  double learning_rate = 0.1;  // of gradient and exponentiated
  LbfgsOptions lbfgs = {};     // its gradient_tolerance is that of all three
};

class LinearAscent {
 public:
  // Evaluates `minimized` at the start. An `Error` where it is not finite there, or where
  // exponentiated weights are not positive.
  LinearAscent(LbfgsObjective minimized, std::vector<double> start,
               const LinearAscentOptions& options);

  // One step, unless there is none left to do. An `Error` where a plain step leaves the domain.
  void step();
  bool finished() const { return status_ != LbfgsStatus::running; }
  LbfgsStatus status() const { return status_; }

  const std::vector<double>& weights() const { return weights_; }
  // Of what is minimized, without l1.
  const std::vector<double>& gradient() const { return gradient_; }
  double value() const { return value_; }  // with l1
  int iterations() const { return iterations_; }
  int evaluations() const { return lbfgs_ != nullptr ? lbfgs_->evaluations() : iterations_ + 1; }

 private:
  void plain_step();
  bool converged() const;

  LbfgsObjective minimized_;
  LinearAscentOptions options_;
  std::unique_ptr<Lbfgs> lbfgs_;
  std::vector<double> weights_, gradient_;
  double value_ = 0;
  int iterations_ = 0;
  LbfgsStatus status_ = LbfgsStatus::running;
};

// "(-1, 0.5, ...)", eight numbers at most: for errors.
std::string excerpt_of(const std::vector<double>& weights);

}  // namespace understudy
