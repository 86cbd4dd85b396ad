// How an expert's episodes end, and what follows from it: files leave `terminal` out, set it at
// time limits too, or never set it.
//
//   terminated    in a state that ends the task: beyond it comes the absorbing state, for the steps
//                 that were left until the horizon
//   truncated     by a time limit: what would have come is not known
//
// Thread safety: values and pure functions.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "algorithms/data/demonstrations.h"

namespace understudy {

struct OptionChoice;

// What says whether an episode terminated.
//
//   automatic   `terminal` where it tells episodes apart; lengths where it is missing, unset
//               throughout although episodes are shorter than the horizon, or set throughout
//               although all stop at one length
//   flags       `terminal`, whatever it says
//   lengths     an episode shorter than the horizon terminated
//   truncated   none did
enum class EndsEvidence : std::int8_t { automatic, flags, lengths, truncated };
std::span<const OptionChoice> ends_evidences();

struct EpisodeEnds {
  std::int64_t episodes = 0, terminated = 0;
  std::int64_t steps = 0;   // of all episodes, as long as they were before any were left out
  std::int64_t beyond = 0;  // steps in the absorbing state, from terminations to the horizon
  std::int64_t horizon = 0;
  std::vector<std::uint8_t> by_episode;  // 1: it terminated
  std::string evidence;                  // a clause: by what it was told

  double mean_length() const { return static_cast<double>(steps) / static_cast<double>(episodes); }
  // Share of the padded episodes that is beyond their ends.
  double absorbing_share() const {
    return static_cast<double>(beyond) / static_cast<double>(steps + beyond);
  }
};

// `horizon`: steps after which the task's own time limit truncates; 0: none is known, so that
// nothing is told by lengths. REQUIRES: an episode.
EpisodeEnds episode_ends(const Demonstrations& expert, std::int64_t horizon,
                         EndsEvidence evidence = EndsEvidence::automatic);

}  // namespace understudy
