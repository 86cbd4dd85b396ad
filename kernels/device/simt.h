// The CUDA emulator: CUDA source compiled by a C++ compiler runs here, one fiber a thread.
//
// Included by `launch.h` where the compiler is not nvcc. What a kernel may use is defined below
// with CUDA's names: indices, barriers, warp shuffles and votes, shared memory, atomics. A launch
// runs its blocks one after another on the calling thread and has finished when it returns; while
// its stream is captured as a graph it is recorded instead (simt_graph.h).
//
// Threads run in turn, each until it finishes or has to wait, in one of three orders: a missing
// barrier shows in one order and hides in another. What a GPU leaves undefined is made visible:
//
//   * A barrier that some thread does not reach (it has finished, or waits at another place) stops
//     the launch with the numbers of block and threads and the places where they are.
//   * A lane that reads, in a shuffle, from a lane that does not take part gets NaN.
//   * Dynamic shared memory begins as NaN in every block and ends at a page that may not be
//     touched. Static shared memory is NaN too where clang compiles; g++ cannot collect the
//     variables.
//   * Device memory begins as NaN, lies between red zones and is closed while host code runs, so
//     that a host access faults. A host pointer among a launch's arguments is an error.
//
// Not emulated: the weak memory order between threads, alignment faults, the GPU's approximate
// functions, and races between threads that no order of whole stretches between barriers shows.

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/device/emulator.h"
#include "kernels/device/error.h"
#include "kernels/device/simt_types.h"
#include "kernels/device/stream.h"

#define UNDERSTUDY_EMULATED 1

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

// Blocks run one after another on one host thread, so that a static variable is the block's own.
// clang gathers them in a section, filled with NaN before each block.
#if defined(__clang__) && defined(__linux__)
#define __shared__ static __attribute__((section("understudy_shared")))
#else
#define __shared__ static
#endif

#define UNDERSTUDY_DYNAMIC_SHARED(T, name) \
  T* name = static_cast<T*>(::understudy::simt::dynamic_shared())

// Where the running thread is. Set by the scheduler.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
constexpr int warpSize = 32;

namespace understudy::simt {

// ---- launching ----

// A launch without its arguments: `body` is called with them, once for every thread.
struct Launch {
  const void* kernel = nullptr;
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  void (*body)(const void* arguments) = nullptr;
};
// Runs it. One host thread at a time; others wait their turn.
void run(const Launch& launch, const void* arguments);
// Runs it, or records it with a copy of the arguments where the stream is being captured.
void submit(Stream& stream, const Launch& launch, const void* arguments, std::size_t bytes);
// Stops unless `argument`, a pointer, is null or the device's.
void check_argument(const void* argument, int position);
// Winds up from host code: calls the failure handler, and stops if there is none.
void refuse(const char* message);

// ---- what the functions with CUDA's names stand on ----

struct Place {
  const char* file;
  int line;
};

// What threads of a block or lanes of a warp wait for. All must wait for the same, at one place.
enum class Wait : std::uint8_t { barrier, shuffle, ballot, all };

// Returns how many threads of the block gave a `predicate` that is true.
int wait_for_block(bool predicate, Place place);
// Waits for the lanes in `mask` that have not finished. Returns, for `shuffle`, the value of lane
// `source`; for `ballot`, a bit for each lane whose value is not 0; for `all`, whether none was 0.
std::uint64_t wait_for_warp(Wait what, unsigned mask, std::uint64_t value, int source, Place place);
int lane();
void* dynamic_shared();

template <class T>
inline T shuffle(unsigned mask, T value, int source, Place place) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "CUDA shuffles words of 4 and 8 bytes");
  std::uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  word = wait_for_warp(Wait::shuffle, mask, word, source, place);
  std::memcpy(&value, &word, sizeof value);
  return value;
}

template <class T, class... Types>
concept OneOf = (std::same_as<T, Types> || ...);
template <class T>
using Plain = std::type_identity_t<T>;

// Replaces *p by `value`, returns what it was. Threads change over only at barriers, so that a
// plain read and write are one step.
template <class T>
inline T exchange(T* p, T value) {
  T old = *p;
  *p = value;
  return old;
}

}  // namespace understudy::simt

// The place of the call, for a barrier's report.
#define UNDERSTUDY_HERE ::understudy::simt::Place place = {__builtin_FILE(), __builtin_LINE()}

inline void __syncthreads(UNDERSTUDY_HERE) { understudy::simt::wait_for_block(false, place); }
inline int __syncthreads_count(int predicate, UNDERSTUDY_HERE) {
  return understudy::simt::wait_for_block(predicate != 0, place);
}
inline int __syncthreads_or(int predicate, UNDERSTUDY_HERE) {
  return understudy::simt::wait_for_block(predicate != 0, place) != 0;
}
inline int __syncthreads_and(int predicate, UNDERSTUDY_HERE) {
  return understudy::simt::wait_for_block(predicate == 0, place) == 0;
}

inline void __syncwarp(unsigned mask = 0xffffffffu, UNDERSTUDY_HERE) {
  understudy::simt::wait_for_warp(understudy::simt::Wait::barrier, mask, 0, 0, place);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, UNDERSTUDY_HERE) {
  return static_cast<unsigned>(understudy::simt::wait_for_warp(understudy::simt::Wait::ballot, mask,
                                                               predicate != 0, 0, place));
}
inline int __any_sync(unsigned mask, int predicate, UNDERSTUDY_HERE) {
  return __ballot_sync(mask, predicate, place) != 0;
}
inline int __all_sync(unsigned mask, int predicate, UNDERSTUDY_HERE) {
  return understudy::simt::wait_for_warp(understudy::simt::Wait::all, mask, predicate != 0, 0,
                                         place) != 0;
}

// Shuffles within groups of `width` lanes. As on a GPU, a lane whose source would lie outside its
// group reads its own value.
template <class T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = warpSize, UNDERSTUDY_HERE) {
  const int group = understudy::simt::lane() & ~(width - 1);
  return understudy::simt::shuffle(mask, value, group + (source & (width - 1)), place);
}
template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                        UNDERSTUDY_HERE) {
  const int lane = understudy::simt::lane();
  const int source = lane - static_cast<int>(delta);
  return understudy::simt::shuffle(mask, value, source < (lane & ~(width - 1)) ? lane : source,
                                   place);
}
template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                          UNDERSTUDY_HERE) {
  const int lane = understudy::simt::lane();
  const int source = lane + static_cast<int>(delta);
  return understudy::simt::shuffle(mask, value, source > (lane | (width - 1)) ? lane : source,
                                   place);
}
template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int flip, int width = warpSize, UNDERSTUDY_HERE) {
  const int lane = understudy::simt::lane();
  const int source = lane ^ flip;
  return understudy::simt::shuffle(mask, value, source > (lane | (width - 1)) ? lane : source,
                                   place);
}

inline unsigned __activemask() { return 1u << understudy::simt::lane(); }
inline void __threadfence() {}
inline void __threadfence_block() {}

// Atomics, for the types for which CUDA has them.
template <
    understudy::simt::OneOf<float, double, int, unsigned, unsigned long, unsigned long long> T>
inline T atomicAdd(T* p, understudy::simt::Plain<T> value) {
  return understudy::simt::exchange(p, static_cast<T>(*p + value));
}
template <understudy::simt::OneOf<int, unsigned> T>
inline T atomicSub(T* p, understudy::simt::Plain<T> value) {
  return understudy::simt::exchange(p, static_cast<T>(*p - value));
}
template <understudy::simt::OneOf<int, unsigned, long long, unsigned long long> T>
inline T atomicMax(T* p, understudy::simt::Plain<T> value) {
  return understudy::simt::exchange(p, *p < value ? value : *p);
}
template <understudy::simt::OneOf<int, unsigned, long long, unsigned long long> T>
inline T atomicMin(T* p, understudy::simt::Plain<T> value) {
  return understudy::simt::exchange(p, value < *p ? value : *p);
}
template <understudy::simt::OneOf<int, unsigned, unsigned long long> T>
inline T atomicOr(T* p, understudy::simt::Plain<T> value) {
  return understudy::simt::exchange(p, static_cast<T>(*p | value));
}
template <understudy::simt::OneOf<int, unsigned, unsigned long long> T>
inline T atomicAnd(T* p, understudy::simt::Plain<T> value) {
  return understudy::simt::exchange(p, static_cast<T>(*p & value));
}
template <understudy::simt::OneOf<int, unsigned, unsigned long long, float> T>
inline T atomicExch(T* p, understudy::simt::Plain<T> value) {
  return understudy::simt::exchange(p, value);
}
template <understudy::simt::OneOf<int, unsigned, unsigned long long> T>
inline T atomicCAS(T* p, understudy::simt::Plain<T> expected, understudy::simt::Plain<T> value) {
  return understudy::simt::exchange(p, *p == expected ? value : *p);
}

#undef UNDERSTUDY_HERE

namespace understudy {

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            Stream& stream, Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  int position = 0;
  auto check = [&](const auto& argument) {
    ++position;
    using Argument = std::decay_t<decltype(argument)>;
    if constexpr (std::is_pointer_v<Argument> &&
                  !std::is_function_v<std::remove_pointer_t<Argument>>)
      simt::check_argument(static_cast<const void*>(argument), position);
  };
  (check(arguments), ...);
  const auto body = [kernel, arguments...] { kernel(arguments...); };
  using Bound = std::remove_const_t<decltype(body)>;
  static_assert(std::is_trivially_copyable_v<Bound>, "a kernel's arguments are passed as bytes");
  static_assert(alignof(Bound) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  simt::submit(stream,
               {reinterpret_cast<const void*>(kernel), grid, block, shared_bytes,
                [](const void* bound) { (*static_cast<const Bound*>(bound))(); }},
               &body, sizeof body);
}

}  // namespace understudy
