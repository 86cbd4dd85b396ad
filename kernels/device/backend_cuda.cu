// All of CUDA's kernels, and the device that has them. Apart from `device_cuda.cu`, so that a test
// of one family links without the others.

#include "kernels/device/backend.h"
#include "kernels/device/device.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

struct Cuda {
  template <template <class> class Kernels, class T>
  operator Kernels<T>() const {
    return cuda_kernels<Kernels>().template of<T>();
  }
};

}  // namespace

template <>
const Backend<float>& cuda_backend<float>() {
  static const Backend<float> backend = make_backend<float>("cuda", Cuda());
  return backend;
}
template <>
const Backend<double>& cuda_backend<double>() {
  static const Backend<double> backend = make_backend<double>("cuda", Cuda());
  return backend;
}

std::unique_ptr<Device> cuda_device() {
  if (const char* reason = cuda_missing_reason())
    fail(ErrorKind::not_available, "device cuda: %s", reason);
  return cuda_device(&cuda_backend<float>(), &cuda_backend<double>());
}

}  // namespace understudy
