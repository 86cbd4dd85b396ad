// How sweeps of one reward come to their end: repeated, extrapolated, with momentum, mixed, or
// corrected by coarser problems. What `solve` is made of; `Sweeps` is PackedSweeps or GridSweeps
// (sweeps.h). Every loop leaves the values in `value` and says what they have come to.
//
// Sweeps run on the device. What looks at single values between them (bounds, momentum, mixing,
// coarser problems) runs on the host, on whose side the values are copied before (`to_host`) and
// from there after (`to_device`): nothing on the CPU, two copies a sweep elsewhere.

#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "algorithms/tabular/accelerate.h"
#include "algorithms/tabular/grid_solver.h"
#include "algorithms/tabular/solver.h"
#include "algorithms/tabular/sweeps.h"
#include "kernels/device/error.h"
#include "kernels/device/parts.h"

namespace understudy {

[[noreturn]] inline void fail_not_finite() {
  fail(ErrorKind::not_finite, "values are no longer finite: the partition function diverges");
}
[[noreturn]] inline void fail_diverging(double change) {
  fail(ErrorKind::not_finite,
       "values diverge: they grow by %.6g a sweep (spectral radius %.6f, must be below 1)", change,
       std::exp(change));
}

// Values that grow by the same amount sweep after sweep will never stop, unless it is news that
// travels: along a way of n states it takes n sweeps.
class DivergenceWatch {
 public:
  explicit DivergenceWatch(std::int64_t states) : most_(std::max<std::int64_t>(200, states)) {}
  bool grows(double change) {
    steady_ = std::abs(change - before_) <= 1e-9 * change ? steady_ + 1 : 0;
    before_ = change;
    return steady_ > most_;
  }
  void see(double change) {
    if (!std::isfinite(change)) fail_not_finite();
    if (grows(change)) fail_diverging(change);
  }

 private:
  std::int64_t most_, steady_ = 0;
  double before_ = 0.0;
};

// What a solve has come to, sweep by sweep.
enum class State { running, settled, not_finite, diverging, out_of_sweeps };

class Progress {
 public:
  Progress(const SolveOptions& options, std::int64_t states) : options_(options), watch_(states) {}

  // `least`: changes below it are rounding.
  State see(double change, double least) {
    ++sweeps_;
    change_ = change;
    if (change <= std::max(options_.tolerance, least)) return State::settled;
    since_best_ = change < best_ ? 0 : since_best_ + 1;
    best_ = std::min(best_, change);
    if (change <= 16 * least && since_best_ > 30) return State::settled;
    if (!std::isfinite(change)) return State::not_finite;
    if (watch_.grows(change)) return State::diverging;
    return sweeps_ < options_.iterations ? State::running : State::out_of_sweeps;
  }
  // Sweeps that nobody looked at.
  void count(int sweeps = 1) { sweeps_ += sweeps; }
  int sweeps() const { return sweeps_; }
  double change() const { return change_; }

 private:
  const SolveOptions& options_;
  DivergenceWatch watch_;
  int sweeps_ = 0, since_best_ = 0;
  double change_ = 0.0, best_ = INFINITY;
};

// An `Error` where the state is one.
inline void expect_settled(State state, int sweeps, double change) {
  if (state == State::not_finite) fail_not_finite();
  if (state == State::diverging) fail_diverging(change);
  if (state == State::out_of_sweeps)
    fail(ErrorKind::not_finite, "values did not settle in %d sweeps: the last changed them by %.3g",
         sweeps, change);
}

// What double precision's own tolerance is left to, and single precision stops at: the unit of
// rounding, or 0.
template <class T>
constexpr double usual_rounding = sizeof(T) == sizeof(double) ? 0.0 : 1.2e-7;

// Four roundings of the largest finite value.
template <class T>
double least_change(const T* values, std::int64_t n, double rounding = usual_rounding<T>) {
  if (rounding == 0.0) return 0.0;
  T largest = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const T size = values[i] < 0 ? -values[i] : values[i];
    if (size > largest && size - size == T(0)) largest = size;
  }
  return 4.0 * rounding * static_cast<double>(largest);
}

// The values and how they were come by, or an `Error`.
template <class T>
Solution settled(State state, const Progress& progress, DeviceBuffer<T>& value) {
  Solution s;
  s.iterations = progress.sweeps();
  s.change = progress.change();
  expect_settled(state, s.iterations, s.change);
  s.values = widened(value);
  return s;
}

// The roundings that a change may be, looked at now and then.
template <class T>
class Roundings {
 public:
  explicit Roundings(double rounding = usual_rounding<T>) : rounding_(rounding) {}
  double of(Device& device, DeviceBuffer<T>& value, int sweep) {
    if (rounding_ == 0.0 || sweep % (device.kind() == DeviceKind::cpu ? 16 : 64) != 0)
      return least_;
    value.to_host();
    return least_ = least_change(value.host(), value.size(), rounding_);
  }

 private:
  double rounding_, least_ = 0.0;
};

// Value iteration.
template <class T, class Sweeps>
State repeat(Device& device, Sweeps& sweeps, DeviceBuffer<T>& value, DeviceBuffer<T>& next,
             Progress& progress) {
  Roundings<T> roundings;
  for (int sweep = 0;; ++sweep) {
    sweeps.backup(value.data(), next.data());
    value.swap(next);
    const State state =
        progress.see(sweeps.change(value, next), roundings.of(device, value, sweep));
    if (state != State::running) return state;
  }
}

// The least and the largest of v - before.
struct Bounds {
  double least, most;
};
template <class T>
Bounds bounds_of_change(Device& device, const T* v, const T* before, std::int64_t n) {
  const std::int64_t parts = chunk_count(n);
  std::vector<T> least_of(parts), most_of(parts);
  for_each_chunk(device, n, [&](std::int64_t part, std::int64_t first, std::int64_t end) {
    T low[16], high[16];
    for (int l = 0; l < 16; ++l) low[l] = high[l] = v[first] - before[first];
    std::int64_t i = first;
    for (; i + 16 <= end; i += 16)
      for (int l = 0; l < 16; ++l) {
        const T d = v[i + l] - before[i + l];
        low[l] = d < low[l] ? d : low[l];
        high[l] = d > high[l] ? d : high[l];
      }
    for (; i < end; ++i) {
      low[0] = std::min(low[0], v[i] - before[i]);
      high[0] = std::max(high[0], v[i] - before[i]);
    }
    least_of[part] = *std::min_element(low, low + 16);
    most_of[part] = *std::max_element(high, high + 16);
  });
  return {static_cast<double>(*std::min_element(least_of.begin(), least_of.end())),
          static_cast<double>(*std::max_element(most_of.begin(), most_of.end()))};
}

// The fixed point lies above T V by between discount / (1 - discount) times these bounds of a
// sweep's change: their middle is added.
template <class T>
void shift_to_middle(Device& device, double discount, const Bounds& bounds,
                     DeviceBuffer<T>& value) {
  T* const v = value.host();
  const T shift = static_cast<T>(discount / (1.0 - discount) * 0.5 * (bounds.least + bounds.most));
  for_each_chunk(device, value.size(), [&](std::int64_t, std::int64_t first, std::int64_t end) {
    for (std::int64_t i = first; i < end; ++i) v[i] += shift;
  });
  value.to_device();
}

// Sweeps, shifted now and then. The change that is looked at is half of what lies between the
// bounds, which shrinks with what values do not have in common.
template <class T, class Sweeps>
State extrapolate(Device& device, Sweeps& sweeps, double discount, DeviceBuffer<T>& value,
                  DeviceBuffer<T>& next, Progress& progress) {
  constexpr int between = 4;  // sweeps of a large problem from look to look
  Roundings<T> roundings;
  for (int look = 0;; ++look) {
    for (int sweep = 0; sweep < (value.size() < 65536 ? 1 : between); ++sweep) {
      sweeps.backup(value.data(), next.data());
      value.swap(next);
      if (sweep > 0) progress.count();
    }
    value.to_host();
    next.to_host();
    const Bounds bounds = bounds_of_change<T>(device, value.host(), next.host(), value.size());
    const State state =
        progress.see(0.5 * (bounds.most - bounds.least), roundings.of(device, value, look));
    shift_to_middle(device, discount, bounds, value);
    if (state != State::running) return state;
  }
}

// Goyal & Grand-Clement 2022, equation 7: h = v + b (v - v'), v <- h + (T h - h) / (1 + discount),
// b = (1 - sqrt(1 - discount^2)) / discount. It is sure to converge for reversible chains alone.
// Where the change is twice the least, v goes on from the sweep itself and b is less by a third;
// below 0.1 there are plain sweeps.
template <class T, class Sweeps>
State with_momentum(Device& device, Sweeps& sweeps, double discount, DeviceBuffer<T>& value,
                    DeviceBuffer<T>& next, Progress& progress) {
  double b = discount > 0.0 ? (1.0 - std::sqrt(1.0 - discount * discount)) / discount : 0.0;
  std::vector<T> before(value.host(), value.host() + value.size());
  Roundings<T> roundings;
  double best = INFINITY;
  for (int sweep = 0;; ++sweep) {
    sweeps.backup(value.data(), next.data());
    const double change = sweeps.change(next, value);
    const State state = progress.see(change, roundings.of(device, next, sweep));
    if (state != State::running || b < 0.1) {
      value.swap(next);
      if (state != State::running) return state;
      continue;
    }
    const bool grew = change > 2.0 * best;
    if (grew) b *= 2.0 / 3.0;
    best = grew ? change : std::min(best, change);
    const T step = grew ? T(1) : static_cast<T>(1.0 / (1.0 + discount));
    const T beyond = grew ? T(0) : static_cast<T>(b);
    next.to_host();
    T *const h = value.host(), *const th = next.host();
    for_each_chunk(device, value.size(), [&](std::int64_t, std::int64_t first, std::int64_t end) {
      for (std::int64_t i = first; i < end; ++i) {
        const T v = h[i] + step * (th[i] - h[i]);
        h[i] = v + beyond * (v - before[i]);
        before[i] = v;
      }
    });
    value.to_device();
  }
}

// A step too far, or five that led no nearer: back to where sweeps alone had led from the best
// point, and on by a sweep. So there is never less progress than half a plain sweep's.
class Guard {
 public:
  // Whether to go back; else `keep` says whether what comes now is the best.
  bool refuses(double change, bool can) {
    since_best_ = change < best_ ? 0 : since_best_ + 1;
    if (can && !resting_ && (!(change <= 2 * best_) || since_best_ > 5)) {
      resting_ = true;
      since_best_ = 0;
      return true;
    }
    keep = change < best_ || resting_;
    best_ = std::min(best_, change);
    return false;
  }
  bool resting() const { return resting_; }
  void rested() { resting_ = false; }
  bool keep = false;

 private:
  double best_ = INFINITY;
  int since_best_ = 0;
  bool resting_ = false;
};

// Mixing under the guard, and where it goes back to.
template <class T>
struct GuardedMixing {
  GuardedMixing(Device& device, std::int64_t n, int memory, double rounding = usual_rounding<T>)
      : anderson(device, n, memory), roundings(rounding) {}

  // A sweep from `value` to `next`, and the change that it made. False where it was a step too far:
  // `value` is then what was safe.
  template <class Sweeps>
  bool sweep(Sweeps& sweeps, DeviceBuffer<T>& value, DeviceBuffer<T>& next, Progress& progress) {
    sweeps.backup(value.data(), next.data());
    change = sweeps.change(next, value);
    if (!guard.refuses(change, !safe.empty())) return true;
    std::copy(safe.begin(), safe.end(), value.host());
    value.to_device();
    anderson.forget();
    progress.count();
    return false;
  }
  // What a sweep that went well means, the `sweeps`-th; the result is in `value` where it is over.
  State see(Device& device, DeviceBuffer<T>& value, DeviceBuffer<T>& next, int sweeps,
            Progress& progress) {
    const State state = progress.see(change, roundings.of(device, next, sweeps));
    if (state != State::running) value.swap(next);
    return state;
  }
  void keep(const T* point, std::int64_t n) {
    if (guard.keep) safe.assign(point, point + n);
  }

  Anderson<T> anderson;
  Roundings<T> roundings;
  Guard guard;
  std::vector<T> safe;
  double change = 0;
};

template <class T, class Sweeps>
State with_mixing(Device& device, Sweeps& sweeps, int memory, DeviceBuffer<T>& value,
                  DeviceBuffer<T>& next, Progress& progress, double rounding = usual_rounding<T>) {
  GuardedMixing<T> mixing(device, value.size(), memory, rounding);
  for (int sweep = 0;; ++sweep) {
    if (!mixing.sweep(sweeps, value, next, progress)) continue;
    const State state = mixing.see(device, value, next, sweep, progress);
    if (state != State::running) return state;
    next.to_host();
    mixing.keep(next.host(), next.size());
    mixing.anderson.mix(value.host(), next.host());
    value.to_device();
    mixing.guard.rested();
  }
}

template <class T, class Sweeps>
State by_sweeps(Device& device, Sweeps& sweeps, const SolveOptions& options, double discount,
                DeviceBuffer<T>& value, Progress& progress) {
  DeviceBuffer<T> next(device, value.size());
  switch (options.method) {
    case SolveMethod::extrapolated:
      return extrapolate(device, sweeps, discount, value, next, progress);
    case SolveMethod::momentum:
      return with_momentum(device, sweeps, discount, value, next, progress);
    case SolveMethod::anderson:
      return with_mixing(device, sweeps, options.memory, value, next, progress);
    default: return repeat(device, sweeps, value, next, progress);
  }
}

// Two sweeps of the packed form, a correction by aggregates, mixing.
template <class T>
State by_aggregates(Device& device, PackedSweeps<T>& sweeps, Aggregation<T>& aggregates, int memory,
                    DeviceBuffer<T>& value, Progress& progress) {
  const std::int64_t n = value.size();
  DeviceBuffer<T> next(device, n);
  GuardedMixing<T> mixing(device, n, memory);
  DeviceBuffer<T> chain(device, sweeps.store().view().chain);
  std::vector<T> point(n);
  double last_change = 0.0;
  for (int cycle = 0;; ++cycle) {
    if (!mixing.sweep(sweeps, value, next, progress)) continue;
    const State state = mixing.see(device, value, next, cycle, progress);
    if (state != State::running) return state;
    // Newton's matrix moves little once the policy has taken shape: it is renewed at the cycles
    // 0, 1, 2, 4, 8, ... and where progress is slow.
    const bool renew = (cycle & (cycle - 1)) == 0 || mixing.change > 0.6 * last_change;
    last_change = mixing.change;
    std::copy(value.host(), value.host() + n, point.begin());
    sweeps.backup(next.data(), value.data(), renew ? chain.data() : nullptr);
    progress.count();
    next.to_host();
    value.to_host();
    mixing.keep(value.host(), n);
    if (renew) {
      chain.to_host();
      aggregates.set_chain(chain.host());
    }
    if (!mixing.guard.resting()) aggregates.correct(next.host(), value.host());
    mixing.anderson.mix(point.data(), value.host());
    std::copy(point.begin(), point.end(), value.host());
    value.to_device();
    mixing.guard.rested();
  }
}

// Two sweeps of the stencil and a V-cycle on coarser grids. Of a correction after which the next
// sweep changes more than the one before, a quarter is tried, then a sixteenth; then it is taken
// back, and that many sweeps go without: 4, then 8, ... 64. (Newton's equation does not see a
// policy that leaps.)
template <class T>
State by_grids(Device& device, GridSweeps<T>& sweeps, GridHierarchy& hierarchy,
               DeviceBuffer<T>& value, Progress& progress) {
  constexpr int trials = 3;
  const std::int64_t n = value.size();
  DeviceBuffer<T> next(device, n), safe(device, n), corrected(device, n);
  Roundings<T> roundings;
  double before = INFINITY;
  int rest = 2, resting = 0, cycles = 0, trial = 0;  // trial 0: no correction is on trial
  for (int sweep = 0;; ++sweep) {
    sweeps.backup(value.data(), next.data());
    const double change = sweeps.change(next, value);
    if (trial > 0 && !(change < before)) {
      progress.count();
      if (trial == trials) {
        value.swap(safe);
        resting = rest = std::min(2 * rest, 64);
        trial = 0;
      } else {
        const T* const from = safe.host();
        T* const to = value.host();
        for_each_chunk(device, n, [&](std::int64_t, std::int64_t first, std::int64_t end) {
          for (std::int64_t i = first; i < end; ++i) to[i] = from[i] + T(0.25) * (to[i] - from[i]);
        });
        value.to_device();
        ++trial;
      }
      continue;
    }
    const State state = progress.see(change, roundings.of(device, next, sweep));
    const bool slow = change > 0.5 * before;
    before = change;
    if (state != State::running || resting > 0) {
      value.swap(next);
      if (state != State::running) return state;
      --resting;
      continue;
    }
    // The policy is renewed at the cycles 0, 1, 2, 4, 8, ... and where the last one did little.
    sweeps.backup(next.data(), safe.data());
    progress.count();
    next.to_host();
    safe.to_host();
    if ((cycles & (cycles - 1)) == 0 || slow) hierarchy.set_policy(next.host());
    hierarchy.correct<T>(next.host(), safe.host(), corrected.host());
    corrected.to_device();
    value.swap(corrected);
    trial = 1;
    ++cycles;
  }
}

}  // namespace understudy
