#include "algorithms/adversarial/transition_features.h"

#include <algorithm>
#include <string>

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr OptionChoice inputs[] = {choice(RewardInput::state_action, "state_action"),
                                   choice(RewardInput::state_pair, "state_pair"),
                                   choice(RewardInput::state, "state")};

// The factor of the squares: they stay small beside the numbers themselves until those are far out.
constexpr double square_scale = 0.01;

}  // namespace

const char* name_of(RewardInput input) { return choice_name(inputs, input); }
RewardInput reward_input_named(const std::string& name) {
  return static_cast<RewardInput>(choice_named(inputs, name, "input"));
}
std::span<const OptionChoice> reward_inputs() { return inputs; }

TransitionFeatures::TransitionFeatures(Store& store, const TransitionSpaces& spaces,
                                       const Demonstrations& expert, std::string_view name)
    : spaces_(spaces),
      expert_(transitions(expert)),
      observation_by_(store, "features/observation", spaces.observation.width()) {
  const std::string file(name);
  const Series &observations = expert_.observations, &actions = expert_.actions;
  const ObservationSpace& space = spaces_.observation;
  if (space.discrete || observations.discrete || observations.width() != space.width())
    fail(ErrorKind::bad_input, "%s: expected observations of %lld numbers, found %lld%s",
         file.c_str(), static_cast<long long>(space.width()),
         static_cast<long long>(observations.width()), observations.discrete ? " indices" : "");
  if (expert_rows() == 0)
    fail(ErrorKind::bad_input, "%s: expected transitions of an expert, found none", file.c_str());
  observation_by_.fit(observations.numbers);
  if (reads_next() && expert_.next_observations.rows() == 0)
    fail(ErrorKind::bad_input, "%s: %s needs the observation after each step, and these have none",
         file.c_str(), next_in_input() ? "the input state_pair" : "shaping");
  if (!reads_action()) return;
  const std::int64_t width = index_action() ? 1 : spaces_.action.size;
  if (actions.discrete != index_action() || actions.width() != width)
    fail(ErrorKind::bad_input, "%s: expected %s actions of width %lld, found %s of %lld",
         file.c_str(), index_action() ? "discrete" : "real", static_cast<long long>(width),
         actions.discrete ? "discrete" : "real", static_cast<long long>(actions.width()));
  if (!index_action()) {
    action_by_.emplace(store, "features/action", width);
    action_by_->fit(actions.numbers);
    return;
  }
  for (std::int64_t action : actions.indices)
    if (action < 0 || action >= spaces_.action.size)
      fail(ErrorKind::bad_input, "%s: expected actions below %lld, found %lld", file.c_str(),
           static_cast<long long>(spaces_.action.size), static_cast<long long>(action));
}

TransitionFeatures::TransitionFeatures(Store& store, const TransitionSpaces& spaces)
    : spaces_(spaces), observation_by_(store, "features/observation", spaces.observation.width()) {
  if (reads_action() && !index_action())
    action_by_.emplace(store, "features/action", spaces.action.size);
}

void TransitionFeatures::normalize_like(const TransitionFeatures& other) {
  const auto copy = [](Normalizer& to, const Normalizer& from) {
    to.set(from.mean().read(), from.std().read(), from.count().read()[0]);
    to.freeze();
  };
  copy(observation_by_, other.observation_by_);
  if (action_by_) copy(*action_by_, *other.action_by_);
}

TransitionFeatures::Inputs TransitionFeatures::inputs(Program& program, std::int64_t count) const {
  const std::int64_t width = spaces_.observation.width();
  Inputs result;
  result.observation = program.input("observation", {rows(count), width});
  if (reads_action())
    result.action = index_action() ? program.input("action", {rows(count)}, Element::index)
                                   : program.input("action", {rows(count), spaces_.action.size});
  if (reads_next())
    result.next_observation = program.input("next_observation", {rows(count), width});
  return result;
}

void TransitionFeatures::bind(Program& program, const TransitionBatch& batch) const {
  program.bind("observation", batch.observation);
  if (reads_action()) program.bind("action", batch.action);
  if (reads_next()) program.bind("next_observation", batch.next_observation);
}

void TransitionFeatures::write_expert(Program& program) const { write(program, expert_); }

void TransitionFeatures::write(Program& program, const Transitions& transitions) const {
  const auto put = [&](const char* input, const std::vector<float>& values) {
    program.write(input, values.data(), static_cast<std::int64_t>(values.size()));
  };
  put("observation", transitions.observations.numbers);
  if (reads_next()) put("next_observation", transitions.next_observations.numbers);
  if (!reads_action()) return;
  const std::vector<std::int64_t>& indices = transitions.actions.indices;
  if (index_action()) {
    const std::vector<std::int32_t> narrow(indices.begin(), indices.end());
    program.write_indices("action", narrow.data(), transitions.rows());
  } else {
    put("action", transitions.actions.numbers);
  }
}

std::int64_t TransitionFeatures::numbers_width() const {
  const std::int64_t width = spaces_.observation.width();
  if (next_in_input()) return 2 * width;
  return width + (action_in_input() && !index_action() ? spaces_.action.size : 0);
}

Tensor TransitionFeatures::numbers(const Inputs& inputs) const {
  const Tensor state = observation_by_.normalize(inputs.observation);
  if (next_in_input())
    return concatenate({state, observation_by_.normalize(inputs.next_observation)}, -1);
  if (action_in_input() && !index_action())
    return concatenate({state, action_by_->normalize(inputs.action)}, -1);
  return state;
}

std::int64_t TransitionFeatures::network_width() const {
  return numbers_width() + (action_in_input() && index_action() ? spaces_.action.size : 0);
}

Tensor TransitionFeatures::network_input(const Inputs& inputs) const {
  const Tensor seen = numbers(inputs);
  if (!(action_in_input() && index_action())) return seen;
  return concatenate({seen, one_hot(inputs.action, spaces_.action.size)}, -1);
}

std::int64_t TransitionFeatures::linear_width() const {
  const std::int64_t blocks = action_in_input() && index_action() ? spaces_.action.size : 1;
  return 2 * numbers_width() * blocks + 1;
}

Tensor TransitionFeatures::linear_input(const Inputs& inputs) const {
  const Tensor seen = numbers(inputs);
  Program& program = seen.program();
  const std::int64_t count = seen.shape()[0];
  Tensor block = concatenate({seen, square(square_scale * seen)}, -1);
  if (action_in_input() && index_action()) {
    const std::int64_t size = spaces_.action.size, width = 2 * numbers_width();
    const Tensor taken = reshape(one_hot(inputs.action, size), {rows(count), size, 1});
    block = reshape(taken * reshape(block, {rows(count), 1, width}), {rows(count), size * width});
  }
  return concatenate({block, program.full({rows(count), 1}, 1.0)}, -1);
}

}  // namespace understudy
