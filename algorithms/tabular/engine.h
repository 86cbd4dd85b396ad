// Where tabular algorithms run: the dynamic programming kernels of one instruction set, and a team.

#pragma once

#include "kernels/device/instruction_set.h"
#include "kernels/device/stream.h"
#include "kernels/device/threads.h"
#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy {

class Engine {
 public:
  // The team, which may be null, must outlive the engine. Results do not depend on its size.
  explicit Engine(Threads* threads = nullptr, InstructionSet set = best_instruction_set());

  const DynamicProgrammingKernels<double>& kernels() const { return kernels_; }
  // With the whole team.
  Stream& stream() { return stream_; }
  Threads* threads() const { return stream_.threads; }

  int thread_count() const { return stream_.threads != nullptr ? stream_.threads->count() : 1; }

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
  DynamicProgrammingKernels<double> kernels_;
  Stream stream_;
};

}  // namespace understudy
