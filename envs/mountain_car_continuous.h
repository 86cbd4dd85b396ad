// MountainCarContinuous: the same valley with a throttle, and a price on using it.
//
// Every constant is that of Gymnasium's `classic_control/continuous_mountain_car.py` (its goal is
// at 0.45, the other car's at 0.5). Gymnasium rounds the state to f32 after every step; here it has
// the precision of Real.

#pragma once

#include "envs/mountain_car.h"

namespace understudy {

struct MountainCarContinuousFacts {
  static constexpr const char* summary = "swing a weak car out of a valley with a priced throttle";
  static constexpr const char* source = "Gymnasium, classic_control/continuous_mountain_car.py";

  static constexpr int state_size = 2, observation_size = 2, action_size = 1, action_count = 0;
  enum { position, velocity };
  static constexpr const char* state_names[] = {"position", "velocity"};
  static constexpr const char* observation_names[] = {"position", "velocity"};
  static constexpr double goal = 0.45;
  static constexpr double observation_low[] = {-1.2, -0.07};
  static constexpr double observation_high[] = {0.6, 0.07};
  static constexpr double action_low = -1, action_high = 1;
  static constexpr int reset_draws = 1;

  // Reference: soft actor-critic of rl-baselines3-zoo's benchmark.
  static constexpr Version versions[] = {
      {"mountain_car_continuous", "MountainCarContinuous-v0", 999, 90, -33.2, 94.7},
  };
};

template <class Number>
struct MountainCarContinuous : MountainCarContinuousFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  static constexpr Scalar power = Scalar(0.0015);

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    return {{random.uniform(-0.6, -0.4), constant<Real>(0)}};
  }

  // The engine gets the action clipped to [-1, 1]; the price is on the action as given.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    const Real throttle = clip<Real>(action[0], Scalar(action_low), Scalar(action_high));
    Transition<Real, state_size> next;
    next.state = roll_in_valley<Real>(state, throttle * power);
    const Real x = next.state[position], v = next.state[velocity];
    next.terminated = (x >= Scalar(goal)) & (v >= Scalar(0));
    next.reward = select<Real>(next.terminated, constant<Real>(100), constant<Real>(0)) -
                  Scalar(0.1) * (action[0] * action[0]);
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) { return state; }

  // Pumps energy: full throttle the way it rolls.
  static void expert(const double* state, double* action) {
    action[0] = state[velocity] > 0 ? 1 : -1;
  }
  static void draw(const double* state, Frame& frame) { draw_valley(frame, state[position], goal); }
};

}  // namespace understudy
