// Which vector instructions the CPU kernels use: chosen once from what the processor has, and
// forced by tests and benchmarks.
//
// Every `*_cpu.cpp` is compiled once per instruction set, each time in the namespace that
// `UNDERSTUDY_ISA` names. Code in such a file must not instantiate templates from outside that
// namespace: the linker could keep the AVX-512 copy of a shared template for everybody.

#pragma once

namespace understudy {

enum class InstructionSet { portable, avx2, avx512 };

// The widest set that both this build and this processor have.
InstructionSet best_instruction_set();

// True if this build and this processor have `set`.
bool available(InstructionSet set);

// "portable", "avx2" or "avx512".
const char* name(InstructionSet set);

// The set of that name; an `Error` that lists the names if there is none.
InstructionSet instruction_set_named(const char* name);

}  // namespace understudy
