// Moving rows and elements by index, on the CPU.
//
// All of it is bound by memory: whole vectors for the columns that fill them, one masked vector for
// the rest, and for narrow rows (embeddings of a few numbers) plain scalars, since a masked vector
// costs more than two or three of them.

#include "kernels/device/simd.h"
#include "kernels/device/split.h"
#include "kernels/gather/gather.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

// Rows narrower than this are moved by scalars.
constexpr Index narrow = 4;

UNDERSTUDY_INLINE bool within(std::int32_t index, Index n) { return 0 <= index && index < n; }

template <class T>
UNDERSTUDY_INLINE void copy_row(const T* from, T* to, Index n) {
  if (n < narrow) {
    for (Index j = 0; j < n; ++j) to[j] = from[j];
    return;
  }
  Index j = 0;
  for (; j + lanes<T> <= n; j += lanes<T>) store<T>(to + j, load<T>(from + j));
  if (j < n) store_first<T>(to + j, load_first<T>(from + j, int(n - j)), int(n - j));
}

// Through integers as wide as T, which is how every instruction set widens bytes.
template <class T>
UNDERSTUDY_INLINE void convert_row(const std::uint8_t* from, T* to, Index n) {
  typedef std::uint8_t Bytes __attribute__((vector_size(lanes<T>)));
  Index j = 0;
  for (; j + lanes<T> <= n; j += lanes<T>) {
    Bytes bytes;
    std::memcpy(&bytes, from + j, sizeof bytes);
    store<T>(to + j, __builtin_convertvector(__builtin_convertvector(bytes, VecInt<T>), Vec<T>));
  }
  for (; j < n; ++j) to[j] = T(from[j]);
}

template <class T>
UNDERSTUDY_INLINE void fill_row(T* to, T value, Index n) {
  const Vec<T> v = broadcast<T>(value);
  Index j = 0;
  for (; j + lanes<T> <= n; j += lanes<T>) store<T>(to + j, v);
  if (j < n) store_first<T>(to + j, v, int(n - j));
}

template <class T>
UNDERSTUDY_INLINE void add_row(const T* from, T* to, Index n) {
  if (n < narrow) {
    for (Index j = 0; j < n; ++j) to[j] += from[j];
    return;
  }
  Index j = 0;
  for (; j + lanes<T> <= n; j += lanes<T>) store<T>(to + j, load<T>(to + j) + load<T>(from + j));
  if (j < n) {
    const int rest = int(n - j);
    store_first<T>(to + j, load_first<T>(to + j, rest) + load_first<T>(from + j, rest), rest);
  }
}

template <class T>
void gather_rows(Stream& stream, Index rows, Index width, Index table_rows, const T* table,
                 const std::int32_t* index, T* y) {
  split_rows(stream, rows, width, 1, [=](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      if (within(index[i], table_rows))
        copy_row(table + index[i] * width, y + i * width, width);
      else
        fill_row(y + i * width, T(__builtin_nanf("")), width);
    }
  });
}

template <class T>
void gather_bytes(Stream& stream, Index rows, Index width, Index table_rows,
                  const std::uint8_t* table, const std::int32_t* index, T* y) {
  split_rows(stream, rows, width, 1, [=](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i) {
      if (within(index[i], table_rows))
        convert_row(table + index[i] * width, y + i * width, width);
      else
        fill_row(y + i * width, T(__builtin_nanf("")), width);
    }
  });
}

// Two rows may meet in one row of the table, so a team splits the columns: each member goes through
// all rows in order, and no two touch the same column.
template <class T>
void scatter_rows(Stream& stream, Index rows, Index width, Index table_rows, const T* x,
                  const std::int32_t* index, T* table) {
  constexpr Index strip = 64 / sizeof(T);
  split_rows(stream, (width + strip - 1) / strip, rows * strip, 1,
             [=](Index begin, Index end, int) {
               const Index first = begin * strip;
               const Index columns = (end * strip < width ? end * strip : width) - first;
               for (Index i = 0; i < rows; ++i)
                 if (within(index[i], table_rows))
                   add_row(x + i * width + first, table + index[i] * width + first, columns);
             });
}

template <class T>
void take_along_axis(Stream& stream, Index rows, Index n, const T* x, const std::int32_t* index,
                     T* y) {
  split_rows(stream, rows, 1, 1, [=](Index begin, Index end, int) {
    for (Index i = begin; i < end; ++i)
      y[i] = within(index[i], n) ? x[i * n + index[i]] : T(__builtin_nanf(""));
  });
}

// Zeros in one run over the part, then one element a row.
template <class T>
void scatter(Stream& stream, Index rows, Index n, const T* x, const std::int32_t* index, T* y) {
  split_rows(stream, rows, n, 1, [=](Index begin, Index end, int) {
    fill_row(y + begin * n, T(0), (end - begin) * n);
    for (Index i = begin; i < end; ++i)
      if (within(index[i], n)) y[i * n + index[i]] = x[i];
  });
}

template <class T>
void one_hot(Stream& stream, Index rows, Index n, const std::int32_t* index, T* y) {
  split_rows(stream, rows, n, 1, [=](Index begin, Index end, int) {
    fill_row(y + begin * n, T(0), (end - begin) * n);
    for (Index i = begin; i < end; ++i)
      if (within(index[i], n)) y[i * n + index[i]] = T(1);
  });
}

template <class T>
constexpr GatherKernels<T> kernels = {gather_rows<T>,     gather_bytes<T>, scatter_rows<T>,
                                      take_along_axis<T>, scatter<T>,      one_hot<T>};

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<GatherKernels> cpu_kernels<GatherKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>, UNDERSTUDY_ISA::kernels<double>};
}
}  // namespace understudy
