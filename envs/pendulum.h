// Pendulum: a weak motor swings a pendulum up and holds it there.
//
// Every constant is that of Gymnasium's `classic_control/pendulum.py`: g 10, mass and length 1, so
// that 3 g / (2 l) = 15 and 3 / (m l^2) = 3; steps of 0.05 s in which the angle moves with the new
// rate. Angle 0 is upright; the angle is not wrapped, its price is.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct PendulumFacts {
  static constexpr const char* summary = "swing a pendulum up and hold it with a weak motor";
  static constexpr const char* source = "Gymnasium, classic_control/pendulum.py";

  static constexpr int state_size = 2, observation_size = 3, action_size = 1, action_count = 0;
  enum { angle, rate };
  static constexpr const char* state_names[] = {"angle", "rate"};
  static constexpr const char* observation_names[] = {"cosine", "sine", "rate"};
  static constexpr double fastest = 8;
  static constexpr double observation_low[] = {-1, -1, -fastest};
  static constexpr double observation_high[] = {1, 1, fastest};
  static constexpr double action_low = -2, action_high = 2;
  static constexpr int reset_draws = 2;

  // Random: measured with Gymnasium. Reference: soft actor-critic of rl-baselines3-zoo's benchmark.
  static constexpr Version versions[] = {
      {"pendulum", "Pendulum-v1", 200, no_mark, -1233, -157},
  };
};

template <class Number>
struct Pendulum : PendulumFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  static constexpr Scalar seconds = Scalar(0.05);

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    State state;
    state[angle] = random.uniform(-3.14159265358979323846, 3.14159265358979323846);
    state[rate] = random.uniform(-1, 1);
    return state;
  }

  // The torque is the action clipped to [-2, 2]. The price is the old state's and the torque's.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    const Real torque = clip<Real>(action[0], Scalar(action_low), Scalar(action_high));
    const Real from_upright = wrap_angle<Real>(state[angle]);
    Real sine, cosine;
    sine_cosine<Real>(state[angle], sine, cosine);

    Transition<Real, state_size> next;
    next.reward = -(from_upright * from_upright + Scalar(0.1) * (state[rate] * state[rate]) +
                    Scalar(0.001) * (torque * torque));
    next.state[rate] = clip<Real>(state[rate] + (Scalar(15) * sine + Scalar(3) * torque) * seconds,
                                  Scalar(-fastest), Scalar(fastest));
    next.state[angle] = state[angle] + next.state[rate] * seconds;
    next.terminated = next.reward > Scalar(unbounded);  // never
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    Observation seen;
    sine_cosine<Real>(state[angle], seen[1], seen[0]);
    seen[2] = state[rate];
    return seen;
  }

  // Pumps energy until the rest of the way can be caught by a spring and a damper.
  static void expert(const double* state, double* action) {
    const double from_upright = wrap_angle<double>(state[angle]), turn = state[rate];
    // rate^2 / 2 + 15 cos angle is 15 at rest upright.
    const double missing = 15 - (0.5 * turn * turn + 15 * __builtin_cos(from_upright));
    double torque = -(10 * from_upright + 3 * turn);
    if (from_upright * from_upright > 0.25) torque = (turn >= 0 ? 1 : -1) * missing;
    action[0] = torque < action_low ? action_low : torque > action_high ? action_high : torque;
  }
  static void draw(const double* state, Frame& frame) {
    begin_frame(frame, -1.3, 1.3, -1.3, 1.3);
    const double x = -__builtin_sin(state[angle]), y = __builtin_cos(state[angle]);
    draw_line(frame, 0, 0, x, y, 0.1, Ink::agent);
    draw_circle(frame, 0, 0, 0.06, Ink::outline);
  }
};

}  // namespace understudy
