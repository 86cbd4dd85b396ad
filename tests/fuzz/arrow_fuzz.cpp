// Tables of Arrow's that parse give each column or refuse it; what of them is demonstrations is
// whole.
//
// An input that begins with a byte below 32 is a table of our own writer's, that one, changed by
// what follows: three bytes a change, a place (little-endian; modulo the size) and the byte that
// stands there. So the fuzzer begins in the midst of well-formed tables, with no file of seeds to
// keep. Any other input is the bytes of a table.

#include "algorithms/data/demonstration_files.h"
#include "tests/algorithms/arrow_writer.h"
#include "tests/fuzz/fuzz.h"

using namespace understudy;
using namespace understudy::files;

namespace {

Demonstrations two_episodes(bool discrete, const Shape& row) {
  Demonstrations made;
  made.observations.shape = row;
  for (int i = 0; i < 5 * made.observations.width(); ++i) {
    made.observations.numbers.push_back(0.5f * static_cast<float>(i));
  }
  made.actions.discrete = discrete;
  if (discrete) {
    made.actions.indices = {0, 1, 1};
  } else {
    made.actions.shape = {1};
    made.actions.numbers = {0, -1, 1};
    made.rewards = {1, 2, 3};
  }
  made.terminal = {0, 1};
  made.starts = {0, 2, 3};
  return made;
}

// Every way in which a table may be laid out, and each once.
std::string seed(unsigned number) {
  Demonstrations made = two_episodes(number % 2 == 0, number / 2 % 2 == 0 ? Shape{2} : Shape{2, 1});
  std::vector<arrow_writer::Column> columns = arrow_writer::columns_of(made);
  const unsigned kind = number / 4 % 4;
  for (arrow_writer::Column& column : columns) {
    if (kind == 1) column.lists = arrow_writer::Lists::large;
    if (kind == 2 && column.offsets.size() > 1) column.lists = arrow_writer::Lists::fixed;
    if (kind == 3) column.valid = {{true, false}};
  }
  arrow_writer::Settings settings;
  settings.file = number >= 16;
  settings.legacy = kind == 1;
  return arrow_writer::table({columns, columns}, settings);
}

std::string bytes_of_input(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || data[0] >= 32) return std::string(text_of(input_of(data, size)));
  std::string bytes = seed(data[0]);
  for (std::size_t i = 1; i + 2 < size; i += 3) {
    bytes[(data[i] | std::size_t{data[i + 1]} << 8) % bytes.size()] =
        static_cast<char>(data[i + 2]);
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<Arrow> tables(1);
  if (!parses([&] { tables[0] = arrow_writer::parsed(bytes_of_input(data, size), "input"); })) {
    return 0;
  }
  for (const std::string& name : tables[0].names()) {
    ArrowColumn column;
    if (!parses([&] { tables[0].read(name, column); })) continue;
    std::int64_t entries = tables[0].rows();
    for (const std::vector<std::int64_t>& offsets : column.offsets) {
      UNDERSTUDY_CHECK(static_cast<std::int64_t>(offsets.size()) == entries + 1, "entries");
      UNDERSTUDY_CHECK(std::is_sorted(offsets.begin(), offsets.end()), "offsets");
      entries = offsets.back();
    }
    UNDERSTUDY_CHECK(column.count() == entries, "values");
  }
  Demonstrations made;
  if (!parses([&] { made = demonstrations_from(arrays_from(tables, "input"), "input"); })) return 0;
  const std::int64_t extra = made.last_observation ? made.episodes() : 0;
  UNDERSTUDY_CHECK(made.episodes() == tables[0].rows(), "episodes");
  UNDERSTUDY_CHECK(made.actions.rows() == made.steps(), "actions");
  UNDERSTUDY_CHECK(made.observations.rows() == made.steps() + extra, "observations");
  return 0;
}
