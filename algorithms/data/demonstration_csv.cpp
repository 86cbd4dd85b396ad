// Demonstrations from a table: the .csv layout. See demonstration_files.h.

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
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

constexpr const char* observation_stems[] = {"obs_", "observation_", "observations_",
                                             "observation.state_", "observation.state."};
constexpr const char* next_stems[] = {"next_obs_", "next_observation_", "next_observations_"};
constexpr const char* action_stems[] = {"act_", "action_", "actions_", "action."};

class Reader {
 public:
  Reader(const Csv& csv, const DemonstrationSpaces* spaces)
      : csv_(csv), spaces_(spaces), used_(csv.columns(), false) {}

  Demonstrations read() {
    if (csv_.rows() == 0) refuse_file("expected a row a step, found no rows");
    find_columns();
    find_episodes();
    read_ends();
    read_durations();
    if (action_columns_.empty())
      made_.actions.numbers.assign(static_cast<std::size_t>(made_.steps()), 0.0f);
    else
      made_.actions = series(action_columns_, false);
    made_.observations = series(observation_columns_, true);
    if (!made_.last_observation) read_last_observations();
    if (!made_.last_observation) {
      made_.remarks.push_back("no observation after an episode's last action");
    }
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

  std::size_t column(Field field) {
    const char* name = name_in(field, [&](const char* one) { return csv_.contains(one); });
    if (name == nullptr) return none;
    const std::size_t found = csv_.column(name);
    used_[found] = true;
    return found;
  }

  // stem_0, stem_1, ... without a gap
  std::vector<std::size_t> numbered(std::span<const char* const> stems) {
    std::vector<std::size_t> columns;
    for (const std::string stem : stems) {
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
      if (!columns.empty()) break;
    }
    return columns;
  }

  std::vector<std::size_t> numbered_or_one(std::span<const char* const> stems, Field field) {
    std::vector<std::size_t> columns = numbered(stems);
    const std::size_t only = columns.empty() ? column(field) : none;
    if (only != none) columns = {only};
    return columns;
  }

  void find_columns() {
    episode_ = column(Field::episode);
    time_ = column(Field::time);
    reward_ = column(Field::rewards);
    flag_columns_ = {column(Field::terminated), column(Field::truncated), column(Field::done)};
    duration_ = column(Field::duration);
    action_columns_ = numbered_or_one(action_stems, Field::actions);
    if (action_columns_.empty() && (spaces_ == nullptr || !spaces_->states_only)) {
      std::string names;
      for (const std::string& name : csv_.names()) names += (names.empty() ? "" : ",") + name;
      refuse_file("expected a column 'act_0', 'act' or 'action', found '" + shown(names, 80) + "'");
    }
    observation_columns_ = numbered_or_one(observation_stems, Field::observations);
    next_columns_ = numbered_or_one(next_stems, Field::next_observations);

    leave_columns_without_name();
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
  }

  // Row numbers that pandas or a spreadsheet wrote, or what a comma at each line's end makes.
  void leave_columns_without_name() {
    for (std::size_t c = 0; c < csv_.columns(); ++c) {
      const std::string& name = csv_.names()[c];
      if (!name.empty() && !name.starts_with("Unnamed: ")) continue;
      used_[c] = true;
      made_.remarks.push_back("not read: column " + std::to_string(c) + ", which has no name");
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
    return action_columns_.empty() ||
           std::any_of(action_columns_.begin(), action_columns_.end(),
                       [&](std::size_t c) { return !csv_.cell(row, c).empty(); });
  }

  std::int64_t whole(std::size_t row, std::size_t column) const {
    std::int64_t value;
    if (parse_number(csv_.cell(row, column), value)) return value;
    double number;  // "3.0", which pandas makes of 3
    if (!parse_number(csv_.cell(row, column), number) || !(std::abs(number) < 0x1p53) ||
        number != std::trunc(number)) {
      refuse(row, column, "a whole number");
    }
    return static_cast<std::int64_t>(number);
  }

  void find_episodes() {
    if (episode_ != none) {
      find_first_rows_by_number();
    } else {
      find_first_rows_without_number();
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
  }

  void find_first_rows_by_number() {
    std::set<std::int64_t> seen;
    std::int64_t current = 0;
    for (std::size_t row = 0; row < csv_.rows(); ++row) {
      const std::int64_t episode = whole(row, episode_);
      if (row == 0 || episode != current) {
        if (!seen.insert(episode).second) {
          refuse(row, episode_, "the rows of an episode together");
        }
        first_row_.push_back(row);
        current = episode;
      }
    }
  }

  // By the time, where it starts again, or else by the flags.
  void find_first_rows_without_number() {
    first_row_ = {0};
    if (time_ != none) {
      for (std::size_t row = 1; row < csv_.rows(); ++row) {
        if (whole(row, time_) <= whole(row - 1, time_)) {
          if (whole(row, time_) != whole(0, time_)) refuse_time(row);
          first_row_.push_back(row);
        }
      }
      if (first_row_.size() > 1) {
        made_.remarks.push_back("no column `episode`: one begins where `" + csv_.names()[time_] +
                                "` starts again");
        return;
      }
    }
    for (std::size_t row = 1; row < csv_.rows(); ++row) {
      // the row of a last observation belongs to the episode before it
      if (has_action(row) && (is_flagged(row - 1) || !has_action(row - 1))) {
        first_row_.push_back(row);
      }
    }
    by_flags_ = first_row_.size() > 1 || is_flagged(csv_.rows() - 1);
    if (first_row_.size() == 1) {
      made_.remarks.push_back("no column `episode`: one episode");
    } else {
      made_.remarks.push_back("no column `episode`: one begins after each end");
    }
  }

  [[noreturn]] void refuse_time(std::size_t row) const {
    refuse(row, time_, "t = " + std::to_string(whole(row - 1, time_) + 1));
  }

  // A row that is not there would pair an observation with another's successor.
  void check_times() const {
    if (time_ == none) return;
    for (std::size_t e = 0; e + 1 < first_row_.size(); ++e) {
      const std::int64_t begin = whole(first_row_[0], time_);
      if (whole(first_row_[e], time_) != begin) {
        refuse(first_row_[e], time_, "t = " + std::to_string(begin));
      }
      for (std::size_t row = first_row_[e] + 1; row < first_row_[e + 1]; ++row) {
        if (whole(row, time_) != whole(row - 1, time_) + 1) refuse_time(row);
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

  // ---- how episodes end ----

  bool flag(std::size_t row, std::size_t column) const {
    const std::string_view cell = csv_.cell(row, column);
    for (const char* yes : {"1", "true", "True", "TRUE", "1.0"}) {
      if (cell == yes) return true;
    }
    for (const char* no : {"", "0", "false", "False", "FALSE", "0.0"}) {
      if (cell == no) return false;
    }
    refuse(row, column, "0 or 1");
  }

  bool is_flagged(std::size_t row) const {
    return std::any_of(flag_columns_.begin(), flag_columns_.end(),
                       [&](std::size_t c) { return c != none && flag(row, c); });
  }

  // Of the steps; the row of an episode's last observation repeats the flag of its last step, or
  // has it alone.
  std::vector<std::uint8_t> flags_in(std::size_t column, bool ends_only) const {
    std::vector<std::uint8_t> flags;
    if (column == none) return flags;
    for (std::size_t e = 0; e + 1 < first_row_.size(); ++e) {
      const std::size_t end = first_row_[e + 1] - (made_.last_observation ? 1 : 0);
      const bool nothing = nothing_in(column, e);
      for (std::size_t row = first_row_[e]; row < end; ++row) {
        if (!nothing && csv_.cell(row, column).empty()) refuse(row, column, "0 or 1");
        flags.push_back(flag(row, column));
        if (ends_only && flags.back() != 0 && row + 1 < end) {
          refuse(row, column, "0 before an episode's last step");
        }
      }
      if (made_.last_observation && flag(end, column)) flags.back() = 1;
    }
    return flags;
  }

  void read_ends() {
    const auto [terminated, truncated, done] = flag_columns_;
    const EpisodeFlags flags = {flags_in(terminated, true), flags_in(truncated, false),
                                flags_in(done, false)};
    if (!flags.any()) {
      made_.remarks.push_back("no `terminal`: episodes are taken to have run out of time");
    }
    set_ends(made_, flags, by_flags_);
    for (std::size_t e = 0; flags.any() && e + 1 < first_row_.size(); ++e) {
      bool nothing = true;
      for (const std::size_t column : flag_columns_) {
        nothing = nothing && (column == none || nothing_in(column, e));
      }
      if (!nothing) continue;
      made_.end_unknown.resize(made_.terminal.size(), 0);
      made_.end_unknown[e] = 1;
    }
  }

  bool nothing_in(std::size_t column, std::size_t episode) const {
    for (std::size_t row = first_row_[episode]; row < first_row_[episode + 1]; ++row) {
      if (!csv_.cell(row, column).empty()) return false;
    }
    return true;
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

  // ---- the numbers ----

  float number(std::size_t row, std::size_t column, double* exact = nullptr) const {
    double value;
    if (!parse_number(csv_.cell(row, column), value)) refuse(row, column, "a number");
    const auto rounded = static_cast<float>(value);
    if (!std::isfinite(rounded)) refuse(row, column, "a finite number");
    if (exact != nullptr) *exact = value;
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

  Series series(const std::vector<std::size_t>& columns, bool observations) {
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
    Digits digits(static_cast<std::int64_t>(columns.size()));
    for_each_row(observations, [&](std::size_t row) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        if (made.discrete) {
          made.indices.push_back(whole(row, columns[i]));
          if (made.indices.back() < 0 || made.indices.back() >= most_indices) {
            refuse(row, columns[i], "an index from 0 to " + std::to_string(most_indices - 1));
          }
        } else {
          double exact;
          made.numbers.push_back(number(row, columns[i], &exact));
          digits.add(i, exact, made.numbers.back());
        }
      }
    });
    if (!digits.remark().empty()) {
      made_.remarks.push_back(std::string(observations ? "observations" : "actions") + ": " +
                              digits.remark());
    }
    return made;
  }

  void read_last_observations() {
    if (next_columns_.empty()) return;
    if (next_columns_.size() != observation_columns_.size()) {
      refuse_file("expected as many columns of the next observation as of observations, " +
                  std::to_string(observation_columns_.size()) + ", found " +
                  std::to_string(next_columns_.size()));
    }
    Series next = series(next_columns_, true);
    if (next.discrete != made_.observations.discrete) return;
    add_last_observations(made_, next, csv_.names()[next_columns_[0]].c_str());
  }

  const Csv& csv_;
  const DemonstrationSpaces* spaces_;
  std::vector<bool> used_;
  std::size_t episode_ = none, time_ = none, reward_ = none, duration_ = none;
  std::array<std::size_t, 3> flag_columns_ = {none, none, none};  // terminated, truncated, done
  std::vector<std::size_t> observation_columns_, action_columns_, next_columns_;
  std::vector<std::size_t> first_row_;  // of each episode, and the end
  bool by_flags_ = false;
  Demonstrations made_;
};

}  // namespace

Demonstrations demonstrations_from(const Csv& csv, const DemonstrationSpaces* spaces) {
  return Reader(csv, spaces).read();
}

}  // namespace understudy
