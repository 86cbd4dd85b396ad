// Shapes of tensors, and the one special dimension: rows.
//
// A dimension made with `rows(n)` counts independent examples (a batch). It always comes first. On
// the CPU a program computes tensors of that kind a tile of rows at a time, so that what lies
// between two operations stays in L1 and L2; everything else about them is as for any other
// dimension.
//
// Thread safety: values, without state that is shared.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "kernels/device/error.h"

namespace understudy {

// The element type of a tensor. `real` is the program's own (f32 or f64); a `byte` is 0 to 255,
// what pictures are stored in until a program gathers them as reals.
enum class Element : std::int8_t { real, index, counter, byte };

struct Dimension {
  std::int64_t size;
  bool is_rows;
  // Any whole number is an ordinary dimension.
  template <class Integer>
  constexpr Dimension(Integer n) : size(static_cast<std::int64_t>(n)), is_rows(false) {}
  constexpr Dimension(std::int64_t n, bool counts_rows) : size(n), is_rows(counts_rows) {}
};

constexpr Dimension rows(std::int64_t n) { return Dimension(n, true); }

// Row-major, at most six dimensions; rank 0 is one number. Holds no heap memory.
class Shape {
 public:
  static constexpr int maximum_rank = 6;

  Shape() = default;
  Shape(std::initializer_list<Dimension> dimensions) {
    for (Dimension dimension : dimensions) append(dimension);
  }

  int rank() const { return rank_; }
  // Axis from the front, or from the back where negative.
  std::int64_t operator[](int axis) const { return size_[normalize(axis)]; }
  // Whether dimension 0 counts rows.
  bool has_rows() const { return has_rows_; }
  std::int64_t row_count() const { return has_rows_ ? size_[0] : 1; }

  std::int64_t elements() const { return product(0, rank_); }
  // Elements of one row of a shape that has rows; of everything otherwise.
  std::int64_t row_elements() const { return product(has_rows_ ? 1 : 0, rank_); }
  // Product of the sizes of axes [first, last).
  std::int64_t product(int first, int last) const {
    std::int64_t n = 1;
    for (int axis = first; axis < last; ++axis) n *= size_[axis];
    return n;
  }

  int normalize(int axis) const {
    const int found = axis < 0 ? axis + rank_ : axis;
    UNDERSTUDY_CHECK(found >= 0 && found < rank_, "axis %d of a tensor of rank %d", axis, rank_);
    return found;
  }

  void append(Dimension dimension) {
    if (rank_ == maximum_rank)
      fail(ErrorKind::bad_shape, "shape: at most %d dimensions", maximum_rank);
    if (dimension.size < 0)
      fail(ErrorKind::bad_shape, "shape: dimension %d is %lld", rank_,
           static_cast<long long>(dimension.size));
    if (dimension.is_rows && rank_ != 0)
      fail(ErrorKind::bad_shape, "shape: rows must come first, found at dimension %d", rank_);
    if (dimension.is_rows) has_rows_ = true;
    size_[rank_++] = dimension.size;
  }

  Dimension dimension(int axis) const {
    const int found = normalize(axis);
    return Dimension(size_[found], has_rows_ && found == 0);
  }

  // The same shape with `n` rows.
  Shape with_rows(std::int64_t n) const {
    Shape shape = *this;
    if (has_rows_) shape.size_[0] = n;
    return shape;
  }
  Shape without_axis(int axis) const {
    Shape shape;
    for (int i = 0; i < rank_; ++i)
      if (i != normalize(axis)) shape.append(dimension(i));
    return shape;
  }

  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_ || has_rows_ != other.has_rows_) return false;
    for (int i = 0; i < rank_; ++i)
      if (size_[i] != other.size_[i]) return false;
    return true;
  }

  // "[rows 64, 17]"
  std::string text() const;

 private:
  int rank_ = 0;
  bool has_rows_ = false;
  std::int64_t size_[maximum_rank] = {};
};

// The shape of an elementwise operation's result: sizes align at the end, 1 stretches. An `Error`
// that names `operation` where they do not fit.
Shape broadcast_shapes(const char* operation, const Shape& a, const Shape& b);

}  // namespace understudy
