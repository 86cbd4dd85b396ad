// Tabular inference: soft value iteration as a stencil and in general sparse form, the gradient of
// maximum-entropy inverse reinforcement learning, many rewards at once, and the growth of a sweep.
//
// Grids are those of the marks: five actions, the chosen one at 0.7, each of the four moves besides
// at 0.075, discount 0.99, single precision; rewards within 0.1 and 1 in the middle cell.

#include <cmath>
#include <string>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/solver.h"
#include "algorithms/tabular/worlds.h"
#include "bench/bench.h"
#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy::bench {
namespace {

using Kernels = DynamicProgrammingKernels<float>;

const Kernels& table() {
  static const Kernels kernels_of_set = kernels<Kernels>();
  return kernels_of_set;
}

GridDynamics<float> grid(std::int64_t size) { return {size, size, true, 0.7f, 0.0f, 0.075f}; }

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
         Array<float> reward(n), a(n), b(n);
         set_reward(reward, size);
         float *value = a.data(), *next = b.data();
         for (auto _ : state) {
           table().grid_backup(stream(threads), grid(size), Choice::soft, 0.99f, reward.data(),
                               value, next);
           float* const swap = value;
           value = next;
           next = swap;
         }
       }});
}

// The same grid as transitions: every successor an index and a probability.
struct SparseGrid {
  Problem problem;
  std::vector<float> probability;
  explicit SparseGrid(std::int64_t size) {
    GridworldOptions options;
    options.height = options.width = size;
    problem = make_problem(gridworld(options));
    probability.assign(problem.probability.begin(), problem.probability.end());
  }
  SparseDynamics<float> dynamics() const {
    return {problem.n_states,
            problem.n_pairs(),
            problem.n_transitions(),
            problem.pair_begin.data(),
            problem.transition_begin.data(),
            problem.next_state.data(),
            probability.data()};
  }
};

const SparseGrid& sparse_grid(std::int64_t size) {
  static std::vector<std::pair<std::int64_t, SparseGrid*>> made;
  for (auto& [known, problem] : made)
    if (known == size) return *problem;
  made.push_back({size, new SparseGrid(size)});
  return *made.back().second;
}

void add_sparse_sweep(std::int64_t size, int threads) {
  // Some 25 transitions a state of 8 bytes, 5 pairs of 8, and 3 numbers.
  const double bytes = static_cast<double>(size * size) * (25 * 8 + 5 * 8 + 12);
  add({.work = "soft value iteration sweep, " + square(size) + ", sparse",
       .unit = Unit::microseconds,
       .threads = threads,
       .bytes = bytes,
       .level = level_of(bytes),
       .ours = [size, threads](benchmark::State& state) {
         const SparseGrid& problem = sparse_grid(size);
         const std::size_t n = static_cast<std::size_t>(size * size);
         Array<float> reward(5 * n), a(n), b(n);
         float *value = a.data(), *next = b.data();
         for (auto _ : state) {
           table().backup(stream(threads), problem.dynamics(),
                          {Choice::soft, Outlook::causal, 0.99f}, 1, reward.data(), true, value,
                          nullptr, next);
           float* const swap = value;
           value = next;
           next = swap;
         }
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
             table().grid_backup(stream(threads), grid(size), Choice::soft, 1.0f, reward.data(),
                                 values.data() + (t + 1) * n, values.data() + t * n);
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

// A thousand random rewards on one problem: in lanes, or one after another. Ten sweeps each.
void add_many_rewards(bool together) {
  constexpr std::int64_t size = 32, rewards = 1000, sweeps = 10;
  add({.work = std::string("1000 rewards, 32 x 32 sparse, 10 sweeps, ") +
               (together ? "batched" : "one by one"),
       .unit = Unit::microseconds,
       .threads = 1,
       .ours = [together](benchmark::State& state) {
         const SparseGrid& problem = sparse_grid(size);
         const std::size_t n = size * size;
         const std::size_t batch = together ? rewards : 1, rounds = together ? 1 : rewards;
         Array<float> reward(5 * n * rewards), a(n * batch), b(n * batch);
         for (auto _ : state)
           for (std::size_t round = 0; round < rounds; ++round) {
             float *value = a.data(), *next = b.data();
             for (int sweep = 0; sweep < sweeps; ++sweep) {
               table().backup(stream(1), problem.dynamics(), {Choice::soft, Outlook::causal, 0.9f},
                              static_cast<std::int64_t>(batch), reward.data() + round * 5 * n,
                              false, value, nullptr, next);
               float* const swap = value;
               value = next;
               next = swap;
             }
           }
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
             table().grid_backup(stream(threads), grid(size), Choice::soft, 0.99f, reward.data(),
                                 value, next);
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
  for (int threads : {1, 2}) {
    for (std::int64_t size : {32, 128, 512, 1024}) add_stencil_sweep(size, threads);
    for (std::int64_t size : {32, 128, 1024}) add_sparse_sweep(size, threads);
    for (std::int64_t size : {32, 1024}) add_gradient(size, threads);
    add_solve(1024, threads);
  }
  add_many_rewards(true);
  add_many_rewards(false);
  // From 10^3 to 10^7 states.
  for (std::int64_t size : {100, 316, 3162}) add_stencil_sweep(size, 1);
  return true;
}();

}  // namespace
}  // namespace understudy::bench
