#include "autograd/files/array.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/device/error.h"

namespace understudy::files {

namespace {

struct TypeFacts {
  const char* name;
  std::size_t size;
};

constexpr TypeFacts facts[element_type_count] = {
    {"f32", 4}, {"f64", 8}, {"i8", 1},  {"u8", 1},   {"i16", 2}, {"u16", 2}, {"i32", 4},
    {"u32", 4}, {"i64", 8}, {"u64", 8}, {"bool", 1}, {"f16", 2}, {"bf16", 2}};

[[noreturn]] void refuse(std::string_view what, std::size_t index, double value,
                         ElementType wanted) {
  fail(ErrorKind::bad_input, "%s: element %zu is %.17g, which %s cannot hold",
       std::string(what).c_str(), index, value, name_of(wanted));
}

// One value of a file's type as the wanted type; false where it does not fit.
template <class To, class From>
bool convert(From from, To& to) {
  if constexpr (std::is_floating_point_v<To>) {
    to = static_cast<To>(from);
    if constexpr (std::is_floating_point_v<From>) {
      return std::isfinite(to) || !std::isfinite(from);
    }
    return true;
  } else if constexpr (std::is_floating_point_v<From>) {
    // 2^63 itself does not fit; both bounds are exact in double, and NaN fails both
    const double value = from;
    if (!(value >= -0x1p63 && value < 0x1p63) || value != std::trunc(value)) return false;
    to = static_cast<To>(value);
    return true;
  } else if constexpr (std::is_same_v<From, std::uint64_t>) {
    to = static_cast<To>(from);
    return from <= static_cast<std::uint64_t>(std::numeric_limits<To>::max());
  } else {
    to = static_cast<To>(from);
    return true;
  }
}

template <class To, class From>
void convert_all(std::span<const From> all, std::size_t first, std::span<To> to,
                 std::string_view what) {
  const std::span<const From> from = all.subspan(first, to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    bool fits;
    if constexpr (std::is_same_v<From, Float16> || std::is_same_v<From, BFloat16>) {
      const float value = to_float(from[i]);
      fits = convert(value, to[i]);
      if (!fits) refuse(what, first + i, value, ElementTypeOf<To>::value);
    } else {
      fits = convert(from[i], to[i]);
      if (!fits) refuse(what, first + i, static_cast<double>(from[i]), ElementTypeOf<To>::value);
    }
  }
}

}  // namespace

std::size_t size_of(ElementType type) { return facts[static_cast<int>(type)].size; }
const char* name_of(ElementType type) { return facts[static_cast<int>(type)].name; }

float to_float(BFloat16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

float to_float(Float16 value) {
  // IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction
  const bool negative = (value.bits & 0x8000) != 0;
  const int exponent = (value.bits >> 10) & 0x1f;
  const int fraction = value.bits & 0x3ff;
  float magnitude;
  if (exponent == 0x1f) {
    magnitude = fraction == 0 ? std::numeric_limits<float>::infinity()
                              : std::numeric_limits<float>::quiet_NaN();
  } else if (exponent == 0) {
    magnitude = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    magnitude = std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25);
  }
  return negative ? -magnitude : magnitude;
}

std::string to_string(const Shape& shape) {
  constexpr std::size_t shown_dimensions = 8;
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size() && i < shown_dimensions; ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + (shape.size() > shown_dimensions ? ", ...]" : "]");
}

bool checked_byte_count(ElementType type, const Shape& shape, std::size_t& bytes) {
  constexpr std::uint64_t limit = std::numeric_limits<std::int64_t>::max();
  std::uint64_t product = size_of(type);
  bool empty = false;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) return false;
    if (dimension == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(product, static_cast<std::uint64_t>(dimension), &product) ||
               product > limit) {
      return false;
    }
  }
  bytes = empty ? 0 : static_cast<std::size_t>(product);
  return true;
}

Array::Array(ElementType type, Shape shape) : type_(type), shape_(std::move(shape)) {
  std::size_t bytes = 0;
  UNDERSTUDY_CHECK(checked_byte_count(type_, shape_, bytes), "an array of shape %s",
                   to_string(shape_).c_str());
  data_.resize(bytes);
}

Array Array::viewing(ElementType type, Shape shape, ByteSpan elements,
                     std::shared_ptr<const void> owner) {
  std::size_t bytes = 0;
  UNDERSTUDY_CHECK(checked_byte_count(type, shape, bytes) && bytes == elements.size() &&
                       reinterpret_cast<std::uintptr_t>(elements.data()) % size_of(type) == 0 &&
                       owner != nullptr,
                   "a view of %zu bytes as %s of shape %s", elements.size(), name_of(type),
                   to_string(shape).c_str());
  Array array;
  array.type_ = type;
  array.shape_ = std::move(shape);
  array.view_ = elements;
  array.owner_ = std::move(owner);
  return array;
}

void Array::own() {
  if (owner_ == nullptr) return;
  data_.assign(view_.begin(), view_.end());
  view_ = {};
  owner_ = nullptr;
}

void Array::fill_from(const void* values, std::size_t bytes) {
  UNDERSTUDY_CHECK(bytes == data_.size(), "%zu bytes for an array of %zu", bytes, data_.size());
  if (bytes != 0) std::memcpy(data_.data(), values, bytes);
}

void Array::require_type(ElementType wanted, std::string_view what) const {
  if (type_ != wanted) {
    fail(ErrorKind::bad_input, "%s: expected elements of type %s, found %s",
         std::string(what).c_str(), name_of(wanted), name_of(type_));
  }
}

void Array::reshape(Shape shape) {
  std::size_t bytes = 0;
  UNDERSTUDY_CHECK(checked_byte_count(type_, shape, bytes) && bytes == this->bytes().size(),
                   "shape %s for an array of shape %s", to_string(shape).c_str(),
                   to_string(shape_).c_str());
  shape_ = std::move(shape);
}

template <class T>
void Array::convert(std::size_t first, std::span<T> to, std::string_view what) const {
  const auto all = [&](auto element) { convert_all(as<decltype(element)>(), first, to, what); };
  switch (type_) {
    case ElementType::f32: return all(float{});
    case ElementType::f64: return all(double{});
    case ElementType::i8: return all(std::int8_t{});
    case ElementType::u8: return all(std::uint8_t{});
    case ElementType::i16: return all(std::int16_t{});
    case ElementType::u16: return all(std::uint16_t{});
    case ElementType::i32: return all(std::int32_t{});
    case ElementType::u32: return all(std::uint32_t{});
    case ElementType::i64: return all(std::int64_t{});
    case ElementType::u64: return all(std::uint64_t{});
    case ElementType::boolean: return all(bool{});
    case ElementType::f16: return all(Float16{});
    case ElementType::bf16: return all(BFloat16{});
  }
}

template void Array::convert(std::size_t, std::span<float>, std::string_view) const;
template void Array::convert(std::size_t, std::span<double>, std::string_view) const;
template void Array::convert(std::size_t, std::span<std::int64_t>, std::string_view) const;

std::size_t find_invalid_boolean(ByteSpan bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (static_cast<unsigned>(bytes[i]) > 1) return i;
  }
  return std::string_view::npos;
}

}  // namespace understudy::files
