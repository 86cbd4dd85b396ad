#include "kernels/device/instruction_set.h"

#include <cstring>
#include <initializer_list>

#include "kernels/device/error.h"

namespace understudy {

bool available(InstructionSet set) {
  switch (set) {
    case InstructionSet::portable: return true;
#if defined(__x86_64__)
    case InstructionSet::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case InstructionSet::avx512:
      return available(InstructionSet::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl");
#else
    default: return false;
#endif
  }
  return false;
}

InstructionSet best_instruction_set() {
  if (available(InstructionSet::avx512)) return InstructionSet::avx512;
  if (available(InstructionSet::avx2)) return InstructionSet::avx2;
  return InstructionSet::portable;
}

const char* name(InstructionSet set) {
  switch (set) {
    case InstructionSet::portable: return "portable";
    case InstructionSet::avx2: return "avx2";
    case InstructionSet::avx512: return "avx512";
  }
  return "unknown";
}

InstructionSet instruction_set_named(const char* text) {
  for (InstructionSet set :
       {InstructionSet::portable, InstructionSet::avx2, InstructionSet::avx512})
    if (std::strcmp(name(set), text) == 0) return set;
  fail(ErrorKind::bad_input, "instruction set: expected portable, avx2 or avx512, found \"%s\"",
       text);
}

}  // namespace understudy
