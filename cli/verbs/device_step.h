// What a step of a batch reads and writes, on its device: for who plays episodes and looks at each
// step from the host.

#pragma once

#include <cstdint>
#include <vector>

#include "cli/verbs/device_array.h"
#include "envs/batch.h"

namespace understudy::cli {

template <class T>
struct DeviceStep {
  DeviceStep(Device& device, const EnvironmentDescription& environment, std::size_t num_envs)
      : observation(device, num_envs * static_cast<std::size_t>(environment.observation_size)),
        reward(device, num_envs),
        terminated(device, num_envs),
        truncated(device, num_envs),
        discrete_(environment.action_count > 0),
        indices_(device, num_envs),
        numbers_(device, num_envs * static_cast<std::size_t>(environment.action_size)) {}

  // Actions [num_envs, action_size], an index as its number. An environment that is
  // done stays where it ended: its last observation is the one to keep.
  void step(Batch<T>& batch, const std::vector<T>& actions) {
    if (discrete_)
      indices_.upload(std::vector<std::int32_t>(actions.begin(), actions.end()).data());
    else
      numbers_.upload(actions.data());
    StepArrays<T> arrays;
    arrays.discrete = indices_.data();
    arrays.continuous = numbers_.data();
    arrays.observation = observation.data();
    arrays.reward = reward.data();
    arrays.terminated = terminated.data();
    arrays.truncated = truncated.data();
    arrays.automatic_reset = false;
    batch.step(arrays);
  }

  DeviceArray<T> observation, reward, terminated, truncated;

 private:
  bool discrete_;
  DeviceArray<std::int32_t> indices_;
  DeviceArray<T> numbers_;
};

}  // namespace understudy::cli
