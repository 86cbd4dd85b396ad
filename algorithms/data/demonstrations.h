// Demonstrations: what an expert saw and did, episode after episode.
//
// The rows of all episodes stand one after another. Episode e has the actions
// starts[e] .. starts[e + 1] - 1; of observations it has one row more than of actions, the one
// after the last action (`last_observation`), or as many where the source left that one out.
//
//   observations   o_0 a_0 o_1 a_1 ... o_{T-1} a_{T-1} o_T      T actions, T + 1 observations
//
// `terminal` says that the episode ended in a state that ends it (and not by running out of time):
// only then is the value after o_T zero. A source may not say how an episode ended:
//
//   end(e)       terminal[e]  end_unknown[e]
//   terminated   1            0
//   truncated    0            0               out of time, or cut off otherwise
//   unknown      0            1               the source has no flag of this episode
//
// Everything is finite, every episode has a step: whatever makes a Demonstrations has checked it.
//
// Thread safety: a value. Any number of threads may read one; whoever changes it is alone.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "algorithms/data/byte_rows.h"
#include "autograd/files/array.h"

namespace understudy {

// Rows of one shape: numbers, or the indices of discrete states and actions. Numbers are floats,
// or, where a file has pictures, bytes.
struct Series {
  files::Shape shape;     // of one row; [] for one number
  bool discrete = false;  // which of those below holds the rows
  std::vector<float> numbers = {};
  std::vector<std::int64_t> indices = {};
  ByteRows bytes = {};  // in place of `numbers` where it has rows

  std::int64_t width() const;
  std::int64_t rows() const;
  bool in_bytes() const { return bytes.rows() > 0; }
  std::vector<float> as_numbers() const;  // an index as its number
  // Rows [first, first + rows) as numbers, written to `to`. REQUIRES: not discrete.
  void copy_numbers(std::int64_t first_row, std::int64_t rows, float* to) const;
  // Bytes become floats, four times as large; nothing to do for others.
  void expand();

  // An empty one of the same shape and kind.
  Series like() const { return {shape, discrete}; }
  void append(const Series& from, std::int64_t first_row, std::int64_t rows);

  // The same numbers, be they bytes or floats.
  friend bool operator==(const Series& a, const Series& b);
};

enum class EpisodeEnd : std::uint8_t { unknown, truncated, terminated };

struct Demonstrations {
  Series observations;
  Series actions;
  bool last_observation = true;
  std::vector<float> rewards;             // one a step; empty where none were recorded
  std::vector<std::uint8_t> terminal;     // one an episode
  std::vector<std::uint8_t> end_unknown;  // one an episode; empty: every end is known
  std::vector<std::int64_t> starts = {0};
  // Steps that each episode took, where some were left out since (`subsample`); empty: those there
  // are.
  std::vector<std::int64_t> durations;
  std::vector<std::int64_t> goals;  // one an episode, for tabular problems; or empty

  std::vector<std::string> observation_names, action_names;  // where a .csv gave them
  std::vector<std::string> remarks;  // what a reader assumed or left out, a sentence each

  std::int64_t episodes() const { return static_cast<std::int64_t>(starts.size()) - 1; }
  std::int64_t steps() const { return starts.back(); }
  std::int64_t length(std::int64_t episode) const {
    return starts[static_cast<std::size_t>(episode) + 1] -
           starts[static_cast<std::size_t>(episode)];
  }
  // At least length(episode).
  std::int64_t duration(std::int64_t episode) const {
    return durations.empty() ? length(episode) : durations[static_cast<std::size_t>(episode)];
  }
  std::int64_t first_action(std::int64_t episode) const {
    return starts[static_cast<std::size_t>(episode)];
  }
  std::int64_t first_observation(std::int64_t episode) const {
    return first_action(episode) + (last_observation ? episode : 0);
  }
  std::int64_t observations_of(std::int64_t episode) const {
    return length(episode) + (last_observation ? 1 : 0);
  }

  EpisodeEnd end(std::int64_t episode) const;
  // Episodes whose source said how they ended: 0 where flags are missing, `episodes()` where all
  // have one, whatever it says.
  std::int64_t known_ends() const;

  // The sum of each episode's rewards. REQUIRES: rewards.
  std::vector<double> returns() const;
};

// The same numbers; names and remarks may differ.
bool same_data(const Demonstrations& a, const Demonstrations& b);

// These episodes, in this order; the same one twice if it is named twice.
// REQUIRES: 0 <= e < episodes() for each.
Demonstrations select(const Demonstrations& from, std::span<const std::int64_t> episodes);

// The first `count`; an Error where there are fewer.
Demonstrations first_episodes(const Demonstrations& from, std::int64_t count,
                              std::string_view name);

// Adds the episodes of `more`. An Error that begins with `name` where shapes, kinds or layouts
// differ. Rewards and goals are dropped, with a remark, unless both have them.
void append(Demonstrations& to, const Demonstrations& more, std::string_view name);

// What an environment observes and takes; -1 for a count says that there is none (not discrete).
struct DemonstrationSpaces {
  files::Shape observation_shape = {};
  std::int64_t observation_count = -1;
  files::Shape action_shape = {};
  std::int64_t action_count = -1;
  // one an element, or empty: unbounded
  std::vector<float> action_low = {}, action_high = {};
  // The actions are not those of this environment, or were not recorded: they are not looked at. A
  // file without any has an action of 0 for each observation.
  bool states_only = false;
  // Of observations of n numbers: they are the indicator of one of n states (a 1 among zeros).
  bool observation_indicator = false;
};

// The remarks, and one on memory where the observations take much, and on how images lie.
std::vector<std::string> remarks_on(const Demonstrations& demonstrations);

// Makes demonstrations fit an environment's spaces, or says in one line what does not, in which
// episode and row. Whole numbers become indices and indices numbers where the space asks for it,
// and rows of n numbers take the space's shape of n. Indicators of a state, or of a choice, become
// its index where the space has n of them, and indices indicators where it observes those.
void conform(Demonstrations& demonstrations, const DemonstrationSpaces& spaces,
             std::string_view name);

}  // namespace understudy
