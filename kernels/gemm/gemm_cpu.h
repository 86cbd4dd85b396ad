// The CPU's matrix product for direct calls from other families' `*_cpu.cpp`, in the namespace of
// the same instruction set.

#pragma once

#include "kernels/gemm/gemm.h"

namespace understudy::UNDERSTUDY_ISA {

// What a product takes of each thread's scratch; the rest is the caller's.
constexpr std::size_t gemm_scratch_bytes = 992 << 10;

// As GemmKernels::gemm. Scratch is taken from its beginning: what a caller keeps there across calls
// lies beyond, or before the beginning of the stream that it passes.
void gemm(Stream& stream, const Gemm<float>& product);
void gemm(Stream& stream, const Gemm<double>& product);

}  // namespace understudy::UNDERSTUDY_ISA
