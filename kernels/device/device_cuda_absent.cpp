// Stands in for `device_cuda.cu` in builds without CUDA.

#include "kernels/device/device.h"
#include "kernels/device/error.h"

namespace understudy {

const char* cuda_missing_reason() { return "built without CUDA"; }

std::unique_ptr<Device> cuda_device() { return cuda_device(nullptr, nullptr); }
std::unique_ptr<Device> cuda_device(const Backend<float>*, const Backend<double>*) {
  fail(ErrorKind::not_available, "device cuda: %s", cuda_missing_reason());
}

}  // namespace understudy
