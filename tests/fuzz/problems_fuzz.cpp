// Tabular problems that parse and are accepted are whole: every transition leads from a state to a
// state, and probabilities of an action sum to 1.
//
// An input is the arrays of an .npz in a .safetensors container, whose bytes no checksum guards
// from the fuzzer.

#include <cmath>
#include <vector>

#include "algorithms/tabular/problem_file.h"
#include "autograd/files/safetensors.h"
#include "tests/fuzz/fuzz.h"

using namespace understudy;
using namespace understudy::files;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ProblemTable table;
  if (!parses([&] {
        table =
            problem_table_from(parse_safetensors(input_of(data, size), "input").arrays, "input");
      })) {
    return 0;
  }
  Problem made;
  try {
    made = make_problem(table);
  } catch (const Error&) {
    return 0;  // what the numbers mean may be wrong in more ways than a file
  }
  for (const std::int32_t next : made.next_state)
    UNDERSTUDY_CHECK(next >= 0 && next < made.n_states, "a transition to nowhere");
  for (std::int64_t k = 0; k < made.n_pairs(); ++k) {
    const auto at = static_cast<std::size_t>(k);
    UNDERSTUDY_CHECK(made.pair_of(made.pair_state[at], made.pair_action[at]) == k, "a lost pair");
    double sum = 0;
    for (std::int32_t j = made.transition_begin[at]; j < made.transition_begin[at + 1]; ++j)
      sum += made.probability[static_cast<std::size_t>(j)];
    UNDERSTUDY_CHECK(std::abs(sum - 1) < 1e-5, "a sum of %g", sum);
  }
  UNDERSTUDY_CHECK(made.incoming_pair.size() == made.next_state.size(), "the other direction");
  UNDERSTUDY_CHECK(static_cast<std::int64_t>(made.initial.size()) == made.n_states, "initial");
  return 0;
}
