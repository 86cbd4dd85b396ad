// How well a policy does: whole episodes of an environment, one an environment, side by side.
//
// Every environment plays its first episode; what it does after that does not count, so that short
// episodes are not counted more often than long ones. The same seed gives the same episodes on any
// device and any number of threads.

#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/policies/policy.h"
#include "envs/batch.h"

namespace understudy {

struct EvaluationOptions {
  std::int64_t episodes = 50;  // (Ho & Ermon 2016, section 6)
  bool deterministic = true;   // the mode, not a sample (ibid., their code)
  std::uint64_t seed = 0;
  // The environments' numbers begin here: those of training are others.
  std::uint64_t first_env = std::uint64_t{1} << 40;
  // The latent code of every episode, of a policy that has codes; empty: each has its own, drawn by
  // the seed.
  std::vector<double> code = {};
};

struct Evaluation {
  std::vector<double> returns;        // one an episode
  std::vector<std::int64_t> lengths;  // steps
  double mean = 0, deviation = 0;     // of the returns; n in the denominator
};

// The policy is in f32 and without memory.
Evaluation evaluate_policy(const Policy& policy, const EnvironmentDescription& environment,
                           const EvaluationOptions& options = {});

}  // namespace understudy
