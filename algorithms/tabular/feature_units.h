// Features in units of their own: each divided by the largest magnitude that it has anywhere. So
// what a learner finds does not depend on whether a length is in meters or in miles: tolerances,
// steps, penalties and margins are of the divided features; weights, their errors and feature gaps
// are given back in the caller's units. A feature whose largest magnitude is 1 is left as it is.
//
// Thread safety: as TabularLearner.

#pragma once

#include <functional>
#include <vector>

#include "algorithms/tabular/learner.h"

namespace understudy {

// [F]: the largest magnitude of each feature; 1 of one that is 0 everywhere.
std::vector<double> feature_units(const Problem& problem);

// The same problem, with features divided by `units`.
Problem in_units(const Problem& problem, const std::vector<double>& units);

// The learner that `make` makes of the task with features divided by `units`.
MadeLearner learner_in_units(const TabularTask& task, const std::vector<double>& units,
                             const std::function<MadeLearner(const TabularTask&)>& make);

}  // namespace understudy
