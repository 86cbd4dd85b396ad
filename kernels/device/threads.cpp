#include "kernels/device/threads.h"

#include "kernels/device/error.h"

#if !defined(UNDERSTUDY_EMBEDDED)
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
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

Threads::~Threads() { delete team_; }  // none was ever made

void Threads::run_parts(int parts, Call call, const void* context) {
  for (int part = 0; part < parts; ++part) call(context, part, 0);
}

int available_cores() { return 1; }

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

// Every line of memory that two threads write costs a journey between their caches, up to 300 ns
// each way where the cores share none. So a piece of work is published in one line, and each
// thread has a line of its own: its run of the parts, and whether it has finished. The runs are the
// same each time for the same number of parts, so that what a thread left in its caches it finds
// again; who has none left takes from the others' runs.
struct Threads::Team {
  struct alignas(64) Work {
    std::atomic<unsigned> generation{0};  // changes when a new piece is ready
    int parts = 0;
    Call call = nullptr;
    const void* context = nullptr;
    std::atomic<bool> stop{false};
  };
  struct alignas(64) Member {
    // The generation in the upper half, the next part of the run in the lower.
    std::atomic<std::uint64_t> next{0};
    std::atomic<unsigned> finished{0};  // the last generation that this thread is done with
  };

  explicit Team(int count) : members(static_cast<std::size_t>(count)) {}

  Work work;
  std::vector<Member> members;
  alignas(64) std::atomic<int> asleep{0};
  std::mutex mutex;
  std::condition_variable wake;
  std::vector<std::thread> helpers;

  int run_begin(int member) const {
    return static_cast<int>(static_cast<std::int64_t>(work.parts) * member /
                            static_cast<std::int64_t>(members.size()));
  }

  // Takes a part of a member's run; -1 when none is left. Whoever comes first opens the run.
  int take(int member, unsigned generation) {
    std::atomic<std::uint64_t>& next = members[static_cast<std::size_t>(member)].next;
    const std::uint32_t end = static_cast<std::uint32_t>(run_begin(member + 1));
    std::uint64_t seen = next.load(std::memory_order_relaxed);
    for (;;) {
      const std::uint32_t part = static_cast<unsigned>(seen >> 32) == generation
                                     ? static_cast<std::uint32_t>(seen)
                                     : static_cast<std::uint32_t>(run_begin(member));
      if (part >= end) return -1;
      const std::uint64_t taken = static_cast<std::uint64_t>(generation) << 32 | (part + 1);
      if (next.compare_exchange_weak(seen, taken, std::memory_order_relaxed))
        return static_cast<int>(part);
    }
  }

  void do_parts(int thread, unsigned generation) {
    const int count = static_cast<int>(members.size());
    for (int turn = 0; turn < count; ++turn) {
      const int member = (thread + turn) % count;
      for (int part; (part = take(member, generation)) >= 0;) work.call(work.context, part, thread);
    }
  }

  void serve(int thread) {
    unsigned seen = 0;
    for (;;) {
      for (int spin = 0; work.generation.load(std::memory_order_acquire) == seen; ++spin) {
        if (spin < spins_before_sleep) {
          pause();
          continue;
        }
        std::unique_lock lock(mutex);
        asleep.fetch_add(1);
        wake.wait(lock, [&] { return work.generation.load() != seen; });
        asleep.fetch_sub(1);
      }
      seen = work.generation.load(std::memory_order_acquire);
      if (work.stop.load(std::memory_order_relaxed)) return;
      do_parts(thread, seen);
      members[static_cast<std::size_t>(thread)].finished.store(seen, std::memory_order_release);
    }
  }

  unsigned start() {
    const unsigned generation = work.generation.load(std::memory_order_relaxed) + 1;
    work.generation.store(generation);  // sequentially consistent: before the look at `asleep`
    if (asleep.load() > 0) {
      std::lock_guard lock(mutex);
      wake.notify_all();
    }
    return generation;
  }
};

Threads::Threads(int count) : count_(count) {
  if (count < 1) fail(ErrorKind::bad_input, "threads: expected at least 1, found %d", count);
  if (count == 1) return;
  team_ = new Team(count);
  for (int thread = 1; thread < count; ++thread)
    team_->helpers.emplace_back([this, thread] { team_->serve(thread); });
}

Threads::~Threads() {
  if (team_ == nullptr) return;
  team_->work.stop.store(true);
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
  team.work.parts = parts;
  team.work.call = call;
  team.work.context = context;
  const unsigned generation = team.start();
  team.do_parts(0, generation);
  // Helpers look at the piece of work until they have finished it: it may not change before.
  for (int helper = 1; helper < count_; ++helper) {
    const std::atomic<unsigned>& finished = team.members[static_cast<std::size_t>(helper)].finished;
    for (int spin = 0; finished.load(std::memory_order_acquire) != generation; ++spin) {
      // With more threads than cores a spinning caller would keep a helper from its turn.
      if (spin < spins_before_sleep)
        pause();
      else
        std::this_thread::yield();
    }
  }
}

int available_cores() {
  int count = static_cast<int>(std::thread::hardware_concurrency());
  return count > 0 ? count : 1;
}

#endif

}  // namespace understudy
