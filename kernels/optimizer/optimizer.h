// Fused optimizer updates over one flat buffer of n parameters p with gradient g.
//
// Scalars that change from step to step (the step count, a clipping factor, a factor of the
// learning rate) are read from device memory, so that a recorded program need not be recorded
// again. One read of each argument and one write of each that changes; bound by memory. Aliasing:
// none.
//
//   sgd                   v = momentum v + g;  p -= rate (nesterov ? g + momentum v : v)
//   rmsprop               s = decay s + (1 - decay) g^2;  p -= rate g / (sqrt(s) + epsilon)
//   adagrad               s += g^2;  p -= rate g / (sqrt(s) + epsilon)          (Duchi et al. 2011)
//   adam, adamw           m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
//                         p -= rate (m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)
//                                    + weight_decay p)
//                         (Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2)
//   exponentiated         p = p exp(-rate g)                       (Kivinen & Warmuth 1997)
//                         and, with `normalize`, p /= sum p; then exp(-rate g) is taken relative to
//                         its largest, so that it cannot overflow
//
// Everywhere g is first multiplied by *scale when `scale` is not null (clipping by norm), then
// clipped to [-clip, clip] when clip > 0, and g += l2 p is added when l2 != 0. What is not finite
// in g stays so: clipping passes NaN on. Where `rate` is not null, *rate multiplies the rate.
//
// Accuracy: a few roundings of T an element; 1 - beta^t is computed in double.

#pragma once

#include "kernels/device/family.h"

namespace understudy {

template <class T>
struct GradientTransform {
  const T* scale = nullptr;  // one number in device memory
  T clip = 0;                // 0: no clipping by value
  T l2 = 0;
  const T* rate = nullptr;  // one number in device memory
};

template <class T>
struct OptimizerKernels {
  // velocity may be null when momentum is 0.
  void (*sgd)(Stream&, std::int64_t n, const GradientTransform<T>&, T rate, T momentum,
              bool nesterov, const T* g, T* velocity, T* p);
  void (*rmsprop)(Stream&, std::int64_t n, const GradientTransform<T>&, T rate, T decay, T epsilon,
                  const T* g, T* s, T* p);
  void (*adagrad)(Stream&, std::int64_t n, const GradientTransform<T>&, T rate, T epsilon,
                  const T* g, T* s, T* p);
  // *step is t >= 1, already counted.
  void (*adam)(Stream&, std::int64_t n, const GradientTransform<T>&, T rate, T beta1, T beta2,
               T epsilon, T weight_decay, const std::int64_t* step, const T* g, T* m, T* v, T* p);
  void (*exponentiated)(Stream&, std::int64_t n, const GradientTransform<T>&, T rate,
                        bool normalize, const T* g, T* p);
  // *scale = min(1, maximum / |g|), with |g| from *sum_of_squares; 1 where that is 0.
  void (*clip_scale)(Stream&, T maximum, const T* sum_of_squares, T* scale);
  // *factor = 1 + (last - 1) min(*step / steps, 1), steps >= 1: from 1 straight to `last`.
  void (*linear_decay)(Stream&, std::int64_t steps, double last, const std::int64_t* step,
                       T* factor);
  // *step += 1
  void (*count)(Stream&, std::int64_t* step);
};

}  // namespace understudy
