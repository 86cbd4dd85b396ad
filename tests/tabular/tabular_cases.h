// Small random problems and the enumeration of all their trajectories: the oracle of these tests.

#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "kernels/device/device.h"

namespace understudy::tabular_cases {

// The CPU, on the calling thread alone.
inline Device& processor() {
  static const std::unique_ptr<Device> device = cpu_device();
  return *device;
}

// `states` states of which the last is terminal where `ends`, up to `actions` actions, up to 3
// successors. Every state has at least one action; with `ends` each may end, so that every policy
// does.
inline Problem random_problem(unsigned seed, int states, int actions, bool ends, bool deterministic,
                              double discount, std::int64_t horizon, int features) {
  std::mt19937 random(seed);
  auto uniform = [&] { return static_cast<double>(random() % 10000) / 10000.0; };
  ProblemTable t;
  t.n_states = states;
  t.n_actions = actions;
  t.discount = discount;
  t.horizon = horizon;
  t.terminal.assign(states, 0);
  if (ends) t.terminal[states - 1] = 1;
  for (int s = 0; s < states; ++s)
    for (int a = 0; a < actions; ++a) {
      if (a > 0 && random() % 4 == 0) continue;  // not available
      const int successors = deterministic ? 1 : 1 + static_cast<int>(random() % 3);
      std::vector<int> next;
      while (static_cast<int>(next.size()) < successors) {
        const int candidate = static_cast<int>(random() % states);
        if (std::find(next.begin(), next.end(), candidate) == next.end()) next.push_back(candidate);
      }
      if (ends && a == 0) next[0] = states - 1;
      if (successors > 1 && ends && a == 0)
        for (int i = 1; i < successors; ++i)
          if (next[i] == states - 1) next[i] = s;
      std::vector<double> p;
      double sum = 0.0;
      for (int i = 0; i < successors; ++i) p.push_back(0.2 + uniform()), sum += p.back();
      for (int i = 0; i < successors; ++i) {
        t.state.push_back(s);
        t.action.push_back(a);
        t.next_state.push_back(next[i]);
        t.probability.push_back(p[i] / sum);
      }
    }
  t.n_features = features;
  // The first feature is a length, so that a negative weight makes every step cost something.
  for (int i = 0; i < states * actions * features; ++i)
    t.features.push_back(i % features == 0 ? 0.5 + uniform() : uniform() - 0.5);
  t.initial.assign(states, 0.0);
  t.initial[0] = 0.25;
  t.initial[1] = 0.75;
  return make_problem(t);
}

inline double start_value(const Problem& p, const std::vector<double>& v) {
  double sum = 0.0;
  for (std::int64_t s = 0; s < p.n_states; ++s) sum += p.initial[s] * v[s];
  return sum;
}

struct Path {
  std::vector<std::int32_t> states, pairs;  // one state more than pairs
  double dynamics = 1.0;                    // product of p(s'|s, a)
};

// All trajectories from `start` over `steps` steps, ended early by terminal states.
inline void enumerate(const Problem& p, std::int32_t start, std::int64_t steps,
                      const std::function<void(const Path&)>& visit) {
  Path path;
  path.states.push_back(start);
  std::function<void()> extend = [&] {
    const std::int32_t s = path.states.back();
    if (static_cast<std::int64_t>(path.pairs.size()) == steps ||
        p.pair_begin[s] == p.pair_begin[s + 1]) {
      visit(path);
      return;
    }
    for (std::int32_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
      for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j) {
        const double before = path.dynamics;
        path.pairs.push_back(k);
        path.states.push_back(p.next_state[j]);
        path.dynamics *= p.probability[j];
        extend();
        path.pairs.pop_back();
        path.states.pop_back();
        path.dynamics = before;
      }
  };
  extend();
}

// Episodes that wander at random, up to `steps` long.
inline std::vector<Trajectory> wandering(const Problem& p, unsigned seed, int episodes, int steps) {
  std::mt19937 random(seed);
  std::vector<Trajectory> all;
  for (int e = 0; e < episodes; ++e) {
    Trajectory t;
    std::int32_t s = static_cast<std::int32_t>(random() % 2);
    t.states.push_back(s);
    for (int i = 0; i < steps && p.pair_begin[s] < p.pair_begin[s + 1]; ++i) {
      const std::int32_t k =
          p.pair_begin[s] +
          static_cast<std::int32_t>(random() % (p.pair_begin[s + 1] - p.pair_begin[s]));
      const std::int32_t j =
          p.transition_begin[k] +
          static_cast<std::int32_t>(random() % (p.transition_begin[k + 1] - p.transition_begin[k]));
      t.actions.push_back(p.pair_action[k]);
      s = p.next_state[j];
      t.states.push_back(s);
    }
    all.push_back(t);
  }
  return all;
}

// A random network of links with costs, `goals` goals of one or two states each.
inline Problem network(unsigned seed, int states, int goals, bool absorb, int features) {
  std::mt19937 random(seed);
  auto uniform = [&] { return static_cast<double>(random() % 10000) / 10000.0; };
  ProblemTable t;
  t.n_states = states;
  t.n_actions = 4;
  t.n_features = features;
  for (int s = 0; s < states; ++s) {
    const int actions = 2 + static_cast<int>(random() % 3);
    for (int a = 0; a < actions; ++a) {
      t.state.push_back(s);
      t.action.push_back(a);
      t.next_state.push_back(a == 0 ? (s + 1) % states
                                    : static_cast<std::int64_t>(random() % states));
      t.transition_features.push_back(0.5 + uniform());
      for (int f = 1; f < features; ++f)
        t.transition_features.push_back(uniform() < 0.3 ? 1.0 : 0.0);
    }
  }
  for (int g = 0; g < goals; ++g)
    for (int i = 0; i < (absorb ? 1 : 1 + g % 2); ++i) {
      t.goal_id.push_back(g);
      t.goal_state.push_back((g * 3 + i * 5) % states);
    }
  t.goals_absorb = absorb;
  return make_problem(t);
}

// Walks at random until a goal is met.
inline std::vector<Trajectory> trips(const Problem& p, unsigned seed, int count) {
  std::mt19937 random(seed);
  std::vector<Trajectory> all;
  while (static_cast<int>(all.size()) < count) {
    Trajectory t;
    t.goal = static_cast<std::int32_t>(random() % p.n_goals());
    std::int32_t s = static_cast<std::int32_t>(random() % p.n_states);
    t.states.push_back(s);
    const auto first = p.goal_state.begin() + p.goal_begin[t.goal],
               last = p.goal_state.begin() + p.goal_begin[t.goal + 1];
    while (std::find(first, last, s) == last) {
      const std::int32_t k =
          p.pair_begin[s] +
          static_cast<std::int32_t>(random() % (p.pair_begin[s + 1] - p.pair_begin[s]));
      t.actions.push_back(p.pair_action[k]);
      s = p.next_state[k];
      t.states.push_back(s);
    }
    if (!t.actions.empty()) all.push_back(t);
  }
  return all;
}

inline std::vector<double> random_vector(unsigned seed, std::size_t n, double low, double high) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<double> x(n);
  for (double& xi : x) xi = uniform(random);
  return x;
}

// Central differences; the step balances rounding (1e-16 / h) against the third derivative (h^2).
inline std::vector<double> finite_difference(
    const std::function<double(const std::vector<double>&)>& f, std::vector<double> x,
    double h = 1e-5) {
  std::vector<double> g(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double xi = x[i];
    x[i] = xi + h;
    const double up = f(x);
    x[i] = xi - h;
    const double down = f(x);
    x[i] = xi;
    g[i] = (up - down) / (2 * h);
  }
  return g;
}

}  // namespace understudy::tabular_cases
