// MountainCar: a car in a valley, too weak to drive straight up the hill.
//
// Moore 1990; Sutton & Barto, example 10.1. Every constant is that of Gymnasium's
// `classic_control/mountain_car.py`.

#pragma once

#include "envs/environment.h"

namespace understudy {

struct MountainCarFacts {
  static constexpr const char* summary = "swing a weak car out of a valley: left, nothing or right";
  static constexpr const char* source = "Gymnasium, classic_control/mountain_car.py";

  static constexpr int state_size = 2, observation_size = 2, action_size = 1, action_count = 3;
  enum { position, velocity };
  static constexpr const char* state_names[] = {"position", "velocity"};
  static constexpr const char* observation_names[] = {"position", "velocity"};
  static constexpr double lowest = -1.2, highest = 0.6, fastest = 0.07, goal = 0.5;
  static constexpr double observation_low[] = {lowest, -fastest};
  static constexpr double observation_high[] = {highest, fastest};
  static constexpr double action_low = 0, action_high = 2;
  static constexpr int reset_draws = 1;

  // Reference: the expert of Ho & Ermon 2016, table 3.
  static constexpr Version versions[] = {
      {"mountain_car", "MountainCar-v0", 200, -110, -200, -98.75},
  };
};

// What both cars do with their engine's acceleration: the slope, the speed limit, the two ends.
template <class Real>
UNDERSTUDY_HOST_DEVICE Variables<Real, 2> roll_in_valley(const Variables<Real, 2>& state,
                                                         Real acceleration) {
  using Scalar = ScalarOf<Real>;
  using Facts = MountainCarFacts;
  Real sine, cosine;
  sine_cosine<Real>(Scalar(3) * state[Facts::position], sine, cosine);
  Real velocity = state[Facts::velocity] + acceleration - Scalar(0.0025) * cosine;
  velocity = clip<Real>(velocity, Scalar(-Facts::fastest), Scalar(Facts::fastest));
  const Real position =
      clip<Real>(state[Facts::position] + velocity, Scalar(Facts::lowest), Scalar(Facts::highest));
  // The left end is a wall that stops the car.
  const MaskOf<Real> stopped = (position == Scalar(Facts::lowest)) & (velocity < Scalar(0));
  return {{position, select<Real>(stopped, constant<Real>(0), velocity)}};
}

template <class Number>
struct MountainCar : MountainCarFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  static constexpr Scalar force = Scalar(0.001);

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    return {{random.uniform(-0.6, -0.4), constant<Real>(0)}};
  }

  // Actions 0, 1, 2 accelerate left, not at all, right. Reward -1 for every step, the last
  // included.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    Transition<Real, state_size> next;
    next.state = roll_in_valley<Real>(state, (action[0] - Scalar(1)) * force);
    next.reward = constant<Real>(-1);
    const Real x = next.state[position], v = next.state[velocity];
    next.terminated = (x >= Scalar(goal)) & (v >= Scalar(0));
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) { return state; }
};

}  // namespace understudy
