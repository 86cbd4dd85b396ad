// A replay buffer of collections: an adversary that has seen where the learner used to be does not
// forget it (Li, Song & Ermon 2017, "InfoGAIL", section 4.3; Shrivastava et al. 2017, section 2.3).
//
//   replay.push();     the collection that was just made, in the place of the oldest
//   replay.mix();      as many rows as one, each step of all environments from a collection drawn
//                      among those kept, the newest among them
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/data/transitions.h"

namespace understudy {

class TransitionReplay {
 public:
  // `newest` and `code` are where collections lie, [rows, ...]; columns that are defined are kept,
  // `collections` times, in `store` (a checkpoint has them). A step is `num_envs` rows.
  TransitionReplay(Store& store, const TransitionBatch& newest, const DataView& code,
                   std::int64_t collections, std::int64_t num_envs, std::uint64_t seed);

  void push();
  void mix();

  // What was mixed, always in the same place.
  const TransitionBatch& batch() const { return mixed_; }
  const DataView& code() const { return mixed_code_; }

 private:
  struct Column {
    DataView newest;
    Array *kept, *mixed;
    std::size_t bytes;  // of a collection
  };
  DataView add(Store& store, const std::string& name, const DataView& newest);

  std::vector<Column> columns_;
  Store buffers_;
  TransitionBatch mixed_;
  DataView mixed_code_;
  std::int64_t rows_, collections_, num_envs_;
  std::uint64_t seed_;
  Array* pushed_;
};

}  // namespace understudy
