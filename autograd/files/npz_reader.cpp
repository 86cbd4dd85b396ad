#include <algorithm>
#include <set>

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

namespace {

constexpr std::uint64_t deflate_most = 1032;  // a match of 258 bytes takes at least 2 bits

[[noreturn]] void bad(std::string_view path, const std::string& message) {
  fail(ErrorKind::bad_file, "%s: %s", shown_path(path).c_str(), message.c_str());
}

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string inflate_member(ByteSpan packed, std::size_t size, std::string_view path,
                           std::string_view name) {
#if defined(UNDERSTUDY_ZLIB)
  std::string text(size, '\0');
  z_stream stream{};
  // negative: raw deflate, without zlib's own header
  UNDERSTUDY_CHECK(inflateInit2(&stream, -15) == Z_OK, "zlib does not start");
  // zlib counts in 32 bits: pieces of at most 1 GiB
  constexpr std::size_t piece = std::size_t{1} << 30;
  std::size_t read = 0, written = 0;
  int status = Z_OK;
  Bytef nothing;  // zlib wants a place to write even where nothing is to be written
  while (status == Z_OK) {
    const std::size_t in = std::min(piece, packed.size() - read);
    const std::size_t out = std::min(piece, size - written);
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data() + read));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = out == 0 ? &nothing : reinterpret_cast<Bytef*>(text.data() + written);
    stream.avail_out = static_cast<uInt>(out);
    status = ::inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += out - stream.avail_out;
    // without progress zlib says Z_BUF_ERROR, which ends the loop: too little or too much data
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END || read != packed.size() || written != size) {
    bad(path, std::string(name) + ": the deflated data is damaged: byte " + number(read) + " of " +
                  number(packed.size()) + ", " + number(written) + " of " + number(size) +
                  " bytes came out");
  }
  return text;
#else
  static_cast<void>(packed);
  static_cast<void>(size);
  bad(path,
      std::string(name) +
          ": it is compressed, and this build has no zlib (save it with numpy.savez, or build "
          "where zlib.h is)");
#endif
}

}  // namespace

// Reads and checks the directory; what passes is a member.
class ZipDirectory {
 public:
  explicit ZipDirectory(Npz& npz) : npz_(npz), file_(npz.file_.bytes()) {}

  void read() {
    find_end();
    read_entries();
    check_overlaps();
  }

 private:
  struct Extent {
    std::uint64_t begin, end;
    std::string name;
  };

  // Sizes and place of a member: 32 bits in the header, or saturated there and 64 bits in the extra
  // field, in this order, only those that are saturated.
  struct Sizes {
    std::uint64_t size, packed_size, local_at;
  };

  [[noreturn]] void refuse(const std::string& message) const { bad(npz_.path_, message); }

  template <class T>
  std::uint64_t load(std::size_t at) const {
    return load_little_endian<T>(&file_[at]);
  }

  void find_end() {
    // the end record is followed only by a comment, whose length it says
    if (file_.size() < end_size || text_of(file_.first(2)) != "PK") {
      refuse("expected an .npz file, which begins with PK, found '" +
             shown(text_of(file_.first(std::min<std::size_t>(file_.size(), 8)))) + "' (" +
             number(file_.size()) + " bytes)");
    }
    std::size_t end_at = 0;
    bool found = false;
    for (std::size_t comment = 0;
         comment <= saturated16 && comment + end_size <= file_.size() && !found; ++comment) {
      end_at = file_.size() - end_size - comment;
      found = load<std::uint32_t>(end_at) == end_signature &&
              load<std::uint16_t>(end_at + 20) == comment;
    }
    if (!found) refuse("the end of the zip archive is missing: the file is cut short or not a zip");
    if (load<std::uint16_t>(end_at + 4) != 0 || load<std::uint16_t>(end_at + 6) != 0) {
      refuse("an archive of several disks");
    }
    entries_ = load<std::uint16_t>(end_at + 10);
    std::uint64_t entries_here = load<std::uint16_t>(end_at + 8);
    std::uint64_t size = load<std::uint32_t>(end_at + 12);
    begin_ = load<std::uint32_t>(end_at + 16);
    std::uint64_t directory_end = end_at;
    if (has_zip64(end_at)) {
      const std::size_t locator = end_at - zip64_locator_size;
      const std::uint64_t at = load<std::uint64_t>(locator + 8);
      // the record lies directly before its locator, of the size it has without extensions
      if (locator < zip64_end_size || at != locator - zip64_end_size ||
          load<std::uint32_t>(static_cast<std::size_t>(at)) != zip64_end_signature ||
          load<std::uint64_t>(static_cast<std::size_t>(at) + 4) != zip64_end_size - 12) {
        refuse("the zip64 end record is not where its locator says, byte " + number(at));
      }
      const auto record = static_cast<std::size_t>(at);
      if (load<std::uint32_t>(record + 16) != 0 || load<std::uint32_t>(record + 20) != 0) {
        refuse("an archive of several disks");
      }
      entries_here = load<std::uint64_t>(record + 24);
      const std::uint64_t entries64 = load<std::uint64_t>(record + 32);
      const std::uint64_t size64 = load<std::uint64_t>(record + 40);
      const std::uint64_t begin64 = load<std::uint64_t>(record + 48);
      if ((entries_ != saturated16 && entries_ != entries64) ||
          (size != saturated32 && size != size64) || (begin_ != saturated32 && begin_ != begin64)) {
        refuse("the zip64 end record and the end record disagree");
      }
      entries_ = entries64;
      size = size64;
      begin_ = begin64;
      directory_end = at;
    }
    if (entries_here != entries_) refuse("an archive of several disks");
    if (begin_ > directory_end || size != directory_end - begin_) {
      refuse("the directory of " + number(size) + " bytes at byte " + number(begin_) +
             " does not end where its end record begins, byte " + number(directory_end));
    }
    if (entries_ > size / central_size) {
      refuse("the directory says " + number(entries_) + " members, but has only " + number(size) +
             " bytes");
    }
    directory_end_ = static_cast<std::size_t>(directory_end);
  }

  bool has_zip64(std::size_t end_at) const {
    return end_at >= zip64_locator_size &&
           load<std::uint32_t>(end_at - zip64_locator_size) == zip64_locator_signature;
  }

  // REQUIRES: the extra field lies within the file.
  void read_extra(std::size_t at, std::size_t length, Sizes& sizes, bool central,
                  const std::string& name) const {
    const std::size_t end = at + length;
    bool seen = false;
    while (end - at >= 4) {
      const std::uint64_t id = load<std::uint16_t>(at);
      const std::size_t size = static_cast<std::size_t>(load<std::uint16_t>(at + 2));
      at += 4;
      if (size > end - at) refuse(name + ": an extra field passes its end, byte " + number(at));
      if (id == zip64_extra) {
        if (seen) refuse(name + ": two zip64 fields");
        seen = true;
        std::size_t from = at;
        std::uint64_t* const fields[] = {&sizes.size, &sizes.packed_size, &sizes.local_at};
        for (int i = 0; i < (central ? 3 : 2); ++i) {
          if (*fields[i] != saturated32) continue;
          if (at + size - from < 8)
            refuse(name + ": a zip64 field is too short, byte " + number(at));
          *fields[i] = load<std::uint64_t>(from);
          from += 8;
        }
      }
      at += size;
    }
    if (at != end) refuse(name + ": the extra field has bytes left over, byte " + number(at));
  }

  void read_entries() {
    auto at = static_cast<std::size_t>(begin_);
    for (std::uint64_t entry = 0; entry < entries_; ++entry) {
      const std::string place = "entry " + number(entry) + " of the directory, byte " + number(at);
      if (directory_end_ - at < central_size || load<std::uint32_t>(at) != central_signature) {
        refuse("expected " + place + ", found something else");
      }
      const auto name_length = static_cast<std::size_t>(load<std::uint16_t>(at + 28));
      const auto extra_length = static_cast<std::size_t>(load<std::uint16_t>(at + 30));
      const auto comment_length = static_cast<std::size_t>(load<std::uint16_t>(at + 32));
      if (name_length + extra_length + comment_length > directory_end_ - at - central_size) {
        refuse(place + ": it passes the end of the directory");
      }
      const std::string_view raw = text_of(file_.subspan(at + central_size, name_length));
      const std::string name = shown(raw);
      if (const char* wrong = wrong_with_name(raw))
        refuse(place + ": " + wrong + ": '" + name + "'");

      const std::uint64_t flags = load<std::uint16_t>(at + 8);
      const std::uint64_t method = load<std::uint16_t>(at + 10);
      if ((flags & flag_encrypted) != 0) refuse(name + ": it is encrypted");
      if (method != method_stored && method != method_deflated) {
        refuse(name + ": expected a stored or deflated member, found compression method " +
               number(method));
      }
      Sizes sizes{load<std::uint32_t>(at + 24), load<std::uint32_t>(at + 20),
                  load<std::uint32_t>(at + 42)};
      read_extra(at + central_size + name_length, extra_length, sizes, true, name);
      if (load<std::uint16_t>(at + 34) != 0) refuse("an archive of several disks");

      Npz::Member member;
      member.crc = static_cast<std::uint32_t>(load<std::uint32_t>(at + 16));
      member.deflated = method == method_deflated;
      check_local(sizes, raw, name, flags, method, member);
      if (!names_.emplace(raw).second) refuse("two members have the name '" + name + "'");
      if (raw.ends_with(suffix) && raw.size() > suffix.size()) {
        npz_.members_.emplace(raw.substr(0, raw.size() - suffix.size()), member);
      }
      at += central_size + name_length + extra_length + comment_length;
    }
    if (at != directory_end_) {
      refuse("the directory has " + number(directory_end_ - at) + " bytes after its " +
             number(entries_) + " members");
    }
  }

  // The member's own header must say the same again.
  void check_local(const Sizes& sizes, std::string_view raw, const std::string& name,
                   std::uint64_t flags, std::uint64_t method, Npz::Member& member) {
    if (sizes.local_at > begin_ || begin_ - sizes.local_at < local_size ||
        load<std::uint32_t>(static_cast<std::size_t>(sizes.local_at)) != local_signature) {
      refuse(name + ": no member begins at byte " + number(sizes.local_at));
    }
    const auto at = static_cast<std::size_t>(sizes.local_at);
    const auto name_length = static_cast<std::size_t>(load<std::uint16_t>(at + 26));
    const auto extra_length = static_cast<std::size_t>(load<std::uint16_t>(at + 28));
    if (name_length + extra_length > begin_ - at - local_size) {
      refuse(name + ": its header at byte " + number(at) + " passes the directory");
    }
    const std::size_t data_at = at + local_size + name_length + extra_length;
    if (text_of(file_.subspan(at + local_size, name_length)) != raw ||
        load<std::uint16_t>(at + 6) != flags || load<std::uint16_t>(at + 8) != method) {
      refuse(name + ": its header at byte " + number(at) + " and the directory disagree");
    }
    Sizes local{load<std::uint32_t>(at + 22), load<std::uint32_t>(at + 18), 0};
    read_extra(at + local_size + name_length, extra_length, local, false, name);
    // written to a pipe, a member says its sizes only after its data and in the directory
    const bool later = (flags & flag_descriptor) != 0;
    const bool same = local.size == sizes.size && local.packed_size == sizes.packed_size &&
                      load<std::uint32_t>(at + 14) == member.crc;
    const bool blank =
        local.size == 0 && local.packed_size == 0 && load<std::uint32_t>(at + 14) == 0;
    if (!same && !(later && blank)) {
      refuse(name + ": its header at byte " + number(at) +
             " and the directory disagree about its size");
    }
    if (sizes.packed_size > begin_ - data_at) {
      refuse(name + ": it says it has " + number(sizes.packed_size) + " bytes, but only " +
             number(begin_ - data_at) + " follow byte " + number(data_at));
    }
    if (member.deflated ? sizes.size / deflate_most > sizes.packed_size
                        : sizes.size != sizes.packed_size) {
      refuse(name + ": " + number(sizes.packed_size) + " bytes cannot hold the " +
             number(sizes.size) + " that it says");
    }
    member.data_at = data_at;
    member.packed_size = static_cast<std::size_t>(sizes.packed_size);
    member.size = static_cast<std::size_t>(sizes.size);
    extents_.push_back({sizes.local_at, data_at + sizes.packed_size, name});
  }

  void check_overlaps() {
    std::sort(extents_.begin(), extents_.end(),
              [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < extents_.size(); ++i) {
      if (extents_[i].begin < extents_[i - 1].end) {
        refuse("the members " + extents_[i - 1].name + " and " + extents_[i].name +
               " overlap at byte " + number(extents_[i].begin));
      }
    }
  }

  Npz& npz_;
  ByteSpan file_;
  std::uint64_t begin_ = 0;
  std::uint64_t entries_ = 0;
  std::size_t directory_end_ = 0;
  std::vector<Extent> extents_;
  std::set<std::string, std::less<>> names_;
};

Npz Npz::open(const std::string& path) { return parse(map_file(path), path); }

Npz Npz::parse(FileContents file, std::string path) {
  Npz npz;
  npz.file_ = std::move(file);
  npz.path_ = std::move(path);
  ZipDirectory(npz).read();
  return npz;
}

std::vector<std::string> Npz::names() const {
  std::vector<std::string> names;
  for (const auto& [name, member] : members_) names.push_back(name);
  return names;
}

bool Npz::contains(std::string_view name) const { return members_.find(name) != members_.end(); }

bool Npz::is_compressed(std::string_view name) const {
  const auto found = members_.find(name);
  return found != members_.end() && found->second.deflated;
}

Array Npz::read(std::string_view name) const {
  const auto found = members_.find(name);
  if (found == members_.end()) {
    std::string has;
    for (const auto& [other, member] : members_) has += (has.empty() ? "" : ", ") + other;
    bad(path_, "expected an array '" + shown(name) + "', found " +
                   (has.empty() ? "none" : shown(has, 120)));
  }
  const Member& member = found->second;
  const std::string label = shown_path(path_) + ": " + shown(name);
  const ByteSpan packed = file_.bytes().subspan(member.data_at, member.packed_size);
  std::shared_ptr<const void> owner = file_.owner();
  ByteSpan data = packed;
  if (member.deflated) {
    const auto inflated = std::make_shared<const std::string>(
        inflate_member(packed, member.size, path_, shown(name)));
    data = bytes_of(*inflated);
    owner = inflated;
  }
  const std::uint32_t crc = crc32(data);
  if (crc != member.crc) {
    char message[96];
    std::snprintf(message, sizeof message, "expected the CRC-32 %08x, found %08x: it is damaged",
                  member.crc, crc);
    bad(label, message);
  }
  return parse_npy(data, label, std::move(owner));
}

NamedArrays Npz::read_all() const {
  NamedArrays arrays;
  for (const auto& [name, member] : members_) arrays.emplace(name, read(name));
  return arrays;
}

}  // namespace understudy::files
