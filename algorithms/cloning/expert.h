// An expert that can be asked what it would do: in DAgger (Ross, Gordon & Bagnell 2011) it labels
// the states that the learner visits, its own mistakes among them.
//
// It is asked about several rows at once. A planner or a scripted expert may look at the
// environment's internal state, which the learner does not see.

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
  // An action a row, [rows, action_width]; an index as its number.
  virtual std::vector<float> act(const ExpertQuestion& question) = 0;
};

// A policy as an expert: its mode, or draws from it.
class PolicyExpert final : public Expert {
 public:
  explicit PolicyExpert(const Policy& policy, bool deterministic = true, std::uint64_t seed = 0);
  std::vector<float> act(const ExpertQuestion& question) override;

 private:
  const Policy& policy_;
  bool deterministic_;
  std::uint64_t seed_;
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
