// An .npy that parses is written and parsed to the same array.

#include "autograd/files/npy.h"

#include "tests/fuzz/fuzz.h"

using namespace understudy::files;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Array array;
  if (!parses([&] { array = parse_npy(input_of(data, size), "input"); })) return 0;
  MemorySink sink;
  write_npy(sink, array);
  UNDERSTUDY_CHECK(parse_npy(sink.bytes(), "written") == array, "another array came back");
  return 0;
}
