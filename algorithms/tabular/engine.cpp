#include "algorithms/tabular/engine.h"

#include "kernels/device/error.h"

namespace understudy {

Engine::Engine(Threads* threads, InstructionSet set) {
  if (!available(set))
    fail(ErrorKind::not_available, "instruction set %s is not available here", name(set));
#if defined(__x86_64__)
  if (set == InstructionSet::avx512)
    avx512::fill(kernels_);
  else if (set == InstructionSet::avx2)
    avx2::fill(kernels_);
  else
    portable::fill(kernels_);
#else
  portable::fill(kernels_);
#endif
  stream_.threads = threads;
}

}  // namespace understudy
