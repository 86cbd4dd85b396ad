// All of CUDA's kernels, and the device that has them. Apart from `device_cuda.cu`, so that a test
// of one family links without the others.

#include "kernels/device/backend.h"
#include "kernels/device/device.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

template <class T>
Backend<T> assemble() {
  Backend<T> backend{};
  backend.name = "cuda";
  cuda::fill(backend.gemm);
  cuda::fill(backend.elementwise);
  cuda::fill(backend.reduce);
  cuda::fill(backend.softmax);
  cuda::fill(backend.gather);
  cuda::fill(backend.normalization);
  cuda::fill(backend.convolution);
  cuda::fill(backend.recurrent);
  cuda::fill(backend.scan);
  cuda::fill(backend.random);
  cuda::fill(backend.cholesky);
  cuda::fill(backend.optimizer);
  cuda::fill(backend.dynamic_programming);
  return backend;
}

}  // namespace

template <>
const Backend<float>& cuda_backend<float>() {
  static const Backend<float> backend = assemble<float>();
  return backend;
}
template <>
const Backend<double>& cuda_backend<double>() {
  static const Backend<double> backend = assemble<double>();
  return backend;
}

std::unique_ptr<Device> cuda_device() {
  if (const char* reason = cuda_missing_reason())
    fail(ErrorKind::not_available, "device cuda: %s", reason);
  return cuda_device(&cuda_backend<float>(), &cuda_backend<double>());
}

}  // namespace understudy
