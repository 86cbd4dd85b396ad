// Demonstrations of the environments' own experts, for the tests of off-policy learning.

#pragma once

#include <vector>

#include "algorithms/data/demonstrations.h"
#include "envs/batch.h"
#include "kernels/device/device.h"

namespace understudy {

// With rewards and last observations; episodes after `longest` steps are cut, as truncated.
inline Demonstrations shown(const char* name, std::int64_t episodes, std::int64_t longest = 1000) {
  const std::unique_ptr<Device> device = cpu_device();
  const EnvironmentDescription& environment = environment_named(name);
  Batch<float> world(*device, environment, 1, 77);
  Demonstrations all;
  const std::int64_t width = environment.observation_size;
  const bool discrete = environment.action_count > 0;
  all.observations.shape = {width};
  all.actions.discrete = discrete;
  if (!discrete) all.actions.shape = {environment.action_size};
  std::vector<float> o(static_cast<std::size_t>(width)),
      last = o, state(static_cast<std::size_t>(environment.state_size)),
      action(static_cast<std::size_t>(discrete ? 1 : environment.action_size));
  std::vector<double> exact(state.size()), chosen(action.size());
  world.reset(o.data());
  for (std::int64_t e = 0; e < episodes; ++e) {
    float terminated = 0, truncated = 0, reward = 0;
    std::int64_t t = 0;
    while (terminated == 0 && truncated == 0 && t++ < longest) {
      world.get_state(state.data());
      exact.assign(state.begin(), state.end());
      environment.expert(exact.data(), chosen.data());
      action.assign(chosen.begin(), chosen.end());
      const auto index = static_cast<std::int32_t>(chosen[0]);
      all.observations.numbers.insert(all.observations.numbers.end(), o.begin(), o.end());
      if (discrete)
        all.actions.indices.push_back(index);
      else
        all.actions.numbers.insert(all.actions.numbers.end(), action.begin(), action.end());
      world.step({.discrete = discrete ? &index : nullptr,
                  .continuous = discrete ? nullptr : action.data(),
                  .observation = o.data(),
                  .reward = &reward,
                  .terminated = &terminated,
                  .truncated = &truncated,
                  .final_observation = last.data()});
      all.rewards.push_back(reward);
    }
    const bool ended = terminated != 0 || truncated != 0;
    const std::vector<float>& reached = ended ? last : o;
    all.observations.numbers.insert(all.observations.numbers.end(), reached.begin(), reached.end());
    all.starts.push_back(static_cast<std::int64_t>(all.rewards.size()));
    all.terminal.push_back(terminated != 0);
    if (!ended) world.reset(o.data());
  }
  return all;
}

}  // namespace understudy
