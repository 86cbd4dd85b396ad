// Bytes on their way in and out of files, and the few words that every format needs about them.
//
// What always holds: nothing here trusts a file; the parser checks the sizes first. A file is read
// whole, once, into memory of its own. Only files of arrays that may be larger than memory are
// mapped (`map_file`): whoever cuts such a file short while it is read ends the process, as with
// NumPy's mmap_mode; a file that is replaced, as AtomicFile does it, stays as it was.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace understudy::files {

using ByteSpan = std::span<const std::byte>;

inline ByteSpan bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string_view text_of(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Where a format writes to: memory, or a file that appears whole or not at all (atomic_file.h).
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(ByteSpan bytes) = 0;
  void write(std::string_view text) { write(bytes_of(text)); }
};

class MemorySink final : public Sink {
 public:
  using Sink::write;
  void write(ByteSpan bytes) override {
    contents_.insert(contents_.end(), bytes.begin(), bytes.end());
  }
  ByteSpan bytes() const { return contents_; }
  std::string_view text() const { return text_of(contents_); }

 private:
  std::vector<std::byte> contents_;
};

// A whole file in memory, or mapped into it. Copies share the bytes.
class FileContents {
 public:
  FileContents() = default;
  FileContents(std::unique_ptr<std::byte[]> data, std::size_t size)
      : bytes_(data.get(), size), owner_(std::shared_ptr<std::byte[]>(std::move(data))) {}
  FileContents(ByteSpan bytes, std::shared_ptr<const void> owner)
      : bytes_(bytes), owner_(std::move(owner)) {}
  ByteSpan bytes() const { return bytes_; }
  std::string_view text() const { return text_of(bytes()); }
  // While somebody holds it, the bytes stay.
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  ByteSpan bytes_;
  std::shared_ptr<const void> owner_;
};

// Reads a regular file or a pipe to its end. An Error names the path and the system's reason.
FileContents read_file(const std::string& path);
// The same, with a regular file of `mapped_from` bytes or more mapped: of what is read of it, the
// system keeps in memory as much as there is room for.
constexpr std::size_t mapped_from = std::size_t{1} << 20;
FileContents map_file(const std::string& path);

// Little-endian numbers at any address. REQUIRES: sizeof(T) bytes there.
template <class T>
T load_little_endian(const std::byte* from) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(from[i]) << (8 * i)));
  }
  return value;
}

template <class T>
void append_little_endian(std::string& to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    to.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
}

// The offset of the first byte that is not UTF-8 (overlong forms, surrogates and code points past
// U+10FFFF are not), or npos.
std::size_t find_invalid_utf8(std::string_view text);

// What a file holds, fit for one line of a message: control characters and broken UTF-8 escaped, at
// most `limit` bytes. Of a longer text the beginning is kept, of a longer path the end.
std::string shown(std::string_view text, std::size_t limit = 48);
std::string shown_path(std::string_view path);

// Of ASCII, whatever the locale says.
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace understudy::files
