// What a policy says about observations that lie on the host: its modes, draws from it, and how
// likely given actions are.

#pragma once

#include <vector>

#include "algorithms/policies/policy.h"

namespace understudy::cli {

// Rows of `observation` numbers one after another; actions of `action` numbers a row, an index as
// its number. A policy with memory is an Error: it has no answer to one observation alone.
class PolicyAnswers {
 public:
  explicit PolicyAnswers(const Policy& policy, std::uint64_t seed = 0);

  std::int64_t observation_width() const { return observation_; }
  std::int64_t action_width() const { return action_; }

  std::vector<double> modes(const std::vector<float>& observations);
  // Other draws at each call.
  std::vector<double> samples(const std::vector<float>& observations);
  // In nats, one a row; of the density where actions are numbers.
  std::vector<double> log_probabilities(const std::vector<float>& observations,
                                        const std::vector<float>& actions);

 private:
  std::vector<double> ask(Program& program, const std::vector<float>& observations,
                          const std::vector<float>* actions, std::int64_t width);
  Tensor observed(Program& program) const;

  const Policy& policy_;
  std::uint64_t seed_;
  std::int64_t observation_, action_;
  bool index_;
  Store store_;
  Program modes_, samples_, scores_;
};

}  // namespace understudy::cli
