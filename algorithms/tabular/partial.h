// Demonstrations of which parts are missing: no whole episodes, states without actions, gaps in
// time (inverse reinforcement learning "can fill in missing behavior given partial
// demonstrations"). What was seen are states s_i at times t_i, and the actions of some steps.
// Between two of them, with M(s, s') = sum_a pi(a | s) p(s' | s, a):
//
//   (1)  log p = sum over i of log (M^(t_i+1 - t_i))(s_i, s_i+1)
//                or log pi(a | s) p(s' | s, a) where the action was seen
//   (2)  n(k)  = the expected visits of pairs, given what was seen: forward and backward through
//                each gap
//   (3)  d log p / d r = the causal model's gradient (maxent.h, equation 2) at these visits, since
//                the derivative of a log sum exp is the posterior's mean of the derivatives
//
// Causal model, no horizon.
//
// Thread safety: one thread at a time for each object, as its device.

#pragma once

#include <vector>

#include "algorithms/tabular/maxent.h"

namespace understudy {

struct PartialTrajectory {
  std::vector<std::int64_t> times;   // increasing
  std::vector<std::int32_t> states;  // at these times
  // Of each state but the last: the action taken, where the next time is the next step; -1: not
  // seen.
  std::vector<std::int32_t> actions;
};

// A trajectory of which only the first `steps` are seen; with or without actions; each `every`-th
// state.
PartialTrajectory seen_part(const Trajectory& trajectory, std::int64_t steps, bool actions,
                            std::int64_t every = 1);

// (1), and (2) where not null. An `Error` names an episode and step of probability 0.
double partial_log_likelihood(const Problem& problem, const std::vector<double>& policy,
                              const std::vector<PartialTrajectory>& seen,
                              std::vector<double>* visits);

class PartialMaxEnt {
 public:
  // Both must outlive this.
  PartialMaxEnt(Device& device, const Problem& problem, std::vector<PartialTrajectory> seen);

  // (1) at a reward by pair, and its gradient (3) where not null. -infinity where values diverge.
  double value(const std::vector<double>& reward, std::vector<double>* gradient);
  double episodes() const { return static_cast<double>(seen_.size()); }

 private:
  Device& device_;
  const Problem& problem_;
  std::vector<PartialTrajectory> seen_;
  MaxEntModel model_;
  std::vector<double> warm_;
};

// Linear weights from 0 that maximize the mean of (1) less l2/2 |w|^2, by L-BFGS. A maximum that is
// near: where actions are hidden (1) is not concave.
LinearFit fit_partial(PartialMaxEnt& model, const Problem& problem, double l2,
                      const LbfgsOptions& options = {});

}  // namespace understudy
