// Elementwise arithmetic on the CPU: whole vectors, the rest masked.
//
// The function is a template argument, so that each has a loop of its own with nothing but its
// arithmetic inside. Broadcasting: the iteration is collapsed (collapse.h); where its innermost
// dimension is long, rows run with each operand contiguous or constant; otherwise blocks of
// operands are first gathered into contiguous ones. Bound by memory outside the caches.

#include "kernels/elementwise/elementwise.h"

#include "kernels/device/split.h"
#include "kernels/elementwise/cases.h"
#include "kernels/elementwise/collapse.h"
#include "kernels/elementwise/math_special_cpu.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

// Parts of a split begin at multiples of this: a cache line of either type, at least.
constexpr Index grain = 64;
// Shortest innermost dimension that is run as rows.
constexpr Index shortest_row = 16;
// Elements gathered at a time.
constexpr Index block = 512;

template <Unary f, class T>
UNDERSTUDY_INLINE Vec<T> apply(Vec<T> x) {
  const Vec<T> zero = {};
  const Vec<T> one = broadcast<T>(T(1));
  if constexpr (f == Unary::identity) return x;
  if constexpr (f == Unary::negate) return -x;
  if constexpr (f == Unary::absolute) return absolute<T>(x);
  if constexpr (f == Unary::sign) return x > zero ? one : (x < zero ? -one : zero);
  if constexpr (f == Unary::square) return x * x;
  if constexpr (f == Unary::square_root) return square_root<T>(x);
  if constexpr (f == Unary::reciprocal) return one / x;
  if constexpr (f == Unary::exponential) return exponential<T>(x);
  if constexpr (f == Unary::logarithm) return logarithm<T>(x);
  if constexpr (f == Unary::log1p) return logarithm_of_one_plus<T>(x);
  if constexpr (f == Unary::expm1) return exponential_minus_one<T>(x);
  if constexpr (f == Unary::tanh) return hyperbolic_tangent<T>(x);
  if constexpr (f == Unary::sigmoid) return sigmoid<T>(x);
  if constexpr (f == Unary::softplus) return softplus<T>(x);
  if constexpr (f == Unary::relu) return maximum<T>(zero, x);
  if constexpr (f == Unary::erf) return error_function<T>(x);
  if constexpr (f == Unary::sine) return sine<T>(x);
  if constexpr (f == Unary::cosine) return cosine<T>(x);
  if constexpr (f == Unary::floor) return floor_of<T>(x);
  if constexpr (f == Unary::is_positive) return x > zero ? one : zero;
  if constexpr (f == Unary::is_finite)
    return absolute<T>(x) < broadcast<T>(T(__builtin_inf())) ? one : zero;
}

template <Binary f, class T>
UNDERSTUDY_INLINE Vec<T> apply(Vec<T> a, Vec<T> b) {
  const Vec<T> zero = {};
  const Vec<T> one = broadcast<T>(T(1));
  if constexpr (f == Binary::add) return a + b;
  if constexpr (f == Binary::subtract) return a - b;
  if constexpr (f == Binary::multiply) return a * b;
  if constexpr (f == Binary::divide) return a / b;
  if constexpr (f == Binary::power) return power<T>(a, b);
  // the instruction gives its second operand where either is NaN: a NaN in the first is put back
  if constexpr (f == Binary::maximum) return a == a ? maximum<T>(a, b) : a;
  if constexpr (f == Binary::minimum) return a == a ? minimum<T>(a, b) : a;
  if constexpr (f == Binary::less) return a < b ? one : zero;
  if constexpr (f == Binary::less_equal) return a <= b ? one : zero;
  if constexpr (f == Binary::equal) return a == b ? one : zero;
  if constexpr (f == Binary::tanh_gradient) return b * (one - a * a);
  if constexpr (f == Binary::sigmoid_gradient) return b * (a * (one - a));
  if constexpr (f == Binary::relu_gradient) return a > zero ? b : zero;
  if constexpr (f == Binary::softplus_gradient) return -b * exponential_minus_one<T>(-a);
}

// y[i] = f(vectors at i), for i in [0, n).
template <class T, class Load, class F>
UNDERSTUDY_INLINE void map(Index n, T* y, const Load& load_at, const F& f) {
  Index i = 0;
  for (; i + 2 * lanes<T> <= n; i += 2 * lanes<T>) {
    const Vec<T> first = f(i, load_at);
    const Vec<T> second = f(i + lanes<T>, load_at);
    store<T>(y + i, first);
    store<T>(y + i + lanes<T>, second);
  }
  for (; i + lanes<T> <= n; i += lanes<T>) store<T>(y + i, f(i, load_at));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    const auto load_rest = [rest](const T* p) __attribute__((always_inline)) {
      return load_first<T>(p, rest);
    };
    store_first<T>(y + i, f(i, load_rest), rest);
  }
}
#define UNDERSTUDY_MAP(T, n, y, expression)                                       \
  map<T>(                                                                         \
      n, y, [](const T* p) __attribute__((always_inline)) { return load<T>(p); }, \
      [&](Index i, const auto& at) __attribute__((always_inline)) { return expression; })

// ---- unary ----

// What a part of the team should get of the more expensive functions.
constexpr Index cost_of(Unary f) {
  return f == Unary::identity || f == Unary::negate || f == Unary::absolute || f == Unary::sign ||
                 f == Unary::square || f == Unary::relu || f == Unary::floor ||
                 f == Unary::is_positive || f == Unary::is_finite
             ? 1
             : 4;
}

template <Unary f, class T>
void unary_of(Stream& stream, Index n, const T* x, T* y) {
  split_rows(stream, n, cost_of(f), grain, [=](Index begin, Index end, int) {
    const T* from = x + begin;
    T* to = y + begin;
    UNDERSTUDY_MAP(T, end - begin, to, (apply<f, T>(at(from + i))));
  });
}

template <class T>
void unary(Stream& stream, Unary f, Index n, const T* x, T* y) {
  switch (f) {
#define UNDERSTUDY_CASE(name) \
  case Unary::name: return unary_of<Unary::name, T>(stream, n, x, y);
    UNDERSTUDY_UNARY_CASES(UNDERSTUDY_CASE)
#undef UNDERSTUDY_CASE
    case Unary::count: break;
  }
}

// ---- operands of a broadcast ----

// Elements [begin, begin + n) of an operand in the iteration's order, contiguous: in place where
// they already are, otherwise gathered into `buffer`.
template <int o, class T>
UNDERSTUDY_INLINE const T* gathered(const Strided& shape, const T* x, Index begin, Index n,
                                    T* buffer) {
  const int inner = shape.rank - 1;
  Index size = 1;
  bool contiguous = true;
  for (int d = inner; d >= 0; --d) {
    contiguous = contiguous && shape.stride[o][d] == size;
    size *= shape.extent[d];
  }
  if (contiguous) return x + begin;
  Index at[Strided::maximum_rank];
  Index offset = 0;
  for (int d = inner; d >= 0; --d) {
    at[d] = begin % shape.extent[d];
    begin /= shape.extent[d];
    offset += at[d] * shape.stride[o][d];
  }
  const Index step = shape.stride[o][inner];
  for (Index i = 0; i < n;) {
    Index run = shape.extent[inner] - at[inner];
    if (run > n - i) run = n - i;
    for (Index j = 0; j < run; ++j) buffer[i + j] = x[offset + j * step];
    i += run;
    offset += run * step;
    at[inner] += run;
    for (int d = inner; d > 0 && at[d] == shape.extent[d]; --d) {
      offset += shape.stride[o][d - 1] - shape.extent[d] * shape.stride[o][d];
      at[d] = 0;
      ++at[d - 1];
    }
  }
  return buffer;
}

// Where operands 0 and 1 stand at row `row` of the iteration without its innermost dimension.
UNDERSTUDY_INLINE void row_offsets(const Strided& shape, Index row, Index& a, Index& b) {
  a = b = 0;
  for (int d = shape.rank - 2; d >= 0; --d) {
    const Index at = row % shape.extent[d];
    row /= shape.extent[d];
    a += at * shape.stride[0][d];
    b += at * shape.stride[1][d];
  }
}

// ---- binary ----

template <Binary f, class T>
UNDERSTUDY_INLINE void binary_row(Index n, const T* a, Index step_a, const T* b, Index step_b,
                                  T* y) {
  if (step_a == 1 && step_b == 1) {
    UNDERSTUDY_MAP(T, n, y, (apply<f, T>(at(a + i), at(b + i))));
  } else if (step_a == 1) {
    const Vec<T> constant = broadcast<T>(b[0]);
    UNDERSTUDY_MAP(T, n, y, (apply<f, T>(at(a + i), constant)));
  } else if (step_b == 1) {
    const Vec<T> constant = broadcast<T>(a[0]);
    UNDERSTUDY_MAP(T, n, y, (apply<f, T>(constant, at(b + i))));
  } else {
    const Vec<T> value = apply<f, T>(broadcast<T>(a[0]), broadcast<T>(b[0]));
    for (Index i = 0; i < n; ++i) y[i] = value[0];
  }
}

constexpr Index cost_of(Binary f) {
  return f == Binary::power || f == Binary::softplus_gradient ? 4 : 1;
}

// As a call: once in the object, where a row is long or its elements cost more than the call.
template <Binary f, class T>
__attribute__((noinline)) void binary_row_called(Index n, const T* a, Index step_a, const T* b,
                                                 Index step_b, T* y) {
  binary_row<f, T>(n, a, step_a, b, step_b, y);
}

template <Binary f, class T>
void binary_of(Stream& stream, const Strided& shape, Index elements, const T* a, const T* b, T* y) {
  constexpr Index cost = cost_of(f);
  const int inner = shape.rank - 1;
  const Index n = shape.extent[inner];
  const Index step_a = shape.stride[0][inner], step_b = shape.stride[1][inner];
  const bool plain = (step_a == 0 || step_a == 1) && (step_b == 0 || step_b == 1);
  if (shape.rank == 1 && plain) {
    split_rows(stream, n, cost, grain, [=](Index begin, Index end, int) {
      binary_row_called<f, T>(end - begin, a + begin * step_a, step_a, b + begin * step_b, step_b,
                              y + begin);
    });
  } else if (plain && n >= shortest_row) {
    split_rows(stream, elements / n, n * cost, 1, [&](Index begin, Index end, int) {
      for (Index row = begin; row < end; ++row) {
        Index at_a, at_b;
        row_offsets(shape, row, at_a, at_b);
        if constexpr (cost == 1)
          binary_row<f, T>(n, a + at_a, step_a, b + at_b, step_b, y + row * n);
        else
          binary_row_called<f, T>(n, a + at_a, step_a, b + at_b, step_b, y + row * n);
      }
    });
  } else {
    // A short row that every row meets is gathered once, if blocks are whole rows: it then lies in
    // all of them the same way.
    const bool again_a = shape.rank == 2 && shape.stride[0][0] == 0 && n <= block;
    const bool again_b = shape.rank == 2 && shape.stride[1][0] == 0 && n <= block;
    const Index step = again_a || again_b ? block / n * n : block;
    split_rows(stream, elements, 2 * cost, grain, [&](Index begin, Index end, int) {
      alignas(64) T buffer_a[block], buffer_b[block];
      const T *from_a = nullptr, *from_b = nullptr;
      for (Index at = begin; at < end; at += step) {
        const Index count = end - at < step ? end - at : step;
        if (!again_a || at == begin) from_a = gathered<0, T>(shape, a, at, count, buffer_a);
        if (!again_b || at == begin) from_b = gathered<1, T>(shape, b, at, count, buffer_b);
        binary_row_called<f, T>(count, from_a, 1, from_b, 1, y + at);
      }
    });
  }
}

template <class T>
void binary(Stream& stream, Binary f, const Strided& wide, const T* a, const T* b, T* y) {
  Strided shape;
  const Index elements = collapse<2>(wide, shape);
  if (elements == 0) return;
  switch (f) {
#define UNDERSTUDY_CASE(name) \
  case Binary::name: return binary_of<Binary::name, T>(stream, shape, elements, a, b, y);
    UNDERSTUDY_BINARY_CASES(UNDERSTUDY_CASE)
#undef UNDERSTUDY_CASE
    case Binary::count: break;
  }
}

// ---- the others ----

template <class T>
void select(Stream& stream, const Strided& wide, const T* c, const T* a, const T* b, T* y) {
  Strided shape;
  const Index elements = collapse<3>(wide, shape);
  split_rows(stream, elements, 2, grain, [&](Index begin, Index end, int) {
    alignas(64) T buffer_c[block], buffer_a[block], buffer_b[block];
    for (Index start = begin; start < end; start += block) {
      const Index count = end - start < block ? end - start : block;
      const T* from_c = gathered<0, T>(shape, c, start, count, buffer_c);
      const T* from_a = gathered<1, T>(shape, a, start, count, buffer_a);
      const T* from_b = gathered<2, T>(shape, b, start, count, buffer_b);
      T* to = y + start;
      UNDERSTUDY_MAP(T, count, to, (at(from_c + i) != T(0) ? at(from_a + i) : at(from_b + i)));
    }
  });
}

template <class T>
void scale_shift(Stream& stream, Index n, T alpha, T beta, const T* x, T* y) {
  split_rows(stream, n, 1, grain, [=](Index begin, Index end, int) {
    const T* from = x + begin;
    T* to = y + begin;
    UNDERSTUDY_MAP(T, end - begin, to, at(from + i) * alpha + beta);
  });
}

template <class T>
void fill_with(Stream& stream, Index n, T value, T* y) {
  split_rows(stream, n, 1, grain, [=](Index begin, Index end, int) {
    const Vec<T> values = broadcast<T>(value);
    T* to = y + begin;
    // `i` and `at` have nothing to say here
    UNDERSTUDY_MAP(T, end - begin, to, ((void)i, (void)at, values));
  });
}

template <class T>
void axpy(Stream& stream, Index n, T alpha, const T* x, T* y) {
  split_rows(stream, n, 1, grain, [=](Index begin, Index end, int) {
    const T* from = x + begin;
    T* to = y + begin;
    UNDERSTUDY_MAP(T, end - begin, to, at(from + i) * alpha + at(to + i));
  });
}

}  // namespace

// In copy_cpu.cpp: strided copies of elements of 4 and of 8 bytes.
void copy_words(Stream& stream, const Strided& shape, const std::uint32_t* x, std::uint32_t* y);
void copy_words(Stream& stream, const Strided& shape, const std::uint64_t* x, std::uint64_t* y);

namespace {

void copy(Stream& stream, const Strided& shape, const float* x, float* y) {
  copy_words(stream, shape, reinterpret_cast<const std::uint32_t*>(x),
             reinterpret_cast<std::uint32_t*>(y));
}
void copy(Stream& stream, const Strided& shape, const double* x, double* y) {
  copy_words(stream, shape, reinterpret_cast<const std::uint64_t*>(x),
             reinterpret_cast<std::uint64_t*>(y));
}
void copy_index(Stream& stream, const Strided& shape, const std::int32_t* x, std::int32_t* y) {
  copy_words(stream, shape, reinterpret_cast<const std::uint32_t*>(x),
             reinterpret_cast<std::uint32_t*>(y));
}

template <class T>
constexpr ElementwiseKernels<T> kernels = {unary<T>,     binary<T>, select<T>, scale_shift<T>,
                                           fill_with<T>, axpy<T>,   copy,      copy_index};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<ElementwiseKernels> cpu_kernels<ElementwiseKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
