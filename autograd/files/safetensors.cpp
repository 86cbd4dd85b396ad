#include "autograd/files/safetensors.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "autograd/files/atomic_file.h"
#include "kernels/device/error.h"

namespace understudy::files {

namespace {

constexpr std::size_t largest_header = 100'000'000;
constexpr std::size_t largest_rank = 64;
constexpr std::string_view metadata_key = "__metadata__";

// In the order of ElementType.
constexpr std::string_view type_names[element_type_count] = {
    "F32", "F64", "I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64", "BOOL", "F16", "BF16"};

struct Entry {
  std::string name;
  ElementType type = ElementType::f32;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

// Reads JSON of the header's one shape, and nothing else: objects in objects to this depth,
// strings, lists of whole numbers. There is no recursion for a file to drive.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::string_view name) : text_(text), name_(name) {}

  void read(std::vector<Entry>& entries, Safetensors& contents) {
    const std::size_t invalid = find_invalid_utf8(text_);
    if (invalid != std::string_view::npos) refuse(invalid, "expected UTF-8");
    if (text_.empty() || text_[0] != '{') refuse(0, "expected '{', found " + found());
    bool has_metadata = false;
    std::map<std::string, std::size_t, std::less<>> seen;
    object([&](std::size_t at, std::string key) {
      if (key == metadata_key) {
        if (has_metadata) refuse(at, "'__metadata__' twice");
        has_metadata = true;
        metadata(contents);
        return;
      }
      if (!seen.emplace(key, at).second) refuse(at, "the name '" + shown(key) + "' twice");
      entries.push_back(tensor(at, std::move(key)));
    });
    if (at_ != text_.size()) refuse(at_, "expected blanks after the header, found " + found());
  }

 private:
  [[noreturn]] void refuse(std::size_t at, const std::string& message) const {
    fail(ErrorKind::bad_file, "%s: header, byte %zu: %s", shown_path(name_).c_str(),
         at + sizeof(std::uint64_t), message.c_str());
  }

  std::string found() const {
    if (at_ >= text_.size()) return "the end of the header";
    return "'" + shown(text_.substr(at_, 8)) + "'";
  }

  void skip_blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }

  bool take_if(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    skip_blanks();
    return true;
  }

  void take(char c) {
    if (!take_if(c)) refuse(at_, std::string("expected '") + c + "', found " + found());
  }

  // Calls `member(place, key)` with the reader before each value.
  template <class Member>
  void object(Member member) {
    take('{');
    if (take_if('}')) return;
    do {
      const std::size_t at = at_;
      std::string key = string();
      take(':');
      member(at, std::move(key));
    } while (take_if(','));
    take('}');
  }

  void metadata(Safetensors& contents) {
    object([&](std::size_t at, std::string key) {
      std::string value = string();
      if (!contents.metadata.emplace(key, std::move(value)).second) {
        refuse(at, "the key '" + shown(key) + "' twice in '__metadata__'");
      }
    });
  }

  Entry tensor(std::size_t tensor_at, std::string name) {
    Entry entry;
    entry.name = std::move(name);
    bool has_type = false, has_shape = false, has_offsets = false;
    object([&](std::size_t at, const std::string& key) {
      bool* seen = key == "dtype"          ? &has_type
                   : key == "shape"        ? &has_shape
                   : key == "data_offsets" ? &has_offsets
                                           : nullptr;
      if (seen == nullptr) {
        refuse(at, "expected dtype, shape or data_offsets, found '" + shown(key) + "'");
      }
      if (*seen) refuse(at, "'" + key + "' twice for '" + shown(entry.name) + "'");
      *seen = true;
      const std::size_t value_at = at_;
      if (key == "dtype") {
        const std::string type = string();
        const auto known = std::find(std::begin(type_names), std::end(type_names), type);
        if (known == std::end(type_names)) {
          refuse(value_at,
                 "'" + shown(entry.name) + "' has a dtype that is not read: '" + shown(type) + "'");
        }
        entry.type = static_cast<ElementType>(known - std::begin(type_names));
      } else if (key == "shape") {
        for (const std::uint64_t dimension : numbers(largest_rank)) {
          if (dimension > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            refuse(value_at, "a dimension of more than 2^63 - 1");
          }
          entry.shape.push_back(static_cast<std::int64_t>(dimension));
        }
      } else {
        const std::vector<std::uint64_t> offsets = numbers(2);
        if (offsets.size() != 2)
          refuse(value_at, "expected two offsets, found " + std::to_string(offsets.size()));
        entry.begin = offsets[0];
        entry.end = offsets[1];
      }
    });
    const char* missing = !has_type      ? "dtype"
                          : !has_shape   ? "shape"
                          : !has_offsets ? "data_offsets"
                                         : nullptr;
    if (missing != nullptr) {
      refuse(tensor_at, "'" + shown(entry.name) + "' has no '" + missing + "'");
    }
    return entry;
  }

  std::vector<std::uint64_t> numbers(std::size_t most) {
    std::vector<std::uint64_t> values;
    const std::size_t begin = at_;
    take('[');
    if (take_if(']')) return values;
    do {
      if (values.size() == most) {
        refuse(begin, "a list of more than " + std::to_string(most) + " numbers");
      }
      values.push_back(whole_number());
    } while (take_if(','));
    take(']');
    return values;
  }

  std::uint64_t whole_number() {
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    while (at_ < text_.size() && is_digit(text_[at_])) {
      const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
      if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
          __builtin_add_overflow(value, digit, &value)) {
        refuse(begin, "a number of more than 64 bits");
      }
      ++at_;
    }
    if (at_ == begin) refuse(at_, "expected a whole number, found " + found());
    if (text_[begin] == '0' && at_ - begin > 1) refuse(begin, "a number that begins with 0");
    if (at_ < text_.size() && (text_[at_] == '.' || text_[at_] == 'e' || text_[at_] == 'E')) {
      refuse(begin, "expected a whole number, found a decimal one");
    }
    skip_blanks();
    return value;
  }

  std::string string() {
    if (at_ >= text_.size() || text_[at_] != '"') {
      refuse(at_, "expected a string in quotes, found " + found());
    }
    const std::size_t begin = at_++;
    std::string value;
    for (;;) {
      if (at_ >= text_.size()) refuse(begin, "a string without an end");
      const char c = text_[at_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) refuse(at_, "a control character in a string");
      ++at_;
      if (c == '\\') {
        escape(value);
      } else {
        value += c;
      }
    }
    ++at_;
    skip_blanks();
    return value;
  }

  void escape(std::string& value) {
    const std::size_t at = at_ - 1;
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    switch (c) {
      case '"':
      case '\\':
      case '/': value += c; return;
      case 'b': value += '\b'; return;
      case 'f': value += '\f'; return;
      case 'n': value += '\n'; return;
      case 'r': value += '\r'; return;
      case 't': value += '\t'; return;
      case 'u': break;
      default: refuse(at, "an escape that JSON does not have");
    }
    std::uint32_t code = four_hex_digits(at);
    // past U+FFFF a character is a pair of surrogates, high before low; one alone is none
    if (code >= 0xDC00 && code < 0xE000) refuse(at, "half a surrogate pair");
    if (code >= 0xD800 && code < 0xDC00) {
      if (text_.substr(at_, 2) != "\\u") refuse(at, "half a surrogate pair");
      at_ += 2;
      const std::uint32_t low = four_hex_digits(at);
      if (low < 0xDC00 || low >= 0xE000) refuse(at, "half a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(value, code);
  }

  std::uint32_t four_hex_digits(std::size_t at) {
    std::uint32_t code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = at_ < text_.size() ? text_[at_++] : '\0';
      const int digit = is_digit(c)            ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) refuse(at, "expected four hexadecimal digits after \\u");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  static void append_utf8(std::string& value, std::uint32_t code) {
    const auto continued = [&](int shift) {
      value += static_cast<char>(0x80 | ((code >> shift) & 0x3f));
    };
    if (code < 0x80) {
      value += static_cast<char>(code);
    } else if (code < 0x800) {
      value += static_cast<char>(0xC0 | (code >> 6));
      continued(0);
    } else if (code < 0x10000) {
      value += static_cast<char>(0xE0 | (code >> 12));
      continued(6);
      continued(0);
    } else {
      value += static_cast<char>(0xF0 | (code >> 18));
      continued(12);
      continued(6);
      continued(0);
    }
  }

  std::string_view text_;
  std::string_view name_;
  std::size_t at_ = 0;
};

void append_string(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      to += escaped;
    } else {
      to += c;
    }
  }
  to += '"';
}

}  // namespace

Safetensors parse_safetensors(ByteSpan file, std::string_view name,
                              const std::shared_ptr<const void>& owner) {
  const auto bad = [&](const std::string& message) {
    fail(ErrorKind::bad_file, "%s: %s", shown_path(name).c_str(), message.c_str());
  };
  constexpr std::size_t prefix = sizeof(std::uint64_t);
  if (file.size() < prefix) {
    bad("expected a .safetensors file, which begins with 8 bytes of length, found " +
        std::to_string(file.size()) + " bytes");
  }
  const std::uint64_t header_size = load_little_endian<std::uint64_t>(file.data());
  if (header_size > file.size() - prefix) {
    bad("the header says it has " + std::to_string(header_size) + " bytes, the file has " +
        std::to_string(file.size() - prefix) + " after its length (is it a .safetensors file?)");
  }
  if (header_size > largest_header) {
    bad("a header of " + std::to_string(header_size) + " bytes, more than " +
        std::to_string(largest_header));
  }
  const auto data_at = prefix + static_cast<std::size_t>(header_size);
  const ByteSpan data = file.subspan(data_at);

  Safetensors contents;
  std::vector<Entry> entries;
  HeaderReader(text_of(file.subspan(prefix, static_cast<std::size_t>(header_size))), name)
      .read(entries, contents);

  // in the order of their data, each must begin where the one before ended
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    const auto bad_tensor = [&](const std::string& message) {
      bad("'" + shown(entry.name) + "': " + message);
    };
    const std::string offsets =
        "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
    if (entry.begin > entry.end || entry.end > data.size()) {
      bad_tensor("data_offsets " + offsets + " are not within the data's " +
                 std::to_string(data.size()) + " bytes");
    }
    if (entry.begin < at) bad_tensor("data_offsets " + offsets + " overlap another array's");
    if (entry.begin > at) {
      bad_tensor("data_offsets " + offsets + " leave a hole after byte " + std::to_string(at));
    }
    std::size_t expected = 0;
    if (!checked_byte_count(entry.type, entry.shape, expected)) {
      bad_tensor("the shape " + to_string(entry.shape) + " has more elements than any memory");
    }
    if (expected != entry.end - entry.begin) {
      bad_tensor("the shape " + to_string(entry.shape) + " of " + name_of(entry.type) + " needs " +
                 std::to_string(expected) + " bytes, data_offsets " + offsets + " have " +
                 std::to_string(entry.end - entry.begin));
    }
    at = entry.end;
  }
  if (at != data.size()) {
    bad("the arrays end at byte " + std::to_string(at) + " of the data, the file has " +
        std::to_string(data.size()));
  }

  for (Entry& entry : entries) {
    const auto begin = static_cast<std::size_t>(entry.begin);
    const ByteSpan elements = data.subspan(begin, static_cast<std::size_t>(entry.end) - begin);
    if (entry.type == ElementType::boolean) {
      const std::size_t wrong = find_invalid_boolean(elements);
      if (wrong != std::string_view::npos) {
        bad("'" + shown(entry.name) + "': expected 0 or 1 for a bool, found " +
            std::to_string(static_cast<unsigned>(elements[wrong])) + " at byte " +
            std::to_string(data_at + begin + wrong));
      }
    }
    const bool aligned =
        reinterpret_cast<std::uintptr_t>(elements.data()) % size_of(entry.type) == 0;
    if (owner != nullptr && aligned) {
      contents.arrays.emplace(std::move(entry.name),
                              Array::viewing(entry.type, entry.shape, elements, owner));
      continue;
    }
    Array array(entry.type, std::move(entry.shape));
    std::copy(elements.begin(), elements.end(), array.bytes().begin());
    contents.arrays.emplace(std::move(entry.name), std::move(array));
  }
  return contents;
}

Safetensors read_safetensors(const std::string& path) {
  const FileContents file = map_file(path);
  return parse_safetensors(file.bytes(), path, file.owner());
}

void write_safetensors(Sink& sink, const Safetensors& contents, std::string_view name) {
  const auto check_text = [&](std::string_view text) {
    if (find_invalid_utf8(text) != std::string_view::npos) {
      fail(ErrorKind::bad_input, "%s: expected UTF-8, found '%s'", shown_path(name).c_str(),
           shown(text).c_str());
    }
  };

  std::vector<const NamedArrays::value_type*> order;
  for (const auto& entry : contents.arrays) {
    check_text(entry.first);
    if (entry.first == metadata_key ||
        entry.second.rank() > static_cast<std::int64_t>(largest_rank)) {
      fail(ErrorKind::bad_input, "%s: a .safetensors file cannot hold '%s' of shape %s",
           shown_path(name).c_str(), shown(entry.first).c_str(),
           to_string(entry.second.shape()).c_str());
    }
    order.push_back(&entry);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return size_of(a->second.type()) > size_of(b->second.type());
  });
  std::map<std::string_view, std::size_t> begins;
  std::size_t at = 0;
  for (const auto* entry : order) {
    begins[entry->first] = at;
    at += entry->second.bytes().size();
  }

  std::string header = "{";
  if (!contents.metadata.empty()) {
    append_string(header, metadata_key);
    header += ":{";
    for (const auto& [key, value] : contents.metadata) {
      check_text(key);
      check_text(value);
      if (header.back() != '{') header += ',';
      append_string(header, key);
      header += ':';
      append_string(header, value);
    }
    header += '}';
  }
  for (const auto& [key, array] : contents.arrays) {
    if (header.size() > 1) header += ',';
    append_string(header, key);
    header += ":{\"dtype\":";
    append_string(header, type_names[static_cast<int>(array.type())]);
    header += ",\"shape\":[";
    for (std::size_t i = 0; i < array.shape().size(); ++i) {
      header += (i == 0 ? "" : ",") + std::to_string(array.shape()[i]);
    }
    const std::size_t begin = begins[key];
    header += "],\"data_offsets\":[" + std::to_string(begin) + "," +
              std::to_string(begin + array.bytes().size()) + "]}";
  }
  header += '}';
  header.append((64 - (sizeof(std::uint64_t) + header.size()) % 64) % 64, ' ');
  if (header.size() > largest_header) {
    fail(ErrorKind::bad_input, "%s: a header of %zu bytes, more than %zu", shown_path(name).c_str(),
         header.size(), largest_header);
  }

  std::string prefix;
  append_little_endian(prefix, static_cast<std::uint64_t>(header.size()));
  sink.write(prefix);
  sink.write(header);
  for (const auto* entry : order) sink.write(entry->second.bytes());
}

void write_safetensors(const std::string& path, const Safetensors& contents) {
  AtomicFile file(path);
  write_safetensors(file, contents, path);
  file.commit();
}

}  // namespace understudy::files
