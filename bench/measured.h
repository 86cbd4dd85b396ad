// What was measured of a row, and how it is told: a table, CSV, JSON.

#pragma once

#include <string>
#include <vector>

#include "bench/bench.h"

namespace understudy::bench {

const char* unit_name(Unit unit);
bool is_rate(Unit unit);  // better when higher
std::string place_name(int threads);

// Ours, or a peer's: the median, and each run's figure where it was measured in this process.
struct Side {
  std::string name;
  double figure = 0;
  std::vector<double> figures = {};
};

// Figures in the row's unit; 0: there is none.
struct Measured {
  std::string work;
  int threads = 1;
  Unit unit = Unit::microseconds;
  Side ours;
  std::vector<Side> peers = {};  // the best first
  double mark = 0, mark_scaled = 0;
  bool met = false, met_as_it_stands = false;
  double floor = 0;  // by operations at `peak_gflops` or bytes at `bandwidth_gbps`
  // The machine's limits at that moment.
  double peak_gflops = 0, bandwidth_gbps = 0, clock_ghz = 0, ping_pong_ns = 0;
  std::string error = {};  // why it was not measured
};

void print_table(const std::vector<Measured>& rows);
// Appends a line a row.
void write_csv(const char* path, const std::vector<Measured>& rows);
// Appends a line a row, each one JSON object; before them one with the machine's limits.
void write_json(const char* path, const Machine& machine, const std::vector<Measured>& rows);

}  // namespace understudy::bench
