// Apprenticeship learning: a reward, and policies that do as well under it as the demonstrator,
// from the demonstrator's feature expectations mu_E = E[sum_t discount^t f(s_t, a_t)] alone.
//
//   projection (1)  w        = mu_E - mu_bar                      (Abbeel & Ng 2004, section 3.1)
//              (2)  mu_bar  <- the projection of mu_E onto the line through mu_bar and the newest
//                              policy's mu
//
//   max_margin (3)  w        = argmax over |w| <= 1 of min_i w . (mu_E - mu_i), over the policies
//                              found so far: a quadratic programme
//                                                                 (the same, equations 10 to 12)
//
//   mwal       (4)  w        = W / sum W, so that features are better when larger
//                                                                 (Syed & Schapire 2008)
//              (5)  W_c     <- W_c beta^((advantage_c + 2) / 4),
//                   advantage = (1 - discount) (mu - mu_E),
//                   beta     = 1 / (1 + sqrt(2 log F / rounds)):  a zero-sum game against the
//                              reward, by multiplicative weights
//
// Each `step` solves one problem exactly and adds its policy. The result is a mixture: at the start
// of an episode draw a policy by its weight. `lpal` (Syed, Bowling & Schapire 2008) finds one
// stationary policy instead, by a linear programme over occupancies.
//
// Discounted problems without a horizon.
//
// Thread safety: one thread at a time for each object; the team works within a call.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/solver.h"

namespace understudy {

struct ApprenticeOptions {
  enum class Method { projection, max_margin, mwal };
  Method method = Method::projection;
  int rounds = 100;  // of mwal, whose learning rate depends on it
  // Problems of up to so many states are solved by policy iteration and a direct solve for the
  // expectations; larger ones by sweeps, whose memory does not grow faster than the problem.
  std::int64_t direct_states = 100000;
  // Largest change of a value in the last sweep; a share of the largest reward where direct.
  double tolerance = 1e-8;
};

class Apprentice {
 public:
  // expert [F]: the demonstrator's discounted feature expectations. Device and problem must outlive
  // this.
  Apprentice(Device& device, const Problem& problem, std::vector<double> expert,
             const ApprenticeOptions& options = {});

  // One policy more. Returns the distance of mu_E to the found policies: of the projection, or the
  // margin, or of the mixture so far (mwal).
  double step();

  const std::vector<double>& weights() const { return weights_; }  // of the reward last solved for
  const std::vector<std::vector<double>>& policies() const { return policies_; }
  const std::vector<std::vector<double>>& expectations() const { return expectations_; }
  // The probability of each policy. For projection and max_margin those of the point of the convex
  // hull nearest to mu_E (a quadratic programme); for mwal all equal.
  std::vector<double> mixture() const;
  // |mu_E - mu of the mixture|.
  double mixture_distance() const;
  const std::vector<double>& distances() const { return distances_; }

 private:
  void add_policy(const std::vector<double>& weights);

  Device& device_;
  const Problem& problem_;
  ApprenticeOptions options_;
  std::unique_ptr<PolicySystem> system_;  // null for sweeps
  std::vector<double> expert_, weights_, nearest_, game_, warm_;
  std::vector<std::vector<double>> policies_, expectations_;
  std::vector<double> distances_;
};

// mu of a stationary policy from the initial distribution.
std::vector<double> policy_features(Device& device, const Problem& problem,
                                    const std::vector<double>& policy);

// The stationary policy of greatest worst-case advantage over the demonstrator:
//
//   (6)  max over occupancies x of min over features i of (mu_i(x) - mu_E,i)
struct LpalResult {
  std::vector<double> policy;
  double margin = 0.0;  // that advantage: at least 0 when the demonstrator's mu can be reached
  double gap = 0.0;     // the programme's duality gap
};
LpalResult lpal(const Problem& problem, const std::vector<double>& expert);

// ---- maximum-margin planning --------------------------------------------------------------------

// Ratliff, Bagnell & Zinkevich 2006: w such that the demonstrated occupancy is better than any
// other mu by a margin that grows with how different the other is (the lecture's D(pi, pi*)):
//
//   (7)  min_w  regularization/2 |w|^2 + max_mu (w F mu + loss mu) - w F mu_E
//   (8)  w <- w - rate / sqrt(t) g / |g|,   g = regularization w + F (mu* - mu_E), mu* (7)'s best
//
// The loss of a pair is the share of the demonstrator's visits to its state that took another
// action (1 at states never visited), so that loss mu is the expected number of steps that differ.
// The best weights seen are kept.
struct MaxMarginOptions {
  double regularization = 1e-2, rate = 0.5;
  int iterations = 200;
  double tolerance = 1e-6;
};
struct MaxMarginResult {
  std::vector<double> weights, policy, objectives;  // the policy is the best for the weights
  double objective = 0.0;
};
// demonstrated [pairs]: mean discounted visits of a demonstration.
MaxMarginResult max_margin_planning(Device& device, const Problem& problem,
                                    const std::vector<double>& demonstrated,
                                    const MaxMarginOptions& options = {});

// Mean discounted visits of pairs in demonstrations.
std::vector<double> demonstrated_occupancy(const Problem& problem,
                                           const std::vector<Trajectory>& trajectories);

// ---- Ng & Russell 2000 --------------------------------------------------------------------------

// Section 3: the state reward R that makes a known deterministic policy best by the widest margin,
//
//   (9)   max_R  sum_s min over other actions a of margin_a(s)  -  penalty |R|_1
//         margin_a(s) = (P_pi - P_a)(s) (I - discount P_pi)^-1 R,  each at least 0,  |R| <= largest
struct NgRussellResult {
  std::vector<double> reward;  // [S], or weights [F]
  double margin = 0.0, gap = 0.0;
};
NgRussellResult ng_russell(Device& device, const Problem& problem,
                           const std::vector<double>& policy, double penalty = 1.0,
                           double largest = 1.0);

// Section 5: weights of linear rewards from sampled trajectories. Policies i are added one at a
// time, each the best for the last weights:
//
//   (10)  max over |w_c| <= 1 of sum_i p(w . (mu_E - mu_i)),   p(x) = x for x >= 0, 2 x below
NgRussellResult ng_russell_from_samples(Device& device, const Problem& problem,
                                        const std::vector<Trajectory>& trajectories,
                                        int iterations = 10);

}  // namespace understudy
