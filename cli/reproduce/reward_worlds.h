// What `reproduce objectworld` and `reproduce binaryworld` share: rewards learned on one map by six
// algorithms from the same demonstrations, and scored by expected value difference there and on
// another map.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "algorithms/tabular/deep_maxent.h"
#include "algorithms/tabular/problem.h"
#include "cli/reproduce/reproduce.h"

namespace understudy::cli {

// Hyperparameters were chosen on maps of seeds from 1000 on, which no reported run uses.
struct RewardWorld {
  // A map of the given seed.
  std::function<ProblemTable(std::uint64_t)> map;
  // What the convolutional network sees of a map: colors cell by cell, without distances or
  // windows worked out for it.
  std::function<RewardFeatures(const Problem&)> image;
  // Precision of a Gaussian prior on weights or parameters: with N demonstrations l2 is prior / N.
  double linear_prior = 2.0, mlp_prior = 2.0, convolutional_prior = 6.0;
  DeepMaxEntOptions mlp, convolutional;
  int deep_steps = 300;
};

struct RewardWorldOptions {
  std::vector<std::int64_t> demonstrations = {8, 16, 32, 64, 128};
  std::int64_t steps = 8;       // of a demonstration
  std::int64_t first_seed = 0;  // of the maps
  double random_actions = 0.3;
};
void list_options(OptionList& list, RewardWorldOptions& options);

// Appends a table for the training maps and one for the transfer maps.
void compare_rewards(Reproduction& reproduction, const RewardWorld& world,
                     const RewardWorldOptions& options);

// The mean and its 95 % interval by the bootstrap: percentiles of the means of 10000 resamples.
Spread bootstrap_spread(const std::vector<double>& values);

// parts(0), ..., parts(n - 1) on `threads` threads (0: one a core); the first error is
// thrown when all have ended.
void in_parallel(int threads, std::int64_t n, const std::function<void(std::int64_t)>& part);

}  // namespace understudy::cli
