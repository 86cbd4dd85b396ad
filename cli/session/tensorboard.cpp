#include "cli/session/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "autograd/files/bytes.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace {

// TFRecord's mask: a CRC of data that holds CRCs is weak, so that it is rotated and shifted.
std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

template <class T>
void put(std::string& bytes, T value) {
  // The format is little-endian; so is every machine that this builds for.
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  bytes.append(raw, sizeof value);
}

template <class T>
T get(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

void put_varint(std::string& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  bytes += static_cast<char>(value);
}

// Field numbers with their wire types: number << 3 | type (0 varint, 1 eight bytes, 2 counted
// bytes, 5 four bytes).
constexpr char wall_time_field = 1 << 3 | 1, step_field = 2 << 3 | 0, version_field = 3 << 3 | 2,
               summary_field = 5 << 3 | 2;
constexpr char value_field = 1 << 3 | 2, tag_field = 1 << 3 | 2, simple_value_field = 2 << 3 | 5;

void put_counted(std::string& bytes, char field, const std::string& content) {
  bytes += field;
  put_varint(bytes, content.size());
  bytes += content;
}

std::string event_of(std::int64_t step) {
  using Seconds = std::chrono::duration<double>;
  const Seconds now = std::chrono::system_clock::now().time_since_epoch();
  std::string event(1, wall_time_field);
  put(event, now.count());
  event += step_field;
  put_varint(event, static_cast<std::uint64_t>(step));
  return event;
}

// The step of an Event that was written by `event_of`, or -1.
std::int64_t step_of(const char* event, std::size_t size) {
  std::size_t at = 1 + sizeof(double);
  if (size <= at || event[at] != step_field) return -1;
  std::uint64_t step = 0;
  for (int shift = 0; shift < 63 && ++at < size; shift += 7) {
    step |= static_cast<std::uint64_t>(event[at] & 0x7f) << shift;
    if ((event[at] & 0x80) == 0) return static_cast<std::int64_t>(step);
  }
  return -1;
}

// How much of the file is whole records of steps up to `last_step`.
std::size_t length_to_keep(const std::string& file, std::int64_t last_step) {
  std::size_t at = 0;
  while (file.size() - at >= 16) {
    const auto size = get<std::uint64_t>(&file[at]);
    if (get<std::uint32_t>(&file[at + 8]) != masked(crc32c(&file[at], 8))) break;
    if (size > file.size() - at - 16) break;
    const char* event = &file[at + 12];
    if (get<std::uint32_t>(event + size) != masked(crc32c(event, size))) break;
    if (step_of(event, size) > last_step) break;
    at += 16 + size;
  }
  return at;
}

}  // namespace

std::uint32_t crc32c(const void* data, std::size_t size) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      entries[i] = i;
      for (int bit = 0; bit < 8; ++bit)
        entries[i] = (entries[i] >> 1) ^ ((entries[i] & 1) != 0 ? 0x82f63b78u : 0u);
    }
    return entries;
  }();
  std::uint32_t crc = 0xffffffffu;
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < size; ++i) crc = table[(crc ^ bytes[i]) & 0xff] ^ (crc >> 8);
  return crc ^ 0xffffffffu;
}

EventFile::EventFile(std::string path, std::int64_t last_step) : path_(std::move(path)) {
  descriptor_ = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0)
    fail(ErrorKind::bad_file, "%s: %s", files::shown_path(path_).c_str(), std::strerror(errno));
  std::string file;
  char part[1 << 16];
  for (ssize_t got; (got = read(descriptor_, part, sizeof part)) > 0;)
    file.append(part, static_cast<std::size_t>(got));
  const std::size_t keep = length_to_keep(file, last_step);
  if (keep < file.size() && ftruncate(descriptor_, static_cast<off_t>(keep)) != 0)
    fail(ErrorKind::bad_file, "%s: %s", files::shown_path(path_).c_str(), std::strerror(errno));
  if (keep > 0) return;
  std::string event = event_of(0);
  put_counted(event, version_field, "brain.Event:2");
  record(event);
}

EventFile::~EventFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void EventFile::add(std::int64_t step, const Metrics& values) {
  std::string summary;
  for (const auto& [name, number] : values) {
    std::string value;
    put_counted(value, tag_field, name);
    value += simple_value_field;
    put(value, static_cast<float>(number));
    put_counted(summary, value_field, value);
  }
  std::string event = event_of(step);
  put_counted(event, summary_field, summary);
  record(event);
}

void EventFile::record(const std::string& event) {
  std::string bytes;
  put(bytes, static_cast<std::uint64_t>(event.size()));
  put(bytes, masked(crc32c(bytes.data(), 8)));
  bytes += event;
  put(bytes, masked(crc32c(event.data(), event.size())));
  // A record that was cut short is taken off when the file is next opened.
  if (write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    fail(ErrorKind::bad_file, "%s: cannot be written: %s", files::shown_path(path_).c_str(),
         std::strerror(errno));
}

}  // namespace understudy::cli
