// Stands in for `batch_cuda.cu` in builds without CUDA, where no device asks for these.

#include "envs/batch.h"
#include "kernels/device/error.h"

namespace understudy::cuda {

namespace {
[[noreturn]] void refuse() { fail(ErrorKind::not_available, "environments on cuda: not built"); }
}  // namespace

void fill(BatchTable<float>&) { refuse(); }
void fill(BatchTable<double>&) { refuse(); }

}  // namespace understudy::cuda
