#include "algorithms/data/demonstration_fields.h"

#include "kernels/device/error.h"

namespace understudy {

namespace {

using Field = DemonstrationField;

constexpr const char* observations[] = {"observations", "observation", "observation.state"};
constexpr const char* actions[] = {"actions", "action", "act"};
constexpr const char* rewards[] = {"rewards", "reward", "rew", "next.reward"};
constexpr const char* terminated[] = {"terminals", "terminations", "terminated", "termination"};
constexpr const char* truncated[] = {"truncations", "truncation", "timeouts", "timeout"};
constexpr const char* done[] = {"done", "next.done"};
constexpr const char* next_observations[] = {"next_obs", "next_observation", "next.observation"};
constexpr const char* lengths[] = {"episode_length", "traj_lengths", "lengths"};
constexpr const char* episode[] = {"episode_index", "episode_id", "episode_ids"};
constexpr const char* time[] = {"frame_index", "timestep", "timesteps"};

constexpr FieldNames fields[] = {
    {Field::observations, "obs", observations, "[steps + episodes, ...] or [steps, ...]"},
    {Field::actions, "acts", actions, "[steps, ...]; whole numbers for discrete actions"},
    {Field::rewards, "rews", rewards, "[steps]"},
    {Field::terminated, "terminal", terminated,
     "[episodes] or [steps]: the episode ended in a state that ends it"},
    {Field::truncated, "truncated", truncated,
     "[episodes] or [steps]: it ran out of time, or was cut off"},
    {Field::done, "dones", done, "[steps]: it ended, one way or the other"},
    {Field::next_observations, "next_observations", next_observations,
     "[steps, ...]; gives the observation after an episode's last action"},
    {Field::indices, "indices", {}, "[episodes - 1]: where `acts` splits into episodes"},
    {Field::episode_ends, "episode_ends", {}, "[episodes]: the step after each one's last"},
    {Field::episode_lengths, "episode_lengths", lengths, "[episodes]: steps of each"},
    {Field::episode_starts, "episode_starts", {}, "[steps]: 1 at the first of an episode"},
    {Field::episode, "episode", episode, "[steps]: the episode of each, those of one together"},
    {Field::time, "t", time, "[steps]: 0, 1, 2, ... within an episode"},
    {Field::goal, "goal", {}, "[episodes], of tabular problems"},
    {Field::duration, "duration", {}, "[episodes]: steps that each took, where some are left out"},
    {Field::infos, "infos", {}, "not read"},
};

}  // namespace

std::span<const FieldNames> demonstration_fields() { return fields; }

const FieldNames& names_of(DemonstrationField field) {
  const FieldNames& names = fields[static_cast<std::size_t>(field)];
  UNDERSTUDY_CHECK(names.field == field, "fields in another order");
  return names;
}

FoundField find_field(const files::NamedArrays& arrays, DemonstrationField field) {
  const char* name = name_in(field, [&](const char* one) { return arrays.contains(one); });
  if (name == nullptr) return {};
  return {name, &arrays.find(std::string_view(name))->second};
}

}  // namespace understudy
