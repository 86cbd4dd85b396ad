#include "autograd/files/checkpoint.h"

#include <span>

#include "autograd/files/safetensors.h"
#include "kernels/device/error.h"
#include "kernels/device/version.h"

namespace understudy {

namespace {

using files::ElementType;

ElementType type_of(const Array& array) {
  if (array.element() == Element::index) return ElementType::i32;
  if (array.element() == Element::counter) return ElementType::u64;
  if (array.element() == Element::byte) return ElementType::u8;
  return array.real() == Real::f32 ? ElementType::f32 : ElementType::f64;
}

// A flat array with parts is seen through them.
bool has_parts(const Store& store, const Array& array) {
  for (const std::unique_ptr<Array>& other : store.arrays())
    if (other.get() != &array && other->root() == &array) return true;
  return false;
}

files::Shape shape_of(const Array& array) {
  files::Shape shape;
  for (int axis = 0; axis < array.shape().rank(); ++axis) shape.push_back(array.shape()[axis]);
  return shape;
}

// The CPU's arrays are the host's as well: they are looked at where they are, for the stores stay
// while the file is written.
files::Array on_host(const Array& array) {
  Device& device = array.device();
  if (device.kind() == DeviceKind::cpu) {
    device.synchronize();
    return files::Array::viewing(type_of(array), shape_of(array),
                                 {static_cast<const std::byte*>(array.data()), array.bytes()},
                                 std::shared_ptr<const void>(array.data(), [](const void*) {}));
  }
  files::Array copy(type_of(array), shape_of(array));
  device.copy_to_host(copy.bytes().data(), array.data(), array.bytes());
  return copy;
}

// Numbers on the device from numbers of another floating type on the host.
template <class To, class From>
void upload(const Array& array, std::span<const From> values) {
  std::vector<To> converted(values.begin(), values.end());
  array.device().copy_from_host(array.data(), converted.data(), converted.size() * sizeof(To));
}

}  // namespace

void write_checkpoint(const std::string& path, const std::vector<const Store*>& stores,
                      const std::map<std::string, std::string>& metadata) {
  files::Safetensors contents;
  contents.metadata.insert(metadata.begin(), metadata.end());
  contents.metadata["understudy"] = UNDERSTUDY_VERSION;
  for (const Store* store : stores)
    for (const std::unique_ptr<Array>& array : store->arrays()) {
      if (has_parts(*store, *array)) continue;
      if (!contents.arrays.emplace(array->name(), on_host(*array)).second)
        fail(ErrorKind::bad_input, "checkpoint %s: two arrays are called %s", path.c_str(),
             array->name().c_str());
    }
  files::write_safetensors(path, contents);
}

std::map<std::string, std::string> read_checkpoint(const std::string& path,
                                                   const std::vector<Store*>& stores) {
  const files::Safetensors contents = files::read_safetensors(path);

  // Everything is checked before anything is written.
  std::size_t wanted = 0;
  for (const Store* store : stores)
    for (const std::unique_ptr<Array>& array : store->arrays()) {
      if (has_parts(*store, *array)) continue;
      ++wanted;
      const auto found = contents.arrays.find(array->name());
      if (found == contents.arrays.end())
        fail(ErrorKind::bad_file, "%s: array %s is missing", path.c_str(), array->name().c_str());
      const files::Array& stored = found->second;
      if (stored.shape() != shape_of(*array))
        fail(ErrorKind::bad_file, "%s: array %s has shape %s, expected %s", path.c_str(),
             array->name().c_str(), files::to_string(stored.shape()).c_str(),
             array->shape().text().c_str());
      const bool both_real =
          array->element() == Element::real &&
          (stored.type() == ElementType::f32 || stored.type() == ElementType::f64);
      if (!both_real && stored.type() != type_of(*array))
        fail(ErrorKind::bad_file, "%s: array %s holds %s, expected %s", path.c_str(),
             array->name().c_str(), files::name_of(stored.type()), files::name_of(type_of(*array)));
    }
  if (contents.arrays.size() != wanted)
    for (const auto& [name, stored] : contents.arrays) {
      bool known = false;
      for (const Store* store : stores) known = known || store->find(name) != nullptr;
      if (!known)
        fail(ErrorKind::bad_file, "%s: array %s belongs to no part of this run", path.c_str(),
             name.c_str());
    }

  for (const Store* store : stores)
    for (const std::unique_ptr<Array>& array : store->arrays()) {
      if (has_parts(*store, *array)) continue;
      const files::Array& stored = contents.arrays.find(array->name())->second;
      if (stored.type() == type_of(*array))
        array->device().copy_from_host(array->data(), stored.bytes().data(), array->bytes());
      else if (array->real() == Real::f32)
        upload<float>(*array, stored.as<double>());
      else
        upload<double>(*array, stored.as<float>());
    }
  return {contents.metadata.begin(), contents.metadata.end()};
}

}  // namespace understudy
