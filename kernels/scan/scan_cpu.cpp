// Linear recurrences along time, on the CPU.
//
// A recurrence waits for itself: a fused multiply-add takes four cycles, so one row alone goes at a
// quarter of an element a cycle. What helps is to run rows side by side:
//
//   step-major (row_stride 1)  vectors across rows. A strip of rows is followed step by step, with
//                              the carried value read back from L1.
//   anything else              eight rows interleaved, one scalar each: about an element a cycle,
//                              which is also what two loads and a store an element allow.

#include "kernels/device/simd.h"
#include "kernels/device/split.h"
#include "kernels/scan/scan.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

// Rows a strip of the step-major walk: a strip's step of every argument stays in L1
// until the next step, and is long enough for the prefetcher.
constexpr Index strip_rows = 512;
constexpr int interleaved = 8;
// Parts begin at a multiple of this, so that a row is in a vector or in the odd rest whatever the
// team: a compiler may contract the two differently.
constexpr Index part_multiple = 64;

// The three recurrences as one shape: `carry = next(at, carry, out)`, where `out` receives y[at].
// V is a vector of T or T itself; `read(pointer, at)` reads whichever it is.
template <class T>
struct Backward {
  const T* x;
  const T* c;
  template <class V, class Read>
  UNDERSTUDY_INLINE void next(Index at, V& carry, V& out, const Read& read) const {
    carry = read(x, at) + read(c, at) * carry;
    out = carry;
  }
};

template <class T>
struct Forward {
  const T* x;
  const T* c;
  template <class V, class Read>
  UNDERSTUDY_INLINE void next(Index at, V& carry, V& out, const Read& read) const {
    // c before y is written: y may be x, never c.
    out = read(x, at) + carry;
    carry = read(c, at) * out;
  }
};

template <class T>
struct Advantage {
  T discount, decay;  // decay = discount lambda
  const T* reward;
  const T* value;
  const T* next_value;
  const T* terminated;
  const T* ended;
  template <class V, class Read>
  UNDERSTUDY_INLINE void next(Index at, V& carry, V& out, const Read& read) const {
    const V delta = read(reward, at) +
                    (discount - discount * read(terminated, at)) * read(next_value, at) -
                    read(value, at);
    carry = delta + (decay - decay * read(ended, at)) * carry;
    out = carry;
  }
};

// Rows [begin, end) of a step-major shape. The carries of a strip live in `carries`, since the
// forward scan carries something other than y.
template <bool backward, class T, class Step>
UNDERSTUDY_INLINE void scan_strips(const ScanShape& shape, Index begin, Index end, const Step& step,
                                   T* y) {
  constexpr int w = lanes<T>;
  const auto read = [](const T* p, Index at) { return load<T>(p + at); };
  const auto read_one = [](const T* p, Index at) { return p[at]; };
  alignas(64) T carries[strip_rows];
  for (Index first = begin; first < end; first += strip_rows) {
    const Index rows = end - first < strip_rows ? end - first : strip_rows;
    for (Index i = 0; i < rows; ++i) carries[i] = 0;
    for (Index k = 0; k < shape.steps; ++k) {
      const Index t = backward ? shape.steps - 1 - k : k;
      const Index base = first + t * shape.step_stride;
      Index i = 0;
      for (; i + w <= rows; i += w) {
        Vec<T> carry = load<T>(carries + i), out;
        step.next(base + i, carry, out, read);
        store<T>(y + base + i, out);
        store<T>(carries + i, carry);
      }
      for (; i < rows; ++i) {
        T out;
        step.next(base + i, carries[i], out, read_one);
        y[base + i] = out;
      }
    }
  }
}

// `count` rows from `first` on, of any strides.
template <bool backward, int count, class T, class Step>
UNDERSTUDY_INLINE void scan_interleaved(const ScanShape& shape, Index first, const Step& step,
                                        T* y) {
  const auto read = [](const T* p, Index at) { return p[at]; };
  T carry[count] = {};
  for (Index k = 0; k < shape.steps; ++k) {
    const Index t = backward ? shape.steps - 1 - k : k;
    const Index base = first * shape.row_stride + t * shape.step_stride;
    for (int i = 0; i < count; ++i) {
      T out;
      step.next(base + i * shape.row_stride, carry[i], out, read);
      y[base + i * shape.row_stride] = out;
    }
  }
}

template <bool backward, class T, class Step>
UNDERSTUDY_INLINE void scan(Stream& stream, const ScanShape& given, const Step& step, T* y) {
  const ScanShape shape = given;
  split_rows(stream, shape.rows, shape.steps, part_multiple, [=](Index begin, Index end, int) {
    if (shape.row_stride == 1) {
      scan_strips<backward>(shape, begin, end, step, y);
      return;
    }
    Index row = begin;
    for (; row + interleaved <= end; row += interleaved)
      scan_interleaved<backward, interleaved>(shape, row, step, y);
    for (; row < end; ++row) scan_interleaved<backward, 1>(shape, row, step, y);
  });
}

template <class T>
void backward_scan(Stream& stream, const ScanShape& shape, const T* x, const T* c, T* y) {
  scan<true>(stream, shape, Backward<T>{x, c}, y);
}

template <class T>
void forward_scan(Stream& stream, const ScanShape& shape, const T* x, const T* c, T* y) {
  scan<false>(stream, shape, Forward<T>{x, c}, y);
}

template <class T>
void advantages(Stream& stream, const ScanShape& shape, T discount, T lambda, const T* reward,
                const T* value, const T* next_value, const T* terminated, const T* ended,
                T* advantage) {
  const Advantage<T> step{discount,   discount * lambda, reward, value,
                          next_value, terminated,        ended};
  scan<true>(stream, shape, step, advantage);
}

template <class T>
constexpr ScanKernels<T> kernels = {backward_scan<T>, forward_scan<T>, advantages<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<ScanKernels> cpu_kernels<ScanKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
