// A vectorized environment: num_envs copies of one environment, stepped together.
//
//   Batch<float> batch(device, environment_named("cartpole"), 1024, seed);
//   batch.reset(observation);
//   batch.step({.discrete = actions, .observation = observation, .reward = reward, ...});
//
// All arrays are device memory. `step` advances every environment by one step. An episode ends
// where it is terminated or, at the environment's horizon, truncated, and the next one begins in
// the same call (Gymnasium's AutoresetMode.SAME_STEP):
//
//   observation         what the next action is taken on; where an episode ended, the first
//                       observation of the next one
//   final_observation   optional; where an episode ended, its last observation. Other rows are not
//                       written.
//
// so that the successor of a step, from which a truncated episode's value is bootstrapped, is
//
//   next_observation = terminated or truncated ? final_observation : observation
//
// An environment's random numbers depend on the seed, its number (first_env + its row) and how many
// episodes it has begun: not on the batch, the number of threads or the device.
//
// Thread safety: a Batch is used by one thread at a time, and so is its device's stream, which all
// batches of the device share. Batches of different devices are independent.

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
  T* elapsed = nullptr;  // [stride] steps of the current episode; exact up to 2^24
  std::uint32_t* episode = nullptr;              // [stride] episodes begun
  const understudy_environment* user = nullptr;  // of a user's own environment, else null
  // [stride], of a user's own: a bit of `EndFlag` where the episode is over and not reset.
  std::uint32_t* ended = nullptr;
};
constexpr std::int64_t env_multiple = 16;
enum EndFlag : std::uint32_t { end_terminated = 1, end_truncated = 2 };

template <class T>
struct StepArrays {
  const std::int32_t* discrete = nullptr;  // [num_envs], or
  const T* continuous = nullptr;           // [num_envs, action_size]
  T* observation = nullptr;                // [num_envs, observation_size]
  T* reward = nullptr;                     // [num_envs]
  T* terminated = nullptr;                 // [num_envs], 0 or 1
  T* truncated = nullptr;                  // [num_envs], 0 or 1
  T* final_observation = nullptr;          // [num_envs, observation_size] or null
  // False: no reset where an episode ended, for replaying given actions. The dynamics go on beyond
  // the end; a user's own environment is not called again: its state stays, the reward is 0 and the
  // flags repeat.
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

  // The internal states as rows [num_envs, state_size] on the host. `set_state` begins an episode.
  void get_state(T* rows);
  void set_state(const T* rows);

  // All state, as bytes on the host: a batch that loads what another saved continues with the same
  // bits.
  std::size_t saved_bytes() const { return bytes_; }
  void save(void* to);
  void load(const void* from);

 private:
  Device& device_;
  const EnvironmentDescription& environment_;
  BatchKernels<T> kernels_{};
  InstanceArrays<T> arrays_;
  std::byte* memory_ = nullptr;  // state, elapsed, episode, ended
  std::size_t bytes_ = 0;
};

}  // namespace understudy
