#include "kernels/device/simt_fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "kernels/device/error.h"

#if defined(UNDERSTUDY_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(UNDERSTUDY_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
#define UNDERSTUDY_OWN_SWITCH 1
#else
#include <ucontext.h>
#endif

namespace understudy::simt {

namespace {

// Enough for a kernel's locals with room for an unoptimized build; sanitizers make frames larger.
#if defined(UNDERSTUDY_ASAN) || defined(UNDERSTUDY_TSAN)
constexpr std::size_t stack_bytes = std::size_t{256} << 10;
#else
constexpr std::size_t stack_bytes = std::size_t{64} << 10;
#endif

// Who switched to the fiber that runs now: the address sanitizer tells us the bounds of its stack.
Fiber* previous = nullptr;

struct Guard {
  std::uintptr_t begin, end;
};
std::vector<Guard>& guards() {
  static std::vector<Guard> list;
  return list;
}

std::byte* new_stack() {
  const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, stack_bytes + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  UNDERSTUDY_CHECK(memory != MAP_FAILED, "no memory for the stack of an emulated thread");
  UNDERSTUDY_CHECK(mprotect(memory, page, PROT_NONE) == 0, "mprotect");
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  guards().push_back({begin, begin + page});
  return static_cast<std::byte*>(memory) + page;
}

}  // namespace

#if defined(UNDERSTUDY_OWN_SWITCH)

// Stores what a call must preserve on the stack, the stack pointer in *from, and continues with
// `to`.
extern "C" void understudy_switch_stack(void** from, void* to);

#if defined(__x86_64__)

asm(R"(
.text
.p2align 4
.globl understudy_switch_stack
.type understudy_switch_stack, @function
understudy_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size understudy_switch_stack, .-understudy_switch_stack
)");

namespace {
// Six registers, the address that `ret` takes, and a null return address for `entry` itself, which
// finds the stack aligned as after a call.
void* first_frame(std::byte* top, void (*entry)()) {
  void** slot = reinterpret_cast<void**>(top);
  *--slot = nullptr;
  *--slot = reinterpret_cast<void*>(entry);
  for (int saved = 0; saved < 6; ++saved) *--slot = nullptr;
  return slot;
}
}  // namespace

#else  // AArch64

asm(R"(
.text
.p2align 4
.globl understudy_switch_stack
.type understudy_switch_stack, %function
understudy_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size understudy_switch_stack, .-understudy_switch_stack
)");

namespace {
// The frame of 160 bytes, with `entry` where x30, the address that `ret` takes, is kept.
void* first_frame(std::byte* top, void (*entry)()) {
  void** frame = reinterpret_cast<void**>(top - 160);
  for (int slot = 0; slot < 20; ++slot) frame[slot] = nullptr;
  frame[11] = reinterpret_cast<void*>(entry);
  return frame;
}
}  // namespace

#endif
#endif

void prepare(Fiber& fiber, void (*entry)()) {
  if (fiber.stack == nullptr) {
    fiber.stack = new_stack();
    fiber.stack_bytes = stack_bytes;
  }
#if defined(UNDERSTUDY_ASAN)
  // an abandoned fiber's frames have left poison around their variables
  ASAN_UNPOISON_MEMORY_REGION(fiber.stack, fiber.stack_bytes);
  fiber.fake_stack = nullptr;
#endif
#if defined(UNDERSTUDY_TSAN)
  // made once, for it is costly; what an abandoned fiber leaves in it does no harm
  if (fiber.sanitizer_fiber == nullptr) fiber.sanitizer_fiber = __tsan_create_fiber(0);
#endif
#if defined(UNDERSTUDY_OWN_SWITCH)
  fiber.context = first_frame(fiber.stack + fiber.stack_bytes, entry);
#else
  if (fiber.context == nullptr) fiber.context = new ucontext_t;
  ucontext_t* context = static_cast<ucontext_t*>(fiber.context);
  getcontext(context);
  context->uc_stack.ss_sp = fiber.stack;
  context->uc_stack.ss_size = fiber.stack_bytes;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
#endif
}

void adopt_host_thread(Fiber& fiber) {
#if defined(UNDERSTUDY_TSAN)
  fiber.sanitizer_fiber = __tsan_get_current_fiber();
#endif
#if !defined(UNDERSTUDY_OWN_SWITCH)
  if (fiber.context == nullptr) fiber.context = new ucontext_t;
#endif
  (void)fiber;
}

void switch_fiber(Fiber& from, Fiber& to) {
  previous = &from;
#if defined(UNDERSTUDY_ASAN)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
#if defined(UNDERSTUDY_TSAN)
  __tsan_switch_to_fiber(to.sanitizer_fiber, 0);
#endif
#if defined(UNDERSTUDY_OWN_SWITCH)
  understudy_switch_stack(&from.context, to.context);
#else
  swapcontext(static_cast<ucontext_t*>(from.context), static_cast<ucontext_t*>(to.context));
#endif
#if defined(UNDERSTUDY_ASAN)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void fiber_entered() {
#if defined(UNDERSTUDY_ASAN)
  // the host thread's stack, of which we know nothing else, is the one that enters the first fiber
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
  previous->stack = static_cast<std::byte*>(const_cast<void*>(bottom));
  previous->stack_bytes = bytes;
#endif
}

bool is_stack_guard(const void* address) {
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  for (const Guard& guard : guards())
    if (guard.begin <= at && at < guard.end) return true;
  return false;
}

}  // namespace understudy::simt
