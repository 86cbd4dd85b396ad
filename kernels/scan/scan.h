// Linear recurrences along time, over x[rows, steps] (each row a sequence):
//
//   backward_scan  y[t] = x[t] + c[t] y[t+1],   y[steps] = 0
//   forward_scan   y[t] = x[t] + c[t-1] y[t-1], y[-1] = 0      (the adjoint of backward_scan)
//
// With c = discount * (1 - terminal) the first is the discounted return; with
// c = discount * lambda * (1 - end) over temporal differences it is generalized advantage
// estimation (Schulman et al. 2016, equation 16):
//
//   delta[t] = r[t] + discount (1 - terminated[t]) v[t+1] - v[t]
//   a[t]     = delta[t] + discount lambda (1 - ended[t]) a[t+1]
//
// Layout: element (row, step) is at row * row_stride + step * step_stride, the same for all
// arguments, so that both [rows, steps] and [steps, rows] are scanned in place of a transpose.
// y may alias x. steps may be 0.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

struct ScanShape {
  std::int64_t rows = 0, steps = 0;
  std::int64_t row_stride = 0, step_stride = 1;
};

template <class T>
struct ScanKernels {
  void (*backward_scan)(Stream&, const ScanShape&, const T* x, const T* c, T* y);
  void (*forward_scan)(Stream&, const ScanShape&, const T* x, const T* c, T* y);
  // value and next_value are of the shape; next_value[t] is the value of the state reached by step
  // t (of the last observation where an episode was cut). ended = terminated or truncated.
  void (*advantages)(Stream&, const ScanShape&, T discount, T lambda, const T* reward,
                     const T* value, const T* next_value, const T* terminated, const T* ended,
                     T* advantage);
};

}  // namespace understudy
