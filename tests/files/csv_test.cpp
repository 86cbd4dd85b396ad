#include "autograd/files/csv.h"

#include <clocale>
#include <cmath>
#include <limits>

#include "tests/files/files_test.h"

namespace understudy::files {
namespace {

class CsvTest : public FilesTest {};

Csv parse(std::string_view text) { return Csv::parse(std::string(text), "x.csv"); }

std::string written(const CsvColumns& columns) {
  MemorySink sink;
  write_csv(sink, columns);
  return std::string(sink.text());
}

TEST_F(CsvTest, ColumnsAreReadByNameAndType) {
  const Csv csv = parse("episode,x,note\n0,1.5,left\n0,-2e-3,\"a, \"\"b\"\"\nc\"\n1,nan,\n");
  EXPECT_EQ(csv.rows(), 3u);
  EXPECT_EQ(csv.names(), (std::vector<std::string>{"episode", "x", "note"}));
  EXPECT_EQ(csv.integers("episode"), (std::vector<std::int64_t>{0, 0, 1}));
  EXPECT_EQ(csv.numbers("x")[1], -2e-3);
  EXPECT_TRUE(std::isnan(csv.numbers("x")[2]));
  EXPECT_EQ(csv.texts("note"), (std::vector<std::string>{"left", "a, \"b\"\nc", ""}));
  EXPECT_EQ(csv.line(2), 5u) << "the quoted cell has a line's end within";
  EXPECT_EQ(csv.type(0), Csv::ColumnType::integer);
  EXPECT_EQ(csv.type(1), Csv::ColumnType::number);
  EXPECT_EQ(csv.type(2), Csv::ColumnType::text);
  EXPECT_EQ(csv.numbers("episode")[2], 1.0) << "an integer is a number";
}

TEST_F(CsvTest, LineEndsAndTheMarkOfUtf8MakeNoDifference) {
  const std::vector<std::int64_t> expected = {1, 2};
  for (const char* text : {"a,b\n1,3\n2,4\n", "a,b\n1,3\n2,4", "a,b\r\n1,3\r\n2,4\r\n",
                           "\xEF\xBB\xBF"
                           "a,b\n1,3\n2,4\n",
                           "\"a\",\"b\"\r\n\"1\",3\n2,\"4\""}) {
    EXPECT_EQ(parse(text).integers("a"), expected) << text;
  }
  EXPECT_EQ(parse("a,b").rows(), 0u);
}

TEST_F(CsvTest, SpreadsheetsOfOtherPlacesAreRead) {
  // what parts cells, decimals, blanks, NumPy's '#', and empty lines at the end
  for (const char* text : {"a;b\r\n1,5;-2,5e3\r\n+3;4\r\n", "a\tb\n1,5\t-2,5e3\n3\t4\n",
                           "a , b\n1.5, -2.5e3\n3 ,4\n", "# a,b\n1.5,-2.5e3\n3,4\n\n\n",
                           "a,b\r\n1.5,-2.5e3\r\n3,4\r\n\r\n", "\"a\" ; \"b\"\n1.5 ; -2500\n3;4"}) {
    const Csv csv = parse(text);
    EXPECT_EQ(csv.names(), (std::vector<std::string>{"a", "b"})) << text;
    EXPECT_EQ(csv.numbers("a"), (std::vector<double>{1.5, 3})) << text;
    EXPECT_EQ(csv.numbers("b"), (std::vector<double>{-2500, 4})) << text;
  }
  // a thousand and a half, or one and a half: nobody knows
  EXPECT_ERROR(parse("a;b\n1.000,5;1\n").numbers("a"), "x.csv:2:a: expected a number");
  EXPECT_EQ(parse("a;b\nx,y;1\n").texts("a")[0], "x,y") << "a text keeps its comma";
}

TEST_F(CsvTest, WrongCellsSayFileLineAndColumn) {
  const Csv csv = parse("t,x\n0,1\n1,\n2,1.5m\n3,1e999\n4,0x10\n99999999999999999999,7\n");
  EXPECT_ERROR(csv.numbers("x"), "x.csv:3:x: expected a number, found an empty cell");
  EXPECT_ERROR(csv.integers("t"), "x.csv:7:t: expected an integer of at most 64 bits, found '9999");
  EXPECT_ERROR(csv.column("y"), "x.csv:1: expected a column 'y', found t, x");
  EXPECT_ERROR(parse("x\n1.5m\n").numbers("x"), "x.csv:2:x: expected a number, found '1.5m'");
  EXPECT_ERROR(parse("x\n1e999\n").numbers("x"), "found '1e999'");
  EXPECT_ERROR(parse("x\n0x10\n").numbers("x"), "found '0x10'");
  EXPECT_ERROR(parse("x\n\"1 \"\n").numbers("x"), "found '1 '");
  EXPECT_ERROR(parse("x\n\"1,5\"\n").numbers("x"), "found '1,5'");
  EXPECT_ERROR(parse("x\n1.0\n").integers("x"),
               "expected an integer of at most 64 bits, found '1.0'");
}

TEST_F(CsvTest, BrokenTablesSayFileAndLine) {
  const struct {
    std::string text, message;
  } cases[] = {
      {"", "x.csv:1: expected a row of names, found an empty file"},
      {"a,b\n1,2\n3\n", "x.csv:3: expected 2 cells, found 1"},
      {"a,b\n1,2,3\n", "x.csv:2: expected 2 cells, found 3"},
      {"a,b\n1,2\n\n3,4\n", "x.csv:3: expected 2 cells, found 1"},
      {"a,b\n\"1\n\n\",2\n3\n", "x.csv:5: expected 2 cells, found 1"},
      {"a,b,a\n", "x.csv:1: the column 'a' twice"},
      {"a,b\n1,\"2\n", "x.csv:2: cell 2: a quote is opened and never closed"},
      {"a,b\n\"1\"x,2\n", "x.csv:2: cell 1: expected ',' after the closing quote, found 'x'"},
      {"a\tb\n\"1\"x\t2\n", "x.csv:2: cell 1: expected a tab after the closing quote, found 'x'"},
      {"a,b\n1,2\"\n", "x.csv:2: cell 2: a quote within a cell that is not quoted"},
      {"a,b\n1\r2,3\n", "x.csv:2: cell 1: a carriage return within a line"},
      {"a,b\n1,\xff\n", "x.csv:2: expected text in UTF-8, found byte 255 at byte 6"},
      {std::string("a\n1\n\0\n", 6), "x.csv:3: expected text in UTF-8, found byte 0 at byte 4"},
  };
  for (const auto& each : cases) EXPECT_ERROR(parse(each.text), each.message);
}

TEST_F(CsvTest, WhatIsWrittenIsReadToTheLastBit) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> numbers = {0.1,      -0.0,   1e-310, 1.7976931348623157e308,
                                       infinity, 1.0 / 3};
  const std::vector<float> floats = {0.1f, 1e-40f, 3.4e38f, -1.5f, 0.0f, 1.0f / 3};
  const std::vector<std::int64_t> integers = {0, -1, INT64_MIN, INT64_MAX, 7, 8};
  const std::vector<std::string> texts = {"", "a,b", "\"", "line\r\nbreak", "Ω", " x "};
  const std::string text = written(
      {{"number", numbers}, {"float", floats}, {"integer, quoted", integers}, {"t", texts}});
  const Csv csv = parse(text);
  EXPECT_EQ(csv.numbers("number"), numbers);
  EXPECT_TRUE(std::signbit(csv.numbers("number")[1]));
  for (std::size_t i = 0; i < floats.size(); ++i) {
    EXPECT_EQ(static_cast<float>(csv.numbers("float")[i]), floats[i]);
  }
  EXPECT_EQ(csv.cell(0, 1), "0.1") << "a float is written as a float";
  EXPECT_EQ(csv.integers("integer, quoted"), integers);
  EXPECT_EQ(csv.texts("t"), texts);
  EXPECT_EQ(parse(written({{"t", std::vector<std::string>{"", "", ""}}})).rows(), 3u)
      << "rows of one empty cell";
}

// Found by the fuzzer: a first name that begins with the mark of UTF-8 lost it.
TEST_F(CsvTest, AMarkOfUtf8WithinTheFirstNameStays) {
  const Csv csv = parse("a,\xEF\xBB\xBFx\n1,2\n");
  ASSERT_EQ(csv.names()[1], "\xEF\xBB\xBFx");
  const CsvColumns first = {{csv.names()[1], csv.texts(csv.names()[1])}};
  EXPECT_EQ(parse(written(first)).names()[0], csv.names()[1]);
}

TEST_F(CsvTest, TheLocaleHasNoSay) {
  // where the comma is the decimal point, strtod and printf would read and write others
  if (std::setlocale(LC_ALL, "de_DE.UTF-8") == nullptr) std::setlocale(LC_ALL, "");
  EXPECT_EQ(parse("x\n1.5\n").numbers("x")[0], 1.5);
  EXPECT_EQ(written({{"x", std::vector<double>{1.5}}}), "x\n1.5\n");
  std::setlocale(LC_ALL, "C");
}

TEST_F(CsvTest, FilesAreReadAndWritten) {
  write_csv(path("table.csv"), {{"a", std::vector<std::int64_t>{1, 2}}});
  EXPECT_EQ(get_file(path("table.csv")), "a\n1\n2\n");
  EXPECT_EQ(Csv::open(path("table.csv")).integers("a")[1], 2);
  EXPECT_ERROR(Csv::open(path("none.csv")), "none.csv: cannot open");
}

TEST(BytesTest, Utf8IsCheckedByTheLetter) {
  for (const char* valid : {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                            "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_EQ(find_invalid_utf8(valid), std::string_view::npos) << shown(valid);
  }
  for (const char* invalid :
       {"ab\x80", "ab\xc0\x80", "ab\xc1\xbf", "ab\xc2",
        "ab\xc2"
        "a",
        "ab\xe0\x9f\xbf", "ab\xed\xa0\x80", "ab\xf0\x8f\xbf\xbf", "ab\xf4\x90\x80\x80",
        "ab\xf5\x80\x80\x80", "ab\xff", "ab\xf0\x90\x80"}) {
    EXPECT_EQ(find_invalid_utf8(invalid), 2u) << shown(invalid);
  }
}

TEST(BytesTest, WhatIsShownIsOnePrintableLine) {
  EXPECT_EQ(shown("a\nb\x1b[31m\xff\xce\xa9"), "a\\x0ab\\x1b[31m\\xffΩ");
  EXPECT_EQ(shown("abcdef", 4), "abcd...");
  EXPECT_EQ(shown_path(std::string(1000, 'x') + "/end").size(), 243u);
  EXPECT_TRUE(shown_path(std::string(1000, 'x') + "/end").ends_with("x/end"));
}

}  // namespace
}  // namespace understudy::files
