// A team of threads that runs numbered parts of a piece of work.
//
// The caller owns the team and hands it to a device. Which thread runs which part is not fixed, so
// whoever splits work must make the result independent of it: parts write to disjoint places, and
// partial sums are combined in an order fixed by the parts' numbers.
//
// A team of one has no threads of its own and runs everything on the caller. Built with EMBEDDED=1
// every team is a team of one.

#pragma once

#include <type_traits>

namespace understudy {

class Threads {
 public:
  // `count` >= 1 threads, the calling one included. Bad counts are an `Error`.
  explicit Threads(int count);
  ~Threads();
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  int count() const { return count_; }

  // Calls work(part, thread) for every part in [0, parts), thread in [0, count()), and returns when
  // all are done. Never allocates. One caller at a time; a part must not call `run` on its own
  // team.
  template <class Work>
  void run(int parts, const Work& work) {
    run_parts(
        parts,
        [](const void* context, int part, int thread) {
          (*static_cast<const Work*>(context))(part, thread);
        },
        &work);
  }

 private:
  using Call = void (*)(const void* context, int part, int thread);
  void run_parts(int parts, Call call, const void* context);

  struct Team;
  int count_;
  Team* team_ = nullptr;  // null for a team of one
};

// Cores that this process may run on.
int available_cores();

}  // namespace understudy
