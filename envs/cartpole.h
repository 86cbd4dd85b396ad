// CartPole: a pole on a cart, kept upright by pushing left or right.
//
// Barto, Sutton & Anderson 1983, with the equations of Florian ("Correct equations for the dynamics
// of the cart-pole system", 2007, equations 23 and 24, without friction). Every constant is that of
// Gymnasium's `classic_control/cartpole.py`, whose `step` this is: an explicit Euler step, in which
// positions advance with the old velocities.

#pragma once

#include "envs/environment.h"
#include "envs/frame.h"

namespace understudy {

struct CartPoleFacts {
  static constexpr const char* summary = "keep a pole upright on a cart by pushing left or right";
  static constexpr const char* source = "Gymnasium, classic_control/cartpole.py";

  static constexpr int state_size = 4, observation_size = 4, action_size = 1, action_count = 2;
  enum { position, velocity, angle, angular_velocity };
  static constexpr const char* state_names[] = {"position", "velocity", "angle",
                                                "angular_velocity"};
  static constexpr const char* observation_names[] = {"position", "velocity", "angle",
                                                      "angular_velocity"};
  static constexpr double angle_limit = 12 * 2 * 3.14159265358979323846 / 360;
  static constexpr double position_limit = 2.4;
  // Twice the limits, so that an episode's last observation is within the bounds.
  static constexpr double observation_low[] = {-2 * position_limit, -unbounded, -2 * angle_limit,
                                               -unbounded};
  static constexpr double observation_high[] = {2 * position_limit, unbounded, 2 * angle_limit,
                                                unbounded};
  static constexpr double action_low = 0, action_high = 1;
  static constexpr int reset_draws = 4;

  // Random returns: v1 measured with Gymnasium, v0 from Ho & Ermon 2016, table 3.
  static constexpr Version versions[] = {
      {"cartpole", "CartPole-v1", 500, 475, 22.25, 500},
      {"cartpole-v0", "CartPole-v0", 200, 195, 18.64, 200},
  };
};

// In SI units; the pole is twice as long as the distance to its center.
struct CartPoleConstants {
  static constexpr double gravity = 9.8, cart_mass = 1, pole_mass = 0.1, half_length = 0.5;
  static constexpr double force = 10, seconds = 0.02;
};

// What both carts do; they differ in when the task ends and so in how far the pole may turn.
// `Constants` has the members of CartPoleConstants.
template <class Number, class Constants = CartPoleConstants>
struct CartPoleDynamics : CartPoleFacts {
  using Real = Number;
  using Scalar = ScalarOf<Real>;
  using State = Variables<Real, state_size>;
  using Action = Variables<Real, action_size>;
  using Observation = Variables<Real, observation_size>;

  static constexpr Scalar gravity = Scalar(Constants::gravity);
  static constexpr Scalar pole_mass = Scalar(Constants::pole_mass);
  static constexpr Scalar total_mass = Scalar(Constants::cart_mass + Constants::pole_mass);
  static constexpr Scalar half_length = Scalar(Constants::half_length);
  static constexpr Scalar pole_moment = Scalar(Constants::pole_mass * Constants::half_length);
  static constexpr Scalar force = Scalar(Constants::force);
  static constexpr Scalar seconds = Scalar(Constants::seconds);

  template <class Random>
  static UNDERSTUDY_HOST_DEVICE State reset(Random& random) {
    State state;
    for (int i = 0; i < state_size; ++i) state[i] = random.uniform(-0.05, 0.05);
    return state;
  }

  // Action 0 pushes left, 1 right. `sine` and `cosine` are the pole's.
  static UNDERSTUDY_HOST_DEVICE State pushed(const State& state, const Action& action, Real sine,
                                             Real cosine) {
    const Real push =
        select<Real>(action[0] == Scalar(1), constant<Real>(force), constant<Real>(-force));
    const Real rate = state[angular_velocity];

    // Divisions by constants as products with their reciprocals: an ulp, and a third of the time.
    const Real drive = (push + pole_moment * (rate * rate) * sine) * (Scalar(1) / total_mass);
    const Real angular_acceleration = (gravity * sine - cosine * drive) /
                                      (half_length * Scalar(4.0 / 3.0) -
                                       half_length * pole_mass / total_mass * (cosine * cosine));
    const Real acceleration = drive - pole_moment / total_mass * angular_acceleration * cosine;

    State next;
    next[position] = state[position] + seconds * state[velocity];
    next[velocity] = state[velocity] + seconds * acceleration;
    next[angle] = state[angle] + seconds * rate;
    next[angular_velocity] = rate + seconds * angular_acceleration;
    return next;
  }
  static UNDERSTUDY_HOST_DEVICE MaskOf<Real> lost(const State& state) {
    return (magnitude<Real>(state[position]) > Scalar(position_limit)) |
           (magnitude<Real>(state[angle]) > Scalar(angle_limit));
  }

  static UNDERSTUDY_HOST_DEVICE Observation observe(const State& state) { return state; }

  // Linear feedback, its sign alone: towards where the pole falls, and slowly back to the middle.
  static void expert(const double* state, double* action) {
    const double lean = state[angle] + 0.25 * state[angular_velocity] + 0.02 * state[position] +
                        0.05 * state[velocity];
    action[0] = lean > 0 ? 1 : 0;
  }
  static void draw(const double* state, Frame& frame) {
    begin_frame(frame, -2.6, 2.6, -0.6, 1.6);
    const double at = state[position], tilt = state[angle];
    draw_line(frame, -2.4, 0, 2.4, 0, 0.02, Ink::faint);
    draw_rectangle(frame, at - 0.25, -0.12, at + 0.25, 0.12, Ink::outline);
    // The pole is 1 m long, twice the distance to its center.
    draw_line(frame, at, 0, at + __builtin_sin(tilt), __builtin_cos(tilt), 0.08, Ink::agent);
  }
};

template <class Number>
struct CartPole : CartPoleDynamics<Number> {
  using typename CartPoleDynamics<Number>::Real;
  using typename CartPoleDynamics<Number>::State;
  using typename CartPoleDynamics<Number>::Action;

  // Reward 1 for every step, the last one included.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, CartPoleFacts::state_size> step(
      const State& state, const Action& action) {
    Real sine, cosine;
    sine_cosine_near_zero<Real>(state[CartPoleFacts::angle], sine, cosine);
    Transition<Real, CartPoleFacts::state_size> next;
    next.state = CartPole::pushed(state, action, sine, cosine);
    next.reward = constant<Real>(1);
    next.terminated = CartPole::lost(next.state);
    return next;
  }
};

// The cart of a fixed horizon: nothing ends an episode but time, so that its length tells an
// imitator nothing. A pole that fell swings on below the cart, its angle within +-pi.
template <class Number>
struct FixedCartPole : CartPoleDynamics<Number> {
  using typename CartPoleDynamics<Number>::Real;
  using typename CartPoleDynamics<Number>::Scalar;
  using typename CartPoleDynamics<Number>::State;
  using typename CartPoleDynamics<Number>::Action;
  static constexpr const char* summary = "a pole on a cart; falling does not end the 500 steps";
  static constexpr const char* source = "seals, FixedHorizonCartPole (HumanCompatibleAI)";
  static constexpr double pi = 3.14159265358979323846;
  static constexpr double observation_low[] = {-unbounded, -unbounded, -pi, -unbounded};
  static constexpr double observation_high[] = {unbounded, unbounded, pi, unbounded};
  // Random: measured with the source's rules, 40,000 episodes.
  static constexpr Version versions[] = {{"cartpole-fixed", "", 500, 475, 33.3, 500}};

  // Reward 1 for every step that ends with cart and pole within the limits.
  static UNDERSTUDY_HOST_DEVICE Transition<Real, CartPoleFacts::state_size> step(
      const State& state, const Action& action) {
    Real sine, cosine;
    sine_cosine<Real>(state[CartPoleFacts::angle], sine, cosine);
    Transition<Real, CartPoleFacts::state_size> next;
    next.state = FixedCartPole::pushed(state, action, sine, cosine);
    next.state[CartPoleFacts::angle] = wrap_angle<Real>(next.state[CartPoleFacts::angle]);
    next.reward =
        select<Real>(FixedCartPole::lost(next.state), constant<Real>(0), constant<Real>(1));
    next.terminated = next.reward < Scalar(0);  // never
    return next;
  }
};

}  // namespace understudy
