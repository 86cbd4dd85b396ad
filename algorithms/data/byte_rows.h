// Rows of bytes, 0 to 255: pictures, as a file has them. They become floats where a batch needs
// them.
//
//   row i  =  base + at[i] width .. + width        at[i] < base_rows
//
// Rows are places in memory that is shared, a file's map perhaps: choosing, repeating and
// reordering them copies no byte. Rows of two memories, from two files, are brought together by a
// copy.
//
// Thread safety: a value. Any number of threads may read one; whoever changes it is alone.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace understudy {

class ByteRows {
 public:
  ByteRows() = default;
  // All `rows` of `base`, which `owner` keeps.
  ByteRows(std::shared_ptr<const void> owner, const std::uint8_t* base, std::int64_t rows,
           std::int64_t width);

  std::int64_t rows() const { return static_cast<std::int64_t>(at_.size()); }
  std::int64_t width() const { return width_; }
  const std::uint8_t* row(std::int64_t i) const {
    return base_ + at_[static_cast<std::size_t>(i)] * width_;
  }

  // The memory as a table, and the place of each row in it.
  const std::uint8_t* base() const { return base_; }
  std::int64_t base_rows() const { return base_rows_; }
  const std::vector<std::int64_t>& at() const { return at_; }

  // REQUIRES: rows of the same width, unless there are none yet.
  void append(const ByteRows& from, std::int64_t first_row, std::int64_t rows);
  // Rows [first, first + rows) as numbers.
  void copy(std::int64_t first, std::int64_t rows, float* to) const;

  friend bool operator==(const ByteRows& a, const ByteRows& b);

 private:
  void gather_own(std::int64_t room);

  std::shared_ptr<const void> owner_;
  std::shared_ptr<std::vector<std::uint8_t>> own_;  // the owner, where the memory is our copy
  const std::uint8_t* base_ = nullptr;
  std::int64_t base_rows_ = 0, width_ = 0;
  std::vector<std::int64_t> at_;
};

}  // namespace understudy
