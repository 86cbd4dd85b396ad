#include "autograd/files/npy.h"

#include <algorithm>
#include <limits>

#include "autograd/files/atomic_file.h"
#include "kernels/device/error.h"

namespace understudy::files {

namespace {

constexpr std::string_view magic = "\x93NUMPY";
// NumPy's own limits are 64 dimensions and 10,000 bytes of header.
constexpr std::size_t largest_rank = 64;
constexpr std::size_t largest_header = 1 << 16;

struct Header {
  ElementType type = ElementType::f32;
  bool big_endian = false;
  bool fortran_order = false;
  Shape shape;
};

// Reads the header's dictionary and nothing else of Python: strings without escapes, True, False,
// and tuples of decimal numbers.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::size_t offset, std::string_view name)
      : text_(text), offset_(offset), name_(name) {}

  Header parse() {
    Header header;
    bool has_type = false, has_order = false, has_shape = false;
    skip_blanks();
    take('{', "a dictionary");
    for (skip_blanks(); !take_if('}');) {
      const std::size_t key_at = at_;
      const std::string_view key = string("a key in quotes");
      skip_blanks();
      take(':', "':' after a key");
      skip_blanks();
      bool* seen = key == "descr"           ? &has_type
                   : key == "fortran_order" ? &has_order
                   : key == "shape"         ? &has_shape
                                            : nullptr;
      if (seen == nullptr)
        bad(key_at, "expected the keys descr, fortran_order and shape, found '%s'",
            shown(key).c_str());
      if (*seen) bad(key_at, "the key '%s' twice", shown(key).c_str());
      *seen = true;
      if (key == "descr") {
        element_type(header);
      } else if (key == "fortran_order") {
        header.fortran_order = boolean();
      } else {
        header.shape = tuple();
      }
      skip_blanks();
      if (take_if(',')) {
        skip_blanks();
      } else if (at_ >= text_.size() || text_[at_] != '}') {
        bad(at_, "expected ',' or '}' after a value, found %s", found().c_str());
      }
    }
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    if (at_ != text_.size())
      bad(at_, "expected blanks after the dictionary, found %s", found().c_str());
    if (!has_type) bad(0, "the key 'descr' is missing");
    if (!has_order) bad(0, "the key 'fortran_order' is missing");
    if (!has_shape) bad(0, "the key 'shape' is missing");
    return header;
  }

 private:
  template <class... Arguments>
  [[noreturn]] void bad(std::size_t at, const char* format, Arguments... arguments) const {
    char message[256];
    if constexpr (sizeof...(arguments) == 0) {
      std::snprintf(message, sizeof message, "%s", format);
    } else {
      std::snprintf(message, sizeof message, format, arguments...);
    }
    fail(ErrorKind::bad_file, "%s: .npy header, byte %zu: %s", shown_path(name_).c_str(),
         offset_ + at, message);
  }

  std::string found() const {
    if (at_ >= text_.size()) return "the end of the header";
    return "'" + shown(text_.substr(at_, 8)) + "'";
  }

  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }

  bool take_if(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void take(char c, const char* expected) {
    if (!take_if(c)) bad(at_, "expected %s, found %s", expected, found().c_str());
  }

  std::string_view string(const char* expected) {
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') bad(at_, "expected %s, found %s", expected, found().c_str());
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' || text_[at_] == '\n')
        bad(at_, "an escape or a line's end in a string");
      ++at_;
    }
    if (at_ >= text_.size()) bad(begin, "a string without an end");
    return text_.substr(begin, at_++ - begin);
  }

  bool boolean() {
    for (const std::string_view word : {std::string_view("True"), std::string_view("False")}) {
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    }
    bad(at_, "expected True or False, found %s", found().c_str());
  }

  std::int64_t number() {
    const std::size_t begin = at_;
    if (at_ < text_.size() && text_[at_] == '-')
      bad(at_, "a negative dimension: %s", found().c_str());
    std::uint64_t value = 0;
    while (at_ < text_.size() && is_digit(text_[at_])) {
      const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
      if (__builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
          __builtin_add_overflow(value, digit, &value) ||
          value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        bad(begin, "a dimension of more than 2^63 - 1");
      }
      ++at_;
    }
    if (at_ == begin) bad(at_, "expected a dimension, found %s", found().c_str());
    if (text_[begin] == '0' && at_ - begin > 1) bad(begin, "a dimension that begins with 0");
    return static_cast<std::int64_t>(value);
  }

  // (), (3,), (3, 4) or (3, 4,); Python reads (3) as a number, and so it is an error
  Shape tuple() {
    Shape shape;
    const std::size_t begin = at_;
    take('(', "a tuple of dimensions");
    bool comma = true;
    for (skip_blanks(); !take_if(')'); skip_blanks()) {
      if (!comma) bad(at_, "expected ',' or ')' after a dimension, found %s", found().c_str());
      if (shape.size() == largest_rank) bad(begin, "more than %zu dimensions", largest_rank);
      shape.push_back(number());
      skip_blanks();
      comma = take_if(',');
    }
    if (shape.size() == 1 && !comma) bad(begin, "expected a tuple of dimensions, found a number");
    return shape;
  }

  void element_type(Header& header) {
    if (at_ < text_.size() && text_[at_] == '[') {
      bad(at_, "a structured array, where plain numbers are expected");
    }
    const std::size_t at = at_;
    const std::string_view descr = string("an element type in quotes");
    const char order = descr.empty() ? '\0' : descr[0];
    const std::string_view kind = descr.substr(std::min<std::size_t>(1, descr.size()));
    static constexpr std::pair<std::string_view, ElementType> kinds[] = {
        {"f4", ElementType::f32}, {"f8", ElementType::f64},     {"i1", ElementType::i8},
        {"u1", ElementType::u8},  {"i2", ElementType::i16},     {"u2", ElementType::u16},
        {"i4", ElementType::i32}, {"u4", ElementType::u32},     {"i8", ElementType::i64},
        {"u8", ElementType::u64}, {"b1", ElementType::boolean}, {"f2", ElementType::f16}};
    for (const auto& [code, type] : kinds) {
      if (kind != code) continue;
      const bool ordered = order == '<' || order == '>';
      if (!ordered && !(order == '|' && size_of(type) == 1)) break;
      header.type = type;
      header.big_endian = order == '>' && size_of(type) > 1;
      return;
    }
    if (kind == "O")
      bad(at,
          "pickled Python objects, which are never read; a list of arrays of several lengths is "
          "one "
          "array by numpy.concatenate");
    bad(at, "expected an element type such as '<f4', found '%s'", shown(descr).c_str());
  }

  std::string_view text_;
  std::size_t offset_;
  std::string_view name_;
  std::size_t at_ = 0;
};

void reverse_bytes(std::span<std::byte> bytes, std::size_t size) {
  for (std::size_t i = 0; i + size <= bytes.size(); i += size) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + size));
  }
}

// Element (i_0, ..., i_k) is at sum of i_j * (product of dimensions before j) in Fortran order. The
// indices count up in C order, and `from` follows them.
void transpose(const Shape& shape, std::size_t size, const std::byte* source, std::byte* target,
               std::size_t count) {
  std::vector<std::size_t> index(shape.size(), 0), stride(shape.size(), 1);
  for (std::size_t j = 1; j < shape.size(); ++j) {
    stride[j] = stride[j - 1] * static_cast<std::size_t>(shape[j - 1]);
  }
  std::size_t from = 0;
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(target + i * size, source + from * size, size);
    for (std::size_t j = shape.size(); j-- > 0;) {
      from += stride[j];
      if (++index[j] < static_cast<std::size_t>(shape[j])) break;
      from -= stride[j] * index[j];
      index[j] = 0;
    }
  }
}

}  // namespace

Array parse_npy(ByteSpan file, std::string_view name, std::shared_ptr<const void> owner) {
  const auto bad = [&](const std::string& message) {
    fail(ErrorKind::bad_file, "%s: %s", shown_path(name).c_str(), message.c_str());
  };
  if (file.size() < magic.size() + 2 || text_of(file.first(magic.size())) != magic) {
    bad("expected an .npy file, which begins with \\x93NUMPY, found '" +
        shown(text_of(file.first(std::min<std::size_t>(file.size(), 8)))) + "' (" +
        std::to_string(file.size()) + " bytes)");
  }
  const unsigned major = static_cast<unsigned>(file[6]), minor = static_cast<unsigned>(file[7]);
  if (major < 1 || major > 3 || minor != 0) {
    bad("expected .npy version 1.0, 2.0 or 3.0, found " + std::to_string(major) + "." +
        std::to_string(minor));
  }
  const std::size_t header_at = major == 1 ? 10 : 12;
  if (file.size() < header_at) bad("the file ends within the length of its .npy header");
  const std::size_t header_size = major == 1 ? load_little_endian<std::uint16_t>(&file[8])
                                             : load_little_endian<std::uint32_t>(&file[8]);
  if (header_size > largest_header) {
    bad("an .npy header of " + std::to_string(header_size) + " bytes, more than " +
        std::to_string(largest_header));
  }
  if (header_size > file.size() - header_at) {
    bad("the .npy header says it has " + std::to_string(header_size) + " bytes, the file has " +
        std::to_string(file.size() - header_at) + " after byte " + std::to_string(header_at));
  }
  const Header header =
      HeaderParser(text_of(file.subspan(header_at, header_size)), header_at, name).parse();

  // the size is known to be right before anything is allocated for it
  const ByteSpan data = file.subspan(header_at + header_size);
  std::size_t expected = 0;
  if (!checked_byte_count(header.type, header.shape, expected)) {
    bad("the shape " + to_string(header.shape) + " has more elements than any memory");
  }
  if (expected != data.size()) {
    bad("the shape " + to_string(header.shape) + " of " + name_of(header.type) + " needs " +
        std::to_string(expected) + " bytes, found " + std::to_string(data.size()) + " after byte " +
        std::to_string(header_at + header_size));
  }

  const std::size_t size = size_of(header.type);
  const bool transposed = header.fortran_order && header.shape.size() > 1;
  const bool viewed = owner != nullptr && !transposed && !header.big_endian &&
                      reinterpret_cast<std::uintptr_t>(data.data()) % size == 0;
  Array array = viewed ? Array::viewing(header.type, header.shape, data, std::move(owner))
                       : Array(header.type, header.shape);
  if (viewed) {
    // nothing to move
  } else if (transposed) {
    transpose(header.shape, size, data.data(), array.bytes().data(), expected / size);
  } else if (expected != 0) {
    std::memcpy(array.bytes().data(), data.data(), expected);
  }
  if (header.big_endian) reverse_bytes(array.bytes(), size);
  if (header.type == ElementType::boolean) {
    const std::size_t wrong = find_invalid_boolean(data);
    if (wrong != std::string_view::npos) {
      bad("expected 0 or 1 for a bool, found " +
          std::to_string(static_cast<unsigned>(data[wrong])) + " at byte " +
          std::to_string(header_at + header_size + wrong));
    }
  }
  return array;
}

Array read_npy(const std::string& path) {
  const FileContents file = map_file(path);
  return parse_npy(file.bytes(), path, file.owner());
}

std::string npy_header(const Array& array, std::string_view name) {
  static constexpr const char* descr[element_type_count] = {
      "<f4", "<f8", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "|b1", "<f2", nullptr};
  const char* type = descr[static_cast<int>(array.type())];
  if (type == nullptr || array.shape().size() > largest_rank) {
    fail(ErrorKind::bad_input, "%s: an .npy file cannot hold %s of shape %s",
         shown_path(name).c_str(), name_of(array.type()), to_string(array.shape()).c_str());
  }
  std::string dictionary =
      std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (";
  for (std::size_t i = 0; i < array.shape().size(); ++i) {
    dictionary += (i == 0 ? "" : " ") + std::to_string(array.shape()[i]) +
                  (i + 1 < array.shape().size() || i == 0 ? "," : "");
  }
  dictionary += "), }";

  // 64 dimensions of 20 digits are far from the 65,535 bytes that version 1 has room for
  const std::size_t padded = (10 + dictionary.size() + 1 + 63) / 64 * 64;
  std::string header(magic);
  header += '\x01';
  header += '\0';
  append_little_endian(header, static_cast<std::uint16_t>(padded - 10));
  header += dictionary;
  header.append(padded - 1 - header.size(), ' ');
  header += '\n';
  return header;
}

void write_npy(Sink& sink, const Array& array, std::string_view name) {
  sink.write(npy_header(array, name));
  sink.write(array.bytes());
}

void write_npy(const std::string& path, const Array& array) {
  AtomicFile file(path);
  write_npy(file, array, path);
  file.commit();
}

}  // namespace understudy::files
