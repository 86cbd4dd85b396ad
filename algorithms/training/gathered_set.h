// The file of what a run has gathered, beside its checkpoint: FOLDER/NAME-ITERATION.npz. Only the
// set of the checkpoint that stands is ever read; others are removed.

#pragma once

#include <cstdint>
#include <string>

#include "algorithms/data/demonstrations.h"

namespace understudy {

class GatheredSet {
 public:
  explicit GatheredSet(std::string name) : name_(std::move(name)) {}

  // Before the checkpoint of this iteration is written.
  void write(const std::string& folder, std::int64_t iteration, const Demonstrations& set) const;
  // After it: the set of the one before is no longer needed.
  void wrote(const std::string& folder, std::int64_t iteration);
  // Of the checkpoint of this iteration. Sets of checkpoints that never came to be, of a run that
  // was killed, go.
  Demonstrations read(const std::string& folder, std::int64_t iteration);

 private:
  std::string file(const std::string& folder, std::int64_t iteration) const {
    return folder + "/" + name_ + "-" + std::to_string(iteration) + ".npz";
  }

  std::string name_;
  std::int64_t saved_ = 0;
};

}  // namespace understudy
