// An array of a file as a series: indices, floats, or bytes where it has pictures.

#pragma once

#include <functional>
#include <string>

#include "algorithms/data/demonstrations.h"
#include "autograd/files/array.h"

namespace understudy {

// Throws an Error about the value at this place, in rows of so many.
using RefuseValue =
    std::function<void(std::size_t value, std::int64_t width, const std::string& message)>;
// Takes a sentence about all of it; or is empty.
using Remark = std::function<void(const std::string& sentence)>;

bool is_whole(files::ElementType type);  // integers and bools

// Whole numbers, one a row, are indices, unless they are numbers for sure. Bytes in rows of a shape
// (pictures) stay bytes, and where the array looks at a file, in the file.
Series series_of(const files::Array& array, bool observations, bool of_numbers,
                 const RefuseValue& refuse, const Remark& remark);

// As floats, all of them finite; a remark where that takes a column's last digits from it.
std::vector<float> finite_numbers(const files::Array& array, std::int64_t width,
                                  const RefuseValue& refuse, const Remark& remark);

// Whether two rows are the same. REQUIRES: series of one shape and kind.
bool same_row(const Series& a, std::int64_t i, const Series& b, std::int64_t j);

// What a column loses as floats: its range, and the largest distance of a number from its float.
class Digits {
 public:
  explicit Digits(std::int64_t width) : columns_(static_cast<std::size_t>(width)) {}
  void add(std::size_t column, double value, float rounded);
  // A sentence on the worst column where more than a thousandth of its range is lost; else empty.
  std::string remark() const;

 private:
  struct Column {
    double low = 0, high = 0, lost = 0;
    bool seen = false;
  };
  std::vector<Column> columns_;
};

}  // namespace understudy
