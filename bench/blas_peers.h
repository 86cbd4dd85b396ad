// OpenBLAS and oneDNN as peers in the same process, loaded where they are installed.
//
// Neither is linked: a benchmark builds and runs without them. OpenBLAS picks its kernels by the
// processor when it is loaded, so OPENBLAS_CORETYPE is cleared first (it would halve a peer).

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/gemm/gemm.h"

namespace understudy::bench {

struct BlasPeer {
  std::string name;  // with the kernels that it chose
  std::function<void(const Gemm<float>&, int threads)> multiply;
};

// Those that are here. The list lives to the end.
const std::vector<BlasPeer>& blas_peers();

}  // namespace understudy::bench
