#include "algorithms/cloning/dagger_world.h"

#include "kernels/device/error.h"

namespace understudy {

BatchWorld::BatchWorld(Device& device, const EnvironmentDescription& environment,
                       std::int64_t num_envs, std::uint64_t seed)
    : device_(device), environment_(environment), num_envs_(num_envs), seed_(seed), store_(device) {
  if (num_envs < 1)
    fail(ErrorKind::bad_input, "dagger: expected at least one environment, found %lld",
         static_cast<long long>(num_envs));
  const bool index = environment.action_count > 0;
  observation_ = &store_.create("observation", {num_envs, environment.observation_size});
  action_ = index ? &store_.create("action", {num_envs}, Element::index)
                  : &store_.create("action", {num_envs, environment.action_size});
  reward_ = &store_.create("reward", {num_envs});
  terminated_ = &store_.create("terminated", {num_envs});
  truncated_ = &store_.create("truncated", {num_envs});
  begin(0);
}

void BatchWorld::begin(std::uint64_t round) {
  // Numbers of environments that no other round has: an environment's draws depend on its number.
  batch_ = std::make_unique<Batch<float>>(device_, environment_, num_envs_, seed_,
                                          round * static_cast<std::uint64_t>(num_envs_));
  batch_->reset(static_cast<float*>(observation_->data()));
}

std::vector<float> BatchWorld::observations() {
  const std::vector<double> values = observation_->read();
  return {values.begin(), values.end()};
}

std::vector<float> BatchWorld::states() {
  std::vector<float> values(static_cast<std::size_t>(num_envs_ * environment_.state_size));
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
