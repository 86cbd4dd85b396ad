// Strided copies on the CPU.
//
// Elements are words of 4 or 8 bytes, moved as they are. The dimensions are put in the order of the
// output's strides, so that writes go forward through memory; then the innermost pair decides:
//
//   both contiguous            rows are block copies
//   input constant             rows are fills; short ones, of a number a row, whole vectors
//   the same row again         what is written is copied on
//   input contiguous elsewhere a transpose: squares of 16 x 16, so that each line of either side is
//                              used whole while it is in the cache
//   otherwise                  one by one

#include "kernels/device/split.h"
#include "kernels/elementwise/collapse.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

using Index = std::int64_t;

constexpr Index square = 16;

// Dimensions by falling stride of the output (operand 1), then collapsed again: a permutation of
// both sides may have hidden neighbors that walk as one.
UNDERSTUDY_INLINE Index order_by_output(const Strided& from, Strided& to) {
  Strided sorted = from;
  for (int d = 1; d < sorted.rank; ++d)
    for (int e = d; e > 0 && sorted.stride[1][e - 1] < sorted.stride[1][e]; --e) {
      const Index extent = sorted.extent[e];
      sorted.extent[e] = sorted.extent[e - 1];
      sorted.extent[e - 1] = extent;
      for (int o = 0; o < 2; ++o) {
        const Index stride = sorted.stride[o][e];
        sorted.stride[o][e] = sorted.stride[o][e - 1];
        sorted.stride[o][e - 1] = stride;
      }
    }
  return collapse<2>(sorted, to);
}

template <class W>
UNDERSTUDY_INLINE void copy_row(Index n, const W* x, Index step_x, W* y, Index step_y) {
  if (step_x == 1 && step_y == 1) {
    if (n >= 16)
      __builtin_memcpy(y, x, static_cast<std::size_t>(n) * sizeof(W));
    else
      for (Index i = 0; i < n; ++i) y[i] = x[i];
  } else if (step_x == 0 && step_y == 1) {
    const W value = x[0];
    for (Index i = 0; i < n; ++i) y[i] = value;
  } else {
    for (Index i = 0; i < n; ++i) y[i * step_y] = x[i * step_x];
  }
}

// y[i * step_i + j] = x[i + j * step_j] for i in [begin, end), j in [0, n).
template <class W>
UNDERSTUDY_INLINE void transpose(Index begin, Index end, Index n, const W* x, Index step_j, W* y,
                                 Index step_i) {
  for (Index j0 = 0; j0 < n; j0 += square) {
    const Index columns = n - j0 < square ? n - j0 : square;
    for (Index i0 = begin; i0 < end; i0 += square) {
      const Index rows = end - i0 < square ? end - i0 : square;
      const W* from = x + i0 + j0 * step_j;
      W* to = y + i0 * step_i + j0;
      if (rows == square && columns == square) {
        W tile[square][square];
        for (int j = 0; j < square; ++j)
          for (int i = 0; i < square; ++i) tile[i][j] = from[i + j * step_j];
        for (int i = 0; i < square; ++i)
          for (int j = 0; j < square; ++j) to[i * step_i + j] = tile[i][j];
      } else {
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < columns; ++j) to[i * step_i + j] = from[i + j * step_j];
      }
    }
  }
}

// Rows of n < `square` equal words, x[row] each: every row is written as a whole vector or two, of
// which the next row's overwrite what is too much.
template <class W>
UNDERSTUDY_INLINE void repeat_each(Index rows, Index n, const W* x, W* y) {
  Index row = 0;
  for (; row < rows && (rows - row) * n >= square; ++row, y += n) {
    W words[square];
    for (W& word : words) word = x[row];
    __builtin_memcpy(y, words, sizeof words);
  }
  for (; row < rows; ++row)
    for (Index i = 0; i < n; ++i) *y++ = x[row];
}

// One row of n < `square` words again and again: what is written is copied on, twice as much each
// time, up to what stays in L1.
template <class W>
UNDERSTUDY_INLINE void repeat_row(Index rows, Index n, const W* x, W* y) {
  const Index all = rows * n, most = 1024 / n * n;
  for (Index i = 0; i < n; ++i) y[i] = x[i];
  for (Index done = n; done < all;) {
    Index more = done < most ? done : most;
    if (more > all - done) more = all - done;
    __builtin_memcpy(y + done, y, static_cast<std::size_t>(more) * sizeof(W));
    done += more;
  }
}

template <class W>
UNDERSTUDY_INLINE void copy_any(Stream& stream, const Strided& wide, const W* x, W* y) {
  Strided shape;
  const Index elements = order_by_output(wide, shape);
  if (elements == 0) return;
  const int inner = shape.rank - 1;
  const Index n = shape.extent[inner];
  const Index step_x = shape.stride[0][inner], step_y = shape.stride[1][inner];
  if (shape.rank == 1) {
    split_rows(stream, n, 1, 64, [=](Index begin, Index end, int) {
      copy_row(end - begin, x + begin * step_x, step_x, y + begin * step_y, step_y);
    });
    return;
  }

  if (shape.rank == 2 && step_x == 0 && step_y == 1 && n < square && shape.stride[0][0] == 1 &&
      shape.stride[1][0] == n) {
    split_rows(stream, shape.extent[0], n, 1, [=](Index begin, Index end, int) {
      repeat_each(end - begin, n, x + begin, y + begin * n);
    });
    return;
  }

  if (shape.rank == 2 && step_x == 1 && step_y == 1 && n < square && shape.stride[0][0] == 0 &&
      shape.stride[1][0] == n) {
    split_rows(stream, shape.extent[0], n, 1,
               [=](Index begin, Index end, int) { repeat_row(end - begin, n, x, y + begin * n); });
    return;
  }

  // the dimension along which the input is contiguous, if the innermost is not it
  int across = -1;
  if (step_y == 1 && step_x != 0 && step_x != 1)
    for (int d = 0; d < inner; ++d)
      if (shape.stride[0][d] == 1) across = d;
  const Index wide_rows = across >= 0 ? shape.extent[across] : 1;

  // rows: every dimension but the innermost, `across` the fastest of them
  split_rows(stream, elements / n, n, across >= 0 ? square : 1, [&](Index begin, Index end, int) {
    for (Index row = begin; row < end;) {
      Index rest = row / wide_rows, at_x = 0, at_y = 0;
      for (int d = inner - 1; d >= 0; --d) {
        if (d == across) continue;
        const Index at = rest % shape.extent[d];
        rest /= shape.extent[d];
        at_x += at * shape.stride[0][d];
        at_y += at * shape.stride[1][d];
      }
      if (across < 0) {
        copy_row(n, x + at_x, step_x, y + at_y, step_y);
        ++row;
      } else {
        const Index first = row % wide_rows;
        const Index last = wide_rows - first < end - row ? wide_rows : first + (end - row);
        transpose(first, last, n, x + at_x, step_x, y + at_y, shape.stride[1][across]);
        row += last - first;
      }
    }
  });
}

}  // namespace

void copy_words(Stream& stream, const Strided& shape, const std::uint32_t* x, std::uint32_t* y) {
  copy_any(stream, shape, x, y);
}
void copy_words(Stream& stream, const Strided& shape, const std::uint64_t* x, std::uint64_t* y) {
  copy_any(stream, shape, x, y);
}

}  // namespace understudy::UNDERSTUDY_ISA
