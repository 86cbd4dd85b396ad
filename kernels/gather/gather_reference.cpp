// Moving rows and elements by index, one element at a time.

#include "kernels/gather/gather.h"

namespace understudy::reference {
namespace {

using Index = std::int64_t;

constexpr double not_a_number = __builtin_nan("");

bool within(std::int32_t index, Index n) { return 0 <= index && index < n; }

// y[i, :] = table[index[i], :]
void gather_rows(Stream&, Index rows, Index width, Index table_rows, const double* table,
                 const std::int32_t* index, double* y) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < width; ++j)
      y[i * width + j] = within(index[i], table_rows) ? table[index[i] * width + j] : not_a_number;
}

void gather_bytes(Stream&, Index rows, Index width, Index table_rows, const std::uint8_t* table,
                  const std::int32_t* index, double* y) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < width; ++j)
      y[i * width + j] = within(index[i], table_rows) ? table[index[i] * width + j] : not_a_number;
}

// table[index[i], :] += x[i, :]: the adjoint of gather_rows.
void scatter_rows(Stream&, Index rows, Index width, Index table_rows, const double* x,
                  const std::int32_t* index, double* table) {
  for (Index i = 0; i < rows; ++i) {
    if (!within(index[i], table_rows)) continue;
    for (Index j = 0; j < width; ++j) table[index[i] * width + j] += x[i * width + j];
  }
}

// y[i] = x[i, index[i]]
void take_along_axis(Stream&, Index rows, Index n, const double* x, const std::int32_t* index,
                     double* y) {
  for (Index i = 0; i < rows; ++i) y[i] = within(index[i], n) ? x[i * n + index[i]] : not_a_number;
}

// y[i, j] = (j == index[i]) x[i]: the adjoint of take_along_axis.
void scatter(Stream&, Index rows, Index n, const double* x, const std::int32_t* index, double* y) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < n; ++j) y[i * n + j] = j == index[i] ? x[i] : 0.0;
}

void one_hot(Stream&, Index rows, Index n, const std::int32_t* index, double* y) {
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < n; ++j) y[i * n + j] = j == index[i] ? 1.0 : 0.0;
}

constexpr GatherKernels<double> kernels = {gather_rows,     gather_bytes, scatter_rows,
                                           take_along_axis, scatter,      one_hot};

}  // namespace
}  // namespace understudy::reference

namespace understudy {
template <>
GatherKernels<double> reference_kernels<GatherKernels>() {
  return reference::kernels;
}
}  // namespace understudy
