// MountainCar: a car in a valley, too weak to drive straight up the hill.
//
// Moore 1990; Sutton & Barto, example 10.1. Every constant is that of Gymnasium's
// `classic_control/mountain_car.py`.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

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

// The valley is sin 3 x; the car stands on it, the goal is a post.
inline void draw_valley(Frame& frame, double position, double goal) {
  const auto height = [](double x) { return 0.45 * __builtin_sin(3 * x); };
  begin_frame(frame, -1.25, 0.65, -0.6, 0.75);
  for (int i = 0; i < 60; ++i) {
    const double x0 = -1.2 + i * 0.03, x1 = x0 + 0.03;
    draw_line(frame, x0, height(x0), x1, height(x1), 0.01, Ink::outline);
  }
  draw_line(frame, goal, height(goal), goal, height(goal) + 0.2, 0.015, Ink::goal);
  draw_circle(frame, position, height(position) + 0.05, 0.05, Ink::agent);
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

  // Pumps energy: pushes the way it rolls; at rest, away from the side that is nearer to it, which
  // saves a swing. (The threshold was searched for: mean return -107, never below -124.)
  static void expert(const double* state, double* action) {
    const double v = state[velocity];
    const bool right = v * v < 0.0005 * 0.0005 ? state[position] <= -0.48 : v > 0;
    action[0] = right ? 2 : 0;
  }
  static void draw(const double* state, Frame& frame) { draw_valley(frame, state[position], goal); }
};

}  // namespace understudy
