// Layer normalization on the CPU: a row at a time, vectors along the row.
//
// A row of a network's layer (a few hundred numbers) stays in L1, so its three passes
// read memory once. The sums run in four accumulators, which hides the additions' latency, and are
// combined in one fixed order.

#include "kernels/device/simd.h"
#include "kernels/device/split.h"
#include "kernels/normalization/normalization.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

template <class T>
using Lanes = typename VectorOf<Integer<T>>::type;

// The lanes of v below n; the others become 0.
template <class T>
UNDERSTUDY_INLINE Vec<T> first_lanes(Vec<T> v, int n) {
  Lanes<T> lane = {};
  for (int i = 0; i < lanes<T>; ++i) lane[i] = i;
  return lane < (Integer<T>(n) - Lanes<T>{}) ? v : Vec<T>{};
}

// sum_j term(j, valid) over a row of n, where term gives a vector of terms from column j on, and
// must give 0 in the lanes from `valid` on.
template <class T, class Term>
UNDERSTUDY_INLINE T sum_row(Index n, const Term& term) {
  constexpr int w = lanes<T>;
  Vec<T> a = {}, b = {}, c = {}, d = {};
  Index j = 0;
  for (; j + 4 * w <= n; j += 4 * w) {
    a += term(j, w);
    b += term(j + w, w);
    c += term(j + 2 * w, w);
    d += term(j + 3 * w, w);
  }
  for (; j + w <= n; j += w) a += term(j, w);
  if (j < n) b += term(j, int(n - j));
  return sum_lanes<T>((a + b) + (c + d));
}

// Calls body(j, valid) for every vector of the row.
template <class T, class Body>
UNDERSTUDY_INLINE void for_row(Index n, const Body& body) {
  constexpr int w = lanes<T>;
  Index j = 0;
  for (; j + w <= n; j += w) body(j, w);
  if (j < n) body(j, int(n - j));
}

// A vector of `valid` columns: whole where it can be.
template <class T>
UNDERSTUDY_INLINE Vec<T> take(const T* p, int valid) {
  return valid == lanes<T> ? load<T>(p) : load_first<T>(p, valid);
}
template <class T>
UNDERSTUDY_INLINE void put(T* p, Vec<T> v, int valid) {
  if (valid == lanes<T>)
    store<T>(p, v);
  else
    store_first<T>(p, v, valid);
}

UNDERSTUDY_INLINE float root(float x) { return __builtin_sqrtf(x); }
UNDERSTUDY_INLINE double root(double x) { return __builtin_sqrt(x); }

template <class T>
void layer_norm(Stream& stream, Index rows, Index n, T epsilon, const T* x, const T* gain,
                const T* bias, T* y, T* z, T* s) {
  split_rows(stream, rows, n, 1, [=](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      const T* row = x + i * n;
      const T mean =
          sum_row<T>(n, [=](Index j, int valid) { return take<T>(row + j, valid); }) / T(n);
      const Vec<T> m = broadcast<T>(mean);
      const T variance =
          sum_row<T>(n,
                     [=](Index j, int valid) {
                       const Vec<T> difference = take<T>(row + j, valid) - m;
                       const Vec<T> square = difference * difference;
                       return valid == lanes<T> ? square : first_lanes<T>(square, valid);
                     }) /
          T(n);
      const T scale = T(1) / root(variance + epsilon);

      for_row<T>(n, [=](Index j, int valid) {
        const Vec<T> normalized = (take<T>(row + j, valid) - m) * broadcast<T>(scale);
        if (z != nullptr) put<T>(z + i * n + j, normalized, valid);
        put<T>(y + i * n + j, normalized * take<T>(gain + j, valid) + take<T>(bias + j, valid),
               valid);
      });
      if (s != nullptr) s[i] = scale;
    }
  });
}

template <class T>
void normalize_gradient(Stream& stream, Index rows, Index n, const T* z, const T* s, const T* h,
                        T* dx) {
  split_rows(stream, rows, n, 1, [=](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      const T* hi = h + i * n;
      const T* zi = z + i * n;
      const Vec<T> mean_h = broadcast<T>(
          sum_row<T>(n, [=](Index j, int valid) { return take<T>(hi + j, valid); }) / T(n));
      const Vec<T> mean_hz =
          broadcast<T>(sum_row<T>(n,
                                  [=](Index j, int valid) {
                                    return take<T>(hi + j, valid) * take<T>(zi + j, valid);
                                  }) /
                       T(n));
      const Vec<T> scale = broadcast<T>(s[i]);
      for_row<T>(n, [=](Index j, int valid) {
        put<T>(dx + i * n + j,
               scale * (take<T>(hi + j, valid) - mean_h - take<T>(zi + j, valid) * mean_hz), valid);
      });
    }
  });
}

template <class T>
constexpr NormalizationKernels<T> kernels = {layer_norm<T>, normalize_gradient<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<NormalizationKernels> cpu_kernels<NormalizationKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
