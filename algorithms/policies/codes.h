// Latent codes: what a policy is told at the start of an episode and keeps to its end, so that
// different codes act differently (Li, Song & Ermon 2017, "InfoGAIL", section 4).
//
//   code c [width]   = [one-hot of a category, numbers]
//   categorical      uniform on 0 .. categories - 1
//   continuous       each uniform on [-1, 1]
//   p(c)             = categories^-1 2^-continuous;    H(c) = log categories + continuous log 2
//
// A policy with codes (PolicyDescription::codes) observes [observation, code]; its observation
// space is that of the environment alone. Nobody knows the code of a demonstration.
//
// Thread safety: values and pure functions; what records is used as its program is.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/operations/operations.h"

namespace understudy {

class OptionList;

struct CodeSpace {
  std::int64_t categories = 0;  // of the categorical code; 0: it has none
  std::int64_t continuous = 0;  // numbers

  std::int64_t width() const { return categories + continuous; }
  bool any() const { return width() > 0; }
  double entropy() const;  // H(c), nats
  friend bool operator==(const CodeSpace&, const CodeSpace&) = default;
};
void list_options(OptionList& list, CodeSpace& codes);

// Fresh codes at each run, [rows count, width]. REQUIRES: any().
Tensor draw_codes(Program& program, const CodeSpace& codes, const RandomSource& source,
                  std::int64_t count);
// The same on the host, by the seed alone: [count, width].
std::vector<double> draw_codes(const CodeSpace& codes, std::int64_t count, std::uint64_t seed);

// A code in words: the category first and then the numbers, with commas ("2", "0,0.5,-1"). An Error
// that begins with `where` if it is not of the space.
std::vector<double> code_named(const CodeSpace& codes, const std::string& text,
                               const std::string& where);
// The same the other way round.
std::string code_text(const CodeSpace& codes, const double* code);

// Rows [n, width] with the row's code behind each: [n, width + codes.width()]. `codes_of_rows` has
// one code a row, or one for all.
template <class Number>
std::vector<Number> with_codes(const std::vector<Number>& rows, std::int64_t width,
                               const std::vector<double>& codes_of_rows, std::int64_t code_width) {
  const std::size_t w = static_cast<std::size_t>(width), c = static_cast<std::size_t>(code_width);
  std::vector<Number> result;
  result.reserve(rows.size() / w * (w + c));
  const bool one = codes_of_rows.size() == c;
  for (std::size_t i = 0; i < rows.size() / w; ++i) {
    result.insert(result.end(), &rows[i * w], &rows[i * w] + w);
    for (std::size_t k = 0; k < c; ++k)
      result.push_back(static_cast<Number>(codes_of_rows[(one ? 0 : i * c) + k]));
  }
  return result;
}

}  // namespace understudy
