// Fibers: several stacks that one thread runs in turn. The emulator's threads are fibers.
//
// A switch stores the registers that a call must preserve and loads the other fiber's: a few
// nanoseconds in our own assembly on x86-64 and AArch64, about a microsecond through `ucontext`
// elsewhere. The address and thread sanitizers are notified of each switch. Below each stack lies a
// page that may not be touched, so that an overflow faults.

#pragma once

#include <cstddef>

// gcc and clang say differently that a sanitizer is on
#if defined(__SANITIZE_ADDRESS__)
#define UNDERSTUDY_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDERSTUDY_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDERSTUDY_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDERSTUDY_TSAN 1
#endif
#endif

namespace understudy::simt {

struct Fiber {
  void* context = nullptr;     // saved stack pointer, or a ucontext_t
  std::byte* stack = nullptr;  // lowest usable address; null for the fiber that a host thread is
  std::size_t stack_bytes = 0;
  void* fake_stack = nullptr;       // of the address sanitizer
  void* sanitizer_fiber = nullptr;  // of the thread sanitizer
};

// Makes `fiber` begin at `entry`, which never returns, when it is next switched to. The first time
// it also gets a stack; later, whatever it was doing is abandoned.
void prepare(Fiber& fiber, void (*entry)());

// Lets `fiber` stand for the calling host thread.
void adopt_host_thread(Fiber& fiber);

// Leaves `from`, which is running, and goes on with `to`.
void switch_fiber(Fiber& from, Fiber& to);

// Must be the first thing that an entry function does.
void fiber_entered();

// True if `address` lies in the forbidden page below one of the stacks.
bool is_stack_guard(const void* address);

}  // namespace understudy::simt
