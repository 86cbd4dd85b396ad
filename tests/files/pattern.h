// The arrays that tests/oracles/numpy_files.py writes and expects, made by us.

#pragma once

#include "autograd/files/array.h"

namespace understudy::files {

inline const std::vector<std::pair<std::string, Shape>>& pattern_shapes() {
  static const std::vector<std::pair<std::string, Shape>> shapes = {
      {"scalar", {}},   {"none", {0}},         {"one", {1}},          {"row", {7}},
      {"grid", {3, 5}}, {"hollow", {4, 0, 2}}, {"deep", {2, 3, 4, 5}}};
  return shapes;
}

// bf16 has no name in NumPy.
inline std::vector<ElementType> numpy_types() {
  std::vector<ElementType> types;
  for (int i = 0; i < element_type_count; ++i) {
    if (static_cast<ElementType>(i) != ElementType::bf16)
      types.push_back(static_cast<ElementType>(i));
  }
  return types;
}

template <class T>
Array pattern_of(const Shape& shape) {
  Array array(ElementTypeOf<T>::value, shape);
  std::int64_t i = 0;
  for (T& element : array.as<T>()) {
    if constexpr (std::is_same_v<T, bool>) {
      element = i % 3 == 0;
    } else {
      element = static_cast<T>(i * 7 + 3);
    }
    ++i;
  }
  return array;
}

// binary16 of a whole number from 1 to 2047: every one is exact
inline Float16 half_of(int value) {
  int exponent = 0;
  while ((value >> (exponent + 1)) != 0) ++exponent;
  const int fraction = (value << (10 - exponent)) & 0x3ff;
  return {static_cast<std::uint16_t>((exponent + 15) << 10 | fraction)};
}

inline Array pattern(ElementType type, const Shape& shape) {
  switch (type) {
    case ElementType::f32: return pattern_of<float>(shape);
    case ElementType::f64: return pattern_of<double>(shape);
    case ElementType::i8: return pattern_of<std::int8_t>(shape);
    case ElementType::u8: return pattern_of<std::uint8_t>(shape);
    case ElementType::i16: return pattern_of<std::int16_t>(shape);
    case ElementType::u16: return pattern_of<std::uint16_t>(shape);
    case ElementType::i32: return pattern_of<std::int32_t>(shape);
    case ElementType::u32: return pattern_of<std::uint32_t>(shape);
    case ElementType::i64: return pattern_of<std::int64_t>(shape);
    case ElementType::u64: return pattern_of<std::uint64_t>(shape);
    case ElementType::boolean: return pattern_of<bool>(shape);
    case ElementType::f16:
    case ElementType::bf16: break;
  }
  Array array(ElementType::f16, shape);
  int i = 0;
  for (Float16& element : array.as<Float16>()) element = half_of(i++ * 7 + 3);
  return array;
}

inline NamedArrays all_patterns() {
  NamedArrays arrays;
  for (const ElementType type : numpy_types()) {
    for (const auto& [name, shape] : pattern_shapes()) {
      arrays.emplace(std::string(name_of(type)) + "_" + name, pattern(type, shape));
    }
  }
  return arrays;
}

}  // namespace understudy::files
