#include "autograd/files/bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "kernels/device/error.h"

namespace understudy::files {

namespace {

// Closes a file descriptor when the scope is left, by an Error too.
struct Descriptor {
  int number;
  explicit Descriptor(int open) : number(open) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

int open_file(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    fail(ErrorKind::bad_file, "%s: a path with a zero byte in it", shown_path(path).c_str());
  }
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

// A file that is no folder, and what the system says of it.
struct OpenFile {
  explicit OpenFile(const std::string& path) : descriptor(open_file(path)) {
    if (descriptor.number < 0 || ::fstat(descriptor.number, &status) != 0) {
      fail(ErrorKind::bad_file, "%s: cannot open: %s", shown_path(path).c_str(),
           std::strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
      fail(ErrorKind::bad_file, "%s: expected a file, found a folder", shown_path(path).c_str());
    }
  }
  Descriptor descriptor;
  struct stat status {};
};

struct Map {
  void* data;
  std::size_t size;
  Map(void* mapped, std::size_t bytes) : data(mapped), size(bytes) {}
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  ~Map() { ::munmap(data, size); }
};

}  // namespace

FileContents map_file(const std::string& path) {
  {
    const OpenFile file(path);
    const auto size = static_cast<std::size_t>(std::max<off_t>(file.status.st_size, 0));
    if (S_ISREG(file.status.st_mode) && size >= mapped_from) {
      void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.descriptor.number, 0);
      if (data != MAP_FAILED) {
        const auto map = std::make_shared<const Map>(data, size);
        return {ByteSpan(static_cast<const std::byte*>(data), size), map};
      }
    }
  }
  return read_file(path);
}

FileContents read_file(const std::string& path) {
  const OpenFile file(path);

  // one byte more than the file says it has, so that its end is seen without growing
  std::size_t capacity = file.status.st_size > 0 ? static_cast<std::size_t>(file.status.st_size) + 1
                                                 : std::size_t{1} << 16;
  auto data = std::make_unique_for_overwrite<std::byte[]>(capacity);
  std::size_t size = 0;
  for (;;) {
    if (size == capacity) {
      auto larger = std::make_unique_for_overwrite<std::byte[]>(2 * capacity);
      std::memcpy(larger.get(), data.get(), size);
      data = std::move(larger);
      capacity *= 2;
    }
    const ssize_t got = ::read(file.descriptor.number, data.get() + size,
                               std::min<std::size_t>(capacity - size, 1u << 30));
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      fail(ErrorKind::bad_file, "%s: cannot read at byte %zu: %s", shown_path(path).c_str(), size,
           std::strerror(errno));
    }
    size += static_cast<std::size_t>(got);
  }
  return FileContents(std::move(data), size);
}

std::size_t find_invalid_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    // 0xC0 and 0xC1 only begin overlong forms, 0xF5 and above only what is past U+10FFFF
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() - i < length) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return i;
    }
    const unsigned next = byte(i + 1);
    if ((lead == 0xE0 && next < 0xA0) ||  // overlong
        (lead == 0xED && next > 0x9F) ||  // surrogates
        (lead == 0xF0 && next < 0x90) ||  // overlong
        (lead == 0xF4 && next > 0x8F)) {  // past U+10FFFF
      return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

std::string shown(std::string_view text, std::size_t limit) {
  std::string line;
  std::size_t i = 0;
  while (i < text.size()) {
    const auto byte = static_cast<unsigned char>(text[i]);
    std::string piece;
    if (byte < 0x20 || byte == 0x7f) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      piece = escaped;
    } else if (byte < 0x80) {
      piece = text[i];
    } else {
      // a whole character where there is one, else the byte escaped
      const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
      const std::string_view character = text.substr(i, length);
      if (character.size() == length && find_invalid_utf8(character) == std::string_view::npos) {
        piece = character;
      } else {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
        piece = escaped;
      }
    }
    if (line.size() + piece.size() > limit) return line + "...";
    line += piece;
    i += static_cast<unsigned char>(piece[0]) < 0x80 ? 1 : piece.size();
  }
  return line;
}

std::string shown_path(std::string_view path) {
  constexpr std::size_t limit = 240;  // leaves half of an Error's line to say what is wrong
  if (path.size() <= limit) return shown(path, 4 * limit);
  return "..." + shown(path.substr(path.size() - limit), 4 * limit);
}

}  // namespace understudy::files
