// An adversary's features: rows of numbers made from transitions (s, a, s').
//
//   state_action   (s, a)      Ho & Ermon 2016, "Generative adversarial imitation learning"
//   state_pair     (s, s')     when actions are not to be compared: Torabi et al. 2018, "Generative
//                              adversarial imitation from observation", section 4
//   state          s
//
// Observations are normalized with the expert's mean and standard deviation; real actions likewise,
// and a discrete one is its one-hot row.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "algorithms/data/normalizer.h"
#include "algorithms/data/transitions.h"
#include "algorithms/policies/policy_description.h"
#include "autograd/operations/operations.h"

namespace understudy {

struct OptionChoice;

enum class RewardInput : std::int8_t { state_action, state_pair, state };
const char* name_of(RewardInput input);
RewardInput reward_input_named(const std::string& name);
std::span<const OptionChoice> reward_inputs();

struct TransitionSpaces : Spaces {
  RewardInput input = RewardInput::state_action;
  // What is read beside that: likelihoods look at the action, shaping at the next observation.
  bool likelihood = false, shaping = false;
};

class TransitionFeatures {
 public:
  // Fits normalizers of observations and real actions to the expert's, in `store`, which must
  // outlive this. An Error that begins with `name` where the expert's transitions do not fit the
  // spaces, or lack what the input needs.
  TransitionFeatures(Store& store, const TransitionSpaces& spaces, const Demonstrations& expert,
                     std::string_view name);
  // Normalizers that are to be filled from elsewhere, and no expert.
  TransitionFeatures(Store& store, const TransitionSpaces& spaces);

  // Means and deviations from now on as of the other, which has those that are needed here.
  void normalize_like(const TransitionFeatures& other);

  std::int64_t expert_rows() const { return expert_.rows(); }
  const Transitions& expert() const { return expert_; }
  const TransitionSpaces& spaces() const { return spaces_; }
  // Whether "next_observation" is among the inputs below.
  bool reads_next() const { return spaces_.shaping || next_in_input(); }

  // Declares the program's inputs "observation", "action", "next_observation" (those needed) with
  // so many rows, and binds or fills them.
  struct Inputs {
    Tensor observation, action, next_observation;
  };
  Inputs inputs(Program& program, std::int64_t count) const;
  void bind(Program& program, const TransitionBatch& batch) const;
  void write_expert(Program& program) const;
  void write(Program& program, const Transitions& transitions) const;

  // Observations as they stand first in what follows, [rows, width].
  Tensor state(Tensor observation) const { return observation_by_.normalize(observation); }

  // The input of a network: normalized numbers side by side, [rows, width].
  Tensor network_input(const Inputs& inputs) const;
  std::int64_t network_width() const;

  // The features phi of a linear cost (Ho, Gupta & Ermon 2016, "Model-free imitation learning with
  // policy optimization", section 6, as their code has it), from z, the normalized numbers:
  //
  //   real actions       [z_s, z_a, (0.01 z_s)^2, (0.01 z_a)^2, 1]
  //   discrete actions   a block of [z_s, (0.01 z_s)^2] for each action, zeros but for the action
  //                      taken, and 1
  Tensor linear_input(const Inputs& inputs) const;
  std::int64_t linear_width() const;

 private:
  bool action_in_input() const { return spaces_.input == RewardInput::state_action; }
  bool next_in_input() const { return spaces_.input == RewardInput::state_pair; }
  bool reads_action() const { return spaces_.likelihood || action_in_input(); }
  bool index_action() const { return spaces_.action.kind == ActionKind::discrete; }
  // Everything but a discrete action.
  Tensor numbers(const Inputs& inputs) const;
  std::int64_t numbers_width() const;

  TransitionSpaces spaces_;
  Transitions expert_;
  Normalizer observation_by_;
  std::optional<Normalizer> action_by_;
};

}  // namespace understudy
