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
#include "bench/measured.h"
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

double figure(const Row& row, double seconds) {
  switch (row.unit) {
    case Unit::gflops: return row.operations / seconds * 1e-9;
    case Unit::giga_elements: return row.count / seconds * 1e-9;
    case Unit::steps_per_second: return row.count / seconds;
    case Unit::microseconds: return seconds * 1e6;
  }
  return 0;
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
  bool marks_only = false, list = false;
  const char *peers = nullptr, *csv = nullptr, *json = nullptr;
};

std::vector<double> figures_of(const Row& row, const Samples& samples) {
  std::vector<double> figures;
  for (double seconds : samples.seconds) figures.push_back(figure(row, seconds));
  return figures;
}

// The mark as set, and scaled by this machine's limit over the reference machine's.
void hold_to_mark(Measured& found) {
  const Mark* mark = found.threads == gpu ? nullptr : find_mark(found.work);
  const int t = found.threads - 1;
  if (mark == nullptr || mark->figure[t] == 0) return;
  double ratio = 1;
  if (mark->limit == Limit::arithmetic) ratio = found.peak_gflops / reference_peak_gflops[t];
  if (mark->limit == Limit::clock) ratio = found.clock_ghz / reference_clock_ghz;
  const bool rate = is_rate(found.unit);
  found.mark = mark->figure[t];
  found.mark_scaled = rate ? found.mark * ratio : found.mark / ratio;
  const double value = found.ours.figure;
  found.met = rate ? value >= found.mark_scaled : value <= found.mark_scaled;
  found.met_as_it_stands = rate ? value >= found.mark : value <= found.mark;
}

Measured measured(std::size_t r, const Machine& machine,
                  const std::map<std::pair<std::string, int>, Outside>& outside) {
  const Row& row = rows()[r];
  const Samples& ours = samples[{r, 0}];
  Measured found;
  found.work = row.work;
  found.threads = row.threads;
  found.unit = row.unit;
  found.error = ours.error;
  if (ours.seconds.empty()) return found;
  found.error.clear();
  found.ours = {"ours", figure(row, median(ours.seconds)), figures_of(row, ours)};
  found.peak_gflops = median(ours.peak);
  found.clock_ghz = median(ours.clock);
  found.ping_pong_ns = median(ours.ping_pong);
  found.bandwidth_gbps =
      row.threads == gpu ? median(ours.bandwidth) : machine.bandwidth(row.level, row.threads);
  hold_to_mark(found);
  const double floor_seconds = std::max(row.operations / (found.peak_gflops * 1e9),
                                        row.bytes / (found.bandwidth_gbps * 1e9));
  found.floor = floor_seconds > 0 ? figure(row, floor_seconds) : 0;
  // Peers in this process and outside.
  for (std::size_t p = 0; p < row.peers.size(); ++p)
    if (const Samples& theirs = samples[{r, p + 1}]; !theirs.seconds.empty())
      found.peers.push_back(
          {row.peers[p].name, figure(row, median(theirs.seconds)), figures_of(row, theirs)});
  if (const auto other = outside.find({row.work, row.threads}); other != outside.end())
    found.peers.push_back({other->second.peer, other->second.value});
  const bool rate = is_rate(row.unit);
  std::stable_sort(found.peers.begin(), found.peers.end(), [rate](const Side& a, const Side& b) {
    return rate ? a.figure > b.figure : a.figure < b.figure;
  });
  return found;
}

void tell(const Machine& machine, const Options& options) {
  const auto outside =
      options.peers ? read_peers(options.peers) : std::map<std::pair<std::string, int>, Outside>{};
  std::vector<Measured> all;
  for (std::size_t r = 0; r < rows().size(); ++r) {
    Measured found = measured(r, machine, outside);
    if (found.ours.figures.empty() && found.error.empty()) continue;  // not asked for
    if (options.marks_only && found.mark == 0) continue;
    all.push_back(std::move(found));
  }
  print_table(all);
  if (options.csv != nullptr) write_csv(options.csv, all);
  if (options.json != nullptr) write_json(options.json, machine, all);
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
// --seconds=0.3 (each side of a row), --peers=FILE, --csv=FILE, --json=FILE, --list (names, places
// and units of rows, and nothing is measured), and Google Benchmark's own.
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
    else if (std::strcmp(argument, "--list") == 0)
      options.list = true;
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
    else if (const char* json = option(argument, "--json="))
      options.json = json;
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
  if (options.list)
    for (const std::size_t r : asked)
      std::printf("%s\t%s\t%s\n", rows()[r].work.c_str(), place_name(rows()[r].threads).c_str(),
                  unit_name(rows()[r].unit));
  if (options.list || (asked.empty() && !only.empty())) return 0;

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
  tell(machine, options);
  // What rows keep lives on devices that end before them.
  benchmark::ClearRegisteredBenchmarks();
  rows().clear();
}
