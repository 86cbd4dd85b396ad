// Layer normalization (Ba, Kiros & Hinton 2016, equations 3-4) over the rows of x[rows, n]:
//
//   m = mean_j x,  s = 1 / sqrt(mean_j (x - m)^2 + epsilon),  z = (x - m) s,  y = z * gain + bias
//
// forward also writes z and s, which the gradient needs. Gradient with respect to x, from z, s and
// the cotangent h of z (h = g * gain):
//
//   dx = s (h - mean_j h - z mean_j (h z))
//
// z may be null in `forward`; y may alias x. n >= 1.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

template <class T>
struct NormalizationKernels {
  // gain and bias [n], y [rows, n], z [rows, n] or null, s [rows] or null.
  void (*layer_norm)(Stream&, std::int64_t rows, std::int64_t n, T epsilon, const T* x,
                     const T* gain, const T* bias, T* y, T* z, T* s);
  // dx may alias h.
  void (*normalize_gradient)(Stream&, std::int64_t rows, std::int64_t n, const T* z, const T* s,
                             const T* h, T* dx);
};

}  // namespace understudy
