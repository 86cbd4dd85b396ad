// Two-dimensional convolution (cross-correlation, as in the field) and pooling, layout NCHW.
//
//   y[b, o, p, q] = bias[o] + sum over c, u, v of w[o, c, u, v] x[b, c, i, j]
//              i = p stride + u - pad,  j = q stride + v - pad
//
// and its two adjoints. The three are linear in each argument, so each one's derivatives are the
// other two:
//
//   input_gradient   dx[b, c, ...] = sum over o of dy * w     (the transposed convolution)
//   weight_gradient  dw[o, c, u, v] = sum over b, p, q of dy * x
//
// Layouts: x [batch, in_channels, in_height, in_width], w [out_channels, in_channels,
// kernel_height, kernel_width], y [batch, out_channels, out_height, out_width].
//
// Outside the image x is 0. Output extent: (in + 2 pad - kernel) / stride + 1, rounded down, at
// least 1. The order of summation depends on shapes alone, not on threads. Aliasing: none. An image
// and its frame of padding have fewer than 2^24 elements. A sum of n terms is rounded n times, in
// T. Cost: 2 b o c p q u v operations, floor at the FMA peak.

#pragma once

#include "kernels/device/family.h"
#include "kernels/gemm/gemm.h"

namespace understudy {

struct Convolution {
  std::int64_t batch = 0, in_channels = 0, in_height = 0, in_width = 0;
  std::int64_t out_channels = 0, kernel_height = 0, kernel_width = 0;
  std::int64_t stride_height = 1, stride_width = 1, pad_height = 0, pad_width = 0;

  std::int64_t out_height() const {
    return (in_height + 2 * pad_height - kernel_height) / stride_height + 1;
  }
  std::int64_t out_width() const {
    return (in_width + 2 * pad_width - kernel_width) / stride_width + 1;
  }
};

struct Pooling {
  std::int64_t batch = 0, channels = 0, in_height = 0, in_width = 0;
  std::int64_t kernel_height = 0, kernel_width = 0, stride_height = 1, stride_width = 1;

  std::int64_t out_height() const { return (in_height - kernel_height) / stride_height + 1; }
  std::int64_t out_width() const { return (in_width - kernel_width) / stride_width + 1; }
};

template <class T>
struct ConvolutionKernels {
  // `workspace` has `workspace_elements(shape)` elements, contents undefined before and after.
  std::int64_t (*workspace_elements)(const Convolution&);
  // bias [out_channels] or null; f applied last.
  void (*forward)(Stream&, const Convolution&, const T* x, const T* w, const T* bias, Activation f,
                  T* y, T* workspace);
  void (*input_gradient)(Stream&, const Convolution&, const T* dy, const T* w, T* dx, T* workspace);
  // accumulate: dw += instead of =.
  void (*weight_gradient)(Stream&, const Convolution&, const T* dy, const T* x, T* dw,
                          bool accumulate, T* workspace);

  // y[b, c, p, q] = max over the window; index is the position within the image [0, h*w), the first
  // of equals. A NaN counts as larger than any number.
  void (*max_pool)(Stream&, const Pooling&, const T* x, T* y, std::int32_t* index);
  // dx = 0, then dx[b, c, index[b, c, p, q]] += dy[b, c, p, q]
  void (*max_pool_gradient)(Stream&, const Pooling&, const T* dy, const std::int32_t* index, T* dx);
  // y[b, c, p, q] = x[b, c, index[b, c, p, q]]: the tangent of max_pool and the adjoint of its
  // gradient.
  void (*max_pool_pick)(Stream&, const Pooling&, const T* x, const std::int32_t* index, T* y);
  void (*average_pool)(Stream&, const Pooling&, const T* x, T* y);
  void (*average_pool_gradient)(Stream&, const Pooling&, const T* dy, T* dx);
};

}  // namespace understudy
