// Softmax and its relatives on the CPU: a row at a time, vectors along the row; or, where a row is
// no longer than a vector (a policy's actions), as many rows at a time as a vector has lanes,
// vectors across the rows, so that exponentials, sums and logarithms have full vectors.
//
// Three passes over a row (largest, sum of exponentials, result), of which the later ones find it
// in L1. What the last vector lacks is filled with -infinity, whose exponential is 0.
// A row of nothing but -infinity has no largest element to subtract: it is subtracted as 0, so that
// exp gives 0 and log gives -infinity, without NaN.

#include "kernels/device/split.h"
#include "kernels/elementwise/math_cpu.h"
#include "kernels/gemm/gemm_pack_cpu.h"
#include "kernels/softmax/softmax.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

template <class T>
UNDERSTUDY_INLINE Vec<T> take(const T* p, int valid, T otherwise) {
  if (valid == lanes<T>) return load<T>(p);
  Vec<T> v = load_first<T>(p, valid);
  for (int i = 0; i < lanes<T>; ++i)
    if (i >= valid) v[i] = otherwise;
  return v;
}
template <class T>
UNDERSTUDY_INLINE void put(T* p, Vec<T> v, int valid) {
  if (valid == lanes<T>)
    store<T>(p, v);
  else
    store_first<T>(p, v, valid);
}

// Calls body(j, valid) for every vector of a row of n.
template <class T, class Body>
UNDERSTUDY_INLINE void for_row(Index n, const Body& body) {
  constexpr int w = lanes<T>;
  Index j = 0;
  for (; j + w <= n; j += w) body(j, w);
  if (j < n) body(j, int(n - j));
}

// What is subtracted: the largest element; 0 where that is -infinity.
template <class T>
UNDERSTUDY_INLINE T pivot(const T* x, Index n) {
  const T least = -T(__builtin_inf());
  Vec<T> largest = broadcast<T>(least);
  for_row<T>(
      n, [&](Index j, int valid) { largest = maximum<T>(largest, take<T>(x + j, valid, least)); });
  const T m = maximum_lane<T>(largest);
  return m == least ? T(0) : m;
}

template <class T>
UNDERSTUDY_INLINE T sum_of_exponentials(const T* x, Index n, T m) {
  const T least = -T(__builtin_inf());
  Vec<T> sum = {};
  for_row<T>(n,
             [&](Index j, int valid) { sum += exponential<T>(take<T>(x + j, valid, least) - m); });
  return sum_lanes<T>(sum);
}

template <class T>
UNDERSTUDY_INLINE T log_of(T x) {
  return logarithm<T>(broadcast<T>(x))[0];
}

// ---- short rows, side by side ----

// A block of rows transposed: vector j holds element j of each. Rows beyond `count` repeat the
// first; elements beyond n are 0.
template <class T>
struct Turned {
  Vec<T> element[lanes<T>];

  UNDERSTUDY_INLINE void take_rows(const T* x, Index n, int count) {
    const LaneMask<T> mask = first_lanes<T>(int(n));
#pragma GCC unroll 16
    for (int r = 0; r < lanes<T>; ++r)
      element[r] = load_masked<T>(x + (r < count ? r : 0) * n, mask);
    turn();
  }
  UNDERSTUDY_INLINE void put_rows(T* y, Index n, int count) {
    const LaneMask<T> mask = first_lanes<T>(int(n));
    turn();
    for (int r = 0; r < count; ++r) store_masked<T>(y + r * n, element[r], mask);
  }

 private:
  UNDERSTUDY_INLINE void turn() { understudy::UNDERSTUDY_ISA::transpose<T, lanes<T>>(element); }
};

// Whether rows go side by side: by the shape alone, since the order of a sum differs.
template <class T>
UNDERSTUDY_INLINE bool side_by_side(Index rows, Index n) {
  return n >= 2 && n <= lanes<T> && rows >= 4;
}

// Calls body(first row, rows) for blocks of rows.
template <class Body>
UNDERSTUDY_INLINE void for_blocks(Stream& stream, Index rows, Index cost, int lanes_in_block,
                                  const Body& body) {
  split_rows(stream, rows, cost, lanes_in_block, [=](Index begin, Index end, int) {
    for (Index r = begin; r < end; r += lanes_in_block)
      body(r, int(end - r < lanes_in_block ? end - r : lanes_in_block));
  });
}

// The largest of each row, 0 where that is -infinity.
template <class T>
UNDERSTUDY_INLINE Vec<T> pivots(const Turned<T>& x, Index n) {
  Vec<T> largest = x.element[0];
  for (Index j = 1; j < n; ++j) largest = maximum<T>(largest, x.element[j]);
  return largest == -T(__builtin_inf()) ? Vec<T>{} : largest;
}

template <class T>
UNDERSTUDY_INLINE Vec<T> sums_of_exponentials(const Turned<T>& x, Index n, Vec<T> m) {
  Vec<T> sum = {};
  for (Index j = 0; j < n; ++j) sum += exponential<T>(x.element[j] - m);
  return sum;
}

template <class T>
void softmax_side_by_side(Stream& stream, Index rows, Index n, const T* x, T* y) {
  for_blocks(stream, rows, 4 * n, lanes<T>, [=](Index first, int count) {
    Turned<T> block;
    block.take_rows(x + first * n, n, count);
    const Vec<T> m = pivots<T>(block, n);
    Vec<T> sum = {};
    for (Index j = 0; j < n; ++j) {
      block.element[j] = exponential<T>(block.element[j] - m);
      sum += block.element[j];
    }
    for (Index j = 0; j < n; ++j)
      block.element[j] = sum == T(0) ? Vec<T>{} : block.element[j] / sum;
    block.put_rows(y + first * n, n, count);
  });
}

template <class T>
void log_softmax_side_by_side(Stream& stream, Index rows, Index n, const T* x, T* y) {
  for_blocks(stream, rows, 4 * n, lanes<T>, [=](Index first, int count) {
    Turned<T> block;
    block.take_rows(x + first * n, n, count);
    const Vec<T> m = pivots<T>(block, n);
    const Vec<T> sum = sums_of_exponentials<T>(block, n, m);
    const Vec<T> log_sum = sum == T(0) ? Vec<T>{} : logarithm<T>(sum);
    for (Index j = 0; j < n; ++j) block.element[j] = (block.element[j] - m) - log_sum;
    block.put_rows(y + first * n, n, count);
  });
}

template <class T>
void log_sum_exp_side_by_side(Stream& stream, Index rows, Index n, const T* x, T* y) {
  for_blocks(stream, rows, 4 * n, lanes<T>, [=](Index first, int count) {
    Turned<T> block;
    block.take_rows(x + first * n, n, count);
    const Vec<T> m = pivots<T>(block, n);
    put<T>(y + first, m + logarithm<T>(sums_of_exponentials<T>(block, n, m)), count);
  });
}

template <class T>
void softmax_gradient_side_by_side(Stream& stream, Index rows, Index n, const T* y, const T* g,
                                   T* dx) {
  for_blocks(stream, rows, 2 * n, lanes<T>, [=](Index first, int count) {
    Turned<T> of, block;
    of.take_rows(y + first * n, n, count);
    block.take_rows(g + first * n, n, count);
    Vec<T> sum = {};
    for (Index j = 0; j < n; ++j) sum += of.element[j] * block.element[j];
    for (Index j = 0; j < n; ++j) block.element[j] = of.element[j] * (block.element[j] - sum);
    block.put_rows(dx + first * n, n, count);
  });
}

template <class T>
void log_softmax_gradient_side_by_side(Stream& stream, Index rows, Index n, const T* y, const T* g,
                                       T* dx) {
  for_blocks(stream, rows, 4 * n, lanes<T>, [=](Index first, int count) {
    Turned<T> of, block;
    of.take_rows(y + first * n, n, count);
    block.take_rows(g + first * n, n, count);
    Vec<T> sum = {};
    for (Index j = 0; j < n; ++j) sum += block.element[j];
    for (Index j = 0; j < n; ++j) block.element[j] -= exponential<T>(of.element[j]) * sum;
    block.put_rows(dx + first * n, n, count);
  });
}

// ---- a row at a time ----

template <class T>
void softmax(Stream& stream, Index rows, Index n, const T* x, T* y) {
  if (side_by_side<T>(rows, n)) return softmax_side_by_side<T>(stream, rows, n, x, y);
  const T least = -T(__builtin_inf());
  split_rows(stream, rows, 4 * n, 1, [=](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      const T* from = x + r * n;
      T* to = y + r * n;
      const T m = pivot<T>(from, n);
      if (n <= lanes<T>) {
        // one vector: the exponentials stay in a register
        const Vec<T> e = exponential<T>(take<T>(from, int(n), least) - m);
        const T sum = sum_lanes<T>(e);
        put<T>(to, sum == T(0) ? Vec<T>{} : e / broadcast<T>(sum), int(n));
        continue;
      }
      Vec<T> sum = {};
      for_row<T>(n, [&](Index j, int valid) {
        const Vec<T> e = exponential<T>(take<T>(from + j, valid, least) - m);
        sum += e;
        put<T>(to + j, e, valid);
      });
      const T total = sum_lanes<T>(sum);
      const Vec<T> scale = broadcast<T>(total == T(0) ? T(0) : T(1) / total);
      for_row<T>(n, [&](Index j, int valid) {
        put<T>(to + j, take<T>(to + j, valid, T(0)) * scale, valid);
      });
    }
  });
}

template <class T>
void log_softmax(Stream& stream, Index rows, Index n, const T* x, T* y) {
  if (side_by_side<T>(rows, n)) return log_softmax_side_by_side<T>(stream, rows, n, x, y);
  split_rows(stream, rows, 4 * n, 1, [=](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      const T* from = x + r * n;
      T* to = y + r * n;
      const T m = pivot<T>(from, n);
      const T sum = sum_of_exponentials<T>(from, n, m);
      // Subtracted one after the other: their sum would lose log's digits beside a large m.
      const T log_sum = sum == T(0) ? T(0) : log_of<T>(sum);
      for_row<T>(n, [&](Index j, int valid) {
        put<T>(to + j, (take<T>(from + j, valid, T(0)) - m) - log_sum, valid);
      });
    }
  });
}

template <class T>
void log_sum_exp(Stream& stream, Index rows, Index n, const T* x, T* y) {
  if (side_by_side<T>(rows, n)) return log_sum_exp_side_by_side<T>(stream, rows, n, x, y);
  split_rows(stream, rows, 4 * n, 1, [=](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      const T m = pivot<T>(x + r * n, n);
      y[r] = m + log_of<T>(sum_of_exponentials<T>(x + r * n, n, m));
    }
  });
}

template <class T>
void softmax_gradient(Stream& stream, Index rows, Index n, const T* y, const T* g, T* dx) {
  if (side_by_side<T>(rows, n)) return softmax_gradient_side_by_side<T>(stream, rows, n, y, g, dx);
  split_rows(stream, rows, 2 * n, 1, [=](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      const T *yr = y + r * n, *gr = g + r * n;
      Vec<T> sum = {};
      for_row<T>(n, [&](Index j, int valid) {
        sum += take<T>(yr + j, valid, T(0)) * take<T>(gr + j, valid, T(0));
      });
      const T total = sum_lanes<T>(sum);
      for_row<T>(n, [&](Index j, int valid) {
        put<T>(dx + r * n + j,
               take<T>(yr + j, valid, T(0)) * (take<T>(gr + j, valid, T(0)) - total), valid);
      });
    }
  });
}

template <class T>
void log_softmax_gradient(Stream& stream, Index rows, Index n, const T* y, const T* g, T* dx) {
  if (side_by_side<T>(rows, n))
    return log_softmax_gradient_side_by_side<T>(stream, rows, n, y, g, dx);
  split_rows(stream, rows, 4 * n, 1, [=](Index begin, Index end, int) {
    for (Index r = begin; r < end; ++r) {
      const T *yr = y + r * n, *gr = g + r * n;
      Vec<T> sum = {};
      for_row<T>(n, [&](Index j, int valid) { sum += take<T>(gr + j, valid, T(0)); });
      const T total = sum_lanes<T>(sum);
      for_row<T>(n, [&](Index j, int valid) {
        put<T>(dx + r * n + j,
               take<T>(gr + j, valid, T(0)) - exponential<T>(take<T>(yr + j, valid, T(0))) * total,
               valid);
      });
    }
  });
}

template <class T>
constexpr SoftmaxKernels<T> kernels = {softmax<T>, log_softmax<T>, log_sum_exp<T>,
                                       softmax_gradient<T>, log_softmax_gradient<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<SoftmaxKernels> cpu_kernels<SoftmaxKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
