#include "algorithms/cloning/dagger_world.h"

#include "kernels/device/error.h"

namespace understudy {

BatchWorld::BatchWorld(Device& device, const EnvironmentDescription& environment,
                       std::int64_t instances, std::uint64_t seed)
    : device_(device),
      environment_(environment),
      instances_(instances),
      seed_(seed),
      store_(device) {
  if (instances < 1)
    fail(ErrorKind::bad_input, "dagger: expected at least one instance, found %lld",
         static_cast<long long>(instances));
  const bool index = environment.action_count > 0;
  observation_ = &store_.create("observation", {instances, environment.observation_size});
  action_ = index ? &store_.create("action", {instances}, Element::index)
                  : &store_.create("action", {instances, environment.action_size});
  reward_ = &store_.create("reward", {instances});
  terminated_ = &store_.create("terminated", {instances});
  truncated_ = &store_.create("truncated", {instances});
  begin(0);
}

void BatchWorld::begin(std::uint64_t round) {
  // Numbers of instances that no other round has: an instance's draws depend on its number.
  batch_ = std::make_unique<Batch<float>>(device_, environment_, instances_, seed_,
                                          round * static_cast<std::uint64_t>(instances_));
  batch_->reset(static_cast<float*>(observation_->data()));
}

std::vector<float> BatchWorld::observations() {
  const std::vector<double> values = observation_->read();
  return {values.begin(), values.end()};
}

std::vector<float> BatchWorld::states() {
  std::vector<float> values(static_cast<std::size_t>(instances_ * environment_.state_size));
  batch_->get_state(values.data());
  return values;
}

DaggerWorld::Outcome BatchWorld::step(const std::vector<float>& actions) {
  action_->write({actions.begin(), actions.end()});
  StepArrays<float> arrays;
  if (environment_.action_count > 0)
    arrays.discrete = static_cast<const std::int32_t*>(action_->data());
  else
    arrays.continuous = static_cast<const float*>(action_->data());
  arrays.observation = static_cast<float*>(observation_->data());
  arrays.reward = static_cast<float*>(reward_->data());
  arrays.terminated = static_cast<float*>(terminated_->data());
  arrays.truncated = static_cast<float*>(truncated_->data());
  batch_->step(arrays);
  const std::vector<double> reward = reward_->read(), terminated = terminated_->read(),
                            truncated = truncated_->read();
  Outcome outcome;
  outcome.reward.assign(reward.begin(), reward.end());
  for (std::size_t i = 0; i < terminated.size(); ++i) {
    outcome.terminated.push_back(terminated[i] != 0);
    outcome.ended.push_back(terminated[i] != 0 || truncated[i] != 0);
  }
  return outcome;
}

}  // namespace understudy
