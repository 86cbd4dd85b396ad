// A policy pi(a | o): observations, a trunk that makes features of them, a head that makes a
// distribution over actions of those.
//
//   Policy policy(device, {.observation = {.shape = {4}}, .action = {ActionKind::discrete, 2}},
//                 seed);
//   auto distribution = policy.distribution(program.input("observation", {rows(64), 4}));
//   Tensor loss = -mean(distribution->log_probability(action));
//   Adam adam(policy.parameters(), run_store, {});     adam.record(program, loss);
//   policy.save("policy.safetensors");
//
// A Policy owns its parameters and its normalizers' statistics and nothing else: an optimizer's
// moments belong in another store. It can be recorded into any number of programs on its device.
//
// Observations are [rows..., width], rows first, or an index tensor [rows...] of a discrete space;
// an image's numbers lie in the order of its shape.
//
// A recurrent policy has a memory: [rows, memory_width], its hidden state (and an LSTM's cell
// behind it), zeros at the start of an episode.
//
// Thread safety: as its device, one thread at a time; what it records is used as the program is.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "algorithms/data/normalizer.h"
#include "algorithms/data/transitions.h"
#include "algorithms/policies/policy_description.h"

namespace understudy {

class Policy {
 public:
  // Bad descriptions are an Error. The same seed gives the same numbers on every device.
  Policy(Device& device, const PolicyDescription& description, std::uint64_t seed = 0,
         Real real = Real::f32);
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  const PolicyDescription& description() const { return description_; }
  Device& device() const { return store_.device(); }
  const Parameters& parameters() const { return parameters_; }
  // Parameters ("policy/..."), "normalizer/..." where observations are normalized, and
  // "action_normalizer/..." where actions are.
  Store& store() { return store_; }
  const Store& store() const { return store_; }

  // ---- In programs ----

  // pi(. | o) of a policy without memory; of one with, for whole sequences from an empty memory:
  // observation [rows, steps, width], mask [rows, steps] of 0 and 1 or undefined for all 1. Where
  // the mask is 0 the memory stands still.
  std::unique_ptr<ActionDistribution> distribution(Tensor observation, Tensor mask = {}) const;
  // One step of a policy with memory: observation [rows, width]. `next`: the memory after it.
  std::unique_ptr<ActionDistribution> step(Tensor observation, Tensor memory, Tensor& next) const;
  // What the head sees.
  Tensor features(Tensor observation, Tensor mask = {}) const;

  bool has_memory() const { return trunk_->memory_width() > 0; }
  std::int64_t memory_width() const { return trunk_->memory_width(); }

  // Of the observations; null where the description does not have them normalized.
  Normalizer* normalizer() { return normalizer_ ? &*normalizer_ : nullptr; }
  const Normalizer* normalizer() const { return normalizer_ ? &*normalizer_ : nullptr; }
  // Of the actions; null unless the description standardizes_actions(). Mean 0 and std 1, which
  // change nothing, until it is fitted.
  Normalizer* action_normalizer() { return action_normalizer_ ? &*action_normalizer_ : nullptr; }
  const Normalizer* action_normalizer() const {
    return action_normalizer_ ? &*action_normalizer_ : nullptr;
  }

  // ---- Files ----

  // Parameters, statistics and, as metadata "policy.<field>", the description. `metadata` goes in
  // beside them.
  void save(const std::string& path, const std::map<std::string, std::string>& metadata = {}) const;
  // The fields of the description of a file that `save` wrote.
  static PolicyDescription describe(const std::string& path);
  static std::unique_ptr<Policy> load(Device& device, const std::string& path,
                                      Real real = Real::f32);

 private:
  Tensor prepared(Tensor observation) const;
  Tensor embedded(Tensor observation) const;
  Tensor convolved(Tensor observation) const;
  std::unique_ptr<ActionDistribution> of_features(Tensor features) const;

  PolicyDescription description_;
  Store store_;
  Parameters parameters_{"policy"};
  std::vector<Linear> embeddings_;
  std::vector<Conv> convolutions_;
  std::unique_ptr<Trunk> trunk_;
  std::unique_ptr<ActionHead> head_;
  std::optional<Normalizer> normalizer_, action_normalizer_;
};

// Where the policy normalizes its observations: with the mean and the standard deviation of these
// (Ho & Ermon 2016 use the expert's). Where it normalizes its actions: with those of these actions
// that count. `freeze_normalizer`: and so for good. Nothing is done to other policies.
void fit_normalizer(Policy& policy, const Transitions& transitions);
void freeze_normalizer(Policy& policy, const Transitions& transitions);

// The action normalizer's statistics where there are no demonstrations: the middle of the bounds,
// and half of the way between them. An Error where a bound is not known, or not finite. Nothing is
// done to policies that do not normalize their actions.
void fit_actions_to_bounds(Policy& policy);
// The same statistics as another policy's, which it may not have: then none.
void fit_actions_like(Policy& policy, const Policy& other);

}  // namespace understudy
