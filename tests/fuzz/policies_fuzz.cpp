// The description of a policy, in the metadata of a .safetensors: one that is accepted turns into
// fields and back to itself, and its sizes can be counted.

#include "algorithms/policies/policy_description.h"
#include "autograd/files/safetensors.h"
#include "tests/fuzz/fuzz.h"

using namespace understudy;
using namespace understudy::files;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  PolicyDescription description;
  if (!parses([&] {
        description = PolicyDescription::from_metadata(
            parse_safetensors(input_of(data, size), "input").metadata, "input");
      })) {
    return 0;
  }
  const PolicyDescription again = PolicyDescription::from_fields(description.fields(), "again");
  UNDERSTUDY_CHECK(again == description, "another description came back");
  UNDERSTUDY_CHECK(description.observation.width() > 0, "nothing is observed");
  for (const std::int64_t units : description.trunk.hidden)
    UNDERSTUDY_CHECK(units > 0 && units <= (1 << 24), "a layer of %lld units",
                     static_cast<long long>(units));
  return 0;
}
