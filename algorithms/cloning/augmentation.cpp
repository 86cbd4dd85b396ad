#include "algorithms/cloning/augmentation.h"

#include <algorithm>
#include <cmath>

#include "algorithms/data/draws.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr std::uint64_t goal_stream = (std::uint64_t{1} << 32) + 48;

// A row of `from` with a goal behind it.
void append_row(Transitions& to, const Transitions& from, std::int64_t row, const float* goal,
                std::int64_t columns) {
  const float* input = from.observation(row);
  std::vector<float> observed(input, input + from.observations.width());
  observed.insert(observed.end(), goal, goal + columns);
  const float* action = from.action(row);
  to.append(observed, {action, action + from.actions.width()}, from.counts(row));
}

// A sequence as it was in the rows [first, last), its goal what was observed at `last`.
void append_until(Transitions& to, const Transitions& from, std::int64_t first, std::int64_t last,
                  std::int64_t columns) {
  for (std::int64_t row = first; row < last; ++row)
    append_row(to, from, row, from.observation(last), columns);
  to.end_sequence();
}

void check_map(const std::vector<double>& map, std::int64_t width, const char* what) {
  if (static_cast<std::int64_t>(map.size()) != width * width)
    fail(ErrorKind::bad_shape, "symmetry: expected a map of %lld x %lld numbers of %s, found %zu",
         static_cast<long long>(width), static_cast<long long>(width), what, map.size());
}

std::vector<float> mapped(const std::vector<double>& map, const float* x, std::int64_t width) {
  std::vector<float> y;
  for (std::int64_t i = 0; i < width; ++i) {
    double total = 0;
    for (std::int64_t j = 0; j < width; ++j)
      total += map[static_cast<std::size_t>(i * width + j)] * static_cast<double>(x[j]);
    y.push_back(static_cast<float>(total));
  }
  return y;
}

// Where choices are mapped: each to another one, and the sequences' actions among them.
void check_choices(const std::vector<std::int64_t>& choices, const Transitions& sequences) {
  std::vector<std::int64_t> sorted = choices;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<std::int64_t>(i))
      fail(ErrorKind::bad_input, "symmetry: expected each of %zu choices once, found %lld",
           sorted.size(), static_cast<long long>(sorted[i]));
  if (sequences.actions.width() != 1)
    fail(ErrorKind::bad_shape, "symmetry: expected a choice a row, found %lld numbers",
         static_cast<long long>(sequences.actions.width()));
  for (float action : sequences.actions.numbers)
    if (!(action >= 0 && action < static_cast<float>(choices.size())))
      fail(ErrorKind::bad_input, "symmetry: expected choices below %zu, found %g", choices.size(),
           static_cast<double>(action));
}

std::vector<double> unit_map(std::int64_t width) {
  std::vector<double> map(static_cast<std::size_t>(width * width), 0.0);
  for (std::int64_t i = 0; i < width; ++i) map[static_cast<std::size_t>(i * width + i)] = 1;
  return map;
}

}  // namespace

Transitions with_goals(const Transitions& sequences, const GoalRelabeling& options) {
  if (options.columns < 1 || options.columns > sequences.observations.width() ||
      options.copies < 1 || options.horizon < 1)
    fail(ErrorKind::bad_input,
         "goals: expected 1 to %lld columns, copies and a horizon; found %lld, %lld and %lld",
         static_cast<long long>(sequences.observations.width()),
         static_cast<long long>(options.columns), static_cast<long long>(options.copies),
         static_cast<long long>(options.horizon));
  Transitions result = Transitions::of_numbers(sequences.observations.width() + options.columns,
                                               sequences.actions.width());
  Draws draws(options.seed, goal_stream);
  for (std::int64_t i = 0; i < sequences.sequences(); ++i) {
    const std::int64_t first = sequences.starts[static_cast<std::size_t>(i)];
    const std::int64_t last = first + sequences.length(i) - 1;
    if (last == first) continue;
    if (options.kind == GoalRelabeling::Kind::last) {
      append_until(result, sequences, first, last, options.columns);
      continue;
    }
    for (std::int64_t copy = 0; copy < options.copies; ++copy) {
      if (options.kind == GoalRelabeling::Kind::reached) {
        append_until(result, sequences, first, first + 1 + draws.below(last - first),
                     options.columns);
        continue;
      }
      for (std::int64_t row = first; row < last; ++row) {
        const std::int64_t on = 1 + draws.below(std::min(options.horizon, last - row));
        append_row(result, sequences, row, sequences.observation(row + on), options.columns);
        result.end_sequence();
      }
    }
  }
  if (result.rows() == 0)
    fail(ErrorKind::bad_input, "goals: expected a sequence of two rows, found none in %lld",
         static_cast<long long>(sequences.sequences()));
  return result;
}

std::vector<double> mirror_map(std::int64_t width, const std::vector<std::int64_t>& columns) {
  std::vector<double> map = unit_map(width);
  for (std::int64_t column : columns) {
    UNDERSTUDY_CHECK(column >= 0 && column < width, "column %lld of %lld",
                     static_cast<long long>(column), static_cast<long long>(width));
    map[static_cast<std::size_t>(column * width + column)] = -1;
  }
  return map;
}

std::vector<double> rotation_map(std::int64_t width, std::int64_t i, std::int64_t j, double angle) {
  UNDERSTUDY_CHECK(i >= 0 && i < width && j >= 0 && j < width && i != j,
                   "columns %lld and %lld of %lld", static_cast<long long>(i),
                   static_cast<long long>(j), static_cast<long long>(width));
  std::vector<double> map = unit_map(width);
  map[static_cast<std::size_t>(i * width + i)] = map[static_cast<std::size_t>(j * width + j)] =
      std::cos(angle);
  map[static_cast<std::size_t>(i * width + j)] = -std::sin(angle);
  map[static_cast<std::size_t>(j * width + i)] = std::sin(angle);
  return map;
}

Transitions with_symmetries(const Transitions& sequences, const std::vector<Symmetry>& symmetries) {
  Transitions result = sequences;
  for (const Symmetry& symmetry : symmetries) {
    check_map(symmetry.observation, sequences.observations.width(), "observations");
    if (symmetry.choices.empty())
      check_map(symmetry.action, sequences.actions.width(), "actions");
    else
      check_choices(symmetry.choices, sequences);
    const auto image = [&](const float* action) -> std::vector<float> {
      if (symmetry.choices.empty())
        return mapped(symmetry.action, action, sequences.actions.width());
      return {static_cast<float>(symmetry.choices[static_cast<std::size_t>(*action)])};
    };
    for (std::int64_t i = 0; i < sequences.sequences(); ++i) {
      for (std::int64_t row = sequences.starts[static_cast<std::size_t>(i)];
           row < sequences.starts[static_cast<std::size_t>(i) + 1]; ++row)
        result.append(mapped(symmetry.observation, sequences.observation(row),
                             sequences.observations.width()),
                      image(sequences.action(row)), sequences.counts(row));
      result.end_sequence();
    }
  }
  return result;
}

std::vector<double> dart_covariance(const std::vector<double>& errors, std::int64_t width,
                                    std::int64_t steps, double alpha) {
  const std::int64_t n = width > 0 ? static_cast<std::int64_t>(errors.size()) / width : 0;
  if (n == 0 || n * width != static_cast<std::int64_t>(errors.size()) || steps < 1 || !(alpha > 0))
    fail(ErrorKind::bad_input,
         "DART: expected errors of %lld numbers, steps and a positive alpha; found %zu numbers, "
         "%lld steps, %g",
         static_cast<long long>(width), errors.size(), static_cast<long long>(steps), alpha);
  std::vector<double> covariance(static_cast<std::size_t>(width * width), 0.0);
  for (std::int64_t row = 0; row < n; ++row)
    for (std::int64_t i = 0; i < width; ++i)
      for (std::int64_t j = 0; j < width; ++j)
        covariance[static_cast<std::size_t>(i * width + j)] +=
            errors[static_cast<std::size_t>(row * width + i)] *
            errors[static_cast<std::size_t>(row * width + j)] / static_cast<double>(n);
  double trace = 0;
  for (std::int64_t i = 0; i < width; ++i)
    trace += covariance[static_cast<std::size_t>(i * width + i)];
  if (!(trace > 0))
    fail(ErrorKind::bad_input, "DART: the learner makes no error; there is nothing to scale");
  for (double& value : covariance) value *= alpha / (static_cast<double>(steps) * trace);
  return covariance;
}

}  // namespace understudy
