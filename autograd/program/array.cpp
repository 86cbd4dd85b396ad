#include "autograd/program/array.h"

#include <span>

#include "kernels/device/error.h"

namespace understudy {

std::size_t Array::bytes() const {
  const std::size_t each = element_ == Element::real ? size_of(real_) : size_of(element_);
  return each * static_cast<std::size_t>(elements());
}

namespace {

template <class T, class Values>
void write_as(Device& device, void* to, const Values& values) {
  std::vector<T> converted(values.begin(), values.end());
  device.copy_from_host(to, converted.data(), converted.size() * sizeof(T));
}

template <class T>
std::vector<double> read_as(Device& device, const void* from, std::int64_t count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  device.copy_to_host(values.data(), from, values.size() * sizeof(T));
  return std::vector<double>(values.begin(), values.end());
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
  if (element_ == Element::index) return write_as<std::int32_t>(*device_, data_, values);
  if (element_ == Element::counter) return write_as<std::uint64_t>(*device_, data_, values);
  if (real_ == Real::f64) return write_as<double>(*device_, data_, values);
  device_->copy_from_host(data_, values.data(), values.size() * sizeof(float));
}

void Array::write(const std::vector<double>& values) {
  require_count(values.size());
  if (element_ == Element::index) return write_as<std::int32_t>(*device_, data_, values);
  if (element_ == Element::counter) return write_as<std::uint64_t>(*device_, data_, values);
  if (real_ == Real::f32) return write_as<float>(*device_, data_, values);
  write_as<double>(*device_, data_, values);
}

std::vector<double> Array::read() const {
  if (element_ == Element::index) return read_as<std::int32_t>(*device_, data_, elements());
  if (element_ == Element::counter) return read_as<std::uint64_t>(*device_, data_, elements());
  if (real_ == Real::f32) return read_as<float>(*device_, data_, elements());
  return read_as<double>(*device_, data_, elements());
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
