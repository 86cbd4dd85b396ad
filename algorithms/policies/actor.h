// A policy at work: actions for a batch of observations, step after step, without allocation.
//
//   Actor actor(policy, store, {.rows = 1024});
//   actor.observe(rows_of(observation));       // read at every act
//   actor.act();                               // one program run
//   batch.step({.discrete = actor.indices(), ...});
//
// An Actor keeps its state between steps (the counter of its random numbers, a recurrent policy's
// hidden state) in arrays of the store that it was given, "<name>/...": a checkpoint
// of that store resumes it bit for bit.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "algorithms/policies/policy.h"

namespace understudy {

class Actor {
 public:
  struct Options {
    std::string name = "actor";
    std::int64_t rows = 1;
    // The distribution's mode instead of a sample.
    bool deterministic = false;
    std::uint64_t seed = 0;
    // Compute log pi(a | o) of the actions too.
    bool log_probability = false;
  };
  // `policy` and `store` must outlive the actor. The store is on the policy's device.
  Actor(const Policy& policy, Store& store, const Options& options);

  // What `act` reads from now on: [rows, input_width], or indices [rows] of a discrete space.
  void observe(const DataView& observation);
  void act();

  // On the device, overwritten by the next `act`; always at the same addresses.
  const void* action() const { return program_.data("action"); }
  const std::int32_t* indices() const { return static_cast<const std::int32_t*>(action()); }
  const float* numbers() const { return static_cast<const float*>(action()); }
  const void* log_probability() const { return program_.data("log_probability"); }

  // By way of the host: observations of all rows; actions as numbers, an index as its number. An
  // observation that is not finite is an Error that names its row, before it comes to the memory.
  std::vector<double> act(const std::vector<double>& observation);

  // Empties the memory of all rows, or of those where `ended` [rows] is not 0; nothing to do for a
  // policy without memory.
  void reset_hidden_state();
  void reset_hidden_state(const DataView& ended);

  Program& program() { return program_; }

 private:
  Options options_;
  Program program_, reset_;
  Array* counter_;
  Array* memory_ = nullptr;
  bool bound_ = false;
};

}  // namespace understudy
