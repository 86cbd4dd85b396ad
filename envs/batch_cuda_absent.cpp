// Stands in for `batch_cuda.cu` in builds without CUDA, where no device asks for these.

#include "envs/batch.h"
#include "kernels/device/error.h"

namespace understudy {

template <>
Tables<BatchTable> cuda_kernels<BatchTable>() {
  fail(ErrorKind::not_available, "environments on cuda: not built");
}

}  // namespace understudy
