// Small linear and quadratic programmes, by a primal-dual interior-point method.
//
//   minimize  x'Qx / 2 + c'x   subject to  A x = b,  x >= 0
//
// Mehrotra's predictor-corrector (Nocedal & Wright 2006, algorithms 14.3 and 16.4). The answer
// carries its own certificate: a dual solution, and the gap between the two objectives, which
// bounds how far from the best either is. Linear programmes take A sparse and solve their normal
// equations A D A' by the sparse factorization of sparse_lu.h; quadratic ones are dense and meant
// for some hundred variables.

#pragma once

#include <cstdint>
#include <vector>

namespace understudy {

struct ConvexProgram {
  std::int64_t variables = 0, constraints = 0;
  std::vector<double> cost;                        // c
  std::vector<std::int32_t> row_begin{0}, column;  // A by rows
  std::vector<double> value, right;                // A's entries; b
  std::vector<double> quadratic;                   // Q [variables, variables], or empty

  // Adds one variable of the given cost and returns its number.
  std::int32_t add_variable(double cost);
  // Adds one constraint, sum of value x[column] = right; entries of 0 are dropped.
  void add_constraint(const std::vector<std::int32_t>& columns, const std::vector<double>& values,
                      double right);
};

struct ConvexOptions {
  double tolerance = 1e-9;  // of the relative gap and of both residuals
  int iterations = 100;
};

struct ConvexSolution {
  std::vector<double> primal, dual;  // x; y of A x = b
  double objective = 0.0;
  double gap = 0.0;              // (primal - dual objective) / (1 + |primal objective|)
  double primal_residual = 0.0;  // max |A x - b| / (1 + max |b|)
  double dual_residual = 0.0;    // max |Qx + c - A'y - s| / (1 + max |c|)
  int iterations = 0;
};

// An `Error` (not_finite) that gives the residuals where the method does not reach the tolerance:
// the programme has no solution, or none that is bounded.
ConvexSolution solve_convex(const ConvexProgram& program, const ConvexOptions& options = {});

}  // namespace understudy
