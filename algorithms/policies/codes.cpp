#include "algorithms/policies/codes.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "algorithms/data/draws.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Beyond the streams of parameters and actors.
constexpr std::uint64_t host_stream = (std::uint64_t{1} << 32) + 96;
constexpr std::int64_t most_codes = 1 << 12;

std::string expected_code(const CodeSpace& codes) {
  std::string text;
  if (codes.categories > 0) text = "a category 0 to " + std::to_string(codes.categories - 1);
  if (codes.continuous > 0)
    text += (text.empty() ? "" : ", then ") + std::to_string(codes.continuous) +
            " numbers from -1 to 1";
  return text + ", with commas between them";
}

}  // namespace

double CodeSpace::entropy() const {
  return (categories > 0 ? std::log(static_cast<double>(categories)) : 0) +
         static_cast<double>(continuous) * std::log(2.0);
}

void list_options(OptionList& list, CodeSpace& o) {
  list.fields(
      o,
      option("categories", o.categories, "values of the categorical latent code; 0: it has none",
             {.least = 0,
              .most = static_cast<double>(most_codes),
              .source = "Li, Song & Ermon 2017, section 4"}),
      option("continuous", o.continuous, "numbers of the latent code, each uniform on [-1, 1]",
             {.least = 0,
              .most = static_cast<double>(most_codes),
              .source = "Chen et al. 2016, section 5"}));
}

Tensor draw_codes(Program& program, const CodeSpace& codes, const RandomSource& source,
                  std::int64_t count) {
  std::vector<Tensor> parts;
  if (codes.categories > 0)
    parts.push_back(
        one_hot(random_categorical(source, program.full({rows(count), codes.categories}, 0)),
                codes.categories));
  if (codes.continuous > 0) {
    RandomSource other = source;
    ++other.stream;
    parts.push_back(2.0 * random_uniform(program, other, {rows(count), codes.continuous}) - 1.0);
  }
  return parts.size() == 1 ? parts[0] : concatenate(parts, -1);
}

std::vector<double> draw_codes(const CodeSpace& codes, std::int64_t count, std::uint64_t seed) {
  Draws draws(seed, host_stream);
  constexpr std::int64_t steps = std::int64_t{1} << 24;
  std::vector<double> all(static_cast<std::size_t>(count * codes.width()), 0.0);
  for (std::int64_t i = 0; i < count; ++i) {
    double* code = &all[static_cast<std::size_t>(i * codes.width())];
    if (codes.categories > 0) code[draws.below(codes.categories)] = 1;
    for (std::int64_t k = 0; k < codes.continuous; ++k)
      code[codes.categories + k] =
          2 * (static_cast<double>(draws.below(steps)) + 0.5) / static_cast<double>(steps) - 1;
  }
  return all;
}

std::vector<double> code_named(const CodeSpace& codes, const std::string& text,
                               const std::string& where) {
  const auto refuse = [&]() {
    fail(ErrorKind::bad_input, "%s: expected %s, found '%s'", where.c_str(),
         expected_code(codes).c_str(), text.c_str());
  };
  std::vector<double> numbers;
  for (const char* at = text.c_str(); *at != 0;) {
    char* end = nullptr;
    numbers.push_back(std::strtod(at, &end));
    if (end == at || (*end != ',' && *end != 0) || (*end == ',' && end[1] == 0)) refuse();
    at = *end == ',' ? end + 1 : end;
  }
  const std::size_t first = codes.categories > 0 ? 1 : 0;
  if (numbers.size() != first + static_cast<std::size_t>(codes.continuous)) refuse();
  std::vector<double> code(static_cast<std::size_t>(codes.width()), 0.0);
  if (first > 0) {
    const double category = numbers[0];
    if (!(category >= 0 && category < static_cast<double>(codes.categories)) ||
        category != std::floor(category))
      refuse();
    code[static_cast<std::size_t>(category)] = 1;
  }
  for (std::size_t k = first; k < numbers.size(); ++k) {
    if (!(numbers[k] >= -1 && numbers[k] <= 1)) refuse();
    code[static_cast<std::size_t>(codes.categories) + k - first] = numbers[k];
  }
  return code;
}

std::string code_text(const CodeSpace& codes, const double* code) {
  std::string text;
  if (codes.categories > 0) {
    std::int64_t category = 0;
    for (std::int64_t k = 1; k < codes.categories; ++k)
      if (code[k] > code[category]) category = k;
    text = std::to_string(category);
  }
  for (std::int64_t k = 0; k < codes.continuous; ++k) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.3g", text.empty() ? "" : ",",
                  code[codes.categories + k]);
    text += number;
  }
  return text;
}

}  // namespace understudy
