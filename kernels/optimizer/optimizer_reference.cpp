#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/optimizer/optimizer.h"

namespace understudy::reference {

namespace {

using Transform = GradientTransform<double>;

// The gradient that an update sees: scaled, clipped, with the gradient of l2 |p|^2 / 2 added.
double transformed(const Transform& transform, double g, double p) {
  if (transform.scale != nullptr) g *= *transform.scale;
  if (transform.clip > 0 && !std::isnan(g)) g = std::clamp(g, -transform.clip, transform.clip);
  if (transform.l2 != 0) g += transform.l2 * p;
  return g;
}

double scheduled(const Transform& transform, double rate) {
  return transform.rate != nullptr ? rate * *transform.rate : rate;
}

void sgd(Stream&, std::int64_t n, const Transform& transform, double rate, double momentum,
         bool nesterov, const double* g, double* velocity, double* p) {
  rate = scheduled(transform, rate);
  for (std::int64_t i = 0; i < n; ++i) {
    const double gradient = transformed(transform, g[i], p[i]);
    if (velocity == nullptr) {
      p[i] -= rate * gradient;
      continue;
    }
    velocity[i] = momentum * velocity[i] + gradient;
    // Nesterov: the gradient's step is taken from where the velocity will have led
    p[i] -= rate * (nesterov ? gradient + momentum * velocity[i] : velocity[i]);
  }
}

void rmsprop(Stream&, std::int64_t n, const Transform& transform, double rate, double decay,
             double epsilon, const double* g, double* s, double* p) {
  rate = scheduled(transform, rate);
  for (std::int64_t i = 0; i < n; ++i) {
    const double gradient = transformed(transform, g[i], p[i]);
    s[i] = decay * s[i] + (1 - decay) * gradient * gradient;
    p[i] -= rate * gradient / (std::sqrt(s[i]) + epsilon);
  }
}

void adagrad(Stream&, std::int64_t n, const Transform& transform, double rate, double epsilon,
             const double* g, double* s, double* p) {
  rate = scheduled(transform, rate);
  for (std::int64_t i = 0; i < n; ++i) {
    const double gradient = transformed(transform, g[i], p[i]);
    s[i] += gradient * gradient;
    p[i] -= rate * gradient / (std::sqrt(s[i]) + epsilon);
  }
}

void adam(Stream&, std::int64_t n, const Transform& transform, double rate, double beta1,
          double beta2, double epsilon, double weight_decay, const std::int64_t* step,
          const double* g, double* m, double* v, double* p) {
  rate = scheduled(transform, rate);
  const double t = static_cast<double>(*step);
  for (std::int64_t i = 0; i < n; ++i) {
    const double gradient = transformed(transform, g[i], p[i]);
    m[i] = beta1 * m[i] + (1 - beta1) * gradient;
    v[i] = beta2 * v[i] + (1 - beta2) * gradient * gradient;
    // both averages began at 0, which these divisions make up for
    const double mean = m[i] / (1 - std::pow(beta1, t));
    const double variance = v[i] / (1 - std::pow(beta2, t));
    p[i] -= rate * (mean / (std::sqrt(variance) + epsilon) + weight_decay * p[i]);
  }
}

void exponentiated(Stream&, std::int64_t n, const Transform& transform, double rate, bool normalize,
                   const double* g, double* p) {
  rate = scheduled(transform, rate);
  double largest = normalize ? -std::numeric_limits<double>::infinity() : 0;
  if (normalize)
    for (std::int64_t i = 0; i < n; ++i)
      largest = std::max(largest, -rate * transformed(transform, g[i], p[i]));
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    p[i] *= std::exp(-rate * transformed(transform, g[i], p[i]) - largest);
    sum += p[i];
  }
  if (normalize)
    for (std::int64_t i = 0; i < n; ++i) p[i] /= sum;
}

void clip_scale(Stream&, double maximum, const double* sum_of_squares, double* scale) {
  const double norm = std::sqrt(*sum_of_squares);
  *scale = norm > maximum ? maximum / norm : 1;
}

void linear_decay(Stream&, std::int64_t steps, double last, const std::int64_t* step,
                  double* factor) {
  const double done = static_cast<double>(*step) / static_cast<double>(steps);
  *factor = 1 + (last - 1) * std::min(done, 1.0);
}

void count(Stream&, std::int64_t* step) { ++*step; }

constexpr OptimizerKernels<double> kernels = {sgd,           rmsprop,    adagrad,      adam,
                                              exponentiated, clip_scale, linear_decay, count};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
OptimizerKernels<double> reference_kernels<OptimizerKernels>() {
  return reference::kernels;
}
}  // namespace understudy
