#include "bench/machine.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "kernels/device/instruction_set.h"

namespace understudy::bench {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The same two loops for each instruction set. Twelve accumulators cover four cycles of latency on
// two or three units; the values stay finite, so that no slow path is taken. The factor is read
// when the loop begins: a compiler that knew it left out the sum that starts where s = s / 2 + 1
// stands still, and the peak came out higher by a twelfth than it is.
constexpr int accumulators = 12;
volatile float factor = 0.5f;
#define UNDERSTUDY_LIMITS(set, bytes, attributes)                                \
  namespace set {                                                                \
  typedef float V __attribute__((vector_size(bytes), aligned(4)));               \
  constexpr int lanes = bytes / 4;                                               \
  attributes float multiply_add(long n) {                                        \
    V sum[accumulators], x = V{} + factor, y = V{} + 1.0f;                       \
    for (int j = 0; j < accumulators; ++j) sum[j] = V{} + static_cast<float>(j); \
    for (long i = 0; i < n; ++i)                                                 \
      for (int j = 0; j < accumulators; ++j) sum[j] = sum[j] * x + y;            \
    float total = 0;                                                             \
    for (int j = 0; j < accumulators; ++j) total += sum[j][0];                   \
    return total;                                                                \
  }                                                                              \
  attributes void triad(float* a, const float* b, const float* c, long n) {      \
    const V s = V{} + 3.0f;                                                      \
    for (long i = 0; i + 4 * lanes <= n; i += 4 * lanes)                         \
      for (int j = 0; j < 4; ++j) {                                              \
        V u, v;                                                                  \
        std::memcpy(&u, b + i + j * lanes, bytes);                               \
        std::memcpy(&v, c + i + j * lanes, bytes);                               \
        u = u + s * v;                                                           \
        std::memcpy(a + i + j * lanes, &u, bytes);                               \
      }                                                                          \
  }                                                                              \
  }
UNDERSTUDY_LIMITS(portable, 16, )
#if defined(__x86_64__)
UNDERSTUDY_LIMITS(avx2, 32, __attribute__((target("avx2,fma"))))
UNDERSTUDY_LIMITS(avx512, 64, __attribute__((target("avx512f,avx2,fma"))))
#endif

struct Limits {
  float (*multiply_add)(long);
  void (*triad)(float*, const float*, const float*, long);
  int lanes;
};

Limits limits(InstructionSet set) {
#if defined(__x86_64__)
  if (set == InstructionSet::avx512) return {avx512::multiply_add, avx512::triad, 16};
  if (set == InstructionSet::avx2) return {avx2::multiply_add, avx2::triad, 8};
#endif
  return {portable::multiply_add, portable::triad, 4};
}

// The rate, in units a second, at which `threads` threads together do `work`, each call of which is
// `units`: the best of several stretches, since a limit is what the machine can do.
double best_rate(int threads, double units, double stretch_seconds, int stretches,
                 const std::function<void(int thread)>& work) {
  double best = 0;
  for (int stretch = 0; stretch < stretches; ++stretch) {
    std::atomic<int> ready{0};
    std::vector<double> rates(static_cast<std::size_t>(threads));
    const auto run = [&](int thread) {
      work(thread);
      ++ready;
      while (ready.load() < threads) {
      }
      const auto start = Clock::now();
      double done = 0, elapsed = 0;
      do {
        work(thread);
        done += units;
        elapsed = seconds_since(start);
      } while (elapsed < stretch_seconds);
      rates[static_cast<std::size_t>(thread)] = done / elapsed;
    };
    std::vector<std::thread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(run, thread);
    run(0);
    for (std::thread& other : others) other.join();
    double rate = 0;
    for (double one : rates) rate += one;
    best = std::max(best, rate);
  }
  return best;
}

std::atomic<float> sink;

double peak(InstructionSet set, int threads, double stretch_seconds, int stretches) {
  const Limits limit = limits(set);
  constexpr long loops = 10000;
  const double operations = 2.0 * accumulators * limit.lanes * loops;
  return 1e-9 * best_rate(threads, operations, stretch_seconds, stretches,
                          [&](int) { sink = limit.multiply_add(loops); });
}

// Bytes a thread, the three arrays together: well inside the level, well outside the one above.
constexpr std::size_t level_bytes[] = {18u << 10, 480u << 10, 6u << 20, 384u << 20};

double bandwidth(Level level, int threads) {
  const Limits limit = limits(best_instruction_set());
  const long n = static_cast<long>(level_bytes[static_cast<int>(level)] / 12 / 64 * 64);
  std::vector<std::vector<float>> arrays(static_cast<std::size_t>(threads));
  for (auto& array : arrays) array.assign(static_cast<std::size_t>(3 * n + 64), 1.0f);
  const long repeats = level == Level::l1 ? 100 : level == Level::l2 ? 4 : 1;
  const bool slow = level == Level::dram;
  return 1e-9 * best_rate(threads, 12.0 * static_cast<double>(n * repeats), slow ? 0.15 : 0.02,
                          slow ? 2 : 3, [&](int thread) {
                            float* first = arrays[static_cast<std::size_t>(thread)].data();
                            first += (64 - reinterpret_cast<std::uintptr_t>(first) % 64) % 64 / 4;
                            for (long i = 0; i < repeats; ++i)
                              limit.triad(first, first + n, first + 2 * n, n);
                          });
}

// An addition that waits for the one before takes one cycle.
double clock_ghz(double stretch_seconds, int stretches) {
  constexpr long rounds = 20000, additions = 8;
  return 1e-9 * best_rate(1, rounds * additions, stretch_seconds, stretches, [](int) {
           long value = 0;
           // The empty instruction keeps the additions from being summed up beforehand.
           const auto add = [&](long i) {
             value += i;
             asm volatile("" : "+r"(value));
           };
           for (long i = 0; i < rounds; ++i) {
             add(i), add(i), add(i), add(i);
             add(i), add(i), add(i), add(i);
           }
         });
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

}  // namespace

double Machine::peak(int threads) const {
  return peak_gflops[static_cast<int>(best_instruction_set())][threads - 1];
}

double Machine::bandwidth(Level level, int threads) const {
  return bandwidth_gbps[static_cast<int>(level)][threads - 1];
}

Pace measure_pace(int threads) {
  return {peak(best_instruction_set(), threads, 2e-4, 4), clock_ghz(1e-4, 3)};
}

double measure_ping_pong() {
  struct alignas(128) Line {
    std::atomic<int> value{0};
  };
  const auto line = std::make_unique<Line>();
  constexpr int rounds = 5000;
  std::thread other([&] {
    for (int i = 0; i < rounds; ++i) {
      while (line->value.load(std::memory_order_acquire) != 2 * i + 1) {
      }
      line->value.store(2 * i + 2, std::memory_order_release);
    }
  });
  const auto go = [&](int from, int to) {
    const auto start = Clock::now();
    for (int i = from; i < to; ++i) {
      line->value.store(2 * i + 1, std::memory_order_release);
      while (line->value.load(std::memory_order_acquire) != 2 * i + 2) {
      }
    }
    return seconds_since(start);
  };
  // Ten stretches, the median: one interruption would spoil a mean.
  std::vector<double> stretches;
  for (int i = 0; i < 10; ++i) stretches.push_back(go(i * rounds / 10, (i + 1) * rounds / 10));
  other.join();
  std::sort(stretches.begin(), stretches.end());
  return stretches[5] / (rounds / 10) * 1e9;
}

const char* state_name(double ping_pong_ns) { return ping_pong_ns < 150 ? "near" : "far"; }

Machine measure_machine() {
  Machine machine;
  machine.processor = processor_name();
  machine.ping_pong_ns = measure_ping_pong();
  for (int threads = 1; threads <= 2; ++threads) {
    for (Level level : {Level::l1, Level::l2, Level::l3, Level::dram})
      machine.bandwidth_gbps[static_cast<int>(level)][threads - 1] = bandwidth(level, threads);
  }
  for (int threads = 1; threads <= 2; ++threads)
    for (int row = 0; row < instruction_set_count; ++row)
      if (available(instruction_sets[row].set))
        machine.peak_gflops[row][threads - 1] = peak(instruction_sets[row].set, threads, 0.01, 10);
  machine.clock_ghz = clock_ghz(0.003, 20);  // last: by now the processor is awake
  return machine;
}

void print(const Machine& machine) {
  std::printf("%s, %.2f GHz; a cache line goes there and back in %.0f ns (%s)\n",
              machine.processor.c_str(), machine.clock_ghz, machine.ping_pong_ns,
              state_name(machine.ping_pong_ns));
  std::printf("%-28s %10s %10s\n", "limit", "1 thread", "2 threads");
  for (int row = 0; row < instruction_set_count; ++row) {
    const double* peaks = machine.peak_gflops[row];
    if (peaks[0] > 0)
      std::printf("%-10s peak, GFLOP/s    %10.1f %10.1f\n", instruction_sets[row].name, peaks[0],
                  peaks[1]);
  }
  static constexpr const char* levels[] = {"L1", "L2", "L3", "DRAM"};
  for (int level = 0; level < 4; ++level)
    std::printf("%-10s triad, GB/s      %10.1f %10.1f\n", levels[level],
                machine.bandwidth_gbps[level][0], machine.bandwidth_gbps[level][1]);
}

}  // namespace understudy::bench
