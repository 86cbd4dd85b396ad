// Sparse matrices by rows, for one instruction set: products, triangular systems, sampled products,
// and the largest change of a vector.
//
// Lanes run across the batch, up to four vectors of one row at a time, so that every index is read
// once for four vectors of work.

#include "kernels/dynamic_programming/dynamic_programming.h"
#include "kernels/dynamic_programming/dynamic_programming_cpu.h"
#include "kernels/dynamic_programming/dynamic_programming_lanes_cpu.h"

namespace understudy::UNDERSTUDY_ISA {

namespace {

template <class T>
void multiply(Stream& stream, const SparseRows<T>& a, std::int64_t batch, const T* x, const T* b,
              T* y) {
  const std::int64_t entries = a.rows > 0 ? a.begin[a.rows] : 0;
  if (batch == 1) {
    constexpr std::int64_t block = 2048;
    split(stream, entries, (a.rows + block - 1) / block, [&](std::int64_t part) {
      for (std::int64_t i = part * block; i < smaller(part * block + block, a.rows); ++i) {
        T sum = b != nullptr ? b[i] : T(0);
        for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j)
          sum += a.value[j] * x[a.column[j]];
        y[i] = sum;
      }
    });
    return;
  }
  over_lanes<T>(stream, a.rows, entries, batch, false,
                [&](const auto& at, std::int64_t first, std::int64_t end) {
                  constexpr int width = width_of<decltype(at)>;
                  for (std::int64_t i = first; i < end; ++i) {
                    Vec<T> sum[width];
                    for (int w = 0; w < width; ++w) sum[w] = Vec<T>{};
                    if (b != nullptr) at.read(b, i, sum);
                    gather_row<T>(at, a.begin[i], a.begin[i + 1], a.column, a.value, x, sum);
                    at.write(y, i, sum);
                  }
                });
}

template <class T>
void solve_triangular(Stream& stream, const SparseRows<T>& a, const T* inverse_diagonal,
                      bool descending, std::int64_t batch, T* x) {
  if (a.rows == 0) return;
  if (batch == 1) {
    for (std::int64_t step = 0; step < a.rows; ++step) {
      const std::int64_t i = descending ? a.rows - 1 - step : step;
      T sum = x[i];
      for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j) sum -= a.value[j] * x[a.column[j]];
      x[i] = inverse_diagonal != nullptr ? sum * inverse_diagonal[i] : sum;
    }
    return;
  }
  over_lanes<T>(stream, a.rows, a.begin[a.rows] + a.rows, batch, true,
                [&](const auto& at, std::int64_t, std::int64_t) {
                  constexpr int width = width_of<decltype(at)>;
                  for (std::int64_t step = 0; step < a.rows; ++step) {
                    const std::int64_t i = descending ? a.rows - 1 - step : step;
                    Vec<T> sum[width];
                    at.read(x, i, sum);
                    for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j) {
                      Vec<T> v[width];
                      at.read(x, a.column[j], v);
                      for (int w = 0; w < width; ++w) sum[w] -= a.value[j] * v[w];
                    }
                    if (inverse_diagonal != nullptr)
                      for (int w = 0; w < width; ++w) sum[w] *= inverse_diagonal[i];
                    at.write(x, i, sum);
                  }
                });
}

// Lanes across the batch are summed in vectors of their own and then across, in one order.
template <class T>
void sampled_product(Stream& stream, const SparseRows<T>& a, std::int64_t batch, const T* x,
                     const T* y, T* out) {
  const std::int64_t entries = a.rows > 0 ? a.begin[a.rows] : 0;
  constexpr std::int64_t block = 256;
  split(stream, entries * batch, (a.rows + block - 1) / block, [&](std::int64_t part) {
    for (std::int64_t i = part * block; i < smaller(part * block + block, a.rows); ++i) {
      const T* const row = x + i * batch;
      for (std::int64_t j = a.begin[i]; j < a.begin[i + 1]; ++j) {
        const T* const other = y + static_cast<std::int64_t>(a.column[j]) * batch;
        Vec<T> even{}, odd{};
        std::int64_t c = 0;
        for (; c + 2 * lanes<T> <= batch; c += 2 * lanes<T>) {
          even += load<T>(row + c) * load<T>(other + c);
          odd += load<T>(row + c + lanes<T>) * load<T>(other + c + lanes<T>);
        }
        for (; c < batch; c += lanes<T>) {
          const int n = static_cast<int>(smaller(batch - c, lanes<T>));
          even += load_first<T>(row + c, n) * load_first<T>(other + c, n);
        }
        out[j] += a.value[j] * sum_lanes<T>(even + odd);
      }
    }
  });
}

// The largest over fixed blocks; a NaN anywhere wins.
template <class T>
void maximum_change(Stream& stream, std::int64_t n, const T* a, const T* b, T* result) {
  constexpr std::int64_t most = 64;
  std::int64_t block = (n + most - 1) / most;
  if (block < 8192) block = 8192;
  const std::int64_t blocks = (n + block - 1) / block;
  T part_result[most];
  split(stream, n, blocks, [&](std::int64_t part) {
    const std::int64_t end = smaller(part * block + block, n);
    Vec<T> high{}, bad{};
    for (std::int64_t i = part * block; i < end; i += lanes<T>) {
      const int left = static_cast<int>(smaller(end - i, lanes<T>));
      const Vec<T> x = left == lanes<T> ? load<T>(a + i) : load_first<T>(a + i, left);
      const Vec<T> y = left == lanes<T> ? load<T>(b + i) : load_first<T>(b + i, left);
      const Vec<T> d = x == y ? Vec<T>{} : x - y;
      high = maximum<T>(high, d < T(0) ? -d : d);
      bad = d == d ? bad : d;
    }
    T h = maximum_lane<T>(high);
    for (int i = 0; i < lanes<T>; ++i)
      if (bad[i] != bad[i]) h = bad[i];
    part_result[part] = h;
  });
  T high = 0;
  for (std::int64_t part = 0; part < blocks; ++part)
    if (part_result[part] > high || part_result[part] != part_result[part]) {
      high = part_result[part];
      if (high != high) break;
    }
  *result = high;
}

}  // namespace

template <class T>
void fill_rows(DynamicProgrammingKernels<T>& kernels) {
  kernels.multiply = multiply<T>;
  kernels.solve_triangular = solve_triangular<T>;
  kernels.sampled_product = sampled_product<T>;
  kernels.maximum_change = maximum_change<T>;
}
template void fill_rows(DynamicProgrammingKernels<float>&);
template void fill_rows(DynamicProgrammingKernels<double>&);

}  // namespace understudy::UNDERSTUDY_ISA
