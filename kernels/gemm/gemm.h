// Matrix products with what usually surrounds them.
//
//   C[m, n] = epilogue( sum over k of op(A)[m, k] * op(B)[k, n]  +  accumulate ? C : 0 )
//   epilogue(s)[i, j] = f(s + bias[j]) * d(G[i, j])
//
// f is an activation, d the derivative of an activation written in its output (1 - g^2 for tanh):
// the first makes a layer one pass forward, the second one pass backward. Row-major; leading
// dimensions in elements, at least the stored row's width. `batch` products with fixed strides.
// Aliasing: G may be C; otherwise C overlaps nothing. Any of m, n, k, batch may be 0; with k = 0
// the sum is 0 and the epilogue still applies.
//
// The order of summation over k depends on the shape alone, not on threads. f32 sums in f32.
// Cost: 2 m n k operations, floor at the machine's FMA peak.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

enum class Activation : std::int32_t { none, tanh, sigmoid, relu };

template <class T>
struct Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;  // [m, k], or [k, m] if transpose_a
  const T* b = nullptr;  // [k, n], or [n, k] if transpose_b
  T* c = nullptr;        // [m, n]
  std::int64_t lda = 0, ldb = 0, ldc = 0;
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;

  const T* bias = nullptr;                   // [n], shared by the batch
  Activation activation = Activation::none;  // f
  const T* gradient_of = nullptr;            // G, [m, n] with leading dimension ldg
  std::int64_t ldg = 0;
  Activation gradient_activation = Activation::none;  // d

  std::int64_t batch = 1;
  std::int64_t stride_a = 0, stride_b = 0, stride_c = 0, stride_g = 0;
};

template <class T>
struct GemmKernels {
  void (*gemm)(Stream&, const Gemm<T>&);
};

}  // namespace understudy
