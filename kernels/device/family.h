// How the implementations of a family of kernels are found.
//
// A family is a struct of function pointers, `ScanKernels<T>`, whose header holds the contract.
// Every implementation defines one specialization of a function below, at the end of its file:
//
//   scan_reference.cpp   reference_kernels<ScanKernels>             plain loops in double
//   scan_cpu.cpp         cpu_kernels<ScanKernels, InstructionSet>   once per instruction set
//   scan_cuda.cu         cuda_kernels<ScanKernels>                  by nvcc, or by the emulator
//
// Nothing else has to be declared or registered: one that is missing does not link. The families of
// a device are listed in backend.h, the instruction sets in instruction_set.h.

#pragma once

#include <cstdint>

#include "kernels/device/instruction_set.h"
#include "kernels/device/stream.h"

namespace understudy {

// A family's kernels for both types of numbers.
template <template <class> class Kernels>
struct Tables {
  Kernels<float> f32;
  Kernels<double> f64;

  template <class T>
  const Kernels<T>& of() const {
    if constexpr (sizeof(T) == 4)
      return f32;
    else
      return f64;
  }
};

template <template <class> class Kernels>
Kernels<double> reference_kernels();
template <template <class> class Kernels, InstructionSet set>
Tables<Kernels> cpu_kernels();
template <template <class> class Kernels>
Tables<Kernels> cuda_kernels();

// The CPU's for a set chosen at run time, which must be in `instruction_sets`.
template <template <class> class Kernels, int row = 0>
Tables<Kernels> cpu_kernels(InstructionSet set) {
  if constexpr (row + 1 < instruction_set_count)
    if (set != instruction_sets[row].set) return cpu_kernels<Kernels, row + 1>(set);
  return cpu_kernels<Kernels, instruction_sets[row].set>();
}

}  // namespace understudy
