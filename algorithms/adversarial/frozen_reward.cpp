#include "algorithms/adversarial/frozen_reward.h"

#include "autograd/files/checkpoint.h"
#include "autograd/files/safetensors.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr OptionChoice functions[] = {choice(RewardFunction::network, "network"),
                                      choice(RewardFunction::linear, "linear")};
const std::string field_prefix = "reward.";

TransitionSpaces spaces_of(const RewardDescription& d) {
  return {{d.observation, d.action}, d.input};
}

const RewardDescription& checked(const RewardDescription& description) {
  check_options(description);
  if (description.observation.discrete)
    fail(ErrorKind::bad_input, "reward: expected observed numbers, found an index");
  double numbers = 1;
  for (std::int64_t size : description.observation.shape) numbers *= static_cast<double>(size);
  for (std::int64_t units : description.hidden)
    if (static_cast<double>(units) > most_units) numbers = most_units + 1;
  if (numbers > most_units)
    fail(ErrorKind::bad_input, "reward: expected at most %.0f numbers or units, found more",
         most_units);
  return description;
}

}  // namespace

void list_options(OptionList& list, RewardDescription& d) {
  list.fields(d, group("observation", d.observation), group("action", d.action),
              option("input", d.input, reward_inputs(), "what the reward is a function of"),
              option("function", d.function, functions, "of the features"),
              option("hidden", d.hidden, "units of the layers, tanh", {.least = 1}),
              option("form", d.form, reward_forms(), "what becomes of the function's value"),
              option("before", d.before, "added to the function's value"),
              option("absorbing", d.absorbing, "a step's reward beyond a terminated episode"));
}

FrozenReward::FrozenReward(Device& device, const RewardDescription& description, Real real)
    : description_(checked(description)),
      store_(device, real),
      features_(store_, spaces_of(description)) {
  const bool linear = description.function == RewardFunction::linear;
  Mlp::Options options = {.inputs = linear ? features_.linear_width() : features_.network_width(),
                          .hidden = linear ? std::vector<std::int64_t>{} : description.hidden,
                          .outputs = 1,
                          .last_weight = zeros()};
  function_ = std::make_unique<Mlp>(parameters_, "function", options);
  parameters_.create(store_, 0);
}

void FrozenReward::save(const std::string& path) const {
  RewardDescription copy = description_;
  std::map<std::string, std::string> metadata;
  for (const auto& [name, text] : OptionList(copy).texts()) metadata[field_prefix + name] = text;
  write_checkpoint(path, {&store_}, metadata);
}

std::unique_ptr<FrozenReward> FrozenReward::load(Device& device, const std::string& path) {
  const files::Safetensors contents = files::read_safetensors(path);
  const std::string where = files::shown_path(path);
  RewardDescription description;
  const OptionList list(description);
  std::size_t fields = 0;
  for (const auto& [key, text] : contents.metadata) {
    if (!key.starts_with(field_prefix)) continue;
    const std::string name = key.substr(field_prefix.size());
    const Option* option = list.find(name);
    if (option == nullptr)
      fail(ErrorKind::bad_file, "%s: found a field '%s' that no reward has", where.c_str(),
           files::shown(name).c_str());
    option->set(text, where);
    ++fields;
  }
  if (fields == 0)
    fail(ErrorKind::bad_file, "%s: expected a reward, found no description of one in the metadata",
         where.c_str());
  // Before memory is asked for: a few bytes can describe any size.
  double least = 0, width = static_cast<double>(checked(description).observation.width());
  for (std::int64_t units : description.hidden) {
    least += width * static_cast<double>(units);
    width = static_cast<double>(units);
  }
  std::int64_t found = 0;
  for (const auto& [name, array] : contents.arrays) found += array.count();
  if (least > static_cast<double>(found))
    fail(ErrorKind::bad_file, "%s: expected %.0f numbers or more of the reward, found %lld",
         where.c_str(), least, static_cast<long long>(found));
  auto reward = std::make_unique<FrozenReward>(device, description);
  read_checkpoint(path, {&reward->store_});
  return reward;
}

void FrozenReward::require_spaces(const Spaces& spaces, const std::string& where,
                                  const char* whose) const {
  const ObservationSpace& seen = description_.observation;
  if (spaces.observation.discrete || spaces.observation.width() != seen.width())
    fail(ErrorKind::bad_shape, "%s: %s has %lld observations, the reward takes %lld", where.c_str(),
         whose, static_cast<long long>(spaces.observation.width()),
         static_cast<long long>(seen.width()));
  const ActionSpace& action = description_.action;
  if (description_.input == RewardInput::state_action &&
      (spaces.action.kind != action.kind || spaces.action.size != action.size))
    fail(ErrorKind::bad_shape, "%s: %s takes %s, the reward looks at %s", where.c_str(), whose,
         spaces.action.text().c_str(), action.text().c_str());
}

Tensor FrozenReward::reward(const TransitionFeatures::Inputs& inputs) const {
  const bool linear = description_.function == RewardFunction::linear;
  const Tensor score =
      (*function_)(linear ? features_.linear_input(inputs) : features_.network_input(inputs));
  return reward_of(description_.form,
                   reshape(score, {score.shape().dimension(0)}) + description_.before);
}

std::vector<double> FrozenReward::rewards(const Transitions& transitions) const {
  const Transitions& of = transitions;
  if (features_.reads_next() && of.next_observations.rows() != of.rows())
    fail(ErrorKind::bad_input,
         "reward: the input state_pair needs the observation after each step, and these have none");
  Program program(store_.device(), store_.real());
  program.output("reward", reward(features_.inputs(program, of.rows())));
  features_.write(program, of);
  program.run();
  return program.read("reward");
}

RewardOverwrite::RewardOverwrite(Learner& learner, const FrozenReward& reward)
    : program_(learner.policy().device()) {
  Rollouts& rollouts = learner.rollouts();
  const PolicyDescription& policy = learner.policy().description();
  reward.require_spaces({policy.observation, policy.action}, "reward", rollouts.environment().name);
  const std::int64_t count = rollouts.steps_per_iteration();
  TransitionBatch batch = rollouts.batch();
  if (reward.features().reads_next()) {
    next_ = std::make_unique<NextObservations>(rollouts);
    batch.next_observation = next_->values();
  }
  Tensor earned = reward.reward(reward.features().inputs(program_, count));
  if (const double absorbing = reward.description().absorbing; absorbing != 0)
    earned =
        earned + absorbing * continuation(program_.use(batch.terminated), program_.use(batch.time),
                                          learner.discount(), rollouts.environment().horizon);
  program_.assign(rollouts.reward(), earned);
  reward.features().bind(program_, batch);
  program_.plan();
}

void RewardOverwrite::run() {
  if (next_) next_->run();
  program_.run();
}

}  // namespace understudy
