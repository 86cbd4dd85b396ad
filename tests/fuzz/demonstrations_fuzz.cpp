// Demonstrations that parse are whole, and are written and read to the same numbers, as arrays and
// as a table.
//
// An input that begins with a letter is a .csv; any other is the arrays of an .npz, in a
// .safetensors container, whose bytes no checksum guards from the fuzzer.

#include "algorithms/data/demonstration_files.h"
#include "autograd/files/safetensors.h"
#include "tests/fuzz/fuzz.h"

using namespace understudy;
using namespace understudy::files;

namespace {

void check_whole(const Demonstrations& made) {
  const std::int64_t extra = made.last_observation ? made.episodes() : 0;
  UNDERSTUDY_CHECK(made.episodes() > 0 && made.starts[0] == 0, "no episode");
  for (std::int64_t e = 0; e < made.episodes(); ++e) {
    UNDERSTUDY_CHECK(made.length(e) > 0, "an empty episode");
  }
  UNDERSTUDY_CHECK(made.actions.rows() == made.steps(), "actions");
  UNDERSTUDY_CHECK(made.observations.rows() == made.steps() + extra, "observations");
  UNDERSTUDY_CHECK(static_cast<std::int64_t>(made.terminal.size()) == made.episodes(), "terminal");
  UNDERSTUDY_CHECK(
      made.rewards.empty() || static_cast<std::int64_t>(made.rewards.size()) == made.steps(),
      "rewards");
}

Csv as_table(const Demonstrations& made) {
  MemorySink sink;
  write_csv(sink, to_columns(made));
  return Csv::parse(std::string(sink.text()), "written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan input = input_of(data, size);
  Demonstrations made;
  const bool table = size > 0 && data[0] >= 'a' && data[0] <= 'z';
  if (!parses([&] {
        if (table) {
          made = demonstrations_from(Csv::parse(std::string(text_of(input)), "input"));
        } else {
          made = demonstrations_from(parse_safetensors(input, "input").arrays, "input");
        }
      })) {
    return 0;
  }
  check_whole(made);
  UNDERSTUDY_CHECK(same_data(demonstrations_from(to_arrays(made), "arrays"), made), "arrays");
  // a table has flat rows, discrete only where there is one column, and no goals
  const auto flat = [](const Series& series) { return series.shape.size() == !series.discrete; };
  if (made.goals.empty() && flat(made.observations) && flat(made.actions)) {
    UNDERSTUDY_CHECK(same_data(demonstrations_from(as_table(made)), made), "table");
  }
  return 0;
}
