#include "autograd/files/npz.h"

#include <cstring>

#include "autograd/files/crc32.h"
#include "autograd/files/npy.h"
#include "tests/files/files_test.h"
#include "tests/files/pattern.h"

namespace understudy::files {
namespace {

class NpzTest : public FilesTest {};

Npz parse(std::string_view text) {
  auto data = std::make_unique<std::byte[]>(text.size());
  std::memcpy(data.get(), text.data(), text.size());
  return Npz::parse(FileContents(std::move(data), text.size()), "x.npz");
}

std::string written(const NamedArrays& arrays, const NpzOptions& options = {}) {
  MemorySink sink;
  write_npz(sink, arrays, "memory", options);
  return std::string(sink.text());
}

// Two small arrays; the places of their headers are found by what they hold.
std::string small(const NpzOptions& options = {}) {
  return written({{"one", Array::from(std::vector<std::int32_t>{1, 2, 3})},
                  {"two", Array::from(std::vector<float>{4})}},
                 options);
}

std::size_t nth(const std::string& file, std::string_view what, int n) {
  std::size_t at = file.find(what);
  while (n-- > 0) at = file.find(what, at + 1);
  return at;
}

const std::string_view local("PK\3\4", 4), central("PK\1\2", 4), end_record("PK\5\6", 4),
    end64("PK\6\6", 4), locator64("PK\6\7", 4);

// The file with `value` written at the n-th `header` + `offset`.
template <class T>
std::string with(std::string file, std::string_view header, int n, std::size_t offset, T value) {
  std::string bytes;
  append_little_endian(bytes, value);
  return file.replace(nth(file, header, n) + offset, sizeof value, bytes);
}

TEST_F(NpzTest, CrcIsZips) {
  EXPECT_EQ(crc32(bytes_of("")), 0u);
  EXPECT_EQ(crc32(bytes_of("123456789")), 0xCBF43926u);  // the check value every CRC table gives
  const std::string_view text = "the quick brown fox jumps over the lazy dog";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32(bytes_of(text.substr(cut)), crc32(bytes_of(text.substr(0, cut)))),
              crc32(bytes_of(text)));
  }
}

TEST_F(NpzTest, WhatIsWrittenIsRead) {
  const NamedArrays arrays = all_patterns();
  for (const bool compress : {false, true}) {
    if (compress && !npz_can_deflate()) continue;
    for (const bool zip64 : {false, true}) {
      const NpzOptions options{.compress = compress, .always_zip64 = zip64};
      const std::string file = written(arrays, options);
      EXPECT_EQ(parse(file).read_all(), arrays) << compress << zip64;
      EXPECT_EQ(written(arrays, options), file) << "the same arrays are another file";
    }
  }
  EXPECT_TRUE(parse(written({})).names().empty());
  EXPECT_TRUE(parse(written({}, {.always_zip64 = true})).names().empty());
}

TEST_F(NpzTest, NamesAreListedAndMissingOnesSaid) {
  const Npz npz = parse(small());
  EXPECT_EQ(npz.names(), (std::vector<std::string>{"one", "two"}));
  EXPECT_TRUE(npz.contains("one"));
  EXPECT_FALSE(npz.contains("three"));
  EXPECT_ERROR(npz.read("three"), "x.npz: expected an array 'three', found one, two");
}

TEST_F(NpzTest, NamesThatNoArchiveMayHaveAreNotWritten) {
  const Array array = Array::scalar(1.0f);
  EXPECT_ERROR(written({{"../up", array}}), "climbs out of its folder: '../up'");
  EXPECT_ERROR(written({{"/root", array}}), "absolute");
  EXPECT_ERROR(written({{"", array}}), "an empty name");
  EXPECT_ERROR(written({{"a\\b", array}}), "a backslash");
  EXPECT_ERROR(written({{"\xff", array}}), "not UTF-8: '\\xff'");
  EXPECT_ERROR(written({{std::string(70000, 'n'), array}}), "too long a name");
  const std::string file = written({{"group/Ω", array}});
  EXPECT_EQ(parse(file).read("group/Ω"), array);
}

TEST_F(NpzTest, HostileArchivesAreErrorsThatSayWhatAndWhere) {
  const std::string good = small(), good64 = small({.always_zip64 = true});
  const struct {
    std::string file, message;
  } cases[] = {
      {"", "expected an .npz file, which begins with PK, found '' (0 bytes)"},
      {std::string("\x93NUMPY\1\0v\0{'descr': '<f4'", 25), "found '\\x93NUMPY\\x01\\x00'"},
      {good.substr(0, good.size() - 1), "the end of the zip archive is missing"},
      {good + "x", "the end of the zip archive is missing"},
      {with<std::uint16_t>(good, end_record, 0, 4, 1), "several disks"},
      {with<std::uint16_t>(good, end_record, 0, 8, 1), "several disks"},
      {with<std::uint16_t>(with<std::uint16_t>(good, end_record, 0, 8, 3), end_record, 0, 10, 3),
       "the directory says 3 members, but has only 106 bytes"},
      {with<std::uint64_t>(with<std::uint64_t>(good64, end64, 0, 24, 3), end64, 0, 32, 3),
       "entry 2 of the directory"},
      {with<std::uint16_t>(with<std::uint16_t>(good, end_record, 0, 8, 999), end_record, 0, 10,
                           999),
       "the directory says 999 members"},
      {with<std::uint16_t>(with<std::uint16_t>(good, end_record, 0, 8, 1), end_record, 0, 10, 1),
       "bytes after its 1 members"},
      {with<std::uint32_t>(good, end_record, 0, 12, 7), "the directory of 7 bytes"},
      {with<std::uint32_t>(good, end_record, 0, 16, 0xfffffff0), "at byte 4294967280"},
      {with<std::uint16_t>(good, central, 0, 8, 1), "one.npy: it is encrypted"},
      {with<std::uint16_t>(good, central, 0, 10, 12), "found compression method 12"},
      {with<std::uint16_t>(good, central, 0, 10, 8), "and the directory disagree"},
      {with<std::uint16_t>(good, central, 0, 28, 60000), "passes the end of the directory"},
      {with<std::uint32_t>(good, central, 0, 42, 1), "one.npy: no member begins at byte 1"},
      {with<std::uint32_t>(good, central, 0, 42, 0xffffff), "no member begins at byte 16777215"},
      {with<std::uint32_t>(good, central, 0, 24, 5), "disagree about its size"},
      {with<std::uint32_t>(with<std::uint32_t>(good, central, 0, 24, 5), local, 0, 22, 5),
       "140 bytes cannot hold the 5 that it says"},
      {with<std::uint32_t>(
           with<std::uint32_t>(with<std::uint32_t>(with<std::uint32_t>(good, central, 0, 20, 9999),
                                                   local, 0, 18, 9999),
                               central, 0, 24, 9999),
           local, 0, 22, 9999),
       "it says it has 9999 bytes, but only"},
      // a member of the size of both: it reaches into the next
      {with<std::uint32_t>(
           with<std::uint32_t>(with<std::uint32_t>(with<std::uint32_t>(good, central, 0, 20, 150),
                                                   local, 0, 18, 150),
                               central, 0, 24, 150),
           local, 0, 22, 150),
       "one.npy and two.npy overlap"},
      {with<std::uint16_t>(good, local, 0, 26, 60000), "passes the directory"},
      {std::string(good).replace(nth(good, "one.npy", 0), 3, "six"), "and the directory disagree"},
      {std::string(good)
           .replace(nth(good, "two.npy", 0), 3, "one")
           .replace(nth(good, "two.npy", 1), 3, "one"),
       "two members have the name 'one.npy'"},
      {std::string(good)
           .replace(nth(good, "two.npy", 0), 4, "../a")
           .replace(nth(good, "two.npy", 1), 4, "../a"),
       "climbs out of its folder: '../anpy'"},
      {std::string(good)
           .replace(nth(good, "two.npy", 0), 1, "/")
           .replace(nth(good, "two.npy", 1), 1, "/"),
       "absolute: '/wo.npy'"},
      {std::string(good)
           .replace(nth(good, "two.npy", 0), 1, "\xff")
           .replace(nth(good, "two.npy", 1), 1, "\xff"),
       "not UTF-8: '\\xffwo.npy'"},
      {with<std::uint64_t>(good64, end64, 0, 24, 9), "several disks"},
      {with<std::uint64_t>(good64, end64, 0, 40, 9), "the directory of 9 bytes"},
      {with<std::uint64_t>(good64, end64, 0, 4, 9), "not where its locator says"},
      {with<std::uint64_t>(good64, locator64, 0, 8, ~std::uint64_t{0}),
       "not where its locator says"},
      {with<std::uint16_t>(good64, central, 0, 46 + 7, 7), "no member begins at byte 4294967295"},
      {with<std::uint16_t>(good64, central, 0, 46 + 7 + 2, 8), "a zip64 field is too short"},
      {with<std::uint16_t>(good64, central, 0, 46 + 7 + 2, 60), "an extra field passes its end"},
      {with<std::uint64_t>(good64, central, 0, 46 + 7 + 4, std::uint64_t{1} << 60),
       "disagree about its size"},
  };
  EXPECT_EQ(error_of([&] { parse(good).read_all(); }), "");
  EXPECT_EQ(error_of([&] { parse(good64).read_all(); }), "");
  for (const auto& each : cases) EXPECT_ERROR(parse(each.file), each.message);

  std::string flipped = good;
  flipped[nth(good, local, 1) - 1] ^= 1;  // the last byte of `one`
  EXPECT_ERROR(parse(flipped).read("one"), "x.npz: one: expected the CRC-32");
  EXPECT_EQ(parse(flipped).read("two").as<float>()[0], 4.0f) << "the other member is whole";
}

TEST_F(NpzTest, DeflatedDataThatLiesIsAnError) {
  if (!npz_can_deflate()) GTEST_SKIP() << "built without zlib";
  const std::string good =
      written({{"zeros", Array(ElementType::f64, {1000})}}, {.compress = true});
  const auto claimed = [&](std::uint32_t size) {
    return with(with(good, central, 0, 24, size), local, 0, 22, size);
  };
  EXPECT_EQ(parse(good).read("zeros"), Array(ElementType::f64, {1000}));
  EXPECT_ERROR(parse(claimed(8127)).read("zeros"), "the deflated data is damaged");
  EXPECT_ERROR(parse(claimed(8129)).read("zeros"), "the deflated data is damaged");
  EXPECT_ERROR(parse(claimed(0)).read("zeros"), "the deflated data is damaged");
  EXPECT_ERROR(parse(claimed(0x7fffffff)), "cannot hold the 2147483647 that it says");
  for (std::size_t i = 0; i < 8; ++i) {
    std::string damaged = good;
    damaged[30 + 9 + i] ^= 0x55;
    EXPECT_NE(error_of([&] { parse(damaged).read("zeros"); }), "") << i;
  }
}

TEST_F(NpzTest, EveryPrefixOfAnArchiveIsAnError) {
  for (const std::string& file : {small(), small({.always_zip64 = true})}) {
    for (std::size_t size = 0; size < file.size(); ++size) {
      EXPECT_NE(error_of([&] { parse(file.substr(0, size)); }), "") << size;
    }
  }
}

// One wrong bit anywhere gives an error or arrays that are whole: never a crash, never other data.
TEST_F(NpzTest, AFlippedBitNeverGivesOtherNumbers) {
  const std::string file = small();
  const Npz good = parse(file);
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    error_of([&] {
      const Npz npz = parse(damaged);
      for (const std::string& name : npz.names()) {
        const Array array = npz.read(name);
        if (good.contains(name)) {
          EXPECT_EQ(array, good.read(name)) << bit;
        }
      }
    });
  }
}

TEST_F(NpzTest, NumPyReadsOurs) {
  for (const bool compress : {false, true}) {
    if (compress && !npz_can_deflate()) continue;
    for (const bool zip64 : {false, true}) {
      write_npz(path("ours.npz"), all_patterns(), {.compress = compress, .always_zip64 = zip64});
      RUN_ORACLE("numpy_files.py", "read " + path("ours.npz"));
    }
  }
}

TEST_F(NpzTest, NumPysAreRead) {
  RUN_ORACLE("numpy_files.py", "write " + folder_.string());
  EXPECT_EQ(Npz::open(path("stored.npz")).read_all(), all_patterns());
  EXPECT_EQ(Npz::open(path("streamed.npz")).read_all(), all_patterns());
  if (npz_can_deflate()) {
    EXPECT_EQ(Npz::open(path("deflated.npz")).read_all(), all_patterns());
  } else {
    EXPECT_ERROR(Npz::open(path("deflated.npz")).read("f32_row"), "this build has no zlib");
  }
}

}  // namespace
}  // namespace understudy::files
