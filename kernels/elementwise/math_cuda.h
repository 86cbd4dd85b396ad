// Elementary functions for CUDA's kernels: CUDA's own, accurate ones (never the fast intrinsics),
// and the C library's under the emulator. Include only from `.cu` files, after
// kernels/device/launch.h.
//
// Overloads for float and double, so that a kernel written for T calls the right one.

#pragma once

#include <cmath>

#include "kernels/device/launch.h"

namespace understudy::cuda {

__device__ inline float exponential(float x) { return ::expf(x); }
__device__ inline double exponential(double x) { return ::exp(x); }
__device__ inline float exponential_minus_one(float x) { return ::expm1f(x); }
__device__ inline double exponential_minus_one(double x) { return ::expm1(x); }
__device__ inline float logarithm(float x) { return ::logf(x); }
__device__ inline double logarithm(double x) { return ::log(x); }
__device__ inline float logarithm_of_one_plus(float x) { return ::log1pf(x); }
__device__ inline double logarithm_of_one_plus(double x) { return ::log1p(x); }
__device__ inline float hyperbolic_tangent(float x) { return ::tanhf(x); }
__device__ inline double hyperbolic_tangent(double x) { return ::tanh(x); }
__device__ inline float error_function(float x) { return ::erff(x); }
__device__ inline double error_function(double x) { return ::erf(x); }
__device__ inline float sine(float x) { return ::sinf(x); }
__device__ inline double sine(double x) { return ::sin(x); }
__device__ inline float cosine(float x) { return ::cosf(x); }
__device__ inline double cosine(double x) { return ::cos(x); }
__device__ inline float power(float x, float y) { return ::powf(x, y); }
__device__ inline double power(double x, double y) { return ::pow(x, y); }
__device__ inline float square_root(float x) { return ::sqrtf(x); }
__device__ inline double square_root(double x) { return ::sqrt(x); }
__device__ inline float floor_of(float x) { return ::floorf(x); }
__device__ inline double floor_of(double x) { return ::floor(x); }
__device__ inline float absolute(float x) { return ::fabsf(x); }
__device__ inline double absolute(double x) { return ::fabs(x); }

// 1 / (1 + exp(-x)), from exp(-|x|) so that nothing overflows and small results keep their digits.
template <class T>
__device__ inline T sigmoid(T x) {
  const T e = exponential(-absolute(x));
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

// log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)).
template <class T>
__device__ inline T softplus(T x) {
  return (x < T(0) ? T(0) : x) + logarithm_of_one_plus(exponential(-absolute(x)));
}

}  // namespace understudy::cuda
