// understudy bench --compare BEFORE.json AFTER.json: two results of bench --json, row by row.

#pragma once

#include <string>

#include "cli/session/command.h"

namespace understudy::cli {

// Each row that both have: medians, how many times faster it is after (of rates after / before, of
// times before / after) with the 95 % bootstrap interval of that ratio of medians, each side
// resampled by itself, and the p-value of a two-sided Mann-Whitney U test of the runs. "faster" or
// "slower" where p < 0.05, else "same". Rows that one alone has are named. Returns 0.
int compare_benchmarks(const std::string& before, const std::string& after, const Common& common);

}  // namespace understudy::cli
