// NumPy's .npz: a zip archive whose members are `name.npy`.
//
// Stored members are read and written always; deflated ones (numpy.savez_compressed) where zlib
// was found when building (UNDERSTUDY_ZLIB), else reading one is an Error that says so. Zip64 both
// ways.
//
// The central directory is believed only after these checks: it lies directly before its end
// record, which is the last thing in the file; it has as many entries as it says; every member lies
// before it, overlaps no other, and repeats in its own header what the directory says; names are
// unique, relative UTF-8 paths; sizes are possible for the bytes there (deflate expands at most
// 1032 times, so a small file cannot ask for a large memory). A member's CRC is checked when it is
// read.
//
// A large file is mapped, and what is read of its stored members looks at the map where it can; a
// deflated member is in memory whole.
//
// Members are parsed when they are read: an array that nobody reads may be of an unsupported kind
// (the pickled `infos` of the library `imitation`).
//
// Thread safety: const functions from any number of threads at once.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "autograd/files/array.h"

namespace understudy::files {

class Npz {
 public:
  // The path begins the message of every Error.
  static Npz open(const std::string& path);
  static Npz parse(FileContents file, std::string path);

  // Names without `.npy`, sorted. Members that are not .npy are left out.
  std::vector<std::string> names() const;
  bool contains(std::string_view name) const;

  bool is_compressed(std::string_view name) const;
  // An Error where there is none of this name, or it is damaged or not readable.
  Array read(std::string_view name) const;
  NamedArrays read_all() const;

  const std::string& path() const { return path_; }

 private:
  struct Member {
    std::size_t data_at = 0;
    std::size_t packed_size = 0;
    std::size_t size = 0;
    std::uint32_t crc = 0;
    bool deflated = false;
  };

  friend class ZipDirectory;

  FileContents file_;
  std::string path_;
  std::map<std::string, Member, std::less<>> members_;
};

struct NpzOptions {
  bool compress = false;      // needs zlib: an Error without
  bool always_zip64 = false;  // also where nothing passes 4 GiB: for tests
};

// Whether deflated members can be read and written.
bool npz_can_deflate();

void write_npz(Sink& sink, const NamedArrays& arrays, std::string_view path,
               const NpzOptions& options = {});
void write_npz(const std::string& path, const NamedArrays& arrays, const NpzOptions& options = {});

}  // namespace understudy::files
