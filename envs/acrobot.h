// Acrobot: two links with a motor in the elbow, to be swung up above a line.
//
// Sutton 1996 with the equations of Sutton & Barto's book (which add a term to the paper's). Every
// constant is that of Gymnasium's `classic_control/acrobot.py`: masses and lengths 1, centers of
// mass in the middle, moments of inertia 1, one classical Runge-Kutta step of 0.2 s with a constant
// torque.
//
// `Acrobot` observes sines and cosines (v1); `AcrobotAngles` the two angles and rates themselves,
// as in 2016 (v0), when an episode lasted 200 steps.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct AcrobotFacts {
  static constexpr const char* source = "Gymnasium, classic_control/acrobot.py";
  static constexpr int state_size = 4, action_size = 1, action_count = 3;
  enum { angle_1, angle_2, rate_1, rate_2 };
  static constexpr const char* state_names[] = {"angle_1", "angle_2", "rate_1", "rate_2"};
  static constexpr double pi = 3.14159265358979323846;
  static constexpr double fastest_1 = 4 * pi, fastest_2 = 9 * pi;
  static constexpr double action_low = 0, action_high = 2;
  static constexpr int reset_draws = 4;
};

// The dynamics, whatever is observed.
template <class Number>
struct AcrobotDynamics : AcrobotFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;

  static constexpr Scalar gravity = Scalar(9.8);
  static constexpr Scalar seconds = Scalar(0.2);

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    State state;
    for (int i = 0; i < state_size; ++i) state[i] = random.uniform(-0.1, 0.1);
    return state;
  }

  // d state / dt under `torque`. The names d and phi are the book's, whose cos(x - pi/2) is sin x.
  static UNDERSTUDY_HOST_DEVICE State derivative(const State& state, Real torque) {
    Real sine_2, cosine_2, sine_1, sine_12, unused;
    sine_cosine<Real>(state[angle_1], sine_1, unused);
    sine_cosine<Real>(state[angle_2], sine_2, cosine_2);
    sine_cosine<Real>(state[angle_1] + state[angle_2], sine_12, unused);
    const Real half = Scalar(0.5) * sine_2;  // m2 l1 lc2 sin theta_2

    const Real d1 = Scalar(3.5) + cosine_2;
    const Real d2 = Scalar(1.25) + Scalar(0.5) * cosine_2;
    const Real phi2 = Scalar(0.5) * gravity * sine_12;
    const Real phi1 = -half * (state[rate_2] * state[rate_2]) -
                      Scalar(2) * half * (state[rate_2] * state[rate_1]) +
                      Scalar(1.5) * gravity * sine_1 + phi2;
    const Real ratio = d2 / d1;
    const Real acceleration_2 =
        (torque + ratio * phi1 - half * (state[rate_1] * state[rate_1]) - phi2) /
        (Scalar(1.25) - d2 * ratio);
    const Real acceleration_1 = -(d2 * acceleration_2 + phi1) / d1;
    return {{state[rate_1], state[rate_2], acceleration_1, acceleration_2}};
  }

  // Actions 0, 1, 2 are torques -1, 0, 1. Reward -1 a step, and 0 for the one that gets there.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, state_size> step(const State& state,
                                                                  const Action& action) {
    const Real torque = action[0] - Scalar(1);
    const State k1 = derivative(state, torque);
    const State k2 = derivative(ahead(state, k1, seconds / 2), torque);
    const State k3 = derivative(ahead(state, k2, seconds / 2), torque);
    const State k4 = derivative(ahead(state, k3, seconds), torque);
    Transition<Real, state_size> next;
    for (int i = 0; i < state_size; ++i)
      next.state[i] =
          state[i] + seconds / 6 * (k1[i] + Scalar(2) * k2[i] + Scalar(2) * k3[i] + k4[i]);
    next.state[angle_1] = wrap_angle<Real>(next.state[angle_1]);
    next.state[angle_2] = wrap_angle<Real>(next.state[angle_2]);
    next.state[rate_1] = clip<Real>(next.state[rate_1], Scalar(-fastest_1), Scalar(fastest_1));
    next.state[rate_2] = clip<Real>(next.state[rate_2], Scalar(-fastest_2), Scalar(fastest_2));

    // The tip's height above the first joint.
    Real unused, cosine_1, cosine_12;
    sine_cosine<Real>(next.state[angle_1], unused, cosine_1);
    sine_cosine<Real>(next.state[angle_1] + next.state[angle_2], unused, cosine_12);
    next.terminated = -cosine_1 - cosine_12 > Scalar(1);
    next.reward = select<Real>(next.terminated, constant<Real>(0), constant<Real>(-1));
    return next;
  }

  // Pumps energy: the elbow's torque against the first link's turn.
  static void expert(const double* state, double* action) { action[0] = state[rate_1] > 0 ? 0 : 2; }
  static void draw(const double* state, Frame& frame) {
    begin_frame(frame, -2.3, 2.3, -2.3, 2.3);
    draw_line(frame, -2.2, 1, 2.2, 1, 0.03, Ink::goal);
    const double both = state[angle_1] + state[angle_2];
    const double x = __builtin_sin(state[angle_1]), y = -__builtin_cos(state[angle_1]);
    draw_line(frame, 0, 0, x, y, 0.12, Ink::outline);
    draw_line(frame, x, y, x + __builtin_sin(both), y - __builtin_cos(both), 0.12, Ink::agent);
    draw_circle(frame, 0, 0, 0.08, Ink::outline);
  }

 private:
  static UNDERSTUDY_HOST_DEVICE State ahead(const State& state, const State& slope, Scalar time) {
    State moved;
    for (int i = 0; i < state_size; ++i) moved[i] = state[i] + time * slope[i];
    return moved;
  }
};

template <class Number>
struct Acrobot : AcrobotDynamics<Number> {
  using typename AcrobotDynamics<Number>::Real;
  using typename AcrobotDynamics<Number>::State;
  static constexpr const char* summary = "swing two links up with a motor in the elbow";
  static constexpr int observation_size = 6;
  using Observation = Variables<Real, observation_size>;
  static constexpr const char* observation_names[] = {"cosine_1", "sine_1", "cosine_2",
                                                      "sine_2",   "rate_1", "rate_2"};
  static constexpr double observation_low[] = {
      -1, -1, -1, -1, -AcrobotFacts::fastest_1, -AcrobotFacts::fastest_2};
  static constexpr double observation_high[] = {
      1, 1, 1, 1, AcrobotFacts::fastest_1, AcrobotFacts::fastest_2};
  // Random: measured with Gymnasium. Reference: PPO of rl-baselines3-zoo's benchmark.
  static constexpr Version versions[] = {{"acrobot", "Acrobot-v1", 500, -100, -499, -73.5}};

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) {
    Observation seen;
    sine_cosine<Real>(state[AcrobotFacts::angle_1], seen[1], seen[0]);
    sine_cosine<Real>(state[AcrobotFacts::angle_2], seen[3], seen[2]);
    seen[4] = state[AcrobotFacts::rate_1];
    seen[5] = state[AcrobotFacts::rate_2];
    return seen;
  }
};

template <class Number>
struct AcrobotAngles : AcrobotDynamics<Number> {
  using typename AcrobotDynamics<Number>::Real;
  using typename AcrobotDynamics<Number>::State;
  static constexpr const char* summary = "acrobot as of 2016: observes angles and rates, 200 steps";
  static constexpr int observation_size = 4;
  using Observation = Variables<Real, observation_size>;
  static constexpr const char* observation_names[] = {"angle_1", "angle_2", "rate_1", "rate_2"};
  static constexpr double observation_low[] = {-AcrobotFacts::pi, -AcrobotFacts::pi,
                                               -AcrobotFacts::fastest_1, -AcrobotFacts::fastest_2};
  static constexpr double observation_high[] = {AcrobotFacts::pi, AcrobotFacts::pi,
                                                AcrobotFacts::fastest_1, AcrobotFacts::fastest_2};
  // Both returns from Ho & Ermon 2016, table 3.
  static constexpr Version versions[] = {{"acrobot-v0", "Acrobot-v0", 200, -100, -200, -75.25}};

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) { return state; }
};

}  // namespace understudy
