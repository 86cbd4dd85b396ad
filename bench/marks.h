// The marks: what each piece of work is held to, on one thread and on two.
//
// A mark was set on a Zen 5 at 288 GFLOP/s a core, 575 on two, and 4.37 GHz. Elsewhere it is
// printed as it stands and also scaled to that machine by what limits the work: arithmetic by the
// measured peaks, a chain of small things by the measured clocks.

#pragma once

#include <string_view>

namespace understudy::bench {

enum class Limit { arithmetic, clock, none };

struct Mark {
  const char* work;
  double figure[2];  // on one thread, on two; 0: none
  Limit limit;
  double peer_figure[2];  // the best peer's, where the mark was set; 0: not measured
};

// Where the marks were set.
constexpr double reference_peak_gflops[2] = {288, 575};
constexpr double reference_clock_ghz = 4.37;

constexpr Mark marks[] = {
    // Products, GFLOP/s.
    {"sgemm 1024 x 1024 x 1024 forward", {265, 515}, Limit::arithmetic, {273, 525}},
    {"sgemm 2048 x 2048 x 2048 forward", {265, 515}, Limit::arithmetic, {267, 515}},
    {"sgemm 5000 x 256 x 256 forward", {270, 520}, Limit::arithmetic, {268, 520}},
    {"sgemm 5000 x 256 x 256 dX", {270, 520}, Limit::arithmetic, {269, 515}},
    {"sgemm 5000 x 256 x 256 dW", {270, 520}, Limit::arithmetic, {256, 496}},
    {"sgemm 5000 x 100 x 100 forward", {250, 480}, Limit::arithmetic, {235, 391}},
    {"sgemm 5000 x 100 x 100 dX", {250, 480}, Limit::arithmetic, {234, 388}},
    {"sgemm 5000 x 100 x 100 dW", {250, 480}, Limit::arithmetic, {216, 308}},
    {"sgemm 5000 x 17 x 100 forward", {230, 400}, Limit::arithmetic, {185, 264}},
    {"sgemm 5000 x 17 x 100 dX", {200, 350}, Limit::arithmetic, {135, 241}},
    {"sgemm 5000 x 17 x 100 dW", {180, 320}, Limit::arithmetic, {121, 150}},
    {"sgemm 5000 x 100 x 6 forward", {130, 230}, Limit::arithmetic, {56, 82}},
    {"sgemm 5000 x 100 x 6 dX", {130, 230}, Limit::arithmetic, {116, 158}},
    {"sgemm 5000 x 100 x 6 dW", {130, 230}, Limit::arithmetic, {50, 65}},

    // A training step of 17-100-100-6 with Adam, microseconds.
    {"training step, batch 64", {30, 30}, Limit::arithmetic, {242, 244}},
    {"training step, batch 256", {100, 70}, Limit::arithmetic, {354, 327}},
    {"training step, batch 1024", {380, 200}, Limit::arithmetic, {823, 634}},
    {"training step, batch 5000", {1800, 950}, Limit::arithmetic, {3270, 2240}},
    {"training step, batch 50000", {18000, 9500}, Limit::arithmetic, {43600, 30700}},

    // The product of the Fisher information of the same network with a vector, microseconds.
    {"Fisher-vector product, batch 5000", {2000, 1050}, Limit::arithmetic, {2680, 2200}},
    {"Fisher-vector product, batch 50000", {21000, 11000}, Limit::arithmetic, {40600, 33000}},

    // A trust-region step of the same network with 11 products, microseconds; the loop around it.
    {"TRPO update, batch 5000", {26000, 14000}, Limit::arithmetic, {107000, 90000}},
    {"TRPO update, batch 50000", {270000, 140000}, Limit::arithmetic, {1394000, 1216000}},
    {"TRPO on CartPole", {150e3, 250e3}, Limit::arithmetic, {0, 0}},
    {"TRPO on CartPole, products over every 10th pair", {150e3, 250e3}, Limit::none, {0, 0}},

    // Off the policy: a gradient step with drawing and gathering, microseconds. Marks are 1.5 and
    // 15 times PyTorch tuned, and 20 times `imitation`'s SQIL, measured beside them.
    {"SAC update, 2 x 256, batch 256", {0, 0}, Limit::arithmetic, {0, 0}},
    {"DQN update on CartPole, 2 x 64, batch 64", {0, 0}, Limit::arithmetic, {0, 0}},
    {"SQIL on CartPole to a mean of 475", {0, 0}, Limit::arithmetic, {0, 0}},

    // Other networks: a training step with Adam, microseconds.
    {"LSTM(64), 50 steps, batch 32", {1600, 1000}, Limit::arithmetic, {4100, 4000}},
    {"Nature CNN, 32 images", {3000, 1700}, Limit::arithmetic, {4300, 2600}},
    {"3x3 CNN, 32 images", {8000, 4500}, Limit::arithmetic, {11800, 6750}},

    // Acting on one observation, microseconds: a chain of small things, so the clock limits it.
    {"act, MLP", {0.7, 0}, Limit::clock, {7.6, 0}},
    {"act, MLP with sampling", {1.0, 0}, Limit::clock, {16.8, 0}},
    {"act, LSTM step", {2.0, 0}, Limit::clock, {15.7, 0}},
    {"act, Nature CNN", {60, 0}, Limit::arithmetic, {117, 0}},

    // A draw from a masked autoregressive policy, microseconds.
    {"draw of 6 x 64 bins, batch 1", {15, 0}, Limit::clock, {0, 0}},

    // A step of Adam for a mixture LSTM of 64 units and 20 components; the mark is 2.5 times
    // PyTorch tuned, measured beside it.
    {"mixture LSTM, 32 drawings of 96 offsets", {0, 0}, Limit::arithmetic, {0, 0}},

    // Soft value iteration on gridworlds, microseconds; peers are NumPy, Numba and SciPy's CSR.
    {"soft value iteration sweep, 32 x 32, stencil", {3, 3}, Limit::arithmetic, {15.5, 8.7}},
    {"soft value iteration sweep, 128 x 128, stencil", {25, 14}, Limit::arithmetic, {92, 91}},
    {"soft value iteration sweep, 512 x 512, stencil", {330, 180}, Limit::arithmetic, {1450, 1430}},
    {"soft value iteration sweep, 1024 x 1024, stencil",
     {1300, 700},
     Limit::arithmetic,
     {8500, 7300}},
    {"soft value iteration sweep, 1024 x 1024, sparse", {7000, 5000}, Limit::none, {20300, 0}},
    {"solve to 1e-4 at discount 0.99, 1024 x 1024, plain sweeps",
     {1.3e6, 0.7e6},
     Limit::arithmetic,
     {8.7e6, 8.5e6}},
    {"MaxEnt gradient, T = 100, 32 x 32", {700, 700}, Limit::arithmetic, {5300, 0}},
    {"MaxEnt gradient, T = 100, 1024 x 1024", {3.0e5, 1.7e5}, Limit::arithmetic, {2.57e6, 0}},

    // Environments under random actions, resets included, steps/s.
    {"cartpole, 1024 environments", {1.2e9, 0}, Limit::arithmetic, {0, 0}},
    {"cartpole, 16384 environments", {1.2e9, 2.2e9}, Limit::arithmetic, {0, 0}},
    {"cartpole, one environment", {40e6, 0}, Limit::clock, {0, 0}},

    // Imitation on CartPole; the peer is the library `imitation` (its tutorial's settings).
    {"cloning on CartPole, batch 32, gradient steps", {50e3, 0}, Limit::arithmetic, {1063, 0}},
    {"cloning on CartPole to a mean of 475", {20e3, 0}, Limit::arithmetic, {280e3, 0}},
    {"GAIL on CartPole, the whole loop", {150e3, 250e3}, Limit::arithmetic, {7813, 8007}},
    {"GAIL on CartPole to a mean of 475", {1e6, 0}, Limit::arithmetic, {14.8e6, 19.5e6}},
    {"GAIL on CartPole of a fixed horizon to a mean of 475",
     {4e6, 0},
     Limit::arithmetic,
     {57.1e6, 0}},
};

constexpr const Mark* find_mark(std::string_view work) {
  for (const Mark& mark : marks)
    if (work == mark.work) return &mark;
  return nullptr;
}

}  // namespace understudy::bench
