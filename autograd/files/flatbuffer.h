// Reading of flatbuffers, the encoding of the metadata in Arrow's files (flatbuffers.dev,
// "FlatBuffer internals").
//
//   buffer   u32 offset of the root table
//   table    i32 distance back to its vtable, then its fields wherever the vtable says
//   vtable   u16 its own bytes, u16 the table's bytes, then a u16 for each field: where in the
//            table it begins, 0 where it is absent and has its default
//   offset   u32, from where it stands; to a vector (u32 count, elements) or a string (the same)
//
// No pass checks the buffer beforehand: every access checks what it is about to touch, and what
// lies outside is an Error. Tables may be shared, and may even contain themselves: who walks
// down a tree of them counts the steps.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "autograd/files/bytes.h"

namespace understudy::files {

class FlatVector;

class FlatTable {
 public:
  // `where` (a file and a place in it) begins the message of every Error. Both outlive the table.
  static FlatTable root(ByteSpan buffer, const std::string& where);

  bool has(int field) const { return place(field, 0) != 0; }

  // REQUIRES: a field of this type in the schema; `otherwise` is its default there.
  template <class T>
  T number(int field, T otherwise) const {
    const std::size_t at = place(field, sizeof(T));
    return at == 0 ? otherwise : load_little_endian<T>(buffer_.data() + at);
  }

  // An Error where there is none.
  FlatTable table(int field) const;
  // Both are empty where there is none.
  std::string_view text(int field) const;
  FlatVector vector(int field, std::size_t element_size) const;

 private:
  friend class FlatVector;
  FlatTable(ByteSpan buffer, const std::string& where, std::size_t at);

  // Where the field begins, 0 where it is absent.
  std::size_t place(int field, std::size_t size) const;
  // What the offset that stands at `at` leads to: a place with `size` bytes.
  static std::size_t follow(ByteSpan buffer, const std::string& where, std::size_t at,
                            std::size_t size);

  ByteSpan buffer_;
  const std::string* where_;
  std::size_t at_, size_, vtable_, vtable_size_;
};

// Elements of a fixed size: offsets to tables, or structs of numbers.
class FlatVector {
 public:
  std::size_t size() const { return count_; }
  // REQUIRES: index < size(); of an element of `element_size` bytes the T that begins at `byte`.
  template <class T>
  T number(std::size_t index, std::size_t byte) const {
    return load_little_endian<T>(buffer_.data() + at_ + index * element_size_ + byte);
  }
  FlatTable table(std::size_t index) const;  // of a vector of offsets

 private:
  friend class FlatTable;
  ByteSpan buffer_;
  const std::string* where_ = nullptr;
  std::size_t at_ = 0, count_ = 0, element_size_ = 0;
};

}  // namespace understudy::files
