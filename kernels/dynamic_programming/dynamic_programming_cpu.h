// The parts of the family for one instruction set: sparse problems, sparse matrices, packed
// problems and gridworlds.

#pragma once

#include "kernels/device/simd.h"
#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy::UNDERSTUDY_ISA {

template <class T>
void fill_sparse(DynamicProgrammingKernels<T>& kernels);
template <class T>
void fill_rows(DynamicProgrammingKernels<T>& kernels);
template <class T>
void fill_packed(DynamicProgrammingKernels<T>& kernels);
template <class T>
void fill_grid(DynamicProgrammingKernels<T>& kernels);

// The backup of states [first, end) of one problem, on the calling thread.
template <class T>
void backup_states(const SparseDynamics<T>& dynamics, const BackupRule<T>& rule, std::int64_t first,
                   std::int64_t end, const T* reward, const T* value, T* q, T* new_value);

}  // namespace understudy::UNDERSTUDY_ISA
