// The observation that each step of a collection reached, before any reset: the next row of its
// environment, or, where the episode ended, what it ended with.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/reinforcement/rollouts.h"

namespace understudy {

class NextObservations {
 public:
  // The rollouts must outlive this.
  explicit NextObservations(const Rollouts& rollouts);

  // After a collection.
  void run() { program_.run(); }
  // [steps_per_iteration, width], always in the same place.
  DataView values() const { return rows_of(*next_); }

 private:
  Store store_;
  Array* next_;
  Program program_;
};

}  // namespace understudy
