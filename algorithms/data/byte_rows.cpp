#include "algorithms/data/byte_rows.h"

#include <algorithm>
#include <cstring>

#include "kernels/device/error.h"

namespace understudy {

ByteRows::ByteRows(std::shared_ptr<const void> owner, const std::uint8_t* base, std::int64_t rows,
                   std::int64_t width)
    : owner_(std::move(owner)), base_(base), base_rows_(rows), width_(width) {
  at_.resize(static_cast<std::size_t>(rows));
  for (std::int64_t i = 0; i < rows; ++i) at_[static_cast<std::size_t>(i)] = i;
}

void ByteRows::append(const ByteRows& from, std::int64_t first_row, std::int64_t rows) {
  if (rows == 0) return;
  if (at_.empty()) {
    *this = from;
    at_.assign(from.at_.begin() + first_row, from.at_.begin() + first_row + rows);
    return;
  }
  UNDERSTUDY_CHECK(width_ == from.width_, "rows of %lld bytes to those of %lld",
                   static_cast<long long>(from.width_), static_cast<long long>(width_));
  if (base_ == from.base_) {
    at_.insert(at_.end(), from.at_.begin() + first_row, from.at_.begin() + first_row + rows);
    return;
  }
  gather_own(rows);
  for (std::int64_t i = first_row; i < first_row + rows; ++i) {
    const std::uint8_t* row = from.row(i);
    own_->insert(own_->end(), row, row + width_);
    at_.push_back(base_rows_++);
  }
  base_ = own_->data();
}

// A memory of its own, which nobody shares, with room for more.
void ByteRows::gather_own(std::int64_t room) {
  if (own_ != nullptr && own_.use_count() == 2) return;  // `owner_` is the other
  auto own = std::make_shared<std::vector<std::uint8_t>>();
  own->reserve(static_cast<std::size_t>((this->rows() + room) * width_));
  for (std::int64_t i = 0; i < rows(); ++i) {
    own->insert(own->end(), row(i), row(i) + width_);
  }
  for (std::size_t i = 0; i < at_.size(); ++i) at_[i] = static_cast<std::int64_t>(i);
  base_rows_ = rows();
  base_ = own->data();
  own_ = own;
  owner_ = std::move(own);
}

void ByteRows::copy(std::int64_t first, std::int64_t rows, float* to) const {
  for (std::int64_t i = first; i < first + rows; ++i) {
    to = std::copy_n(row(i), width_, to);
  }
}

bool operator==(const ByteRows& a, const ByteRows& b) {
  if (a.rows() != b.rows() || (a.rows() > 0 && a.width_ != b.width_)) return false;
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    if (std::memcmp(a.row(i), b.row(i), static_cast<std::size_t>(a.width_)) != 0) return false;
  }
  return true;
}

}  // namespace understudy
