// The two halves of the family for one instruction set: sparse problems and gridworlds.

#pragma once

#include "kernels/device/simd.h"
#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy::UNDERSTUDY_ISA {

template <class T>
void fill_sparse(DynamicProgrammingKernels<T>& kernels);
template <class T>
void fill_grid(DynamicProgrammingKernels<T>& kernels);

}  // namespace understudy::UNDERSTUDY_ISA
