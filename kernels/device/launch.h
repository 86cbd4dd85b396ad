// Launching CUDA kernels: natively where nvcc compiles, under the emulator where a C++ compiler
// does.
//
// A `.cu` file includes this header and nothing of CUDA itself, writes kernels as usual
// (`__global__`, `__shared__`, `__syncthreads`, warp shuffles with full masks, `atomicAdd`), and
// launches them with
//
//   launch(kernel, grid, block, shared_bytes, stream, arguments...);
//
// Rules that keep one source correct in both worlds: dynamic shared memory is declared with
// UNDERSTUDY_DYNAMIC_SHARED(T, name); no inline PTX, no cooperative groups, no dynamic parallelism;
// arguments are passed by value; a warp is 32 threads; grids of 0 blocks are not launched.

#pragma once

#include <cstddef>

#include "kernels/device/error.h"
#include "kernels/device/stream.h"

#if defined(__CUDACC__)

#include <cuda_runtime.h>

#define UNDERSTUDY_DYNAMIC_SHARED(T, name)                           \
  extern __shared__ __align__(16) unsigned char understudy_shared[]; \
  T* name = reinterpret_cast<T*>(understudy_shared)

namespace understudy {

// Stops with the call's place and CUDA's own words: a failed call is a mistake of ours.
inline void check_cuda(cudaError_t status, const char* file, int line) {
  if (status != cudaSuccess) broken(file, line, "CUDA: %s", cudaGetErrorString(status));
}
#define UNDERSTUDY_CUDA(call) ::understudy::check_cuda((call), __FILE__, __LINE__)

template <class Kernel, class... Arguments>
void launch(Kernel kernel, dim3 grid, dim3 block, std::size_t shared_bytes, Stream& stream,
            Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  // more shared memory than this a kernel must ask for
  if (shared_bytes > std::size_t{48} << 10)
    UNDERSTUDY_CUDA(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         static_cast<int>(shared_bytes)));
  kernel<<<grid, block, shared_bytes, static_cast<cudaStream_t>(stream.native)>>>(arguments...);
  UNDERSTUDY_CUDA(cudaGetLastError());
}

}  // namespace understudy

#else

#include "kernels/device/simt.h"

#endif
