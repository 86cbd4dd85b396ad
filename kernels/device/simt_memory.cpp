// The emulator's device memory: one reserved range of addresses, closed to the host between
// launches.

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "kernels/device/simt.h"
#include "kernels/device/simt_fiber.h"

namespace understudy::simt {

namespace {

constexpr std::size_t reserved_bytes = std::size_t{16} << 30;
// Opening and closing costs time for each page in use: with large pages, some microseconds.
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t alignment = 64;
// Before each allocation, and after it at least as many. All bits set: NaN in f32 and f64.
constexpr std::size_t red_zone = 64;
constexpr int poison = 0xff;

std::size_t round_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

// Room is handed out from the bottom up; a released block serves again for a request that fits it
// well; when nothing is in use, all begins anew.
class Arena {
 public:
  static Arena& get() {
    static Arena* arena = new Arena;  // outlives every static object that holds memory
    return *arena;
  }

  void* allocate(std::size_t bytes) {
    std::lock_guard lock(mutex);
    const std::size_t room = round_up(bytes, alignment) + 2 * red_zone;
    std::byte* block = nullptr;
    auto fit = free_.lower_bound(room);
    std::size_t block_room = room;
    if (fit != free_.end() && fit->first <= 2 * room) {
      block_room = fit->first;
      block = fit->second;
      free_.erase(fit);
    } else {
      if (room > reserved_bytes - used_)
        fail(ErrorKind::not_available, "emulated device memory: %zu bytes were asked, %zu are left",
             bytes, reserved_bytes - used_);
      block = base_ + used_;
      used_ += room;
    }
    OpenMemory open;
    if (used_ > opened_) open_to(used_);
    std::memset(block, poison, block_room);
    std::byte* memory = block + red_zone;
    live_[memory] = {bytes, block_room};
    return memory;
  }

  void release(void* memory) {
    std::lock_guard lock(mutex);
    auto found = live_.find(static_cast<std::byte*>(memory));
    UNDERSTUDY_CHECK(found != live_.end(), "released %p, which is no allocation", memory);
    OpenMemory open;
    check(*found);
    std::memset(memory, poison, found->second.bytes);
    free_.emplace(found->second.room, found->first - red_zone);
    live_.erase(found);
    if (live_.empty()) {
      free_.clear();
      used_ = 0;
    }
  }

  void check_all() {
    std::lock_guard lock(mutex);
    OpenMemory open;
    for (const auto& entry : live_) check(entry);
  }

  // The end of what was ever handed out is opened and closed, not the whole range: the cost of
  // either grows with the pages in use.
  void open() {
    if (depth_++ == 0 && opened_ != 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    if (--depth_ == 0 && opened_ != 0) protect(PROT_NONE);
  }

  bool contains(const void* memory, std::size_t bytes) const {
    const auto* at = static_cast<const std::byte*>(memory);
    return base_ <= at && at + bytes <= base_ + reserved_bytes;
  }

  std::recursive_mutex mutex;

 private:
  struct Block {
    std::size_t bytes, room;
  };

  Arena() {
    void* memory = mmap(nullptr, reserved_bytes + huge_page, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    UNDERSTUDY_CHECK(memory != MAP_FAILED, "no address space for emulated device memory");
    base_ =
        reinterpret_cast<std::byte*>(round_up(reinterpret_cast<std::uintptr_t>(memory), huge_page));
#if defined(MADV_HUGEPAGE)
    madvise(base_, reserved_bytes, MADV_HUGEPAGE);  // a hint; without it only slower
#endif
  }

  void protect(int protection) {
    UNDERSTUDY_CHECK(mprotect(base_, opened_, protection) == 0, "mprotect of %zu bytes", opened_);
  }

  void open_to(std::size_t used) {
    opened_ = round_up(used, huge_page);
    protect(PROT_READ | PROT_WRITE);
  }

  static void check(const std::pair<std::byte* const, Block>& entry) {
    const std::byte* memory = entry.first;
    const std::byte* end = memory - red_zone + entry.second.room;
    auto complain = [&](const std::byte* at) {
      broken(__FILE__, __LINE__, "device memory: byte %td of an allocation of %zu was written",
             at - memory, entry.second.bytes);
    };
    for (const std::byte* at = memory - red_zone; at < memory; ++at)
      if (*at != std::byte{poison}) complain(at);
    for (const std::byte* at = memory + entry.second.bytes; at < end; ++at)
      if (*at != std::byte{poison}) complain(at);
  }

  std::byte* base_ = nullptr;
  std::size_t used_ = 0;
  std::size_t opened_ = 0;  // bytes from base_ whose protection is switched
  int depth_ = 0;
  std::map<std::byte*, Block> live_;
  std::multimap<std::size_t, std::byte*> free_;
};

#if defined(UNDERSTUDY_ASAN) || defined(UNDERSTUDY_TSAN)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

// A fault is otherwise a bare "segmentation fault": says which of our forbidden pages was touched,
// then lets the fault take its course.
struct sigaction earlier_action;

void explain_fault(int, siginfo_t* information, void*) {
  const char* what = nullptr;
  if (is_device_memory(information->si_addr, 1))
    what = "understudy: host code touched emulated device memory\n";
  else if (is_stack_guard(information->si_addr))
    what = "understudy: the stack of an emulated thread overflowed\n";
  if (what != nullptr) (void)!write(STDERR_FILENO, what, std::strlen(what));
  sigaction(SIGSEGV, &earlier_action, nullptr);
}

}  // namespace

void* allocate(std::size_t bytes) { return bytes == 0 ? nullptr : Arena::get().allocate(bytes); }
void release(void* memory) {
  if (memory != nullptr) Arena::get().release(memory);
}
void check_red_zones() { Arena::get().check_all(); }
bool is_device_memory(const void* memory, std::size_t bytes) {
  return Arena::get().contains(memory, bytes);
}

OpenMemory::OpenMemory() {
  Arena::get().mutex.lock();
  Arena::get().open();
}
OpenMemory::~OpenMemory() {
  Arena::get().close();
  Arena::get().mutex.unlock();
}

// The handler needs a stack of its own: an overflowed one has no room for it. Sanitizers, which
// explain faults themselves, keep theirs.
bool explain_faults() {
  if (sanitized) return false;
  thread_local bool done = false;
  if (done) return true;
  done = true;
  stack_t stack{};
  stack.ss_size = std::size_t{64} << 10;
  stack.ss_sp = std::malloc(stack.ss_size);  // as long as the thread may run
  sigaltstack(&stack, nullptr);
  struct sigaction current;
  sigaction(SIGSEGV, nullptr, &current);
  if (current.sa_handler != SIG_DFL) return true;  // ours already, or someone else's
  struct sigaction action {};
  action.sa_sigaction = explain_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &earlier_action);
  return true;
}

}  // namespace understudy::simt
