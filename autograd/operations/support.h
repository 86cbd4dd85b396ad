// What the files of this folder share.

#pragma once

#include <initializer_list>
#include <optional>

#include "autograd/program/operation.h"
#include "kernels/elementwise/elementwise.h"

namespace understudy {

// Strides of operands that broadcast over `out`; one dimension where all shapes are the same.
Strided broadcast_strides(const Shape& out, std::initializer_list<const Shape*> operands);

// A shape with a 1 for each of the axes [first, last) of `shape`.
Shape keep_axes(const Shape& shape, int first, int last);

// The function of (y, g) that a cotangent g goes through where y = f(.) was put out: g f'(.),
// written in y. None for Activation::none.
std::optional<Binary> gradient_function(Activation f);

// Refuses a tensor that does not hold reals.
void require_real(const char* operation, Tensor x);
void require_index(const char* operation, Tensor x);

}  // namespace understudy
