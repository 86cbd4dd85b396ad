// The options of the algorithms that recover rewards, each listed once
// (autograd/options/options.h).

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/tabular/apprenticeship.h"
#include "algorithms/tabular/deep_maxent.h"
#include "algorithms/tabular/maxent.h"
#include "algorithms/tabular/occupancy_matching.h"
#include "autograd/options/options.h"

namespace understudy {

// maxent; and, of linear rewards, max_causal_entropy.
struct LinearMaxEntOptions {
  LinearOptimizer optimizer = LinearOptimizer::lbfgs;
  double learning_rate = 0.1;
  double tolerance = 1e-6;
  double l1 = 0, l2 = 0;
  std::vector<double> start;  // weights; empty: `model_start`, of goals `goal_start`
};

struct CausalMaxEntOptions {
  MaxEntObjective objective = MaxEntObjective::likelihood;
  LinearMaxEntOptions linear;
};

struct SampledMaxEntOptions {
  std::int64_t samples = 256;
  double learning_rate = 0.1;
  double l2 = 0;
  std::vector<double> start;
  std::uint64_t seed = 0;
};

struct DeepLearnerOptions {
  DeepMaxEntOptions deep;
  std::vector<double> start;  // undiscounted: the linear costs that the network corrects
};

// projection, max_margin, mwal.
struct ApprenticeLearnerOptions {
  double tolerance = 1e-6;  // of the distance at which to stop
  ApprenticeOptions apprentice = {.rounds = 500};
};

struct LpalOptions {};

struct NgRussellOptions {
  std::string policy;  // a file; empty: what demonstrations show
  double penalty = 1.0;
  double largest = 1.0;
};

struct NgRussellSampledOptions {
  int policies = 30;
};

void list_options(OptionList& list, LinearMaxEntOptions& options);
void list_options(OptionList& list, CausalMaxEntOptions& options);
void list_options(OptionList& list, SampledMaxEntOptions& options);
void list_options(OptionList& list, RewardNetworkOptions& options);
void list_options(OptionList& list, DeepMaxEntOptions& options);
void list_options(OptionList& list, DeepLearnerOptions& options);
void list_options(OptionList& list, ApprenticeOptions& options);
void list_options(OptionList& list, ApprenticeLearnerOptions& options);
void list_options(OptionList& list, LpalOptions& options);
void list_options(OptionList& list, MaxMarginOptions& options);
void list_options(OptionList& list, OccupancyMatchingOptions& options);
void list_options(OptionList& list, NgRussellOptions& options);
void list_options(OptionList& list, NgRussellSampledOptions& options);

}  // namespace understudy
