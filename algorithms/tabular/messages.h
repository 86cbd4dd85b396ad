// Control as inference over a horizon: the messages of the graphical model in which an optimal
// agent's actions are evidence (Levine 2018, section 2; the lecture's section 3.2).
//
// With p(O_t = 1 | s, a) = exp r(s, a) and a uniform action prior left out, in the log domain
// Q_t(s, a) = log beta_t(s, a) and V_t(s) = log beta_t(s):
//
//   (1)  beta_t(s, a)    = p(O_t:T | s, a)          = exp r(s, a) E[beta_t+1(s')]
//   (2)  beta_t(s)       = p(O_t:T | s)             = sum_a beta_t(s, a),   beta_T+1(s) = 1
//   (3)  alpha_1(s)      = p(s_1 = s)
//        alpha_t+1(s')   = p(s_t+1 = s', O_1:t)     = sum_s,a p(s'|s, a) exp r(s, a) alpha_t(s)
//   (4)  p(O_1:T)        = sum_s alpha_1(s) beta_1(s)
//   (5)  p(s_t = s | O_1:T)                         = alpha_t(s) beta_t(s) / p(O_1:T)
//   (6)  pi_t(a | s)     = p(a_t = a | s_t = s, O_t:T) = beta_t(s, a) / beta_t(s)
//   (7)  p(s_t = s, a_t = a)                        = pi_t(a | s) p(s_t = s)
//
// That is Expectation::log_mean_exp (Levine 2018): an agent that believes its luck is its choice.
// Expectation::causal (Ziebart 2010) has Q = r + discount E V' instead of (1)'s Q = r + log E exp
// V'; its p(s_t) in (7) are the visits of running its policy from the initial distribution in the
// true dynamics. On deterministic dynamics the two policies agree. On others log_mean_exp is drawn
// to risk: log E exp V' >= E V', with equality only where nothing is left to chance.
//
// A terminal state's beta is 1: an episode that ends there has all its evidence behind it.

#pragma once

#include <vector>

#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/solver.h"
#include "kernels/device/device.h"

namespace understudy {

struct Messages {
  std::int64_t horizon = 0;
  std::vector<double> beta_state;         // log, [T+1, S]: the last row is 0
  std::vector<double> beta_state_action;  // log, [T, pairs]
  std::vector<double> policy;             // [T, pairs]
  std::vector<double> alpha;              // log, [T, S]
  std::vector<double> state_marginal;  // [T, S]: of the expectation; sums to the mass not yet ended
  std::vector<double> pair_marginal;   // [T, pairs]
  // (4): log sum_s p(s_1 = s) exp V_1(s). Of log_mean_exp that is log p(O_1:T) = log Z; causal V
  // are not messages of a joint distribution, and where all episodes begin in one state it is V_1
  // there.
  double log_partition = 0.0;
};

// All messages over problem.horizon steps.
Messages messages(Device& device, const Problem& problem, const std::vector<double>& reward,
                  Expectation expectation);

// (5) and (7) without a horizon, summed over steps: expected visits of states and pairs given that
// all of an episode is optimal, of an undiscounted problem. Not those of running the policy (6),
// where something is left to chance. An `Error` (not_finite) where Z diverges.
Occupancy occupancy_given_optimality(Device& device, const Problem& problem,
                                     const std::vector<double>& reward);

// V [T+1, S], Q and the policy [T, pairs] alone, of either choice.
struct HorizonSolution {
  std::vector<double> values, q_values, policy;
};
HorizonSolution solve_horizon(Device& device, const Problem& problem,
                              const std::vector<double>& reward, Backup backup,
                              Expectation expectation);

// Expected visits of a policy [T, pairs] from `source`: by step [T, S], and summed over steps by
// pair.
struct HorizonOccupancy {
  std::vector<double> states, pairs;
};
HorizonOccupancy occupancy_over_horizon(Device& device, const Problem& problem,
                                        const std::vector<double>& policy,
                                        const std::vector<double>& source);

}  // namespace understudy
