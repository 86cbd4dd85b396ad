// The register-blocked heart of the CPU's matrix product, and what it does with a finished sum.
//
// A block of RM x RN vectors of C stays in registers while k runs: each step loads RN vectors of B,
// broadcasts RM numbers of A, and does RM * RN multiply-adds, so that loads are few beside
// arithmetic. B is read where it lies (rows of C's width) or from a packed panel, A with either of
// its strides equal to 1: plain, transposed and packed operands are all the same loop.
//
// Sizes per instruction set: with 32 registers 12x1, 12x2, 8x3 and 6x4, with 16 registers 8x1, 6x2
// and 4x3. All have more independent sums than the multiply-add's latency times its rate.

#pragma once

#include "kernels/device/simd.h"
#include "kernels/elementwise/math_cpu.h"
#include "kernels/gemm/gemm.h"

namespace understudy::UNDERSTUDY_ISA {

// The first lanes of a vector, as the instruction set writes a mask.
#if defined(__AVX512F__)
template <class T>
struct LaneMask {
  __mmask16 bits;
};
template <class T>
UNDERSTUDY_INLINE LaneMask<T> first_lanes(int n) {
  return {static_cast<__mmask16>((1u << n) - 1u)};
}
template <class T>
UNDERSTUDY_INLINE Vec<T> load_masked(const T* p, LaneMask<T> mask) {
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_maskz_loadu_ps(mask.bits, p);
  else
    return (Vec<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>(mask.bits), p);
}
template <class T>
UNDERSTUDY_INLINE void store_masked(T* p, Vec<T> v, LaneMask<T> mask) {
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(p, mask.bits, (__m512)v);
  else
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>(mask.bits), (__m512d)v);
}
#elif defined(__AVX2__)
template <class T>
struct LaneMask {
  __m256i bits;
};
template <class T>
UNDERSTUDY_INLINE LaneMask<T> first_lanes(int n) {
  typedef Integer<T> Lane __attribute__((vector_size(vector_bytes)));
  Lane index;
  for (int i = 0; i < lanes<T>; ++i) index[i] = i;
  return {(__m256i)(index < static_cast<Integer<T>>(n))};
}
template <class T>
UNDERSTUDY_INLINE Vec<T> load_masked(const T* p, LaneMask<T> mask) {
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm256_maskload_ps(p, mask.bits);
  else
    return (Vec<T>)_mm256_maskload_pd(p, mask.bits);
}
template <class T>
UNDERSTUDY_INLINE void store_masked(T* p, Vec<T> v, LaneMask<T> mask) {
  if constexpr (sizeof(T) == 4)
    _mm256_maskstore_ps(p, mask.bits, (__m256)v);
  else
    _mm256_maskstore_pd(p, mask.bits, (__m256d)v);
}
#else
template <class T>
struct LaneMask {
  int count;
};
template <class T>
UNDERSTUDY_INLINE LaneMask<T> first_lanes(int n) {
  return {n};
}
template <class T>
UNDERSTUDY_INLINE Vec<T> load_masked(const T* p, LaneMask<T> mask) {
  return load_first<T>(p, mask.count);
}
template <class T>
UNDERSTUDY_INLINE void store_masked(T* p, Vec<T> v, LaneMask<T> mask) {
  store_first<T>(p, v, mask.count);
}
#endif

template <class T>
UNDERSTUDY_INLINE Vec<T> activate(Activation activation, Vec<T> x) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::tanh: return hyperbolic_tangent<T>(x);
    case Activation::sigmoid: return sigmoid<T>(x);
    case Activation::relu: return x < T(0) ? Vec<T>{} : x;
  }
  return x;
}

// The derivative of an activation, from its output.
template <class T>
UNDERSTUDY_INLINE Vec<T> activation_derivative(Activation activation, Vec<T> y) {
  const Vec<T> one = broadcast<T>(T(1));
  switch (activation) {
    case Activation::none: return one;
    case Activation::tanh: return one - y * y;
    case Activation::sigmoid: return y * (one - y);
    case Activation::relu: return y > T(0) ? one : Vec<T>{};
  }
  return one;
}

// What happens to a sum beside the bias, for one block of C's columns.
template <class T>
struct Finish {
  Activation activation = Activation::none;
  Activation gradient_activation = Activation::none;
  const T* g = nullptr;
  std::int64_t ldg = 0;
  bool nothing() const { return activation == Activation::none && g == nullptr; }
  // The usual backward pass, short enough to be done in place.
  bool only_tanh_gradient() const {
    return activation == Activation::none && g != nullptr &&
           gradient_activation == Activation::tanh;
  }
};

// The panel's work: `blocks` blocks of RM rows, one below the other, of RN vectors of C, of which
// the last has `last` lanes.
template <class T>
struct Panel {
  std::int64_t k;
  const T* a;
  std::int64_t a_stride;   // between rows where these are read along k, else between steps of k
  std::int64_t a_advance;  // from a block to the next
  const T* b;
  std::int64_t b_stride;
  T* c;
  std::int64_t ldc;
  std::int64_t blocks;
  int last;
  bool chains;  // RM * RN = 1 or 2: four sums apart, joined at the end, which hide the latency
  // Memory that the next block of k will read, prefetched a few bytes a step; never null where A is
  // read across k.
  const char* prefetch;
  std::int64_t prefetch_step;
  bool load_c;    // C is added
  const T* bias;  // the sum begins with this, or null
  bool finish;    // the sum is complete: apply `epilogue`
  Finish<T> epilogue;
};

// d(f(block), g), stored. The functions are given as types, so that the loop holds nothing else; a
// mask is for the last vector alone, since a masked store takes many times as long as a whole one.
template <class T, class F, class D>
UNDERSTUDY_INLINE void finish_each(const Vec<T>* block, int rows, int vectors, int last, T* c,
                                   std::int64_t ldc, const T* g, std::int64_t ldg, const F& f,
                                   const D& d) {
  const int whole = last == lanes<T> ? vectors : vectors - 1;
  const LaneMask<T> mask = first_lanes<T>(last);
  for (int i = 0; i < rows; ++i, block += vectors, c += ldc, g += ldg) {
    for (int j = 0; j < whole; ++j)
      store<T>(c + j * lanes<T>, d(f(block[j]), [&] { return load<T>(g + j * lanes<T>); }));
    if (whole < vectors)
      store_masked<T>(
          c + whole * lanes<T>,
          d(f(block[whole]), [&] { return load_masked<T>(g + whole * lanes<T>, mask); }), mask);
  }
}

// Applies the epilogue to a block that was put aside, and stores it. One copy for every size of
// block: the activations are long, and their time is beside k's loop, not in it.
template <class T>
__attribute__((noinline)) void finish_block(const Vec<T>* block, int rows, int vectors, int last,
                                            T* c, std::int64_t ldc, const Finish<T>& epilogue,
                                            const T* g) {
  const auto as_it_is = [](Vec<T> v) __attribute__((always_inline)) { return v; };
  const auto alone = [](Vec<T> v, const auto&) __attribute__((always_inline)) { return v; };
  const auto apply = [&](const auto& f, const auto& d) __attribute__((always_inline)) {
    finish_each<T>(block, rows, vectors, last, c, ldc, g, epilogue.ldg, f, d);
  };
  const auto activated = [&]<Activation f>() __attribute__((always_inline)) {
    apply(
        [](Vec<T> v) __attribute__((always_inline)) { return activate<T>(f, v); }, alone);
  };
  const auto differentiated = [&]<Activation d>() __attribute__((always_inline)) {
    apply(
        as_it_is, [](Vec<T> v, const auto& of) __attribute__((always_inline)) {
          return v * activation_derivative<T>(d, of());
        });
  };
  if (g == nullptr) {
    switch (epilogue.activation) {
      case Activation::none: return apply(as_it_is, alone);
      case Activation::tanh: return activated.template operator()<Activation::tanh>();
      case Activation::sigmoid: return activated.template operator()<Activation::sigmoid>();
      case Activation::relu: return activated.template operator()<Activation::relu>();
    }
  }
  if (epilogue.activation == Activation::none) {
    switch (epilogue.gradient_activation) {
      case Activation::none: return apply(as_it_is, alone);
      case Activation::tanh: return differentiated.template operator()<Activation::tanh>();
      case Activation::sigmoid: return differentiated.template operator()<Activation::sigmoid>();
      case Activation::relu: return differentiated.template operator()<Activation::relu>();
    }
  }
  apply([&](Vec<T> v) { return activate<T>(epilogue.activation, v); },
        [&](Vec<T> v, const auto& of) {
          return v * activation_derivative<T>(epilogue.gradient_activation, of());
        });
}

// A_ALONG_K: A's rows are contiguous (a plain A); otherwise a step's rows are (transposed, packed).
// MASKED: the last vector may be partial.
template <class T, int RM, int RN, bool A_ALONG_K, bool MASKED>
void panel(const Panel<T>& p) {
  const LaneMask<T> mask = first_lanes<T>(MASKED ? p.last : lanes<T>);
  const auto load_vector = [&](const T* row, int j) __attribute__((always_inline)) {
    return MASKED && j == RN - 1 ? load_masked<T>(row + j * lanes<T>, mask)
                                 : load<T>(row + j * lanes<T>);
  };

  const T* a_block = p.a;
  [[maybe_unused]] const char* prefetch = p.prefetch;
  const T* g = p.epilogue.g;
  T* c = p.c;
  for (std::int64_t block = 0; block < p.blocks; ++block) {
    Vec<T> sum[RM][RN];
#pragma GCC unroll 16
    for (int j = 0; j < RN; ++j) {
      const Vec<T> bias = p.bias != nullptr ? load_vector(p.bias, j) : Vec<T>{};
#pragma GCC unroll 16
      for (int i = 0; i < RM; ++i) sum[i][j] = bias;
    }
    // C is needed only at the end: prefetched while k runs
    if (p.k >= 64) {
#pragma GCC unroll 16
      for (int i = 0; i < RM; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < RN; ++j) __builtin_prefetch(c + i * p.ldc + j * lanes<T>, 1);
    }
    // A kept activation comes from L3 or memory, for which one block of a short sum is not long
    // enough: it is prefetched some blocks before it is needed.
    if (p.finish && g != nullptr) {
      const std::int64_t lead = p.k >= 64 ? 2 * RM : 4 * RM;
#pragma GCC unroll 16
      for (int i = 0; i < RM; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < RN; ++j)
          __builtin_prefetch(g + (lead + i) * p.epilogue.ldg + j * lanes<T>);
    }

    const T* a = a_block;
    const T* b = p.b;
    std::int64_t k = 0;
    if constexpr (RN == 1 && RM <= 2) {
      if (p.chains) {
        constexpr int chains = 4;
        Vec<T> apart[RM][chains] = {};
        for (; k + chains <= p.k; k += chains, b += chains * p.b_stride) {
#pragma GCC unroll 16
          for (int chain = 0; chain < chains; ++chain) {
            const Vec<T> row = load_vector(b + chain * p.b_stride, 0);
#pragma GCC unroll 16
            for (int i = 0; i < RM; ++i)
              apart[i][chain] +=
                  broadcast<T>(A_ALONG_K ? a[i * p.a_stride + chain] : a[i + chain * p.a_stride]) *
                  row;
          }
          a += A_ALONG_K ? chains : chains * p.a_stride;
        }
#pragma GCC unroll 16
        for (int i = 0; i < RM; ++i)
          sum[i][0] += (apart[i][0] + apart[i][1]) + (apart[i][2] + apart[i][3]);
      }
    }
    for (; k < p.k; ++k) {
      Vec<T> row[RN];
#pragma GCC unroll 16
      for (int j = 0; j < RN; ++j) row[j] = load_vector(b, j);
#pragma GCC unroll 16
      for (int i = 0; i < RM; ++i) {
        const Vec<T> left = broadcast<T>(A_ALONG_K ? a[i * p.a_stride] : a[i]);
#pragma GCC unroll 16
        for (int j = 0; j < RN; ++j) sum[i][j] += left * row[j];
      }
      a += A_ALONG_K ? 1 : p.a_stride;
      b += p.b_stride;
      if constexpr (!A_ALONG_K) {
        __builtin_prefetch(prefetch, 0, 2);
        prefetch += p.prefetch_step;
      }
    }

    if (p.load_c) {
#pragma GCC unroll 16
      for (int i = 0; i < RM; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < RN; ++j) sum[i][j] += load_vector(c + i * p.ldc, j);
    }
    if (p.finish && p.epilogue.only_tanh_gradient()) {
      const Vec<T> one = broadcast<T>(T(1));
#pragma GCC unroll 16
      for (int i = 0; i < RM; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < RN; ++j) {
          const Vec<T> y = load_vector(g + i * p.epilogue.ldg, j);
          sum[i][j] *= one - y * y;
        }
      g += RM * p.epilogue.ldg;
    }
    if (p.finish && !p.epilogue.only_tanh_gradient()) {
      Vec<T> aside[RM * RN];
#pragma GCC unroll 16
      for (int i = 0; i < RM; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < RN; ++j) aside[i * RN + j] = sum[i][j];
      finish_block<T>(aside, RM, RN, MASKED ? p.last : lanes<T>, c, p.ldc, p.epilogue, g);
      if (g != nullptr) g += RM * p.epilogue.ldg;
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < RM; ++i)
#pragma GCC unroll 16
        for (int j = 0; j < RN; ++j)
          if (MASKED && j == RN - 1)
            store_masked<T>(c + i * p.ldc + j * lanes<T>, sum[i][j], mask);
          else
            store<T>(c + i * p.ldc + j * lanes<T>, sum[i][j]);
    }
    a_block += p.a_advance;
    c += RM * p.ldc;
  }
}

template <class T>
using PanelKernel = void (*)(const Panel<T>&);

// The sizes that exist: for each width the heights, from high to low, ending in 1. Widths beyond
// `widest` are for one or two rows, whose sums would otherwise be too few to hide the latency.
#if defined(__AVX512F__)
constexpr int widest = 4;  // vectors
constexpr int widest_low = 8;
constexpr int heights[5][5] = {{}, {12, 8, 4, 2, 1}, {12, 8, 4, 2, 1}, {8, 4, 2, 1}, {6, 4, 2, 1}};
constexpr int packed_rows =
    8;  // the height of a packed A's panels, and the width that goes with it
constexpr int packed_widest = 3;
#elif defined(__AVX2__)
constexpr int widest = 3;
constexpr int widest_low = 8;
constexpr int heights[5][5] = {{}, {8, 4, 2, 1}, {6, 4, 2, 1}, {4, 2, 1}, {}};
constexpr int packed_rows = 4;
constexpr int packed_widest = 3;
#else
constexpr int widest = 2;
constexpr int widest_low = 4;
constexpr int heights[5][5] = {{}, {8, 4, 2, 1}, {4, 2, 1}, {}, {}};
constexpr int packed_rows = 4;
constexpr int packed_widest = 2;
#endif

constexpr bool panel_exists(int height, int width) {
  if (width > widest) return width <= widest_low && height <= 2 && height * width <= 16;
  for (int candidate : heights[width])
    if (candidate == height) return true;
  return false;
}

template <class T, bool A_ALONG_K, bool MASKED>
struct PanelKernels {
  template <int RM, int RN>
  static constexpr PanelKernel<T> one() {
    if constexpr (panel_exists(RM, RN))
      return panel<T, RM, RN, A_ALONG_K, MASKED>;
    else
      return nullptr;
  }
  struct Column {
    PanelKernel<T> of_height[13];
  };
  template <int RN>
  static constexpr Column column() {
    return {{nullptr, one<1, RN>(), one<2, RN>(), nullptr, one<4, RN>(), nullptr, one<6, RN>(),
             nullptr, one<8, RN>(), nullptr, nullptr, nullptr, one<12, RN>()}};
  }
  static constexpr Column of_width[9] = {{},          column<1>(), column<2>(),
                                         column<3>(), column<4>(), column<5>(),
                                         column<6>(), column<7>(), column<8>()};
};

// How A is laid out for the panel kernels.
enum class LeftOperand {
  along_k,   // rows contiguous: A as it is
  across_k,  // a step's rows contiguous: A stored transposed
  packed,    // panels of `packed_rows` rows, each step's rows contiguous
};

// `rows` rows of `width` vectors, in blocks of the largest height and then ever lower ones. `p` is
// complete but for its blocks and advances.
template <class T>
void run_panel(Panel<T> p, std::int64_t rows, int width, LeftOperand left) {
  // where a full mask costs nothing, half of the kernels need not exist
  constexpr bool always_masked = vector_bytes == 64;
  const bool masked = always_masked || p.last != lanes<T>;
  const bool along_k = left == LeftOperand::along_k;
  while (rows > 0) {
    int height = rows >= 2 ? 2 : 1;
    if (width <= widest) {
      const int* candidate = heights[width];
      while (*candidate > rows || (left == LeftOperand::packed && *candidate > packed_rows))
        ++candidate;
      height = *candidate;
    } else if (!panel_exists(2, width)) {
      height = 1;
    }
    p.blocks = rows / height;
    std::int64_t a_advance = along_k ? height * p.a_stride : height;
    if (left == LeftOperand::packed) {
      // below the full height all that is left lies within one panel
      if (height == packed_rows)
        a_advance = packed_rows * p.k;
      else
        p.blocks = 1;
    }
    p.a_advance = a_advance;

    PanelKernel<T> kernel;
    if (always_masked || masked)
      kernel = along_k ? PanelKernels<T, true, true>::of_width[width].of_height[height]
                       : PanelKernels<T, false, true>::of_width[width].of_height[height];
    else
      kernel = along_k ? PanelKernels<T, true, always_masked>::of_width[width].of_height[height]
                       : PanelKernels<T, false, always_masked>::of_width[width].of_height[height];
    kernel(p);

    const std::int64_t done = p.blocks * height;
    rows -= done;
    p.a += p.blocks * a_advance;
    p.prefetch += p.blocks * p.k * p.prefetch_step;
    p.c += done * p.ldc;
    if (p.epilogue.g != nullptr) p.epilogue.g += done * p.epilogue.ldg;
  }
}

}  // namespace understudy::UNDERSTUDY_ISA
