#include "algorithms/data/series_reader.h"

#include <algorithm>
#include <cmath>

#include "algorithms/data/demonstration_files.h"

namespace understudy {

using namespace files;

namespace {

constexpr std::size_t block = 1 << 14;         // numbers converted at a time
constexpr double digits_worth_keeping = 1e-3;  // of a column's range

std::string shown_number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%g", value);
  return text;
}

std::vector<std::int64_t> indices_in(const Array& array, const RefuseValue& refuse) {
  const auto refuse_index = [&](std::size_t value, const auto& found) {
    refuse(value, 1,
           "expected an index from 0 to " + std::to_string(most_indices - 1) + ", found " +
               std::to_string(found));
  };
  if (array.type() == ElementType::u64) {
    const std::span<const std::uint64_t> values = array.as<std::uint64_t>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] >= static_cast<std::uint64_t>(most_indices)) refuse_index(i, values[i]);
    }
  }
  std::vector<std::int64_t> indices = array.converted<std::int64_t>();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < 0 || indices[i] >= most_indices) refuse_index(i, indices[i]);
  }
  return indices;
}

}  // namespace

bool is_whole(ElementType type) {
  return type != ElementType::f32 && type != ElementType::f64 && type != ElementType::f16 &&
         type != ElementType::bf16;
}

Series series_of(const Array& array, bool observations, bool of_numbers, const RefuseValue& refuse,
                 const Remark& remark) {
  Series made;
  made.shape.assign(array.shape().begin() + 1, array.shape().end());
  const std::int64_t width = made.width();
  made.discrete =
      is_whole(array.type()) && (observations ? made.shape.empty() : width == 1) && !of_numbers;
  if (made.discrete) {
    made.indices = indices_in(array, refuse);
  } else if (observations && array.type() == ElementType::u8 && !made.shape.empty()) {
    const auto kept = std::make_shared<const Array>(array);  // copied only where it is no view
    made.bytes = ByteRows(kept, kept->as<std::uint8_t>().data(), array.shape()[0], width);
  } else {
    made.numbers = finite_numbers(array, width, refuse, remark);
  }
  return made;
}

std::vector<float> finite_numbers(const Array& array, std::int64_t width, const RefuseValue& refuse,
                                  const Remark& remark) {
  const auto count = static_cast<std::size_t>(array.count());
  std::vector<float> numbers(count);
  std::vector<double> some(std::min(count, block));
  const ElementType type = array.type();
  const bool loses = size_of(type) >= 4 && type != ElementType::f32;
  Digits digits(std::max<std::int64_t>(width, 1));
  for (std::size_t first = 0; first < count; first += block) {
    const std::size_t n = std::min(block, count - first);
    array.convert<double>(first, {some.data(), n});
    for (std::size_t i = 0; i < n; ++i) {
      // also of a double that is past the range of float
      numbers[first + i] = static_cast<float>(some[i]);
      if (!std::isfinite(numbers[first + i])) {
        refuse(first + i, width, "expected a finite number, found " + shown_number(some[i]));
      }
      if (loses)
        digits.add((first + i) % static_cast<std::size_t>(width), some[i], numbers[first + i]);
    }
  }
  if (remark && !digits.remark().empty()) remark(digits.remark());
  return numbers;
}

bool same_row(const Series& a, std::int64_t i, const Series& b, std::int64_t j) {
  const std::int64_t width = a.width();
  if (a.discrete)
    return a.indices[static_cast<std::size_t>(i)] == b.indices[static_cast<std::size_t>(j)];
  if (a.in_bytes() && b.in_bytes())
    return std::equal(a.bytes.row(i), a.bytes.row(i) + width, b.bytes.row(j));
  const auto left = a.numbers.begin() + i * width, right = b.numbers.begin() + j * width;
  return std::equal(left, left + width, right);
}

void Digits::add(std::size_t column, double value, float rounded) {
  Column& one = columns_[column];
  one.low = one.seen ? std::min(one.low, value) : value;
  one.high = one.seen ? std::max(one.high, value) : value;
  one.lost = std::max(one.lost, std::abs(value - static_cast<double>(rounded)));
  one.seen = true;
}

std::string Digits::remark() const {
  std::size_t worst = columns_.size();
  double most = digits_worth_keeping;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    const double range = columns_[c].high - columns_[c].low;
    // a constant may be rounded, but whole numbers that a double cannot tell apart are none
    const bool constant = range <= 0 && std::abs(columns_[c].high) < 0x1p53;
    if (!(columns_[c].lost > most * range) || constant) continue;
    most = range > 0 ? columns_[c].lost / range : INFINITY;
    worst = c;
  }
  if (worst == columns_.size()) return "";
  const Column& one = columns_[worst];
  return "column " + std::to_string(worst) + " goes from " + shown_number(one.low) + " to " +
         shown_number(one.high) + ", and float32 is off by up to " + shown_number(one.lost) +
         " there: subtract its smallest value before saving it";
}

}  // namespace understudy
