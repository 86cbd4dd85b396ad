// An archive that parses gives each array or refuses it; those it gives are written and read to the
// same arrays, plain and as zip64, stored and deflated.

#include "autograd/files/npz.h"

#include "tests/fuzz/fuzz.h"

using namespace understudy::files;

namespace {

FileContents copy_of(ByteSpan bytes) {
  auto copy = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  return FileContents(std::move(copy), bytes.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Npz npz;
  if (!parses([&] { npz = Npz::parse(copy_of(input_of(data, size)), "input"); })) return 0;
  NamedArrays arrays;
  for (const std::string& name : npz.names()) {
    parses([&] { arrays.emplace(name, npz.read(name)); });
  }
  for (const bool compress : {false, npz_can_deflate()}) {
    for (const bool zip64 : {false, true}) {
      MemorySink sink;
      write_npz(sink, arrays, "written", {.compress = compress, .always_zip64 = zip64});
      UNDERSTUDY_CHECK(Npz::parse(copy_of(sink.bytes()), "written").read_all() == arrays,
                       "other arrays came back");
    }
  }
  return 0;
}
