// Parts of demonstrations: subsampled, split into training and validation.
//
// What is drawn depends on the seed alone.

#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "algorithms/data/demonstrations.h"

namespace understudy {

// Every k-th step of each episode, from a random start below k (Ho & Ermon 2016, section 6); at
// least one of a shorter episode. The observations after the steps kept are gone, so
// `last_observation` is false. An Error where k < 1. With k = 1 nothing is left out.
Demonstrations subsample(const Demonstrations& from, std::int64_t k, std::uint64_t seed,
                         std::string_view name);

// Whole episodes, since the steps of one are alike: a share of them (rounded, at least one, never
// all) for validation. An Error where there are fewer than two, or share is not between 0 and 1.
struct DemonstrationSplit {
  Demonstrations training, validation;
};
DemonstrationSplit split_episodes(const Demonstrations& from, double validation_share,
                                  std::uint64_t seed, std::string_view name);

// Rows 0 .. count - 1 in random order, cut in two in the same way: to split single transitions.
struct RowSplit {
  std::vector<std::int64_t> training, validation;
};
RowSplit split_rows(std::int64_t count, double validation_share, std::uint64_t seed,
                    std::string_view name);

}  // namespace understudy
