// The fields of demonstrations in files, and what others call them: Gymnasium, Minari, D4RL,
// LeRobot, robomimic, Stable-Baselines, `imitation` and diffusion policies. docs/data.md is the
// page about them; a test holds it to this table.

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "autograd/files/array.h"

namespace understudy {

enum class DemonstrationField : std::uint8_t {
  observations,
  actions,
  rewards,
  terminated,
  truncated,
  done,
  next_observations,
  indices,
  episode_ends,
  episode_lengths,
  episode_starts,
  episode,
  time,
  goal,
  duration,
  infos
};

struct FieldNames {
  DemonstrationField field;
  const char* name;                     // ours, which is written
  std::span<const char* const> others;  // read too, the first that is there
  const char* meaning;
};

// In the order of the enumeration.
std::span<const FieldNames> demonstration_fields();
const FieldNames& names_of(DemonstrationField field);

// The array of a field, and what the file calls it; null where there is none.
struct FoundField {
  const char* name = nullptr;
  const files::Array* array = nullptr;
};
FoundField find_field(const files::NamedArrays& arrays, DemonstrationField field);

// Of names in a file: whether one is read as a field. `has` says which names there are.
template <class Has>
const char* name_in(DemonstrationField field, const Has& has) {
  const FieldNames& names = names_of(field);
  if (has(names.name)) return names.name;
  for (const char* other : names.others)
    if (has(other)) return other;
  return nullptr;
}

}  // namespace understudy
