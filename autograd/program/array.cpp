#include "autograd/program/array.h"

#include <span>

#include "autograd/program/element_type.h"
#include "kernels/device/error.h"

namespace understudy {

std::size_t Array::bytes() const {
  const std::size_t each = element_ == Element::real ? size_of(real_) : size_of(element_);
  return each * static_cast<std::size_t>(elements());
}

namespace {

template <class Values>
void write_converted(const Array& array, const Values& values) {
  with_type(array.element(), array.real(), [&](auto zero) {
    const std::vector<decltype(zero)> converted(values.begin(), values.end());
    array.device().copy_from_host(array.data(), converted.data(), array.bytes());
  });
}

}  // namespace

void Array::require_count(std::size_t found) const {
  if (static_cast<std::int64_t>(found) != elements())
    fail(ErrorKind::bad_shape, "array %s: expected %lld numbers, found %zu", name_.c_str(),
         static_cast<long long>(elements()), found);
}

void Array::write(const float* from, std::int64_t count) {
  const std::span<const float> values(from, static_cast<std::size_t>(count));
  require_count(values.size());
  if (element_ != Element::real || real_ != Real::f32) return write_converted(*this, values);
  device_->copy_from_host(data_, values.data(), bytes());
}

void Array::write_bytes(const std::uint8_t* values, std::int64_t count) {
  require_count(static_cast<std::size_t>(count));
  UNDERSTUDY_CHECK(element_ == Element::byte, "array %s holds no bytes", name_.c_str());
  device_->copy_from_host(data_, values, bytes());
}

void Array::write(const std::vector<double>& values) {
  require_count(values.size());
  write_converted(*this, values);
}

std::vector<double> Array::read() const {
  return with_type(element_, real_, [&](auto zero) {
    std::vector<decltype(zero)> values(static_cast<std::size_t>(elements()));
    device_->copy_to_host(values.data(), data_, bytes());
    return std::vector<double>(values.begin(), values.end());
  });
}

void Array::fill(double value) {
  write(std::vector<double>(static_cast<std::size_t>(elements()), value));
}

Store::~Store() {
  for (const std::unique_ptr<Array>& array : arrays_)
    if (array->root_ == array.get()) device_.release(array->data_);
}

Array& Store::append(const std::string& name, const Shape& shape, Element element) {
  if (find(name) != nullptr)
    fail(ErrorKind::bad_input, "store: there is an array called %s already", name.c_str());
  if (shape.has_rows())
    fail(ErrorKind::bad_shape, "array %s: a persistent array has no rows", name.c_str());
  arrays_.push_back(std::make_unique<Array>());
  Array& array = *arrays_.back();
  array.name_ = name;
  array.shape_ = shape;
  array.element_ = element;
  array.real_ = real_;
  array.device_ = &device_;
  array.root_ = &array;
  array.lifetime_ = alive_;
  return array;
}

Array& Store::create(const std::string& name, const Shape& shape, Element element) {
  Array& array = append(name, shape, element);
  array.data_ = device_.allocate(array.bytes());
  device_.fill_zero(array.data_, array.bytes());
  return array;
}

std::vector<Array*> Store::create_group(const std::string& flat,
                                        const std::vector<Member>& members) {
  std::int64_t total = 0;
  for (const Member& member : members) total += member.shape.elements();
  Array& whole = create(flat, {total});

  std::vector<Array*> parts;
  std::int64_t offset = 0;
  for (const Member& member : members) {
    Array& part = append(member.name, member.shape, Element::real);
    part.root_ = &whole;
    part.offset_ = offset;
    part.data_ =
        static_cast<std::byte*>(whole.data_) + static_cast<std::size_t>(offset) * size_of(real_);
    offset += member.shape.elements();
    parts.push_back(&part);
  }
  return parts;
}

Array* Store::find(const std::string& name) const {
  for (const std::unique_ptr<Array>& array : arrays_)
    if (array->name_ == name) return array.get();
  return nullptr;
}

Array& Store::at(const std::string& name) const {
  Array* array = find(name);
  if (array == nullptr) fail(ErrorKind::bad_input, "store: no array is called %s", name.c_str());
  return *array;
}

}  // namespace understudy
