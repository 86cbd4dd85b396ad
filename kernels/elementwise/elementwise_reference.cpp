// Elementwise arithmetic in plain loops: what every other implementation is held to.

#include <cmath>

#include "kernels/elementwise/elementwise.h"

namespace understudy::reference {
namespace {

double apply(Unary f, double x) {
  switch (f) {
    case Unary::identity: return x;
    case Unary::negate: return -x;
    case Unary::absolute: return std::fabs(x);
    case Unary::sign: return x > 0 ? 1 : x < 0 ? -1 : 0;
    case Unary::square: return x * x;
    case Unary::square_root: return std::sqrt(x);
    case Unary::reciprocal: return 1 / x;
    case Unary::exponential: return std::exp(x);
    case Unary::logarithm: return std::log(x);
    case Unary::log1p: return std::log1p(x);
    case Unary::expm1: return std::expm1(x);
    case Unary::tanh: return std::tanh(x);
    case Unary::sigmoid: return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
    // log(1 + exp(x)) = x + log(1 + exp(-x)): whichever exponential cannot overflow
    case Unary::softplus: return (x > 0 ? x : 0) + std::log1p(std::exp(-std::fabs(x)));
    case Unary::relu: return x > 0 || std::isnan(x) ? x : 0;
    case Unary::erf: return std::erf(x);
    case Unary::sine: return std::sin(x);
    case Unary::cosine: return std::cos(x);
    case Unary::floor: return std::floor(x);
    case Unary::is_positive: return x > 0 ? 1 : 0;
    case Unary::is_finite: return std::isfinite(x) ? 1 : 0;
    case Unary::count: break;
  }
  return x;
}

double apply(Binary f, double a, double b) {
  switch (f) {
    case Binary::add: return a + b;
    case Binary::subtract: return a - b;
    case Binary::multiply: return a * b;
    case Binary::divide: return a / b;
    case Binary::power: return std::pow(a, b);
    case Binary::maximum: return a > b || std::isnan(a) ? a : b;
    case Binary::minimum: return a < b || std::isnan(a) ? a : b;
    case Binary::less: return a < b ? 1 : 0;
    case Binary::less_equal: return a <= b ? 1 : 0;
    case Binary::equal: return a == b ? 1 : 0;
    case Binary::tanh_gradient: return b * (1 - a * a);
    case Binary::sigmoid_gradient: return b * (a * (1 - a));
    case Binary::relu_gradient: return a > 0 ? b : 0;
    case Binary::softplus_gradient: return -b * std::expm1(-a);
    case Binary::count: break;
  }
  return a;
}

// Calls visit(offsets, index) for every element of `shape`, the last dimension fastest; offsets[o]
// is where operand o stands.
template <class Visit>
void walk(const Strided& shape, const Visit& visit) {
  std::int64_t elements = 1;
  for (int d = 0; d < shape.rank; ++d) elements *= shape.extent[d];
  for (std::int64_t index = 0; index < elements; ++index) {
    std::int64_t offset[Strided::maximum_operands] = {};
    std::int64_t rest = index;
    for (int d = shape.rank - 1; d >= 0; --d) {
      const std::int64_t at = rest % shape.extent[d];
      rest /= shape.extent[d];
      for (int o = 0; o < Strided::maximum_operands; ++o) offset[o] += at * shape.stride[o][d];
    }
    visit(offset, index);
  }
}

void unary(Stream&, Unary f, std::int64_t n, const double* x, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = apply(f, x[i]);
}

void binary(Stream&, Binary f, const Strided& shape, const double* a, const double* b, double* y) {
  walk(shape, [&](const std::int64_t* at, std::int64_t i) { y[i] = apply(f, a[at[0]], b[at[1]]); });
}

void select(Stream&, const Strided& shape, const double* c, const double* a, const double* b,
            double* y) {
  walk(shape,
       [&](const std::int64_t* at, std::int64_t i) { y[i] = c[at[0]] != 0 ? a[at[1]] : b[at[2]]; });
}

void scale_shift(Stream&, std::int64_t n, double alpha, double beta, const double* x, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = alpha * x[i] + beta;
}

void fill_with(Stream&, std::int64_t n, double value, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = value;
}

void axpy(Stream&, std::int64_t n, double alpha, const double* x, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += alpha * x[i];
}

template <class T>
void copy(Stream&, const Strided& shape, const T* x, T* y) {
  walk(shape, [&](const std::int64_t* at, std::int64_t) { y[at[1]] = x[at[0]]; });
}

constexpr ElementwiseKernels<double> kernels = {
    unary, binary, select, scale_shift, fill_with, axpy, copy<double>, copy<std::int32_t>};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
ElementwiseKernels<double> reference_kernels<ElementwiseKernels>() {
  return reference::kernels;
}
}  // namespace understudy
