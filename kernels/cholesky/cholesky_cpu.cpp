// Cholesky factors and triangular solves on the CPU.
//
// Two shapes of the same arithmetic:
//
//   small matrices, many   a vector holds one element of as many matrices as it has lanes. The
//                          matrices are interleaved through scratch; after that there is no
//                          horizontal step, no rest, and square roots and divisions of all lanes
//                          overlap.
//   one larger matrix      right-looking by panels of eight columns. The panel is kept
//                          transposed in scratch, so that every inner loop runs along contiguous
//                          memory, and the rest of the matrix is updated four rows at a time with
//                          eight products for every element read and written.
//
// Which one is taken depends on n and the place in the batch alone, never on the team.

#include "kernels/cholesky/cholesky.h"
#include "kernels/device/error.h"
#include "kernels/device/simd.h"
#include "kernels/device/split.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

// Interleaved matrices up to this size: n (n + 1) / 2 vectors are 33 KB at most, about the first
// cache.
constexpr Index interleaved_size = 32;
constexpr int panel = 8;

UNDERSTUDY_INLINE float root(float x) { return __builtin_sqrtf(x); }
UNDERSTUDY_INLINE double root(double x) { return __builtin_sqrt(x); }

// The square root of a pivot, NaN where it is not positive.
template <class T>
UNDERSTUDY_INLINE Vec<T> pivot_root(Vec<T> pivot) {
  return pivot > Vec<T>{} ? square_root<T>(pivot) : broadcast<T>(T(__builtin_nanf("")));
}
template <class T>
UNDERSTUDY_INLINE T pivot_root_one(T pivot) {
  return pivot > T(0) ? root(pivot) : T(__builtin_nanf(""));
}

// Element (i, j) of a packed lower triangle.
UNDERSTUDY_INLINE Index packed(Index i, Index j) { return i * (i + 1) / 2 + j; }

// ---- many small matrices ----

// Interleaves the lower triangles of lanes<T> matrices; `count` of them exist, the other lanes get
// the identity, which factors and solves without a trap or a denormal.
template <class T>
UNDERSTUDY_INLINE void interleave_triangles(const T* a, Index n, Index count, T* to) {
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j <= i; ++j) {
      T* place = to + packed(i, j) * lanes<T>;
      for (int lane = 0; lane < lanes<T>; ++lane)
        place[lane] = lane < count ? a[(lane * n + i) * n + j] : T(i == j);
    }
}

template <class T>
void factor_interleaved(T* scratch, Index n, Index count, const T* a, T* l) {
  constexpr int w = lanes<T>;
  interleave_triangles(a, n, count, scratch);

  // Row by row: L[i, j] needs the rows above it and its own row's beginning.
  for (Index i = 0; i < n; ++i) {
    T* row = scratch + packed(i, 0) * w;
    Vec<T> pivot = load<T>(row + i * w);
    for (Index j = 0; j < i; ++j) {
      const T* other = scratch + packed(j, 0) * w;
      Vec<T> even = load<T>(row + j * w), odd = {};
      Index k = 0;
      for (; k + 2 <= j; k += 2) {
        even -= load<T>(row + k * w) * load<T>(other + k * w);
        odd -= load<T>(row + (k + 1) * w) * load<T>(other + (k + 1) * w);
      }
      if (k < j) even -= load<T>(row + k * w) * load<T>(other + k * w);
      const Vec<T> element = (even + odd) / load<T>(other + j * w);
      store<T>(row + j * w, element);
      pivot -= element * element;
    }
    store<T>(row + i * w, pivot_root<T>(pivot));
  }

  for (int lane = 0; lane < count; ++lane)
    for (Index i = 0; i < n; ++i) {
      T* row = l + (lane * n + i) * n;
      for (Index j = 0; j <= i; ++j) row[j] = scratch[packed(i, j) * w + lane];
      for (Index j = i + 1; j < n; ++j) row[j] = 0;
    }
}

// All right-hand sides, `column` by `column`, of lanes<T> systems.
template <class T>
void solve_interleaved(T* scratch, Index n, Index columns, Index count, bool transpose, const T* l,
                       const T* b, T* x) {
  constexpr int w = lanes<T>;
  T* triangle = scratch;
  T* side = scratch + packed(n, 0) * w;
  interleave_triangles(l, n, count, triangle);
  for (Index column = 0; column < columns; ++column) {
    for (Index i = 0; i < n; ++i)
      for (int lane = 0; lane < w; ++lane)
        side[i * w + lane] = lane < count ? b[(lane * n + i) * columns + column] : T(0);

    for (Index step = 0; step < n; ++step) {
      const Index i = transpose ? n - 1 - step : step;
      Vec<T> sum = load<T>(side + i * w);
      if (transpose) {
        // Down column i, whose next element is a row of the packed triangle away.
        const T* element = triangle + packed(i + 1, i) * w;
        for (Index j = i + 1; j < n; ++j) {
          sum -= load<T>(element) * load<T>(side + j * w);
          element += (j + 1) * w;
        }
      } else {
        const T* row = triangle + packed(i, 0) * w;
        for (Index j = 0; j < i; ++j) sum -= load<T>(row + j * w) * load<T>(side + j * w);
      }
      store<T>(side + i * w, sum / load<T>(triangle + packed(i, i) * w));
    }

    for (int lane = 0; lane < count; ++lane)
      for (Index i = 0; i < n; ++i) x[(lane * n + i) * columns + column] = side[i * w + lane];
  }
}

// ---- one matrix ----

// to[j] -= scale from[j] for j in [begin, end)
template <class T>
UNDERSTUDY_INLINE void subtract_scaled(T* to, const T* from, T scale, Index begin, Index end) {
  const Vec<T> s = broadcast<T>(scale);
  Index j = begin;
  for (; j + lanes<T> <= end; j += lanes<T>)
    store<T>(to + j, load<T>(to + j) - s * load<T>(from + j));
  if (j < end) {
    const int rest = int(end - j);
    store_first<T>(to + j, load_first<T>(to + j, rest) - s * load_first<T>(from + j, rest), rest);
  }
}

// row[q][j] -= sum_p row[q][column + p] strips[p][j] for `rows` rows and j in [begin, end).
template <int rows, class T>
UNDERSTUDY_INLINE void update_rows(T* row, Index n, Index column, const T* strips, Index begin,
                                   Index end) {
  Index j = begin;
  for (; j < end; j += lanes<T>) {
    const int valid = end - j < lanes<T> ? int(end - j) : lanes<T>;
    const bool whole = valid == lanes<T>;
    Vec<T> sum[rows];
    for (int q = 0; q < rows; ++q)
      sum[q] = whole ? load<T>(row + q * n + j) : load_first<T>(row + q * n + j, valid);
    for (int p = 0; p < panel; ++p) {
      const Vec<T> strip =
          whole ? load<T>(strips + p * n + j) : load_first<T>(strips + p * n + j, valid);
      for (int q = 0; q < rows; ++q) sum[q] -= broadcast<T>(row[q * n + column + p]) * strip;
    }
    for (int q = 0; q < rows; ++q) {
      if (whole)
        store<T>(row + q * n + j, sum[q]);
      else
        store_first<T>(row + q * n + j, sum[q], valid);
    }
  }
}

template <class T>
void factor_one(T* strips, Index n, const T* a, T* l) {
  if (l != a)
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j <= i; ++j) l[i * n + j] = a[i * n + j];

  for (Index column = 0; column < n; column += panel) {
    const int width = n - column < panel ? int(n - column) : panel;

    // The panel's columns become rows: strips[p][i] = A[i, column + p]. Above the diagonal they
    // hold whatever the upper triangle holds, which nothing below reads.
    for (Index i = column; i < n; ++i)
      for (int p = 0; p < width; ++p) strips[p * n + i] = l[i * n + column + p];

    for (int p = 0; p < width; ++p) {
      T* strip = strips + p * n;
      const Index diagonal = column + p;
      for (int q = 0; q < p; ++q)
        subtract_scaled(strip, strips + q * n, strips[q * n + diagonal], diagonal, n);
      const T d = pivot_root_one(strip[diagonal]);
      strip[diagonal] = d;
      Index i = diagonal + 1;
      for (; i + lanes<T> <= n; i += lanes<T>)
        store<T>(strip + i, load<T>(strip + i) / broadcast<T>(d));
      for (; i < n; ++i) strip[i] /= d;
    }

    for (Index i = column; i < n; ++i)
      for (int p = 0; p < width; ++p) l[i * n + column + p] = strips[p * n + i];

    // The rest: A[i, j] -= sum_p L[i, p] L[j, p] for j <= i; four rows share the fourth's range.
    Index i = column + width;
    for (; i + 4 <= n; i += 4) update_rows<4>(l + i * n, n, column, strips, column + panel, i + 4);
    for (; i < n; ++i) update_rows<1>(l + i * n, n, column, strips, column + panel, i + 1);
  }

  for (Index i = 0; i < n; ++i)
    for (Index j = i + 1; j < n; ++j) l[i * n + j] = 0;
}

// Right-hand sides side by side: row i of X is a combination of the rows found before it. `valid`
// columns from x on, at most 4 vectors, held in registers while the sum runs.
template <int vectors, class T>
UNDERSTUDY_INLINE void solve_strip(Index n, Index columns, int valid, bool transpose, const T* l,
                                   const T* b, T* x) {
  constexpr int w = lanes<T>;
  const bool whole = valid == vectors * w;
  const auto take = [=](const T* p, int v) {
    const int rest = valid - v * w;
    return whole || rest >= w ? load<T>(p + v * w) : load_first<T>(p + v * w, rest);
  };
  for (Index step = 0; step < n; ++step) {
    const Index i = transpose ? n - 1 - step : step;
    Vec<T> sum[vectors];
    for (int v = 0; v < vectors; ++v) sum[v] = take(b + i * columns, v);
    const T* element = transpose ? l + (i + 1) * n + i : l + i * n;
    const Index stride = transpose ? n : 1;
    const T* found = transpose ? x + (i + 1) * columns : x;
    for (Index k = 0; k < step; ++k) {
      const Vec<T> scale = broadcast<T>(element[k * stride]);
      for (int v = 0; v < vectors; ++v) sum[v] -= scale * take(found + k * columns, v);
    }
    const Vec<T> diagonal = broadcast<T>(l[i * n + i]);
    for (int v = 0; v < vectors; ++v) {
      const int rest = valid - v * w;
      if (rest >= w)
        store<T>(x + i * columns + v * w, sum[v] / diagonal);
      else
        store_first<T>(x + i * columns + v * w, sum[v] / diagonal, rest);
    }
  }
}

// One right-hand side with its elements `columns` apart, in a contiguous copy. Both ways read rows
// of L: a dot product going down, and going up the row's multiple taken off everything above.
template <class T>
void solve_column(T* side, Index n, Index columns, bool transpose, const T* l, const T* b, T* x) {
  constexpr int w = lanes<T>;
  for (Index i = 0; i < n; ++i) side[i] = b[i * columns];
  if (transpose) {
    for (Index i = n - 1; i >= 0; --i) {
      side[i] /= l[i * n + i];
      subtract_scaled(side, l + i * n, side[i], 0, i);
    }
  } else {
    for (Index i = 0; i < n; ++i) {
      const T* row = l + i * n;
      Vec<T> even = {}, odd = {};
      Index j = 0;
      for (; j + 2 * w <= i; j += 2 * w) {
        even += load<T>(row + j) * load<T>(side + j);
        odd += load<T>(row + j + w) * load<T>(side + j + w);
      }
      for (; j + w <= i; j += w) even += load<T>(row + j) * load<T>(side + j);
      if (j < i) odd += load_first<T>(row + j, int(i - j)) * load_first<T>(side + j, int(i - j));
      side[i] = (side[i] - sum_lanes<T>(even + odd)) / row[i];
    }
  }
  for (Index i = 0; i < n; ++i) x[i * columns] = side[i];
}

template <class T>
void solve_one(T* side, Index n, Index columns, bool transpose, const T* l, const T* b, T* x) {
  constexpr int w = lanes<T>;
  Index column = 0;
  for (; column + 4 * w <= columns; column += 4 * w)
    solve_strip<4>(n, columns, 4 * w, transpose, l, b + column, x + column);
  for (; columns - column >= 3; column += w) {
    const int valid = columns - column < w ? int(columns - column) : w;
    solve_strip<1>(n, columns, valid, transpose, l, b + column, x + column);
  }
  for (; column < columns; ++column)
    solve_column(side, n, columns, transpose, l, b + column, x + column);
}

// ---- entries ----

// True if the group of matrices at `first` is worth interleaving: at least half the lanes are used.
template <class T>
UNDERSTUDY_INLINE bool interleaves(Index n, Index count) {
  return n <= interleaved_size && 2 * count >= lanes<T>;
}

template <class T>
void factor(Stream& stream, Index batch, Index n, const T* a, T* l) {
  UNDERSTUDY_CHECK(std::size_t(panel * n) * sizeof(T) <= Stream::minimum_scratch,
                   "cholesky: n = %lld does not fit the scratch", static_cast<long long>(n));
  Stream* s = &stream;
  const Index groups = (batch + lanes<T> - 1) / lanes<T>;
  split_rows(stream, groups, lanes<T> * n * n * n / 3, 1, [=](Index begin, Index end, int thread) {
    T* scratch = reinterpret_cast<T*>(scratch_of(*s, thread));
    for (Index group = begin; group < end; ++group) {
      const Index first = group * lanes<T>;
      const Index count = batch - first < lanes<T> ? batch - first : lanes<T>;
      if (interleaves<T>(n, count)) {
        factor_interleaved(scratch, n, count, a + first * n * n, l + first * n * n);
        continue;
      }
      for (Index m = first; m < first + count; ++m)
        factor_one(scratch, n, a + m * n * n, l + m * n * n);
    }
  });
}

template <class T>
void solve(Stream& stream, Index batch, Index n, Index columns, bool transpose, const T* l,
           const T* b, T* x) {
  UNDERSTUDY_CHECK(std::size_t(n) * sizeof(T) <= Stream::minimum_scratch,
                   "cholesky: n = %lld does not fit the scratch", static_cast<long long>(n));
  Stream* s = &stream;
  const Index groups = (batch + lanes<T> - 1) / lanes<T>;
  split_rows(
      stream, groups, lanes<T> * n * n * columns, 1, [=](Index begin, Index end, int thread) {
        T* scratch = reinterpret_cast<T*>(scratch_of(*s, thread));
        for (Index group = begin; group < end; ++group) {
          const Index first = group * lanes<T>;
          const Index count = batch - first < lanes<T> ? batch - first : lanes<T>;
          const Index size = n * columns;
          // Right-hand sides that fill half a vector themselves need no interleaving.
          if (interleaves<T>(n, count) && 2 * columns < lanes<T>) {
            solve_interleaved(scratch, n, columns, count, transpose, l + first * n * n,
                              b + first * size, x + first * size);
            continue;
          }
          for (Index m = first; m < first + count; ++m)
            solve_one(scratch, n, columns, transpose, l + m * n * n, b + m * size, x + m * size);
        }
      });
}

template <class T>
constexpr CholeskyKernels<T> kernels = {factor<T>, solve<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<CholeskyKernels> cpu_kernels<CholeskyKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
