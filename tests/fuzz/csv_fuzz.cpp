// A table that parses is written and parsed to the same cells; a column's type is what its cells
// can be read as, and numbers come back to the last bit.

#include "autograd/files/csv.h"

#include "tests/fuzz/fuzz.h"

using namespace understudy::files;

namespace {

std::string written(const CsvColumns& columns) {
  MemorySink sink;
  write_csv(sink, columns);
  return std::string(sink.text());
}

void check_column(const Csv& csv, std::size_t column) {
  const std::string& name = csv.names()[column];
  const Csv::ColumnType type = csv.type(column);
  const bool numeric = parses([&] { csv.numbers(name); });
  const bool whole = parses([&] { csv.integers(name); });
  // integers past 64 bits are numbers still
  UNDERSTUDY_CHECK(csv.rows() == 0 || numeric == (type != Csv::ColumnType::text), "type");
  UNDERSTUDY_CHECK(csv.rows() == 0 || whole == (type == Csv::ColumnType::integer), "type");
  if (!numeric) return;
  const std::vector<double> numbers = csv.numbers(name);
  const Csv again = Csv::parse(written({{name, numbers}}), "written");
  const std::vector<double> back = again.numbers(name);
  UNDERSTUDY_CHECK(back.size() == numbers.size(), "rows");
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    UNDERSTUDY_CHECK(std::memcmp(&back[i], &numbers[i], sizeof(double)) == 0 ||
                         numbers[i] != numbers[i],  // the bits of a NaN have no name
                     "another number came back");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Csv csv;
  const std::string text(text_of(input_of(data, size)));
  if (!parses([&] { csv = Csv::parse(text, "input"); })) return 0;
  CsvColumns columns;
  for (std::size_t column = 0; column < csv.columns(); ++column) {
    check_column(csv, column);
    columns.emplace_back(csv.names()[column], csv.texts(csv.names()[column]));
  }
  const Csv again = Csv::parse(written(columns), "written");
  UNDERSTUDY_CHECK(again.names() == csv.names() && again.rows() == csv.rows(), "another table");
  for (const std::string& name : csv.names()) {
    UNDERSTUDY_CHECK(again.texts(name) == csv.texts(name), "other cells came back");
  }
  return 0;
}
