// The activations of fused kernels on CUDA, and their derivatives. Include only from `.cu` files.

#pragma once

#include "kernels/elementwise/math_cuda.h"
#include "kernels/gemm/gemm.h"

namespace understudy::cuda {

// 1 / (1 + exp(-x)): fewer instructions than math_cuda.h's, and digits enough for what is next to
// a sum of products.
template <class T>
__device__ inline T logistic(T x) {
  return T(1) / (T(1) + exponential(-x));
}

template <class T>
__device__ inline T activate(Activation activation, T x) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::tanh: return hyperbolic_tangent(x);
    case Activation::sigmoid: return logistic(x);
    case Activation::relu: return x < T(0) ? T(0) : x;
  }
  return x;
}

// From the activation's output y:  1 - y^2,  y (1 - y),  y > 0.
template <class T>
__device__ inline T activation_derivative(Activation activation, T y) {
  switch (activation) {
    case Activation::none: return T(1);
    case Activation::tanh: return T(1) - y * y;
    case Activation::sigmoid: return y * (T(1) - y);
    case Activation::relu: return y > T(0) ? T(1) : T(0);
  }
  return T(1);
}

}  // namespace understudy::cuda
