#include "autograd/files/safetensors.h"

#include "tests/files/files_test.h"
#include "tests/files/pattern.h"

namespace understudy::files {
namespace {

class SafetensorsTest : public FilesTest {};

std::string safetensors(std::string_view header, std::string_view data = "") {
  std::string file;
  append_little_endian(file, static_cast<std::uint64_t>(header.size()));
  return file.append(header).append(data);
}

Safetensors parse(std::string_view file) { return parse_safetensors(bytes_of(file), "x"); }

std::string written(const Safetensors& contents) {
  MemorySink sink;
  write_safetensors(sink, contents);
  return std::string(sink.text());
}

const std::map<std::string, std::string, std::less<>> metadata = {
    {"plain", "text"}, {"quotes \"\\", "line\nbreak\ttab \x01"}, {"wide", "Ω 𝄞 é"}};

TEST_F(SafetensorsTest, WhatIsWrittenIsRead) {
  Safetensors contents;
  contents.metadata = metadata;
  unsigned seed = 1;
  for (int type = 0; type < element_type_count; ++type) {
    for (const auto& [name, shape] : pattern_shapes()) {
      const auto element_type = static_cast<ElementType>(type);
      contents.arrays.emplace(std::string(name_of(element_type)) + " \"" + name + "\"\n",
                              random_array(element_type, shape, seed++));
    }
  }
  const std::string file = written(contents);
  EXPECT_EQ(parse(file), contents);
  EXPECT_EQ(written(parse(file)), file) << "the same arrays are another file";
  EXPECT_EQ(parse(written({})), Safetensors{});
}

TEST_F(SafetensorsTest, EveryArrayIsAlignedToItsElements) {
  Safetensors contents;
  contents.arrays.emplace("a", Array::from(std::vector<std::uint8_t>{1, 2, 3}));
  contents.arrays.emplace("b", Array::from(std::vector<double>{4}));
  contents.arrays.emplace("c", Array::from(std::vector<float>{5}));
  const std::string file = written(contents);
  const std::size_t data_at = 8 + load_little_endian<std::uint64_t>(bytes_of(file).data());
  EXPECT_EQ(data_at % 64, 0u);
  EXPECT_EQ(file.substr(8, data_at - 8).substr(0, 162),
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[12,15]},"
            "\"b\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},"
            "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}");
}

TEST_F(SafetensorsTest, AnyJsonOfTheShapeIsRead) {
  const Safetensors contents = parse(safetensors(
      "{ \"a\\u00e9\\ud834\\udd1e\\/\" : { \"data_offsets\" : [ 0 , 4 ] ,\r\n\t\"shape\" : [ ] , "
      "\"dtype\" : \"\\u0049\\u0033\\u0032\" } , \"__metadata__\" : { } }  \n",
      std::string_view("\7\0\0\0", 4)));
  ASSERT_EQ(contents.arrays.size(), 1u);
  EXPECT_EQ(contents.arrays.begin()->first, "aé𝄞/");
  EXPECT_EQ(contents.arrays.begin()->second, Array::scalar(std::int32_t{7}));
}

TEST_F(SafetensorsTest, HostileFilesAreErrorsThatSayWhatAndWhere) {
  const auto one = [](const std::string& entry) {
    return safetensors("{\"a\":" + entry + "}", "12345678");
  };
  const auto shape = [&](const std::string& text) {
    return one("{\"dtype\":\"F32\",\"shape\":" + text + ",\"data_offsets\":[0,8]}");
  };
  const auto offsets = [&](const std::string& text) {
    return one("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" + text + "}");
  };
  const auto two = [](const std::string& first, const std::string& second) {
    return safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + first +
                           "},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + second +
                           "}}",
                       "12345678");
  };
  const auto key = [](const std::string& text) {
    return safetensors("{\"__metadata__\":{" + text + ":\"\"}}");
  };
  std::string many = "[1";
  for (int i = 0; i < 64; ++i) many += ",1";
  const struct {
    std::string file, message;
  } cases[] = {
      {"", "expected a .safetensors file, which begins with 8 bytes of length, found 0 bytes"},
      {"1234567", "found 7 bytes"},
      {std::string(8, '\xff'), "the header says it has 18446744073709551615 bytes, the file has 0"},
      {safetensors(""), "header, byte 8: expected '{', found the end of the header"},
      {safetensors(" {}"), "byte 8: expected '{', found ' {}'"},
      {safetensors("[]"), "expected '{'"},
      {safetensors("{"), "byte 9: expected a string in quotes, found the end"},
      {safetensors("{}x"), "byte 10: expected blanks after the header, found 'x'"},
      {safetensors("{},"), "found ','"},
      {safetensors("{\"a\":1}"), "byte 13: expected '{', found '1}'"},
      {safetensors("{\"a\":{},}"), "'a' has no 'dtype'"},
      {safetensors("{\"\xff\":{}}"), "byte 10: expected UTF-8"},
      {safetensors("{\"\xed\xa0\x80\":{}}"), "byte 10: expected UTF-8"},
      {key("\"a\nb\""), "a control character in a string"},
      {key("\"\\x\""), "an escape that JSON does not have"},
      {key("\"\\u12g4\""), "expected four hexadecimal digits"},
      {key("\"\\ud834\""), "half a surrogate pair"},
      {key("\"\\udd1e\""), "half a surrogate pair"},
      {key("\"\\ud834\\u0041\""), "half a surrogate pair"},
      {key("\"a"), "expected"},
      {safetensors("{\"__metadata__\":{\"a\":1}}"), "expected a string in quotes, found '1}}'"},
      {safetensors("{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}"), "the key 'a' twice"},
      {safetensors("{\"__metadata__\":{},\"__metadata__\":{}}"), "'__metadata__' twice"},
      {two("[0,4]", "[0,4]"), "'b': data_offsets [0, 4] overlap another array's"},
      {two("[0,4]", "[2,6]"), "overlap"},
      {two("[0,4]", "[5,9]"), "are not within the data's 8 bytes"},
      {two("[4,8]", "[4,8]"), "leave a hole after byte 0"},
      {safetensors("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                   "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}"),
       "byte 61: the name 'a' twice"},
      {one("{\"dtype\":\"F32\",\"shape\":[2]}"), "'a' has no 'data_offsets'"},
      {one("{\"dtype\":\"F32\",\"data_offsets\":[0,8]}"), "'a' has no 'shape'"},
      {one("{\"dtype\":\"F32\",\"dtype\":\"F32\"}"), "'dtype' twice for 'a'"},
      {one("{\"color\":1}"), "found 'color'"},
      {one("{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}"),
       "'a' has a dtype that is not read: 'F8_E4M3'"},
      {one("{\"dtype\":32,\"shape\":[8],\"data_offsets\":[0,8]}"), "expected a string in quotes"},
      {offsets("[0,4]"), "needs 8 bytes, data_offsets [0, 4] have 4"},
      {offsets("[8,0]"), "not within the data's 8 bytes"},
      {offsets("[0,9]"), "not within the data's 8 bytes"},
      {offsets("[0,18446744073709551616]"), "a number of more than 64 bits"},
      {offsets("[0,18446744073709551615]"), "not within"},
      {offsets("[0,08]"), "a number that begins with 0"},
      {offsets("[-0,8]"), "expected a whole number, found '-0,8]}}'"},
      {offsets("[0,8.0]"), "found a decimal one"},
      {offsets("[0,8e0]"), "found a decimal one"},
      {offsets("[0]"), "expected two offsets, found 1"},
      {offsets("[0,8,8]"), "a list of more than 2 numbers"},
      {offsets("[0,8,]"), "a list of more than 2 numbers"},
      {offsets("0"), "expected '[', found '0}}'"},
      {shape("[1]"), "needs 4 bytes, data_offsets [0, 8] have 8"},
      {shape("[1152921504606846976]"), "needs 4611686018427387904 bytes"},
      {shape("[4294967296,4294967296,4294967296]"), "more elements than any memory"},
      {shape("[4294967296,4294967296,4294967296,0]"), "more elements than any memory"},
      {shape("[9223372036854775808]"), "a dimension of more than 2^63 - 1"},
      {shape("[2,]"), "expected a whole number, found '],"},
      {shape(many + "]"), "a list of more than 64 numbers"},
      {safetensors("{}", "x"), "the arrays end at byte 0 of the data, the file has 1"},
      {one("{\"dtype\":\"BOOL\",\"shape\":[8],\"data_offsets\":[0,8]}"),
       "'a': expected 0 or 1 for a bool, found 49 at byte 63"},
  };
  for (const auto& each : cases) EXPECT_ERROR(parse(each.file), each.message);
}

TEST_F(SafetensorsTest, WhatTheFormatCannotHoldIsNotWritten) {
  Safetensors contents;
  contents.arrays.emplace("__metadata__", Array::scalar(1.0f));
  EXPECT_ERROR(written(contents), "cannot hold '__metadata__'");
  contents.arrays.clear();
  contents.arrays.emplace("\xff", Array::scalar(1.0f));
  EXPECT_ERROR(written(contents), "expected UTF-8, found '\\xff'");
  contents.arrays.clear();
  contents.metadata = {{"a", "\xc0"}};
  EXPECT_ERROR(written(contents), "expected UTF-8");
}

TEST_F(SafetensorsTest, EveryPrefixOfAFileIsAnError) {
  Safetensors contents;
  contents.metadata = metadata;
  contents.arrays.emplace("a", Array::from(std::vector<float>{1, 2, 3}));
  const std::string file = written(contents);
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_NE(error_of([&] { parse(std::string_view(file).substr(0, size)); }), "") << size;
  }
}

TEST_F(SafetensorsTest, ThePackageReadsOurs) {
  write_safetensors(path("ours.safetensors"), {all_patterns(), metadata});
  RUN_ORACLE("safetensors_files.py", "read " + path("ours.safetensors"));
}

TEST_F(SafetensorsTest, ThePackagesAreRead) {
  RUN_ORACLE("safetensors_files.py", "write " + path("theirs.safetensors"));
  EXPECT_EQ(read_safetensors(path("theirs.safetensors")), (Safetensors{all_patterns(), metadata}));
}

}  // namespace
}  // namespace understudy::files
