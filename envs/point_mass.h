// PointMass: a mass on a plane, pushed past three round obstacles to a goal, for algorithms that
// learn from whole trajectories.
//
// Of our own making. Dynamics are smooth, and so is the price,
//
//   |p - goal|^2 / 10 + |u|^2 / 100 + 4 sum over obstacles of max(0, 1 - d^2 / (1.5 r)^2)^2,
//
// d the distance to an obstacle's center and r its radius. An episode always lasts its 60 steps of
// 0.1 s; nothing stops the mass.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct PointMassFacts {
  static constexpr const char* summary = "push a mass past three obstacles to a goal";
  static constexpr const char* source = "our own; constants in envs/point_mass.h";

  static constexpr int state_size = 4, observation_size = 4, action_size = 2, action_count = 0;
  enum { x, y, velocity_x, velocity_y };
  static constexpr const char* state_names[] = {"x", "y", "velocity_x", "velocity_y"};
  static constexpr const char* observation_names[] = {"x", "y", "velocity_x", "velocity_y"};
  static constexpr double observation_low[] = {-unbounded, -unbounded, -unbounded, -unbounded};
  static constexpr double observation_high[] = {unbounded, unbounded, unbounded, unbounded};
  static constexpr double action_low = -1, action_high = 1;
  static constexpr int reset_draws = 2;

  static constexpr int obstacles = 3;
  // (Functions rather than tables: code for CUDA may not index a table of the host's.)
  static constexpr double center_x(int i) { return i == 0 ? -0.6 : i == 1 ? 0.5 : 0.9; }
  static constexpr double center_y(int i) { return i == 0 ? 0.1 : i == 1 ? -0.5 : 0.7; }
  static constexpr double radius(int i) { return i == 0 ? 0.45 : i == 1 ? 0.4 : 0.35; }
  static constexpr double goal_x = 1.8, goal_y = 0.1;

  // Both measured; the reference is the built-in expert.
  static constexpr Version versions[] = {
      {"point_mass", "", 60, no_mark, -92.4, -27.9},
  };
};

template <class Number>
struct PointMass : PointMassFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  static constexpr Scalar seconds = Scalar(0.1);
  static constexpr Scalar push = Scalar(2);  // acceleration of an action of 1
  static constexpr Scalar drag = Scalar(0.5);

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    return {{random.uniform(-2, -1.6), random.uniform(-0.4, 0.4), constant<Real>(0),
             constant<Real>(0)}};
  }

  // The push is the action clipped to [-1, 1]; velocity first, position with the new one.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    Transition<Real, state_size> next;
    Real effort = constant<Real>(0);
    for (int k = 0; k < 2; ++k) {
      const Real u = clip<Real>(action[k], Scalar(action_low), Scalar(action_high));
      effort = effort + u * u;
      next.state[2 + k] = state[2 + k] + seconds * (push * u - drag * state[2 + k]);
      next.state[k] = state[k] + seconds * next.state[2 + k];
    }
    const Real dx = next.state[x] - Scalar(goal_x), dy = next.state[y] - Scalar(goal_y);
    Real price = Scalar(0.1) * (dx * dx + dy * dy) + Scalar(0.01) * effort;
    for (int i = 0; i < obstacles; ++i) {
      const Real from_x = next.state[x] - Scalar(center_x(i));
      const Real from_y = next.state[y] - Scalar(center_y(i));
      const Scalar reach = Scalar(1.5 * radius(i));
      const Real near = Scalar(1) - (from_x * from_x + from_y * from_y) / (reach * reach);
      const Real inside = select<Real>(near > Scalar(0), near, constant<Real>(0));
      price = price + Scalar(4) * (inside * inside);
    }
    next.reward = -price;
    next.terminated = price < Scalar(-1);  // never
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) { return state; }

  // A spring to the goal, with damping, and a push away from and around each obstacle that is near.
  static void expert(const double* state, double* action) {
    double force[2] = {1.6 * (goal_x - state[x]), 1.6 * (goal_y - state[y])};
    const double size = __builtin_sqrt(force[0] * force[0] + force[1] * force[1]);
    if (size > 1) force[0] /= size, force[1] /= size;
    for (int k = 0; k < 2; ++k) force[k] -= 0.5 * state[2 + k];
    for (int i = 0; i < obstacles; ++i) {
      const double ahead = state[x] - center_x(i), across = state[y] - center_y(i);
      const double distance = __builtin_sqrt(ahead * ahead + across * across);
      const double near = 1 - (distance - radius(i)) / 0.55;
      if (near <= 0) continue;
      const double side = across >= 0 ? 1 : -1;
      force[0] += near * (1.2 * ahead / distance);
      force[1] += near * (1.2 * across / distance + (ahead < 0 ? 1.0 : 0) * side);
    }
    for (int k = 0; k < 2; ++k) action[k] = force[k] < -1 ? -1 : force[k] > 1 ? 1 : force[k];
  }
  static void draw(const double* state, Frame& frame) {
    begin_frame(frame, -2.6, 2.6, -1.6, 1.6);
    for (int i = 0; i < obstacles; ++i)
      draw_circle(frame, center_x(i), center_y(i), radius(i), Ink::danger);
    draw_circle(frame, goal_x, goal_y, 0.12, Ink::goal);
    draw_circle(frame, state[x], state[y], 0.07, Ink::agent);
  }
};

}  // namespace understudy
