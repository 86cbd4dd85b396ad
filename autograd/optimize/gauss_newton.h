// Products with curvature matrices that are never formed, and the solver that lives on them.

#pragma once

#include <functional>
#include <vector>

#include "autograd/program/program.h"

namespace understudy {

// Jᵀ M J v: the Gauss-Newton product, of which the Fisher-vector product is the case where M is the
// metric of a distribution in its parameters (Schulman et al. 2015, appendix C; Schraudolph 2002).
// `outputs` are the distribution's parameters, `metric` turns their tangents into cotangents. A
// tangent pass and a backward pass over the recorded forward pass: no second derivative is needed.
std::vector<Tensor> gauss_newton_product(
    Program& program, const std::vector<Tensor>& outputs,
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& metric,
    const std::vector<Tensor>& with_respect_to, const std::vector<Tensor>& directions);

// The same for many directions at the same outputs. What is cheaper to keep than to go through
// again is recorded once: with delta_l, a row's derivatives of the outputs in what layer l puts out
// before its activation, and h_l-1 what goes into it,
//
//   J v = sum over l of delta_l (h_l-1 V_l)        Jᵀ u = for each l   h_l-1ᵀ (delta_lᵀ u)
//
// (autograd/program/differentiate.cpp has where this is from), so that a network of two hidden
// layers of n units and one or two outputs takes products of two n x n matrices a direction, and
// not of four. For which layers is decided by counting (Program::row_factors); where nothing is
// worth keeping, as with many outputs a row, each product is the one above. The result is the same
// but for rounding.
class GaussNewton {
 public:
  struct Options {
    int products = 10;  // how many will be computed
    // Program::row_factors'. On Zen 5 a number kept costs a pair of products some 40 operations at
    // the peak where it comes from L3 and some 55 where it comes from memory.
    double read_cost = 50;
  };
  GaussNewton(Program& program, std::vector<Tensor> outputs, std::vector<Tensor> with_respect_to,
              const Options& options);
  std::vector<Tensor> product(
      const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& metric,
      const std::vector<Tensor>& directions) const;
  // Of how many operations derivatives are kept.
  int kept() const { return static_cast<int>(kept_.factors.size()); }

 private:
  Program& program_;
  std::vector<Tensor> outputs_, with_respect_to_;
  RowFactors kept_;
};

// Conjugate gradient (Hestenes & Stiefel 1952; Nocedal & Wright 2006, algorithm 5.2) for A x = b, A
// symmetric positive definite, given as a product. Recorded: all iterations are in the program.
struct ConjugateGradientOptions {
  int iterations = 10;       // TRPO's (Schulman et al. 2015, appendix C)
  double tolerance = 1e-10;  // from |residual|² below this on, x no longer moves
};
struct ConjugateGradientResult {
  Tensor x;
  Tensor product;                 // A x, so that xᵀA x costs nothing more
  std::vector<Tensor> residuals;  // |b - A x|² before the first iteration and after each
};
ConjugateGradientResult record_conjugate_gradient(const std::function<Tensor(Tensor)>& product,
                                                  Tensor b,
                                                  const ConjugateGradientOptions& options = {});

}  // namespace understudy
