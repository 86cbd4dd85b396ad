// A .safetensors that parses is written and parsed to the same arrays and metadata, and written
// again it is the same bytes.

#include "autograd/files/safetensors.h"

#include "tests/fuzz/fuzz.h"

using namespace understudy::files;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Safetensors contents;
  if (!parses([&] { contents = parse_safetensors(input_of(data, size), "input"); })) return 0;
  MemorySink sink;
  write_safetensors(sink, contents);
  const Safetensors again = parse_safetensors(sink.bytes(), "written");
  UNDERSTUDY_CHECK(again == contents, "other arrays came back");
  MemorySink second;
  write_safetensors(second, again);
  UNDERSTUDY_CHECK(second.text() == sink.text(), "the same arrays are another file");
  return 0;
}
