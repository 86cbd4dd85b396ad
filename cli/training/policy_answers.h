// What a policy says about observations that lie on the host: its modes, draws from it, and how
// likely given actions are.

#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "algorithms/policies/policy.h"

namespace understudy::cli {

// Rows of `observation` numbers one after another; actions of `action` numbers a row, an index as
// its number. A policy with memory goes through episodes from an empty memory, and what is asked
// about are their rows one after another.
class PolicyAnswers {
 public:
  explicit PolicyAnswers(const Policy& policy, std::uint64_t seed = 0);

  std::int64_t observation_width() const { return observation_; }
  std::int64_t action_width() const { return action_; }

  // Where episodes begin in the rows of the next questions, the last being the number of rows;
  // matters to policies with memory alone. Before the first call all rows are one episode.
  void as_episodes(std::vector<std::int64_t> starts) { starts_ = std::move(starts); }

  std::vector<double> modes(const std::vector<float>& observations);
  // Other draws at each call.
  std::vector<double> samples(const std::vector<float>& observations);
  // In nats, one a row; of the density where actions are numbers.
  std::vector<double> log_probabilities(const std::vector<float>& observations,
                                        const std::vector<float>& actions);

 private:
  std::vector<double> ask(Program& program, const std::vector<float>& observations,
                          const std::vector<float>* actions, std::int64_t width);
  std::vector<double> ask_episodes(Program& program, const std::vector<float>& observations,
                                   const std::vector<float>* actions, std::int64_t width);
  std::unique_ptr<ActionDistribution> distribution(Program& program) const;

  const Policy& policy_;
  std::uint64_t seed_;
  std::int64_t chunk_, observation_, action_;  // rows computed at a time
  std::vector<std::int64_t> starts_;
  bool index_;
  Store store_;
  Program modes_, samples_, scores_;
};

}  // namespace understudy::cli
