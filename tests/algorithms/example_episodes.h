// Demonstrations that several tests read and write.

#pragma once

#include "algorithms/data/demonstrations.h"

namespace understudy {

// The three episodes of tests/oracles/demonstration_files.py.
inline Demonstrations three_episodes() {
  Demonstrations made;
  made.observations.shape = {2};
  made.actions.discrete = true;
  const std::int64_t lengths[] = {3, 1, 4};
  for (std::int64_t e = 0; e < 3; ++e) {
    for (std::int64_t i = 0; i < (lengths[e] + 1) * 2; ++i) {
      made.observations.numbers.push_back(static_cast<float>(i + 100 * e));
    }
    for (std::int64_t t = 0; t < lengths[e]; ++t) {
      made.actions.indices.push_back(t % 2);
      made.rewards.push_back(0.5f * static_cast<float>(e));
    }
    made.terminal.push_back(e == 1);
    made.starts.push_back(made.starts.back() + lengths[e]);
  }
  return made;
}

inline Demonstrations continuous(Demonstrations made) {
  made.actions.discrete = false;
  made.actions.shape = {1};
  for (const std::int64_t index : made.actions.indices) {
    made.actions.numbers.push_back(static_cast<float>(index));
  }
  made.actions.indices.clear();
  return made;
}

// The same without the observation after the last action.
inline Demonstrations without_last(Demonstrations made) {
  Series observations = made.observations.like();
  for (std::int64_t e = 0; e < made.episodes(); ++e)
    observations.append(made.observations, made.first_observation(e), made.length(e));
  made.observations = observations;
  made.last_observation = false;
  return made;
}

}  // namespace understudy
