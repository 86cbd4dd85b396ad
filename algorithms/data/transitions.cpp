#include "algorithms/data/transitions.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/device/error.h"

namespace understudy {

Transitions Transitions::of_numbers(std::int64_t observation_width, std::int64_t action_width) {
  Transitions none;
  none.observations.shape = {observation_width};
  none.actions.shape = {action_width};
  return none;
}

void Transitions::append(const std::vector<float>& observation, const std::vector<float>& action,
                         bool counts) {
  UNDERSTUDY_CHECK(!observations.discrete && !actions.discrete, "rows of numbers to indices");
  if (!counts && counted.empty()) counted.assign(static_cast<std::size_t>(rows()), 1);
  const bool counting = !counts || !counted.empty();
  observations.numbers.insert(observations.numbers.end(), observation.begin(), observation.end());
  actions.numbers.insert(actions.numbers.end(), action.begin(), action.end());
  if (counting) counted.push_back(counts ? 1 : 0);
}

void Transitions::end_sequence() {
  if (rows() > starts.back()) starts.push_back(rows());
}

Transitions transitions(const Demonstrations& from, Bytes bytes) {
  Transitions all{.observations = from.observations.like(), .actions = from.actions};
  all.next_observations = from.observations.like();
  all.rewards = from.rewards;
  all.starts = from.starts;
  for (std::int64_t e = 0; e < from.episodes(); ++e) {
    const std::int64_t first = from.first_observation(e), length = from.length(e);
    all.observations.append(from.observations, first, length);
    if (from.last_observation) all.next_observations.append(from.observations, first + 1, length);
    for (std::int64_t t = 0; t < length; ++t)
      all.terminated.push_back(t + 1 == length && from.terminal[static_cast<std::size_t>(e)]);
  }
  if (bytes == Bytes::expand) {
    for (Series* series : {&all.observations, &all.actions, &all.next_observations})
      series->expand();
  }
  return all;
}

namespace {

template <class T>
void require_finite_numbers(std::span<const T> rows, std::int64_t width, std::string_view name) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (!std::isfinite(rows[i]))
      fail(ErrorKind::bad_input, "%s, row %lld: expected a finite number, found %g",
           std::string(name).c_str(),
           static_cast<long long>(i) / static_cast<long long>(std::max<std::int64_t>(width, 1)),
           static_cast<double>(rows[i]));
}

}  // namespace

void require_finite(std::span<const float> rows, std::int64_t width, std::string_view name) {
  require_finite_numbers(rows, width, name);
}
void require_finite(std::span<const double> rows, std::int64_t width, std::string_view name) {
  require_finite_numbers(rows, width, name);
}

Transitions in_numbers(Transitions transitions) {
  for (Series* series :
       {&transitions.observations, &transitions.actions, &transitions.next_observations}) {
    if (!series->discrete) continue;
    series->numbers = series->as_numbers();
    series->indices = {};
    series->discrete = false;
  }
  return transitions;
}

}  // namespace understudy
