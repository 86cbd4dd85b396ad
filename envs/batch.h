// Many environments of an environment, stepped together.
//
//   Batch<float> batch(device, environment_named("cartpole"), 1024, seed);
//   batch.reset(observation);
//   batch.step({.discrete = actions, .observation = observation, .reward = reward, ...});
//
// All arrays are the device's. A step takes every environment one step on, and those whose episode
// ended (terminated, or truncated at the environment's horizon) begin another at once:
// `observation` is what the next action is for, and `final_observation`, if it is given, gets the
// rows of the observations that the ended episodes ended with. (Gymnasium's "same-step" reset.) So
//
//   observation reached by the step = done ? final_observation : observation
//
// which is what a value beyond a truncated episode needs.
//
// An environment's draws depend on the seed, its number (first_env + its place) and how many
// episodes it has begun: not on the batch, the threads or the device.

#pragma once

#include <cstddef>
#include <cstdint>

#include "envs/registry.h"
#include "kernels/device/device.h"
#include "kernels/device/family.h"

namespace understudy {

// ---- arrays, as the executors see them ----

template <class T>
struct InstanceArrays {
  std::int64_t num_envs = 0;
  std::int64_t stride = 0;  // environments rounded up to `env_multiple`
  std::uint64_t seed = 0, first_env = 0;
  T horizon = 0;
  T* state = nullptr;    // [state_size, stride]: a variable of all environments together
  T* elapsed = nullptr;  // [stride] steps of the current episode; a T holds 2^24 exactly
  std::uint32_t* episode = nullptr;              // [stride] episodes begun
  const understudy_environment* user = nullptr;  // of a user's own environment, else null
};
constexpr std::int64_t env_multiple = 16;

template <class T>
struct StepArrays {
  const std::int32_t* discrete = nullptr;  // [num_envs], or
  const T* continuous = nullptr;           // [num_envs, action_size]
  T* observation = nullptr;                // [num_envs, observation_size]
  T* reward = nullptr;                     // [num_envs]
  T* terminated = nullptr;                 // [num_envs], 0 or 1
  T* truncated = nullptr;                  // [num_envs], 0 or 1
  T* final_observation = nullptr;          // [num_envs, observation_size] or null
  // False: who ended stays where it ended, for replaying given actions.
  bool automatic_reset = true;
};

template <class T>
struct BatchKernels {
  // Every environment begins an episode. `observation` may be null.
  void (*reset)(Stream&, const InstanceArrays<T>&, T* observation);
  void (*step)(Stream&, const InstanceArrays<T>&, const StepArrays<T>&);
  void (*observe)(Stream&, const InstanceArrays<T>&, T* observation);
};

// The kernels of every environment, in the order of `Environments`.
constexpr int most_dynamics = 32;
template <class T>
struct BatchTable {
  BatchKernels<T> dynamics[most_dynamics];
};

UNDERSTUDY_FAMILY(BatchTable)

// Those of a user's own environment, on the CPU: `arrays.user` has the functions.
void fill_user(BatchKernels<float>& kernels);
void fill_user(BatchKernels<double>& kernels);

// ---- the batch ----

template <class T>
class Batch {
 public:
  // `device` must outlive the batch. Bad counts are an `Error`.
  Batch(Device& device, const EnvironmentDescription& environment, std::int64_t num_envs,
        std::uint64_t seed, std::uint64_t first_env = 0);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  const EnvironmentDescription& environment() const { return environment_; }
  std::int64_t num_envs() const { return arrays_.num_envs; }
  Device& device() const { return device_; }

  void reset(T* observation);
  void step(const StepArrays<T>& arrays);
  void observe(T* observation);

  // Steps of each environment's current episode so far, on the device. [num_envs]
  const T* elapsed() const { return arrays_.elapsed; }

  // The internal states as rows [num_envs, state_size] on the host. Setting them begins an
  // episode.
  void get_state(T* rows);
  void set_state(const T* rows);

  // Everything that the future depends on, as bytes on the host: after `load` of what `save` gave
  // the batch goes on bit for bit.
  std::size_t saved_bytes() const { return bytes_; }
  void save(void* to);
  void load(const void* from);

 private:
  Device& device_;
  const EnvironmentDescription& environment_;
  BatchKernels<T> kernels_{};
  InstanceArrays<T> arrays_;
  std::byte* memory_ = nullptr;  // state, elapsed, episode
  std::size_t bytes_ = 0;
};

}  // namespace understudy
