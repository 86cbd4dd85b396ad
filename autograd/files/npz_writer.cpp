#include <algorithm>

#include "autograd/files/atomic_file.h"
#include "autograd/files/crc32.h"
#include "autograd/files/npy.h"
#include "autograd/files/npz.h"
#include "autograd/files/zip.h"
#include "kernels/device/error.h"

#if defined(UNDERSTUDY_ZLIB)
#include <zlib.h>
#endif

namespace understudy::files {

using namespace zip;

const char* zip::wrong_with_name(std::string_view name) {
  if (name.empty()) return "an empty name";
  if (find_invalid_utf8(name) != std::string_view::npos) return "a name that is not UTF-8";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "a control character in a name";
    if (c == '\\') return "a backslash in a name";
  }
  if (name.front() == '/' || name.back() == '/') return "a name that is a folder's or absolute";
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return "a name that climbs out of its folder";
    begin = end + 1;
  }
  return nullptr;
}

bool npz_can_deflate() {
#if defined(UNDERSTUDY_ZLIB)
  return true;
#else
  return false;
#endif
}

namespace {

// What one member's headers say. The date is 1 January 1980, zip's first: the same arrays are the
// same file.
struct Entry {
  std::string name;
  std::uint64_t size = 0, packed_size = 0, at = 0;
  std::uint32_t crc = 0;
  bool deflated = false;
};

void append_common(std::string& to, const Entry& entry, bool zip64) {
  append_little_endian<std::uint16_t>(to, flag_utf8);
  append_little_endian<std::uint16_t>(to, entry.deflated ? method_deflated : method_stored);
  append_little_endian<std::uint16_t>(to, 0);     // time
  append_little_endian<std::uint16_t>(to, 0x21);  // date
  append_little_endian<std::uint32_t>(to, entry.crc);
  append_little_endian(to, static_cast<std::uint32_t>(zip64 ? saturated32 : entry.packed_size));
  append_little_endian(to, static_cast<std::uint32_t>(zip64 ? saturated32 : entry.size));
  append_little_endian(to, static_cast<std::uint16_t>(entry.name.size()));
}

bool needs_zip64(const Entry& entry, const NpzOptions& options) {
  return options.always_zip64 || entry.size >= saturated32 || entry.packed_size >= saturated32 ||
         entry.at >= saturated32;
}

std::string local_header(const Entry& entry, const NpzOptions& options) {
  const bool zip64 = needs_zip64(entry, options);
  std::string header;
  append_little_endian(header, local_signature);
  append_little_endian<std::uint16_t>(header, zip64 ? 45 : 20);  // version needed
  append_common(header, entry, zip64);
  append_little_endian<std::uint16_t>(header, zip64 ? 20 : 0);
  header += entry.name;
  if (zip64) {
    append_little_endian(header, zip64_extra);
    append_little_endian<std::uint16_t>(header, 16);
    append_little_endian(header, entry.size);
    append_little_endian(header, entry.packed_size);
  }
  return header;
}

std::string central_header(const Entry& entry, const NpzOptions& options) {
  const bool zip64 = needs_zip64(entry, options);
  std::string header;
  append_little_endian(header, central_signature);
  append_little_endian<std::uint16_t>(header, 3 << 8 | 45);  // made by: unix
  append_little_endian<std::uint16_t>(header, zip64 ? 45 : 20);
  append_common(header, entry, zip64);
  append_little_endian<std::uint16_t>(header, zip64 ? 28 : 0);
  append_little_endian<std::uint16_t>(header, 0);               // comment
  append_little_endian<std::uint16_t>(header, 0);               // disk
  append_little_endian<std::uint16_t>(header, 0);               // internal attributes
  append_little_endian<std::uint32_t>(header, 0100644u << 16);  // a plain file, rw-r--r--
  append_little_endian(header, static_cast<std::uint32_t>(zip64 ? saturated32 : entry.at));
  header += entry.name;
  if (zip64) {
    append_little_endian(header, zip64_extra);
    append_little_endian<std::uint16_t>(header, 24);
    append_little_endian(header, entry.size);
    append_little_endian(header, entry.packed_size);
    append_little_endian(header, entry.at);
  }
  return header;
}

std::string end_records(std::uint64_t count, std::uint64_t at, std::uint64_t size,
                        const NpzOptions& options) {
  const bool zip64 =
      options.always_zip64 || count >= saturated16 || at >= saturated32 || size >= saturated32;
  std::string record;
  if (zip64) {
    append_little_endian(record, zip64_end_signature);
    append_little_endian<std::uint64_t>(record, zip64_end_size - 12);
    append_little_endian<std::uint16_t>(record, 3 << 8 | 45);
    append_little_endian<std::uint16_t>(record, 45);
    append_little_endian<std::uint32_t>(record, 0);
    append_little_endian<std::uint32_t>(record, 0);
    append_little_endian(record, count);
    append_little_endian(record, count);
    append_little_endian(record, size);
    append_little_endian(record, at);
    append_little_endian(record, zip64_locator_signature);
    append_little_endian<std::uint32_t>(record, 0);
    append_little_endian(record, at + size);
    append_little_endian<std::uint32_t>(record, 1);  // disks
  }
  append_little_endian(record, end_signature);
  append_little_endian<std::uint32_t>(record, 0);
  const auto count16 = static_cast<std::uint16_t>(zip64 ? saturated16 : count);
  append_little_endian(record, count16);
  append_little_endian(record, count16);
  append_little_endian(record, static_cast<std::uint32_t>(zip64 ? saturated32 : size));
  append_little_endian(record, static_cast<std::uint32_t>(zip64 ? saturated32 : at));
  append_little_endian<std::uint16_t>(record, 0);
  return record;
}

#if defined(UNDERSTUDY_ZLIB)
std::string deflate_pieces(std::initializer_list<ByteSpan> pieces) {
  std::string packed;
  z_stream stream{};
  UNDERSTUDY_CHECK(
      deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK,
      "zlib does not start");
  std::vector<Bytef> buffer(1 << 16);
  const auto run = [&](ByteSpan bytes, int flush) {
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream.next_out = buffer.data();
      stream.avail_out = static_cast<uInt>(buffer.size());
      ::deflate(&stream, flush);
      packed.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  };
  for (ByteSpan piece : pieces) {
    while (!piece.empty()) {
      const std::size_t part = std::min<std::size_t>(piece.size(), std::size_t{1} << 30);
      run(piece.first(part), Z_NO_FLUSH);
      piece = piece.subspan(part);
    }
  }
  run({}, Z_FINISH);
  deflateEnd(&stream);
  return packed;
}
#endif

}  // namespace

void write_npz(Sink& sink, const NamedArrays& arrays, std::string_view path,
               const NpzOptions& options) {
  if (options.compress && !npz_can_deflate()) {
    fail(ErrorKind::not_available, "%s: cannot compress: this build has no zlib",
         shown_path(path).c_str());
  }
  std::vector<Entry> entries;
  std::uint64_t at = 0;
  for (const auto& [name, array] : arrays) {
    Entry entry;
    entry.name = name + std::string(suffix);
    const char* wrong = wrong_with_name(entry.name);
    if (wrong == nullptr && entry.name.size() > saturated16) wrong = "too long a name";
    if (wrong == nullptr && name.empty()) wrong = "an empty name";
    if (wrong != nullptr) {
      fail(ErrorKind::bad_input, "%s: %s: '%s'", shown_path(path).c_str(), wrong,
           shown(name).c_str());
    }
    const std::string header = npy_header(array, shown_path(path) + ": " + shown(name));
    entry.at = at;
    entry.size = header.size() + array.bytes().size();
    entry.packed_size = entry.size;
    entry.crc = crc32(array.bytes(), crc32(bytes_of(header)));
    std::string packed;
#if defined(UNDERSTUDY_ZLIB)
    if (options.compress) {
      packed = deflate_pieces({bytes_of(header), array.bytes()});
      entry.deflated = true;
      entry.packed_size = packed.size();
    }
#endif
    const std::string local = local_header(entry, options);
    sink.write(local);
    if (entry.deflated) {
      sink.write(packed);
    } else {
      sink.write(header);
      sink.write(array.bytes());
    }
    at += local.size() + entry.packed_size;
    entries.push_back(std::move(entry));
  }
  std::uint64_t size = 0;
  for (const Entry& entry : entries) {
    const std::string header = central_header(entry, options);
    sink.write(header);
    size += header.size();
  }
  sink.write(end_records(entries.size(), at, size, options));
}

void write_npz(const std::string& path, const NamedArrays& arrays, const NpzOptions& options) {
  AtomicFile file(path);
  write_npz(file, arrays, path, options);
  file.commit();
}

}  // namespace understudy::files
