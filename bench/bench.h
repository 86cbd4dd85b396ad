// Measuring a piece of work: beside its mark, its floor, its peers and the machine's limits.
//
// A benchmark file adds rows before main runs, and is a program of its own:
//
//   const bool added = [] {
//     add({.work = "sgemm 1024 x 1024 x 1024 forward", .unit = Unit::gflops, .threads = 1,
//          .operations = 2.0 * 1024 * 1024 * 1024,
//          .ours = [](benchmark::State& state) { ...; for (auto _ : state) multiply(); }});
//     return true;
//   }();
//
// Each side of each row runs several times, all of them in a shuffled order, so that the clock's
// drift and the host's moods meet every side alike; the figure is the median.

#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <string>
#include <vector>

#include "bench/machine.h"
#include "kernels/device/backend.h"
#include "kernels/device/device.h"

namespace understudy::bench {

// What a figure counts. Rates are better when higher, times when lower.
enum class Unit { gflops, giga_elements, steps_per_second, microseconds };

// Another library, measured in the same process in turn with ours.
struct Peer {
  std::string name;
  std::function<void(benchmark::State&)> work;
};

struct Row {
  std::string work;  // as in marks.h, if it has a mark
  Unit unit = Unit::microseconds;
  int threads = 1;        // or `gpu`
  double operations = 0;  // multiplications and additions in one repetition
  double bytes = 0;       // moved at the least, from `level`
  Level level = Level::dram;
  double count = 0;  // elements or steps in one repetition, for the units that count them
  std::function<void(benchmark::State&)> ours;
  std::vector<Peer> peers = {};
};

void add(Row row);

// The instruction set under measurement: the best, or what --isa= names.
InstructionSet instruction_set();

// Where a row runs: on so many threads of the processor, or on the first CUDA device.
constexpr int gpu = 0;
// 1, 2, and `gpu` where there is one.
const std::vector<int>& places();
// That place's device; lives to the end.
Device& device(int threads);
// What a GPU does at this moment: products of two large matrices, which are its arithmetic limit
// here, and copies within its memory, read and written. Takes some ten milliseconds.
struct GpuPace {
  double peak_gflops = 0, bandwidth_gbps = 0;
};
GpuPace measure_gpu();

// A CPU stream with scratch of its own and a team of `threads` (none for 1); lives to the end.
Stream& stream(int threads);

// A family's kernels for `instruction_set()`, without linking the other families.
template <template <class> class Kernels, class T>
Kernels<T> kernels() {
  return cpu_kernels<Kernels>(instruction_set()).template of<T>();
}

// `n` numbers in [-1, 1), the same each time, 64-byte aligned.
template <class T>
class Array {
 public:
  explicit Array(std::size_t n) : store_(n + 64 / sizeof(T)) {
    std::uint64_t state = 1;
    for (T& value : store_) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      value = static_cast<T>(static_cast<double>(state >> 11) * 0x1p-52 - 1);
    }
  }
  T* data() {
    const auto address = reinterpret_cast<std::uintptr_t>(store_.data());
    return store_.data() + (64 - address % 64) % 64 / sizeof(T);
  }

 private:
  std::vector<T> store_;
};

// The same numbers where a place's kernels read them: the processor's, or copied to the GPU.
class PlacedArray {
 public:
  PlacedArray(int threads, std::size_t n) : numbers_(n) {
    if (threads != gpu) return;
    copy_ = device(gpu).allocate(n * sizeof(float));
    device(gpu).copy_from_host(copy_, numbers_.data(), n * sizeof(float));
  }
  ~PlacedArray() {
    if (copy_ != nullptr) device(gpu).release(copy_);
  }
  PlacedArray(const PlacedArray&) = delete;
  PlacedArray& operator=(const PlacedArray&) = delete;
  float* data() { return copy_ != nullptr ? static_cast<float*>(copy_) : numbers_.data(); }

 private:
  Array<float> numbers_;
  void* copy_ = nullptr;
};

}  // namespace understudy::bench
