// A Markov decision process with finitely many states, as tabular algorithms see it.
//
// Stored sparsely by available pair (state, action): pairs are sorted by state, then action; pair k
// has the transitions [transition_begin[k], transition_begin[k + 1]). A terminal state has no
// pairs: its value is 0 and episodes end there. `incoming_*` is the transpose, sorted by the state
// led to.
//
// A reward (or feature) of a terminal state is therefore never earned, unless the table says
// `terminal_reward`: then it is earned once, on entering,
//
//   r(s, a) <- r(s, a) + discount sum over terminal s' of p(s' | s, a) r(s')
//
// as if one more step were taken there; features likewise, which then belong to pairs. (Under
// Expectation::log_mean_exp that is exact where entering is certain or not at all.)
//
// A problem is solved over a `horizon` of steps where that is above 0, else discounted where
// `discount` < 1, else (undiscounted) to its absorbing states.
//
// A family of problems that differ in their goal alone has `goals`: from the listed states of a
// goal one may step, at no cost, into its absorbing state. With `goals_absorb` reaching such a
// state ends the episode at once.
//
// Rewards and features belong to states (earned by any action taken there), to pairs, or to
// transitions. Those of transitions are kept, and averaged over a pair's transitions wherever a
// model only knows the pair: E[f(s, a, s')] is what a causal agent can act on.
//
// Thread safety: const functions from any number of threads at once.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/dynamic_programming/dynamic_programming.h"

namespace understudy {

// What a file of a tabular problem holds, column by column. Everything after `probability` may be
// left empty.
struct ProblemTable {
  std::int64_t n_states = 0, n_actions = 0;
  std::vector<std::int64_t> state, action, next_state;  // one transition a row
  std::vector<double> probability;                      // empty: all 1
  double discount = 1.0;
  std::int64_t horizon = 0;                 // 0: none
  std::vector<double> initial;              // [S]; empty: uniform over states that act
  std::vector<double> reward;               // [S] or [S, A]
  std::vector<double> features;             // [S, F] or [S, A, F]
  std::vector<double> transition_features;  // [rows, F]
  std::int64_t n_features = 0;
  std::vector<std::uint8_t> terminal;  // [S]
  bool terminal_reward = false;        // rewards and features of terminal states are earned
  std::vector<std::int64_t> shape;     // height, width, for drawing
  std::vector<std::int64_t> goal_id, goal_state;
  bool goals_absorb = false;
  std::vector<std::string> remarks;  // what a reader left out, a sentence each
};

enum class FeatureOwner { none, state, pair, transition };

struct Problem {
  std::int64_t n_states = 0, n_actions = 0;
  std::vector<std::int32_t> pair_begin{0}, pair_state, pair_action;
  std::vector<std::int32_t> transition_begin{0}, next_state, transition_pair;
  std::vector<double> probability;
  std::vector<std::int32_t> incoming_begin{0}, incoming_pair;
  std::vector<double> incoming_probability;

  double discount = 1.0;
  std::int64_t horizon = 0;
  std::vector<double> initial;         // [S]
  std::vector<double> reward;          // [pairs], or empty
  std::vector<std::uint8_t> terminal;  // [S]
  std::vector<std::int64_t> shape;

  FeatureOwner feature_owner = FeatureOwner::none;
  std::int64_t n_features = 0;
  std::vector<double> features;             // [S, F] or [pairs, F]; for transitions, their mean
  std::vector<double> transition_features;  // [transitions, F] where they are the owner

  std::vector<std::int32_t> goal_begin,
      goal_state;  // goal g's states: [goal_begin[g], goal_begin[g+1])
  bool goals_absorb = false;

  std::int64_t n_pairs() const { return static_cast<std::int64_t>(pair_state.size()); }
  std::int64_t n_transitions() const { return static_cast<std::int64_t>(next_state.size()); }
  std::int64_t n_goals() const {
    return goal_begin.empty() ? 0 : static_cast<std::int64_t>(goal_begin.size()) - 1;
  }
  bool deterministic() const { return n_transitions() == n_pairs(); }
  // The pair of (state, action), or -1 where the action is not available.
  std::int64_t pair_of(std::int64_t state, std::int64_t action) const;

  SparseDynamics<double> dynamics() const;
  IncomingDynamics<double> incoming() const;
};

// Checks everything and builds both directions. Bad input is an `Error` that names the column, the
// row and what was expected.
Problem make_problem(const ProblemTable& table);

// The problem of whom luck obeys: each transition of `problem`, in their order, is an action that
// is sure to succeed. A reward r(k) + log p(j) of transition j of pair k makes
// Expectation::log_mean_exp of the problem the causal one of this: sum_a exp r E exp V' = sum_j
// exp(r + log p(j)) exp V(s'_j). No rewards, features or goals.
Problem with_luck_chosen(const Problem& problem);
std::vector<double> reward_with_luck(const Problem& problem, const std::vector<double>& reward);

// What the table holds that no result can depend on, a sentence each: rewards and starts in
// terminal states, ends and goals that no start leads to, features that are the same wherever one
// acts.
std::vector<std::string> without_effect(const ProblemTable& table, const Problem& problem);

// A reward of states [S], of (state, action) [S, A] or of pairs, as one of pairs.
std::vector<double> pair_reward(const Problem& problem, const std::vector<double>& reward);

// r(k) = w . f(k) of every pair.
std::vector<double> linear_reward(const Problem& problem, const std::vector<double>& weights);

// sum_k occupancy(k) f(k): what an occupancy of pairs expects of the features. The transpose of
// `linear_reward`.
std::vector<double> feature_expectations(const Problem& problem,
                                         const std::vector<double>& pair_occupancy);

// sum over a state's pairs of what belongs to pairs.
std::vector<double> sum_over_pairs(const Problem& problem, const std::vector<double>& pairs);

// What belongs to pairs as a table [S, A] with `missing` where an action is not available.
std::vector<double> table_of_pairs(const Problem& problem, const std::vector<double>& pairs,
                                   double missing);

// An `Error` that names a state from which no terminal (or goal) state can be reached, if there is
// one. With `goal` >= 0, that goal's states are what must be reached.
void check_reaches_end(const Problem& problem, std::int64_t goal = -1);

// ---- demonstrations ----------------------------------------------------------------------------

// One episode: states has one entry more than actions, or as many (the last state is not known).
// An episode of a goal ends by the step into the goal's absorbing state, which is not written down.
struct Trajectory {
  std::vector<std::int32_t> states, actions;
  std::int32_t goal = -1;
};

// The pair of each step, per trajectory. An `Error` names the first episode and step that is not
// possible: an unknown state, an unavailable action, a successor of probability 0, a missing or
// unknown goal, a goal's episode that does not end beside it.
std::vector<std::vector<std::int32_t>> pairs_of(const Problem& problem,
                                                const std::vector<Trajectory>& trajectories);

// As `pairs_of`, but the transition of each step. Needs the states that were led to.
std::vector<std::vector<std::int32_t>> transitions_of(const Problem& problem,
                                                      const std::vector<Trajectory>& trajectories);

// The first action that leads from one state to the next along each path of states: for data of
// deterministic networks that list states alone.
Trajectory trajectory_along(const Problem& problem, const std::vector<std::int32_t>& states,
                            std::int32_t goal = -1);

// Mean over trajectories of sum_t discount^t f(s_t, a_t).
std::vector<double> mean_features(const Problem& problem,
                                  const std::vector<Trajectory>& trajectories, double discount);

}  // namespace understudy
