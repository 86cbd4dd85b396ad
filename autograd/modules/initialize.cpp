#include "autograd/modules/initialize.h"

#include <cmath>

#include "kernels/device/backend.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Draws on the host, with the portable kernels: the same numbers everywhere.
std::vector<double> draw(bool normal, std::int64_t n, std::uint64_t seed, std::uint64_t stream) {
  std::vector<double> values(static_cast<std::size_t>(n));
  const RandomKernels<double>& random = cpu_backend<double>(InstructionSet::portable).random;
  Stream here;
  const std::uint64_t counter = 0;
  (normal ? random.normal : random.uniform)(here, RandomState{seed, stream}, &counter, 0, 0, n,
                                            values.data());
  return values;
}

// Makes the rows of a [rows, columns], rows <= columns, orthonormal (modified Gram-Schmidt, twice).
void orthonormalize_rows(std::vector<double>& a, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t i = 0; i < rows; ++i) {
    double* row = a.data() + i * columns;
    for (int pass = 0; pass < 2; ++pass)
      for (std::int64_t j = 0; j < i; ++j) {
        const double* other = a.data() + j * columns;
        double dot = 0;
        for (std::int64_t k = 0; k < columns; ++k) dot += row[k] * other[k];
        for (std::int64_t k = 0; k < columns; ++k) row[k] -= dot * other[k];
      }
    double norm = 0;
    for (std::int64_t k = 0; k < columns; ++k) norm += row[k] * row[k];
    norm = std::sqrt(norm);
    for (std::int64_t k = 0; k < columns; ++k) row[k] /= norm;
  }
}

std::vector<double> orthogonal(std::int64_t rows, std::int64_t columns, std::uint64_t seed,
                               std::uint64_t stream) {
  std::vector<double> a = draw(true, rows * columns, seed, stream);
  if (rows <= columns) {
    orthonormalize_rows(a, rows, columns);
    return a;
  }
  orthonormalize_rows(a, columns, rows);
  std::vector<double> transposed(a.size());
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j) transposed[i * columns + j] = a[j * rows + i];
  return transposed;
}

std::vector<double> one_block(const Initialization& how, std::int64_t in, std::int64_t out,
                              bool out_first, std::uint64_t seed, std::uint64_t stream) {
  const std::int64_t n = in * out;
  std::vector<double> values;
  switch (how.kind) {
    case InitializationKind::constant:
      return std::vector<double>(static_cast<std::size_t>(n), how.scale);
    case InitializationKind::normal:
      values = draw(true, n, seed, stream);
      for (double& value : values) value *= how.scale;
      return values;
    case InitializationKind::xavier_uniform: {
      values = draw(false, n, seed, stream);
      const double limit = how.scale * std::sqrt(6.0 / static_cast<double>(in + out));
      for (double& value : values) value = limit * (2.0 * value - 1.0);
      return values;
    }
    case InitializationKind::he_normal: {
      values = draw(true, n, seed, stream);
      for (double& value : values) value *= how.scale * std::sqrt(2.0 / static_cast<double>(in));
      return values;
    }
    case InitializationKind::orthogonal:
      values = out_first ? orthogonal(out, in, seed, stream) : orthogonal(in, out, seed, stream);
      for (double& value : values) value *= how.scale;
      return values;
    case InitializationKind::column_normalized: {
      values = draw(true, n, seed, stream);
      for (std::int64_t o = 0; o < out; ++o) {
        const auto at = [&](std::int64_t i) -> double& {
          return values[out_first ? o * in + i : i * out + o];
        };
        double norm = 0;
        for (std::int64_t i = 0; i < in; ++i) norm += at(i) * at(i);
        for (std::int64_t i = 0; i < in; ++i) at(i) *= how.scale / std::sqrt(norm);
      }
      return values;
    }
  }
  return values;
}

}  // namespace

std::vector<double> initial_values(const Initialization& how, const Shape& shape,
                                   std::uint64_t seed, std::uint64_t stream) {
  if (shape.rank() < 2) {
    // A vector has no inputs and outputs: each element is a weight of its own.
    return one_block(how, 1, shape.elements(), false, seed, stream);
  }
  if (shape.rank() > 2)  // a convolution: [out, in, height, width]
    return one_block(how, shape.product(1, shape.rank()), shape[0], true, seed, stream);

  const std::int64_t in = shape[0], out = shape[1], blocks = how.blocks;
  UNDERSTUDY_CHECK(blocks >= 1 && out % blocks == 0, "%lld outputs in %lld blocks",
                   static_cast<long long>(out), static_cast<long long>(blocks));
  const std::int64_t width = out / blocks;
  std::vector<double> values(static_cast<std::size_t>(in * out));
  for (std::int64_t block = 0; block < blocks; ++block) {
    const std::vector<double> part = one_block(
        how, in, width, false, seed, stream + static_cast<std::uint64_t>(block) * 0x10000);
    for (std::int64_t i = 0; i < in; ++i)
      for (std::int64_t j = 0; j < width; ++j)
        values[i * out + block * width + j] = part[i * width + j];
  }
  return values;
}

}  // namespace understudy
