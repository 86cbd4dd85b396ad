#include "algorithms/policies/spaces.h"

#include <algorithm>
#include <string>

#include "envs/registry.h"

namespace understudy {

namespace {

constexpr OptionChoice action_kinds[] = {choice(ActionKind::discrete, "discrete"),
                                         choice(ActionKind::continuous, "continuous"),
                                         choice(ActionKind::multi_binary, "multi_binary")};

std::int64_t choices_in(const Series& series) {
  std::int64_t most = 0;
  for (std::int64_t index : series.indices) most = std::max(most, index);
  return most + 1;
}

}  // namespace

std::int64_t ObservationSpace::width() const {
  std::int64_t width = 1;
  for (std::int64_t size : shape) width *= size;
  return width;
}

std::int64_t ObservationSpace::choices() const {
  if (discrete) return shape[0];
  return width() == 1 && vocabularies.size() == 1 ? vocabularies[0] : -1;
}

std::string ActionSpace::text() const {
  const char* unit = kind == ActionKind::discrete     ? "choice"
                     : kind == ActionKind::continuous ? "number"
                                                      : "bit";
  return std::to_string(size) + " " + unit + (size == 1 ? "" : "s");
}

const char* name_of(ActionKind kind) { return choice_name(action_kinds, kind); }

std::int64_t clip_to_bounds(const ActionSpace& space, std::vector<double>& actions) {
  if (space.kind != ActionKind::continuous) return 0;
  const std::size_t width = static_cast<std::size_t>(space.size);
  std::int64_t rows = 0;
  for (std::size_t first = 0; first + width <= actions.size(); first += width) {
    bool beyond = false;
    for (std::size_t d = 0; d < width; ++d) {
      double& action = actions[first + d];
      const double was = action;
      if (!space.low.empty() && action < space.low[d]) action = space.low[d];
      if (!space.high.empty() && action > space.high[d]) action = space.high[d];
      beyond = beyond || action < was || action > was;
    }
    rows += beyond;
  }
  return rows;
}

void list_options(OptionList& list, ObservationSpace& space) {
  list.fields(space, option("discrete", space.discrete, "one index"),
              option("shape", space.shape, "numbers in each dimension; one: choices of an index",
                     {.least = 1, .most = most_units}),
              option("vocabularies", space.vocabularies, "sizes of the indices that are embedded",
                     {.least = 1, .most = most_units}));
}

void list_options(OptionList& list, ActionSpace& space) {
  list.fields(
      space, option("kind", space.kind, action_kinds, "what acts"),
      option("size", space.size, "choices, numbers or bits", {.least = 1, .most = most_units}),
      option("low", space.low, "bounds of numbers", {.infinite = true}),
      option("high", space.high, "bounds of numbers", {.infinite = true}));
}

Spaces spaces_of(const EnvironmentDescription& environment) {
  Spaces spaces;
  spaces.observation.shape = {environment.observation_size};
  if (environment.action_count > 0) {
    spaces.action = {ActionKind::discrete, environment.action_count};
  } else {
    const std::size_t size = static_cast<std::size_t>(environment.action_size);
    spaces.action = {ActionKind::continuous, environment.action_size,
                     std::vector<double>(size, environment.action_low),
                     std::vector<double>(size, environment.action_high)};
  }
  return spaces;
}

Spaces spaces_of(const Demonstrations& demonstrations) {
  const Series &observations = demonstrations.observations, &actions = demonstrations.actions;
  Spaces spaces;
  if (observations.discrete) {
    // An index is embedded, by every trunk; as a number it is exact.
    spaces.observation = {.shape = {1}, .vocabularies = {choices_in(observations)}};
  } else if (!observations.shape.empty()) {
    spaces.observation.shape = observations.shape;
  }
  spaces.action = actions.discrete ? ActionSpace{ActionKind::discrete, choices_in(actions)}
                                   : ActionSpace{ActionKind::continuous, actions.width()};
  return spaces;
}

DemonstrationSpaces demonstration_spaces(const Spaces& spaces) {
  DemonstrationSpaces wanted;
  wanted.observation_count = spaces.observation.choices();
  if (wanted.observation_count < 0) wanted.observation_shape = spaces.observation.shape;
  if (spaces.action.kind == ActionKind::discrete) {
    wanted.action_count = spaces.action.size;
  } else {
    wanted.action_shape = {spaces.action.size};
    wanted.action_low.assign(spaces.action.low.begin(), spaces.action.low.end());
    wanted.action_high.assign(spaces.action.high.begin(), spaces.action.high.end());
  }
  return wanted;
}

DemonstrationSpaces demonstration_spaces(const EnvironmentDescription& environment) {
  DemonstrationSpaces wanted = demonstration_spaces(spaces_of(environment));
  wanted.observation_indicator =
      environment.state_size == 1 && environment.state_names[0] == std::string("cell");
  return wanted;
}

}  // namespace understudy
