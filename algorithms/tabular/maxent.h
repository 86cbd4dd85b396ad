// Maximum-entropy inverse reinforcement learning: the reward under which demonstrations are likely.
//
// Two models of the demonstrator.
//
//   causal (Ziebart 2010)       log p = sum_t log pi_t(a_t | s_t), pi soft-optimal with Q = r +
//   discount E V' optimistic (Ziebart 2008)   log p = sum_t r + log p(s'|s, a) - log Z(s_1), over
//   whole trajectories
//
// and, for the causal one, two objectives:
//
//   likelihood        that log p. Exact for any demonstrations, whole episodes or not:
//                     d/dr(k) = n(k) + pi(k) v(s),  v = b + discount P_pi' v,
//                     b(s) = -N(s) + discount sum over transitions into s of p n
//   feature_matching  the dual of maximum causal entropy, sum_k n(k) r(k) - sum_s n_0(s) V(s),
//   concave in r:
//                     d/dr(k) = n(k) - pi(k) d(s), d the occupancy from the demonstrations' first
//                     states. Its maximum matches expected features to the demonstrations'. n is
//                     discounted.
//
// n(k) counts demonstrated pairs, N(s) states. The two agree where successors in the demonstrations
// are as frequent as the dynamics say; on deterministic dynamics and whole episodes they are the
// same.
//
// The reward is a vector by pair, so that any parametrization can stand before it: linear weights
// (`fit_maxent`), or a network, whose backward pass takes this gradient.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/tabular/goal_family.h"
#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/solver.h"
#include "autograd/optimize/lbfgs.h"

namespace understudy {

enum class MaxEntObjective { likelihood, feature_matching };

class MaxEntModel {
 public:
  // Horizon, discount or absorbing states are the problem's. Bad demonstrations are an `Error`; so
  // is the log_mean_exp expectation with a discount. Both must outlive this.
  MaxEntModel(const Problem& problem, Engine& engine, const std::vector<Trajectory>& trajectories,
              Expectation expectation = Expectation::causal,
              MaxEntObjective objective = MaxEntObjective::likelihood);

  // The objective's value at a reward by pair, summed over trajectories, and its gradient where not
  // null. -infinity where the partition function diverges.
  double value(const std::vector<double>& reward, std::vector<double>* gradient);

  // Expected visits of pairs by the model's own behavior from the demonstrations' first states, at
  // the reward of the last call of `value` with a gradient.
  const std::vector<double>& expected_visits() const { return expected_; }
  const std::vector<double>& demonstrated_visits() const { return visits_; }
  double episodes() const { return static_cast<double>(trajectories_.size()); }

  // The values [S] from which the next evaluation without a horizon starts: the last ones, or given
  // (empty: from nothing). They change its time, and its result by rounding alone.
  const std::vector<double>& start() const { return warm_; }
  void set_start(std::vector<double> values) { warm_ = std::move(values); }

  // Minus the Hessian of the objective with respect to linear weights [F, F], exact, causal model.
  // With V_w = dV/dw the value of the features and v the gradient's adjoint, it is -sum_s v(s)
  // Cov_pi(Q_w(s, .)).
  std::vector<double> information(const std::vector<double>& reward);

 private:
  double stationary(const std::vector<double>& reward, std::vector<double>* gradient);
  double over_horizon(const std::vector<double>& reward, std::vector<double>* gradient);
  double optimistic(const std::vector<double>& reward, std::vector<double>* gradient);

  struct Visit {
    std::int32_t step, pair;
    double count;
  };
  const Problem& problem_;
  Engine& engine_;
  Expectation expectation_;
  MaxEntObjective objective_;
  std::vector<Trajectory> trajectories_;
  std::vector<Visit> by_step_;          // sorted by step, then pair
  std::vector<double> visits_, first_;  // of pairs (discounted for feature matching); first states
  double log_dynamics_ = 0.0;           // sum of log p(s'|s, a), optimistic
  std::unique_ptr<PolicySystem> system_;
  std::vector<double> warm_;  // the last values
  std::vector<double> expected_;
  std::vector<double> adjoint_;  // v, [S] or [T, S], of the last gradient
};

struct MaxEntFitOptions {
  enum class Method { lbfgs, gradient, exponentiated_gradient };
  Method method = Method::lbfgs;
  LbfgsOptions optimizer = {.memory = 10, .iterations = 500, .gradient_tolerance = 1e-6};
  double learning_rate = 0.1;  // of the two plain methods, on the mean objective
  double l2 = 0.0;             // takes l2/2 |w|^2 from the mean objective
  bool standard_errors = false;
};

// Minus the mean objective of linear weights, plus l2/2 |w|^2, and its gradient: what `fit_maxent`
// minimizes. Infinity where the partition function diverges. What it refers to must outlive it.
LbfgsObjective maxent_objective(MaxEntModel& model, const Problem& problem, double l2 = 0.0);
// Square roots of the diagonal of the inverse information (causal model). An `Error` where weights
// are not told apart.
std::vector<double> standard_errors(MaxEntModel& model, const Problem& problem,
                                    const std::vector<double>& weights, double l2 = 0.0);

// Linear weights that maximize the model's mean objective. L1 is the optimizer's own
// (`optimizer.l1`). Exponentiated gradient (Kivinen & Warmuth 1997) keeps weights positive: start
// from positive ones.
LinearFit fit_maxent(MaxEntModel& model, const Problem& problem, std::vector<double> start,
                     const MaxEntFitOptions& options = {});

// ---- from samples -------------------------------------------------------------------------------

// The gradient of the optimistic objective's mean from sampled trajectories, without dynamics (Finn
// et al. 2016, equation 2; the lecture's section 4.1): with weights w_j = exp(r(tau_j)) / q(tau_j),
// q the probability of the sample's actions,
//
//   mean over demonstrations of d r(tau) - sum_j w_j d r(tau_j) / sum_j w_j
//
// `log_q` holds log q(tau_j). effective_samples = (sum w)^2 / sum w^2 tells how much to trust it.
struct SampledGradient {
  std::vector<double> gradient;  // by pair
  double objective = 0.0;        // mean r over demonstrations - log mean w
  double effective_samples = 0.0;
};
SampledGradient sampled_maxent_gradient(const Problem& problem, const std::vector<double>& reward,
                                        const std::vector<Trajectory>& demonstrations,
                                        const std::vector<Trajectory>& samples,
                                        const std::vector<double>& log_q);

}  // namespace understudy
