#include "autograd/program/data_view.h"

#include "kernels/device/error.h"

namespace understudy {

DataView DataView::rows(const RowRange& range) const {
  const auto number = [](std::int64_t n) { return static_cast<long long>(n); };
  if (!shape_.has_rows())
    fail(ErrorKind::bad_shape, "rows of %s: expected a view of rows, found shape %s", name_.c_str(),
         shape_.text().c_str());
  const std::int64_t there = shape_.row_count(), after = there - range.offset;
  if (range.offset < 0 || after < 0 || range.stride < 1 || range.count < -1)
    fail(ErrorKind::bad_shape,
         "rows of %s: expected an offset from 0 to %lld and a stride of at least 1, found %lld and "
         "%lld",
         name_.c_str(), number(there), number(range.offset), number(range.stride));
  if (range.count < 0 && after % range.stride != 0)
    fail(ErrorKind::bad_shape, "rows of %s: every %lld-th of %lld rows leaves a rest",
         name_.c_str(), number(range.stride), number(after));
  const std::int64_t count = range.count < 0 ? after / range.stride : range.count;
  if (count > after / range.stride)
    fail(ErrorKind::bad_shape,
         "rows of %s: expected %lld rows, for %lld with a stride of %lld from row %lld on, found "
         "%lld",
         name_.c_str(), number(range.offset + count * range.stride), number(count),
         number(range.stride), number(range.offset), number(there));
  const std::size_t each = element_ == Element::real ? size_of(real_) : size_of(element_);
  DataView result = *this;
  result.shape_ = shape_.with_rows(count);
  result.stride_ = stride_ * range.stride;
  result.data_ = static_cast<const std::byte*>(data_) +
                 static_cast<std::size_t>(range.offset * stride_ * shape_.row_elements()) * each;
  return result;
}

DataView DataView::borrowed(Device& device, const std::string& name, const Shape& shape,
                            const void* data, Element element, Real real) {
  DataView result;
  result.name_ = name;
  result.shape_ = shape;
  result.element_ = element;
  result.real_ = real;
  result.device_ = &device;
  result.data_ = data;
  return result;
}

DataView rows_of(const Array& array, const RowRange& range) {
  if (array.shape().rank() < 1)
    fail(ErrorKind::bad_shape, "rows of %s: expected an array of rows, found one number",
         array.name().c_str());
  DataView all = DataView::borrowed(array.device(), array.name(), {}, array.data(), array.element(),
                                    array.real());
  all.shape_.append(rows(array.shape()[0]));
  for (int axis = 1; axis < array.shape().rank(); ++axis)
    all.shape_.append(array.shape().dimension(axis));
  all.array_ = &array;
  all.owned_ = true;
  all.owner_ = array.lifetime();
  return all.rows(range);
}

}  // namespace understudy
