// Updates on the CPU: one pass over all arrays, a vector at a time. Every update is the same loop
// around a few lines, which are given the arrays' vectors and change them.

#include "kernels/device/split.h"
#include "kernels/elementwise/math_cpu.h"
#include "kernels/optimizer/optimizer.h"

namespace understudy::UNDERSTUDY_ISA {

namespace {

using Index = std::int64_t;

// The gradient that an update sees.
template <class T>
struct Transformed {
  Vec<T> scale, clip, l2;
  bool scales, clips, decays;

  explicit UNDERSTUDY_INLINE Transformed(const GradientTransform<T>& transform)
      : scale(broadcast<T>(transform.scale != nullptr ? *transform.scale : T(1))),
        clip(broadcast<T>(transform.clip)),
        l2(broadcast<T>(transform.l2)),
        scales(transform.scale != nullptr),
        clips(transform.clip > 0),
        decays(transform.l2 != 0) {}

  UNDERSTUDY_INLINE Vec<T> operator()(Vec<T> g, Vec<T> p) const {
    if (scales) g = g * scale;
    // NaN is on neither side of the bounds, and stays
    if (clips) g = g > clip ? clip : g < -clip ? -clip : g;
    if (decays) g = l2 * p + g;
    return g;
  }
};

template <class T>
UNDERSTUDY_INLINE T scheduled(const GradientTransform<T>& transform, T rate) {
  return transform.rate != nullptr ? rate * *transform.rate : rate;
}

// Runs update(g, a, b, p) on vectors of the arrays, of which a and b may be null, and stores what
// it has made of a, b and p.
template <class T, class Update>
UNDERSTUDY_INLINE void for_each(Stream& stream, Index n, const T* g, T* a, T* b, T* p,
                                const Update& update) {
  // four arrays, a root and a quotient; whole cache lines
  split_rows(stream, n, 4, 64 / sizeof(T), [&](Index begin, Index end, int) {
    Index i = begin;
    for (; i + lanes<T> <= end; i += lanes<T>) {
      Vec<T> va = {}, vb = {}, vp = load(p + i);
      if (a != nullptr) va = load(a + i);
      if (b != nullptr) vb = load(b + i);
      update(load(g + i), va, vb, vp);
      if (a != nullptr) store(a + i, va);
      if (b != nullptr) store(b + i, vb);
      store(p + i, vp);
    }
    const int rest = static_cast<int>(end - i);
    if (rest == 0) return;
    Vec<T> va = {}, vb = {}, vp = load_first(p + i, rest);
    if (a != nullptr) va = load_first(a + i, rest);
    if (b != nullptr) vb = load_first(b + i, rest);
    update(load_first(g + i, rest), va, vb, vp);
    if (a != nullptr) store_first<T>(a + i, va, rest);
    if (b != nullptr) store_first<T>(b + i, vb, rest);
    store_first<T>(p + i, vp, rest);
  });
}

template <class T>
void sgd(Stream& stream, Index n, const GradientTransform<T>& transform, T rate, T momentum,
         bool nesterov, const T* g, T* velocity, T* p) {
  rate = scheduled(transform, rate);
  const Transformed<T> transformed(transform);
  for_each<T>(stream, n, g, velocity, nullptr, p,
              [&](Vec<T> gradient, Vec<T>& v, Vec<T>&, Vec<T>& parameter) {
                gradient = transformed(gradient, parameter);
                v = momentum * v + gradient;
                const Vec<T> direction = nesterov ? momentum * v + gradient : v;
                parameter = parameter - rate * direction;
              });
}

template <class T>
void rmsprop(Stream& stream, Index n, const GradientTransform<T>& transform, T rate, T decay,
             T epsilon, const T* g, T* s, T* p) {
  rate = scheduled(transform, rate);
  const Transformed<T> transformed(transform);
  for_each<T>(stream, n, g, s, nullptr, p,
              [&](Vec<T> gradient, Vec<T>& square, Vec<T>&, Vec<T>& parameter) {
                gradient = transformed(gradient, parameter);
                square = decay * square + ((T(1) - decay) * gradient) * gradient;
                parameter = parameter - rate * gradient / (square_root<T>(square) + epsilon);
              });
}

template <class T>
void adagrad(Stream& stream, Index n, const GradientTransform<T>& transform, T rate, T epsilon,
             const T* g, T* s, T* p) {
  rate = scheduled(transform, rate);
  const Transformed<T> transformed(transform);
  for_each<T>(stream, n, g, s, nullptr, p,
              [&](Vec<T> gradient, Vec<T>& square, Vec<T>&, Vec<T>& parameter) {
                gradient = transformed(gradient, parameter);
                square = gradient * gradient + square;
                parameter = parameter - rate * gradient / (square_root<T>(square) + epsilon);
              });
}

template <class T>
void adam(Stream& stream, Index n, const GradientTransform<T>& transform, T rate, T beta1, T beta2,
          T epsilon, T weight_decay, const Index* step, const T* g, T* m, T* v, T* p) {
  rate = scheduled(transform, rate);
  const Transformed<T> transformed(transform);
  const double t = static_cast<double>(*step);
  const T correct1 = static_cast<T>(1 / (1 - __builtin_pow(static_cast<double>(beta1), t)));
  const T correct2 = static_cast<T>(1 / (1 - __builtin_pow(static_cast<double>(beta2), t)));
  for_each<T>(
      stream, n, g, m, v, p, [&](Vec<T> gradient, Vec<T>& mean, Vec<T>& square, Vec<T>& parameter) {
        gradient = transformed(gradient, parameter);
        mean = beta1 * mean + (T(1) - beta1) * gradient;
        square = beta2 * square + ((T(1) - beta2) * gradient) * gradient;
        const Vec<T> direction = mean * correct1 / (square_root<T>(square * correct2) + epsilon);
        parameter = parameter - rate * (weight_decay * parameter + direction);
      });
}

// p[i] exp(-rate g - largest) for each i, where `largest` is 0 or the largest exponent.
template <class T>
void exponentiated(Stream& stream, Index n, const GradientTransform<T>& transform, T rate,
                   bool normalize, const T* g, T* p) {
  rate = scheduled(transform, rate);
  const Transformed<T> transformed(transform);
  T largest = T(0);
  if (normalize) {
    // over vectors, then over their lanes and the rest: a maximum has no order
    Vec<T> most = broadcast<T>(-static_cast<T>(__builtin_inf()));
    Index i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>)
      most = maximum<T>(-rate * transformed(load(g + i), load(p + i)), most);
    largest = maximum_lane<T>(most);
    for (; i < n; ++i) {
      const T found = (-rate * transformed(load_first(g + i, 1), load_first(p + i, 1)))[0];
      largest = found > largest ? found : largest;
    }
  }
  for_each<T>(
      stream, n, g, nullptr, nullptr, p, [&](Vec<T> gradient, Vec<T>&, Vec<T>&, Vec<T>& parameter) {
        parameter = parameter * exponential<T>(-rate * transformed(gradient, parameter) - largest);
      });
  if (!normalize) return;
  // weights on a simplex are few: in double, in the order of their numbers
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<double>(p[i]);
  for (Index i = 0; i < n; ++i) p[i] = static_cast<T>(static_cast<double>(p[i]) / sum);
}

template <class T>
void clip_scale(Stream&, T maximum, const T* sum_of_squares, T* scale) {
  const T norm = static_cast<T>(__builtin_sqrt(static_cast<double>(*sum_of_squares)));
  *scale = norm > maximum ? maximum / norm : T(1);
}

template <class T>
void linear_decay(Stream&, Index steps, double last, const Index* step, T* factor) {
  const double done = static_cast<double>(*step) / static_cast<double>(steps);
  *factor = static_cast<T>(1 + (last - 1) * (done < 1 ? done : 1));
}

void count(Stream&, Index* step) { ++*step; }

template <class T>
constexpr OptimizerKernels<T> kernels = {.sgd = sgd<T>,
                                         .rmsprop = rmsprop<T>,
                                         .adagrad = adagrad<T>,
                                         .adam = adam<T>,
                                         .exponentiated = exponentiated<T>,
                                         .clip_scale = clip_scale<T>,
                                         .linear_decay = linear_decay<T>,
                                         .count = count};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<OptimizerKernels> cpu_kernels<OptimizerKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
