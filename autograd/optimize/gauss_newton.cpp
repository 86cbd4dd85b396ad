#include "autograd/optimize/gauss_newton.h"

#include "autograd/operations/operations.h"

namespace understudy {

std::vector<Tensor> gauss_newton_product(
    Program& program, const std::vector<Tensor>& outputs,
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& metric,
    const std::vector<Tensor>& with_respect_to, const std::vector<Tensor>& directions) {
  const std::vector<Tensor> tangents = program.tangents(outputs, with_respect_to, directions);
  return program.gradients(outputs, metric(tangents), with_respect_to);
}

GaussNewton::GaussNewton(Program& program, std::vector<Tensor> outputs,
                         std::vector<Tensor> with_respect_to, const Options& options)
    : program_(program),
      outputs_(std::move(outputs)),
      with_respect_to_(std::move(with_respect_to)),
      kept_(program.row_factors(outputs_, with_respect_to_, options.products, options.read_cost)) {}

std::vector<Tensor> GaussNewton::product(
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& metric,
    const std::vector<Tensor>& directions) const {
  const std::vector<Tensor> tangents =
      program_.tangents(outputs_, with_respect_to_, directions, kept_);
  return program_.gradients(outputs_, metric(tangents), with_respect_to_, kept_);
}

ConjugateGradientResult record_conjugate_gradient(const std::function<Tensor(Tensor)>& product,
                                                  Tensor b,
                                                  const ConjugateGradientOptions& options) {
  Program& program = b.program();
  const Tensor zero = program.constant(0.0), one = program.constant(1.0);
  const Tensor tolerance = program.constant(options.tolerance);
  ConjugateGradientResult result;
  Tensor x = program.full(b.shape(), 0.0), ax = x;
  Tensor r = b, p = b, rr = sum(square(b));
  result.residuals.push_back(rr);
  for (int i = 0; i < options.iterations; ++i) {
    const Tensor z = product(p);
    // Once the residual is small enough the step is 0 and stays so: a program cannot leave a loop.
    const Tensor going = less(tolerance, rr);
    const Tensor curvature = sum(p * z);
    const Tensor step = select(going, rr / select(going, curvature, one), zero);
    x = x + step * p;
    ax = ax + step * z;
    r = r - step * z;
    const Tensor rr_next = sum(square(r));
    p = r + select(going, rr_next / select(going, rr, one), zero) * p;
    rr = rr_next;
    result.residuals.push_back(rr);
  }
  result.x = x;
  result.product = ax;
  return result;
}

}  // namespace understudy
