// How parameters start. The same seed gives the same numbers on every device.

#pragma once

#include <cstdint>
#include <vector>

#include "autograd/program/shape.h"

namespace understudy {

// A weight is [inputs, outputs], or [outputs, inputs, height, width] of a convolution.
//
//   constant           scale
//   normal             N(0, scale²)
//   xavier_uniform     U(-a, a), a = scale sqrt(6 / (in + out))   (Glorot & Bengio 2010, eq. 16)
//   he_normal          N(0, 2 scale² / in)                        (He et al. 2015, equation 10)
//   orthogonal         orthonormal rows or columns, times scale   (Saxe et al. 2014, section 3)
//   column_normalized  normal, each output's weights of norm scale (Schulman et al. 2015, policies)
enum class InitializationKind {
  constant,
  normal,
  xavier_uniform,
  he_normal,
  orthogonal,
  column_normalized,
};

struct Initialization {
  InitializationKind kind = InitializationKind::xavier_uniform;
  double scale = 1.0;
  // Recurrent weights [hidden, gates * hidden] start block by block.
  std::int64_t blocks = 1;
};

constexpr Initialization zeros() { return {InitializationKind::constant, 0.0, 1}; }
constexpr Initialization ones() { return {InitializationKind::constant, 1.0, 1}; }

// The numbers of a parameter of that shape, from stream `stream` of `seed`.
std::vector<double> initial_values(const Initialization& how, const Shape& shape,
                                   std::uint64_t seed, std::uint64_t stream);

}  // namespace understudy
