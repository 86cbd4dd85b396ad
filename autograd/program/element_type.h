// Elements as types of C++.

#pragma once

#include <cstdint>

#include "autograd/program/array.h"

namespace understudy {

// Calls body(T{}) with T the type of an element.
template <class Body>
auto with_type(Element element, Real real, const Body& body) {
  if (element == Element::index) return body(std::int32_t{});
  if (element == Element::counter) return body(std::uint64_t{});
  if (element == Element::byte) return body(std::uint8_t{});
  return real == Real::f32 ? body(float{}) : body(double{});
}

}  // namespace understudy
