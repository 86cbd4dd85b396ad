// Layer normalization as its equations say it, in double.

#include <cmath>

#include "kernels/normalization/normalization.h"

namespace understudy::reference {
namespace {

using Index = std::int64_t;

void layer_norm(Stream&, Index rows, Index n, double epsilon, const double* x, const double* gain,
                const double* bias, double* y, double* z, double* s) {
  for (Index i = 0; i < rows; ++i) {
    const double* row = x + i * n;

    // m = mean_j x
    double mean = 0;
    for (Index j = 0; j < n; ++j) mean += row[j];
    mean /= double(n);

    // The variance in a second pass: mean(x^2) - m^2 would cancel where m is large.
    double variance = 0;
    for (Index j = 0; j < n; ++j) variance += (row[j] - mean) * (row[j] - mean);
    variance /= double(n);

    const double scale = 1.0 / std::sqrt(variance + epsilon);
    for (Index j = 0; j < n; ++j) {
      const double normalized = (row[j] - mean) * scale;
      if (z != nullptr) z[i * n + j] = normalized;
      y[i * n + j] = normalized * gain[j] + bias[j];
    }
    if (s != nullptr) s[i] = scale;
  }
}

// dx = s (h - mean_j h - z mean_j (h z)): s and m depend on x too, and their parts of the gradient
// are the projections of h on the constant vector and on z.
void normalize_gradient(Stream&, Index rows, Index n, const double* z, const double* s,
                        const double* h, double* dx) {
  for (Index i = 0; i < rows; ++i) {
    double mean_h = 0, mean_hz = 0;
    for (Index j = 0; j < n; ++j) {
      mean_h += h[i * n + j];
      mean_hz += h[i * n + j] * z[i * n + j];
    }
    mean_h /= double(n);
    mean_hz /= double(n);
    for (Index j = 0; j < n; ++j)
      dx[i * n + j] = s[i] * (h[i * n + j] - mean_h - z[i * n + j] * mean_hz);
  }
}

constexpr NormalizationKernels<double> kernels = {layer_norm, normalize_gradient};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
NormalizationKernels<double> reference_kernels<NormalizationKernels>() {
  return reference::kernels;
}
}  // namespace understudy
