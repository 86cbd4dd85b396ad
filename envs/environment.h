// An environment: a Markov decision process as code for one environment.
//
// An environment is a struct of static functions and constants, a template on its number type:
//
//   template <class Real> struct CartPole : CartPoleFacts {
//     using State, Action, Observation         Variables<Real, ...>
//     static State reset(Random&)              the initial state of an episode
//     static Transition step(State, Action)    next state, reward, terminated
//     static Observation observe(State)
//   };
//
// Where the dynamics are random, `step` takes a third argument, Random&, and `step_draws` says how
// many draws it makes at most. Optional members:
//
//   static void expert(const double* state, double* action)   a controller that sees the state
//   static void draw(const double* state, Frame& frame)       a picture
//
// The struct has no data: an environment is its State, and `step` is a pure function, safe on any
// thread. With Real = float or double it can be embedded as it is; batch.h runs thousands of them,
// on vectors and on CUDA, with time limits and automatic resets, of which the environment itself
// knows nothing.
//
// A discrete action is a number in a Real, so that the same code compiles for vectors: action[0] is
// 0, 1, ..., action_count - 1. The caller keeps actions in range.
//
// `terminated` and `truncated` are Gymnasium's: the task's own end, beyond which the value is 0,
// and the time limit's. A step can be both.

#pragma once

#include <concepts>

#include "envs/arithmetic.h"

namespace understudy {

// A few numbers, named by the enumerators of the environment.
template <class Real, int count>
struct Variables {
  static constexpr int size = count;
  Real value[count];
  UNDERSTUDY_HOST_DEVICE Real& operator[](int i) { return value[i]; }
  UNDERSTUDY_HOST_DEVICE const Real& operator[](int i) const { return value[i]; }
};

template <class Real, int state_size>
struct Transition {
  Variables<Real, state_size> state;
  Real reward;
  MaskOf<Real> terminated;
};

// A name under which dynamics are known, with the time limit and marks that go with it.
struct Version {
  const char* name;         // "cartpole-v0"
  const char* gymnasium;    // "CartPole-v0"; "" where Gymnasium has none
  int horizon;              // steps after which an episode is truncated
  double solved;            // mean return from which Gymnasium calls it solved; NaN if it does not
  double random_return;     // mean return of uniform actions
  double reference_return;  // of a trained agent: see each header
};

inline constexpr double unbounded = __builtin_inf();
inline constexpr double no_mark = __builtin_nan("");

// What a draw from `reset` is made of; used to state the concept.
template <class Real>
struct ExampleRandom {
  Real uniform(double low, double high);
};

// Draws that a step makes; 0 for deterministic dynamics.
template <class E>
constexpr int step_draws_of() {
  if constexpr (requires { E::step_draws; })
    return E::step_draws;
  else
    return 0;
}

// One step, with or without draws.
template <class E, class Random>
UNDERSTUDY_HOST_DEVICE auto step_with(const typename E::State& state,
                                      const typename E::Action& action, Random& random) {
  if constexpr (step_draws_of<E>() > 0)
    return E::step(state, action, random);
  else
    return E::step(state, action);
}

template <class E>
concept Environment = requires(const typename E::State& state, const typename E::Action& action,
                               ExampleRandom<typename E::Real>& random) {
  { E::reset(random) } -> std::same_as<typename E::State>;
  {
    step_with<E>(state, action, random)
    } -> std::same_as<Transition<typename E::Real, E::state_size>>;
  { E::observe(state) } -> std::same_as<typename E::Observation>;
  { E::summary } -> std::convertible_to<const char*>;
  { E::source } -> std::convertible_to<const char*>;
  // 0: the actions are action_size numbers within action_low and action_high.
  { E::action_count } -> std::convertible_to<int>;
  { E::action_size } -> std::convertible_to<int>;
  // Draws that `reset` makes, each of one random word.
  { E::reset_draws } -> std::convertible_to<int>;
  E::state_names[E::state_size - 1];
  E::observation_names[E::observation_size - 1];
  E::observation_low[E::observation_size - 1];
  E::observation_high[E::observation_size - 1];
  E::versions[0];
};

}  // namespace understudy
