// Omniglot's drawings by pen (Lake, Salakhutdinov & Tenenbaum 2015), as the data folder has them.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/svg.h"

namespace understudy::cli {

constexpr double arc_length = 3;  // canvas units between the points of a resampled stroke

// Points at equal arc lengths from the stroke's start; empty where it is shorter than two of them.
Path resampled(const Path& points);

struct Drawing {
  std::string alphabet;
  std::int64_t character = 0;  // counted through all alphabets
  std::int64_t drawer = 0;
  std::vector<Path> strokes;  // resampled; short ones are left out
};

struct Drawings {
  std::int64_t characters = 0;
  std::vector<Drawing> all;
};

// Of the folder omniglot_strokes. A file that is missing or not as described there is an Error.
Drawings read_drawings(const std::string& folder);

}  // namespace understudy::cli
