// Imitation as the matching of occupancies, and its dual, rewards found under a convex penalty (Ho
// & Ermon 2016, propositions 3.1 and 3.2, corollary A.1). With rho the discounted visits of pairs,
// rho_E the expert's, H(rho) = -sum rho log(rho / sum_a rho) and costs c = -r:
//
//   (1)  over occupancies   max_rho  lambda H(rho) - psi*(rho - rho_E)
//   (2)  over rewards       min_r    lambda V(r / lambda) - <rho_E, r> + psi(-r)
//
// V(r) = sum_s initial(s) V_r(s) are soft values; (2) is the outer problem of the saddle point over
// costs, whose inner one is reinforcement learning. RL after IRL_psi is (1): both have the same
// value and the same occupancy, that of (2)'s soft-optimal policy. What is asked of psi is
// convexity alone.
//
//   regularizer  psi(c)                                    psi*(x)
//   constant     0                                         0 at x = 0, else infinity: rho = rho_E
//   fem          0 for c = w . f, |w|_2 <= 1, else inf.    |F x|_2         (Abbeel & Ng 2004)
//   gtal         0 for c = -w . f, w in the simplex        max_i -(F x)_i  (Syed & Schapire 2008)
//   gail         sum rho_E g(c), c < 0,                    sum rho log D + rho_E log(1 - D),
//                g(c) = -c - log(1 - exp c)                D = rho / (rho + rho_E)
//   l2           l2 / 2 |c|^2                              |x|^2 / (2 l2)
//
// The two are solved by different methods on different variables: (1) by Newton's method among
// occupancies (the norm and the maximum smoothed by an epsilon that goes to 0), (2) by L-BFGS over
// rewards of pairs, or by a barrier method over weights (fem, gtal). At any r, the occupancy of its
// policy is feasible in (1), so that (2) - (1) there, the duality gap, bounds what is missing; of
// `constant` (1) is lambda H(rho_E).
//
// Discounted problems without a horizon.
//
// Thread safety: one thread at a time for each object, as its device.

#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/solver.h"
#include "autograd/optimize/lbfgs.h"

namespace understudy {

enum class OccupancyRegularizer { constant, fem, gtal, gail, l2 };

struct OccupancyMatchingOptions {
  OccupancyRegularizer regularizer = OccupancyRegularizer::gail;
  double entropy_coefficient = 1;  // lambda
  double l2 = 1;                   // of the regularizer of that name
  double tolerance = 1e-10;        // of the gap, beside 1 + |objective|
  // rho_E: 0: the demonstrations' discounted visits. Above 0: the occupancy of their policy, with
  // so much added to the count of every action.
  double smoothing = 0;
  // Problems of up to so many pairs are solved over occupancies too, when all is done.
  std::int64_t programme_pairs = 400;
};

// rho_E [pairs] of demonstrations, by `smoothing`. Where no episode can end, the discounted visits
// of episodes that were cut off are scaled to those of endless ones, 1 / (1 - discount).
std::vector<double> expert_occupancy(Device& device, const Problem& problem,
                                     const std::vector<Trajectory>& demonstrations,
                                     double smoothing);

// lambda H(rho) - psi*(rho - rho_E); of `constant`, lambda H(rho_E).
double occupancy_objective(const Problem& problem, const std::vector<double>& expert,
                           const std::vector<double>& occupancy,
                           const OccupancyMatchingOptions& options);

// (1), by itself. An `Error` where it is not solved, or where `constant` is given visits that are
// no policy's occupancy.
struct OccupancySolution {
  std::vector<double> occupancy, policy;  // [pairs]
  double objective = 0;
  int iterations = 0;
};
OccupancySolution solve_over_occupancies(Device& device, const Problem& problem,
                                         const std::vector<double>& expert,
                                         const OccupancyMatchingOptions& options);

// (2), a step at a time.
class OccupancyMatching {
 public:
  // expert [pairs]: rho_E. Device and problem must outlive this. An `Error` where fem or gtal find
  // no features.
  OccupancyMatching(Device& device, const Problem& problem, std::vector<double> expert,
                    const OccupancyMatchingOptions& options);

  void step();
  bool finished() const { return finished_; }
  // Why it stopped.
  std::string status() const;

  double objective() const { return objective_; }
  double gap() const { return gap_; }
  // Half of sum |rho - rho_E|, of a total of 1.
  double distance() const;

  std::vector<double> reward() const { return reward_of(weights_); }  // [pairs]
  const std::vector<double>& weights() const { return weights_; }     // [F], or the reward
  const std::vector<double>& values() const { return values_; }       // [S], lambda V(r / lambda)
  const std::vector<double>& policy() const { return policy_; }
  const std::vector<double>& occupancy() const { return occupancy_; }
  const std::vector<double>& expert() const { return expert_; }

 private:
  bool linear() const {
    return options_.regularizer == OccupancyRegularizer::fem ||
           options_.regularizer == OccupancyRegularizer::gtal;
  }
  std::vector<double> reward_of(const std::vector<double>& weights) const;
  void act(const std::vector<double>& reward);  // values, policy and occupancy of a reward
  // (2) without psi's indicator: infinity outside of gail's domain.
  double evaluate(const std::vector<double>& weights, std::vector<double>& gradient);
  std::vector<double> curvature();  // of (2) by the weights, at the reward of the last `act`
  void barrier_step();
  void look();  // objective, gap

  Device& device_;
  const Problem& problem_;
  OccupancyMatchingOptions options_;
  std::vector<double> expert_, expert_features_;
  std::unique_ptr<PolicySystem> system_;  // null for sweeps
  std::unique_ptr<Lbfgs> lbfgs_;          // null for fem and gtal
  std::vector<std::int32_t> free_;        // pairs whose rewards are found; gail's others are 0
  std::vector<double> weights_, values_, policy_, occupancy_, warm_;
  double barrier_ = 0, objective_ = 0, gap_ = 0;
  bool finished_ = false;
};

}  // namespace understudy
