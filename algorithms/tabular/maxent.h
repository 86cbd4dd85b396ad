// Maximum-entropy inverse reinforcement learning: the reward under which demonstrations are likely.
//
// Two models of the demonstrator:
//
//   Expectation::causal         log p(tau) = sum_t log pi_t(a_t | s_t)           (Ziebart 2010)
//                               pi soft-optimal with Q = r + discount E V'
//   Expectation::log_mean_exp   log p(tau) = sum_t (r(s_t, a_t) + log p(s_t+1 | s_t, a_t))
//                                            - log Z(s_1)                        (Ziebart 2008)
//                               over whole trajectories, Q = r + log E exp V'    (Levine 2018)
//
// Demonstrations are n(k), how often pair k was taken (discounted for feature matching), N(s), how
// often states were, and n_0(s), first states. Objectives L and their gradients by the reward r(k):
//
//   likelihood         (1)  L        = sum over demonstrated steps of log pi(k)
//   causal                           = sum_k n(k) (Q(k) - V(s))
//                      (2)  dL/dr(k) = n(k) + pi(k) v(s)
//                           v        = b + discount P_pi' v
//                           b(s)     = -N(s) + discount sum over j into s of p(j) n(k_j)
//
//   feature_matching   (3)  L        = sum_k n(k) r(k) - sum_s n_0(s) V(s)
//   causal             (4)  dL/dr(k) = n(k) - pi(k) d(s)
//                           d        = n_0 + discount P_pi' d
//
//   likelihood         (5)  L        = sum_k n(k) r(k) + sum of log p(dynamics)
//   log_mean_exp                       + sum_s n_1(s) V(s) - sum_s n_0(s) V(s)
//                      (6)  dL/dr(k) = n(k) - pi(k) d(s)
//                           d(s')    = n_0(s') - n_1(s')
//                             + sum over k, j into s' of d(s) p(j) exp(r(k) - V(s) + V(s'))
//
// n_1(s) counts last states that an episode was cut off in: the probability of its beginning is
// that of all that it may go on to, exp V(s) (over a horizon, V of the steps that are left). An end
// has V = 0.
//
// (1) is exact for any demonstrations, whole episodes or not. (3) is the dual of maximum causal
// entropy, concave in r: its maximum matches expected features to the demonstrations'. The two
// agree where successors in the demonstrations are as frequent as the dynamics say; on
// deterministic dynamics and whole episodes they are the same. For linear weights w minus the
// Hessian of either causal objective is exact, with V_w = dV/dw the value of the features:
//
//   (7)  Q_w(k) = f(k) + discount E V_w(s'),    V_w(s) = sum_k pi(k) Q_w(k)
//   (8)  information = -sum_s v(s) Cov_pi(Q_w(s, .))     (v of (2); for feature matching v = -d)
//
// The reward is a vector by pair, so that any parametrization can stand before it: linear weights
// (`fit_maxent`), or a network, whose backward pass takes this gradient.
//
// Thread safety: one thread at a time for each object; the team works within a call.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/tabular/goal_family.h"
#include "algorithms/tabular/linear_ascent.h"
#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/solver.h"
#include "autograd/optimize/lbfgs.h"

namespace understudy {

enum class MaxEntObjective { likelihood, feature_matching };

class MaxEntModel {
 public:
  // Horizon, discount or absorbing states are the problem's. Bad demonstrations are an `Error`; so
  // is the log_mean_exp expectation with a discount. Both must outlive this.
  MaxEntModel(Device& device, const Problem& problem, const std::vector<Trajectory>& trajectories,
              Expectation expectation = Expectation::causal,
              MaxEntObjective objective = MaxEntObjective::likelihood);

  // The causal likelihood without a horizon, of how often pairs were taken in so many episodes.
  MaxEntModel(Device& device, const Problem& problem, std::vector<double> visits, double episodes);
  // Of that model: other visits [pairs].
  void set_visits(std::vector<double> visits);

  // The objective's value at a reward by pair, summed over trajectories, and its gradient where not
  // null. -infinity where the partition function diverges.
  double value(const std::vector<double>& reward, std::vector<double>* gradient);

  // Expected visits of pairs by the model's own behavior from the demonstrations' first states (of
  // log_mean_exp up to where they were cut off), at the reward of the last call of `value` with a
  // gradient.
  const std::vector<double>& expected_visits() const { return expected_; }
  const std::vector<double>& demonstrated_visits() const { return visits_; }
  double episodes() const { return episodes_; }

  // The values [S] from which the next evaluation without a horizon starts: the last ones, or given
  // (empty: from nothing). They change its time, and its result by rounding alone.
  const std::vector<double>& start() const { return warm_; }
  void set_start(std::vector<double> values) { warm_ = std::move(values); }

  // Minus the Hessian of the objective by linear weights, [F, F]: (8). Causal model.
  std::vector<double> information(const std::vector<double>& reward);

 private:
  // Soft values of `system_` from the last ones; false where there are none.
  bool solve_from_warm(const std::vector<double>& reward, Solution& solution);
  double causal_stationary(const std::vector<double>& reward, std::vector<double>* gradient);
  double causal_over_horizon(const std::vector<double>& reward, std::vector<double>* gradient);
  double log_mean_exp(const std::vector<double>& reward, std::vector<double>* gradient);
  double log_mean_exp_directly(const std::vector<double>& reward, std::vector<double>* gradient);
  double linear_part(const std::vector<double>& reward) const;  // of (5)

  struct Visit {
    std::int32_t step, pair;
    double count;
  };
  Device& device_;
  const Problem& problem_;
  Expectation expectation_;
  MaxEntObjective objective_;
  std::vector<Trajectory> trajectories_;
  double episodes_ = 0;
  std::vector<Visit> by_step_;          // sorted by step, then pair
  std::vector<double> visits_, first_;  // of pairs (discounted for feature matching); first states
  std::vector<Visit> last_;             // of log_mean_exp: n_1, by step; `pair` is a state
  double log_dynamics_ = 0.0;           // sum of log p(s'|s, a), of log_mean_exp
  Problem
      lucky_;  // of log_mean_exp without a horizon, up to `direct_states`: (6) as a causal problem
  std::unique_ptr<PolicySystem> system_;
  std::vector<double> warm_;  // the last values
  std::vector<double> expected_;
  std::vector<double> adjoint_;  // v, [S] or [T, S], of the last gradient
};

struct MaxEntFitOptions {
  LinearOptimizer method = LinearOptimizer::lbfgs;
  // Its iterations and gradient_tolerance are those of every method.
  LbfgsOptions optimizer = {.memory = 10, .iterations = 500, .gradient_tolerance = 1e-6};
  double learning_rate = 0.1;  // of the two plain methods, on the mean objective
  double l2 = 0.0;             // takes l2/2 |w|^2 from the mean objective
  bool standard_errors = false;
};

// Minus the mean objective of linear weights, plus l2/2 |w|^2, and its gradient: what `fit_maxent`
// minimizes. Infinity where the partition function diverges. What it refers to must outlive it.
LbfgsObjective maxent_objective(MaxEntModel& model, const Problem& problem, double l2 = 0.0);
// Square roots of the diagonal of the inverse information (causal model). An `Error` where weights
// are not identifiable.
std::vector<double> standard_errors(MaxEntModel& model, const Problem& problem,
                                    const std::vector<double>& weights, double l2 = 0.0);

// Linear weights that maximize the model's mean objective. L1 is the optimizer's own
// (`optimizer.l1`). Exponentiated gradient needs positive weights to start from.
LinearFit fit_maxent(MaxEntModel& model, const Problem& problem, std::vector<double> start,
                     const MaxEntFitOptions& options = {});

// ---- from samples -------------------------------------------------------------------------------

// The gradient of (5)'s mean from sampled trajectories, without dynamics (Finn et al. 2016,
// equation 2; the lecture's section 4.1). With q(tau_j) the probability of sample j's actions:
//
//   w_j       = exp(r(tau_j)) / q(tau_j)
//   gradient  = mean over demonstrations of d r(tau) - sum_j w_j d r(tau_j) / sum_j w_j
//   objective = mean over demonstrations of r(tau) - log mean_j w_j
//
// `log_q` holds log q(tau_j). effective_samples = (sum w)^2 / sum w^2 tells how much to trust it.
struct SampledGradient {
  std::vector<double> gradient;  // by pair
  double objective = 0.0;
  double effective_samples = 0.0;
};
SampledGradient sampled_maxent_gradient(const Problem& problem, const std::vector<double>& reward,
                                        const std::vector<Trajectory>& demonstrations,
                                        const std::vector<Trajectory>& samples,
                                        const std::vector<double>& log_q);

}  // namespace understudy
