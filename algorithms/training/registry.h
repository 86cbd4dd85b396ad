// The algorithms that train policies, one row each; those that recover rewards of tabular problems
// have a table of their own (algorithms/tabular/learner.h). The command's verbs, its help and its
// listings, and docs/settings.md, read these tables; nothing else names algorithms.
//
// A row stands beside what it makes, and the built-in ones are named once, in registry.cpp. One
// that is built outside the library is added by `register_algorithm`, before it is asked for.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "algorithms/training/trainer.h"

namespace understudy {

// What an algorithm cannot do without.
struct AlgorithmNeeds {
  bool environment = false;
  bool demonstrations = false;
  bool states_only = false;   // of the demonstrations it looks at the observations alone
  bool expert = false;        // someone to ask: a policy or another
  bool teacher = false;       // the same, whom the caller chooses
  bool reward = false;        // learns from the environment's own reward
  bool takes_reward = false;  // or from one that was learned, TrainingInputs::reward
};

struct AlgorithmRow {
  const char* name;
  const char* summary;
  const char* observations;  // what it takes
  const char* actions;
  const char* source;
  const char* header;  // where the library has it
  AlgorithmNeeds needs = {};
  std::int64_t iterations = 0;   // by default
  const char* metric = "";       // the one to watch, of those that `step` returns
  bool metric_may_wait = false;  // it may be NaN for a while
  // Null: it is no algorithm of iterations over a policy.
  std::unique_ptr<TrainingSetup> (*setup)(const TrainingInputs& inputs) = nullptr;
};

// In the order in which they are listed; the reference is good until a row is added.
const std::vector<const AlgorithmRow*>& algorithms();
// Null where there is none of that name.
const AlgorithmRow* find_algorithm(const std::string& name);
// An Error "<what>: no algorithm 'x'; the nearest is 'y'; there are: ..." among those that
// `fits` accepts.
const AlgorithmRow& algorithm_named(const std::string& name, const std::string& what = "algorithm",
                                    bool (*fits)(const AlgorithmRow&) = nullptr);
// `row` must outlive all use. An Error where the name is taken. Not while another thread reads.
void register_algorithm(const AlgorithmRow& row);

}  // namespace understudy
