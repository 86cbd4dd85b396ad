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
