// Backups and occupancies of gridworlds by a stencil, for one instruction set.
//
// The grid is cut into tiles of fixed size. A tile's values are copied, with a border, into a
// buffer in which a cell outside the grid repeats its nearest cell inside: a move off the grid
// stays, so the border is exact and the inner loops have no edges.
//
// What made it fast: with E(s) = exp(discount chosen (V(s) - m)), m the tile's largest value, the
// log-sum-exp over actions is m' + log(E(up) + E(down) + E(left) + E(right) + E(stay)). One
// exponential a cell serves five neighbors, which left the backup bound by its logarithm and by
// memory. Where a tile's values spread so far that E would underflow, each cell takes its own
// maximum and five exponentials.

#include "kernels/dynamic_programming/dynamic_programming.h"
#include "kernels/dynamic_programming/dynamic_programming_cpu.h"
#include "kernels/dynamic_programming/dynamic_programming_math.h"

#include "kernels/device/threads.h"

namespace understudy::UNDERSTUDY_ISA {

namespace {

constexpr std::int64_t tile_rows = 16, tile_columns = 256;
constexpr int padding = 2 + 16;  // border, and room for a whole last vector
constexpr std::int64_t pitch = tile_columns + 2 * padding;

// Spread of exponents that sums of five still hold to full precision.
template <class T>
constexpr T safe_spread = sizeof(T) == 4 ? T(60) : T(600);

UNDERSTUDY_INLINE std::int64_t clamp(std::int64_t i, std::int64_t n) {
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

// Copies row `y`, columns [x - border, x + columns + border), repeating the grid's edges.
template <class T>
UNDERSTUDY_INLINE void copy_row(const GridDynamics<T>& grid, const T* array, std::int64_t y,
                                std::int64_t x, std::int64_t columns, int border, T* to) {
  const T* row = array + clamp(y, grid.height) * grid.width;
  for (int i = 1; i <= border; ++i) {
    to[-i] = row[clamp(x - i, grid.width)];
    to[columns + i - 1] = row[clamp(x + columns + i - 1, grid.width)];
  }
  __builtin_memcpy(to, row + x, static_cast<std::size_t>(columns) * sizeof(T));
}

// Largest and smallest of `rows` rows with their borders. False where the spread, times `scale`, is
// too wide for shared exponentials or not finite.
template <class T>
UNDERSTUDY_INLINE bool spread_is_safe(const T* first, std::int64_t rows, std::int64_t columns,
                                      int border, T scale, T* largest) {
  Vec<T> high = broadcast<T>(-__builtin_inff()), low = broadcast<T>(__builtin_inff());
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = first + r * pitch - border;
    const std::int64_t n = columns + 2 * border;
    std::int64_t i = 0;
    for (; i + lanes<T> <= n; i += lanes<T>) {
      const Vec<T> v = load<T>(row + i);
      high = maximum<T>(high, v);
      low = minimum<T>(low, v);
    }
    for (; i < n; ++i) {
      high = maximum<T>(high, broadcast<T>(row[i]));
      low = minimum<T>(low, broadcast<T>(row[i]));
    }
  }
  *largest = maximum_lane<T>(high);
  const T lowest = -maximum_lane<T>(-low);
  return scale * (*largest - lowest) < safe_spread<T>;
}

template <class Work>
UNDERSTUDY_INLINE void over_tiles(Stream& stream, std::int64_t height, std::int64_t width,
                                  const Work& work) {
  const std::int64_t down = (height + tile_rows - 1) / tile_rows;
  const std::int64_t across = (width + tile_columns - 1) / tile_columns;
  auto one = [&](std::int64_t part) {
    const std::int64_t y = part / across * tile_rows, x = part % across * tile_columns;
    work(y, x, height - y < tile_rows ? height - y : tile_rows,
         width - x < tile_columns ? width - x : tile_columns);
  };
  if (stream.threads != nullptr && down * across > 1 && height * width >= 8192) {
    // A row of tiles a part: neighbors in memory stay with one thread.
    stream.threads->run(static_cast<int>(down), [&](int row, int) {
      for (std::int64_t i = 0; i < across; ++i) one(row * across + i);
    });
  } else {
    for (std::int64_t part = 0; part < down * across; ++part) one(part);
  }
}

template <class T>
struct Neighbors {
  Vec<T> up, down, left, right, here;
  UNDERSTUDY_INLINE explicit Neighbors(const T* p)
      : up(load<T>(p - pitch)),
        down(load<T>(p + pitch)),
        left(load<T>(p - 1)),
        right(load<T>(p + 1)),
        here(load<T>(p)) {}
  UNDERSTUDY_INLINE Vec<T> moves() const { return (up + down) + (left + right); }
  UNDERSTUDY_INLINE Vec<T> largest(bool stay) const {
    const Vec<T> m = maximum<T>(maximum<T>(up, down), maximum<T>(left, right));
    return stay ? maximum<T>(m, here) : m;
  }
};

// log of the sum over actions of exp(scale v), five exponentials a cell.
template <class T>
UNDERSTUDY_INLINE Vec<T> log_sum_exp(const Neighbors<T>& v, bool stay, T scale) {
  const Vec<T> m = v.largest(stay);
  Vec<T> sum = (vector_exp<T>(scale * (v.up - m)) + vector_exp<T>(scale * (v.down - m))) +
               (vector_exp<T>(scale * (v.left - m)) + vector_exp<T>(scale * (v.right - m)));
  if (stay) sum += vector_exp<T>(scale * (v.here - m));
  return scale * m + vector_log<T>(sum);
}

// exp(scale (v - m)) of `rows` rows with their borders.
template <class T>
UNDERSTUDY_INLINE void exponentials(const T* v, std::int64_t rows, std::int64_t columns, int border,
                                    T scale, T m, T* e) {
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t x = -border; x < columns + border; x += lanes<T>)
      store<T>(e + r * pitch + x, vector_exp<T>(scale * (load<T>(v + r * pitch + x) - m)));
}

template <class T, bool Stay>
UNDERSTUDY_INLINE void backup_tile(const GridDynamics<T>& grid, bool soft, T discount,
                                   const T* reward, const T* value, T* new_value, std::int64_t y0,
                                   std::int64_t x0, std::int64_t rows, std::int64_t columns) {
  T values[(tile_rows + 2) * pitch], shared[(tile_rows + 2) * pitch];
  T* const v = values + pitch + padding;
  T* const e = shared + pitch + padding;
  for (std::int64_t r = -1; r <= rows; ++r) {
    copy_row<T>(grid, value, y0 + r, x0, columns, 1, v + r * pitch);
    for (int i = 1; i <= 16; ++i) v[r * pitch + columns + i] = v[r * pitch + columns];
  }
  const T scale = discount * grid.chosen;
  const T stay_slip = discount * grid.stay_slip, move_slip = discount * grid.move_slip;
  T m = 0;
  const bool one_exponential =
      soft && spread_is_safe<T>(v - pitch, rows + 2, columns, 1, scale, &m);
  if (one_exponential) exponentials<T>(v - pitch, rows + 2, columns, 1, scale, m, e - pitch);
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = (y0 + r) * grid.width + x0;
    for (std::int64_t x = 0; x < columns; x += lanes<T>) {
      const Neighbors<T> near(v + r * pitch + x);
      Vec<T> ahead;
      if (one_exponential) {
        const Neighbors<T> exps(e + r * pitch + x);
        Vec<T> sum = exps.moves();
        if (Stay) sum += exps.here;
        ahead = scale * m + vector_log<T>(sum);
      } else if (soft) {
        ahead = log_sum_exp<T>(near, Stay, scale);
      } else {
        ahead = scale * near.largest(Stay);
      }
      ahead += stay_slip * near.here + move_slip * near.moves();
      if (columns - x >= lanes<T>) {
        store<T>(new_value + at + x, load<T>(reward + at + x) + ahead);
      } else {
        const int left = static_cast<int>(columns - x);
        store_first<T>(new_value + at + x, load_first<T>(reward + at + x, left) + ahead, left);
      }
    }
  }
}

template <class T>
void grid_backup(Stream& stream, const GridDynamics<T>& grid, Backup backup, T discount,
                 const T* reward, const T* value, T* new_value) {
  const bool soft = backup == Backup::log_sum_exp;
  over_tiles(stream, grid.height, grid.width,
             [&](std::int64_t y, std::int64_t x, std::int64_t rows, std::int64_t columns) {
               if (grid.stay)
                 backup_tile<T, true>(grid, soft, discount, reward, value, new_value, y, x, rows,
                                      columns);
               else
                 backup_tile<T, false>(grid, soft, discount, reward, value, new_value, y, x, rows,
                                       columns);
             });
}

// What arrives at s' by a chosen action is, with w(s) = d(s) / Z(s), E(s') times the sum of w over
// the cells that some action takes to s': the four neighbors (s' itself for each that lies outside
// the grid) and s' where staying is an action. So the occupancy is a stencil too.
template <class T>
UNDERSTUDY_INLINE void forward_tile(const GridDynamics<T>& grid, T discount, T forward_discount,
                                    const T* source, const T* value, const T* occupancy,
                                    T* new_occupancy, T* total, std::int64_t y0, std::int64_t x0,
                                    std::int64_t rows, std::int64_t columns) {
  T values[(tile_rows + 4) * pitch], shared[(tile_rows + 4) * pitch];
  T present[(tile_rows + 4) * pitch], weights[(tile_rows + 4) * pitch];
  T* const v = values + 2 * pitch + padding;
  T* const e = shared + 2 * pitch + padding;
  T* const d = present + 2 * pitch + padding;
  T* const w = weights + 2 * pitch + padding;
  for (std::int64_t r = -2; r < rows + 2; ++r) {
    copy_row<T>(grid, value, y0 + r, x0, columns, 2, v + r * pitch);
    for (int i = 2; i <= 16; ++i) v[r * pitch + columns + i] = v[r * pitch + columns];
  }
  for (std::int64_t r = -1; r < rows + 1; ++r) {
    copy_row<T>(grid, occupancy, y0 + r, x0, columns, 1, d + r * pitch);
    for (int i = 1; i <= 16; ++i) d[r * pitch + columns + i] = 0;
  }
  const T scale = discount * grid.chosen;
  T m = 0;
  const bool one_exponential = spread_is_safe<T>(v - 2 * pitch, rows + 4, columns, 2, scale, &m);
  if (one_exponential)
    exponentials<T>(v - 2 * pitch, rows + 4, columns, 2, scale, m, e - 2 * pitch);
  // w, or else the log of Z, on the tile and a border of one.
  const std::int64_t begin = x0 > 0 ? -1 : 0,
                     end = x0 + columns < grid.width ? columns + 1 : columns;
  for (std::int64_t r = -1; r <= rows; ++r) {
    if (y0 + r < 0 || y0 + r >= grid.height) continue;
    for (std::int64_t x = begin; x < end; x += lanes<T>) {
      const std::int64_t i = r * pitch + x;
      if (one_exponential) {
        const Neighbors<T> exps(e + i);
        const Vec<T> z = grid.stay ? exps.moves() + exps.here : exps.moves();
        store<T>(w + i, load<T>(d + i) / z);
      } else {
        store<T>(w + i, log_sum_exp<T>(Neighbors<T>(v + i), grid.stay, scale));
      }
    }
    // The border outside the grid repeats the cell inside.
    if (begin == 0) w[r * pitch - 1] = w[r * pitch];
    if (end == columns) w[r * pitch + columns] = w[r * pitch + columns - 1];
  }
  for (std::int64_t x = -1; x <= columns; ++x) {
    if (y0 == 0) w[-pitch + x] = w[x];
    if (y0 + rows == grid.height) w[rows * pitch + x] = w[(rows - 1) * pitch + x];
  }
  const T chosen = forward_discount * grid.chosen;
  const T stay_slip = forward_discount * grid.stay_slip;
  const T move_slip = forward_discount * grid.move_slip;
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t at = (y0 + r) * grid.width + x0;
    for (std::int64_t x = 0; x < columns; x += lanes<T>) {
      const std::int64_t i = r * pitch + x;
      const Neighbors<T> from(d + i), weight(w + i);
      Vec<T> in;
      if (one_exponential) {
        in = weight.moves();
        if (grid.stay) in += weight.here;
        in *= load<T>(e + i);
      } else {
        const Vec<T> here = scale * load<T>(v + i);
        in = (from.up * vector_exp<T>(here - weight.up) +
              from.down * vector_exp<T>(here - weight.down)) +
             (from.left * vector_exp<T>(here - weight.left) +
              from.right * vector_exp<T>(here - weight.right));
        if (grid.stay) in += from.here * vector_exp<T>(here - weight.here);
      }
      in = chosen * in + (stay_slip * from.here + move_slip * from.moves());
      const int n = columns - x >= lanes<T> ? lanes<T> : static_cast<int>(columns - x);
      if (source != nullptr) in += load_first<T>(source + at + x, n);
      if (n == lanes<T>)
        store<T>(new_occupancy + at + x, in);
      else
        store_first<T>(new_occupancy + at + x, in, n);
      if (total != nullptr) {
        if (n == lanes<T>)
          store<T>(total + at + x, load<T>(total + at + x) + in);
        else
          store_first<T>(total + at + x, load_first<T>(total + at + x, n) + in, n);
      }
    }
  }
}

template <class T>
void grid_forward(Stream& stream, const GridDynamics<T>& grid, T discount, T forward_discount,
                  const T* source, const T* value, const T* occupancy, T* new_occupancy, T* total) {
  over_tiles(stream, grid.height, grid.width,
             [&](std::int64_t y, std::int64_t x, std::int64_t rows, std::int64_t columns) {
               forward_tile<T>(grid, discount, forward_discount, source, value, occupancy,
                               new_occupancy, total, y, x, rows, columns);
             });
}

}  // namespace

template <class T>
void fill_grid(DynamicProgrammingKernels<T>& kernels) {
  kernels.grid_backup = grid_backup<T>;
  kernels.grid_forward = grid_forward<T>;
}
template void fill_grid(DynamicProgrammingKernels<float>&);
template void fill_grid(DynamicProgrammingKernels<double>&);

}  // namespace understudy::UNDERSTUDY_ISA
