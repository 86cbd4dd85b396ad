// How many members an aggregate has, known when compiling: as many as braces take.
//
//   struct Point { double x = 0, y = 0; };
//   static_assert(field_count<Point> == 2);

#pragma once

#include <cstddef>

namespace understudy {

namespace fields {

// Converts to whatever a member is.
struct Anything {
  template <class Member>
  operator Member() const;  // declared only: never called
};

template <class Aggregate, class... Given>
consteval std::size_t count() {
  if constexpr (requires { Aggregate{Given()..., Anything()}; })
    return count<Aggregate, Given..., Anything>();
  else
    return sizeof...(Given);
}

}  // namespace fields

template <class Aggregate>
inline constexpr std::size_t field_count = fields::count<Aggregate>();

}  // namespace understudy
