#include "cli/session/progress.h"

#include <unistd.h>

#include <cstdio>

namespace understudy::cli {

namespace {

bool relayed = false;

double between(std::chrono::steady_clock::time_point a, std::chrono::steady_clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

void relay_progress() { relayed = true; }

Progress::Progress(std::int64_t total, bool quiet)
    : start_(Clock::now()),
      shown_(start_),
      total_(total),
      quiet_(quiet),
      terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  // what follows begins on a line of its own
  if (open_) std::fputc('\n', stderr);
}

double Progress::seconds() const { return between(start_, Clock::now()); }

void Progress::step(const std::string& what, std::int64_t iteration, std::int64_t iterations,
                    const std::string& metric) {
  ++done_;
  if (quiet_) return;
  const Clock::time_point now = Clock::now();
  const bool last = done_ == total_;
  if (between(shown_, now) < (terminal_ ? 0.1 : relayed ? 0.5 : 5.0) && !last) return;
  shown_ = now;
  const double passed = between(start_, now);
  const double rate = static_cast<double>(done_) / passed;
  const int left = static_cast<int>(static_cast<double>(total_ - done_) / rate + 0.5);
  if (relayed) std::fputc(relayed_mark, stderr);
  // back to the start of the line, and clear it
  std::fprintf(stderr, "%s%-24s %6lld/%lld  %6.*f it/s  %d:%02d left  %s%s",
               terminal_ ? "\r\x1b[2K" : "", what.c_str(), static_cast<long long>(iteration),
               static_cast<long long>(iterations), rate < 10 ? 2 : 0, rate, left / 60, left % 60,
               metric.c_str(), terminal_ ? "" : "\n");
  std::fflush(stderr);
  open_ = terminal_;
}

}  // namespace understudy::cli
