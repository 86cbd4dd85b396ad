// The vector instructions that CPU kernels are compiled for: listed here and nowhere else.
//
// Every `*_cpu.cpp` is compiled once per instruction set, in the namespace of that name
// (UNDERSTUDY_ISA). One set is chosen when the program runs, from what the processor has; tests and
// benchmarks force each in turn. Code in such a file must not instantiate templates from outside
// its namespace: the linker could keep the AVX-512 copy of a shared template for everybody.
//
// To add a set: an enumerator, a row, and what it needs of the processor (instruction_set.cpp).

#pragma once

namespace understudy {

enum class InstructionSet { portable, avx2, avx512 };

struct InstructionSetRow {
  InstructionSet set;
  const char* name;
  const char* compiler_options;  // beyond those that every file gets
};

// Those of the architecture that this is compiled for, each wider than the one before it. The
// Makefile reads the rows and compiles with their options. (-O2: a third faster to compile, and as
// fast, where wider sets are compiled beside it. Where it is the only set, it gets everything.)
constexpr InstructionSetRow instruction_sets[] = {
#if defined(__x86_64__)
    {InstructionSet::portable, "portable", "-O2"},
    {InstructionSet::avx2, "avx2", "-mavx2 -mfma"},
    {InstructionSet::avx512, "avx512",
     "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mprefer-vector-width=512"},
#else
    {InstructionSet::portable, "portable", ""},
#endif
};
constexpr int instruction_set_count = sizeof instruction_sets / sizeof *instruction_sets;

// The widest set that both this build and this processor have.
InstructionSet best_instruction_set();

// True if this build and this processor have `set`.
bool available(InstructionSet set);

// Its name in the table above.
const char* name(InstructionSet set);

// The set of that name; an `Error` that lists the names if there is none.
InstructionSet instruction_set_named(const char* name);

}  // namespace understudy
