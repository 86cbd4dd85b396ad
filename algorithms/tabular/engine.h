// Where tabular algorithms run: the dynamic programming kernels of one instruction set, and a team;
// and where a device was given, that device, on which `solve` does its sweeps.

#pragma once

#include "kernels/device/device.h"
#include "kernels/device/instruction_set.h"
#include "kernels/device/stream.h"
#include "kernels/device/threads.h"
#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy {

class Engine {
 public:
  // The team, which may be null, must outlive the engine. Results do not depend on its size.
  explicit Engine(Threads* threads = nullptr, InstructionSet set = best_instruction_set());

  // The device must outlive the engine. Of the CPU: its team. Of CUDA: `solve` without a horizon
  // keeps its arrays and sweeps there; what needs the host's memory (linear systems, messages) runs
  // on the host, by the best instruction set on the calling thread.
  explicit Engine(Device& device);

  const DynamicProgrammingKernels<double>& kernels() const { return kernels_; }
  // The host's, in either precision.
  template <class T>
  const DynamicProgrammingKernels<T>& kernels_of() const {
    if constexpr (sizeof(T) == 4)
      return kernels_f32_;
    else
      return kernels_;
  }
  // With the whole team.
  Stream& stream() { return stream_; }
  Threads* threads() const { return stream_.threads; }

  int thread_count() const { return stream_.threads != nullptr ? stream_.threads->count() : 1; }

  // A device whose memory is not the host's, or null.
  Device* device() const { return device_; }

  // work(part, thread, stream) for each part, on the team; `stream` is the working thread's own,
  // without a team.
  template <class Work>
  void for_parts(int parts, const Work& work) {
    auto one = [&](int part, int thread) {
      Stream alone;
      work(part, thread, alone);
    };
    if (stream_.threads != nullptr) {
      stream_.threads->run(parts, one);
    } else {
      for (int part = 0; part < parts; ++part) one(part, 0);
    }
  }

 private:
  void fill_from(InstructionSet set);

  DynamicProgrammingKernels<double> kernels_;
  DynamicProgrammingKernels<float> kernels_f32_;
  Stream stream_;
  Device* device_ = nullptr;
};

}  // namespace understudy
