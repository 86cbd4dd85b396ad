// A small writer of Arrow's streams and files: bytes that the tests and the fuzz target of the
// reader begin from, without any library to make them.

#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/data/demonstrations.h"
#include "autograd/files/arrow.h"

namespace understudy::arrow_writer {

// ---- flatbuffers --------------------------------------------------------------------------------

// A table on its way into a buffer. Children stand behind their parents: offsets go forwards only.
class Flat {
 public:
  template <class T>
  Flat& number(int field, T value) {
    std::string bytes;
    files::append_little_endian(bytes, value);
    fields_.push_back({field, std::move(bytes), inline_number, {}});
    return *this;
  }
  Flat& table(int field, Flat child) { return add(field, one_table, {std::move(child)}); }
  Flat& tables(int field, std::vector<Flat> all) { return add(field, many_tables, std::move(all)); }
  Flat& text(int field, std::string value) {
    fields_.push_back({field, std::move(value), characters, {}});
    return *this;
  }
  // Structs of two i64.
  Flat& pairs(int field, const std::vector<std::pair<std::int64_t, std::int64_t>>& values) {
    std::string bytes;
    for (const auto& [first, second] : values) {
      files::append_little_endian(bytes, first);
      files::append_little_endian(bytes, second);
    }
    fields_.push_back({field, std::move(bytes), structs, {}});
    return *this;
  }

  std::string buffer() const {
    std::string out(4, '\0');
    link(out, 0, emit(out));
    pad(out, 8);
    return out;
  }

 private:
  enum Kind { inline_number, one_table, many_tables, characters, structs };
  struct Field {
    int number;
    std::string bytes;
    Kind kind;
    std::vector<Flat> children;
  };

  Flat& add(int field, Kind kind, std::vector<Flat> children) {
    fields_.push_back({field, {}, kind, std::move(children)});
    return *this;
  }
  static void pad(std::string& out, std::size_t to) {
    while (out.size() % to != 0) out.push_back('\0');
  }
  static void put(std::string& out, std::size_t at, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) out[at + i] = static_cast<char>(value >> (8 * i));
  }
  static void link(std::string& out, std::size_t at, std::size_t to) { put(out, at, to - at, 4); }

  // Where the table begins.
  std::size_t emit(std::string& out) const {
    int last = -1;
    for (const Field& field : fields_) last = std::max(last, field.number);
    const std::size_t vtable = (pad(out, 8), out.size());
    out.append(4 + 2 * static_cast<std::size_t>(last + 1), '\0');
    const std::size_t table = (pad(out, 8), out.size());
    out.append(4, '\0');
    put(out, table, table - vtable, 4);
    std::vector<std::size_t> at;
    for (const Field& field : fields_) {
      const std::size_t size = field.kind == inline_number ? field.bytes.size() : 4;
      pad(out, size);
      at.push_back(out.size());
      put(out, vtable + 4 + 2 * static_cast<std::size_t>(field.number), out.size() - table, 2);
      out.append(field.kind == inline_number ? field.bytes : std::string(4, '\0'));
    }
    put(out, vtable, 4 + 2 * static_cast<std::size_t>(last + 1), 2);
    put(out, vtable + 2, out.size() - table, 2);
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].kind != inline_number) link(out, at[i], emit(out, fields_[i]));
    }
    return table;
  }

  static std::size_t emit(std::string& out, const Field& field) {
    if (field.kind == one_table) return field.children[0].emit(out);
    pad(out, 8);
    out.append(4, '\0');  // a vector's elements stand on 8 bytes, its count before them
    const std::size_t at = out.size();
    if (field.kind == many_tables) {
      const std::size_t count = field.children.size();
      out.append(4 + 4 * count, '\0');
      put(out, at, count, 4);
      for (std::size_t i = 0; i < count; ++i) {
        link(out, at + 4 + 4 * i, field.children[i].emit(out));
      }
      return at;
    }
    files::append_little_endian(
        out, static_cast<std::uint32_t>(field.bytes.size() / (field.kind == structs ? 16 : 1)));
    out += field.bytes + std::string(1, '\0');
    return at;
  }

  std::vector<Field> fields_;
};

// ---- tables -------------------------------------------------------------------------------------

enum class Lists : std::uint8_t { plain, large, fixed };

// As files::ArrowColumn has it. `valid` holds, for each level that has nulls, a flag an entry.
struct Column {
  std::string name;
  files::ElementType type = files::ElementType::f32;
  std::vector<std::vector<std::int64_t>> offsets;
  std::string values;
  Lists lists = Lists::plain;
  std::vector<std::vector<bool>> valid = {};
};

struct Settings {
  bool file = false;    // between the magic words
  bool legacy = false;  // sizes without the mark before them
  bool end = true;
  std::int16_t endianness = 0;
  std::int8_t codec = -1;
  std::int16_t version = 4;
};

inline Flat type_of(const Column& column) {
  using enum files::ElementType;
  const files::ElementType type = column.type;
  if (type == boolean) return {};
  if (type == f16 || type == f32 || type == f64) {
    return Flat().number<std::int16_t>(0, type == f16 ? 0 : type == f32 ? 1 : 2);
  }
  const bool is_signed = type == i8 || type == i16 || type == i32 || type == i64;
  return Flat()
      .number(0, static_cast<std::int32_t>(8 * files::size_of(type)))
      .number<std::uint8_t>(1, is_signed);
}

inline Flat field_of(const Column& column, std::size_t level = 0) {
  Flat field;
  field.text(0, level == 0 ? column.name : "item").number<std::uint8_t>(1, 1);
  if (level == column.offsets.size()) {
    using enum files::ElementType;
    const files::ElementType type = column.type;
    const int kind = type == boolean ? 6 : type == f16 || type == f32 || type == f64 ? 3 : 2;
    return field.number(2, static_cast<std::uint8_t>(kind)).table(3, type_of(column));
  }
  // the outermost lists alone differ from plain ones: rows of a fixed size stand within episodes
  const Lists kind = column.lists == Lists::fixed && level + 1 != column.offsets.size()
                         ? Lists::plain
                         : column.lists;
  Flat type;
  if (kind == Lists::fixed) {
    type.number(0, static_cast<std::int32_t>(column.offsets[level].at(1)));
  }
  const int number = kind == Lists::plain ? 12 : kind == Lists::large ? 21 : 16;
  return field.number(2, static_cast<std::uint8_t>(number))
      .table(3, std::move(type))
      .tables(5, {field_of(column, level + 1)});
}

inline std::string bits_of(const std::vector<bool>& flags) {
  std::string bits((flags.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]) bits[i / 8] = static_cast<char>(bits[i / 8] | 1 << i % 8);
  }
  return bits;
}

inline std::string message(const Flat& metadata, const std::string& body, bool legacy) {
  const std::string bytes = metadata.buffer();
  std::string out = legacy ? "" : "\xff\xff\xff\xff";
  files::append_little_endian(out, static_cast<std::uint32_t>(bytes.size()));
  return out + bytes + body;
}

inline Flat header(std::uint8_t kind, Flat table, std::size_t body, const Settings& settings) {
  return Flat()
      .number(0, settings.version)
      .number(1, kind)
      .table(2, std::move(table))
      .number(3, static_cast<std::int64_t>(body));
}

inline std::string batch(const std::vector<Column>& columns, const Settings& settings) {
  std::vector<std::pair<std::int64_t, std::int64_t>> nodes, buffers;
  std::string body;
  const auto add = [&](const std::string& bytes) {
    buffers.emplace_back(body.size(), bytes.size());
    body += bytes + std::string((8 - bytes.size() % 8) % 8, '\0');
  };
  std::int64_t rows = 0;
  for (const Column& column : columns) {
    const std::size_t levels = column.offsets.size();
    for (std::size_t level = 0; level <= levels; ++level) {
      const bool leaf = level == levels;
      const std::size_t count = leaf ? column.values.size() / files::size_of(column.type)
                                     : column.offsets[level].size() - 1;
      if (level == 0) rows = static_cast<std::int64_t>(count);
      const std::vector<bool> valid =
          level < column.valid.size() ? column.valid[level] : std::vector<bool>();
      nodes.emplace_back(count, std::count(valid.begin(), valid.end(), false));
      add(bits_of(valid));
      if (leaf && column.type == files::ElementType::boolean) {
        add(bits_of(std::vector<bool>(column.values.begin(), column.values.end())));
      } else if (leaf) {
        add(column.values);
      } else if (column.lists != Lists::fixed || level + 1 != levels) {
        std::string offsets;
        for (const std::int64_t offset : column.offsets[level]) {
          if (column.lists == Lists::large) {
            files::append_little_endian(offsets, offset);
          } else {
            files::append_little_endian(offsets, static_cast<std::int32_t>(offset));
          }
        }
        add(offsets);
      }
    }
  }
  Flat table = Flat().number(0, rows).pairs(1, nodes).pairs(2, buffers);
  if (settings.codec >= 0) table.table(3, Flat().number(0, settings.codec));
  return message(header(3, std::move(table), body.size(), settings), body, settings.legacy);
}

// Batches of the same columns.
inline std::string table(const std::vector<std::vector<Column>>& batches,
                         const Settings& settings = {}) {
  std::vector<Flat> fields;
  for (const Column& column : batches[0]) fields.push_back(field_of(column));
  Flat schema = Flat().number(0, settings.endianness).tables(1, std::move(fields));
  std::string out = settings.file ? std::string("ARROW1\0\0", 8) : "";
  out += message(header(1, std::move(schema), 0, settings), "", settings.legacy);
  for (const std::vector<Column>& columns : batches) out += batch(columns, settings);
  if (settings.end)
    out += std::string(settings.legacy ? "" : "\xff\xff\xff\xff") + std::string(4, '\0');
  return settings.file ? out + std::string("foot\4\0\0\0ARROW1", 14) : out;
}

inline files::Arrow parsed(std::string_view bytes, std::string path = "t.arrow") {
  auto copy = std::make_unique<std::byte[]>(bytes.size());
  std::copy_n(files::bytes_of(bytes).begin(), bytes.size(), copy.get());
  return files::Arrow::parse(files::FileContents(std::move(copy), bytes.size()), std::move(path));
}

// ---- demonstrations -----------------------------------------------------------------------------

inline Column column_of(const char* name, const Series& series,
                        const std::vector<std::int64_t>& starts) {
  Column column = {
      name, series.discrete ? files::ElementType::i64 : files::ElementType::f32, {starts}, {}};
  // every level within a row has lists of one length
  std::int64_t lists = starts.back();
  for (const std::int64_t size : series.shape) {
    std::vector<std::int64_t> offsets = {0};
    for (std::int64_t i = 0; i < lists; ++i) offsets.push_back(offsets.back() + size);
    column.offsets.push_back(std::move(offsets));
    lists *= size;
  }
  for (const std::int64_t value : series.indices) files::append_little_endian(column.values, value);
  for (const float value : series.numbers) {
    files::append_little_endian(column.values, std::bit_cast<std::uint32_t>(value));
  }
  return column;
}

// The columns that `imitation` saves, but for `infos`.
inline std::vector<Column> columns_of(const Demonstrations& from) {
  std::vector<std::int64_t> rows;
  for (std::int64_t e = 0; e <= from.episodes(); ++e) rows.push_back(from.first_observation(e));
  std::vector<Column> columns = {column_of("obs", from.observations, rows),
                                 column_of("acts", from.actions, from.starts),
                                 {"terminal",
                                  files::ElementType::boolean,
                                  {},
                                  std::string(from.terminal.begin(), from.terminal.end())}};
  if (!from.rewards.empty()) {
    columns.push_back(column_of("rews", {{}, false, from.rewards, {}}, from.starts));
  }
  return columns;
}

}  // namespace understudy::arrow_writer
