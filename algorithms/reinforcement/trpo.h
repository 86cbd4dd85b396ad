// Trust-region policy optimization (Schulman et al. 2015) with generalized advantages (2016).
//
//   (1) L(theta) = mean_i [ pi_theta(a_i | o_i) / pi_old(a_i | o_i) A_i ]
//                  + entropy_coefficient mean_i H(pi_theta(. | o_i))
//
// (equation 14; the entropy term is GAIL's, Ho & Ermon 2016, algorithm 1, line 5), maximized by one
// step of TrustRegion an iteration.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/reinforcement/learner.h"

namespace understudy {

struct TrpoOptions {
  LearnerOptions learner = {};
  TrustRegionOptions trust_region = {};
};
// The stride of the Fisher-vector products is the value function's too, unless that has its own.
void list_options(OptionList& list, TrpoOptions& options);

class Trpo final : public Learner {
 public:
  Trpo(Policy& policy, const EnvironmentDescription& environment, const TrpoOptions& options);

 private:
  void update_policy(LearningMetrics& metrics) override;
  std::unique_ptr<TrustRegion> region_;
};

// The same objective for transitions that come from elsewhere: observation, action, advantage and
// log-probability.
std::unique_ptr<TrustRegion> policy_trust_region(const Policy& policy, const TransitionBatch& batch,
                                                 double entropy, const TrustRegionOptions& options);

}  // namespace understudy
