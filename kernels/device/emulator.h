// What a test may ask of the CUDA emulator (see simt.h): the order of threads, what happens when a
// kernel is wrong, and its device memory. Only in builds that emulate.

#pragma once

#include <cstddef>
#include <cstdint>

namespace understudy::simt {

// ---- what tests set ----

enum class ThreadOrder { forward, reversed, shuffled };

// The order of blocks in a grid and of threads in a block, for launches from now on. `seed` is for
// `shuffled`, which takes another permutation at each launch.
void set_thread_order(ThreadOrder order, std::uint64_t seed = 1);

// Called, after the launch has been wound up, with what a kernel did wrong; may throw. Without one,
// and where it returns, the process stops. Returns the previous handler.
using FailureHandler = void (*)(const char* message);
FailureHandler set_failure_handler(FailureHandler handler);

// ---- device memory ----

// 64-byte aligned, filled with NaN, between red zones. `release` checks these. Null for 0 bytes.
void* allocate(std::size_t bytes);
void release(void* memory);
// Stops with the place of the first byte written outside an allocation, if there is one.
void check_red_zones();
// True where every one of the bytes lies in device memory.
bool is_device_memory(const void* memory, std::size_t bytes);

// From now on a fault of the calling thread in memory that it may not touch is explained in a line
// before it takes its course. False where a sanitizer, built into the library, explains it instead.
bool explain_faults();

// While one of these lives, the host may touch device memory. They nest; launches and copies use
// one.
class OpenMemory {
 public:
  OpenMemory();
  ~OpenMemory();
  OpenMemory(const OpenMemory&) = delete;
  OpenMemory& operator=(const OpenMemory&) = delete;
};

}  // namespace understudy::simt
