#include "kernels/device/instruction_set.h"

#include <cstdio>
#include <cstring>

#include "kernels/device/error.h"

namespace understudy {

namespace {

bool processor_has(InstructionSet set) {
#if defined(__x86_64__)
  switch (set) {
    case InstructionSet::portable: return true;
    case InstructionSet::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case InstructionSet::avx512:
      return processor_has(InstructionSet::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl");
  }
  return false;
#else
  return set == InstructionSet::portable;
#endif
}

}  // namespace

bool available(InstructionSet set) {
  for (const InstructionSetRow& row : instruction_sets)
    if (row.set == set) return processor_has(set);
  return false;
}

InstructionSet best_instruction_set() {
  InstructionSet best = InstructionSet::portable;
  for (const InstructionSetRow& row : instruction_sets)
    if (available(row.set)) best = row.set;
  return best;
}

const char* name(InstructionSet set) {
  for (const InstructionSetRow& row : instruction_sets)
    if (row.set == set) return row.name;
  return "not built";
}

InstructionSet instruction_set_named(const char* text) {
  for (const InstructionSetRow& row : instruction_sets)
    if (std::strcmp(row.name, text) == 0) return row.set;
  // "portable, avx2 or avx512"
  char names[128] = "";
  for (int i = 0, at = 0; i < instruction_set_count; ++i)
    at += std::snprintf(names + at, sizeof names - static_cast<std::size_t>(at), "%s%s",
                        i == 0                           ? ""
                        : i == instruction_set_count - 1 ? " or "
                                                         : ", ",
                        instruction_sets[i].name);
  fail(ErrorKind::bad_input, "instruction set: expected %s, found \"%s\"", names, text);
}

}  // namespace understudy
