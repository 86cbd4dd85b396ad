#include "autograd/files/arrow.h"

#include <algorithm>
#include <set>

#include "autograd/files/flatbuffer.h"
#include "kernels/device/error.h"

namespace understudy::files {

namespace {

constexpr std::string_view magic = "ARROW1";
constexpr std::size_t head_size = 8;  // the magic word, padded
constexpr std::uint32_t continuation = 0xffffffff;
constexpr int deepest_field = 32;
constexpr std::size_t deepest_list = 8;
// Of rows and entries: what no file has, and what may be added and multiplied by 8.
constexpr std::int64_t most = std::int64_t{1} << 56;

// The tables of Message.fbs and Schema.fbs: the fields that are read, by their number.
namespace message {
constexpr int version = 0, header_type = 1, header = 2, body_length = 3;
constexpr std::int16_t oldest_version = 3, newest_version = 4;  // V4 and V5
constexpr std::uint8_t schema = 1, dictionary_batch = 2, record_batch = 3;
}  // namespace message
namespace schema {
constexpr int endianness = 0, fields = 1;
}
namespace schema_field {
constexpr int name = 0, type_kind = 2, type = 3, dictionary = 4, children = 5;
}
namespace record_batch {
constexpr int length = 0, nodes = 1, buffers = 2, compression = 3;
constexpr std::size_t pair_size = 16;  // both nodes and buffers are two i64
}  // namespace record_batch

// The union Type, as far as the place of its values in a batch is known.
enum TypeKind : std::uint8_t {
  kind_null = 1,
  kind_int,
  kind_floating,
  kind_binary,
  kind_utf8,
  kind_bool,
  kind_decimal,
  kind_date,
  kind_time,
  kind_timestamp,
  kind_interval,
  kind_list,
  kind_struct,
  kind_union,
  kind_fixed_binary,
  kind_fixed_list,
  kind_map,
  kind_duration,
  kind_large_binary,
  kind_large_utf8,
  kind_large_list
};

ElementType whole_type(std::int32_t bits, bool is_signed, const std::string& path) {
  switch (bits) {
    case 8: return is_signed ? ElementType::i8 : ElementType::u8;
    case 16: return is_signed ? ElementType::i16 : ElementType::u16;
    case 32: return is_signed ? ElementType::i32 : ElementType::u32;
    case 64: return is_signed ? ElementType::i64 : ElementType::u64;
    default:
      fail(ErrorKind::bad_file, "%s: expected whole numbers of 8, 16, 32 or 64 bits, found %d",
           shown_path(path).c_str(), bits);
  }
}

}  // namespace

// ---- opening: schema and batches ----------------------------------------------------------------

class ArrowParser {
 public:
  explicit ArrowParser(Arrow& into) : into_(into), bytes_(into.file_.bytes()) {}

  void parse() {
    std::size_t end = bytes_.size();
    if (text_of(bytes_).starts_with(magic)) {
      end = end_of_stream_in_file();
      at_ = head_size;
    }
    while (at_ < end) {
      if (!read_message(end)) break;
    }
    if (at_ != end) {
      refuse("expected nothing after the end of the stream, found " + std::to_string(end - at_) +
             " bytes");
    }
    if (!has_schema_) refuse("expected a schema, found the end");
  }

 private:
  [[noreturn]] void refuse(const std::string& message) const {
    fail(ErrorKind::bad_file, "%s: byte %zu: %s", shown_path(into_.path_).c_str(), at_,
         message.c_str());
  }

  std::uint32_t word(std::size_t end) {
    if (end - at_ < sizeof(std::uint32_t)) refuse("expected a message of Arrow's, found the end");
    const auto value = load_little_endian<std::uint32_t>(&bytes_[at_]);
    at_ += sizeof value;
    return value;
  }

  // The footer repeats where the messages are, which their order tells as well.
  std::size_t end_of_stream_in_file() const {
    const std::size_t tail = sizeof(std::uint32_t) + magic.size();
    if (bytes_.size() < head_size + tail || !text_of(bytes_).ends_with(magic)) {
      refuse("expected the file to end with ARROW1, as it begins: it is cut off");
    }
    const std::size_t before = bytes_.size() - tail;
    const std::size_t footer = load_little_endian<std::uint32_t>(&bytes_[before]);
    if (footer > before - head_size) {
      refuse("expected a footer within the file, found one of " + std::to_string(footer) +
             " bytes");
    }
    return before - footer;
  }

  bool read_message(std::size_t end) {
    const std::size_t start = at_;
    std::uint32_t size = word(end);
    // before version 0.15 of the format the size stood alone
    if (size == continuation) size = word(end);
    if (size == 0) return false;
    if (size > end - at_) {
      at_ = start;
      refuse("expected a message of Arrow's, found one that reaches past the file's end");
    }
    const ByteSpan metadata = bytes_.subspan(at_, size);
    const FlatTable root = FlatTable::root(metadata, into_.path_);
    const auto version = root.number<std::int16_t>(message::version, 0);
    if (version < message::oldest_version || version > message::newest_version) {
      refuse("expected a message of version V4 or V5, found V" + std::to_string(version + 1));
    }
    const auto body = root.number<std::int64_t>(message::body_length, 0);
    at_ += size;
    if (body < 0 || static_cast<std::uint64_t>(body) > end - at_) {
      refuse("expected a body of " + std::to_string(body) + " bytes, found " +
             std::to_string(end - at_) + ": the file is cut off");
    }
    const auto kind = root.number<std::uint8_t>(message::header_type, 0);
    const FlatTable header = root.table(message::header);
    if (has_schema_ != (kind != message::schema)) refuse("expected one schema, before all else");
    if (kind == message::schema) {
      read_schema(header, metadata.size());
    } else if (kind == message::record_batch) {
      read_batch(header, bytes_.subspan(at_, static_cast<std::size_t>(body)));
    } else if (kind != message::dictionary_batch) {
      refuse("expected a batch of rows, found a message of kind " + std::to_string(kind));
    }
    at_ += static_cast<std::size_t>(body);
    return true;
  }

  // ---- the schema ----

  void read_schema(const FlatTable& table, std::size_t bytes) {
    has_schema_ = true;
    if (table.number<std::int16_t>(schema::endianness, 0) != 0) {
      refuse("expected little-endian numbers, found big-endian ones");
    }
    // a field takes 8 bytes at least: who asks for more shares tables to make many of few
    fields_left_ = bytes / 8;
    const FlatVector fields = table.vector(schema::fields, sizeof(std::uint32_t));
    std::set<std::string, std::less<>> seen;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      into_.fields_.push_back(read_field(fields.table(i), 0));
      const std::string& name = into_.fields_.back().name;
      if (find_invalid_utf8(name) != std::string_view::npos || !seen.insert(name).second) {
        refuse("expected columns with names of their own, in UTF-8, found '" + shown(name) + "'");
      }
      nodes_ += into_.fields_.back().nodes;
      buffers_ += into_.fields_.back().buffers;
    }
  }

  Arrow::Field read_field(const FlatTable& table, int depth) {
    if (depth == deepest_field || fields_left_ == 0) refuse("a schema without end");
    --fields_left_;
    Arrow::Field field;
    field.name = table.text(schema_field::name);
    const auto kind = table.number<std::uint8_t>(schema_field::type_kind, 0);
    if (table.has(schema_field::dictionary)) {
      // here are indices, whatever the dictionary's own values are
      field.type = "dictionary";
      field.buffers = 2;
      return field;
    }
    const FlatVector children = table.vector(schema_field::children, sizeof(std::uint32_t));
    for (std::size_t i = 0; i < children.size(); ++i) {
      field.children.push_back(read_field(children.table(i), depth + 1));
      field.nodes += field.children.back().nodes;
      field.buffers += field.children.back().buffers;
    }
    const bool is_list =
        kind == kind_list || kind == kind_large_list || kind == kind_fixed_list || kind == kind_map;
    if (kind != kind_struct && children.size() != (is_list ? 1u : 0u)) {
      refuse("column '" + shown(field.name) + "': expected " +
             (is_list ? "one field" : "no field") + " within it, found " +
             std::to_string(children.size()));
    }
    read_type(field, kind, table.table(schema_field::type));
    return field;
  }

  void read_type(Arrow::Field& field, std::uint8_t kind, const FlatTable& type) const {
    using Layout = Arrow::Layout;
    const auto values = [&](ElementType element, Layout layout) {
      field.element = element;
      field.layout = layout;
      field.type = name_of(element);
      field.buffers += 2;
    };
    const auto lists = [&](Layout layout, const char* name, std::size_t buffers) {
      field.layout = layout;
      field.type = std::string(name) + "<" + field.children[0].type + ">";
      field.buffers += buffers;
    };
    const auto passed_over = [&](const char* name, std::size_t buffers) {
      field.type = name;
      field.buffers += buffers;
    };
    switch (kind) {
      case kind_int:
        values(whole_type(type.number<std::int32_t>(0, 0), type.number<std::uint8_t>(1, 0) != 0,
                          into_.path_),
               Layout::values);
        break;
      case kind_floating: {
        constexpr ElementType types[] = {ElementType::f16, ElementType::f32, ElementType::f64};
        const auto precision = type.number<std::int16_t>(0, 0);
        if (precision < 0 || precision > 2) refuse("a floating type of no known precision");
        values(types[precision], Layout::values);
        break;
      }
      case kind_bool: values(ElementType::boolean, Layout::bits); break;
      case kind_list: lists(Layout::list, "list", 2); break;
      case kind_large_list: lists(Layout::large_list, "large_list", 2); break;
      case kind_fixed_list:
        field.list_size = type.number<std::int32_t>(0, 0);
        lists(Layout::fixed_list, "fixed_size_list", 1);
        break;
      case kind_map: lists(Layout::passed_over, "map", 2); break;
      case kind_null: passed_over("null", 0); break;
      case kind_struct: passed_over("struct", 1); break;
      case kind_binary:
      case kind_large_binary: passed_over("binary", 3); break;
      case kind_utf8:
      case kind_large_utf8: passed_over("text", 3); break;
      case kind_decimal:
      case kind_fixed_binary: passed_over("bytes", 2); break;
      case kind_date:
      case kind_time:
      case kind_timestamp:
      case kind_interval:
      case kind_duration: passed_over("time", 2); break;
      default:
        refuse("column '" + shown(field.name) +
               "': expected numbers, lists, text or times, found Arrow's type " +
               std::to_string(kind) + ", which is not read");
    }
  }

  // ---- batches of rows ----

  void read_batch(const FlatTable& table, ByteSpan body) {
    if (table.has(record_batch::compression)) {
      const auto codec = table.table(record_batch::compression).number<std::int8_t>(0, 0);
      refuse(std::string("expected rows that are not compressed, found ") +
             (codec == 0   ? "LZ4"
              : codec == 1 ? "ZSTD"
                           : "an unknown codec") +
             "; write them without compression");
    }
    Arrow::Batch batch;
    batch.rows = table.number<std::int64_t>(record_batch::length, 0);
    const FlatVector nodes = table.vector(record_batch::nodes, record_batch::pair_size);
    const FlatVector buffers = table.vector(record_batch::buffers, record_batch::pair_size);
    if (batch.rows < 0 || batch.rows > most - into_.rows_ || nodes.size() != nodes_ ||
        buffers.size() != buffers_) {
      refuse("expected a batch of " + std::to_string(nodes_) + " nodes and " +
             std::to_string(buffers_) + " buffers, found " + std::to_string(batch.rows) +
             " rows, " + std::to_string(nodes.size()) + " nodes and " +
             std::to_string(buffers.size()) + " buffers");
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      batch.nodes.push_back({nodes.number<std::int64_t>(i, 0), nodes.number<std::int64_t>(i, 8)});
      const auto [length, nulls] = batch.nodes.back();
      if (length < 0 || length > most || nulls < 0 || nulls > length) {
        refuse("node " + std::to_string(i) + ": expected a length and fewer nulls, found " +
               std::to_string(length) + " and " + std::to_string(nulls));
      }
    }
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      const auto begin = buffers.number<std::uint64_t>(i, 0);
      const auto size = buffers.number<std::uint64_t>(i, 8);
      if (begin > body.size() || size > body.size() - begin) {
        refuse("buffer " + std::to_string(i) + ": expected one within the " +
               std::to_string(body.size()) + " bytes of its batch, found " + std::to_string(size) +
               " bytes from byte " + std::to_string(begin));
      }
      batch.buffers.push_back(body.subspan(begin, size));
    }
    std::size_t node = 0;
    for (const Arrow::Field& field : into_.fields_) {
      if (batch.nodes[node].length != batch.rows) {
        refuse("column '" + shown(field.name) + "': expected " + std::to_string(batch.rows) +
               " rows, as the batch has, found " + std::to_string(batch.nodes[node].length));
      }
      node += field.nodes;
    }
    into_.rows_ += batch.rows;
    into_.batches_.push_back(std::move(batch));
  }

  Arrow& into_;
  const ByteSpan bytes_;
  std::size_t at_ = 0;
  bool has_schema_ = false;
  std::size_t fields_left_ = 0, nodes_ = 0, buffers_ = 0;
};

// ---- reading a column ---------------------------------------------------------------------------

class ArrowColumnReader {
 public:
  // Nodes and buffers stand in the order in which the fields are walked, parents first.
  ArrowColumnReader(const Arrow& arrow, const Arrow::Batch& batch, std::size_t number,
                    std::size_t node, std::size_t buffer, ArrowColumn& into)
      : arrow_(arrow), batch_(batch), number_(number), node_(node), buffer_(buffer), into_(into) {}

  // The entries begin .. begin + count - 1 of a field, to the end of what was read of its level.
  void read(const Arrow::Field& field, std::size_t level, std::int64_t begin, std::int64_t count) {
    const Arrow::Node node = batch_.nodes[node_++];
    if (count > node.length || begin > node.length - count) {
      refuse(level, "expected " + std::to_string(begin + count) + " entries, found " +
                        std::to_string(node.length));
    }
    find_null(level, node, begin, count);
    switch (field.layout) {
      case Arrow::Layout::list: read_lists<std::int32_t>(field, level, begin, count); break;
      case Arrow::Layout::large_list: read_lists<std::int64_t>(field, level, begin, count); break;
      case Arrow::Layout::fixed_list: read_fixed(field, level, begin, count); break;
      case Arrow::Layout::values: {
        const auto size = static_cast<std::int64_t>(size_of(field.element));
        const ByteSpan data = buffer(level, (begin + count) * size);
        const auto first = data.begin() + begin * size;
        into_.values.insert(into_.values.end(), first, first + count * size);
        break;
      }
      case Arrow::Layout::bits: {
        const ByteSpan data = buffer(level, (begin + count + 7) / 8);
        for (std::int64_t i = begin; i < begin + count; ++i) {
          into_.values.push_back(static_cast<std::byte>(bit(data, i)));
        }
        break;
      }
      case Arrow::Layout::passed_over: break;  // not needed
    }
  }

 private:
  [[noreturn]] void refuse(std::size_t level, const std::string& message) const {
    fail(ErrorKind::bad_file, "%s: batch %zu, level %zu: %s", shown_path(arrow_.path_).c_str(),
         number_, level, message.c_str());
  }

  static bool bit(ByteSpan bits, std::int64_t i) {
    return (std::to_integer<unsigned>(bits[static_cast<std::size_t>(i / 8)]) >> (i % 8) & 1) != 0;
  }

  ByteSpan buffer(std::size_t level, std::int64_t bytes) {
    const ByteSpan next = batch_.buffers[buffer_++];
    if (static_cast<std::int64_t>(next.size()) < bytes) {
      refuse(level, "expected a buffer of " + std::to_string(bytes) + " bytes, found " +
                        std::to_string(next.size()));
    }
    return next;
  }

  void find_null(std::size_t level, const Arrow::Node& node, std::int64_t begin,
                 std::int64_t count) {
    const ByteSpan valid = buffer(level, node.nulls == 0 ? 0 : (begin + count + 7) / 8);
    if (node.nulls == 0 || into_.first_null[level] >= 0) return;
    const std::int64_t before = level < into_.lists()
                                    ? static_cast<std::int64_t>(into_.offsets[level].size()) - 1
                                    : into_.count();
    for (std::int64_t i = 0; i < count; ++i) {
      if (bit(valid, begin + i)) continue;
      into_.first_null[level] = before + i;
      return;
    }
  }

  template <class Offset>
  void read_lists(const Arrow::Field& field, std::size_t level, std::int64_t begin,
                  std::int64_t count) {
    constexpr auto size = static_cast<std::int64_t>(sizeof(Offset));
    // of no lists there may be no offset at all
    const ByteSpan data = buffer(level, count == 0 ? 0 : (begin + count + 1) * size);
    const auto offset = [&](std::int64_t i) -> std::int64_t {
      return load_little_endian<Offset>(&data[static_cast<std::size_t>(i * size)]);
    };
    const std::int64_t first = count == 0 ? 0 : offset(begin);
    if (first < 0 || first > most) refuse(level, "lists that begin at " + std::to_string(first));
    std::vector<std::int64_t>& offsets = into_.offsets[level];
    const std::int64_t base = offsets.back() - first;
    std::int64_t last = first;
    for (std::int64_t i = 1; i <= count; ++i) {
      const std::int64_t next = offset(begin + i);
      if (next < last || next > most) {
        refuse(level, "expected offsets that rise, found " + std::to_string(next) + " after " +
                          std::to_string(last));
      }
      offsets.push_back(base + next);
      last = next;
    }
    read(field.children[0], level + 1, first, last - first);
  }

  void read_fixed(const Arrow::Field& field, std::size_t level, std::int64_t begin,
                  std::int64_t count) {
    const std::int64_t size = field.list_size;
    if (size < 1) refuse(level, "expected lists of 1 or more, found " + std::to_string(size));
    if (begin + count > most / size) refuse(level, "more lists than there can be");
    // first what they hold, which the file must have: no list takes bytes of its own
    read(field.children[0], level + 1, begin * size, count * size);
    std::vector<std::int64_t>& offsets = into_.offsets[level];
    for (std::int64_t i = 0; i < count; ++i) offsets.push_back(offsets.back() + size);
  }

  const Arrow& arrow_;
  const Arrow::Batch& batch_;
  std::size_t number_, node_, buffer_;
  ArrowColumn& into_;
};

// ---- the table ----------------------------------------------------------------------------------

std::int64_t ArrowColumn::count() const {
  return static_cast<std::int64_t>(values.size() / size_of(type));
}

Arrow Arrow::open(const std::string& path) { return parse(read_file(path), path); }

Arrow Arrow::parse(FileContents file, std::string path) {
  Arrow made;
  made.file_ = std::move(file);
  made.path_ = std::move(path);
  ArrowParser(made).parse();
  return made;
}

std::vector<std::string> Arrow::names() const {
  std::vector<std::string> names;
  for (const Field& field : fields_) names.push_back(field.name);
  return names;
}

bool Arrow::contains(std::string_view name) const {
  return std::any_of(fields_.begin(), fields_.end(),
                     [&](const Field& field) { return field.name == name; });
}

const Arrow::Field& Arrow::field(std::string_view name) const {
  for (const Field& field : fields_) {
    if (field.name == name) return field;
  }
  fail(ErrorKind::bad_file, "%s: expected a column '%s', found none of that name",
       shown_path(path_).c_str(), shown(name).c_str());
}

const std::string& Arrow::type(std::string_view name) const { return field(name).type; }

void Arrow::read(std::string_view name, ArrowColumn& into) const {
  const Field& column = field(name);
  std::size_t lists = 0;
  const Field* inner = &column;
  while (inner->layout == Layout::list || inner->layout == Layout::large_list ||
         inner->layout == Layout::fixed_list) {
    inner = &inner->children[0];
    ++lists;
  }
  if (inner->layout == Layout::passed_over || lists > deepest_list) {
    fail(ErrorKind::bad_file, "%s: column '%s': expected numbers, or lists of them, found %s",
         shown_path(path_).c_str(), shown(name).c_str(), shown(column.type).c_str());
  }
  if (into.first_null.empty()) {
    into.type = inner->element;
    into.offsets.assign(lists, {0});
    into.first_null.assign(lists + 1, -1);
  } else if (into.type != inner->element || into.lists() != lists) {
    fail(ErrorKind::bad_file,
         "%s: column '%s': expected %zu levels of lists of %s, as in the "
         "files before, found %s",
         shown_path(path_).c_str(), shown(name).c_str(), into.lists(), name_of(into.type),
         shown(column.type).c_str());
  }
  std::size_t node = 0, buffer = 0;
  for (const Field* before = fields_.data(); before != &column; ++before) {
    node += before->nodes;
    buffer += before->buffers;
  }
  for (std::size_t b = 0; b < batches_.size(); ++b) {
    ArrowColumnReader(*this, batches_[b], b, node, buffer, into)
        .read(column, 0, 0, batches_[b].rows);
  }
}

}  // namespace understudy::files
