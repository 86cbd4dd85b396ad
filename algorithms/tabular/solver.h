// Values, policies and occupancies of stationary problems: discounted, or undiscounted to absorbing
// states. Problems with a horizon are in messages.h.
//
//   V(s) = max_a Q(s, a)  or  log sum_a exp Q(s, a),   Q = r + discount E V'   or   r + log E exp
//   V'
//
// Seven ways to the same values. Value iteration repeats the backup. Policy iteration solves the
// linear system of a policy's values and improves the policy; for soft values that is Newton's
// method on the Bellman equation (the policy is the derivative of log-sum-exp), so that it
// converges quadratically. Modified policy iteration (Puterman & Shin 1978) puts a few evaluation
// sweeps in place of the system. Anderson mixing combines the last few sweeps' iterates. Multigrid
// corrects each pair of sweeps by the solution of Newton's equation among aggregates of states, and
// mixes the result (accelerate.h), or on a gridworld by a V-cycle on grids of half the cells across
// and fewer (grid_solver.h; a hard choice is extrapolated there): the way for large problems.
//
// Extrapolation (MacQueen 1967; Porteus 1975) knows from the least and the largest change of a
// sweep between which bounds the fixed point lies, V' + discount / (1 - discount) [least, largest],
// and takes the middle: what all values have in common, the slowest part, is found at once.
// Momentum (Goyal & Grand-Clement 2022) is Nesterov's: sweeps from a point beyond the last step.
//
// A gridworld is recognized by its transitions (`grid_form`) and swept as a stencil, whichever
// method it is.
//
// Several rewards on one problem are solved together, [pairs, batch], the lanes running across
// them: by value iteration or modified policy iteration, on the host panel by panel of rewards that
// fit a core's cache, each panel until it has settled.
//
// In single precision values are within some 1e-7 of their own size; Q and the policy that are
// returned are one backup in double precision of those values. On a CUDA device (see Engine) value
// iteration and modified policy iteration run there.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/tabular/engine.h"
#include "algorithms/tabular/grid_solver.h"
#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/successor_matrix.h"

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
  bool stencil = true;       // sweep gridworlds as such, on the host, one reward at a time
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
Solution solve(Engine& engine, const Problem& problem, const std::vector<double>& reward,
               const SolveOptions& options = {}, std::int64_t batch = 1,
               const std::vector<double>& start = {});

// Values of a gridworld [S] that has no transitions written down, however large: by value
// iteration, extrapolation, momentum, Anderson mixing or multigrid, on the host, in double or
// single precision. discount 0 to below 1, causal expectation; Q and the policy stay empty.
Solution solve_grid(Engine& engine, const GridForm& grid, double discount,
                    const SolveOptions& options = {}, const std::vector<double>& start = {});

// The linear systems of a stationary policy, solved directly:
//
//   V = r_pi + discount P_pi V      d = source + discount P_pi' d
//
// The pattern is ordered once for all policies of a problem. For up to some 10^5 states of a grid.
class PolicySystem {
 public:
  explicit PolicySystem(const Problem& problem) : problem_(problem), matrix_(problem) {}

  // policy [pairs]. An `Error` (not_finite) where the system is singular: an undiscounted policy
  // that never ends.
  void set_policy(const std::vector<double>& policy);
  // right-hand sides [S, batch], replaced by solutions.
  void values(Engine& engine, std::int64_t batch, std::vector<double>& right) const;
  void occupancy(Engine& engine, std::int64_t batch, std::vector<double>& source) const;

 private:
  void permuted(Engine& engine, std::int64_t batch, bool transposed, std::vector<double>& x) const;

  const Problem& problem_;
  SuccessorMatrix matrix_;
};

// Newton's method (policy iteration) from `start`, with the system of a policy kept by the caller,
// who then has it factored at the solution's own policy. Causal expectation; batch 1.
Solution solve_directly(Engine& engine, const Problem& problem, PolicySystem& system,
                        const std::vector<double>& reward, Backup backup,
                        const std::vector<double>& start = {}, double tolerance = 1e-12);

// V of a fixed stationary policy by sweeps; policy and reward [pairs, batch].
std::vector<double> evaluate_policy(Engine& engine, const Problem& problem,
                                    const std::vector<double>& reward,
                                    const std::vector<double>& policy, double tolerance = 1e-10,
                                    std::int64_t batch = 1);

// Expected discounted visits d(s) of a stationary policy from `source` (the initial distribution),
// and those of pairs, d(s) pi(a|s).
struct Occupancy {
  std::vector<double> states, pairs;
};
Occupancy occupancy_of(Engine& engine, const Problem& problem, const std::vector<double>& policy,
                       const std::vector<double>& source, double tolerance = 1e-12);

// sum over steps of log pi(a_t | s_t), a trajectory each. Goals are not part of a stationary
// policy.
std::vector<double> log_probabilities(const Problem& problem, const std::vector<double>& policy,
                                      const std::vector<Trajectory>& trajectories);

// The loss of true value by acting with `policy` in place of the best policy for `true_reward`,
// from the initial distribution (Levine et al. 2011's expected value difference).
double expected_value_difference(Engine& engine, const Problem& problem,
                                 const std::vector<double>& true_reward,
                                 const std::vector<double>& policy);

// Episodes of a stationary policy from the initial distribution: `count` of them, at most `steps`
// long, ended early by a terminal state. The draws depend on the seed and the episode's number
// alone.
std::vector<Trajectory> sample_trajectories(const Problem& problem,
                                            const std::vector<double>& policy, std::int64_t count,
                                            std::int64_t steps, std::uint64_t seed);

}  // namespace understudy
