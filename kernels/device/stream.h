// What a kernel is given beside its arguments: where and with what help it runs.
//
// Every kernel's first argument is a Stream. On the CPU a kernel has finished when it returns; on
// CUDA it has been queued on `native`. A kernel never allocates: what it needs beside its arguments
// it takes from `scratch`.

#pragma once

#include <cstddef>

namespace understudy {

class Threads;

struct Stream {
  // CPU: a team to split large work over, or null to run on the calling thread alone. The result is
  // the same bits either way.
  Threads* threads = nullptr;

  // Room of this thread's own, 64-byte aligned, contents undefined before and after a kernel. On
  // the CPU at least `minimum_scratch` bytes, times the team's size where `threads` is set (thread
  // t takes the t-th `minimum_scratch` bytes); on CUDA, device memory of `minimum_scratch` bytes.
  std::byte* scratch = nullptr;
  std::size_t scratch_bytes = 0;
  static constexpr std::size_t minimum_scratch = std::size_t{1} << 20;

  // CUDA: the cudaStream_t and the cublasHandle_t; null elsewhere.
  void* native = nullptr;
  void* blas = nullptr;

  // CUDA: allow TF32 / bf16 products. Never set by default.
  bool reduced_precision = false;
};

}  // namespace understudy
