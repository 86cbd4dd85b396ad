#include "algorithms/data/demonstrations.h"

#include <algorithm>
#include <cmath>

#include "algorithms/data/images.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

std::int64_t elements(const Shape& shape) {
  std::int64_t product = 1;
  for (const std::int64_t dimension : shape) product *= dimension;
  return product;
}

template <class T>
void append_rows(std::vector<T>& to, const std::vector<T>& from, std::int64_t first,
                 std::int64_t count) {
  to.insert(to.end(), from.begin() + first, from.begin() + first + count);
}

[[noreturn]] void refuse(std::string_view name, const std::string& message) {
  fail(ErrorKind::bad_input, "%s: %s", shown_path(name).c_str(), message.c_str());
}

// "episode 3, row 17": the row within the episode, from 0.
std::string place(std::int64_t episode, std::int64_t row) {
  return "episode " + std::to_string(episode) + ", row " + std::to_string(row);
}

// Shapes that mean the same row of numbers: equal, or one of them flat.
bool interchangeable(const Shape& a, const Shape& b) {
  return a == b || (elements(a) == elements(b) && (a.size() <= 1 || b.size() <= 1));
}

bool same_ends(const Demonstrations& a, const Demonstrations& b) {
  for (std::int64_t e = 0; e < a.episodes(); ++e) {
    if (a.end(e) != b.end(e)) return false;
  }
  return true;
}

}  // namespace

std::int64_t Series::width() const { return elements(shape); }

std::int64_t Series::rows() const {
  if (in_bytes()) return bytes.rows();
  const std::size_t elements = discrete ? indices.size() : numbers.size();
  return elements == 0 ? 0 : static_cast<std::int64_t>(elements) / width();
}

std::vector<float> Series::as_numbers() const {
  if (discrete) return {indices.begin(), indices.end()};
  if (!in_bytes()) return numbers;
  std::vector<float> expanded(static_cast<std::size_t>(rows() * width()));
  copy_numbers(0, rows(), expanded.data());
  return expanded;
}

void Series::copy_numbers(std::int64_t first_row, std::int64_t rows, float* to) const {
  if (in_bytes()) return bytes.copy(first_row, rows, to);
  std::copy_n(numbers.begin() + first_row * width(), rows * width(), to);
}

bool operator==(const Series& a, const Series& b) {
  if (a.shape != b.shape || a.discrete != b.discrete || a.indices != b.indices) return false;
  if (a.in_bytes() && b.in_bytes()) return a.bytes == b.bytes;
  if (a.in_bytes() || b.in_bytes()) return a.as_numbers() == b.as_numbers();
  return a.numbers == b.numbers;
}

void Series::expand() {
  if (!in_bytes()) return;
  numbers = as_numbers();
  bytes = {};
}

void Series::append(const Series& from, std::int64_t first_row, std::int64_t rows) {
  if (rows == 0) return;
  if (from.in_bytes() && numbers.empty()) {
    bytes.append(from.bytes, first_row, rows);
  } else if (from.in_bytes() || in_bytes()) {
    // one file has bytes, another floats
    expand();
    const auto before = numbers.size();
    numbers.resize(before + static_cast<std::size_t>(rows * width()));
    from.copy_numbers(first_row, rows, numbers.data() + before);
  } else if (discrete) {
    append_rows(indices, from.indices, first_row * width(), rows * width());
  } else {
    append_rows(numbers, from.numbers, first_row * width(), rows * width());
  }
}

EpisodeEnd Demonstrations::end(std::int64_t episode) const {
  const auto e = static_cast<std::size_t>(episode);
  if (terminal[e] != 0) return EpisodeEnd::terminated;
  return end_unknown.empty() || end_unknown[e] == 0 ? EpisodeEnd::truncated : EpisodeEnd::unknown;
}

std::int64_t Demonstrations::known_ends() const {
  std::int64_t known = 0;
  for (std::int64_t e = 0; e < episodes(); ++e) known += end(e) != EpisodeEnd::unknown;
  return known;
}

std::vector<double> Demonstrations::returns() const {
  UNDERSTUDY_CHECK(static_cast<std::int64_t>(rewards.size()) == steps(), "returns without rewards");
  std::vector<double> sums(static_cast<std::size_t>(episodes()), 0.0);
  for (std::int64_t e = 0; e < episodes(); ++e) {
    for (std::int64_t i = first_action(e); i < first_action(e + 1); ++i) {
      sums[static_cast<std::size_t>(e)] += rewards[static_cast<std::size_t>(i)];
    }
  }
  return sums;
}

bool same_data(const Demonstrations& a, const Demonstrations& b) {
  return a.observations == b.observations && a.actions == b.actions &&
         a.last_observation == b.last_observation && a.rewards == b.rewards &&
         a.terminal == b.terminal && a.starts == b.starts && a.durations == b.durations &&
         a.goals == b.goals && same_ends(a, b);
}

Demonstrations select(const Demonstrations& from, std::span<const std::int64_t> episodes) {
  Demonstrations chosen;
  chosen.observations = from.observations.like();
  chosen.actions = from.actions.like();
  chosen.last_observation = from.last_observation;
  chosen.observation_names = from.observation_names;
  chosen.action_names = from.action_names;
  chosen.remarks = from.remarks;
  for (const std::int64_t e : episodes) {
    UNDERSTUDY_CHECK(e >= 0 && e < from.episodes(), "episode %lld", static_cast<long long>(e));
    chosen.observations.append(from.observations, from.first_observation(e),
                               from.observations_of(e));
    chosen.actions.append(from.actions, from.first_action(e), from.length(e));
    if (!from.rewards.empty()) {
      append_rows(chosen.rewards, from.rewards, from.first_action(e), from.length(e));
    }
    chosen.terminal.push_back(from.terminal[static_cast<std::size_t>(e)]);
    if (!from.end_unknown.empty()) {
      chosen.end_unknown.push_back(from.end_unknown[static_cast<std::size_t>(e)]);
    }
    if (!from.durations.empty()) chosen.durations.push_back(from.duration(e));
    if (!from.goals.empty()) chosen.goals.push_back(from.goals[static_cast<std::size_t>(e)]);
    chosen.starts.push_back(chosen.starts.back() + from.length(e));
  }
  return chosen;
}

Demonstrations first_episodes(const Demonstrations& from, std::int64_t count,
                              std::string_view name) {
  if (count < 1 || count > from.episodes()) {
    refuse(name, "expected 1 to " + std::to_string(from.episodes()) +
                     " episodes, which is what there are, found " + std::to_string(count));
  }
  std::vector<std::int64_t> episodes(static_cast<std::size_t>(count));
  for (std::int64_t e = 0; e < count; ++e) episodes[static_cast<std::size_t>(e)] = e;
  return select(from, episodes);
}

void append(Demonstrations& to, const Demonstrations& more, std::string_view name) {
  const auto check = [&](const char* what, const Series& ours, const Series& theirs) {
    if (ours.shape != theirs.shape || ours.discrete != theirs.discrete) {
      refuse(name, std::string("expected ") + what + " of shape " + to_string(ours.shape) +
                       (ours.discrete ? " (discrete)" : "") + " as in the files before, found " +
                       to_string(theirs.shape) + (theirs.discrete ? " (discrete)" : ""));
    }
  };
  check("observations", to.observations, more.observations);
  check("actions", to.actions, more.actions);
  if (to.last_observation != more.last_observation) {
    refuse(name, std::string("expected episodes ") + (to.last_observation ? "with" : "without") +
                     " the observation after their last action, as in the files before");
  }
  to.observations.append(more.observations, 0, more.observations.rows());
  to.actions.append(more.actions, 0, more.actions.rows());
  if (!to.end_unknown.empty() || !more.end_unknown.empty()) {
    to.end_unknown.resize(to.terminal.size(), 0);
    const std::vector<std::uint8_t> known(more.terminal.size(), 0);
    append_rows(to.end_unknown, more.end_unknown.empty() ? known : more.end_unknown, 0,
                more.episodes());
  }
  append_rows(to.terminal, more.terminal, 0, more.episodes());
  if (!to.durations.empty() || !more.durations.empty()) {
    std::vector<std::int64_t> durations;
    for (const Demonstrations* part : {static_cast<const Demonstrations*>(&to), &more})
      for (std::int64_t e = 0; e < part->episodes(); ++e) durations.push_back(part->duration(e));
    to.durations = std::move(durations);
  }

  // what only some of the files have is of no use to who learns from all of them
  const auto join = [&](auto& ours, const auto& theirs, const char* what) {
    if (ours.empty() != theirs.empty()) {
      ours.clear();
      to.remarks.push_back(std::string(what) + " left out: not every file has them");
    } else {
      ours.insert(ours.end(), theirs.begin(), theirs.end());
    }
  };
  join(to.rewards, more.rewards, "rewards");
  join(to.goals, more.goals, "goals");
  const std::int64_t before = to.steps();
  for (std::int64_t e = 1; e <= more.episodes(); ++e) {
    to.starts.push_back(before + more.first_action(e));
  }
  for (const std::string& remark : more.remarks) {
    if (std::find(to.remarks.begin(), to.remarks.end(), remark) == to.remarks.end()) {
      to.remarks.push_back(remark);
    }
  }
}

std::vector<std::string> remarks_on(const Demonstrations& demonstrations) {
  constexpr double megabyte = 1e6, much = 16 * megabyte;
  std::vector<std::string> remarks = demonstrations.remarks;
  const Series& observations = demonstrations.observations;
  const double count =
      static_cast<double>(observations.rows()) * static_cast<double>(observations.width());
  char text[200];
  if (observations.in_bytes() && count >= megabyte) {
    std::snprintf(
        text, sizeof text,
        "observations are bytes, %.1f MB, read where they lie: bc makes numbers of a batch "
        "at a time, other algorithms of all (%.1f MB)",
        count / megabyte, count * sizeof(float) / megabyte);
    remarks.emplace_back(text);
  } else if (count * sizeof(float) >= much && !observations.discrete) {
    std::snprintf(text, sizeof text, "observations take %.1f MB of memory as float32",
                  count * sizeof(float) / megabyte);
    remarks.emplace_back(text);
  }
  if (observations.shape.size() == 3) remarks.push_back(image_sentence(observations.shape));
  return remarks;
}

// ---- an environment's spaces --------------------------------------------------------------------

namespace {

// Where in the demonstrations a value stands.
struct Rows {
  const Demonstrations& demonstrations;
  bool of_observations;

  std::string place_of(std::size_t value, std::int64_t width) const {
    const auto row = static_cast<std::int64_t>(value) / width;
    const auto first = [&](std::int64_t e) {
      return of_observations ? demonstrations.first_observation(e) : demonstrations.first_action(e);
    };
    std::int64_t e = 0;
    while (e + 1 < demonstrations.episodes() && first(e + 1) <= row) ++e;
    return place(e, row - first(e));
  }
};

// Rows of n numbers, one of them 1 and the others 0, as the index of the 1.
void take_indicated(Series& series, const Rows& rows, std::string_view name) {
  const std::int64_t width = series.width(), count = series.rows();
  series.indices.resize(static_cast<std::size_t>(count));
  for (std::int64_t row = 0; row < count; ++row) {
    const auto begin = series.numbers.begin() + row * width;
    const auto one = std::find(begin, begin + width, 1.0f);
    if (one == begin + width || std::count(begin, begin + width, 0.0f) != width - 1)
      refuse(name, rows.place_of(static_cast<std::size_t>(row * width), width) +
                       ": expected an index, or an indicator of it: a 1 among " +
                       std::to_string(width) + " numbers, the others 0");
    series.indices[static_cast<std::size_t>(row)] = one - begin;
  }
  series.numbers = {};
  series.shape = {};
  series.discrete = true;
}

// The other way, of indices (whole numbers where they were read as such) below `width`.
void indicate(Series& series, std::int64_t width, const Rows& rows, std::string_view name) {
  const std::int64_t count = series.rows();
  std::vector<float> numbers(static_cast<std::size_t>(count * width), 0.0f);
  for (std::int64_t row = 0; row < count; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const double index = series.discrete ? static_cast<double>(series.indices[at])
                                         : static_cast<double>(series.numbers[at]);
    if (!(index >= 0 && index < static_cast<double>(width) && index == std::trunc(index))) {
      char text[40];
      std::snprintf(text, sizeof text, "%.9g", index);
      refuse(name, rows.place_of(at, 1) + ": expected " + std::to_string(width) +
                       " numbers or an index 0 to " + std::to_string(width - 1) + ", found " +
                       text);
    }
    numbers[static_cast<std::size_t>(row * width + static_cast<std::int64_t>(index))] = 1;
  }
  series.numbers = std::move(numbers);
  series.indices = {};
  series.shape = {width};
  series.discrete = false;
}

// A series as the space has it: `count` indices, or numbers of `shape`.
void conform_series(Series& series, const char* what, const Shape& shape, std::int64_t count,
                    const Rows& rows, std::string_view name) {
  const bool discrete = count >= 0;
  if (!interchangeable(series.shape, shape)) {
    // every row is so: the line says which one was looked at
    refuse(name, place(0, 0) + ": expected " + what + "s of shape " + to_string(shape) +
                     ", as the environment has them, found " + to_string(series.shape));
  }
  const std::int64_t width = std::max<std::int64_t>(series.width(), 1);
  if (discrete && !series.discrete) {
    series.expand();
    for (std::size_t i = 0; i < series.numbers.size(); ++i) {
      const float value = series.numbers[i];
      if (value != std::trunc(value) || std::abs(value) > 0x1p24f) {
        char text[40];
        std::snprintf(text, sizeof text, "%.9g", static_cast<double>(value));
        refuse(name, rows.place_of(i, width) + ": expected " + what + " 0 to " +
                         std::to_string(count - 1) + ", found " + text);
      }
    }
    series.indices.assign(series.numbers.begin(), series.numbers.end());
    series.numbers = {};
  } else if (!discrete && series.discrete) {
    series.numbers.assign(series.indices.begin(), series.indices.end());
    series.indices = {};
  }
  series.discrete = discrete;
  series.shape = shape;
  for (std::size_t i = 0; i < series.indices.size(); ++i) {
    if (series.indices[i] < 0 || series.indices[i] >= count) {
      refuse(name, rows.place_of(i, width) + ": expected " + what + " 0 to " +
                       std::to_string(count - 1) + ", found " + std::to_string(series.indices[i]));
    }
  }
}

}  // namespace

void conform(Demonstrations& demonstrations, const DemonstrationSpaces& spaces,
             std::string_view name) {
  Series &observations = demonstrations.observations, &actions = demonstrations.actions;
  const Rows rows{demonstrations, true};
  if (spaces.observation_count >= 0 || spaces.observation_indicator) observations.expand();
  if (spaces.observation_count > 1 && !observations.discrete &&
      observations.shape == Shape{spaces.observation_count})
    take_indicated(observations, rows, name);
  if (spaces.observation_indicator && observations.width() == 1 &&
      spaces.observation_shape.size() == 1 && spaces.observation_shape[0] > 1)
    indicate(observations, spaces.observation_shape[0], rows, name);
  conform_series(observations, "observation", spaces.observation_shape, spaces.observation_count,
                 rows, name);
  if (spaces.states_only) return;
  if (spaces.action_count > 1 && !actions.discrete && actions.shape == Shape{spaces.action_count})
    take_indicated(actions, {demonstrations, false}, name);
  conform_series(actions, "action", spaces.action_shape, spaces.action_count,
                 {demonstrations, false}, name);
  if (spaces.action_low.empty() || demonstrations.actions.discrete) return;

  const std::size_t width = spaces.action_low.size();
  UNDERSTUDY_CHECK(width == spaces.action_high.size() &&
                       static_cast<std::int64_t>(width) == demonstrations.actions.width(),
                   "bounds of another width than the action");
  for (std::size_t i = 0; i < demonstrations.actions.numbers.size(); ++i) {
    const float value = demonstrations.actions.numbers[i];
    const float low = spaces.action_low[i % width], high = spaces.action_high[i % width];
    // an action at its bound may have been rounded past it on its way through a text file
    const float slack = 1e-5f * std::max(std::abs(low), std::abs(high));
    if (!(value >= low - slack && value <= high + slack)) {
      const Rows rows{demonstrations, false};
      char text[120];
      std::snprintf(text, sizeof text, ": expected action[%zu] from %g to %g, found %.9g",
                    i % width, static_cast<double>(low), static_cast<double>(high),
                    static_cast<double>(value));
      refuse(name, rows.place_of(i, static_cast<std::int64_t>(width)) + text);
    }
  }
}

}  // namespace understudy
