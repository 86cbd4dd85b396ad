// PlanarArm: an arm of two links reaches for a target in its plane, for algorithms that learn from
// whole trajectories.
//
// Of our own making. Each joint is driven through a stiff gear, so that links do not feel one
// another:
//
//   rate  += 0.1 s (8 u - 2 rate),   angle += 0.1 s rate,   u clipped to [-1, 1]
//   tip    = 0.5 (cos a_1 + cos(a_1 + a_2), sin a_1 + sin(a_1 + a_2))
//   reward = -|tip - target|^2 - |u|^2 / 100
//
// An episode always lasts its 50 steps.

#pragma once

#include <initializer_list>

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct PlanarArmFacts {
  static constexpr const char* summary = "an arm of two links reaches for a target";
  static constexpr const char* source = "our own; constants in envs/planar_arm.h";

  static constexpr int state_size = 6, observation_size = 10, action_size = 2, action_count = 0;
  enum { angle_1, angle_2, rate_1, rate_2, target_x, target_y };
  static constexpr const char* state_names[] = {"angle_1", "angle_2",  "rate_1",
                                                "rate_2",  "target_x", "target_y"};
  static constexpr const char* observation_names[] = {"cos_1",   "sin_1",  "cos_2",    "sin_2",
                                                      "rate_1",  "rate_2", "target_x", "target_y",
                                                      "ahead_x", "ahead_y"};
  static constexpr double observation_low[] = {
      -1, -1, -1, -1, -unbounded, -unbounded, -unbounded, -unbounded, -unbounded, -unbounded};
  static constexpr double observation_high[] = {
      1, 1, 1, 1, unbounded, unbounded, unbounded, unbounded, unbounded, unbounded};
  static constexpr double action_low = -1, action_high = 1;
  static constexpr int reset_draws = 4;
  static constexpr double link = 0.5;  // m, each

  // Both measured; the reference is the built-in expert.
  static constexpr Version versions[] = {
      {"planar_arm", "", 50, no_mark, -38.5, -2.87},
  };
};

template <class Number>
struct PlanarArm : PlanarArmFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  static constexpr Scalar seconds = Scalar(0.1);
  static constexpr Scalar gear = Scalar(8);  // rad/s^2 of an action of 1
  static constexpr Scalar damping = Scalar(2);

  // At rest, the elbow bent; the target in a square of 1.2 m around the shoulder, which the arm, 1
  // m long, reaches.
  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    State state;
    state[angle_1] = random.uniform(-3.1, 3.1);
    state[angle_2] = random.uniform(0.3, 2.6);
    state[rate_1] = state[rate_2] = constant<Real>(0);
    state[target_x] = random.uniform(-0.6, 0.6);
    state[target_y] = random.uniform(-0.6, 0.6);
    return state;
  }

  static UNDERSTUDY_HOST_DEVICE void tip(const State& state, Real& x, Real& y) {
    Real sine_1, cosine_1, sine_2, cosine_2;
    sine_cosine<Real>(state[angle_1], sine_1, cosine_1);
    sine_cosine<Real>(state[angle_1] + state[angle_2], sine_2, cosine_2);
    x = Scalar(link) * (cosine_1 + cosine_2);
    y = Scalar(link) * (sine_1 + sine_2);
  }

  // Rates first, angles with the new ones.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    Transition<Real, state_size> next;
    next.state = state;
    Real effort = constant<Real>(0);
    for (int k = 0; k < 2; ++k) {
      const Real u = clip<Real>(action[k], Scalar(action_low), Scalar(action_high));
      effort = effort + u * u;
      next.state[rate_1 + k] =
          state[rate_1 + k] + seconds * (gear * u - damping * state[rate_1 + k]);
      next.state[angle_1 + k] = state[angle_1 + k] + seconds * next.state[rate_1 + k];
    }
    Real x, y;
    tip(next.state, x, y);
    const Real dx = x - next.state[target_x], dy = y - next.state[target_y];
    const Real price = dx * dx + dy * dy + Scalar(0.01) * effort;
    next.reward = -price;
    next.terminated = price < Scalar(-1);  // never
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    Observation seen;
    sine_cosine<Real>(state[angle_1], seen[1], seen[0]);
    sine_cosine<Real>(state[angle_2], seen[3], seen[2]);
    Real x, y;
    tip(state, x, y);
    for (int k = 0; k < 4; ++k) seen[4 + k] = state[rate_1 + k];
    seen[8] = state[target_x] - x;
    seen[9] = state[target_y] - y;
    return seen;
  }

  // Drives the joints to the nearer of the two postures whose tip is at the target.
  static void expert(const double* state, double* action) {
    const double x = state[target_x], y = state[target_y];
    const double square = x * x + y * y, reach = square < 1 ? square : 1;
    const double bend = __builtin_acos(2 * reach - 1), to = __builtin_atan2(y, x);
    const auto apart = [](double goal, double angle) {
      const double full = 6.283185307179586;
      const double off = goal - angle;
      return off - full * __builtin_floor(off / full + 0.5);
    };
    double best[2] = {0, 0}, least = unbounded;
    for (const double side : {1.0, -1.0}) {
      const double off_1 = apart(to - side * 0.5 * bend, state[angle_1]);
      const double off_2 = apart(side * bend, state[angle_2]);
      const double size = off_1 * off_1 + off_2 * off_2;
      if (size >= least) continue;
      least = size, best[0] = off_1, best[1] = off_2;
    }
    for (int k = 0; k < 2; ++k) {
      const double u = 3 * best[k] - 0.5 * state[rate_1 + k];
      action[k] = u < -1 ? -1 : u > 1 ? 1 : u;
    }
  }
  static void draw(const double* state, Frame& frame) {
    begin_frame(frame, -1.2, 1.2, -1.2, 1.2);
    const double both = state[angle_1] + state[angle_2];
    const double elbow_x = link * __builtin_cos(state[angle_1]),
                 elbow_y = link * __builtin_sin(state[angle_1]);
    draw_circle(frame, state[target_x], state[target_y], 0.06, Ink::goal);
    draw_circle(frame, 0, 0, 0.05, Ink::faint);
    for (int i = 1; i <= 8; ++i) {
      const double share = i / 8.0;
      draw_circle(frame, share * elbow_x, share * elbow_y, 0.025, Ink::faint);
      draw_circle(frame, elbow_x + share * link * __builtin_cos(both),
                  elbow_y + share * link * __builtin_sin(both), 0.025, Ink::faint);
    }
    draw_circle(frame, elbow_x + link * __builtin_cos(both), elbow_y + link * __builtin_sin(both),
                0.05, Ink::agent);
  }
};

}  // namespace understudy
