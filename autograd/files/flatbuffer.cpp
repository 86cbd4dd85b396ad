#include "autograd/files/flatbuffer.h"

#include "kernels/device/error.h"

namespace understudy::files {

namespace {

constexpr std::size_t offset_size = sizeof(std::uint32_t);

[[noreturn]] void refuse(const std::string& where, std::size_t at, const char* what) {
  fail(ErrorKind::bad_file, "%s: damaged metadata: %s at byte %zu of it lies outside",
       shown_path(where).c_str(), what, at);
}

void need(ByteSpan buffer, const std::string& where, std::size_t at, std::size_t size,
          const char* what) {
  if (at > buffer.size() || size > buffer.size() - at) refuse(where, at, what);
}

}  // namespace

FlatTable::FlatTable(ByteSpan buffer, const std::string& where, std::size_t at)
    : buffer_(buffer), where_(&where), at_(at) {
  need(buffer, where, at, sizeof(std::int32_t), "a table");
  const std::int64_t back = load_little_endian<std::int32_t>(&buffer[at]);
  const std::int64_t vtable = static_cast<std::int64_t>(at) - back;
  if (vtable < 0) refuse(where, at, "the vtable of the table");
  vtable_ = static_cast<std::size_t>(vtable);
  need(buffer, where, vtable_, 2 * sizeof(std::uint16_t), "a vtable");
  vtable_size_ = load_little_endian<std::uint16_t>(&buffer[vtable_]);
  size_ = load_little_endian<std::uint16_t>(&buffer[vtable_ + sizeof(std::uint16_t)]);
  need(buffer, where, vtable_, vtable_size_, "a vtable");
  need(buffer, where, at, size_, "a table");
}

FlatTable FlatTable::root(ByteSpan buffer, const std::string& where) {
  return {buffer, where, follow(buffer, where, 0, 0)};
}

std::size_t FlatTable::follow(ByteSpan buffer, const std::string& where, std::size_t at,
                              std::size_t size) {
  need(buffer, where, at, offset_size, "an offset");
  const std::size_t to = at + load_little_endian<std::uint32_t>(&buffer[at]);
  need(buffer, where, to, size, "what an offset leads to");
  return to;
}

std::size_t FlatTable::place(int field, std::size_t size) const {
  const std::size_t slot = sizeof(std::uint16_t) * (2 + static_cast<std::size_t>(field));
  if (slot + sizeof(std::uint16_t) > vtable_size_) return 0;
  const std::size_t within = load_little_endian<std::uint16_t>(&buffer_[vtable_ + slot]);
  if (within == 0) return 0;
  if (within > size_ || size > size_ - within) refuse(*where_, at_ + within, "a field");
  return at_ + within;
}

FlatTable FlatTable::table(int field) const {
  const std::size_t at = place(field, offset_size);
  if (at == 0) refuse(*where_, at_, "an absent part of the table");
  return {buffer_, *where_, follow(buffer_, *where_, at, 0)};
}

FlatVector FlatTable::vector(int field, std::size_t element_size) const {
  FlatVector made;
  made.buffer_ = buffer_;
  made.where_ = where_;
  made.element_size_ = element_size;
  const std::size_t at = place(field, offset_size);
  if (at == 0) return made;
  const std::size_t count_at = follow(buffer_, *where_, at, offset_size);
  made.count_ = load_little_endian<std::uint32_t>(&buffer_[count_at]);
  made.at_ = count_at + offset_size;
  need(buffer_, *where_, made.at_, made.count_ * element_size, "a vector");
  return made;
}

std::string_view FlatTable::text(int field) const {
  const FlatVector characters = vector(field, 1);
  return text_of(buffer_.subspan(characters.at_, characters.count_));
}

FlatTable FlatVector::table(std::size_t index) const {
  const std::size_t at = at_ + index * element_size_;
  return {buffer_, *where_, FlatTable::follow(buffer_, *where_, at, 0)};
}

}  // namespace understudy::files
