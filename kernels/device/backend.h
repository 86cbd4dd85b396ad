// A backend: every kernel of one implementation, as plain function pointers, filled once.
//
// There are five: the double-precision reference, three instruction sets of the CPU, and CUDA. Each
// family's header holds its contract and its struct; here they are put together.

#pragma once

#include "kernels/cholesky/cholesky.h"
#include "kernels/convolution/convolution.h"
#include "kernels/device/instruction_set.h"
#include "kernels/dynamic_programming/dynamic_programming.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gather/gather.h"
#include "kernels/gemm/gemm.h"
#include "kernels/normalization/normalization.h"
#include "kernels/optimizer/optimizer.h"
#include "kernels/random/random.h"
#include "kernels/recurrent/recurrent.h"
#include "kernels/reduce/reduce.h"
#include "kernels/scan/scan.h"
#include "kernels/softmax/softmax.h"

namespace understudy {

template <class T>
struct Backend {
  const char* name;
  GemmKernels<T> gemm;
  ElementwiseKernels<T> elementwise;
  ReduceKernels<T> reduce;
  SoftmaxKernels<T> softmax;
  GatherKernels<T> gather;
  NormalizationKernels<T> normalization;
  ConvolutionKernels<T> convolution;
  RecurrentKernels<T> recurrent;
  ScanKernels<T> scan;
  RandomKernels<T> random;
  CholeskyKernels<T> cholesky;
  OptimizerKernels<T> optimizer;
  DynamicProgrammingKernels<T> dynamic_programming;
};

// The CPU's kernels for `set`, which must be available.
template <class T>
const Backend<T>& cpu_backend(InstructionSet set);

// Plain loops in double: what every other backend is held to.
const Backend<double>& reference_backend();

// CUDA's kernels. Only in builds that have them (natively or emulated).
template <class T>
const Backend<T>& cuda_backend();

}  // namespace understudy
