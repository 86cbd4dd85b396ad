// Demonstrations as named arrays: the .npz layout. See demonstration_files.h.

#include <algorithm>
#include <cmath>

#include "algorithms/data/demonstration_files.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

bool is_whole(ElementType type) {
  return type != ElementType::f32 && type != ElementType::f64 && type != ElementType::f16 &&
         type != ElementType::bf16;
}

class Reader {
 public:
  Reader(const NamedArrays& arrays, std::string_view name, const DemonstrationSpaces* spaces)
      : arrays_(arrays), name_(name), spaces_(spaces) {}

  Demonstrations read() {
    const Array& acts = require("acts");
    const Array& obs = require("obs");
    read_starts(acts.shape()[0]);
    const std::int64_t steps = made_.steps(), episodes = made_.episodes(), rows = obs.shape()[0];
    if (rows != steps && rows != steps + episodes) {
      refuse("obs", "expected " + std::to_string(steps + episodes) + " rows (" +
                        std::to_string(steps) + " actions and a last observation for each of " +
                        std::to_string(episodes) + " episodes) or " + std::to_string(steps) +
                        ", found " + std::to_string(rows) + lack(rows, true));
    }
    made_.last_observation = rows != steps;
    if (!made_.last_observation) {
      made_.remarks.push_back("no observation after an episode's last action");
    }
    made_.actions = series(acts, "acts", false);
    // states are indices; a row of whole numbers, such as a picture, is of numbers
    made_.observations = series(obs, "obs", true);
    read_rewards();
    read_terminal();
    read_goals();
    read_durations();
    return std::move(made_);
  }

 private:
  [[noreturn]] void refuse(const char* array, const std::string& message) const {
    fail(ErrorKind::bad_file, "%s: %s: %s", shown_path(name_).c_str(), array, message.c_str());
  }

  const Array* find(std::string_view array) const {
    const auto found = arrays_.find(array);
    return found == arrays_.end() ? nullptr : &found->second;
  }

  const Array& require(const char* array) const {
    const Array* found = find(array);
    if (found == nullptr) refuse(array, "missing; demonstrations have `obs` and `acts`");
    if (found->rank() == 0) refuse(array, "expected rows, found one number");
    for (std::size_t i = 1; i < found->shape().size(); ++i) {
      if (found->shape()[i] == 0)
        refuse(array, "rows without numbers: shape " + to_string(found->shape()));
    }
    return *found;
  }

  std::vector<std::int64_t> whole_vector(const Array& array, const char* name) const {
    // no indices at all are of type float64 in NumPy
    if (array.rank() != 1 || (!is_whole(array.type()) && array.count() != 0)) {
      refuse(name, "expected a vector of whole numbers, found shape " + to_string(array.shape()) +
                       " of " + name_of(array.type()));
    }
    return array.converted<std::int64_t>(std::string(name_) + ": " + name);
  }

  void read_starts(std::int64_t steps) {
    if (steps == 0) refuse("acts", "no steps");
    const Array* indices = find("indices");
    const Array* ends = find("episode_ends");
    if (indices != nullptr) {
      read_boundaries(whole_vector(*indices, "indices"), "indices", steps);
      made_.starts.push_back(steps);
    } else if (ends != nullptr) {
      const std::vector<std::int64_t> values = whole_vector(*ends, "episode_ends");
      if (values.empty() || values.back() != steps) {
        refuse("episode_ends", "expected the last episode to end after the " +
                                   std::to_string(steps) + " rows of acts, found " +
                                   (values.empty() ? "no episode" : std::to_string(values.back())));
      }
      read_boundaries({values.begin(), values.end() - 1}, "episode_ends", steps);
      made_.starts.push_back(steps);
    } else {
      made_.starts.push_back(steps);
      made_.remarks.push_back("neither `indices` nor `episode_ends`: one episode");
    }
    if (indices != nullptr && ends != nullptr &&
        whole_vector(*ends, "episode_ends") !=
            std::vector<std::int64_t>(made_.starts.begin() + 1, made_.starts.end())) {
      refuse("episode_ends", "other episodes than in `indices`");
    }
  }

  void read_boundaries(const std::vector<std::int64_t>& values, const char* array,
                       std::int64_t steps) {
    for (std::size_t e = 0; e < values.size(); ++e) {
      if (values[e] <= made_.starts.back() || values[e] >= steps) {
        refuse(array, "episode " + std::to_string(e) + " would end before row " +
                          std::to_string(values[e]) + " of acts: expected from " +
                          std::to_string(made_.starts.back() + 1) + " to " +
                          std::to_string(steps - 1));
      }
      made_.starts.push_back(values[e]);
    }
  }

  std::string place(std::size_t value, std::int64_t width, bool observations) const {
    const auto row = static_cast<std::int64_t>(value) / width;
    const auto first = [&](std::int64_t e) {
      return observations ? made_.first_observation(e) : made_.first_action(e);
    };
    std::int64_t e = 0;
    while (e + 1 < made_.episodes() && first(e + 1) <= row) ++e;
    return "episode " + std::to_string(e) + ", row " + std::to_string(row - first(e));
  }

  // Which episode it is that has not its rows, where there are other than should be.
  std::string lack(std::int64_t rows, bool observations) const {
    std::int64_t e = 0, begin = 0;
    const auto length = [&] { return made_.length(e) + (observations ? 1 : 0); };
    while (e + 1 < made_.episodes() && begin + length() <= rows) begin += length(), ++e;
    const std::int64_t row = std::min(rows - begin, length());
    return ": episode " + std::to_string(e) +
           (rows - begin < length() ? " has no" : " ends before") + " row " + std::to_string(row) +
           (find("indices") == nullptr && find("episode_ends") == nullptr
                ? " (one episode: there are neither `indices` nor `episode_ends`)"
                : "");
  }

  template <class T>
  void check_finite(const std::vector<T>& values, std::int64_t width, const char* array,
                    bool observations) const {
    for (std::size_t i = 0; i < values.size(); ++i) {
      // also of a double that is past the range of float
      if (std::isfinite(static_cast<float>(values[i]))) continue;
      char text[40];
      std::snprintf(text, sizeof text, "%g", static_cast<double>(values[i]));
      refuse(array, place(i, width, observations) + ": expected a finite number, found " + text);
    }
  }

  std::vector<float> finite(const Array& array, std::int64_t width, const char* name,
                            bool observations) const {
    if (array.type() == ElementType::f64) {
      const std::span<const double> values = array.as<double>();
      check_finite(std::vector<double>(values.begin(), values.end()), width, name, observations);
    }
    std::vector<float> values = array.converted<float>(name);
    check_finite(values, width, name, observations);
    return values;
  }

  Series series(const Array& array, const char* name, bool observations) const {
    Series made;
    made.shape.assign(array.shape().begin() + 1, array.shape().end());
    const std::int64_t width = made.width();
    made.discrete = is_whole(array.type()) && (observations ? made.shape.empty() : width == 1) &&
                    !is_of_numbers(spaces_, observations);
    if (!made.discrete) {
      made.numbers = finite(array, width, name, observations);
      return made;
    }
    const auto refuse_index = [&](std::size_t value, const auto& found) {
      refuse(name, place(value, width, observations) + ": expected an index from 0 to " +
                       std::to_string(most_indices - 1) + ", found " + std::to_string(found));
    };
    if (array.type() == ElementType::u64) {
      const std::span<const std::uint64_t> values = array.as<std::uint64_t>();
      for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] >= static_cast<std::uint64_t>(most_indices)) refuse_index(i, values[i]);
      }
    }
    made.indices = array.converted<std::int64_t>(std::string(name_) + ": " + name);
    for (std::size_t i = 0; i < made.indices.size(); ++i) {
      if (made.indices[i] < 0 || made.indices[i] >= most_indices) refuse_index(i, made.indices[i]);
    }
    return made;
  }

  void read_rewards() {
    const Array* rews = find("rews");
    if (rews == nullptr) return;
    if (rews->rank() != 1 || rews->count() != made_.steps()) {
      refuse("rews", "expected one for each of " + std::to_string(made_.steps()) +
                         " actions, found shape " + to_string(rews->shape()) +
                         (rews->rank() == 1 ? lack(rews->count(), false) : ""));
    }
    made_.rewards = finite(*rews, 1, "rews", false);
  }

  void read_terminal() {
    const auto episodes = static_cast<std::size_t>(made_.episodes());
    const std::vector<std::uint8_t> terminal = flags("terminal"), truncated = flags("truncated");
    made_.terminal = terminal.empty() ? std::vector<std::uint8_t>(episodes, 0) : terminal;
    if (!terminal.empty() && truncated.empty()) return;
    // Without `terminal` nothing is known but of what is marked as truncated; with both, nothing of
    // what neither marks.
    for (std::size_t e = 0; e < episodes; ++e) {
      const bool cut = !truncated.empty() && truncated[e] != 0;
      made_.end_unknown.push_back(made_.terminal[e] == 0 && !cut);
    }
    if (made_.known_ends() == made_.episodes()) made_.end_unknown.clear();
    if (terminal.empty() && truncated.empty()) {
      made_.remarks.push_back("no `terminal`: episodes are taken to have run out of time");
    }
  }

  std::vector<std::uint8_t> flags(const char* name) const {
    const Array* array = find(name);
    if (array == nullptr) return {};
    if (array->type() != ElementType::boolean || array->rank() != 1 ||
        array->count() != made_.episodes()) {
      refuse(name, "expected a bool for each of " + std::to_string(made_.episodes()) +
                       " episodes, found shape " + to_string(array->shape()) + " of " +
                       name_of(array->type()));
    }
    const std::span<const bool> values = array->as<bool>();
    return {values.begin(), values.end()};
  }

  void read_goals() {
    const Array* goal = find("goal");
    if (goal == nullptr) return;
    made_.goals = whole_vector(*goal, "goal");
    if (goal->count() != made_.episodes()) {
      refuse("goal", "expected one for each of " + std::to_string(made_.episodes()) +
                         " episodes, found " + std::to_string(goal->count()));
    }
  }

  void read_durations() {
    const Array* duration = find("duration");
    if (duration == nullptr) return;
    made_.durations = whole_vector(*duration, "duration");
    if (duration->count() != made_.episodes()) {
      refuse("duration", "expected one for each of " + std::to_string(made_.episodes()) +
                             " episodes, found " + std::to_string(duration->count()));
    }
    for (std::int64_t e = 0; e < made_.episodes(); ++e) {
      if (made_.duration(e) < made_.length(e)) {
        refuse("duration", "episode " + std::to_string(e) + ": expected at least its " +
                               std::to_string(made_.length(e)) + " steps, found " +
                               std::to_string(made_.duration(e)));
      }
    }
  }

  const NamedArrays& arrays_;
  std::string_view name_;
  const DemonstrationSpaces* spaces_;
  Demonstrations made_;
};

Array to_array(const Series& series) {
  Shape shape = {series.rows()};
  shape.insert(shape.end(), series.shape.begin(), series.shape.end());
  return series.discrete ? Array::from<std::int64_t>(std::move(shape), std::span(series.indices))
                         : Array::from<float>(std::move(shape), std::span(series.numbers));
}

Array ends_of(const Demonstrations& demonstrations, EpisodeEnd end) {
  Array flags(ElementType::boolean, {demonstrations.episodes()});
  for (std::int64_t e = 0; e < demonstrations.episodes(); ++e) {
    flags.as<bool>()[static_cast<std::size_t>(e)] = demonstrations.end(e) == end;
  }
  return flags;
}

}  // namespace

Demonstrations demonstrations_from(const NamedArrays& arrays, std::string_view name,
                                   const DemonstrationSpaces* spaces) {
  return Reader(arrays, name, spaces).read();
}

NamedArrays to_arrays(const Demonstrations& demonstrations) {
  NamedArrays arrays;
  arrays.emplace("obs", to_array(demonstrations.observations));
  arrays.emplace("acts", to_array(demonstrations.actions));
  if (!demonstrations.rewards.empty()) arrays.emplace("rews", Array::from(demonstrations.rewards));
  arrays.emplace("terminal", ends_of(demonstrations, EpisodeEnd::terminated));
  if (demonstrations.known_ends() != demonstrations.episodes()) {
    arrays.emplace("truncated", ends_of(demonstrations, EpisodeEnd::truncated));
  }
  arrays.emplace("indices",
                 Array::from(std::vector<std::int64_t>(demonstrations.starts.begin() + 1,
                                                       demonstrations.starts.end() - 1)));
  arrays.emplace("infos", Array(ElementType::u8, {demonstrations.steps()}));
  if (!demonstrations.goals.empty()) arrays.emplace("goal", Array::from(demonstrations.goals));
  if (!demonstrations.durations.empty()) {
    arrays.emplace("duration", Array::from(demonstrations.durations));
  }
  return arrays;
}

}  // namespace understudy
