#include "bench/measured.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace understudy::bench {

namespace {

// A figure of four digits, whatever its size.
std::string short_number(double value) {
  char text[32];
  if (value == 0) return "-";
  const double size = value < 0 ? -value : value;
  std::snprintf(text, sizeof text, size >= 1000 ? "%.0f" : size >= 100 ? "%.1f" : "%.3g", value);
  return text;
}

// How much of the limit is reached; 0: there is none.
double share_of_floor(const Measured& row) {
  if (row.floor == 0 || row.ours.figure == 0) return 0;
  return is_rate(row.unit) ? row.ours.figure / row.floor : row.floor / row.ours.figure;
}

std::string beside(const Measured& row) {
  std::string told;
  char text[64];
  if (!row.peers.empty()) {
    const double peer = row.peers[0].figure;
    std::snprintf(text, sizeof text, ", ours %.2fx",
                  is_rate(row.unit) ? row.ours.figure / peer : peer / row.ours.figure);
    told = row.peers[0].name + text;
  }
  if (row.threads > 1) {
    std::snprintf(text, sizeof text, "%s%s %.0f ns", told.empty() ? "" : "; ",
                  state_name(row.ping_pong_ns), row.ping_pong_ns);
    told += text;
  }
  return told;
}

std::string quoted(const std::string& text) {
  std::string made = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') made += '\\';
    made += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return made + "\"";
}

// What is 0 or not finite is not known.
std::string number(double value) {
  char text[32];
  if (!std::isfinite(value) || value == 0) return "null";
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string numbers(const std::vector<double>& values) {
  std::string made;
  for (double value : values) made += (made.empty() ? "" : ", ") + number(value);
  return "[" + made + "]";
}

std::string json_of(const Measured& row) {
  const auto& figures = row.ours.figures;
  // Of rates the fastest is the greatest.
  const auto [least, greatest] = std::minmax_element(figures.begin(), figures.end());
  const bool rate = is_rate(row.unit);
  std::string peers;
  for (const Side& peer : row.peers)
    peers += (peers.empty() ? "" : ", ") + ("{\"name\": " + quoted(peer.name)) +
             ", \"figure\": " + number(peer.figure) + ", \"figures\": " + numbers(peer.figures) +
             "}";
  const auto truth = [&](bool is) { return row.mark == 0 ? "null" : is ? "true" : "false"; };
  return "{\"work\": " + quoted(row.work) + ", \"threads\": " + std::to_string(row.threads) +
         ", \"place\": " + quoted(place_name(row.threads)) +
         ", \"unit\": " + quoted(unit_name(row.unit)) +
         ", \"higher_is_better\": " + (rate ? "true" : "false") +
         ", \"figure\": " + number(row.ours.figure) + ", \"figures\": " + numbers(figures) +
         ", \"fastest\": " + number(rate ? *greatest : *least) +
         ", \"slowest\": " + number(rate ? *least : *greatest) + ", \"mark\": " + number(row.mark) +
         ", \"mark_scaled\": " + number(row.mark_scaled) + ", \"met\": " + truth(row.met) +
         ", \"met_as_it_stands\": " + truth(row.met_as_it_stands) +
         ", \"floor\": " + number(row.floor) +
         ", \"share_of_floor\": " + number(share_of_floor(row)) +
         ", \"limits\": {\"peak_gflops\": " + number(row.peak_gflops) +
         ", \"bandwidth_gbps\": " + number(row.bandwidth_gbps) +
         ", \"clock_ghz\": " + number(row.clock_ghz) +
         ", \"ping_pong_ns\": " + number(row.ping_pong_ns) + "}, \"peers\": [" + peers + "]}\n";
}

std::string json_of(const Machine& machine) {
  std::string peaks, bandwidths;
  for (int set = 0; set < instruction_set_count; ++set) {
    const double* peak = machine.peak_gflops[set];
    if (peak[0] > 0)
      peaks += (peaks.empty() ? "" : ", ") + quoted(instruction_sets[set].name) + ": " +
               numbers({peak[0], peak[1]});
  }
  static constexpr const char* levels[] = {"L1", "L2", "L3", "DRAM"};
  for (int level = 0; level < 4; ++level)
    bandwidths += (level == 0 ? "" : ", ") + quoted(levels[level]) + ": " +
                  numbers({machine.bandwidth_gbps[level][0], machine.bandwidth_gbps[level][1]});
  return "{\"machine\": {\"processor\": " + quoted(machine.processor) +
         ", \"instruction_set\": " + quoted(name(instruction_set())) +
         ", \"clock_ghz\": " + number(machine.clock_ghz) +
         ", \"ping_pong_ns\": " + number(machine.ping_pong_ns) + ", \"peak_gflops\": {" + peaks +
         "}, \"bandwidth_gbps\": {" + bandwidths + "}}}\n";
}

}  // namespace

bool is_rate(Unit unit) { return unit != Unit::microseconds; }

const char* unit_name(Unit unit) {
  switch (unit) {
    case Unit::gflops: return "GFLOP/s";
    case Unit::giga_elements: return "G elements/s";
    case Unit::steps_per_second: return "steps/s";
    case Unit::microseconds: return "us";
  }
  return "";
}

std::string place_name(int threads) { return threads == gpu ? "gpu" : std::to_string(threads); }

void print_table(const std::vector<Measured>& rows) {
  std::printf("\n%-36s %7s %8s %-12s %8s %8s %-7s %8s %6s %6s %9s %s\n", "work", "threads",
              "figure", "unit", "mark", "scaled", "met", "floor", "share", "peak", "peer",
              "beside");
  int met = 0, held = 0;
  for (const Measured& row : rows) {
    if (!row.error.empty()) {
      std::printf("%-36s %s\n", row.work.c_str(), row.error.c_str());
      continue;
    }
    held += row.mark > 0 ? 1 : 0;
    met += row.met ? 1 : 0;
    char share[16] = "-";
    if (row.floor > 0) std::snprintf(share, sizeof share, "%.0f %%", 100 * share_of_floor(row));
    std::printf(
        "%-36s %7s %8s %-12s %8s %8s %-7s %8s %6s %6.0f %9s %s\n", row.work.c_str(),
        place_name(row.threads).c_str(), short_number(row.ours.figure).c_str(), unit_name(row.unit),
        short_number(row.mark).c_str(), short_number(row.mark_scaled).c_str(),
        row.mark == 0          ? "-"
        : row.met_as_it_stands ? "met+"
        : row.met              ? "met"
                               : "not met",
        short_number(row.floor).c_str(), share, row.peak_gflops,
        short_number(row.peers.empty() ? 0 : row.peers[0].figure).c_str(), beside(row).c_str());
  }
  if (held > 0)
    std::printf(
        "%d of %d marks met, scaled by the peak beside each row (met+: as they stand, too)\n", met,
        held);
}

void write_csv(const char* path, const std::vector<Measured>& rows) {
  std::FILE* csv = std::fopen(path, "a");
  if (csv == nullptr) return;
  for (const Measured& row : rows) {
    if (!row.error.empty()) continue;
    const auto& figures = row.ours.figures;
    const auto [least, greatest] = std::minmax_element(figures.begin(), figures.end());
    const bool rate = is_rate(row.unit);
    const Side peer = row.peers.empty() ? Side{} : row.peers[0];
    std::fprintf(csv, "\"%s\",%d,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%s,%.0f,%.1f\n",
                 row.work.c_str(), row.threads, unit_name(row.unit), row.ours.figure,
                 rate ? *greatest : *least, rate ? *least : *greatest, row.mark, row.mark_scaled,
                 row.floor, peer.figure, peer.name.c_str(), row.ping_pong_ns, row.peak_gflops);
  }
  std::fclose(csv);
}

void write_json(const char* path, const Machine& machine, const std::vector<Measured>& rows) {
  std::FILE* file = std::fopen(path, "a");
  if (file == nullptr) return;
  std::fputs(json_of(machine).c_str(), file);
  for (const Measured& row : rows)
    if (row.error.empty()) std::fputs(json_of(row).c_str(), file);
  std::fclose(file);
}

}  // namespace understudy::bench
