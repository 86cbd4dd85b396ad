#include "algorithms/tabular/engine.h"

#include "kernels/device/error.h"

namespace understudy {

void Engine::fill_from(InstructionSet set) {
  if (!available(set))
    fail(ErrorKind::not_available, "instruction set %s is not available here", name(set));
#if defined(__x86_64__)
  if (set == InstructionSet::avx512) {
    avx512::fill(kernels_);
    avx512::fill(kernels_f32_);
    return;
  }
  if (set == InstructionSet::avx2) {
    avx2::fill(kernels_);
    avx2::fill(kernels_f32_);
    return;
  }
#endif
  portable::fill(kernels_);
  portable::fill(kernels_f32_);
}

Engine::Engine(Threads* threads, InstructionSet set) {
  fill_from(set);
  stream_.threads = threads;
}

Engine::Engine(Device& device) {
  fill_from(best_instruction_set());
  if (device.kind() == DeviceKind::cuda)
    device_ = &device;
  else
    stream_.threads = device.team();
}

}  // namespace understudy
