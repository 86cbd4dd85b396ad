// Values, policies and occupancies of stationary problems: discounted, or undiscounted to absorbing
// states. Problems with a horizon are in messages.h.
//
//   Backup::max            V(s) = max_a Q(s, a)
//   Backup::log_sum_exp    V(s) = log sum_a exp Q(s, a)                (Ziebart 2010, section 6.2)
//   Expectation::causal        Q(s, a) = r(s, a) + discount E V(s')    (the same)
//   Expectation::log_mean_exp  Q(s, a) = r(s, a) + log E exp V(s')     (Levine 2018, equation 8)
//
// Methods, all of which reach the same values:
//
//   value_iteration            repeats the backup
//   policy_iteration           solves the linear system of a policy's values and improves the
//                              policy; with log_sum_exp that is Newton's method on the Bellman
//                              equation (the policy is log-sum-exp's derivative): quadratic
//   modified_policy_iteration  a few evaluation sweeps instead of the system (Puterman & Shin
//                              1978)
//   extrapolated               MacQueen 1967, Porteus 1975: the fixed point lies within
//                              V' + discount / (1 - discount) [least, largest change of a sweep];
//                              the middle is taken, so that what all values have in common, the
//                              slowest part, is found at once
//   momentum                   Nesterov's: sweeps from a point beyond the last step (Goyal &
//                              Grand-Clement 2022)
//   anderson                   the combination of the last few iterates (accelerate.h)
//   multigrid                  pairs of sweeps corrected by Newton's equation among aggregates of
//                              states, mixed (accelerate.h); on a gridworld by a V-cycle on grids
//                              of half the cells across and fewer (grid_solver.h; Backup::max is
//                              extrapolated there): the way for large problems
//
// A gridworld is recognized by its transitions (`grid_form`) and swept as a stencil, whichever
// method it is.
//
// Several rewards on one problem are solved together, [pairs, batch], the lanes running across
// them: by value iteration or modified policy iteration, on the CPU panel by panel of rewards
// that fit a core's cache, each panel until it has settled.
//
// In single precision values are within some 1e-7 of their own size; Q and the policy that are
// returned are one backup in double precision of those values.
//
// On CUDA all sweeps run there. On the host run, with the arrays copied: the factorization of a
// policy's system, and a solve with it for fewer than 32 right-hand sides; what Anderson mixing,
// momentum, extrapolation and coarse problems do between sweeps.
//
// Thread safety: calls share nothing but the device, which one thread uses at a time.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/tabular/grid_solver.h"
#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/successor_matrix.h"
#include "kernels/device/device.h"

namespace understudy {

enum class SolveMethod {
  value_iteration,
  policy_iteration,
  modified_policy_iteration,
  extrapolated,  // discount below 1, and no state that ends an episode
  momentum,      // discount below 1
  anderson,
  multigrid
};

enum class SolvePrecision { f64, f32 };

struct SolveOptions {
  Backup backup = Backup::log_sum_exp;
  Expectation expectation = Expectation::causal;
  SolveMethod method = SolveMethod::value_iteration;
  // Stop when no value changes by more in a sweep. The values are then within
  // tolerance * discount / (1 - discount) of the fixed point. In single precision also when the
  // change is within four roundings of the largest value, or within 64 and no longer shrinking.
  double tolerance = 1e-10;
  int iterations = 1000000;    // sweeps, or improvements of the policy
  int evaluation_sweeps = 20;  // of modified policy iteration
  SolvePrecision precision =
      SolvePrecision::f64;  // of the sweeps; policy iteration, modified or not, has f64 alone
  int memory = 4;  // iterates that Anderson mixing, and multigrid's, keeps differences of: 1 to 16
  bool values_only = false;  // leave Q and the policy empty
  bool stencil = true;       // sweep gridworlds as such, one reward at a time
};

struct Solution {
  std::int64_t batch = 1;
  std::vector<double> values;    // [S, batch]
  std::vector<double> q_values;  // [pairs, batch]
  std::vector<double> policy;    // [pairs, batch]
  int iterations = 0;   // sweeps, or improvements of the policy; of a batch, the slowest panel's
  double change = 0.0;  // of the last sweep
};

// reward is [pairs, batch]. `start` [S, batch] may be empty. An `Error` (not_finite) where values
// diverge, with the growth a sweep: for soft values of deterministic dynamics its exponential is
// the spectral radius of the transition weights.
Solution solve(Device& device, const Problem& problem, const std::vector<double>& reward,
               const SolveOptions& options = {}, std::int64_t batch = 1,
               const std::vector<double>& start = {});

// Values of a gridworld [S] that has no transitions written down, however large: by value
// iteration, extrapolation, momentum, Anderson mixing or multigrid, in double or single precision.
// discount 0 to below 1, causal expectation; Q and the policy stay empty.
Solution solve_grid(Device& device, const GridForm& grid, double discount,
                    const SolveOptions& options = {}, const std::vector<double>& start = {});

// The soft-optimal agent of a gridworld over a horizon, from `initial` [S]: V(s) at the first step
// and the expected visits of each cell, which are the derivative of sum_s initial(s) V(s) by its
// reward.
struct GridVisits {
  std::vector<double> values, visits;  // [S]
};
GridVisits visits_of_grid(Device& device, const GridForm& grid, double discount,
                          std::int64_t horizon, const std::vector<double>& initial,
                          SolvePrecision precision = SolvePrecision::f64);

// Problems of so many states are solved by factoring a policy's system, larger ones by sweeps:
// factors grow faster than the problem (measured on grids up to 10^5 states).
constexpr std::int64_t direct_states = 20000;

// policy_iteration where the expectation is causal and there are at most `direct_states`, else
// value_iteration.
SolveMethod default_method(const Problem& problem, Expectation expectation);

// Expected steps to the end beyond which an undiscounted policy counts as one that never ends. A
// system whose solution is of size L is exact to L roundings, 1e-16 L: here to four digits.
constexpr double longest_episode = 1e12;

// The linear systems of a stationary policy, solved directly:
//
//   V = r_pi + discount P_pi V      d = source + discount P_pi' d
//
// The pattern is ordered once for all policies of a problem. For up to some 10^5 states of a grid.
class PolicySystem {
 public:
  // Both must outlive this.
  PolicySystem(Device& device, const Problem& problem)
      : device_(device), problem_(problem), matrix_(device, problem) {}

  // policy [pairs]. An `Error` (not_finite) where an undiscounted policy never ends: the system is
  // singular, or so nearly that rounding alone tells it from one that is (`longest_episode`).
  void set_policy(const std::vector<double>& policy);
  // The same without the question; false where pivots say that it never ends. States whose pairs
  // all have 0 count as ends.
  bool factor(const std::vector<double>& policy);
  // Of the policy set last: the most steps that a state expects to its end, or 1 / (1 - discount).
  double longest() const { return longest_; }
  // right-hand sides [S, batch], replaced by solutions.
  void values(std::int64_t batch, std::vector<double>& right);
  void occupancy(std::int64_t batch, std::vector<double>& source);

  Device& device() const { return device_; }
  const Problem& problem() const { return problem_; }

 private:
  void permuted(std::int64_t batch, bool transposed, std::vector<double>& x);

  Device& device_;
  const Problem& problem_;
  SuccessorMatrix matrix_;
  double longest_ = 0;
};

// Newton's method (policy iteration) from `start` on the system's problem. The system is left
// factored at the solution's own policy. Causal expectation; batch 1. Without a discount, soft
// values under which episodes take more than 1e7 steps count as diverging: rounding, a sweep's
// 1e-14 times the steps, would reach the policy.
Solution solve_directly(PolicySystem& system, const std::vector<double>& reward, Backup backup,
                        const std::vector<double>& start = {}, double tolerance = 1e-12);

// How a fixed policy's values and visits are found. Sweeps of a discount of at most 0.99 are few
// (2800 reach 1e-12). Beyond it they may never end (without a discount, as many as an episode is
// long, times thirty): there the system is factored, or above `direct_states` the sweeps are mixed
// (SolveMethod::anderson), at most SolveOptions::iterations of them, to the rounding of the largest
// value.

// V of a fixed stationary policy; policy and reward [pairs, batch]. An `Error` (not_finite) where
// it never ends.
std::vector<double> evaluate_policy(Device& device, const Problem& problem,
                                    const std::vector<double>& reward,
                                    const std::vector<double>& policy, double tolerance = 1e-10,
                                    std::int64_t batch = 1);

// Expected discounted visits d(s) of a stationary policy from `source` (the initial distribution),
// and those of pairs, d(s) pi(a|s). `tolerance`: largest change in the last sweep. An `Error`
// (not_finite) where an undiscounted policy never ends.
struct Occupancy {
  std::vector<double> states, pairs;
};
Occupancy occupancy_of(Device& device, const Problem& problem, const std::vector<double>& policy,
                       const std::vector<double>& source, double tolerance = 1e-12);

// sum over steps of log pi(a_t | s_t), a trajectory each. Goals are not part of a stationary
// policy.
std::vector<double> log_probabilities(const Problem& problem, const std::vector<double>& policy,
                                      const std::vector<Trajectory>& trajectories);

// The loss of true value by acting with `policy` instead of the best policy for `true_reward`,
// from the initial distribution (Levine et al. 2011's expected value difference). Over a horizon
// the policy is by step, [T, pairs].
double expected_value_difference(Device& device, const Problem& problem,
                                 const std::vector<double>& true_reward,
                                 const std::vector<double>& policy);

// Episodes of a policy, stationary [pairs] or by step [T, pairs] where the problem has a horizon,
// from the initial distribution: `count` of them, at most `steps` (and T) long, ended early by a
// terminal state. The draws depend on the seed and the episode's number
// alone.
std::vector<Trajectory> sample_trajectories(const Problem& problem,
                                            const std::vector<double>& policy, std::int64_t count,
                                            std::int64_t steps, std::uint64_t seed);

}  // namespace understudy
