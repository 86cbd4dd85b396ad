#include "autograd/program/shape.h"

namespace understudy {

std::string Shape::text() const {
  std::string text = "[";
  for (int axis = 0; axis < rank_; ++axis) {
    if (axis != 0) text += ", ";
    if (axis == 0 && has_rows_) text += "rows ";
    text += std::to_string(size_[axis]);
  }
  return text + "]";
}

Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  const int lead = longer.rank() - shorter.rank();

  Shape result;
  for (int axis = 0; axis < longer.rank(); ++axis) {
    Dimension from_longer = longer.dimension(axis);
    if (axis < lead) {
      result.append(from_longer);
      continue;
    }
    Dimension from_shorter = shorter.dimension(axis - lead);
    const bool fits =
        from_longer.size == from_shorter.size || from_longer.size == 1 || from_shorter.size == 1;
    // Rows meet rows, or something that is stretched over them; and they stay in front.
    const bool same_kind = from_longer.is_rows == from_shorter.is_rows ||
                           (from_longer.is_rows ? from_shorter.size == 1 : from_longer.size == 1);
    if (!fits || !same_kind)
      fail(ErrorKind::bad_shape, "%s: shapes %s and %s do not fit", operation, a.text().c_str(),
           b.text().c_str());
    const bool take_longer = from_shorter.is_rows  ? false
                             : from_longer.is_rows ? true
                                                   : from_shorter.size == 1;
    result.append(take_longer ? from_longer : from_shorter);
  }
  return result;
}

}  // namespace understudy
