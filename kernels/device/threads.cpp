#include "kernels/device/threads.h"

#include "kernels/device/error.h"

#if !defined(UNDERSTUDY_EMBEDDED)
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>
#endif

namespace understudy {

#if defined(UNDERSTUDY_EMBEDDED)

struct Threads::Team {};

Threads::Threads(int count) : count_(count) {
  if (count != 1) fail(ErrorKind::not_available, "threads: this build has 1, %d were asked", count);
}

Threads::~Threads() = default;

void Threads::run_parts(int parts, Call call, const void* context) {
  for (int part = 0; part < parts; ++part) call(context, part, 0);
}

int processor_count() { return 1; }

#else

namespace {

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Waiters spin this long before they sleep: longer than the gap between two segments of a program
// (microseconds), far shorter than a person notices.
constexpr int spins_before_sleep = 20000;

}  // namespace

struct Threads::Team {
  std::vector<std::thread> helpers;
  std::mutex mutex;
  std::condition_variable wake;

  // One piece of work at a time. `generation` changes when a new one is ready.
  std::atomic<unsigned> generation{0};
  std::atomic<int> next{0};
  std::atomic<int> busy{0};
  std::atomic<int> asleep{0};
  std::atomic<bool> stop{false};
  int parts = 0;
  Call call = nullptr;
  const void* context = nullptr;

  void work(int thread) {
    for (int part; (part = next.fetch_add(1, std::memory_order_relaxed)) < parts;)
      call(context, part, thread);
  }

  void serve(int thread) {
    unsigned seen = 0;
    for (;;) {
      for (int spin = 0; generation.load(std::memory_order_acquire) == seen; ++spin) {
        if (spin < spins_before_sleep) {
          pause();
          continue;
        }
        std::unique_lock lock(mutex);
        asleep.fetch_add(1);
        wake.wait(lock, [&] { return generation.load() != seen; });
        asleep.fetch_sub(1);
      }
      seen = generation.load(std::memory_order_acquire);
      if (stop.load()) return;
      work(thread);
      busy.fetch_sub(1, std::memory_order_release);
    }
  }

  void start() {
    generation.fetch_add(1);
    if (asleep.load() > 0) {
      std::lock_guard lock(mutex);
      wake.notify_all();
    }
  }
};

Threads::Threads(int count) : count_(count) {
  if (count < 1) fail(ErrorKind::bad_input, "threads: expected at least 1, found %d", count);
  if (count == 1) return;
  team_ = new Team;
  for (int thread = 1; thread < count; ++thread)
    team_->helpers.emplace_back([this, thread] { team_->serve(thread); });
}

Threads::~Threads() {
  if (team_ == nullptr) return;
  team_->stop.store(true);
  team_->start();
  for (std::thread& helper : team_->helpers) helper.join();
  delete team_;
}

void Threads::run_parts(int parts, Call call, const void* context) {
  if (team_ == nullptr || parts <= 1) {
    for (int part = 0; part < parts; ++part) call(context, part, 0);
    return;
  }
  Team& team = *team_;
  team.parts = parts;
  team.call = call;
  team.context = context;
  team.next.store(0, std::memory_order_relaxed);
  team.busy.store(count_ - 1, std::memory_order_relaxed);
  team.start();
  team.work(0);
  for (int spin = 0; team.busy.load(std::memory_order_acquire) != 0; ++spin) {
    // With more threads than processors a spinning caller would keep a helper from its turn.
    if (spin < spins_before_sleep)
      pause();
    else
      std::this_thread::yield();
  }
}

int processor_count() {
  int count = static_cast<int>(std::thread::hardware_concurrency());
  return count > 0 ? count : 1;
}

#endif

}  // namespace understudy
