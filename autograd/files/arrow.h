// Apache Arrow's tables in files: the streaming format, and the file format that is the same
// between two magic words (arrow.apache.org/docs/format/Columnar.html, "Serialization and
// Interprocess Communication"). What the library `datasets` keeps its tables in.
//
//   message     u32 0xFFFFFFFF, u32 bytes of metadata, metadata (a flatbuffer), body
//   stream      the schema's message, those of dictionaries and of batches of rows, and, as its
//               end, 0xFFFFFFFF and 0
//   file        "ARROW1\0\0", stream, footer, u32 its size, "ARROW1"
//
// A column is read where it is numbers or bools, or lists of them to any depth up to 8. What else
// there is (text, structures, dictionaries) is passed over; a type whose place in a batch is not
// known (unions, views, run lengths) and compressed bodies are refused.
//
// Held when opening: every message and every buffer lies within the file, names are unique and
// UTF-8, a batch has as many nodes and buffers as the schema asks for, the table's rows in all are
// fewer than 2^62. Held when reading a column: offsets rise, and lead to values that are there.
//
// Thread safety: const functions from any number of threads at once.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/files/array.h"

namespace understudy::files {

// Lists within lists, flat: list i of level k has the entries offsets[k][i] .. offsets[k][i + 1] -
// 1 of level k + 1. The table's rows are level 0, the values the last one.
struct ArrowColumn {
  ElementType type = ElementType::f32;
  std::vector<std::vector<std::int64_t>> offsets;  // one a level of lists; each begins with 0
  std::vector<std::byte> values;
  // For each level, the values' last, the first entry that is null; -1 where there is none.
  std::vector<std::int64_t> first_null;

  std::size_t lists() const { return offsets.size(); }
  std::int64_t count() const;  // of values
};

class Arrow {
 public:
  // The path begins the message of every Error.
  static Arrow open(const std::string& path);
  static Arrow parse(FileContents file, std::string path);

  const std::string& path() const { return path_; }
  std::int64_t rows() const { return rows_; }
  std::vector<std::string> names() const;  // as the table has its columns
  bool contains(std::string_view name) const;
  // Such as "list<list<f32>>". An Error where there is no such column.
  const std::string& type(std::string_view name) const;

  // Adds a column to an empty one, or to one of the same type from another file. An Error where
  // there is none of this name, or it is damaged or not readable.
  void read(std::string_view name, ArrowColumn& into) const;

 private:
  // How a field's values lie in the buffers of a batch.
  enum class Layout : std::uint8_t { values, bits, list, large_list, fixed_list, passed_over };
  struct Field {
    std::string name, type;  // the type as a message shows it
    Layout layout = Layout::passed_over;
    ElementType element = ElementType::f32;
    std::int64_t list_size = 0;          // of a fixed_list
    std::size_t nodes = 1, buffers = 0;  // with its children's
    std::vector<Field> children;
  };
  struct Node {
    std::int64_t length, nulls;
  };
  struct Batch {
    std::int64_t rows;
    std::vector<Node> nodes;
    std::vector<ByteSpan> buffers;
  };

  friend class ArrowParser;
  friend class ArrowColumnReader;

  const Field& field(std::string_view name) const;

  FileContents file_;
  std::string path_;
  std::int64_t rows_ = 0;
  std::vector<Field> fields_;
  std::vector<Batch> batches_;
};

}  // namespace understudy::files
