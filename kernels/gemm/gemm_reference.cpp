// The matrix product in plain loops and double precision: what every other implementation is held
// to.

#include <cmath>

#include "kernels/gemm/gemm.h"

namespace understudy::reference {

namespace {

double activate(Activation activation, double x) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::relu: return x < 0 ? 0 : x;
  }
  return x;
}

// The derivative of an activation, from its output y: f' = 1 - f^2 for tanh, f (1 - f) for sigmoid.
double derivative(Activation activation, double y) {
  switch (activation) {
    case Activation::none: return 1;
    case Activation::tanh: return 1 - y * y;
    case Activation::sigmoid: return y * (1 - y);
    case Activation::relu: return y > 0 ? 1 : 0;
  }
  return 1;
}

void gemm(Stream&, const Gemm<double>& p) {
  for (std::int64_t item = 0; item < p.batch; ++item) {
    const double* a = p.a + item * p.stride_a;
    const double* b = p.b + item * p.stride_b;
    double* c = p.c + item * p.stride_c;
    for (std::int64_t i = 0; i < p.m; ++i)
      for (std::int64_t j = 0; j < p.n; ++j) {
        double sum = p.accumulate ? c[i * p.ldc + j] : 0;
        for (std::int64_t k = 0; k < p.k; ++k) {
          const double left = p.transpose_a ? a[k * p.lda + i] : a[i * p.lda + k];
          const double right = p.transpose_b ? b[j * p.ldb + k] : b[k * p.ldb + j];
          sum += left * right;
        }
        if (p.bias != nullptr) sum += p.bias[j];
        double value = activate(p.activation, sum);
        // G before C: they may be the same place
        if (p.gradient_of != nullptr)
          value *=
              derivative(p.gradient_activation, p.gradient_of[item * p.stride_g + i * p.ldg + j]);
        c[i * p.ldc + j] = value;
      }
  }
}

constexpr GemmKernels<double> kernels = {gemm};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
GemmKernels<double> reference_kernels<GemmKernels>() {
  return reference::kernels;
}
}  // namespace understudy
