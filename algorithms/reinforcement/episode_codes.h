// Latent codes during rollouts: drawn when an environment begins an episode, and behind each of its
// observations until the end.
//
//   batch.reset(codes.observed());                 codes.follow(batch.elapsed());
//   batch.step({.observation = codes.observed(),
//               .final_observation = codes.final_observed()});    codes.follow(batch.elapsed());
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/policies/codes.h"
#include "autograd/program/program.h"

namespace understudy {

class EpisodeCodes {
 public:
  // For `count` environments that observe `width` numbers. `current` and `final`, both
  // [count, width + codes.width()], are what `follow` writes. The run's `store` gets the codes and
  // their counter. All must outlive this.
  EpisodeCodes(Store& store, const CodeSpace& codes, std::int64_t count, std::int64_t width,
               Array& current, Array& final, std::uint64_t seed);

  // Where an environment writes, [count, width].
  float* observed() { return static_cast<float*>(observed_->data()); }
  float* final_observed() { return static_cast<float*>(final_observed_->data()); }

  // `final` gets the codes before this step; environments that have done no step of their episode
  // (`elapsed` [count] is 0) draw others; `current` gets those.
  void follow(const float* elapsed);
  // `current` from what was observed and the codes as they are: after a checkpoint was read.
  void recall() { recalling_.run(); }

 private:
  Store buffers_;
  Array *observed_, *final_observed_, *elapsed_, *code_, *counter_;
  Program following_, recalling_;
};

}  // namespace understudy
