// How the implementations of a family of kernels are declared.
//
// A family is a struct of function pointers, `FooKernels<T>`. Each implementation is a namespace
// with a function `fill` that fills in the struct. UNDERSTUDY_FAMILY(FooKernels) declares them all.

#pragma once

#include <cstdint>

#include "kernels/device/stream.h"

#define UNDERSTUDY_FAMILY(Kernels)     \
  namespace reference {                \
  void fill(Kernels<double>& kernels); \
  }                                    \
  namespace portable {                 \
  void fill(Kernels<float>& kernels);  \
  void fill(Kernels<double>& kernels); \
  }                                    \
  namespace avx2 {                     \
  void fill(Kernels<float>& kernels);  \
  void fill(Kernels<double>& kernels); \
  }                                    \
  namespace avx512 {                   \
  void fill(Kernels<float>& kernels);  \
  void fill(Kernels<double>& kernels); \
  }                                    \
  namespace cuda {                     \
  void fill(Kernels<float>& kernels);  \
  void fill(Kernels<double>& kernels); \
  }
