// Puts the family together for one instruction set.

#include "kernels/dynamic_programming/dynamic_programming_cpu.h"

namespace understudy::UNDERSTUDY_ISA {

void fill(DynamicProgrammingKernels<float>& kernels) {
  fill_sparse(kernels);
  fill_rows(kernels);
  fill_packed(kernels);
  fill_grid(kernels);
}
void fill(DynamicProgrammingKernels<double>& kernels) {
  fill_sparse(kernels);
  fill_rows(kernels);
  fill_packed(kernels);
  fill_grid(kernels);
}

}  // namespace understudy::UNDERSTUDY_ISA
