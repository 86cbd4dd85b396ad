#include "kernels/device/simt.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/device/simt_fiber.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

// What clang gathered of static shared memory; the linker defines both symbols if there is any.
extern "C" {
extern char __start_understudy_shared[] __attribute__((weak));
extern char __stop_understudy_shared[] __attribute__((weak));
}

namespace understudy::simt {

namespace {

constexpr int most_threads = 1024;
// What every GPU since compute capability 8.6 grants a block that asks for it.
constexpr std::size_t most_shared_bytes = std::size_t{99} << 10;
constexpr int poison = 0xff;

enum class State : std::uint8_t { unstarted, ready, waits_for_warp, waits_for_block, finished };

struct Thread {
  uint3 index;
  Fiber* fiber = nullptr;  // null before it starts
  // What it waits for, and what it gave and gets.
  Wait wait = Wait::barrier;
  Place place = {};
  unsigned mask = 0;
  int source = 0;
  std::uint64_t value = 0;
};

struct Warp {
  unsigned alive = 0;    // lanes that exist and have not finished
  unsigned waiting = 0;  // of these, lanes at a barrier of the warp
};

bool same(Place a, Place b) {
  return a.line == b.line && (a.file == b.file || std::strcmp(a.file, b.file) == 0);
}

std::uint64_t next_random(std::uint64_t& state) {  // SplitMix64
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

// Runs one launch at a time. Each fiber loops over threads: it takes the next one that has not
// begun as soon as its own has finished, so that a kernel without barriers is one loop of plain
// calls. A thread that has to wait keeps its fiber and hands over to the next thread in order,
// directly.
class Scheduler {
 public:
  void run(const Launch& launch, const void* arguments) {
    std::unique_lock lock(mutex_);
    check_shape(launch.grid, launch.block, launch.shared_bytes);
    explain_faults();
    body_ = launch.body;
    arguments_ = arguments;
    begin_grid(launch.grid, launch.block);
    set_dynamic_shared(launch.shared_bytes);
    failure_[0] = '\0';
    {
      OpenMemory open;
      adopt_host_thread(host_);
      begin_block();
      current_ = next();
      Fiber& first = idle_fiber();
      begin(current_, first);
      switch_fiber(host_, first);
    }
    if (failure_[0] != '\0') {
      // whatever the fibers were doing is abandoned
      idle_.clear();
      for (auto& fiber : fibers_) {
        prepare(*fiber, entry);
        idle_.push_back(fiber.get());
      }
      lock.unlock();
      report();
    }
  }

  int wait_for_block(bool predicate, Place place) {
    Thread& me = threads_[current_];
    me.place = place;
    state_[current_] = State::waits_for_block;
    votes_ += predicate;
    if (++arrived_ == count_) release_block();
    hand_over();
    return result_;
  }

  std::uint64_t wait_for_warp(Wait what, unsigned mask, std::uint64_t value, int source,
                              Place place) {
    const int lane = current_ % warpSize;
    Thread& me = threads_[current_];
    me.wait = what;
    me.place = place;
    me.mask = mask;
    me.source = source;
    me.value = value;
    if ((mask >> lane & 1u) == 0)
      abandon("thread %s at %s:%d is not in its own mask %08x", current_, place, mask);
    state_[current_] = State::waits_for_warp;
    Warp& warp = warps_[current_ / warpSize];
    warp.waiting |= 1u << lane;
    release_lanes(current_ / warpSize, mask);
    hand_over();
    return me.value;
  }

  int lane() const { return current_ % warpSize; }
  void* dynamic_shared() const { return dynamic_; }

  void set_order(ThreadOrder order, std::uint64_t seed) {
    std::lock_guard lock(mutex_);
    order_ = order;
    random_ = seed;
  }
  FailureHandler set_handler(FailureHandler handler) { return std::exchange(handler_, handler); }

  // Winds up the launch from host code, before it has begun.
  void refuse(const char* message) {
    std::snprintf(failure_, sizeof failure_, "%s", message);
    report();
  }

 private:
  static void entry();

  void report() {
    if (handler_ != nullptr) handler_(failure_);
    broken(__FILE__, __LINE__, "%s", failure_);
  }

  void check_shape(dim3 grid, dim3 block, std::size_t shared_bytes) {
    const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
    if (threads == 0 || threads > most_threads || block.z > 64 || grid.x > 0x7fffffffu ||
        grid.y > 0xffffu || grid.z > 0xffffu || shared_bytes > most_shared_bytes) {
      std::snprintf(failure_, sizeof failure_,
                    "launch of grid (%u, %u, %u), block (%u, %u, %u), %zu bytes of shared memory: "
                    "more than a GPU takes",
                    grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes);
      report();
    }
  }

  void begin_grid(dim3 grid, dim3 block) {
    gridDim = grid;
    blockDim = block;
    blocks_ = std::uint64_t{grid.x} * grid.y * grid.z;
    blocks_begun_ = 0;
    count_ = static_cast<int>(block.x * block.y * block.z);
    threads_.resize(static_cast<std::size_t>(count_));
    state_.resize(threads_.size());
    sequence_.resize(threads_.size());
    warps_.resize((threads_.size() + warpSize - 1) / warpSize);

    for (int thread = 0; thread < count_; ++thread) {
      const unsigned linear = static_cast<unsigned>(thread);
      threads_[thread].index = {linear % block.x, linear / block.x % block.y,
                                linear / block.x / block.y};
      sequence_[thread] = order_ == ThreadOrder::reversed ? count_ - 1 - thread : thread;
    }
    block_stride_ = 1;
    block_offset_ = 0;
    if (order_ == ThreadOrder::shuffled) {
      for (int left = count_; left > 1; --left)
        std::swap(sequence_[left - 1],
                  sequence_[next_random(random_) % static_cast<std::uint64_t>(left)]);
      // blocks in steps of a number that shares no factor with their count: each comes once
      auto divisor = [](std::uint64_t a, std::uint64_t b) {
        while (b != 0) a = std::exchange(b, a % b);
        return a;
      };
      do block_stride_ = 1 + next_random(random_) % blocks_;
      while (divisor(block_stride_, blocks_) != 1);
      block_offset_ = next_random(random_) % blocks_;
    }
  }

  void begin_block() {
    std::uint64_t block = (blocks_begun_++ * block_stride_ + block_offset_) % blocks_;
    if (order_ == ThreadOrder::reversed) block = blocks_ - 1 - block;
    blockIdx = {static_cast<unsigned>(block % gridDim.x),
                static_cast<unsigned>(block / gridDim.x % gridDim.y),
                static_cast<unsigned>(block / gridDim.x / gridDim.y)};
    cursor_ = arrived_ = votes_ = finished_ = 0;
    for (int thread = 0; thread < count_; ++thread) {
      state_[thread] = State::unstarted;
      threads_[thread].fiber = nullptr;
    }
    for (int warp = 0; warp * warpSize < count_; ++warp) {
      const int lanes = count_ - warp * warpSize;
      warps_[warp] = {lanes >= warpSize ? ~0u : (1u << lanes) - 1u, 0};
    }
    if (dynamic_bytes_ != 0) std::memset(dynamic_, poison, dynamic_bytes_);
    char* shared = __start_understudy_shared;
    if (shared != nullptr)
      std::memset(shared, poison, static_cast<std::size_t>(__stop_understudy_shared - shared));
  }

  // Places dynamic shared memory so that its end, to 16 bytes, is the end of the pages we may
  // touch.
  void set_dynamic_shared(std::size_t bytes) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t whole = (most_shared_bytes + page - 1) / page * page;
    if (dynamic_end_ == nullptr) {
      void* memory =
          mmap(nullptr, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      UNDERSTUDY_CHECK(memory != MAP_FAILED, "no memory for shared memory");
      dynamic_end_ = static_cast<std::byte*>(memory) + whole;
      UNDERSTUDY_CHECK(mprotect(dynamic_end_, page, PROT_NONE) == 0, "mprotect");
    }
    dynamic_bytes_ = (bytes + 15) / 16 * 16;
    dynamic_ = dynamic_end_ - dynamic_bytes_;
  }

  // The next thread in order that can run; -1 if there is none.
  int next() {
    for (int tried = 0; tried < count_; ++tried) {
      const int thread = sequence_[cursor_];
      if (++cursor_ == count_) cursor_ = 0;
      if (state_[thread] <= State::ready) return thread;
    }
    return -1;
  }

  Fiber& idle_fiber() {
    if (idle_.empty()) {
      fibers_.push_back(std::make_unique<Fiber>());
      prepare(*fibers_.back(), entry);
      idle_.push_back(fibers_.back().get());
    }
    Fiber& fiber = *idle_.back();
    idle_.pop_back();
    return fiber;
  }

  void begin(int thread, Fiber& fiber) {
    threads_[thread].fiber = &fiber;
    enter(thread);
  }
  void enter(int thread) {
    current_ = thread;
    state_[thread] = State::ready;
    threadIdx = threads_[thread].index;
  }

  // The current thread waits (or may go on at once, if what it waited for has come).
  void hand_over() {
    const int me = current_;
    const int thread = next();
    if (thread < 0) abandon_stuck();
    if (thread == me) return enter(me);
    const bool starts = state_[thread] == State::unstarted;
    if (starts)
      begin(thread, idle_fiber());
    else
      enter(thread);
    switch_fiber(*threads_[me].fiber, *threads_[thread].fiber);
  }

  // What each fiber runs for ever.
  void loop() {
    for (;;) {
      body_(arguments_);
      Fiber& fiber = *threads_[current_].fiber;
      finish(current_);
      if (finished_ == count_) {
        if (blocks_begun_ == blocks_) {
          idle_.push_back(&fiber);
          switch_fiber(fiber, host_);
          continue;  // another launch, whose first thread has been set
        }
        begin_block();
      }
      const int thread = next();
      if (thread < 0) abandon_stuck();
      if (state_[thread] == State::unstarted) {
        begin(thread, fiber);
      } else {
        enter(thread);
        idle_.push_back(&fiber);
        switch_fiber(fiber, *threads_[thread].fiber);
      }
    }
  }

  void finish(int thread) {
    state_[thread] = State::finished;
    ++finished_;
    Warp& warp = warps_[thread / warpSize];
    warp.alive &= ~(1u << thread % warpSize);
    // lanes that waited for this one too need wait no longer
    for (unsigned rest = warp.waiting; rest != 0; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      release_lanes(thread / warpSize, threads_[thread / warpSize * warpSize + lane].mask);
    }
  }

  void release_block() {
    for (int thread = 1; thread < count_; ++thread)
      if (!same(threads_[thread].place, threads_[0].place)) return;  // found stuck by hand_over
    for (State& state : state_) state = State::ready;
    result_ = votes_;
    arrived_ = votes_ = 0;
  }

  // Lets the lanes in `mask` go if all of them that live have come, with what they came for.
  void release_lanes(int warp_index, unsigned mask) {
    Warp& warp = warps_[warp_index];
    const unsigned need = mask & warp.alive;
    if (need == 0 || (warp.waiting & need) != need) return;
    Thread* lanes = &threads_[static_cast<std::size_t>(warp_index * warpSize)];
    const Thread& leader = lanes[__builtin_ctz(need)];

    std::uint64_t values[warpSize];
    unsigned ballot = 0;
    for (unsigned rest = need; rest != 0; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      const Thread& thread = lanes[lane];
      if (thread.mask != mask || thread.wait != leader.wait || !same(thread.place, leader.place))
        return;  // found stuck by hand_over
      values[lane] = thread.value;
      ballot |= (thread.value != 0 ? 1u : 0u) << lane;
    }
    for (unsigned rest = need; rest != 0; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      Thread& thread = lanes[lane];
      const bool present = thread.source >= 0 && (need >> thread.source & 1u) != 0;
      switch (thread.wait) {
        case Wait::barrier: break;
        case Wait::shuffle:
          thread.value = present ? values[thread.source] : ~std::uint64_t{0};
          break;
        case Wait::ballot: thread.value = ballot; break;
        case Wait::all: thread.value = ballot == need; break;
      }
      state_[warp_index * warpSize + lane] = State::ready;
    }
    warp.waiting &= ~need;
  }

  // No thread can go on: says who waits where, and for whom.
  [[noreturn]] void abandon_stuck() {
    int waiting = 0;
    while (state_[waiting] == State::finished) ++waiting;
    const bool whole = state_[waiting] == State::waits_for_block;
    const Thread& one = threads_[waiting];
    // someone who does not wait where this thread does
    int other = -1;
    for (int thread = 0; thread < count_ && other < 0; ++thread) {
      const bool expected = whole || (thread / warpSize == waiting / warpSize &&
                                      (one.mask >> thread % warpSize & 1u) != 0);
      const bool here = state_[thread] == state_[waiting] &&
                        same(threads_[thread].place, one.place) &&
                        (whole || threads_[thread].mask == one.mask);
      if (expected && !here && (whole || state_[thread] != State::finished)) other = thread;
    }
    char block[48], first[48], second[48];
    name(block, blockIdx);
    name(first, one.index);
    const int length =
        std::snprintf(failure_, sizeof failure_, "block %s: thread %s waits for its %s at %s:%d",
                      block, first, whole ? "block" : "warp", one.place.file, one.place.line);
    if (other >= 0) {
      name(second, threads_[other].index);
      char* rest = failure_ + length;
      const std::size_t room = sizeof failure_ - static_cast<std::size_t>(length);
      if (state_[other] == State::finished)
        std::snprintf(rest, room, ", but thread %s has finished", second);
      else
        std::snprintf(rest, room, ", but thread %s waits at %s:%d%s", second,
                      threads_[other].place.file, threads_[other].place.line,
                      whole || threads_[other].mask == one.mask ? "" : " with another mask");
    }
    leave();
  }

  [[noreturn]] void abandon(const char* format, int thread, Place place, unsigned mask) {
    char text[48];
    name(text, threads_[thread].index);
    std::snprintf(failure_, sizeof failure_, format, text, place.file, place.line, mask);
    leave();
  }

  [[noreturn]] void leave() {
    switch_fiber(*threads_[current_].fiber, host_);
    __builtin_unreachable();  // the fiber is prepared anew
  }

  static void name(char (&text)[48], uint3 index) {
    std::snprintf(text, sizeof text, "(%u, %u, %u)", index.x, index.y, index.z);
  }

  std::mutex mutex_;
  void (*body_)(const void* arguments) = nullptr;
  const void* arguments_ = nullptr;

  ThreadOrder order_ = ThreadOrder::forward;
  std::uint64_t random_ = 1;
  std::vector<int> sequence_;  // the threads of a block in the order in which they run
  int cursor_ = 0;
  std::uint64_t blocks_ = 0, blocks_begun_ = 0, block_stride_ = 1, block_offset_ = 0;

  int count_ = 0, finished_ = 0, current_ = 0;
  std::vector<Thread> threads_;
  std::vector<State> state_;
  std::vector<Warp> warps_;
  int arrived_ = 0, votes_ = 0, result_ = 0;  // of the block's barrier

  Fiber host_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;

  std::byte* dynamic_end_ = nullptr;
  std::byte* dynamic_ = nullptr;
  std::size_t dynamic_bytes_ = 0;

  FailureHandler handler_ = nullptr;
  char failure_[512] = "";
};

Scheduler& scheduler() {
  static Scheduler* only = new Scheduler;  // its fibers' stacks outlive static objects
  return *only;
}

void Scheduler::entry() {
  fiber_entered();
  scheduler().loop();
}

}  // namespace

void set_thread_order(ThreadOrder order, std::uint64_t seed) { scheduler().set_order(order, seed); }
FailureHandler set_failure_handler(FailureHandler handler) {
  return scheduler().set_handler(handler);
}

void run(const Launch& launch, const void* arguments) { scheduler().run(launch, arguments); }
void refuse(const char* message) { scheduler().refuse(message); }

void check_argument(const void* argument, int position) {
  if (argument == nullptr || is_device_memory(argument, 0)) return;
  char message[96];
  std::snprintf(message, sizeof message, "argument %d of a launch points to host memory", position);
  scheduler().refuse(message);
}

int wait_for_block(bool predicate, Place place) {
  return scheduler().wait_for_block(predicate, place);
}
std::uint64_t wait_for_warp(Wait what, unsigned mask, std::uint64_t value, int source,
                            Place place) {
  return scheduler().wait_for_warp(what, mask, value, source, place);
}
int lane() { return scheduler().lane(); }
void* dynamic_shared() { return scheduler().dynamic_shared(); }

}  // namespace understudy::simt
