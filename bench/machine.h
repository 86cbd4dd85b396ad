// What this machine can do: the limits that every figure is printed beside.
//
// Peak is single-precision multiply-adds in registers, bandwidth is a[i] = b[i] + s c[i] counted as
// 12 bytes an element, both with the widest instructions that the processor has. The host of a
// virtual machine moves the processors between one last-level cache ("near") and two ("far"); the
// time that a cache line takes there and back between two threads tells which.

#pragma once

#include <string>

#include "kernels/device/instruction_set.h"

namespace understudy::bench {

enum class Level { l1, l2, l3, dram };

struct Machine {
  std::string processor;
  double clock_ghz = 0;                               // from a chain of dependent additions
  double peak_gflops[instruction_set_count][2] = {};  // [set][1 or 2 threads]; 0: not there
  double bandwidth_gbps[4][2] = {};                   // [Level][1 or 2 threads]
  double ping_pong_ns = 0;

  // Of the widest instruction set there is.
  double peak(int threads) const;
  double bandwidth(Level level, int threads) const;
};

// Takes about two seconds.
Machine measure_machine();

// What the processors reach at this moment. Their clock follows the load of the whole host, by a
// tenth and more within minutes, so that a limit is measured beside every sample held against it.
struct Pace {
  double peak_gflops = 0;  // of the widest instruction set, on as many threads as asked
  double clock_ghz = 0;
};
// Takes about two milliseconds.
Pace measure_pace(int threads);

// Nanoseconds of a cache line's way there and back between two threads.
double measure_ping_pong();
// "near" below 150 ns, "far" above.
const char* state_name(double ping_pong_ns);

void print(const Machine& machine);

}  // namespace understudy::bench
