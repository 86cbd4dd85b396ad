// Episodes from transitions that stand one after another, as D4RL keeps them: where they begin and
// how they end, by flags of steps (Gymnasium's `terminated` and `truncated`, and the older `done`,
// which is either), and what was observed last, by the observation after each step.
//
//   terminated  truncated  done     the episode whose last step has them
//   1           any        any      terminated
//   0           1          any      truncated
//   0           missing    1        truncated
//   missing     0          1        terminated
//   missing     missing    1        unknown
//   0           missing    0        truncated, or unknown where the source just ends
//   otherwise                       unknown

#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/data/demonstrations.h"

namespace understudy {

struct EpisodeFlags {
  // One a step, 0 or 1; empty where the source has none.
  std::vector<std::uint8_t> terminated, truncated, done;

  bool any() const { return !terminated.empty() || !truncated.empty() || !done.empty(); }
  bool set(std::int64_t step) const;  // any of them
};

bool any_set(const EpisodeFlags& flags, std::int64_t steps);

// Episodes end where a flag is set; what is left at the end is an episode too. REQUIRES: any().
std::vector<std::int64_t> starts_by(const EpisodeFlags& flags, std::int64_t steps);

// Fills `terminal` and `end_unknown` of the episodes that `starts` tells apart. `by_flags`: the
// flags did so, and a last episode without one is where the source just ends. A remark says what
// they leave open.
void set_ends(Demonstrations& demonstrations, const EpisodeFlags& flags, bool by_flags);

// The first step that is terminated before its episode's last, or -1. (`done` may mean that a task
// is done, which it can be for a while, and steps may be recorded beyond a time limit.)
std::int64_t flagged_within(const Demonstrations& demonstrations, const EpisodeFlags& flags);

// Gives each episode the observation after its last step: `next` has one a step. Where it is not
// what the next row observed, rows do not follow one another: nothing is done, and a remark says so
// by `name`. REQUIRES: no last observations yet; `next` is as the observations are.
void add_last_observations(Demonstrations& demonstrations, const Series& next, const char* name);

}  // namespace understudy
