// Puts the family together for one instruction set.

#include "kernels/dynamic_programming/dynamic_programming_cpu.h"

namespace understudy::UNDERSTUDY_ISA {
namespace {

template <class T>
DynamicProgrammingKernels<T> kernels() {
  DynamicProgrammingKernels<T> kernels{};
  fill_sparse(kernels);
  fill_rows(kernels);
  fill_packed(kernels);
  fill_grid(kernels);
  return kernels;
}

}  // namespace
}  // namespace understudy::UNDERSTUDY_ISA

namespace understudy {
template <>
Tables<DynamicProgrammingKernels>
cpu_kernels<DynamicProgrammingKernels, InstructionSet::UNDERSTUDY_ISA>() {
  return {UNDERSTUDY_ISA::kernels<float>(), UNDERSTUDY_ISA::kernels<double>()};
}
}  // namespace understudy
