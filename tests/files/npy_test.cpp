#include "autograd/files/npy.h"

#include "autograd/files/atomic_file.h"
#include "tests/files/files_test.h"
#include "tests/files/pattern.h"

namespace understudy::files {
namespace {

class NpyTest : public FilesTest {};

std::string npy(std::string_view header, std::string_view data, char major = 1) {
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  if (major == 1) {
    append_little_endian(file, static_cast<std::uint16_t>(header.size()));
  } else {
    append_little_endian(file, static_cast<std::uint32_t>(header.size()));
  }
  return file.append(header).append(data);
}

Array parse(std::string_view file) { return parse_npy(bytes_of(file), "x.npy"); }

TEST_F(NpyTest, WhatIsWrittenIsReadForEveryTypeAndShape) {
  unsigned seed = 1;
  for (const ElementType type : numpy_types()) {
    for (const auto& [name, shape] : pattern_shapes()) {
      const Array array = random_array(type, shape, seed++);
      MemorySink sink;
      write_npy(sink, array);
      EXPECT_EQ(parse_npy(sink.bytes(), "memory"), array) << name_of(type) << " " << name;
      // the elements begin where a vector load may
      EXPECT_EQ((sink.bytes().size() - array.bytes().size()) % 64, 0u);
    }
  }
  EXPECT_ERROR(npy_header(Array(ElementType::bf16, {2}), "y"), "y: an .npy file cannot hold bf16");
}

TEST_F(NpyTest, HeadersThatPythonWouldReadAreRead) {
  const std::string two("\1\0\0\0\2\0\0\0", 8);
  const Array expected = Array::from(std::vector<std::int32_t>{1, 2});
  for (const char* header : {
           "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }\n",
           "{\"shape\":(2,),'fortran_order':False,\"descr\":'<i4'}",
           "{ 'fortran_order' : True , 'descr' : '<i4' , 'shape' : ( 2 , ) }   \n",
       }) {
    for (const char major : {1, 2, 3}) EXPECT_EQ(parse(npy(header, two, major)), expected);
  }
}

TEST_F(NpyTest, BigEndianAndFortranOrderBecomeOurs) {
  const std::string data("\0\1\0\2\0\3\0\4\0\5\0\6", 12);
  const Array array = parse(npy("{'descr': '>u2', 'fortran_order': True, 'shape': (2, 3)}", data));
  const std::vector<std::uint16_t> expected = {1, 3, 5, 2, 4, 6};
  EXPECT_EQ(array, Array::from<std::uint16_t>({2, 3}, std::span(expected)));
}

TEST_F(NpyTest, HostileFilesAreErrorsThatSayWhatAndWhere) {
  const auto shape = [](const std::string& text) {
    return npy("{'descr': '<f4', 'fortran_order': False, 'shape': " + text + "}", "12345678");
  };
  const auto descr = [](const std::string& text) {
    return npy("{'descr': " + text + ", 'fortran_order': False, 'shape': (2,)}", "12345678");
  };
  std::string many;
  for (int i = 0; i < 65; ++i) many += "1,";
  const struct {
    std::string file, message;
  } cases[] = {
      {"", "x.npy: expected an .npy file, which begins with \\x93NUMPY, found '' (0 bytes)"},
      {"PK\3\4 something", "found 'PK\\x03\\x04 som' (14 bytes)"},
      {std::string("\x93NUMPY\x04\0\0\0", 10), "expected .npy version 1.0, 2.0 or 3.0, found 4.0"},
      {std::string("\x93NUMPY\x01\x01\0\0", 10), "found 1.1"},
      {std::string("\x93NUMPY\x01\0\1", 9), "ends within the length"},
      {std::string("\x93NUMPY\x01\0\xff\x00{", 11), "says it has 255 bytes, the file has 1"},
      {std::string("\x93NUMPY\x02\0\xff\xff\xff\xff{", 13), "4294967295 bytes, more than 65536"},
      {npy("", ""), "byte 10: expected a dictionary, found the end"},
      {npy("[]", ""), "expected a dictionary, found '[]'"},
      {npy("{", ""), "expected a key in quotes, found the end"},
      {npy("{'descr'", ""), "expected ':' after a key"},
      {npy("{'descr': '<f4", ""), "a string without an end"},
      {npy("{}", ""), "the key 'descr' is missing"},
      {npy("{'descr': '<f4', 'shape': ()}", "1234"), "'fortran_order' is missing"},
      {npy("{'descr': '<f4', 'fortran_order': False}", "1234"), "'shape' is missing"},
      {npy("{'descr': '<f4', 'descr': '<f4'}", ""), "byte 27: the key 'descr' twice"},
      {npy("{'color': 1}", ""), "found 'color'"},
      {npy("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", ""), "expected True or False"},
      {npy("{'descr': '<f4' 'shape': ()}", ""), "expected ',' or '}' after a value"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", "1234"),
       "expected blanks after the dictionary, found 'x'"},
      {shape("(-1,)"), "a negative dimension: '-1,)}'"},
      {shape("(2)"), "expected a tuple of dimensions, found a number"},
      {shape("(02,)"), "begins with 0"},
      {shape("(2L,)"), "found 'L,)}'"},
      {shape("(2.0,)"), "found '.0,)}'"},
      {shape("(,)"), "expected a dimension, found ',)}'"},
      {shape("(2 2)"), "expected ',' or ')'"},
      {shape("(9223372036854775808,)"), "more than 2^63 - 1"},
      {shape("(99999999999999999999999,)"), "more than 2^63 - 1"},
      {shape("(1152921504606846976,)"), "needs 4611686018427387904 bytes, found 8"},
      {shape("(4294967296, 4294967296)"), "more elements than any memory"},
      {shape("(4294967296, 4294967296, 0)"), "more elements than any memory"},
      {shape("(3,)"), "the shape [3] of f32 needs 12 bytes, found 8"},
      {shape("(1,)"), "needs 4 bytes, found 8"},
      {shape("(" + many + ")"), "more than 64 dimensions"},
      {descr("'<U5'"), "expected an element type such as '<f4', found '<U5'"},
      {descr("'f4'"), "found 'f4'"},
      {descr("'|f4'"), "found '|f4'"},
      {descr("''"), "found ''"},
      {descr("'|O'"), "pickled Python objects, which are never read"},
      {descr("[('x', '<f4')]"), "a structured array"},
      {descr("4"), "expected an element type in quotes, found '4, 'fort"},
      {descr("'<f\\x34'"), "an escape"},
      {npy("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", "\1\2"),
       "expected 0 or 1 for a bool, found 2 at byte 66"},
  };
  for (const auto& each : cases) EXPECT_ERROR(parse(each.file), each.message);
}

TEST_F(NpyTest, EveryPrefixOfAFileIsAnError) {
  MemorySink sink;
  write_npy(sink, pattern(ElementType::i32, {3, 5}));
  for (std::size_t size = 0; size < sink.bytes().size(); ++size) {
    EXPECT_NE(error_of([&] { parse_npy(sink.bytes().first(size), "cut"); }), "") << size;
  }
}

TEST_F(NpyTest, NumPyReadsOurs) {
  write_npy(path("ours.npy"), pattern(ElementType::f64, {3, 5}));
  RUN_ORACLE("numpy_files.py", "npy " + path("ours.npy") + " f64 3,5");
}

TEST_F(NpyTest, NumPysAreRead) {
  RUN_ORACLE("numpy_files.py", "write " + folder_.string());
  for (const ElementType type : numpy_types()) {
    for (const auto& [name, shape] : pattern_shapes()) {
      for (const char* kind : {"little", "big", "fortran", "v2", "v3"}) {
        const std::string file = std::string(name_of(type)) + "_" + name + "_" + kind + ".npy";
        EXPECT_EQ(read_npy(path(file)), pattern(type, shape)) << file;
      }
    }
  }
}

TEST_F(NpyTest, AMissingFileNamesItselfAndTheReason) {
  EXPECT_ERROR(read_npy(path("none.npy")), "none.npy: cannot open: No such file or directory");
  EXPECT_ERROR(read_npy(folder_.string()), "expected a file, found a folder");
}

TEST(ArrayTest, AsChecksTheTypeAndConvertedTheValues) {
  const Array floats = Array::from(std::vector<float>{1, -2, 3});
  EXPECT_EQ(floats.as<float>()[1], -2);
  EXPECT_ERROR(floats.as<double>("a.npy: obs"),
               "a.npy: obs: expected elements of type f64, found f32");
  EXPECT_EQ(floats.converted<std::int64_t>(), (std::vector<std::int64_t>{1, -2, 3}));
  EXPECT_ERROR(Array::from(std::vector<float>{1, 2.5f}).converted<std::int64_t>("acts"),
               "acts: element 1 is 2.5, which i64 cannot hold");
  EXPECT_ERROR(Array::scalar(0x1p63).converted<std::int64_t>(), "i64 cannot hold");
  EXPECT_ERROR(Array::scalar(std::nan("")).converted<std::int64_t>(), "i64 cannot hold");
  EXPECT_ERROR(Array::scalar(~std::uint64_t{0}).converted<std::int64_t>(), "i64 cannot hold");
  EXPECT_ERROR(Array::scalar(1e300).converted<float>(), "f32 cannot hold");
  EXPECT_EQ(Array::scalar(-0x1p63).converted<std::int64_t>()[0], INT64_MIN);
  EXPECT_EQ(Array::scalar(true).converted<double>()[0], 1.0);
  EXPECT_EQ(Array::scalar(Float16{0x3e00}).converted<float>()[0], 1.5f);
  EXPECT_EQ(Array::scalar(Float16{0x8001}).converted<float>()[0], -0x1p-24f);
  EXPECT_EQ(Array::scalar(Float16{0xfc00}).converted<float>()[0],
            -std::numeric_limits<float>::infinity());
  EXPECT_EQ(Array::scalar(BFloat16{0xbfc0}).converted<float>()[0], -1.5f);
}

}  // namespace
}  // namespace understudy::files
