// What a policy is, apart from its numbers: spaces, trunk, head. Enough to build it again.
//
// It turns into flat fields of text and back, so that it can stand in a model file's metadata or in
// a configuration: "trunk.hidden" = "100,100". Reading is strict: an unknown field, a number that
// is none, a head that does not fit the actions are an Error that names the field.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "algorithms/policies/distribution.h"

namespace understudy {

class OptionList;

enum class TrunkKind : std::int8_t { mlp, rnn, lstm, gru };

struct TrunkOptions {
  TrunkKind kind = TrunkKind::mlp;
  // mlp: layers; none: the observation itself. Recurrent: layers before it, then its own size last.
  std::vector<std::int64_t> hidden = {100, 100};  // (Ho & Ermon 2016, section 6)
  Activation activation = Activation::tanh;
  // Before those, of observations of the shape [channels, height, width]: four numbers a
  // convolution, its channels, kernel, stride and padding; a ReLU behind each.
  std::vector<std::int64_t> convolutions = {};
  std::int64_t embedding = 32;  // numbers an embedded index becomes
  friend bool operator==(const TrunkOptions&, const TrunkOptions&) = default;
};

// Trunks for images of 64 x 64: 8 x 8, 4 x 4 and 3 x 3 of 32, 64 and 64 channels (Mnih et al. 2015,
// "Methods"; 512 units go behind), and four of 3 x 3 and stride 2 of 32, 64, 64 and 64.
std::vector<std::int64_t> nature_convolutions();
std::vector<std::int64_t> small_convolutions();

enum class HeadKind : std::int8_t {
  categorical,       // an index
  bernoulli,         // bits
  gaussian,          // numbers, all of those below
  regression,        // a Gaussian of deviation 1
  full_gaussian,     // with correlations
  mixture,           // of Gaussians with independent dimensions
  full_mixture,      // with correlations
  independent_bins,  // bins.h
  joint_bins,
  autoregressive,  // autoregressive.h: masked
  recurrent_bins,  // autoregressive.h: recurrent
  best_of,         // latent.h
  variational,
  adversarial
};

struct HeadOptions {
  HeadKind kind = HeadKind::gaussian;
  bool state_dependent_std = false;  // gaussian: the deviation
  double initial_std = 1;            // gaussian; regression: the deviation, which stays
  double min_std = 1e-3;             // of all that have deviations
  double max_std = 1e3;
  std::int64_t components = 5;     // mixtures
  std::int64_t bins = 32;          // a dimension
  std::vector<double> edges = {};  // of bins, Bins's; empty: evenly between the action's bounds
  std::vector<std::int64_t> order = {};     // autoregressive: dimensions by position
  std::vector<std::int64_t> hidden = {64};  // layers of autoregressive and latent heads
  std::int64_t latent = 2, draws = 10;      // latent heads
  friend bool operator==(const HeadOptions&, const HeadOptions&) = default;
};

struct PolicyDescription {
  ObservationSpace observation = {};
  ActionSpace action = {};
  TrunkOptions trunk = {};
  HeadOptions head = {};

  // How weights of trunk and head start. column_normalized with last_scale 0.1 is what the code of
  // TRPO's and GAIL's authors does: columns of norm 1, of the last layer of norm 0.1 (or 0.01).
  InitializationKind initialization = InitializationKind::xavier_uniform;
  double last_scale = 0.1;

  // (o - mean) / deviation by running statistics, then clipped to +- clip_observations (0: not).
  bool normalize_observations = false;
  double clip_observations = 10;

  // A head that can act here: categorical for an index, gaussian for numbers, bernoulli for bits.
  static HeadKind default_head(const ActionSpace& action);
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

// The spaces of an environment, and the default head for them.
PolicyDescription describe_policy(const EnvironmentDescription& environment);

// Names as fields and options of the command have them; an Error lists them.
const char* name_of(TrunkKind kind);
const char* name_of(HeadKind kind);
const char* name_of(Activation activation);
const char* name_of(InitializationKind kind);
TrunkKind trunk_kind_named(const std::string& name);
HeadKind head_kind_named(const std::string& name);
Activation activation_named(const std::string& name);

// The head of a description, its parameters declared under `name`.
std::unique_ptr<ActionHead> make_head(Parameters& parameters, const std::string& name,
                                      const PolicyDescription& description, std::int64_t inputs);

// Of heads those that the kind has a use for.
void list_options(OptionList& list, TrunkOptions& options);
void list_options(OptionList& list, HeadOptions& options);
void list_options(OptionList& list, PolicyDescription& options);

}  // namespace understudy
