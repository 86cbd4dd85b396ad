#include "autograd/operations/support.h"

#include "autograd/program/program.h"
#include "kernels/device/error.h"

namespace understudy {

Strided broadcast_strides(const Shape& out, std::initializer_list<const Shape*> operands) {
  Strided result;
  bool all_same = true;
  for (const Shape* operand : operands) {
    bool same = operand->rank() == out.rank();
    for (int axis = 0; same && axis < out.rank(); ++axis) same = (*operand)[axis] == out[axis];
    all_same = all_same && same;
  }
  if (all_same || out.rank() == 0) {
    result.rank = 1;
    result.extent[0] = out.elements();
    int which = 0;
    for (const Shape* operand : operands)
      result.stride[which++][0] = operand->elements() == 1 && out.elements() != 1 ? 0 : 1;
    return result;
  }
  result.rank = out.rank();
  for (int axis = 0; axis < out.rank(); ++axis) result.extent[axis] = out[axis];
  int which = 0;
  for (const Shape* operand : operands) {
    const int lead = out.rank() - operand->rank();
    std::int64_t step = 1;
    for (int axis = out.rank() - 1; axis >= 0; --axis) {
      const std::int64_t size = axis < lead ? 1 : (*operand)[axis - lead];
      result.stride[which][axis] = size == 1 ? 0 : step;
      step *= size;
    }
    ++which;
  }
  return result;
}

Shape keep_axes(const Shape& shape, int first, int last) {
  Shape result;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (axis >= first && axis < last)
      result.append(1);
    else
      result.append(shape.dimension(axis));
  }
  return result;
}

std::optional<Binary> gradient_function(Activation f) {
  switch (f) {
    case Activation::none: return {};
    case Activation::tanh: return Binary::tanh_gradient;
    case Activation::sigmoid: return Binary::sigmoid_gradient;
    case Activation::relu: return Binary::relu_gradient;
  }
  return {};
}

void require_real(const char* operation, Tensor x) {
  if (x.element() != Element::real)
    fail(ErrorKind::bad_shape, "%s: expected numbers, found indices or counters", operation);
}

void require_index(const char* operation, Tensor x) {
  if (x.element() != Element::index) fail(ErrorKind::bad_shape, "%s: expected indices", operation);
}

}  // namespace understudy
