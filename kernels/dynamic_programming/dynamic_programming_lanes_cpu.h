// What the sparse kernels of one instruction set share: their work in blocks of rows and lanes
// across a batch, and a row's product.
//
// Include only from this family's `*_cpu.cpp`. Parts depend on the problem alone, never on the
// team, so that results are the same bits for every number of threads.

#pragma once

#include <cstdint>

#include "kernels/device/simd.h"
#include "kernels/device/stream.h"
#include "kernels/device/threads.h"
#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

constexpr std::int64_t parallel_work = 32768;  // multiply-adds; below, waking threads costs more
constexpr int widest = 4;                      // vectors of lanes in one go

UNDERSTUDY_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

template <class Work>
UNDERSTUDY_INLINE void split(Stream& stream, std::int64_t work, std::int64_t parts,
                             const Work& run) {
  if (stream.threads != nullptr && parts > 1 && work > parallel_work) {
    stream.threads->run(static_cast<int>(parts), [&](int part, int) { run(part); });
  } else {
    for (std::int64_t part = 0; part < parts; ++part) run(part);
  }
}

// Lanes [lane, lane + width vectors) of a row; the last call of a batch may have fewer lanes.
template <class T, int Width, bool Partial>
struct Lanes {
  std::int64_t batch, lane;
  int last;  // lanes of the last vector where Partial

  UNDERSTUDY_INLINE void read(const T* array, std::int64_t row, Vec<T>* v) const {
    const T* p = array + row * batch + lane;
    for (int w = 0; w < Width; ++w)
      v[w] = Partial && w == Width - 1 ? load_first<T>(p + w * lanes<T>, last)
                                       : load<T>(p + w * lanes<T>);
  }
  UNDERSTUDY_INLINE void write(T* array, std::int64_t row, const Vec<T>* v) const {
    T* p = array + row * batch + lane;
    for (int w = 0; w < Width; ++w) {
      if (Partial && w == Width - 1)
        store_first<T>(p + w * lanes<T>, v[w], last);
      else
        store<T>(p + w * lanes<T>, v[w]);
    }
  }
};

template <class At>
struct WidthOf;
template <class T, int Width, bool Partial>
struct WidthOf<const Lanes<T, Width, Partial>&> {
  static constexpr int value = Width;
};
template <class At>
constexpr int width_of = WidthOf<At>::value;

// Calls run(Lanes) for every stretch of lanes, and run's parts over blocks of `rows` on threads.
// `run(lanes, first_row, last_row)`.
template <class T, class Run>
UNDERSTUDY_INLINE void over_lanes(Stream& stream, std::int64_t rows, std::int64_t work,
                                  std::int64_t batch, bool sequential, const Run& run) {
  const std::int64_t stretch = widest * lanes<T>;
  const std::int64_t stretches = (batch + stretch - 1) / stretch;
  // About 8192 multiply-adds a part, and rows in order where one depends on another.
  const std::int64_t row_work = work / (rows > 0 ? rows : 1) + 1;
  std::int64_t block = 8192 / row_work + 1;
  if (sequential || block > rows) block = rows > 0 ? rows : 1;
  const std::int64_t blocks = (rows + block - 1) / block;
  split(stream, work * batch, stretches * blocks, [&](std::int64_t part) {
    const std::int64_t lane = part / blocks * stretch, first = part % blocks * block;
    const std::int64_t end = smaller(first + block, rows);
    const std::int64_t left = smaller(batch - lane, stretch);
    const int last = static_cast<int>((left - 1) % lanes<T>) + 1;
    const bool whole = last == lanes<T>;
    switch ((left + lanes<T> - 1) / lanes<T>) {
      case 4:
        if (whole)
          run(Lanes<T, 4, false>{batch, lane, last}, first, end);
        else
          run(Lanes<T, 4, true>{batch, lane, last}, first, end);
        break;
      case 3: run(Lanes<T, 3, true>{batch, lane, last}, first, end); break;
      case 2:
        if (whole)
          run(Lanes<T, 2, false>{batch, lane, last}, first, end);
        else
          run(Lanes<T, 2, true>{batch, lane, last}, first, end);
        break;
      default:
        if (whole)
          run(Lanes<T, 1, false>{batch, lane, last}, first, end);
        else
          run(Lanes<T, 1, true>{batch, lane, last}, first, end);
        break;
    }
  });
}

// acc += sum_j weight[j] x[column[j]] over [begin, end).
template <class T, int Width, bool Partial>
UNDERSTUDY_INLINE void gather_row(const Lanes<T, Width, Partial>& at, std::int64_t begin,
                                  std::int64_t end, const std::int32_t* column, const T* weight,
                                  const T* x, Vec<T>* acc) {
  for (std::int64_t j = begin; j < end; ++j) {
    Vec<T> v[Width];
    at.read(x, column[j], v);
    for (int w = 0; w < Width; ++w) acc[w] += weight[j] * v[w];
  }
}

// sum_j p(j) V(next(j)) of one problem.
template <class T>
UNDERSTUDY_INLINE T causal_ahead(const SparseDynamics<T>& m, std::int64_t k, const T* value) {
  T sum = 0;
  for (std::int64_t j = m.transition_begin[k]; j < m.transition_begin[k + 1]; ++j)
    sum += m.probability[j] * value[m.next_state[j]];
  return sum;
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA
