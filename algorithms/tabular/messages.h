// Control as inference over a horizon: the messages of the graphical model in which an optimal
// agent's actions are evidence (Levine 2018, section 2; the lecture's section 3.2).
//
// With p(O_t = 1 | s, a) = exp r(s, a) and a uniform action prior left out, in the log domain:
//
//   beta_t(s, a) = p(O_t:T | s, a) = exp r(s, a) E[beta_t+1(s')]                 Q = log beta(s, a)
//   beta_t(s)    = p(O_t:T | s)    = sum_a beta_t(s, a),    beta_T+1 = 1           V = log beta(s)
//   alpha_t(s)   = p(s_t = s, O_1:t-1): alpha_1 = p(s_1),
//   alpha_t+1(s') = sum_s,a p(s'|s, a) exp r(s, a) alpha_t(s)
//   p(s_t = s | O_1:T) proportional to alpha_t(s) beta_t(s)
//   pi_t(a | s)  = beta_t(s, a) / beta_t(s)
//
// That is the log_mean_exp expectation: an agent that believes its luck is its choice. The causal
// expectation (Ziebart 2010) puts Q = r + discount E V' in place of r + log E exp V'; its marginals
// are those of running its policy from the initial distribution in the true dynamics. On
// deterministic dynamics the two policies agree. On others the optimistic one is drawn to risk: log
// E exp V' >= E V', with equality only where nothing is left to chance.
//
// A terminal state's beta is 1: an episode that ends there has all its evidence behind it.

#pragma once

#include <vector>

#include "algorithms/tabular/engine.h"
#include "algorithms/tabular/problem.h"

namespace understudy {

struct Messages {
  std::int64_t horizon = 0;
  std::vector<double> beta_state;         // log, [T+1, S]: the last row is 0
  std::vector<double> beta_state_action;  // log, [T, pairs]
  std::vector<double> policy;             // [T, pairs]
  std::vector<double> alpha;              // log, [T, S]
  std::vector<double> state_marginal;  // [T, S]: of the expectation; sums to the mass not yet ended
  std::vector<double> pair_marginal;   // [T, pairs]
  double log_partition = 0.0;  // optimistic: log p(O_1:T) = log sum_s p(s_1) beta_1(s); else 0
};

// All messages over problem.horizon steps.
Messages messages(Engine& engine, const Problem& problem, const std::vector<double>& reward,
                  Expectation expectation);

// V [T+1, S], Q and the policy [T, pairs] alone, of either choice.
struct HorizonSolution {
  std::vector<double> values, q_values, policy;
};
HorizonSolution solve_horizon(Engine& engine, const Problem& problem,
                              const std::vector<double>& reward, Backup backup,
                              Expectation expectation);

// Expected visits of a policy [T, pairs] from `source`: by step [T, S], and summed over steps by
// pair.
struct HorizonOccupancy {
  std::vector<double> states, pairs;
};
HorizonOccupancy occupancy_over_horizon(Engine& engine, const Problem& problem,
                                        const std::vector<double>& policy,
                                        const std::vector<double>& source);

}  // namespace understudy
