// Tabular inference: soft value iteration as a stencil and in general sparse form, the gradient of
// maximum-entropy inverse reinforcement learning, many rewards at once, and the growth of a sweep.
//
// Grids are those of the marks: five actions, the chosen one at 0.7, each of the four moves besides
// at 0.075, discount 0.99, single precision; rewards within 0.1 and 1 in the middle cell.

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/tabular/grid_solver.h"
#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/solver.h"
#include "algorithms/tabular/worlds.h"
#include "bench/bench.h"
#include "kernels/dynamic_programming/packed.h"

namespace understudy::bench {
namespace {

using Kernels = DynamicProgrammingKernels<float>;

const Kernels& table() {
  static const Kernels kernels_of_set = kernels<DynamicProgrammingKernels, float>();
  return kernels_of_set;
}

GridDynamics<float> grid(std::int64_t size) { return {size, size, true, 0.7f, 0.0f, 0.075f}; }

// The kernels and the stream of a place.
const Kernels& table_of(int threads) {
  return threads == gpu ? device(gpu).kernels<float>().dynamic_programming : table();
}
Stream& stream_of(int threads) { return threads == gpu ? device(gpu).stream() : stream(threads); }

void set_reward(Array<float>& reward, std::int64_t size) {
  for (std::int64_t s = 0; s < size * size; ++s) reward.data()[s] *= 0.1f;
  reward.data()[size / 2 * size + size / 2] = 1.0f;
}

Level level_of(double bytes) {
  return bytes < 900e3 ? Level::l2 : bytes < 24e6 ? Level::l3 : Level::dram;
}

std::string square(std::int64_t size) {
  return std::to_string(size) + " x " + std::to_string(size);
}

void add_stencil_sweep(std::int64_t size, int threads) {
  const double states = static_cast<double>(size * size);
  add({.work = "soft value iteration sweep, " + square(size) + ", stencil",
       .unit = Unit::microseconds,
       .threads = threads,
       .bytes = 12.0 * states,
       .level = level_of(12.0 * states),
       .ours = [size, threads](benchmark::State& state) {
         const std::size_t n = static_cast<std::size_t>(size * size);
         // Any reward is as much work.
         PlacedArray reward(threads, n), a(threads, n), b(threads, n);
         float *value = a.data(), *next = b.data();
         for (auto _ : state) {
           table_of(threads).grid_backup(stream_of(threads), grid(size), Backup::log_sum_exp, 0.99f,
                                         reward.data(), value, next);
           if (threads == gpu) device(gpu).synchronize();
           float* const swap = value;
           value = next;
           next = swap;
         }
       }});
}

// The same grid as transitions: every successor an index and a probability. `shuffled`: its cells
// numbered at random, so that nothing about the numbering helps.
struct SparseGrid {
  Problem problem;
  std::vector<float> probability;
  PackedStore<float> packed;
  explicit SparseGrid(std::int64_t size, bool shuffled)
      : problem(made(size, shuffled)),
        probability(problem.probability.begin(), problem.probability.end()),
        packed(problem.dynamics()) {}
  SparseDynamics<float> dynamics() const {
    return {problem.n_states,
            problem.n_pairs(),
            problem.n_transitions(),
            problem.pair_begin.data(),
            problem.transition_begin.data(),
            problem.next_state.data(),
            probability.data()};
  }

 private:
  static Problem made(std::int64_t size, bool shuffled) {
    GridworldOptions options;
    options.height = options.width = size;
    ProblemTable table = gridworld(options);
    if (shuffled) {
      std::vector<std::int64_t> number(static_cast<std::size_t>(size * size));
      std::iota(number.begin(), number.end(), 0);
      std::mt19937_64 random(1);
      std::shuffle(number.begin(), number.end(), random);
      for (std::int64_t& s : table.state) s = number[static_cast<std::size_t>(s)];
      for (std::int64_t& s : table.next_state) s = number[static_cast<std::size_t>(s)];
    }
    return make_problem(table);
  }
};

const SparseGrid& sparse_grid(std::int64_t size, bool shuffled = false) {
  static std::map<std::pair<std::int64_t, bool>, std::unique_ptr<SparseGrid>> made;
  auto& grid = made[{size, shuffled}];
  if (!grid) grid = std::make_unique<SparseGrid>(size, shuffled);
  return *grid;
}

enum class Form { packed, shuffled, rows };

// Sweeps of the general sparse form: packed, packed with the cells numbered at random, and by rows
// of transitions. The floor is the bytes of the form itself.
void add_sparse_sweep(std::int64_t size, Form form, int threads) {
  const double states = static_cast<double>(size * size);
  // By rows 21 transitions a state of 8 bytes, 5 pairs of 8, 3 numbers; packed, 5 rewards, 2
  // numbers, an index and the new value's line, and at random 5 indices and some 21 probabilities.
  const double bytes = states * (form == Form::rows       ? 21 * 8 + 5 * 8 + 12
                                 : form == Form::shuffled ? 5 * 4 + 12 + 5 * 4
                                                          : 5 * 4 + 12 + 11);
  add({.work = "soft value iteration sweep, " + square(size) + ", sparse" +
               (form == Form::rows       ? " by rows"
                : form == Form::shuffled ? ", cells at random"
                                         : ""),
       .unit = Unit::microseconds,
       .threads = threads,
       .bytes = bytes,
       .level = level_of(bytes),
       .ours = [size, form, threads](benchmark::State& state) {
         const SparseGrid& grid = sparse_grid(size, form == Form::shuffled);
         const std::size_t n = static_cast<std::size_t>(size * size);
         const std::size_t rows = static_cast<std::size_t>(grid.packed.view().pair_rows);
         Array<float> reward(std::max(5 * n, 16 * rows)), a(n), b(n);
         float *value = a.data(), *next = b.data();
         const BackupRule<float> rule{Backup::log_sum_exp, Expectation::causal, 0.99f};
         for (auto _ : state) {
           if (form == Form::rows)
             table().backup(stream(threads), grid.dynamics(), rule, 1, reward.data(), true, value,
                            nullptr, next);
           else
             table().packed_backup(stream(threads), grid.dynamics(), grid.packed.view(), rule,
                                   reward.data(), reward.data(), value, next, nullptr);
           std::swap(value, next);
         }
         state.counters["bytes"] = static_cast<double>(grid.packed.bytes());
       }});
}

// Backward over the horizon, forward again, visits summed: the gradient with respect to each cell's
// reward.
void add_gradient(std::int64_t size, int threads) {
  constexpr int horizon = 100;
  const double states = static_cast<double>(size * size);
  add({.work = "MaxEnt gradient, T = 100, " + square(size),
       .unit = Unit::microseconds,
       .threads = threads,
       .bytes = horizon * states * (12.0 + 16.0),
       .level = level_of(horizon * states * 4.0),
       .ours = [size, threads](benchmark::State& state) {
         const std::size_t n = static_cast<std::size_t>(size * size);
         Array<float> reward(n), values((horizon + 1) * n), a(n), b(n), total(n);
         set_reward(reward, size);
         for (auto _ : state) {
           for (std::size_t s = 0; s < n; ++s) values.data()[horizon * n + s] = 0.0f;
           for (int t = horizon - 1; t >= 0; --t)
             table().grid_backup(stream(threads), grid(size), Backup::log_sum_exp, 1.0f,
                                 reward.data(), values.data() + (t + 1) * n, values.data() + t * n);
           float *here = a.data(), *next = b.data();
           for (std::size_t s = 0; s < n; ++s)
             total.data()[s] = here[s] = 1.0f / static_cast<float>(n);
           for (int t = 0; t + 1 < horizon; ++t) {
             table().grid_forward(stream(threads), grid(size), 1.0f, 1.0f, nullptr,
                                  values.data() + (t + 1) * n, here, next, total.data());
             float* const swap = here;
             here = next;
             next = swap;
           }
           double visits = 0;
           for (std::size_t s = 0; s < n; ++s) visits += total.data()[s];
           // A float's rounding on every step, the same way at worst.
           if (std::abs(visits - horizon) > 0.05) state.SkipWithError("occupancy is lost");
         }
       }});
}

// A thousand random rewards on one problem, ten sweeps each: in lanes, panel by panel of 64 as
// `solve` has them, or one after another, from the rows of transitions, packed, or as stencils.
enum class Many { in_panels, by_rows, packed, stencil };

void add_many_rewards(Many how) {
  constexpr std::int64_t size = 32, rewards = 1024, sweeps = 10, panel = 64;
  add({.work = "1024 rewards, 32 x 32 sparse, 10 sweeps, " +
               std::string(how == Many::in_panels ? "batched"
                           : how == Many::by_rows ? "one by one by rows"
                           : how == Many::packed  ? "one by one packed"
                                                  : "one by one, stencil"),
       .unit = Unit::microseconds,
       .threads = 1,
       .ours = [how](benchmark::State& state) {
         const SparseGrid& grid = sparse_grid(size);
         const std::size_t n = size * size;
         const std::int64_t batch = how == Many::in_panels ? panel : 1;
         const std::size_t own = how == Many::packed
                                     ? static_cast<std::size_t>(grid.packed.view().pair_rows * 16)
                                 : how == Many::stencil ? n
                                                        : 5 * n;
         const std::size_t lanes = static_cast<std::size_t>(batch);
         Array<float> reward(own * rewards), a(n * lanes), b(n * lanes);
         const BackupRule<float> rule{Backup::log_sum_exp, Expectation::causal, 0.9f};
         for (auto _ : state)
           for (std::size_t round = 0; round < rewards / lanes; ++round) {
             float *value = a.data(), *next = b.data();
             const float* const r = reward.data() + round * own * lanes;
             for (int sweep = 0; sweep < sweeps; ++sweep) {
               if (how == Many::packed)
                 table().packed_backup(stream(1), grid.dynamics(), grid.packed.view(), rule, r, r,
                                       value, next, nullptr);
               else if (how == Many::stencil)
                 table().grid_backup(stream(1), bench::grid(size), Backup::log_sum_exp, 0.9f, r,
                                     value, next);
               else
                 table().backup(stream(1), grid.dynamics(), rule, batch, r, false, value, nullptr,
                                next);
               std::swap(value, next);
             }
           }
       }});
}

// The ladder: solved to a change of 1e-4, whatever a method needs made anew; values alone.
struct Rung {
  const char* name;
  SolveMethod method;
  SolvePrecision precision;
};

std::string rung_name(std::int64_t size, const char* form, const Rung& rung) {
  return "solve to 1e-4 at discount 0.99, " + square(size) + ", " + form + ", " + rung.name +
         (rung.precision == SolvePrecision::f32 ? " f32" : " f64");
}

// As a stencil, by `solve_grid`.
void add_grid_rung(std::int64_t size, const Rung& rung, int threads) {
  add({.work = rung_name(size, "stencil", rung),
       .unit = Unit::microseconds,
       .threads = threads,
       .ours = [size, rung, threads](benchmark::State& state) {
         const std::size_t n = static_cast<std::size_t>(size * size);
         Array<float> reward(n);
         set_reward(reward, size);
         GridForm form{{size, size, true, 0.7, 0.0, 0.075}, {}};
         form.reward.assign(reward.data(), reward.data() + n);
         const std::unique_ptr<Device> processor =
             cpu_device(stream(threads).threads, instruction_set());
         Solution solution;
         for (auto _ : state)
           solution =
               solve_grid(*processor, form, 0.99,
                          {.method = rung.method, .tolerance = 1e-4, .precision = rung.precision});
         state.counters["sweeps"] = solution.iterations;
       }});
}

// In the sparse form, by `solve`, or `recognized` there as a stencil.
void add_rung(std::int64_t size, const Rung& rung, bool recognized, int threads) {
  add({.work = rung_name(size, recognized ? "sparse, recognized" : "sparse", rung),
       .unit = Unit::microseconds,
       .threads = threads,
       .ours = [size, rung, recognized, threads](benchmark::State& state) {
         static std::map<std::int64_t, Problem> problems;
         Problem& problem = problems[size];
         if (problem.n_states == 0) {
           GridworldOptions options;
           options.height = options.width = size;
           options.discount = 0.99;
           ProblemTable table = gridworld(options);
           table.shape = {size, size};
           problem = make_problem(table);
         }
         const std::size_t n = static_cast<std::size_t>(size * size);
         Array<float> of_state(n);
         set_reward(of_state, size);
         std::vector<double> reward;
         for (std::size_t s = 0; s < n; ++s)
           reward.insert(reward.end(), 5, static_cast<double>(of_state.data()[s]));
         const std::unique_ptr<Device> processor =
             cpu_device(stream(threads).threads, instruction_set());
         Solution solution;
         for (auto _ : state)
           solution = solve(*processor, problem, reward,
                            {.method = rung.method,
                             .tolerance = 1e-4,
                             .precision = rung.precision,
                             .values_only = true,
                             .stencil = recognized});
         state.counters["sweeps"] = solution.iterations;
       }});
}

// Solving to 1e-4 at discount 0.99 by plain sweeps of the stencil, the change looked at every
// tenth.
void add_solve(std::int64_t size, int threads) {
  add({.work = "solve to 1e-4 at discount 0.99, " + square(size) + ", plain sweeps",
       .unit = Unit::microseconds,
       .threads = threads,
       .ours = [size, threads](benchmark::State& state) {
         const std::size_t n = static_cast<std::size_t>(size * size);
         Array<float> reward(n), a(n), b(n);
         set_reward(reward, size);
         for (auto _ : state) {
           for (std::size_t s = 0; s < n; ++s) a.data()[s] = 0.0f;
           float *value = a.data(), *next = b.data(), change = 1;
           for (int sweep = 0; change > 1e-4f && sweep < 5000; ++sweep) {
             table().grid_backup(stream(threads), grid(size), Backup::log_sum_exp, 0.99f,
                                 reward.data(), value, next);
             if (sweep % 10 == 9)
               table().maximum_change(stream(threads), static_cast<std::int64_t>(n), value, next,
                                      &change);
             float* const swap = value;
             value = next;
             next = swap;
           }
         }
       }});
}

const bool added = [] {
  using Method = SolveMethod;
  constexpr auto f32 = SolvePrecision::f32, f64 = SolvePrecision::f64;
  constexpr Rung on_the_grid[] = {{"plain sweeps", Method::value_iteration, f32},
                                  {"extrapolated", Method::extrapolated, f32},
                                  {"momentum", Method::momentum, f32},
                                  {"anderson", Method::anderson, f32},
                                  {"multigrid", Method::multigrid, f32},
                                  {"multigrid", Method::multigrid, f64}};
  constexpr Rung sparse[] = {{"plain sweeps", Method::value_iteration, f32},
                             {"momentum", Method::momentum, f32},
                             {"anderson", Method::anderson, f32},
                             {"multigrid", Method::multigrid, f32},
                             {"multigrid", Method::multigrid, f64}};
  constexpr Rung small[] = {
      {"plain sweeps", Method::value_iteration, f64},
      {"modified policy iteration", Method::modified_policy_iteration, f64},
      {"policy iteration", Method::policy_iteration, f64},  // its factors fill in too much at 1024
      {"anderson", Method::anderson, f64},
      {"multigrid", Method::multigrid, f64}};
  for (int threads : places())
    for (std::int64_t size : {32, 128, 512, 1024}) add_stencil_sweep(size, threads);
  for (int threads : {1, 2}) {
    for (std::int64_t size : {32, 128, 512, 1024}) add_sparse_sweep(size, Form::packed, threads);
    add_sparse_sweep(1024, Form::shuffled, threads);
    add_sparse_sweep(1024, Form::rows, threads);
    for (std::int64_t size : {32, 128, 512, 1024}) add_gradient(size, threads);
    add_solve(1024, threads);
    for (const Rung& rung : on_the_grid) add_grid_rung(1024, rung, threads);
    for (const Rung& rung : sparse) add_rung(1024, rung, false, threads);
    add_rung(1024, {"multigrid", Method::multigrid, f32}, true, threads);
  }
  for (const Rung& rung : small) add_rung(128, rung, false, 1);
  add_grid_rung(128, {"multigrid", Method::multigrid, f64}, 1);
  for (Many how : {Many::in_panels, Many::by_rows, Many::packed, Many::stencil})
    add_many_rewards(how);
  // Growth: with those above, from 10^3 to 10^7 states.
  for (std::int64_t size : {64, 181, 256, 2048, 3162}) add_stencil_sweep(size, 1);
  for (std::int64_t size : {64, 256}) add_sparse_sweep(size, Form::packed, 1);
  return true;
}();

}  // namespace
}  // namespace understudy::bench
