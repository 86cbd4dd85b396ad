// Validation of sequence cloning: whole sequences that are not trained on, and the parameters that
// did best on them.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>

#include "algorithms/cloning/sequence_cloning.h"

namespace understudy {

// Whole sequences, in their order, a share of them (rounded, at least one) held out. Of fewer than
// five with a step that counts too much would be: then none is. REQUIRES: 0 <= share < 1.
struct SequenceSplit {
  Transitions training, validation;
};
SequenceSplit split_sequences(const Transitions& from, double share, std::uint64_t seed);

class HeldOutSequences {
 public:
  // `cloning` must outlive this.
  HeldOutSequences(SequenceCloning& cloning, Transitions sequences);

  // The mean loss of the steps that count, teacher-forced; of latent heads a bound. Parameters that
  // did better than all before are kept.
  double validate();
  double best() const;  // infinite before the first
  // They become the policy's.
  void keep_best();
  // What a resumed run must know.
  Store& store() { return store_; }

 private:
  SequenceCloning& cloning_;
  Transitions sequences_;
  Store store_;
  Program keeping_, restoring_;
  Array* loss_;
};

}  // namespace understudy
