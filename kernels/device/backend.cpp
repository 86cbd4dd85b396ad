#include "kernels/device/backend.h"

#include "kernels/device/error.h"

namespace understudy {

namespace {

#define UNDERSTUDY_BACKEND(T, space)          \
  [] {                                        \
    Backend<T> backend{};                     \
    backend.name = #space;                    \
    space::fill(backend.gemm);                \
    space::fill(backend.elementwise);         \
    space::fill(backend.reduce);              \
    space::fill(backend.softmax);             \
    space::fill(backend.gather);              \
    space::fill(backend.normalization);       \
    space::fill(backend.convolution);         \
    space::fill(backend.recurrent);           \
    space::fill(backend.scan);                \
    space::fill(backend.random);              \
    space::fill(backend.cholesky);            \
    space::fill(backend.optimizer);           \
    space::fill(backend.dynamic_programming); \
    return backend;                           \
  }()

template <class T>
const Backend<T>& choose(InstructionSet set) {
  UNDERSTUDY_CHECK(available(set), "instruction set %s is not available", name(set));
#if defined(__x86_64__)
  if (set == InstructionSet::avx2) {
    static const Backend<T> backend = UNDERSTUDY_BACKEND(T, avx2);
    return backend;
  }
  if (set == InstructionSet::avx512) {
    static const Backend<T> backend = UNDERSTUDY_BACKEND(T, avx512);
    return backend;
  }
#endif
  static const Backend<T> backend = UNDERSTUDY_BACKEND(T, portable);
  return backend;
}

}  // namespace

template <>
const Backend<float>& cpu_backend<float>(InstructionSet set) {
  return choose<float>(set);
}
template <>
const Backend<double>& cpu_backend<double>(InstructionSet set) {
  return choose<double>(set);
}

const Backend<double>& reference_backend() {
  static const Backend<double> backend = UNDERSTUDY_BACKEND(double, reference);
  return backend;
}

}  // namespace understudy
