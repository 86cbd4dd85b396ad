// Reductions on the CPU.
//
// Along a row (inner = 1): vectors along the row in four accumulators, which hides the additions'
// latency; sums in blocks of 256 elements whose results are added pairwise (so the error grows with
// the logarithm of n, not with n). Across rows (inner > 1): vectors along `inner`, each lane its
// own sum; the same blocks. Both are shapes of summation that depend on n alone, so a team may take
// whole rows, or ranges of columns, without changing a bit; one very long row is cut into parts of
// fixed size. Rows of a few elements are added one by one.

#include <utility>

#include "kernels/device/split.h"
#include "kernels/reduce/reduce.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

constexpr Index block = 256;

template <class T>
UNDERSTUDY_INLINE Vec<T> absolute_value(Vec<T> v) {
  return v < T(0) ? -v : v;
}

// ---- the five operations, on vectors and on numbers. A NaN on either side gives NaN. ----

template <Reduction how, class V>
UNDERSTUDY_INLINE V join(V a, V b) {
  if constexpr (how == Reduction::maximum || how == Reduction::maximum_absolute) {
    const V larger = a > b ? a : b;  // b where either is NaN
    return a == a ? larger : a;
  } else if constexpr (how == Reduction::minimum) {
    const V smaller = a < b ? a : b;
    return a == a ? smaller : a;
  } else {
    return a + b;
  }
}

template <Reduction how, class T>
UNDERSTUDY_INLINE Vec<T> term(Vec<T> v) {
  if constexpr (how == Reduction::sum_of_squares)
    return v * v;
  else if constexpr (how == Reduction::maximum_absolute)
    return absolute_value<T>(v);
  else
    return v;
}

template <Reduction how, class T>
UNDERSTUDY_INLINE T neutral() {
  if constexpr (how == Reduction::maximum)
    return -T(__builtin_inf());
  else if constexpr (how == Reduction::minimum)
    return T(__builtin_inf());
  else
    return T(0);
}

// Halves are joined to halves: lane i with lane i + half.
template <Reduction how, class T, int half = lanes<T> / 2>
UNDERSTUDY_INLINE T join_lanes(Vec<T> v) {
  if constexpr (half == 0) {
    return v[0];
  } else {
    const Vec<T> other = [&]<int... lane>(std::integer_sequence<int, lane...>)
        __attribute__((always_inline)) {
      return __builtin_shufflevector(v, v, ((lane + half) % lanes<T>)...);
    }
    (std::make_integer_sequence<int, lanes<T>>{});
    return join_lanes<how, T, half / 2>(join<how>(v, other));
  }
}

// Rows of a few elements: one after another, since most of a vector would be empty.
constexpr Index few = 8;
template <Reduction how, class T>
UNDERSTUDY_INLINE T reduce_few(const T* x, Index n) {
  const auto term_of = [](T value) __attribute__((always_inline)) {
    if constexpr (how == Reduction::sum_of_squares)
      return value * value;
    else if constexpr (how == Reduction::maximum_absolute)
      return value < T(0) ? -value : value;
    else
      return value;
  };
  T total = term_of(x[0]);
  for (Index j = 1; j < n; ++j) total = join<how>(total, term_of(x[j]));
  return total;
}

// A vector of the first `valid` elements, with the neutral element in the other lanes.
template <Reduction how, class T>
UNDERSTUDY_INLINE Vec<T> load_some(const T* p, int valid) {
  Vec<T> v = load_first<T>(p, valid);
  if constexpr (how == Reduction::maximum || how == Reduction::minimum)
    for (int i = 0; i < lanes<T>; ++i)
      if (i >= valid) v[i] = neutral<how, T>();
  return v;
}

// Blocks' results joined as a binary counter carries: block i meets the joined blocks of its own
// size, which is pairwise summation without a second pass.
template <Reduction how, class V>
struct Pairwise {
  V part[48];
  Index count = 0;
  UNDERSTUDY_INLINE void add(V v) {
    int level = 0;
    for (Index bits = count; bits & 1; bits >>= 1) v = join<how>(part[level++], v);
    part[level] = v;
    ++count;
  }
  // `none` when nothing was added.
  UNDERSTUDY_INLINE V result(V none) const {
    bool any = false;
    V total = none;
    int level = 0;
    for (Index bits = count; bits != 0; bits >>= 1, ++level)
      if (bits & 1) {
        total = any ? join<how>(part[level], total) : part[level];
        any = true;
      }
    return total;
  }
};

// One row of n elements next to one another.
template <Reduction how, class T>
UNDERSTUDY_INLINE T reduce_row(const T* x, Index n) {
  constexpr int w = lanes<T>;
  const Vec<T> none = broadcast<T>(neutral<how, T>());
  if (n > 0 && n <= few) return reduce_few<how, T>(x, n);
  if (n <= block) {
    // the usual case, without the bookkeeping of blocks
    Vec<T> a = none, b = none;
    Index j = 0;
    for (; j + 2 * w <= n; j += 2 * w) {
      a = join<how>(a, term<how, T>(load<T>(x + j)));
      b = join<how>(b, term<how, T>(load<T>(x + j + w)));
    }
    if (j + w <= n) {
      a = join<how>(a, term<how, T>(load<T>(x + j)));
      j += w;
    }
    if (j < n) b = join<how>(b, term<how, T>(load_some<how, T>(x + j, int(n - j))));
    return join_lanes<how, T>(join<how>(a, b));
  }
  Pairwise<how, Vec<T>> blocks;
  for (Index from = 0; from < n; from += block) {
    const Index until = from + block < n ? from + block : n;
    Vec<T> a = none, b = none, c = none, d = none;
    Index j = from;
    for (; j + 4 * w <= until; j += 4 * w) {
      a = join<how>(a, term<how, T>(load<T>(x + j)));
      b = join<how>(b, term<how, T>(load<T>(x + j + w)));
      c = join<how>(c, term<how, T>(load<T>(x + j + 2 * w)));
      d = join<how>(d, term<how, T>(load<T>(x + j + 3 * w)));
    }
    for (; j + w <= until; j += w) a = join<how>(a, term<how, T>(load<T>(x + j)));
    if (j < until) b = join<how>(b, term<how, T>(load_some<how, T>(x + j, int(until - j))));
    blocks.add(join<how>(join<how>(a, b), join<how>(c, d)));
  }
  return join_lanes<how, T>(blocks.result(none));
}

// Columns [from, until) of [n, inner].
template <Reduction how, class T>
UNDERSTUDY_INLINE void reduce_columns(const T* x, Index n, Index inner, Index from, Index until,
                                      T* y, bool accumulate) {
  constexpr int w = lanes<T>;
  const Vec<T> none = broadcast<T>(neutral<how, T>());
  for (Index i = from; i < until; i += w) {
    const int valid = until - i < w ? int(until - i) : w;
    const auto at = [&](Index j) {
      const T* p = x + j * inner + i;
      return term<how, T>(valid == w ? load<T>(p) : load_first<T>(p, valid));
    };
    Vec<T> total = none;
    if (n <= block) {
      Vec<T> a = none, b = none;
      Index j = 0;
      for (; j + 2 <= n; j += 2) {
        a = join<how>(a, at(j));
        b = join<how>(b, at(j + 1));
      }
      if (j < n) a = join<how>(a, at(j));
      total = join<how>(a, b);
    } else {
      Pairwise<how, Vec<T>> blocks;
      for (Index begin = 0; begin < n; begin += block) {
        const Index end = begin + block < n ? begin + block : n;
        Vec<T> a = none, b = none;
        Index j = begin;
        for (; j + 2 <= end; j += 2) {
          a = join<how>(a, at(j));
          b = join<how>(b, at(j + 1));
        }
        if (j < end) a = join<how>(a, at(j));
        blocks.add(join<how>(a, b));
      }
      total = blocks.result(none);
    }
    if (valid == w) {
      if (accumulate) total = join<how>(load<T>(y + i), total);
      store<T>(y + i, total);
    } else {
      if (accumulate) total = join<how>(load_first<T>(y + i, valid), total);
      store_first<T>(y + i, total, valid);
    }
  }
}

// Long rows are cut into parts of this many elements, for teams; alone, the same parts in turn.
constexpr Index long_part = block * 256;
constexpr int most_parts = 4096;

template <Reduction how, class T>
void reduce_all(Stream& stream, Index outer, Index n, Index inner, const T* x, T* y,
                bool accumulate) {
  if (inner == 1) {
    const auto finish = [&](Index o, T value) {
      y[o] = accumulate ? join<how>(y[o], value) : value;
    };
    const Index parts = (n + long_part - 1) / long_part;
    if (parts <= 1 || parts > most_parts) {
      split_rows(stream, outer, n, 1, [&](Index begin, Index end, int) {
        for (Index o = begin; o < end; ++o) finish(o, reduce_row<how, T>(x + o * n, n));
      });
      return;
    }
    for (Index o = 0; o < outer; ++o) {
      T part[most_parts];
      const T* row = x + o * n;
      split_rows(stream, parts, long_part, 1, [&](Index begin, Index end, int) {
        for (Index p = begin; p < end; ++p) {
          const Index from = p * long_part;
          part[p] = reduce_row<how, T>(row + from, n - from < long_part ? n - from : long_part);
        }
      });
      Pairwise<how, T> total;
      for (Index p = 0; p < parts; ++p) total.add(part[p]);
      finish(o, total.result(neutral<how, T>()));
    }
    return;
  }
  if (outer == 1) {
    // Few sums of many columns: a team takes ranges of columns.
    split_rows(stream, inner, n + 1, 64, [&](Index begin, Index end, int) {
      reduce_columns<how, T>(x, n, inner, begin, end, y, accumulate);
    });
    return;
  }
  split_rows(stream, outer, n * inner, 1, [&](Index begin, Index end, int) {
    for (Index o = begin; o < end; ++o)
      reduce_columns<how, T>(x + o * n * inner, n, inner, 0, inner, y + o * inner, accumulate);
  });
}

template <class T>
void reduce(Stream& stream, Reduction how, Index outer, Index n, Index inner, const T* x, T* y,
            bool accumulate) {
  switch (how) {
    case Reduction::sum:
      return reduce_all<Reduction::sum, T>(stream, outer, n, inner, x, y, accumulate);
    case Reduction::maximum:
      return reduce_all<Reduction::maximum, T>(stream, outer, n, inner, x, y, accumulate);
    case Reduction::minimum:
      return reduce_all<Reduction::minimum, T>(stream, outer, n, inner, x, y, accumulate);
    case Reduction::sum_of_squares:
      return reduce_all<Reduction::sum_of_squares, T>(stream, outer, n, inner, x, y, accumulate);
    case Reduction::maximum_absolute:
      return reduce_all<Reduction::maximum_absolute, T>(stream, outer, n, inner, x, y, accumulate);
    case Reduction::count: break;
  }
}

// The largest element is found first, in vectors; then where it stands. NaN is larger than any
// number.
template <class T>
void argmax(Stream& stream, Index outer, Index n, Index inner, const T* x, std::int32_t* index) {
  split_rows(stream, outer, n * inner, 1, [=](Index begin, Index end, int) {
    for (Index o = begin; o < end; ++o)
      for (Index i = 0; i < inner; ++i) {
        const T* column = x + o * n * inner + i;
        Index best = 0;
        if (inner == 1) {
          const T largest = reduce_row<Reduction::maximum, T>(column, n);
          if (largest == largest)
            while (column[best] != largest) ++best;
          else
            while (column[best] == column[best]) ++best;
        } else {
          T champion = column[0];
          for (Index j = 1; j < n && champion == champion; ++j) {
            const T rival = column[j * inner];
            if (rival > champion || rival != rival) {
              champion = rival;
              best = j;
            }
          }
        }
        index[o * inner + i] = static_cast<std::int32_t>(best);
      }
  });
}

template <class T>
constexpr ReduceKernels<T> kernels = {reduce<T>, argmax<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<ReduceKernels> cpu_kernels<ReduceKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
