// What a kernel is given beside its arguments: where and with what help it runs.
//
// Every kernel's first argument is a Stream. On the CPU a kernel has finished when it returns; on
// CUDA it has been queued on `native`. A kernel never allocates: what it needs beside its arguments
// it takes from `scratch`.
//
// Thread safety: a stream is used by one thread at a time, the team in `threads` apart.

#pragma once

#include <cstddef>

namespace understudy {

class Threads;

// What CUDA's products of f32 may round their factors to; their sums are f32 in every case.
//   full   nothing: the default
//   tf32   10 bits of significand, in products large enough for cuBLAS; the others stay full
//   bf16   7 bits, to nearest and ties to even, in all products (half the digits of tf32 for up to
//          twice its rate; a result errs by up to 2^-8 of the sum of magnitudes for each factor)
enum class Precision : unsigned char { full, tf32, bf16 };

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

  // CUDA: the cudaStream_t; under the emulator its simt::EmulatedStream, or null. Null on the CPU.
  void* native = nullptr;

  // CUDA. A program that was captured as a graph is captured anew when it finds another.
  Precision precision = Precision::full;
};

}  // namespace understudy
