// A backend: every kernel of one implementation, as plain function pointers, put together once.
//
// The implementations are the double-precision reference, the CPU's instruction sets and CUDA. The
// families are the members of `Backend`, listed here and nowhere else: to add one, its header and a
// member. Each family's header holds its contract.
//
// Thread safety: a backend is a constant once it is made, which any thread may ask for. A kernel is
// as safe as its arguments: several threads may run kernels at once, each with a Stream of its own,
// on arrays that none of them writes for another.

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
#include "kernels/replay/replay.h"
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
  ReplayKernels<T> replay;
};

template <class T, class... Given>
concept TakesFamilies = requires(const char* name, const Given&... given) {
  Backend<T>{name, given...};
};

// A backend of what `source`, which converts to any family's kernels, has: as many families as
// `Backend` has members.
template <class T, class Source, class... Found>
Backend<T> make_backend(const char* name, const Source& source, const Found&... found) {
  if constexpr (TakesFamilies<T, Found..., Source>)
    return make_backend<T>(name, source, found..., source);
  else
    return {name, found...};
}

// The CPU's kernels for `set`, which must be available.
template <class T>
const Backend<T>& cpu_backend(InstructionSet set);

// Plain loops in double: what every other backend is held to.
const Backend<double>& reference_backend();

// CUDA's kernels. Only in builds that have them (natively or emulated).
template <class T>
const Backend<T>& cuda_backend();

}  // namespace understudy
