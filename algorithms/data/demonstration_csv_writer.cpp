// Demonstrations as a table written: the .csv layout. See demonstration_files.h.

#include <charconv>

#include "algorithms/data/demonstration_files.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

// With a point or an exponent, so that it is read as a number and not as an index.
std::string decimal(float value) {
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  UNDERSTUDY_CHECK(error == std::errc(), "a float of more than 32 characters");
  std::string text(digits, end);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string cell(const Series& series, std::int64_t row, std::int64_t column) {
  const auto at = static_cast<std::size_t>(row * series.width() + column);
  return series.discrete ? std::to_string(series.indices[at]) : decimal(series.numbers[at]);
}

}  // namespace

CsvColumns to_columns(const Demonstrations& whole) {
  Demonstrations demonstrations = whole;
  demonstrations.observations.expand();
  const std::int64_t observations = demonstrations.observations.width();
  const std::int64_t actions = demonstrations.actions.width();
  std::vector<std::int64_t> episode, time, duration;
  std::vector<std::string> reward, terminal;
  std::vector<std::vector<std::string>> observation(static_cast<std::size_t>(observations)),
      action(static_cast<std::size_t>(actions));
  for (std::int64_t e = 0; e < demonstrations.episodes(); ++e) {
    const EpisodeEnd end = demonstrations.end(e);
    for (std::int64_t t = 0; t < demonstrations.observations_of(e); ++t) {
      const bool step = t < demonstrations.length(e);
      const std::int64_t at = demonstrations.first_action(e) + t;
      episode.push_back(e);
      time.push_back(t);
      duration.push_back(demonstrations.duration(e));
      for (std::int64_t i = 0; i < observations; ++i) {
        observation[static_cast<std::size_t>(i)].push_back(
            cell(demonstrations.observations, demonstrations.first_observation(e) + t, i));
      }
      for (std::int64_t i = 0; i < actions; ++i) {
        action[static_cast<std::size_t>(i)].push_back(step ? cell(demonstrations.actions, at, i)
                                                           : "");
      }
      if (!demonstrations.rewards.empty()) {
        reward.push_back(step ? decimal(demonstrations.rewards[static_cast<std::size_t>(at)]) : "");
      }
      const bool ended = end == EpisodeEnd::terminated && t + 1 == demonstrations.length(e);
      terminal.push_back(!step || end == EpisodeEnd::unknown ? "" : ended ? "1" : "0");
    }
  }
  CsvColumns columns;
  columns.emplace_back("episode", std::move(episode));
  columns.emplace_back("t", std::move(time));
  for (std::size_t i = 0; i < observation.size(); ++i) {
    columns.emplace_back("obs_" + std::to_string(i), std::move(observation[i]));
  }
  for (std::size_t i = 0; i < action.size(); ++i) {
    columns.emplace_back("act_" + std::to_string(i), std::move(action[i]));
  }
  if (!reward.empty()) columns.emplace_back("rew", std::move(reward));
  if (demonstrations.known_ends() > 0) columns.emplace_back("terminal", std::move(terminal));
  if (!demonstrations.durations.empty()) columns.emplace_back("duration", std::move(duration));
  return columns;
}

}  // namespace understudy
