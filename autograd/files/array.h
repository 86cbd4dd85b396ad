// An array in host memory: what a file holds, and what is written to one. It owns its elements, or
// looks at those of a file in memory or mapped, which stays while the array does; who writes into
// such a one gets a copy of its own first.
//
// Elements are in C order (the last index runs fastest), in the host's byte order. The invariants
// that every reader keeps: no dimension is negative, the number of bytes is the product of the
// dimensions times the element's size, and a `boolean` is 0 or 1.
//
// Thread safety: const functions from any number of threads at once.

#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/files/bytes.h"

namespace understudy::files {

static_assert(std::endian::native == std::endian::little,
              "the formats are little-endian, and arrays are copied to and from them whole");

enum class ElementType : std::uint8_t {
  f32,
  f64,
  i8,
  u8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  boolean,
  f16,
  bf16
};
constexpr int element_type_count = 13;

std::size_t size_of(ElementType type);
const char* name_of(ElementType type);  // "f32", ..., "bool"

// The narrow floating types, stored as their bits: enough to read a file that has them and to
// convert it. Nothing computes with them here.
struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};
float to_float(Float16 value);
float to_float(BFloat16 value);

template <class T>
struct ElementTypeOf;
#define UNDERSTUDY_ELEMENT_TYPE(Type, name)                 \
  template <>                                               \
  struct ElementTypeOf<Type> {                              \
    static constexpr ElementType value = ElementType::name; \
  };
UNDERSTUDY_ELEMENT_TYPE(float, f32)
UNDERSTUDY_ELEMENT_TYPE(double, f64)
UNDERSTUDY_ELEMENT_TYPE(std::int8_t, i8)
UNDERSTUDY_ELEMENT_TYPE(std::uint8_t, u8)
UNDERSTUDY_ELEMENT_TYPE(std::int16_t, i16)
UNDERSTUDY_ELEMENT_TYPE(std::uint16_t, u16)
UNDERSTUDY_ELEMENT_TYPE(std::int32_t, i32)
UNDERSTUDY_ELEMENT_TYPE(std::uint32_t, u32)
UNDERSTUDY_ELEMENT_TYPE(std::int64_t, i64)
UNDERSTUDY_ELEMENT_TYPE(std::uint64_t, u64)
UNDERSTUDY_ELEMENT_TYPE(bool, boolean)
UNDERSTUDY_ELEMENT_TYPE(Float16, f16)
UNDERSTUDY_ELEMENT_TYPE(BFloat16, bf16)
#undef UNDERSTUDY_ELEMENT_TYPE
static_assert(sizeof(bool) == 1);

using Shape = std::vector<std::int64_t>;

// "[3, 4]"; of a long shape the first dimensions.
std::string to_string(const Shape& shape);

// Bytes of an array of this shape, or false where a dimension is negative or the product of the
// dimensions (zeros left out, so that no part of it overflows either) passes 2^63.
bool checked_byte_count(ElementType type, const Shape& shape, std::size_t& bytes);

class Array {
 public:
  Array() = default;  // f32, shape [0]

  // Zeros. REQUIRES: a shape that passes checked_byte_count.
  Array(ElementType type, Shape shape);

  // Elements that `owner` keeps. REQUIRES: as many bytes as the shape says, aligned to the type.
  static Array viewing(ElementType type, Shape shape, ByteSpan elements,
                       std::shared_ptr<const void> owner);

  // A copy of `values`. REQUIRES: as many as the shape says.
  template <class T>
  static Array from(Shape shape, std::span<const T> values) {
    Array array(ElementTypeOf<T>::value, std::move(shape));
    array.fill_from(values.data(), values.size_bytes());
    return array;
  }
  template <class T>
  static Array from(const std::vector<T>& values) {
    return from<T>({static_cast<std::int64_t>(values.size())}, std::span<const T>(values));
  }
  template <class T>
  static Array scalar(T value) {
    return from<T>({}, std::span<const T>(&value, 1));
  }

  ElementType type() const { return type_; }
  const Shape& shape() const { return shape_; }
  std::int64_t rank() const { return static_cast<std::int64_t>(shape_.size()); }
  std::int64_t count() const { return static_cast<std::int64_t>(bytes().size() / size_of(type_)); }
  ByteSpan bytes() const { return owner_ != nullptr ? view_ : ByteSpan(data_); }
  std::span<std::byte> bytes() {
    own();
    return data_;
  }
  bool is_view() const { return owner_ != nullptr; }

  // The elements, if they are stored as T; else an Error that begins with `what` (a file and a
  // name). For other types see `converted`.
  template <class T>
  std::span<const T> as(std::string_view what = "array") const {
    require_type(ElementTypeOf<T>::value, what);
    return {reinterpret_cast<const T*>(bytes().data()), bytes().size() / sizeof(T)};
  }
  template <class T>
  std::span<T> as(std::string_view what = "array") {
    require_type(ElementTypeOf<T>::value, what);
    own();
    return {reinterpret_cast<T*>(data_.data()), data_.size() / sizeof(T)};
  }

  // The elements converted to T (float, double or std::int64_t). To an integer a value must fit
  // exactly; to a floating type it is rounded, but a finite one that would be infinite is refused.
  template <class T>
  std::vector<T> converted(std::string_view what = "array") const {
    std::vector<T> values(static_cast<std::size_t>(count()));
    convert<T>(0, values, what);
    return values;
  }
  // Of the elements from `first` on, as many as `to` has. REQUIRES: so many.
  template <class T>
  void convert(std::size_t first, std::span<T> to, std::string_view what = "array") const;

  // The same elements under another shape. REQUIRES: as many.
  void reshape(Shape shape);

  // Equal in type, shape and every bit (NaN equals the same NaN).
  friend bool operator==(const Array& a, const Array& b) {
    return a.type_ == b.type_ && a.shape_ == b.shape_ && text_of(a.bytes()) == text_of(b.bytes());
  }

 private:
  void require_type(ElementType wanted, std::string_view what) const;
  void fill_from(const void* values, std::size_t bytes);
  void own();

  ElementType type_ = ElementType::f32;
  Shape shape_ = {0};
  std::vector<std::byte> data_;
  ByteSpan view_;  // where there is an owner
  std::shared_ptr<const void> owner_;
};

// Arrays by name, in the order of the names: what an .npz or a .safetensors file holds.
using NamedArrays = std::map<std::string, Array, std::less<>>;

// The first element of a boolean array that is neither 0 nor 1, or npos.
std::size_t find_invalid_boolean(ByteSpan bytes);

}  // namespace understudy::files
