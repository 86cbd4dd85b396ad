// Experts that label states: in DAgger (Ross, Gordon & Bagnell 2011) an expert is queried for its
// action in every state that the learner visits.
//
//   PolicyExpert     a policy, by its mode or a draw
//   FunctionExpert   a function of one row: a planner, a rule
//
// An external expert process (a human, a simulator) is one more subclass; the command has it. A
// query has several rows. An expert may use the environment's internal state, which the learner
// does not observe.
//
// Thread safety: one thread at a time for each expert.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "algorithms/policies/actor.h"

namespace understudy {

struct ExpertQuestion {
  std::int64_t rows = 0;
  std::int64_t observation_width = 0, state_width = 0, action_width = 0;
  const std::vector<float>& observations;  // [rows, observation_width]
  const std::vector<float>& states;        // [rows, state_width]; may be empty
};

class Expert {
 public:
  virtual ~Expert() = default;
  // Episodes begin anew in all rows. What is drawn after it depends on the round, and not on what
  // was asked before: rounds can be gone on with.
  virtual void begin(std::uint64_t /*round*/) {}
  // An action a row, [rows, action_width]; an index as its number.
  virtual std::vector<float> act(const ExpertQuestion& question) = 0;
  // After `act`: in the rows where this is not 0 the next question is the first of an episode.
  virtual void ended(const std::vector<std::uint8_t>& /*rows*/) {}
};

// A policy as an expert: its mode, or samples. A recurrent one has a hidden state an environment.
class PolicyExpert final : public Expert {
 public:
  explicit PolicyExpert(const Policy& policy, bool deterministic = true, std::uint64_t seed = 0);
  void begin(std::uint64_t round) override;
  std::vector<float> act(const ExpertQuestion& question) override;
  void ended(const std::vector<std::uint8_t>& rows) override;

 private:
  void count_from_round();

  const Policy& policy_;
  bool deterministic_;
  std::uint64_t seed_, round_ = 0;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Actor> actor_;
  std::int64_t rows_ = 0;
};

// A function of one row: a planner over internal states, a rule.
class FunctionExpert final : public Expert {
 public:
  using Function = std::function<void(std::span<const float> observation,
                                      std::span<const float> state, std::span<float> action)>;
  explicit FunctionExpert(Function function) : function_(std::move(function)) {}
  std::vector<float> act(const ExpertQuestion& question) override;

 private:
  Function function_;
};

}  // namespace understudy
