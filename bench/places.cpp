// The devices that rows run on, and what a GPU among them can do.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>

#include "autograd/operations/operations.h"
#include "bench/bench.h"

namespace understudy::bench {

namespace {

using Clock = std::chrono::steady_clock;

// The least of a few repetitions, in seconds.
template <class Work>
double quickest(Device& device, const Work& work) {
  double least = 1e9;
  for (int i = 0; i < 5; ++i) {
    const Clock::time_point begin = Clock::now();
    work();
    device.synchronize();
    least = std::min(least, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return least;
}

// A product of two square matrices and a copy, of sizes at which a GPU is busy. Under the emulator,
// whose figures mean nothing, they are small.
struct Limits {
  explicit Limits(Device& device)
      : side(std::strstr(device.description(), "emulated") != nullptr ? 16 : 4096),
        store(device),
        program(device),
        from(store.create("from", {side, 4 * side})),
        to(store.create("to", {side, 4 * side})) {
    const Tensor a = program.use(store.create("a", {side, side}));
    program.assign(store.create("c", {side, side}), matmul(a, a));
    program.run();
  }
  std::int64_t side;
  Store store;
  Program program;
  understudy::Array &from, &to;
};

}  // namespace

const std::vector<int>& places() {
  static const std::vector<int> all =
      cuda_missing_reason() == nullptr ? std::vector<int>{1, 2, gpu} : std::vector<int>{1, 2};
  return all;
}

Device& device(int threads) {
  static std::map<int, std::unique_ptr<Device>> devices;
  std::unique_ptr<Device>& found = devices[threads];
  if (found == nullptr)
    found = threads == gpu
                ? cuda_device()
                : cpu_device(threads > 1 ? stream(threads).threads : nullptr, instruction_set());
  return *found;
}

GpuPace measure_gpu() {
  Device& here = device(gpu);
  static Limits limits(here);
  const double side = static_cast<double>(limits.side);
  const double product = quickest(here, [&] { limits.program.run(); });
  const double copy =
      quickest(here, [&] { here.copy(limits.to.data(), limits.from.data(), limits.to.bytes()); });
  return {2 * side * side * side / product * 1e-9,
          2.0 * static_cast<double>(limits.to.bytes()) / copy * 1e-9};
}

}  // namespace understudy::bench
