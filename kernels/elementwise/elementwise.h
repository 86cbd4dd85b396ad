// Elementwise and broadcasting arithmetic.
//
//   unary        y[i] = f(x[i])
//   binary       y[i] = f(a[i'], b[i''])            with broadcasting by strides
//   select       y[i] = c[i'] != 0 ? a[i''] : b[i''']
//   scale_shift  y[i] = alpha * x[i] + beta
//   copy         y[strided] = x[strided]            permutations, slices, broadcasts, padding
//
// Layout: outputs of unary, binary, select and scale_shift are contiguous, row-major. Aliasing: an
// output may be exactly one of the inputs when that input is contiguous and of the output's shape;
// otherwise no overlap. Sizes of zero do nothing. NaN in, NaN out, for everything but comparisons
// and `sign`.
//
// Cost: one read an input, one write an output; bound by memory outside the caches.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

// Accuracy on the CPU and on CUDA, in units in the last place, over the whole range of T:
// tanh 4, sigmoid 3, every other function listed here 2, unless math_cpu.h states better.
enum class Unary : std::int32_t {
  identity,
  negate,
  absolute,
  sign,  // -1, 0 or 1; 0 for NaN
  square,
  square_root,
  reciprocal,
  exponential,
  logarithm,
  log1p,
  expm1,
  tanh,
  sigmoid,   // 1 / (1 + exp(-x))
  softplus,  // log(1 + exp(x)), linear for large x, never overflows
  relu,      // max(x, 0)
  erf,
  sine,
  cosine,
  floor,
  is_positive,  // x > 0 ? 1 : 0, the derivative of relu
  is_finite,    // 1 for finite x, else 0
  count
};

enum class Binary : std::int32_t {
  add,
  subtract,
  multiply,
  divide,
  power,
  maximum,
  minimum,
  less,  // a < b ? 1 : 0
  less_equal,
  equal,
  // Gradients through an activation, from its output y = a and the cotangent g = b.
  tanh_gradient,      // b * (1 - a^2)
  sigmoid_gradient,   // b * a * (1 - a)
  relu_gradient,      // a > 0 ? b : 0
  softplus_gradient,  // b * (1 - exp(-a))
  count
};

// Extents of an iteration and where each operand moves along them, in elements. A stride of 0
// broadcasts. At most `maximum_rank` dimensions; the last varies fastest.
struct Strided {
  static constexpr int maximum_rank = 6;
  static constexpr int maximum_operands = 3;
  int rank = 0;
  std::int64_t extent[maximum_rank] = {};
  std::int64_t stride[maximum_operands][maximum_rank] = {};
};

template <class T>
struct ElementwiseKernels {
  void (*unary)(Stream&, Unary, std::int64_t n, const T* x, T* y);
  // Strides 0 and 1 of `shape` are a's and b's.
  void (*binary)(Stream&, Binary, const Strided& shape, const T* a, const T* b, T* y);
  // Strides 0, 1 and 2 of `shape` are c's, a's and b's.
  void (*select)(Stream&, const Strided& shape, const T* c, const T* a, const T* b, T* y);
  void (*scale_shift)(Stream&, std::int64_t n, T alpha, T beta, const T* x, T* y);
  void (*fill)(Stream&, std::int64_t n, T value, T* y);
  // y += alpha * x
  void (*axpy)(Stream&, std::int64_t n, T alpha, const T* x, T* y);
  // Strides 0 and 1 of `shape` are x's and y's. y's must not be 0 along an extent above 1.
  void (*copy)(Stream&, const Strided& shape, const T* x, T* y);
  // Same for indices.
  void (*copy_index)(Stream&, const Strided& shape, const std::int32_t* x, std::int32_t* y);
};

}  // namespace understudy
