// Circles: walk one of three circles, which an observer must tell from the walk alone.
//
// The synthetic experiment of Li, Song & Ermon, "InfoGAIL" (2017), section 5.1: a plane, constant
// speed, the action is the direction, the observation the positions at t-4 ... t; experts walk
// circles that differ in radius and sense. Its code was not published: start, speed, radii and
// noise here are those of a public re-implementation. The mode is drawn with the episode and is
// seen by the built-in expert alone.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct CirclesFacts {
  static constexpr const char* summary = "walk one of three circles; which one is not observed";
  static constexpr const char* source = "Li, Song & Ermon 2017, section 5.1; constants our own";

  static constexpr int remembered = 5;  // positions, the latest last
  static constexpr int state_size = 2 * remembered + 1, observation_size = 2 * remembered;
  static constexpr int action_size = 2, action_count = 0;
  static constexpr int mode = 2 * remembered;
  static constexpr const char* state_names[] = {"x_4", "y_4", "x_3", "y_3", "x_2", "y_2",
                                                "x_1", "y_1", "x",   "y",   "mode"};
  static constexpr const char* observation_names[] = {"x_4", "y_4", "x_3", "y_3", "x_2",
                                                      "y_2", "x_1", "y_1", "x",   "y"};
  static constexpr double observation_low[] = {-unbounded, -unbounded, -unbounded, -unbounded,
                                               -unbounded, -unbounded, -unbounded, -unbounded,
                                               -unbounded, -unbounded};
  static constexpr double observation_high[] = {unbounded, unbounded, unbounded, unbounded,
                                                unbounded, unbounded, unbounded, unbounded,
                                                unbounded, unbounded};
  static constexpr double action_low = -1, action_high = 1;
  static constexpr int reset_draws = 1, step_draws = 2;

  static constexpr int modes = 3;
  // Centers (0, radius) above or below the start; sense +1 is anticlockwise.
  // (Functions rather than tables: code for CUDA may not index a table of the host's.)
  static constexpr double center_y(int m) { return m == 0 ? 0.4 : m == 1 ? 0.2 : -0.2; }
  static constexpr double radius(int m) { return m == 0 ? 0.4 : 0.2; }
  static constexpr double sense(int m) { return m == 2 ? -1 : 1; }
  static constexpr double speed = 0.01, noise = 0.005;  // noise: relative to the speed

  // Both measured; the reference is the built-in expert.
  static constexpr Version versions[] = {
      {"circles", "", 256, no_mark, 134.5, 255.8},
  };
};

template <class Number>
struct Circles : CirclesFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  // All five remembered positions are the start, (0, 0).
  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    State state;
    for (int k = 0; k < mode; ++k) state[k] = constant<Real>(0);
    const Real u = random.uniform(0, 3);
    state[mode] = select<Real>(u < Scalar(1), constant<Real>(0), constant<Real>(1));
    state[mode] = select<Real>(u >= Scalar(2), constant<Real>(2), state[mode]);
    return state;
  }

  // A step of fixed length in the action's direction, with noise. Reward: 1 on a circle, less four
  // times the relative distance from the nearest one, not below 0.
  template <class Random>
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action,
                                                                  Random& random) {
    const Real length = square_root<Real>(action[0] * action[0] + action[1] * action[1]);
    Transition<Real, state_size> next;
    for (int k = 0; k < 2 * (remembered - 1); ++k) next.state[k] = state[k + 2];
    for (int k = 0; k < 2; ++k) {
      // Uniform with the deviation `noise`.
      const Real off = random.uniform(-noise * 1.7320508075688772, noise * 1.7320508075688772);
      next.state[mode - 2 + k] = state[mode - 2 + k] + Scalar(speed) * (action[k] / length + off);
    }
    next.state[mode] = state[mode];
    const Real x = next.state[mode - 2], y = next.state[mode - 1];
    Real nearest = constant<Real>(Scalar(0.25));
    for (int m = 0; m < modes; ++m) {
      const Real above = y - Scalar(center_y(m));
      const Real off = square_root<Real>(x * x + above * above) / Scalar(radius(m)) - Scalar(1);
      const Real apart = select<Real>(off < Scalar(0), -off, off);
      nearest = select<Real>(apart < nearest, apart, nearest);
    }
    next.reward = Scalar(1) - Scalar(4) * nearest;
    next.terminated = next.reward > Scalar(2);  // never
    return next;
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    Observation seen;
    for (int k = 0; k < observation_size; ++k) seen[k] = state[k];
    return seen;
  }

  // Towards the point of its circle that one step further on.
  static void expert(const double* state, double* action) {
    const int m = int(state[mode]);
    const double x = state[mode - 2], above = state[mode - 1] - center_y(m);
    const double distance = __builtin_sqrt(x * x + above * above);
    // The unit vector from the center, turned by the step's angle: its sine is exact enough.
    const double sine = sense(m) * speed / radius(m), cosine = 1 - 0.5 * sine * sine;
    const double ux = distance > 0 ? x / distance : 1, uy = distance > 0 ? above / distance : 0;
    const double to_x = radius(m) * (cosine * ux - sine * uy) - x;
    const double to_y = radius(m) * (sine * ux + cosine * uy) - above;
    const double length = __builtin_sqrt(to_x * to_x + to_y * to_y);
    action[0] = to_x / length;
    action[1] = to_y / length;
  }
  static void draw(const double* state, Frame& frame) {
    begin_frame(frame, -0.75, 0.75, -0.55, 0.95);
    for (int m = 0; m < modes; ++m)
      for (int i = 0; i < 40; ++i) {
        const double a = i * 0.15707963267948966;
        draw_circle(frame, radius(m) * __builtin_sin(a), center_y(m) + radius(m) * __builtin_cos(a),
                    0.004, Ink::faint);
      }
    for (int k = 0; k < remembered; ++k)
      draw_circle(frame, state[2 * k], state[2 * k + 1], 0.008 + 0.004 * k, Ink::agent);
  }
};

}  // namespace understudy
