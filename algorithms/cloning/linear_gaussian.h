// The plainest conditional density: a linear function of the state, and Gaussian noise.
//
//   (1) a = A [1, s] + e,  e ~ N(0, C)
//   (2) A by least squares: X'X A = X'Y, X = [1, s]; of centered s and a, and the constant after
//   (3) C the covariance of the residuals
//
// This is the maximum of the likelihood, in closed form. Over the previous step of a sequence it
// is the autoregression AR(1); over nothing, the Gaussian with the actions' own mean and
// covariance. What learns anything has to be better than these.
//
// Thread safety: const functions from any number of threads at once.

#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/data/transitions.h"

namespace understudy {

class LinearGaussian {
 public:
  // Sees the first `inputs` numbers of each state, in any units. REQUIRES (else an Error): more
  // rows than unknowns, and columns that vary, of which none is a combination of others.
  LinearGaussian(const Transitions& transitions, std::int64_t inputs);

  // log N(a; A [1, s], C) of each row.
  std::vector<double> log_probabilities(const Transitions& transitions) const;
  // a - A [1, s] of one row, [action_width]. REQUIRES: rows as wide as those it was made from.
  std::vector<double> residual(const Transitions& transitions, std::int64_t row) const;

 private:
  std::int64_t inputs_, action_width_;
  std::vector<double> coefficients_;  // A, [1 + inputs, action_width]
  std::vector<double> factor_;        // L, lower, L L' = C
};

}  // namespace understudy
