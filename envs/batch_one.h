// What an executor does to one environment: the reference's loop body, and a CUDA thread's.

#pragma once

#include "envs/batch.h"
#include "envs/random.h"

namespace understudy {

// Row `i` of an array of observations.
template <class E, class T>
UNDERSTUDY_HOST_DEVICE void write_observation(const typename E::State& state, std::int64_t i,
                                              T* observation) {
  if (observation == nullptr) return;
  const typename E::Observation seen = E::observe(state);
  for (int k = 0; k < E::observation_size; ++k) observation[i * E::observation_size + k] = seen[k];
}

template <class E, class T>
UNDERSTUDY_HOST_DEVICE typename E::State read_state(const InstanceArrays<T>& arrays,
                                                    std::int64_t i) {
  typename E::State state;
  for (int k = 0; k < E::state_size; ++k) state[k] = arrays.state[k * arrays.stride + i];
  return state;
}

template <class E, class T>
UNDERSTUDY_HOST_DEVICE void write_state(const InstanceArrays<T>& arrays, std::int64_t i,
                                        const typename E::State& state) {
  for (int k = 0; k < E::state_size; ++k) arrays.state[k * arrays.stride + i] = state[k];
}

// Begins the environment's next episode.
template <class E, class T>
UNDERSTUDY_HOST_DEVICE void reset_one(const InstanceArrays<T>& arrays, std::int64_t i,
                                      T* observation) {
  ResetRandom<T> random(arrays.seed, arrays.first_env + std::uint64_t(i), arrays.episode[i],
                        E::reset_draws);
  const typename E::State state = E::reset(random);
  write_state<E>(arrays, i, state);
  arrays.elapsed[i] = 0;
  ++arrays.episode[i];
  write_observation<E>(state, i, observation);
}

template <class E, class T>
UNDERSTUDY_HOST_DEVICE void step_one(const InstanceArrays<T>& arrays, const StepArrays<T>& step,
                                     std::int64_t i) {
  typename E::Action action;
  if constexpr (E::action_count > 0)
    action[0] = T(step.discrete[i]);
  else
    for (int k = 0; k < E::action_size; ++k) action[k] = step.continuous[i * E::action_size + k];

  // (Unused, and gone after inlining, where the dynamics are deterministic.)
  ResetRandom<T> random(
      arrays.seed, arrays.first_env + std::uint64_t(i),
      typename ResetRandom<T>::At{
          step_block(arrays.episode[i], std::uint64_t(arrays.elapsed[i]), step_draws_of<E>())});
  const auto next = step_with<E>(read_state<E>(arrays, i), action, random);
  const T elapsed = arrays.elapsed[i] + T(1);
  const bool truncated = elapsed >= arrays.horizon;
  step.reward[i] = next.reward;
  step.terminated[i] = next.terminated ? T(1) : T(0);
  step.truncated[i] = truncated ? T(1) : T(0);

  if ((next.terminated || truncated) && step.automatic_reset) {
    write_observation<E>(next.state, i, step.final_observation);
    reset_one<E>(arrays, i, step.observation);
    return;
  }
  arrays.elapsed[i] = elapsed;
  write_state<E>(arrays, i, next.state);
  write_observation<E>(next.state, i, step.observation);
  if (next.terminated || truncated) write_observation<E>(next.state, i, step.final_observation);
}

}  // namespace understudy
