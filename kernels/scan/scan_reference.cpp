// Linear recurrences along time, one row at a time.

#include "kernels/scan/scan.h"

namespace understudy::reference {
namespace {

using Index = std::int64_t;

// y[t] = x[t] + c[t] y[t+1]
void backward_scan(Stream&, const ScanShape& shape, const double* x, const double* c, double* y) {
  for (Index row = 0; row < shape.rows; ++row) {
    double next = 0;
    for (Index t = shape.steps - 1; t >= 0; --t) {
      const Index at = row * shape.row_stride + t * shape.step_stride;
      next = x[at] + c[at] * next;
      y[at] = next;
    }
  }
}

// y[t] = x[t] + c[t-1] y[t-1]
void forward_scan(Stream&, const ScanShape& shape, const double* x, const double* c, double* y) {
  for (Index row = 0; row < shape.rows; ++row) {
    double carried = 0;  // c[t-1] y[t-1]
    for (Index t = 0; t < shape.steps; ++t) {
      const Index at = row * shape.row_stride + t * shape.step_stride;
      const double now = x[at] + carried;
      carried = c[at] * now;
      y[at] = now;
    }
  }
}

// Generalized advantage estimation: equation 16 as a recurrence from the last step back.
void advantages(Stream&, const ScanShape& shape, double discount, double lambda,
                const double* reward, const double* value, const double* next_value,
                const double* terminated, const double* ended, double* advantage) {
  for (Index row = 0; row < shape.rows; ++row) {
    double next = 0;
    for (Index t = shape.steps - 1; t >= 0; --t) {
      const Index at = row * shape.row_stride + t * shape.step_stride;
      const double delta =
          reward[at] + discount * (1 - terminated[at]) * next_value[at] - value[at];
      next = delta + discount * lambda * (1 - ended[at]) * next;
      advantage[at] = next;
    }
  }
}

constexpr ScanKernels<double> kernels = {backward_scan, forward_scan, advantages};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
ScanKernels<double> reference_kernels<ScanKernels>() {
  return reference::kernels;
}
}  // namespace understudy
