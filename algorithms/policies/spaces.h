// Spaces: what is observed and what acts. Gymnasium's kinds, and the one map to them from an
// environment and from demonstrations.
//
//   here            Gymnasium        as a tensor                       an element
//   discrete        Discrete(n)      indices [rows...]                 one of `size` choices
//   continuous      Box(low, high)   numbers [rows..., size]           `size` numbers
//   multi_binary    MultiBinary(n)   numbers 0 and 1 [rows..., size]   `size` of them at once

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/data/demonstrations.h"
#include "autograd/options/options.h"

namespace understudy {

// What is read from a file must not lead to sizes that cannot be counted: any two of these can be
// multiplied, and what they come to can be added up. Units of a layer; bins, components, draws.
inline constexpr double most_units = 1 << 24;  // whole numbers exact in a float
inline constexpr double most_parts = 1 << 16;

struct EnvironmentDescription;

// What is observed: an index below `shape[0]`, or numbers of this shape ([17]; [3, 64, 64]).
struct ObservationSpace {
  bool discrete = false;
  std::vector<std::int64_t> shape = {1};
  // Of numbers of the shape [n]: the first so many are indices (whole numbers, exact in a float),
  // each below its vocabulary's size here, and every one is embedded by the trunk.
  std::vector<std::int64_t> vocabularies = {};

  std::int64_t width() const;  // numbers of one observation
  // The number of choices where one index is all that is observed, embedded or not; else -1.
  std::int64_t choices() const;
  friend bool operator==(const ObservationSpace&, const ObservationSpace&) = default;
};

void list_options(OptionList& list, ObservationSpace& space);

enum class ActionKind : std::int8_t { discrete, continuous, multi_binary };

struct ActionSpace {
  ActionKind kind = ActionKind::continuous;
  std::int64_t size = 1;
  // Bounds of continuous actions, one a dimension; empty: none are known.
  std::vector<double> low = {}, high = {};

  std::string text() const;  // for messages: "3 choices", "2 numbers", "4 bits"
  friend bool operator==(const ActionSpace&, const ActionSpace&) = default;
};

const char* name_of(ActionKind kind);
// Rows of actions that are numbers, [n, size], within the bounds that are known; a NaN stays.
// Returns how many rows were not.
std::int64_t clip_to_bounds(const ActionSpace& space, std::vector<double>& actions);
void list_options(OptionList& list, ActionSpace& space);

struct Spaces {
  ObservationSpace observation = {};
  ActionSpace action = {};
};

// An environment's own. Every environment observes numbers.
Spaces spaces_of(const EnvironmentDescription& environment);

// What demonstrations show of them: as many choices as the highest index says, no bounds. A
// discrete observation is one embedded index.
Spaces spaces_of(const Demonstrations& demonstrations);

// The same as those who read demonstrations want them.
DemonstrationSpaces demonstration_spaces(const Spaces& spaces);
// An environment that shows the number of its cell as an indicator takes the number itself too,
// which is what Gymnasium has. (Taxi shows four indicators beside one another, and does not.)
DemonstrationSpaces demonstration_spaces(const EnvironmentDescription& environment);

}  // namespace understudy
