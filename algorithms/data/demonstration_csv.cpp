// Demonstrations as a table: the .csv layout. See demonstration_files.h.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <initializer_list>
#include <set>

#include "algorithms/data/demonstration_files.h"
#include "kernels/device/error.h"

namespace understudy {

using namespace files;

namespace {

class Reader {
 public:
  Reader(const Csv& csv, const DemonstrationSpaces* spaces)
      : csv_(csv), spaces_(spaces), used_(csv.columns(), false) {}

  Demonstrations read() {
    if (csv_.rows() == 0) refuse_file("expected a row a step, found no rows");
    find_columns();
    find_episodes();
    read_terminal();
    read_durations();
    made_.actions = series(action_columns_, false);
    made_.observations = series(observation_columns_, true);
    if (reward_ != none) {
      for_each_step([&](std::size_t row) { made_.rewards.push_back(number(row, reward_)); });
    }
    for (const std::size_t c : observation_columns_) {
      made_.observation_names.push_back(csv_.names()[c]);
    }
    for (const std::size_t c : action_columns_) made_.action_names.push_back(csv_.names()[c]);
    return std::move(made_);
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  [[noreturn]] void refuse_file(const std::string& message) const {
    fail(ErrorKind::bad_file, "%s:1: %s", shown_path(csv_.path()).c_str(), message.c_str());
  }

  [[noreturn]] void refuse(std::size_t row, std::size_t column, const std::string& expected) const {
    // until the episodes are known a row has its line only
    if (first_row_.empty() || first_row_.back() != csv_.rows()) csv_.refuse(row, column, expected);
    const auto next = std::upper_bound(first_row_.begin(), first_row_.end(), row);
    const auto episode = static_cast<std::size_t>(next - first_row_.begin()) - 1;
    csv_.refuse(row, column,
                expected + " in episode " + std::to_string(episode) + ", row " +
                    std::to_string(row - first_row_[episode]));
  }

  // ---- what the columns are ----

  std::size_t column(std::initializer_list<const char*> names) {
    for (const char* name : names) {
      if (!csv_.contains(name)) continue;
      const std::size_t found = csv_.column(name);
      used_[found] = true;
      return found;
    }
    return none;
  }

  // stem_0, stem_1, ... without a gap
  std::vector<std::size_t> numbered(const std::string& stem) {
    std::vector<std::size_t> columns;
    while (csv_.contains(stem + std::to_string(columns.size()))) {
      columns.push_back(csv_.column(stem + std::to_string(columns.size())));
      used_[columns.back()] = true;
    }
    for (std::size_t c = 0; c < csv_.columns(); ++c) {
      std::int64_t index;
      const std::string_view name = csv_.names()[c];
      if (!used_[c] && name.starts_with(stem) && parse_number(name.substr(stem.size()), index)) {
        refuse_file("expected a column '" + stem + std::to_string(columns.size()) + "' before '" +
                    shown(name) + "'");
      }
    }
    return columns;
  }

  void find_columns() {
    episode_ = column({"episode"});
    time_ = column({"t"});
    reward_ = column({"rew", "reward"});
    terminal_ = column({"terminal"});
    duration_ = column({"duration"});
    for (const char* stem : {"act_", "action_"}) {
      if (action_columns_.empty()) action_columns_ = numbered(stem);
    }
    if (action_columns_.empty()) {
      const std::size_t only = column({"act", "action"});
      if (only == none) {
        std::string names;
        for (const std::string& name : csv_.names()) names += (names.empty() ? "" : ",") + name;
        refuse_file("expected a column 'act_0', 'act' or 'action', found '" + shown(names, 80) +
                    "'");
      }
      action_columns_ = {only};
    }
    observation_columns_ = numbered("obs_");
    if (observation_columns_.empty()) {
      const std::size_t only = column({"obs"});
      if (only != none) observation_columns_ = {only};
    }

    std::string others;
    for (std::size_t c = 0; c < csv_.columns(); ++c) {
      if (!used_[c]) others += (others.empty() ? "" : ", ") + shown(csv_.names()[c]);
    }
    if (observation_columns_.empty()) {
      for (std::size_t c = 0; c < csv_.columns(); ++c) {
        if (!used_[c]) observation_columns_.push_back(c);
      }
      if (observation_columns_.empty()) refuse_file("expected a column 'obs_0', found none");
      made_.remarks.push_back("observations are the columns " + others);
    } else if (!others.empty()) {
      made_.remarks.push_back("not read: " + others);
    }
    if (episode_ == none) made_.remarks.push_back("no column `episode`: one episode");
    if (terminal_ == none) {
      made_.remarks.push_back("no `terminal`: episodes are taken to have run out of time");
    }
  }

  // ---- which rows are an episode ----

  // A person's way to say that a discrete action was not taken: -1 in the last row of every episode
  // and below 0 nowhere else.
  bool last_actions_are_minus_one() const {
    if (action_columns_.size() != 1 || is_of_numbers(spaces_, false)) return false;
    std::int64_t action;
    for (std::size_t e = 0; e + 1 < first_row_.size(); ++e) {
      const std::size_t last = first_row_[e + 1] - 1;
      if (last == first_row_[e] || csv_.cell(last, action_columns_[0]) != "-1") return false;
      for (std::size_t row = first_row_[e]; row < last; ++row) {
        if (!parse_number(csv_.cell(row, action_columns_[0]), action) || action < 0) return false;
      }
    }
    return true;
  }

  bool has_action(std::size_t row) const {
    return std::any_of(action_columns_.begin(), action_columns_.end(),
                       [&](std::size_t c) { return !csv_.cell(row, c).empty(); });
  }

  std::int64_t whole(std::size_t row, std::size_t column) const {
    std::int64_t value;
    if (!parse_number(csv_.cell(row, column), value)) refuse(row, column, "a whole number");
    return value;
  }

  void find_episodes() {
    std::set<std::int64_t> seen;
    std::int64_t current = 0;
    for (std::size_t row = 0; row < csv_.rows(); ++row) {
      const std::int64_t episode = episode_ == none ? 0 : whole(row, episode_);
      if (row == 0 || episode != current) {
        if (!seen.insert(episode).second) {
          refuse(row, episode_, "the rows of an episode together");
        }
        first_row_.push_back(row);
        current = episode;
      }
    }
    first_row_.push_back(csv_.rows());
    check_times();
    const bool minus_one = last_actions_are_minus_one();
    if (minus_one) {
      made_.remarks.push_back("action -1 in an episode's last row: none was taken there");
    }

    const std::size_t episodes = first_row_.size() - 1;
    for (std::size_t e = 0; e < episodes; ++e) {
      const std::size_t first = first_row_[e], last = first_row_[e + 1] - 1;
      const bool has_last = minus_one || !has_action(last);
      if (e == 0) made_.last_observation = has_last;
      if (has_last != made_.last_observation) {
        refuse(last, action_columns_[0],
               made_.last_observation
                   ? "an empty cell, after the last action, as the first episode has"
                   : "an action, as the first episode's last row has");
      }
      if (has_last && first == last) refuse(first, action_columns_[0], "an action");
      made_.starts.push_back(made_.starts.back() +
                             static_cast<std::int64_t>(last - first + (has_last ? 0 : 1)));
    }
    if (!made_.last_observation) {
      made_.remarks.push_back("no observation after an episode's last action");
    }
  }

  // A row that is not there would pair an observation with another's successor.
  void check_times() const {
    if (time_ == none) return;
    for (std::size_t e = 0; e + 1 < first_row_.size(); ++e) {
      for (std::size_t row = first_row_[e]; row < first_row_[e + 1]; ++row) {
        const auto expected = static_cast<std::int64_t>(row - first_row_[e]);
        if (whole(row, time_) != expected) refuse(row, time_, "t = " + std::to_string(expected));
      }
    }
  }

  template <class Visit>
  void for_each_step(Visit visit) const {
    for (std::size_t e = 0; e + 1 < first_row_.size(); ++e) {
      const std::size_t end = first_row_[e + 1] - (made_.last_observation ? 1 : 0);
      for (std::size_t row = first_row_[e]; row < end; ++row) visit(row);
    }
  }

  void read_terminal() {
    made_.terminal.assign(static_cast<std::size_t>(made_.episodes()), 0);
    made_.end_unknown.assign(made_.terminal.size(), 1);
    if (terminal_ == none) return;
    for (std::size_t e = 0; e + 1 < first_row_.size(); ++e) {
      if (nothing_in(terminal_, e)) continue;
      bool ended = false;
      const std::size_t end = first_row_[e + 1];
      for (std::size_t row = first_row_[e]; row < end; ++row) {
        const std::string_view cell = csv_.cell(row, terminal_);
        const bool yes = cell == "1" || cell == "true" || cell == "True";
        // the row of the last observation repeats the flag, or leaves it out
        const bool last_observation = made_.last_observation && row + 1 == end;
        if (last_observation && cell.empty()) continue;
        if (!yes && cell != "0" && cell != "false" && cell != "False") {
          refuse(row, terminal_, "0 or 1");
        }
        if (ended && !last_observation) {
          refuse(row - 1, terminal_, "0 before an episode's last step");
        }
        ended = ended || yes;
      }
      made_.terminal[e] = ended;
      made_.end_unknown[e] = 0;
    }
    if (made_.known_ends() == made_.episodes()) made_.end_unknown.clear();
  }

  void read_durations() {
    if (duration_ == none) return;
    for (std::size_t e = 0; e + 1 < first_row_.size(); ++e) {
      const std::int64_t steps = made_.length(static_cast<std::int64_t>(e));
      for (std::size_t row = first_row_[e]; row < first_row_[e + 1]; ++row) {
        std::int64_t duration;
        if (!parse_number(csv_.cell(row, duration_), duration) || duration < steps) {
          refuse(row, duration_, "at least the episode's " + std::to_string(steps) + " steps");
        }
        if (row == first_row_[e]) {
          made_.durations.push_back(duration);
        } else if (duration != made_.durations.back()) {
          refuse(row, duration_, std::to_string(made_.durations.back()) + " as in the row before");
        }
      }
    }
  }

  bool nothing_in(std::size_t column, std::size_t episode) const {
    for (std::size_t row = first_row_[episode]; row < first_row_[episode + 1]; ++row) {
      if (!csv_.cell(row, column).empty()) return false;
    }
    return true;
  }

  // ---- the numbers ----

  float number(std::size_t row, std::size_t column) const {
    double value;
    if (!parse_number(csv_.cell(row, column), value)) refuse(row, column, "a number");
    const auto rounded = static_cast<float>(value);
    if (!std::isfinite(rounded)) refuse(row, column, "a finite number");
    return rounded;
  }

  template <class Visit>
  void for_each_row(bool observations, Visit visit) const {
    if (!observations) {
      for_each_step(visit);
    } else {
      for (std::size_t row = 0; row < csv_.rows(); ++row) visit(row);
    }
  }

  Series series(const std::vector<std::size_t>& columns, bool observations) const {
    Series made;
    made.discrete = columns.size() == 1 && !is_of_numbers(spaces_, observations);
    if (made.discrete) {
      for_each_row(observations, [&](std::size_t row) {
        std::int64_t value;
        // a state's index is 0 or more; an action below 0 is refused, as no index
        made.discrete = made.discrete && parse_number(csv_.cell(row, columns[0]), value) &&
                        ((value >= 0 && value < most_indices) || !observations);
      });
    }
    if (!made.discrete) made.shape = {static_cast<std::int64_t>(columns.size())};
    for_each_row(observations, [&](std::size_t row) {
      for (const std::size_t column : columns) {
        if (made.discrete) {
          made.indices.push_back(whole(row, column));
          if (made.indices.back() < 0 || made.indices.back() >= most_indices) {
            refuse(row, column, "an index from 0 to " + std::to_string(most_indices - 1));
          }
        } else {
          made.numbers.push_back(number(row, column));
        }
      }
    });
    return made;
  }

  const Csv& csv_;
  const DemonstrationSpaces* spaces_;
  std::vector<bool> used_;
  std::size_t episode_ = none, time_ = none, reward_ = none, terminal_ = none, duration_ = none;
  std::vector<std::size_t> observation_columns_, action_columns_;
  std::vector<std::size_t> first_row_;  // of each episode, and the end
  Demonstrations made_;
};

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

Demonstrations demonstrations_from(const Csv& csv, const DemonstrationSpaces* spaces) {
  return Reader(csv, spaces).read();
}

CsvColumns to_columns(const Demonstrations& demonstrations) {
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
