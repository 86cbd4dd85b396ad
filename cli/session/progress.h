// Progress on standard error: one line that updates on a terminal, a line every few seconds where
// there is none.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace understudy::cli {

// From here on this process tells its progress to one that shows it: lines that begin with this
// character, twice a second.
inline constexpr char relayed_mark = '\x01';
void relay_progress();

class Progress {
 public:
  // `total`: steps of all the work, over which time left is counted.
  Progress(std::int64_t total, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // After each step. `what` names the part of the work, `metric` is the number that matters.
  void step(const std::string& what, std::int64_t iteration, std::int64_t iterations,
            const std::string& metric);
  double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_, shown_;
  std::int64_t done_ = 0, total_;
  bool quiet_, terminal_, open_ = false;
};

}  // namespace understudy::cli
