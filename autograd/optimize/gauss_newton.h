// Products with curvature matrices that are never formed, and the solver that uses them.
//
// Thread safety: all of this records into a program, and is used as the program is: by one thread.

#pragma once

#include <functional>
#include <vector>

#include "autograd/program/program.h"

namespace understudy {

// The Gauss-Newton product
//
//   Jᵀ M J v        J  Jacobian of `outputs` in `with_respect_to`
//                   M  `metric`: turns tangents of the outputs into cotangents
//                   v  `directions`, one for each of `with_respect_to`
//
// which is the Fisher-vector product where the outputs are a distribution's parameters and M is the
// distribution's metric in them (Schulman et al. 2015, appendix C; Schraudolph 2002). A tangent
// pass and a backward pass over the recorded forward pass: no second derivative is needed.
std::vector<Tensor> gauss_newton_product(
    Program& program, const std::vector<Tensor>& outputs,
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& metric,
    const std::vector<Tensor>& with_respect_to, const std::vector<Tensor>& directions);

// The same for many directions at the same outputs, by row factors where those are cheaper.
//
// Rows do not mix, so the derivative of a row's outputs o in the parameters W_l of operation l,
// z_l = z_l(W_l, h_l-1), is a product of two factors that are both the row's own:
//
//   do / dW_l = (do / dz_l) (dz_l / dW_l)         of a layer z_l = h_l-1 W_l:   delta_l ⊗ h_l-1
//
// (Kronecker-factored curvature averages the two apart, Martens & Grosse 2015, section 2.1; norms
// of single examples' gradients are taken from them, Goodfellow 2015). With
// delta_l = do / dz_l kept, [rows, outputs a row, width of layer l],
//
//   J v   = sum over l of delta_l (h_l-1 V_l)
//   Jᵀ u  = h_l-1ᵀ (delta_lᵀ u)                    for each l
//
// and neither goes through the layers behind l: a network of two hidden layers of n units takes
// products of two n x n matrices a direction and not of four. It pays while outputs are few. For
// which layers is decided by counting operations; where nothing is worth keeping, as with many
// outputs a row or with rows that mix, each product is the one above. The result is the same but
// for rounding.
class GaussNewton {
 public:
  struct Options {
    int products = 10;  // how many will be computed
    // Reading one kept number costs a pair of products J v, Jᵀ u as much as this many
    // operations at the peak. On Zen 5 some 40 from L3, some 55 from memory.
    double read_cost = 50;
  };
  GaussNewton(Program& program, std::vector<Tensor> outputs, std::vector<Tensor> with_respect_to,
              const Options& options);
  std::vector<Tensor> product(
      const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& metric,
      const std::vector<Tensor>& directions) const;
  // Of how many operations derivatives are kept.
  int kept() const { return static_cast<int>(factors_.size()); }

 private:
  struct Factor {
    Tensor result;    // what the operation makes: a constant to the products, as all behind it is
    Tensor z;         // the same before its activation
    Tensor jacobian;  // do / dz: [rows, outputs a row, elements of z a row]
  };
  struct Choice {
    std::vector<Tensor> results;  // in the order of recording
    std::vector<int> reached;     // which of the outputs depend on them
  };
  Choice choose(const Options& options) const;
  void keep(const std::vector<Tensor>& results);
  // The kept z behind the outputs; and what is held.
  std::vector<Tensor> ends() const;
  std::vector<Tensor> held() const;

  Program& program_;
  std::vector<Tensor> outputs_, with_respect_to_;
  std::vector<Factor> factors_;
  std::vector<int> reached_;
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
