// A typed view of memory that belongs to somebody else: what a program reads without a copy.
//
//   program.use(rows_of(array))                               every row of an Array
//   program.use(rows_of(array, {.offset = 4, .count = 100}))  rows 4 .. 103
//   program.use(rows_of(array, {.stride = 10}))               every tenth: rows 0, 10, 20, ...
//   program.bind("observation", rows_of(other))               an input reads the rows of another
//   trial.use(program.output_view("mean"))                    what another program put out
//
// A view says what it looks at: element type, shape, device, owner. Recording one in a program
// checks all of them, and so does every rebinding; a run checks that the owners still exist. So a
// view may be kept and passed around by value: looking at memory that is gone is an Error.
//
//   rows_of(array [n, ...], {offset, stride, count})  =  [rows count, ...]
//   row i of the view  =  row offset + i stride of the array
//   REQUIRES (else an Error): 0 <= offset, 1 <= stride, offset + count stride <= n
//
// Thread safety: a value. Any number of threads may read one; whoever changes it is alone.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "autograd/program/array.h"

namespace understudy {

// Which rows.
struct RowRange {
  std::int64_t offset = 0;  // the first of them
  std::int64_t stride = 1;  // from each to the next
  std::int64_t count = -1;  // how many; -1: all from `offset` on, of which `stride` leaves no rest
};

class DataView {
 public:
  const std::string& name() const { return name_; }  // in messages and listings
  const Shape& shape() const { return shape_; }
  Element element() const { return element_; }
  Real real() const { return real_; }  // REQUIRES: element() == Element::real
  Device& device() const { return *device_; }
  const void* data() const { return data_; }           // of the first row
  std::int64_t stride() const { return stride_; }      // rows from one to the next
  const Array* array() const { return array_; }        // null: not an Array's memory
  bool defined() const { return device_ != nullptr; }  // else it looks at nothing
  bool alive() const { return !owned_ || !owner_.expired(); }

  // Some of these rows. REQUIRES (else an Error): a view of rows, and a range within them.
  DataView rows(const RowRange& range) const;

  // Memory that no Array owns, a caller's across a C interface say: that it outlives what reads it
  // is the caller's to see to.
  static DataView borrowed(Device& device, const std::string& name, const Shape& shape,
                           const void* data, Element element, Real real);

 private:
  friend class Program;
  friend DataView rows_of(const Array&, const RowRange&);
  std::string name_;
  Shape shape_;
  Element element_ = Element::real;
  Real real_ = Real::f32;
  Device* device_ = nullptr;
  const void* data_ = nullptr;
  std::int64_t stride_ = 1;
  const Array* array_ = nullptr;
  bool owned_ = false;  // whether owner_ says how long the memory lives
  std::weak_ptr<const void> owner_;
};

// Rows of an array of one dimension or more: its first one counts them.
DataView rows_of(const Array& array, const RowRange& range = {});

}  // namespace understudy
