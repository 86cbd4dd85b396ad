// Demonstrations from named arrays: the .npz layout. See demonstration_files.h.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

#include "algorithms/data/demonstration_fields.h"
#include "algorithms/data/demonstration_files.h"
#include "algorithms/data/flat_transitions.h"
#include "algorithms/data/series_reader.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

using Field = DemonstrationField;

class Reader {
 public:
  Reader(const NamedArrays& arrays, std::string_view name, const DemonstrationSpaces* spaces)
      : arrays_(arrays), name_(name), spaces_(spaces) {}

  Demonstrations read() {
    const FoundField obs = require(Field::observations), acts = actions_beside(obs);
    acts_ = acts.name;
    const std::int64_t steps = acts.array->shape()[0];
    if (steps == 0) refuse(acts, "no steps");
    find_flags(steps);
    read_starts(steps);
    const std::int64_t episodes = made_.episodes(), rows = obs.array->shape()[0];
    if (rows != steps && rows != steps + episodes) {
      refuse(obs, "expected " + std::to_string(steps + episodes) + " rows (" +
                      std::to_string(steps) + " actions and a last observation for each of " +
                      std::to_string(episodes) + " episodes) or " + std::to_string(steps) +
                      ", found " + std::to_string(rows) + lack(rows, true));
    }
    made_.last_observation = rows != steps;
    read_times();
    made_.actions = series(acts, false);
    // states are indices; a row of whole numbers, such as a picture, is of numbers
    made_.observations = series(obs, true);
    if (!made_.last_observation) add_last_observations();
    if (!made_.last_observation) {
      made_.remarks.push_back("no observation after an episode's last action");
    }
    read_rewards();
    read_ends();
    read_goals();
    read_durations();
    return std::move(made_);
  }

 private:
  FoundField actions_beside(const FoundField& obs) {
    const bool may_lack = spaces_ != nullptr && spaces_->states_only;
    if (!may_lack || find(Field::actions).array != nullptr) return require(Field::actions);
    const auto rows = static_cast<std::size_t>(obs.array->shape()[0]);
    stand_in_ = Array::from(std::vector<std::int64_t>(rows, 0));
    return {obs.name, &stand_in_};
  }

  [[noreturn]] void refuse(const FoundField& found, const std::string& message) const {
    fail(ErrorKind::bad_file, "%s: %s: %s", shown_path(name_).c_str(), found.name, message.c_str());
  }

  FoundField find(Field field) const { return find_field(arrays_, field); }

  FoundField require(Field field) const {
    FoundField found = find(field);
    if (found.array == nullptr) {
      found.name = understudy::names_of(field).name;
      refuse(found,
             "missing; demonstrations have `obs` and `acts` (docs/data.md lists other "
             "names that are read)");
    }
    if (found.array->rank() == 0) refuse(found, "expected rows, found one number");
    for (std::size_t i = 1; i < found.array->shape().size(); ++i) {
      if (found.array->shape()[i] == 0)
        refuse(found, "rows without numbers: shape " + to_string(found.array->shape()));
    }
    return found;
  }

  // One number a row; a second dimension of 1 is what some keep.
  static bool is_column(const Array& array) {
    return array.rank() == 1 || (array.rank() == 2 && array.shape()[1] == 1);
  }

  // pandas makes floats of whole numbers; boundaries that are floats are a mistake.
  std::vector<std::int64_t> whole_vector(const FoundField& found,
                                         bool may_be_floats = false) const {
    const Array& array = *found.array;
    // no indices at all are of type float64 in NumPy
    if (!is_column(array) || (!is_whole(array.type()) && array.count() != 0 && !may_be_floats)) {
      refuse(found, "expected a vector of whole numbers, found shape " + to_string(array.shape()) +
                        " of " + name_of(array.type()));
    }
    return array.converted<std::int64_t>(shown_path(name_) + ": " + found.name);
  }

  void require_count(const FoundField& found, std::int64_t count, const char* what) const {
    if (found.array->count() == count) return;
    refuse(found, "expected one for each of " + std::to_string(count) + " " + what + ", found " +
                      std::to_string(found.array->count()));
  }

  // ---- where episodes begin and end ----

  // Those of steps now, those of episodes once it is known how many there are.
  void find_flags(std::int64_t steps) {
    const bool told = find(Field::indices).array != nullptr ||
                      find(Field::episode_ends).array != nullptr ||
                      find(Field::episode_lengths).array != nullptr;
    const auto of_steps = [&](Field field) -> std::vector<std::uint8_t> {
      const FoundField found = find(field);
      if (found.array == nullptr || found.array->count() != steps) return {};
      return flags_of(found);
    };
    // with as many episodes as steps both are the same
    flags_ = {of_steps(Field::terminated), of_steps(Field::truncated), of_steps(Field::done)};
    if (told || find(Field::done).array == nullptr || !flags_.done.empty()) return;
    require_count(find(Field::done), steps, "actions");
  }

  std::vector<std::uint8_t> flags_of(const FoundField& found) const {
    const Array& array = *found.array;
    const std::vector<double> values = array.converted<double>(found.name);
    if (!is_column(array) || std::any_of(values.begin(), values.end(),
                                         [](double one) { return one != 0 && one != 1; })) {
      refuse(found, "expected flags, 0 or 1 each, found shape " + to_string(array.shape()) +
                        " of " + name_of(array.type()));
    }
    return {values.begin(), values.end()};
  }

  void read_starts(std::int64_t steps) {
    const FoundField indices = find(Field::indices), ends = find(Field::episode_ends);
    const FoundField lengths = find(Field::episode_lengths), ids = find(Field::episode);
    const FoundField starts = find(Field::episode_starts);
    if (indices.array != nullptr) {
      read_boundaries(whole_vector(indices), indices, steps);
      made_.starts.push_back(steps);
    } else if (ends.array != nullptr || lengths.array != nullptr) {
      const FoundField& found = ends.array != nullptr ? ends : lengths;
      std::vector<std::int64_t> values = whole_vector(found);
      if (ends.array == nullptr) {
        for (std::size_t e = 1; e < values.size(); ++e) values[e] += values[e - 1];
      }
      if (values.empty() || values.back() != steps) {
        refuse(found, "expected the last episode to end after the " + std::to_string(steps) +
                          " rows of " + acts_ + ", found " +
                          (values.empty() ? "no episode" : std::to_string(values.back())) +
                          padding(values));
      }
      read_boundaries({values.begin(), values.end() - 1}, found, steps);
      made_.starts.push_back(steps);
    } else if (ids.array != nullptr) {
      read_ids(ids, steps);
    } else if (starts.array != nullptr) {
      require_count(starts, steps, "actions");
      const std::vector<std::uint8_t> begins = flags_of(starts);
      for (std::size_t i = 1; i < begins.size(); ++i) {
        if (begins[i] != 0) made_.starts.push_back(static_cast<std::int64_t>(i));
      }
      made_.starts.push_back(steps);
    } else if (any_set(flags_, steps)) {
      by_flags_ = true;
      made_.starts = starts_by(flags_, steps);
    } else {
      one_episode_ = true;
      made_.starts.push_back(steps);
      made_.remarks.push_back("neither `indices` nor `episode_ends`: one episode");
    }
    if (indices.array != nullptr && ends.array != nullptr &&
        whole_vector(ends) !=
            std::vector<std::int64_t>(made_.starts.begin() + 1, made_.starts.end())) {
      refuse(ends, "other episodes than in `indices`");
    }
    if (by_flags_) return;
    const std::int64_t within = flagged_within(made_, flags_);
    if (within >= 0) {
      const auto at = static_cast<std::size_t>(within);
      refuse(find(Field::terminated),
             place(at, 1, false) + ": expected 0 before an episode's last step");
    }
  }

  // A hint, where there is a row of actions for each episode.
  std::string padding(const std::vector<std::int64_t>& ends) const {
    const Array& acts = *find(Field::actions).array;
    if (acts.rank() < 2 || static_cast<std::int64_t>(ends.size()) != acts.shape()[0]) return "";
    return std::string(
               ": padded episodes are to stand one after another, such as "
               "numpy.concatenate([a[:n] for a, n in zip(") +
           acts_ + ", lengths)])";
  }

  void read_boundaries(const std::vector<std::int64_t>& values, const FoundField& found,
                       std::int64_t steps) {
    for (std::size_t e = 0; e < values.size(); ++e) {
      if (values[e] <= made_.starts.back() || values[e] >= steps) {
        refuse(found, "episode " + std::to_string(e) + " would end before row " +
                          std::to_string(values[e]) + " of " + acts_ + ": expected from " +
                          std::to_string(made_.starts.back() + 1) + " to " +
                          std::to_string(steps - 1));
      }
      made_.starts.push_back(values[e]);
    }
  }

  void read_ids(const FoundField& found, std::int64_t steps) {
    const std::vector<std::int64_t> ids = whole_vector(found, true);
    require_count(found, steps, "actions");
    std::set<std::int64_t> seen = {ids[0]};
    for (std::size_t i = 1; i < ids.size(); ++i) {
      if (ids[i] == ids[i - 1]) continue;
      if (!seen.insert(ids[i]).second) {
        refuse(found,
               "row " + std::to_string(i) +
                   ": expected the rows of an episode together, "
                   "found episode " +
                   std::to_string(ids[i]) +
                   " again (sort them: o = numpy.lexsort((t, episode)), then each array[o])");
      }
      made_.starts.push_back(static_cast<std::int64_t>(i));
    }
    made_.starts.push_back(steps);
  }

  // A row that is not there would pair an observation with another's successor.
  void read_times() {
    const FoundField found = find(Field::time);
    if (found.array == nullptr || found.array->count() != made_.steps() || one_episode_) return;
    if (!is_whole(found.array->type())) {
      const std::vector<double> values = found.array->converted<double>(found.name);
      if (std::any_of(values.begin(), values.end(), [](double one) {
            return !(std::abs(one) < 0x1p53) || one != std::trunc(one);
          })) {
        made_.remarks.push_back(std::string(found.name) + " not read: no numbers of steps");
        return;
      }
    }
    const std::vector<std::int64_t> times = whole_vector(found, true);
    for (std::int64_t e = 0; e < made_.episodes(); ++e) {
      std::int64_t expected = times[0];
      for (std::int64_t i = made_.first_action(e); i < made_.first_action(e + 1); ++i, ++expected) {
        const auto at = static_cast<std::size_t>(i);
        if (times[at] == expected) continue;
        refuse(found, place(at, 1, false) + ": expected " + std::to_string(expected) + ", found " +
                          std::to_string(times[at]) + ": a row is missing");
      }
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
           (one_episode_ ? " (one episode: there are neither `indices` nor `episode_ends`)" : "");
  }

  // ---- the numbers ----

  Series series(const FoundField& found, bool observations) {
    return series_of(
        *found.array, observations, is_of_numbers(spaces_, observations),
        [&](std::size_t value, std::int64_t width, const std::string& message) {
          refuse(found, place(value, width, observations) + ": " + message);
        },
        [&](const std::string& remark) {
          made_.remarks.push_back(std::string(found.name) + ": " + remark);
        });
  }

  // From the observation after each step, where there is one.
  void add_last_observations() {
    const FoundField found = find(Field::next_observations);
    if (found.array == nullptr) return;
    const Series next = series(found, true);
    const Series& seen = made_.observations;
    if (next.shape != seen.shape || next.discrete != seen.discrete ||
        next.rows() != made_.steps()) {
      refuse(found, "expected what the observations are, " + std::to_string(made_.steps()) +
                        " rows of " + to_string(seen.shape) + ", found " +
                        std::to_string(next.rows()) + " of " + to_string(next.shape));
    }
    understudy::add_last_observations(made_, next, found.name);
  }

  void read_rewards() {
    const FoundField rews = find(Field::rewards);
    if (rews.array == nullptr) return;
    const Array& array = *rews.array;
    if (!is_column(array) || array.count() != made_.steps()) {
      refuse(rews, "expected one for each of " + std::to_string(made_.steps()) +
                       " actions, found shape " + to_string(array.shape()) +
                       (is_column(array) ? lack(array.count(), false) : ""));
    }
    made_.rewards =
        finite_numbers(array, 1,
                       [&](std::size_t value, std::int64_t width, const std::string& message) {
                         refuse(rews, place(value, width, false) + ": " + message);
                       },
                       {});
  }

  void read_ends() {
    const std::vector<std::uint8_t> terminal = of_episodes(Field::terminated),
                                    truncated = of_episodes(Field::truncated);
    if (terminal.empty() && truncated.empty()) {
      if (!flags_.any()) {
        made_.remarks.push_back("no `terminal`: episodes are taken to have run out of time");
      }
      return set_ends(made_, flags_, by_flags_);
    }
    // as flags of steps, where only each episode's last one counts
    EpisodeFlags flags = flags_;
    const auto spread = [&](const std::vector<std::uint8_t>& from, std::vector<std::uint8_t>& to) {
      if (from.empty()) return;
      to.assign(static_cast<std::size_t>(made_.steps()), 0);
      for (std::int64_t e = 0; e < made_.episodes(); ++e) {
        to[static_cast<std::size_t>(made_.first_action(e + 1) - 1)] =
            from[static_cast<std::size_t>(e)];
      }
    };
    spread(terminal, flags.terminated);
    spread(truncated, flags.truncated);
    set_ends(made_, flags, by_flags_);
  }

  // Flags of episodes, empty where there are none or they are of steps.
  std::vector<std::uint8_t> of_episodes(Field field) const {
    const FoundField found = find(field);
    if (found.array == nullptr || found.array->count() == made_.steps()) return {};
    if (found.array->count() != made_.episodes()) {
      refuse(found, "expected a flag for each of " + std::to_string(made_.episodes()) +
                        " episodes or " + std::to_string(made_.steps()) + " actions, found shape " +
                        to_string(found.array->shape()) + " of " + name_of(found.array->type()));
    }
    return flags_of(found);
  }

  void read_goals() {
    const FoundField goal = find(Field::goal);
    if (goal.array == nullptr) return;
    made_.goals = whole_vector(goal);
    require_count(goal, made_.episodes(), "episodes");
  }

  void read_durations() {
    const FoundField duration = find(Field::duration);
    if (duration.array == nullptr) return;
    made_.durations = whole_vector(duration);
    require_count(duration, made_.episodes(), "episodes");
    for (std::int64_t e = 0; e < made_.episodes(); ++e) {
      if (made_.duration(e) >= made_.length(e)) continue;
      refuse(duration, "episode " + std::to_string(e) + ": expected at least its " +
                           std::to_string(made_.length(e)) + " steps, found " +
                           std::to_string(made_.duration(e)));
    }
  }

  const NamedArrays& arrays_;
  Array stand_in_;  // for actions that are not there
  std::string_view name_;
  const DemonstrationSpaces* spaces_;
  const char* acts_ = "acts";
  EpisodeFlags flags_;
  bool by_flags_ = false, one_episode_ = false;
  Demonstrations made_;
};

Array to_array(const Series& series) {
  Shape shape = {series.rows()};
  shape.insert(shape.end(), series.shape.begin(), series.shape.end());
  if (series.in_bytes()) {
    Array array(ElementType::u8, std::move(shape));
    std::byte* to = array.bytes().data();
    for (std::int64_t i = 0; i < series.rows(); ++i, to += series.width()) {
      std::memcpy(to, series.bytes.row(i), static_cast<std::size_t>(series.width()));
    }
    return array;
  }
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
