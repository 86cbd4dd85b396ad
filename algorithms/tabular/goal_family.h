// Maximum-entropy behavior towards many goals, undiscounted: the linear system of exp V.
//
// Where dynamics are deterministic (or the expectation is Expectation::log_mean_exp), the soft
// Bellman equation without a discount is linear in z = exp V:
//
//   (1)  M(s, s')  = sum over transitions j from s to s' of p(j) exp r(j)
//        e_g(s)    = 1 where goal g may be entered from s, else 0
//   (2)  (I - M) z_g = e_g,        V_g(s) = log z_g(s)
//   (3)  log p(trajectory)         = sum of its rewards - V_g(first state)
//
// This is maximum-entropy inverse reinforcement learning (Ziebart et al. 2008) and, with links for
// states, the recursive logit model of route choice (Fosgerau, Frejinger & Karlström 2013,
// equations 5 to 11). z exists exactly when the spectral radius of M is below 1, which the
// factorization of I - M decides. One factorization serves all goals and, transposed, the gradient:
//
//   (4)  (I - M)' lambda_g         = sum over g's trajectories of e(first state) / z_g(first state)
//   (5)  d log-likelihood / d r(j) = n(j) - sum_g M(j) lambda_g(s_j) z_g(s'_j)
//
// with n(j) how often transition j was taken, and for linear rewards r(j) = w . f(j), z_p and M_p
// the derivatives by w_p, M_pq(j) = f_p(j) f_q(j) M(j):
//
//   (6)  z_p = (I - M)^-1 M_p z
//   (7)  d2 log-likelihood / dw_p dw_q = - sum_g lambda_g' (M_p z_q + M_q z_p + M_pq z_g)
//                                        + sum over trajectories of (z_p / z)(z_q / z)
//
// Where a goal's state absorbs (`Problem::goals_absorb`), the walk may not pass through it. Its z
// is the one above divided by z_g(goal): every walk to the goal is a first arrival followed by a
// walk from the goal to itself.
//
// Goals are taken sixteen at a time, lanes across goals, so that their z stay in L2; on CUDA, where
// a thread walks the triangles for each goal, up to a thousand at a time. The factorization runs on
// the host.
//
// Thread safety: one thread at a time for each object; the team works within a call.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/successor_matrix.h"
#include "autograd/optimize/lbfgs.h"
#include "kernels/device/device_buffer.h"

namespace understudy {

// What trajectories with goals say, sorted once: how often each transition was taken, and from
// where each goal was sought.
struct GoalDemonstrations {
  struct Origin {
    std::int32_t goal, state;
    double count;
  };
  std::vector<Origin> origins;           // by goal, then state
  std::vector<double> transition_count;  // [transitions]
  double episodes = 0.0;
};

// Impossible steps and goals are an `Error` (see `transitions_of`).
GoalDemonstrations goal_demonstrations(const Problem& problem,
                                       const std::vector<Trajectory>& trajectories);

class GoalFamily {
 public:
  // Needs a problem with goals; where they absorb, one state a goal. Both must outlive this.
  GoalFamily(Device& device, const Problem& problem);
  ~GoalFamily();

  // r(j) = w . f of every transition.
  std::vector<double> transition_reward(const std::vector<double>& weights) const;

  // The log-likelihood of demonstrations, and its gradient by transition where not null. -infinity
  // where the partition function diverges.
  double log_likelihood(const GoalDemonstrations& demonstrations,
                        const std::vector<double>& transition_reward,
                        std::vector<double>* gradient);

  // Of linear rewards: the matrix [F, F] of second derivatives of the log-likelihood with respect
  // to the weights, exact.
  std::vector<double> hessian(const GoalDemonstrations& demonstrations,
                              const std::vector<double>& weights);

  // V_g(s) = log z_g(s) [S, goals] of the given goals; -infinity where a goal cannot be reached. An
  // `Error` with the spectral radius where the partition function diverges.
  std::vector<double> values(const std::vector<double>& transition_reward,
                             const std::vector<std::int32_t>& goals);

  // The largest |eigenvalue| of M, by power iteration to about 1e-6.
  double spectral_radius(const std::vector<double>& transition_reward);

  // An `Error` naming a trajectory's goal and state where the goal cannot be reached.
  void check_reachable(const GoalDemonstrations& demonstrations) const;

  std::int64_t fill() const { return matrix_.lu().fill(); }

 private:
  struct Chunk;
  // Where a state stands in the lane of a chunk's vectors.
  std::size_t place(std::int64_t state, std::size_t lane) const;
  bool factor(const std::vector<double>& transition_reward);
  // M's pattern with other numbers, by `transition_`, in the device's memory.
  SparseRows<double> weighted(const DeviceBuffer<double>& value) const;
  void solve_chunk(Stream& stream, const std::vector<std::int32_t>& goals, Chunk& chunk) const;
  bool fill_adjoint(const GoalDemonstrations& demonstrations, Chunk& chunk) const;

  Device& device_;
  const Problem& problem_;
  SuccessorMatrix matrix_;
  std::size_t lanes_;  // goals of a chunk
  // Transitions by the position of their state in the order of elimination.
  std::vector<std::int32_t> begin_, column_, transition_;
  DeviceBuffer<const std::int32_t> begin_there_, column_there_;
  DeviceBuffer<double> weight_;  // M by `transition_`
  bool positive_ = false;
  std::vector<Chunk> chunks_;  // a thread each, whose memory is kept from call to call
};

// ---- fitting linear rewards ---------------------------------------------------------------------

struct LinearFit {
  std::vector<double> weights, standard_errors, gradient;
  double log_likelihood = 0.0;  // of the demonstrations, without the penalty
  int iterations = 0, evaluations = 0;
  LbfgsStatus status = LbfgsStatus::running;
};

struct GoalFitOptions {
  LbfgsOptions optimizer = {.memory = 10, .iterations = 200, .gradient_tolerance = 1e-6};
  double l2 = 0.0;  // of l2/2 |w|^2 taken from the mean log-likelihood
  bool standard_errors = true;
};

// Minus the mean log-likelihood of linear weights, plus l2/2 |w|^2, and its gradient: what
// `fit_goals` minimizes. Infinity where the partition function diverges. What it refers to must
// outlive it.
LbfgsObjective goal_objective(GoalFamily& family, const Problem& problem,
                              const GoalDemonstrations& demonstrations, double l2 = 0.0);
// Square roots of the diagonal of the inverse information. An `Error` where weights are not
// identifiable.
std::vector<double> standard_errors(GoalFamily& family, const Problem& problem,
                                    const GoalDemonstrations& demonstrations,
                                    const std::vector<double>& weights, double l2 = 0.0);

// The weights of greatest mean log-likelihood. An `Error` with the spectral radius where the
// partition function diverges at `start`. Later steps that leave its domain are shortened.
LinearFit fit_goals(GoalFamily& family, const Problem& problem,
                    const GoalDemonstrations& demonstrations, std::vector<double> start,
                    const GoalFitOptions& options = {});

// The inverse of a symmetric positive definite matrix [n, n]; an `Error` if it is not (weights that
// the data do not identify).
std::vector<double> inverse_of_positive_definite(std::int64_t n, std::vector<double> matrix);

}  // namespace understudy
