#include "algorithms/data/sampling.h"

#include <algorithm>
#include <cmath>

#include "algorithms/data/draws.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

// Streams of random numbers: one a purpose, so that the same seed serves all.
constexpr std::uint64_t subsample_stream = 0x737562;  // "sub"
constexpr std::uint64_t split_stream = 0x73706c;      // "spl"

}  // namespace

Demonstrations subsample(const Demonstrations& from, std::int64_t k, std::uint64_t seed,
                         std::string_view name) {
  if (k < 1) {
    fail(ErrorKind::bad_input,
         "%s: expected to keep every k-th step with k of 1 or more, found %lld",
         files::shown_path(name).c_str(), static_cast<long long>(k));
  }
  if (k == 1) return from;
  Demonstrations thin;
  thin.observations = from.observations.like();
  thin.actions = from.actions.like();
  thin.last_observation = false;
  thin.terminal = from.terminal;
  thin.end_unknown = from.end_unknown;
  thin.goals = from.goals;
  thin.observation_names = from.observation_names;
  thin.action_names = from.action_names;
  thin.remarks = from.remarks;
  thin.remarks.push_back("every " + std::to_string(k) + "th step from a random start");
  Draws draws(seed, subsample_stream);
  for (std::int64_t e = 0; e < from.episodes(); ++e) {
    std::int64_t kept = 0;
    for (std::int64_t t = draws.below(std::min(k, from.length(e))); t < from.length(e); t += k) {
      thin.observations.append(from.observations, from.first_observation(e) + t, 1);
      thin.actions.append(from.actions, from.first_action(e) + t, 1);
      if (!from.rewards.empty()) {
        thin.rewards.push_back(from.rewards[static_cast<std::size_t>(from.first_action(e) + t)]);
      }
      ++kept;
    }
    thin.starts.push_back(thin.starts.back() + kept);
    thin.durations.push_back(from.duration(e));
  }
  return thin;
}

RowSplit split_rows(std::int64_t count, double validation_share, std::uint64_t seed,
                    std::string_view name) {
  if (!(validation_share > 0 && validation_share < 1)) {
    fail(ErrorKind::bad_input, "%s: expected a validation share between 0 and 1, found %g",
         files::shown_path(name).c_str(), validation_share);
  }
  if (count < 2) {
    fail(ErrorKind::bad_input,
         "%s: expected at least two to split into training and validation, found %lld",
         files::shown_path(name).c_str(), static_cast<long long>(count));
  }
  const auto wanted =
      static_cast<std::int64_t>(std::llround(validation_share * static_cast<double>(count)));
  const std::int64_t validation = std::clamp<std::int64_t>(wanted, 1, count - 1);
  const std::vector<std::int64_t> order = Draws(seed, split_stream).permutation(count);
  return {{order.begin() + validation, order.end()}, {order.begin(), order.begin() + validation}};
}

DemonstrationSplit split_episodes(const Demonstrations& from, double validation_share,
                                  std::uint64_t seed, std::string_view name) {
  RowSplit split = split_rows(from.episodes(), validation_share, seed, name);
  // in their order in the file: only which is drawn, not how they stand
  std::sort(split.training.begin(), split.training.end());
  std::sort(split.validation.begin(), split.validation.end());
  return {select(from, split.training), select(from, split.validation)};
}

}  // namespace understudy
