// Drawings by pen, as the data folder has them: Omniglot's (Lake, Salakhutdinov & Tenenbaum 2015)
// and letters.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/reports/svg.h"

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

// Capital letters, each drawn in one motion of two seconds (letters2d, Idiap).
constexpr std::int64_t letter_samples = 200;  // of 0.01 s
struct Letter {
  std::int64_t letter = 0;  // counted in the alphabet's order
  bool training = true;     // by the data's own split
  Path points;              // all samples
};
struct Letters {
  std::vector<Letter> all;
  std::int64_t letters = 0;
};
// Of the folder letters2d; errors as above.
Letters read_letters(const std::string& folder);

}  // namespace understudy::cli
