// What a policy is, apart from its numbers: spaces, trunk, head. Enough to build it again.
//
//   PolicyDescription description = describe_policy(environment_named("pendulum"));
//   description.trunk.hidden = {64};
//   description.head = MixtureOptions{.components = 8};
//   Policy policy(device, description, seed);
//
// It turns into flat fields of text and back, so that it can stand in a model file's metadata:
// "trunk.hidden" = "100,100", "head" = "mixture", "head.components" = "8". Reading is strict: an
// unknown field, a number that is none, a head that does not fit the actions are an Error that
// names the field.

#pragma once

#include <map>
#include <string>

#include "algorithms/policies/codes.h"
#include "algorithms/policies/heads.h"
#include "algorithms/policies/spaces.h"
#include "algorithms/policies/trunks.h"

namespace understudy {

struct PolicyDescription {
  ObservationSpace observation = {};
  ActionSpace action = {};
  TrunkOptions trunk = {};
  HeadDescription head = {};
  // What is observed behind the observation, the same throughout an episode.
  CodeSpace codes = {};

  // How weights of trunk and head start. column_normalized with last_scale 0.1 is what the code of
  // TRPO's and GAIL's authors does: columns of norm 1, of the last layer of norm 0.1 (or 0.01).
  InitializationKind initialization = InitializationKind::xavier_uniform;
  double last_scale = 0.1;

  // (o - mean) / std by running statistics, then clipped to +- clip_observations (0: not).
  bool normalize_observations = false;
  double clip_observations = 10;
  // The head is learned in standard units of the actions: (a - mean) / std of those demonstrated
  // (standardized.h). Of actions that are numbers; of no effect on heads of own_units.
  bool normalize_actions = false;
  bool standardizes_actions() const;

  // Numbers of one row that the policy is asked about: observation and code.
  std::int64_t input_width() const { return observation.width() + codes.width(); }

  // With the head named: the default of the actions' space where none was.
  PolicyDescription resolved() const;
  // What does not fit together is an Error, and so are sizes that nothing could hold: layers of
  // more than 2^24 units, more than 2^16 bins.
  void check() const;

  std::map<std::string, std::string> fields() const;
  // Fields that are absent keep their defaults, but the spaces must be there. `where` begins the
  // message of an Error.
  static PolicyDescription from_fields(const std::map<std::string, std::string>& fields,
                                       const std::string& where);
  // The same as a model file's metadata has them, among others, as "policy.<field>".
  std::map<std::string, std::string> metadata() const;
  static PolicyDescription from_metadata(
      const std::map<std::string, std::string, std::less<>>& metadata, const std::string& where);
  friend bool operator==(const PolicyDescription&, const PolicyDescription&) = default;
};
// The part of the fields that a run may set, by names of their own: "trunk", "hidden" ..., "head"
// and the head's options ("components"), normalization and initialization. A head's option whose
// name is taken is "head.<name>" ("head.hidden").
void list_options(OptionList& list, PolicyDescription& policy);

// A policy for these spaces, with their default head.
PolicyDescription describe_policy(const Spaces& spaces);
PolicyDescription describe_policy(const EnvironmentDescription& environment);

// The same with what its head takes from demonstrated actions, such as where its bins lie.
PolicyDescription fitted(PolicyDescription description, const Demonstrations& demonstrations);
PolicyDescription fitted(PolicyDescription description, std::span<const float> actions);

// The head of a description, its parameters declared under `name`.
std::unique_ptr<ActionHead> make_head(Parameters& parameters, const std::string& name,
                                      const PolicyDescription& description, std::int64_t inputs);

}  // namespace understudy
