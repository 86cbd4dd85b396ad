// The rows' runner and the tables it prints. Every benchmark program is its rows and this file.

#include "bench/bench.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <thread>

#include "bench/marks.h"
#include "kernels/device/threads.h"

namespace understudy::bench {

namespace {

std::vector<Row>& rows() {
  static std::vector<Row> all;
  return all;
}

InstructionSet chosen = best_instruction_set();

// What was measured of one side of one row: side 0 is ours, the others its peers.
struct Samples {
  std::vector<double> seconds, ping_pong, peak, clock, bandwidth;
  std::string error;
};
std::map<std::pair<std::size_t, std::size_t>, Samples> samples;
std::map<std::string, std::pair<std::size_t, std::size_t>> sides;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

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

double figure(const Row& row, double seconds) {
  switch (row.unit) {
    case Unit::gflops: return row.operations / seconds * 1e-9;
    case Unit::giga_elements: return row.count / seconds * 1e-9;
    case Unit::steps_per_second: return row.count / seconds;
    case Unit::microseconds: return seconds * 1e6;
  }
  return 0;
}

std::string place_name(int threads) { return threads == gpu ? "gpu" : std::to_string(threads); }

// A figure of four digits, whatever its size.
std::string short_number(double value) {
  char text[32];
  if (value == 0) return "-";
  const double size = value < 0 ? -value : value;
  std::snprintf(text, sizeof text, size >= 1000 ? "%.0f" : size >= 100 ? "%.1f" : "%.3g", value);
  return text;
}

// A peer's figure measured by another program: lines of work,threads,unit,figure,peer.
struct Outside {
  double value = 0;
  std::string peer;
};

std::map<std::pair<std::string, int>, Outside> read_peers(const char* path) {
  std::map<std::pair<std::string, int>, Outside> best;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> cells;
    // The work's name may hold commas and stands in quotation marks.
    const std::size_t close = line.rfind("\",");
    if (line.empty() || line[0] != '"' || close == std::string::npos) continue;
    cells.push_back(line.substr(1, close - 1));
    std::istringstream rest(line.substr(close + 2));
    for (std::string cell; std::getline(rest, cell, ',');) cells.push_back(cell);
    if (cells.size() < 5) continue;
    const double value = std::atof(cells[3].c_str());
    Outside& entry = best[{cells[0], std::atoi(cells[1].c_str())}];
    const bool better = cells[2] == "us" ? value < entry.value : value > entry.value;
    if (entry.value == 0 || better) entry = {value, cells[4]};
  }
  return best;
}

// Collects every repetition; prints a dot for each, since the tables come at the end.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      const auto side = sides.find(run.run_name.function_name);
      if (side == sides.end()) continue;
      Samples& sample = samples[side->second];
      if (run.error_occurred) {
        sample.error = run.error_message;
        continue;
      }
      sample.seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
      const auto keep = [&](const char* name, std::vector<double>& values) {
        const auto found = run.counters.find(name);
        if (found != run.counters.end()) values.push_back(found->second.value);
      };
      keep("ping_pong", sample.ping_pong);
      keep("peak", sample.peak);
      keep("clock", sample.clock);
      keep("bandwidth", sample.bandwidth);
    }
    std::fputc('.', stderr);
  }
};

struct Options {
  bool marks_only = false;
  const char* peers = nullptr;
  const char* csv = nullptr;
};

void print_tables(const Machine& machine, const Options& options) {
  const auto outside =
      options.peers ? read_peers(options.peers) : std::map<std::pair<std::string, int>, Outside>{};
  std::FILE* csv = options.csv ? std::fopen(options.csv, "a") : nullptr;
  std::printf("\n%-36s %3s %8s %-12s %8s %8s %-7s %8s %6s %6s %9s %s\n", "work", "T", "figure",
              "unit", "mark", "scaled", "scaled", "floor", "share", "peak", "peer", "");
  int met = 0, held = 0;
  for (std::size_t r = 0; r < rows().size(); ++r) {
    const Row& row = rows()[r];
    const Samples& ours = samples[{r, 0}];
    if (ours.seconds.empty()) {
      if (!ours.error.empty()) std::printf("%-36s %s\n", row.work.c_str(), ours.error.c_str());
      continue;
    }
    const int t = row.threads - 1;
    const double seconds = median(ours.seconds), value = figure(row, seconds);

    // The mark as set, and scaled by this machine's limit over the reference machine's.
    const double peak = median(ours.peak);
    const Mark* mark = row.threads == gpu ? nullptr : find_mark(row.work);
    if (mark != nullptr && mark->figure[t] == 0) mark = nullptr;
    if (mark == nullptr && options.marks_only) continue;
    double scaled = 0;
    bool is_met = false, is_met_absolutely = false;
    if (mark != nullptr) {
      double ratio = 1;
      if (mark->limit == Limit::arithmetic) ratio = peak / reference_peak_gflops[t];
      if (mark->limit == Limit::clock) ratio = median(ours.clock) / reference_clock_ghz;
      scaled = is_rate(row.unit) ? mark->figure[t] * ratio : mark->figure[t] / ratio;
      is_met = is_rate(row.unit) ? value >= scaled : value <= scaled;
      is_met_absolutely = is_rate(row.unit) ? value >= mark->figure[t] : value <= mark->figure[t];
      ++held;
      met += is_met;
    }

    // The floor: arithmetic at the row's own peak or bytes at the measured bandwidth.
    const double bandwidth =
        row.threads == gpu ? median(ours.bandwidth) : machine.bandwidth(row.level, row.threads);
    const double floor_seconds =
        std::max(row.operations / (peak * 1e9), row.bytes / (bandwidth * 1e9));
    const double floor = floor_seconds > 0 ? figure(row, floor_seconds) : 0;

    // The best peer, in this process or outside.
    double peer = 0;
    std::string peer_name;
    const auto consider = [&](double candidate, const std::string& name) {
      if (peer == 0 || (is_rate(row.unit) ? candidate > peer : candidate < peer))
        peer = candidate, peer_name = name;
    };
    for (std::size_t p = 0; p < row.peers.size(); ++p)
      if (const Samples& theirs = samples[{r, p + 1}]; !theirs.seconds.empty())
        consider(figure(row, median(theirs.seconds)), row.peers[p].name);
    if (const auto found = outside.find({row.work, row.threads}); found != outside.end())
      consider(found->second.value, found->second.peer);

    std::string told = peer_name;
    if (peer > 0) {
      char text[32];
      std::snprintf(text, sizeof text, ", ours %.2fx",
                    is_rate(row.unit) ? value / peer : peer / value);
      told += text;
    }
    if (row.threads > 1) {
      char text[48];
      const double ping_pong = median(ours.ping_pong);
      std::snprintf(text, sizeof text, "%s%s %.0f ns", told.empty() ? "" : "; ",
                    state_name(ping_pong), ping_pong);
      told += text;
    }
    char share[16] = "-";
    if (floor_seconds > 0)
      std::snprintf(share, sizeof share, "%.0f %%", 100 * floor_seconds / seconds);
    std::printf("%-36s %3s %8s %-12s %8s %8s %-7s %8s %6s %6.0f %9s %s\n", row.work.c_str(),
                place_name(row.threads).c_str(), short_number(value).c_str(), unit_name(row.unit),
                mark ? short_number(mark->figure[t]).c_str() : "-", short_number(scaled).c_str(),
                mark == nullptr     ? "-"
                : is_met_absolutely ? "met+"
                : is_met            ? "met"
                                    : "not met",
                short_number(floor).c_str(), share, peak, short_number(peer).c_str(), told.c_str());
    if (csv != nullptr)
      std::fprintf(csv, "\"%s\",%d,%s,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%s,%.0f,%.1f\n",
                   row.work.c_str(), row.threads, unit_name(row.unit), value,
                   figure(row, *std::min_element(ours.seconds.begin(), ours.seconds.end())),
                   figure(row, *std::max_element(ours.seconds.begin(), ours.seconds.end())),
                   mark ? mark->figure[t] : 0, scaled, floor, peer, peer_name.c_str(),
                   median(ours.ping_pong), peak);
  }
  if (held > 0)
    std::printf(
        "%d of %d marks met, scaled by the peak beside each row (met+: as they stand, too)\n", met,
        held);
  if (csv != nullptr) std::fclose(csv);
}

// "--name=value" gives value, anything else null.
const char* option(const char* argument, const char* name) {
  const std::size_t length = std::strlen(name);
  return std::strncmp(argument, name, length) == 0 ? argument + length : nullptr;
}

void register_row(std::size_t r, int repetitions, double seconds) {
  const Row& row = rows()[r];
  for (std::size_t side = 0; side <= row.peers.size(); ++side) {
    const auto& work = side == 0 ? row.ours : row.peers[side - 1].work;
    const std::string name = row.work + ", threads " + place_name(row.threads) +
                             (side == 0 ? "" : ", " + row.peers[side - 1].name);
    sides[name] = {r, side};
    const int threads = row.threads;
    const bool ours = side == 0, peers = !row.peers.empty();
    benchmark::RegisterBenchmark(name.c_str(),
                                 [work, threads, ours, peers](benchmark::State& state) {
                                   // A peer's helpers spin for a while after their last product.
                                   if (threads > 1 && peers)
                                     std::this_thread::sleep_for(std::chrono::milliseconds(30));
                                   const double ping_pong = threads > 1 ? measure_ping_pong() : 0;
                                   work(state);
                                   state.counters["ping_pong"] = ping_pong;
                                   if (ours && threads == gpu) {
                                     const GpuPace pace = measure_gpu();
                                     state.counters["peak"] = pace.peak_gflops;
                                     state.counters["bandwidth"] = pace.bandwidth_gbps;
                                   } else if (ours) {
                                     const Pace pace = measure_pace(threads);
                                     state.counters["peak"] = pace.peak_gflops;
                                     state.counters["clock"] = pace.clock_ghz;
                                   }
                                 })
        ->UseRealTime()
        ->Repetitions(repetitions)
        ->MinTime(seconds / repetitions);
  }
}

}  // namespace

void add(Row row) { rows().push_back(std::move(row)); }

InstructionSet instruction_set() { return chosen; }

Stream& stream(int threads) {
  struct Team {
    explicit Team(int count) : threads(count), scratch(Stream::minimum_scratch * count) {
      stream.threads = count > 1 ? &threads : nullptr;
      stream.scratch = reinterpret_cast<std::byte*>(scratch.data());
      stream.scratch_bytes = Stream::minimum_scratch * static_cast<std::size_t>(count);
    }
    Threads threads;
    Array<unsigned char> scratch;
    Stream stream;
  };
  static std::map<int, std::unique_ptr<Team>> teams;
  std::unique_ptr<Team>& team = teams[threads];
  if (team == nullptr) team = std::make_unique<Team>(threads);
  return team->stream;
}

}  // namespace understudy::bench

// Options: --marks (rows that have one), --only=TEXT (rows whose work has it), --isa=avx2,
// --seconds=0.3 (each side of a row), --peers=FILE, --csv=FILE, and Google Benchmark's own.
int main(int count, char** arguments) {
  using namespace understudy::bench;
  // A peer must not be held back by a core type that was set for another purpose.
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}) unsetenv(name);

  Options options;
  double seconds = 0.3;
  std::string only;
  std::vector<char*> rest;
  for (int i = 0; i < count; ++i) {
    const char* argument = arguments[i];
    if (std::strcmp(argument, "--marks") == 0)
      options.marks_only = true;
    else if (const char* text = option(argument, "--only="))
      only = text;
    else if (const char* isa = option(argument, "--isa="))
      chosen = understudy::instruction_set_named(isa);
    else if (const char* time = option(argument, "--seconds="))
      seconds = std::atof(time);
    else if (const char* peers = option(argument, "--peers="))
      options.peers = peers;
    else if (const char* csv = option(argument, "--csv="))
      options.csv = csv;
    else
      rest.push_back(arguments[i]);
  }
  char interleave[] = "--benchmark_enable_random_interleaving=true";
  rest.push_back(interleave);
  int rest_count = static_cast<int>(rest.size());
  benchmark::Initialize(&rest_count, rest.data());
  if (benchmark::ReportUnrecognizedArguments(rest_count, rest.data())) return 2;

  std::vector<std::size_t> asked;
  for (std::size_t r = 0; r < rows().size(); ++r)
    if (rows()[r].work.find(only) != std::string::npos &&
        (!options.marks_only || find_mark(rows()[r].work) != nullptr))
      asked.push_back(r);
  // Of many programs most have nothing that was asked for.
  if (asked.empty() && !only.empty()) return 0;

  const Machine machine = measure_machine();
  print(machine);
  std::printf("kernels for %s\n", understudy::name(instruction_set()));
  if (const char* reason = understudy::cuda_missing_reason())
    std::printf("no GPU: %s\n", reason);
  else
    std::printf("%s\n", device(gpu).description());
  std::fflush(stdout);
  for (const std::size_t r : asked) register_row(r, 7, seconds);
  if (rows().empty()) return 0;
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);
  std::fputc('\n', stderr);
  print_tables(machine, options);
  // What rows keep lives on devices that end before them.
  benchmark::ClearRegisteredBenchmarks();
  rows().clear();
}
