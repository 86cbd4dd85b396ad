// Convolution and pooling, plainly: the sums of convolution.h as loops, in double.

#include <cmath>

#include "kernels/convolution/convolution.h"

namespace understudy::reference {
namespace {

using Index = std::int64_t;

double activate(Activation f, double x) {
  switch (f) {
    case Activation::none: return x;
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::relu: return x < 0 ? 0 : x;
  }
  return x;
}

// Calls visit(i, j, k) for every product of the sums: y's element i takes x's element j times w's
// k. What lies outside the image is 0 and left out. The three kernels differ in which of the three
// they sum into.
template <class Visit>
void for_products(const Convolution& s, const Visit& visit) {
  const Index height = s.out_height(), width = s.out_width();
  for (Index b = 0; b < s.batch; ++b)
    for (Index o = 0; o < s.out_channels; ++o)
      for (Index p = 0; p < height; ++p)
        for (Index q = 0; q < width; ++q)
          for (Index c = 0; c < s.in_channels; ++c)
            for (Index u = 0; u < s.kernel_height; ++u)
              for (Index v = 0; v < s.kernel_width; ++v) {
                const Index row = p * s.stride_height + u - s.pad_height;
                const Index column = q * s.stride_width + v - s.pad_width;
                if (row < 0 || row >= s.in_height || column < 0 || column >= s.in_width) continue;
                visit(((b * s.out_channels + o) * height + p) * width + q,
                      ((b * s.in_channels + c) * s.in_height + row) * s.in_width + column,
                      ((o * s.in_channels + c) * s.kernel_height + u) * s.kernel_width + v);
              }
}

Index elements_x(const Convolution& s) {
  return s.batch * s.in_channels * s.in_height * s.in_width;
}
Index elements_y(const Convolution& s) {
  return s.batch * s.out_channels * s.out_height() * s.out_width();
}
Index elements_w(const Convolution& s) {
  return s.out_channels * s.in_channels * s.kernel_height * s.kernel_width;
}

Index workspace_elements(const Convolution&) { return 0; }

void forward(Stream&, const Convolution& s, const double* x, const double* w, const double* bias,
             Activation f, double* y, double*) {
  const Index pixels = s.out_height() * s.out_width();
  for (Index i = 0; i < elements_y(s); ++i)
    y[i] = bias != nullptr ? bias[i / pixels % s.out_channels] : 0;
  for_products(s, [&](Index i, Index j, Index k) { y[i] += x[j] * w[k]; });
  for (Index i = 0; i < elements_y(s); ++i) y[i] = activate(f, y[i]);
}

void input_gradient(Stream&, const Convolution& s, const double* dy, const double* w, double* dx,
                    double*) {
  for (Index j = 0; j < elements_x(s); ++j) dx[j] = 0;
  for_products(s, [&](Index i, Index j, Index k) { dx[j] += dy[i] * w[k]; });
}

void weight_gradient(Stream&, const Convolution& s, const double* dy, const double* x, double* dw,
                     bool accumulate, double*) {
  for (Index k = 0; !accumulate && k < elements_w(s); ++k) dw[k] = 0;
  for_products(s, [&](Index i, Index j, Index k) { dw[k] += dy[i] * x[j]; });
}

// Calls visit(plane, i, j) for every element j of every window i, in the order of the window's
// rows; i and j are positions within the plane (one channel of one image) of y and of x.
template <class Visit>
void for_windows(const Pooling& s, const Visit& visit) {
  for (Index plane = 0; plane < s.batch * s.channels; ++plane)
    for (Index p = 0; p < s.out_height(); ++p)
      for (Index q = 0; q < s.out_width(); ++q)
        for (Index u = 0; u < s.kernel_height; ++u)
          for (Index v = 0; v < s.kernel_width; ++v)
            visit(plane, p * s.out_width() + q,
                  (p * s.stride_height + u) * s.in_width + q * s.stride_width + v);
}

Index pixels_in(const Pooling& s) { return s.in_height * s.in_width; }
Index pixels_out(const Pooling& s) { return s.out_height() * s.out_width(); }

void max_pool(Stream&, const Pooling& s, const double* x, double* y, std::int32_t* index) {
  for (Index i = 0; i < s.batch * s.channels * pixels_out(s); ++i) index[i] = -1;
  for_windows(s, [&](Index plane, Index i, Index j) {
    const double value = x[plane * pixels_in(s) + j];
    double& best = y[plane * pixels_out(s) + i];
    std::int32_t& where = index[plane * pixels_out(s) + i];
    if (where >= 0 && !(value > best || (std::isnan(value) && !std::isnan(best)))) return;
    best = value;
    where = static_cast<std::int32_t>(j);
  });
}

void max_pool_gradient(Stream&, const Pooling& s, const double* dy, const std::int32_t* index,
                       double* dx) {
  const Index planes = s.batch * s.channels;
  for (Index j = 0; j < planes * pixels_in(s); ++j) dx[j] = 0;
  for (Index i = 0; i < planes * pixels_out(s); ++i)
    dx[i / pixels_out(s) * pixels_in(s) + index[i]] += dy[i];
}

void max_pool_pick(Stream&, const Pooling& s, const double* x, const std::int32_t* index,
                   double* y) {
  for (Index i = 0; i < s.batch * s.channels * pixels_out(s); ++i)
    y[i] = x[i / pixels_out(s) * pixels_in(s) + index[i]];
}

void average_pool(Stream&, const Pooling& s, const double* x, double* y) {
  const double share = 1.0 / static_cast<double>(s.kernel_height * s.kernel_width);
  for (Index i = 0; i < s.batch * s.channels * pixels_out(s); ++i) y[i] = 0;
  for_windows(s, [&](Index plane, Index i, Index j) {
    y[plane * pixels_out(s) + i] += share * x[plane * pixels_in(s) + j];
  });
}

void average_pool_gradient(Stream&, const Pooling& s, const double* dy, double* dx) {
  const double share = 1.0 / static_cast<double>(s.kernel_height * s.kernel_width);
  for (Index j = 0; j < s.batch * s.channels * pixels_in(s); ++j) dx[j] = 0;
  for_windows(s, [&](Index plane, Index i, Index j) {
    dx[plane * pixels_in(s) + j] += share * dy[plane * pixels_out(s) + i];
  });
}

constexpr ConvolutionKernels<double> kernels = {.workspace_elements = workspace_elements,
                                                .forward = forward,
                                                .input_gradient = input_gradient,
                                                .weight_gradient = weight_gradient,
                                                .max_pool = max_pool,
                                                .max_pool_gradient = max_pool_gradient,
                                                .max_pool_pick = max_pool_pick,
                                                .average_pool = average_pool,
                                                .average_pool_gradient = average_pool_gradient};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
ConvolutionKernels<double> reference_kernels<ConvolutionKernels>() {
  return reference::kernels;
}
}  // namespace understudy
