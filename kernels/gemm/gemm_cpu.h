// The CPU's matrix product for direct calls from other families' `*_cpu.cpp`, in the namespace of
// the same instruction set.

#pragma once

#include "kernels/gemm/gemm.h"

namespace understudy::UNDERSTUDY_ISA {

constexpr std::size_t gemm_scratch_bytes = 768 << 10;

// As GemmKernels::gemm. Takes the first part of the calling thread's scratch, at most
// `gemm_scratch_bytes`; what a caller keeps in scratch across calls lies beyond.
void gemm(Stream& stream, const Gemm<float>& product);
void gemm(Stream& stream, const Gemm<double>& product);

}  // namespace understudy::UNDERSTUDY_ISA
