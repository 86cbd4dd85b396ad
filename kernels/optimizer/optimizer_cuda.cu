// Updates on CUDA: a thread an element, one pass over all arrays.

#include "kernels/device/cuda_helpers.h"
#include "kernels/elementwise/math_cuda.h"
#include "kernels/optimizer/optimizer.h"

namespace understudy::cuda {

namespace {

using Index = std::int64_t;
constexpr int block_threads = 256;
constexpr int simplex_threads = 512;

// The gradient that an update sees. NaN is on neither side of the bounds, and stays.
template <class T>
__device__ __forceinline__ T transformed(const GradientTransform<T>& transform, T g, T p) {
  if (transform.scale != nullptr) g *= *transform.scale;
  if (transform.clip > 0)
    g = g > transform.clip ? transform.clip : g < -transform.clip ? -transform.clip : g;
  if (transform.l2 != 0) g += transform.l2 * p;
  return g;
}

template <class T>
__device__ __forceinline__ T scheduled(const GradientTransform<T>& transform, T rate) {
  return transform.rate != nullptr ? rate * *transform.rate : rate;
}

template <class T>
__global__ void sgd_kernel(Index n, GradientTransform<T> transform, T rate, T momentum,
                           bool nesterov, const T* g, T* velocity, T* p) {
  rate = scheduled(transform, rate);
  for (Index i = thread_index(); i < n; i += grid_threads()) {
    const T gradient = transformed(transform, g[i], p[i]);
    T direction = gradient;
    if (velocity != nullptr) {
      const T v = momentum * velocity[i] + gradient;
      velocity[i] = v;
      direction = nesterov ? momentum * v + gradient : v;
    }
    p[i] -= rate * direction;
  }
}

// rmsprop: s = decay s + share g^2; adagrad is the same with decay = share = 1.
template <class T>
__global__ void root_mean_square_kernel(Index n, GradientTransform<T> transform, T rate, T decay,
                                        T share, T epsilon, const T* g, T* s, T* p) {
  rate = scheduled(transform, rate);
  for (Index i = thread_index(); i < n; i += grid_threads()) {
    const T gradient = transformed(transform, g[i], p[i]);
    const T square = decay * s[i] + share * gradient * gradient;
    s[i] = square;
    p[i] -= rate * gradient / (square_root(square) + epsilon);
  }
}

template <class T>
__global__ void adam_kernel(Index n, GradientTransform<T> transform, T rate, T beta1, T beta2,
                            T epsilon, T weight_decay, const Index* step, const T* g, T* m, T* v,
                            T* p) {
  rate = scheduled(transform, rate);
  // powers in double cost as much as the rest of a block: one thread takes them
  __shared__ T correct[2];
  if (threadIdx.x == 0) {
    const double t = static_cast<double>(*step);
    correct[0] = static_cast<T>(1 / (1 - pow(static_cast<double>(beta1), t)));
    correct[1] = static_cast<T>(1 / (1 - pow(static_cast<double>(beta2), t)));
  }
  __syncthreads();
  for (Index i = thread_index(); i < n; i += grid_threads()) {
    const T gradient = transformed(transform, g[i], p[i]);
    const T mean = beta1 * m[i] + (T(1) - beta1) * gradient;
    const T square = beta2 * v[i] + (T(1) - beta2) * gradient * gradient;
    m[i] = mean;
    v[i] = square;
    const T direction = mean * correct[0] / (square_root(square * correct[1]) + epsilon);
    p[i] -= rate * (weight_decay * p[i] + direction);
  }
}

template <class T>
__global__ void exponentiated_kernel(Index n, GradientTransform<T> transform, T rate, const T* g,
                                     T* p) {
  rate = scheduled(transform, rate);
  for (Index i = thread_index(); i < n; i += grid_threads())
    p[i] *= exponential(-rate * transformed(transform, g[i], p[i]));
}

// Combines the threads' values of one block pairwise, always in the same order.
template <class T, class Combine>
__device__ T over_block(T value, T* shared, Combine combine) {
  shared[threadIdx.x] = value;
  __syncthreads();
  for (int half = simplex_threads / 2; half > 0; half /= 2) {
    if (static_cast<int>(threadIdx.x) < half)
      shared[threadIdx.x] = combine(shared[threadIdx.x], shared[threadIdx.x + half]);
    __syncthreads();
  }
  const T result = shared[0];
  __syncthreads();
  return result;
}

// Weights on a simplex are few: one block goes over them three times.
template <class T>
__global__ void normalized_kernel(Index n, GradientTransform<T> transform, T rate, const T* g,
                                  T* p) {
  rate = scheduled(transform, rate);
  __shared__ double shared[simplex_threads];
  double largest = -INFINITY;
  for (Index i = threadIdx.x; i < n; i += simplex_threads) {
    const double found = static_cast<double>(-rate * transformed(transform, g[i], p[i]));
    largest = found > largest ? found : largest;
  }
  largest = over_block(largest, shared, [](double a, double b) { return a > b ? a : b; });
  double sum = 0;
  for (Index i = threadIdx.x; i < n; i += simplex_threads) {
    p[i] *= exponential(-rate * transformed(transform, g[i], p[i]) - static_cast<T>(largest));
    sum += static_cast<double>(p[i]);
  }
  sum = over_block(sum, shared, [](double a, double b) { return a + b; });
  for (Index i = threadIdx.x; i < n; i += simplex_threads)
    p[i] = static_cast<T>(static_cast<double>(p[i]) / sum);
}

template <class T>
__global__ void clip_scale_kernel(T maximum, const T* sum_of_squares, T* scale) {
  const T norm = static_cast<T>(sqrt(static_cast<double>(*sum_of_squares)));
  *scale = norm > maximum ? maximum / norm : T(1);
}

template <class T>
__global__ void linear_decay_kernel(Index steps, double last, const Index* step, T* factor) {
  const double done = static_cast<double>(*step) / static_cast<double>(steps);
  *factor = static_cast<T>(1 + (last - 1) * (done < 1 ? done : 1));
}

__global__ void count_kernel(Index* step) { ++*step; }

unsigned grid_for(Index n) { return stride_blocks_for(n, block_threads); }

template <class T>
void sgd(Stream& stream, Index n, const GradientTransform<T>& transform, T rate, T momentum,
         bool nesterov, const T* g, T* velocity, T* p) {
  launch(sgd_kernel<T>, grid_for(n), block_threads, 0, stream, n, transform, rate, momentum,
         nesterov, g, velocity, p);
}

template <class T>
void rmsprop(Stream& stream, Index n, const GradientTransform<T>& transform, T rate, T decay,
             T epsilon, const T* g, T* s, T* p) {
  launch(root_mean_square_kernel<T>, grid_for(n), block_threads, 0, stream, n, transform, rate,
         decay, T(1) - decay, epsilon, g, s, p);
}

template <class T>
void adagrad(Stream& stream, Index n, const GradientTransform<T>& transform, T rate, T epsilon,
             const T* g, T* s, T* p) {
  launch(root_mean_square_kernel<T>, grid_for(n), block_threads, 0, stream, n, transform, rate,
         T(1), T(1), epsilon, g, s, p);
}

template <class T>
void adam(Stream& stream, Index n, const GradientTransform<T>& transform, T rate, T beta1, T beta2,
          T epsilon, T weight_decay, const Index* step, const T* g, T* m, T* v, T* p) {
  launch(adam_kernel<T>, grid_for(n), block_threads, 0, stream, n, transform, rate, beta1, beta2,
         epsilon, weight_decay, step, g, m, v, p);
}

template <class T>
void exponentiated(Stream& stream, Index n, const GradientTransform<T>& transform, T rate,
                   bool normalize, const T* g, T* p) {
  if (n == 0) return;
  if (normalize)
    launch(normalized_kernel<T>, 1, simplex_threads, 0, stream, n, transform, rate, g, p);
  else
    launch(exponentiated_kernel<T>, grid_for(n), block_threads, 0, stream, n, transform, rate, g,
           p);
}

template <class T>
void clip_scale(Stream& stream, T maximum, const T* sum_of_squares, T* scale) {
  launch(clip_scale_kernel<T>, 1, 1, 0, stream, maximum, sum_of_squares, scale);
}

template <class T>
void linear_decay(Stream& stream, Index steps, double last, const Index* step, T* factor) {
  launch(linear_decay_kernel<T>, 1, 1, 0, stream, steps, last, step, factor);
}

void count(Stream& stream, Index* step) { launch(count_kernel, 1, 1, 0, stream, step); }

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
}  // namespace understudy::cuda

namespace understudy {
template <>
Tables<OptimizerKernels> cuda_kernels<OptimizerKernels>() {
  return {cuda::kernels<float>, cuda::kernels<double>};
}
}  // namespace understudy
