// Policies that follow the gradient: REINFORCE, A2C and PPO, which differ in what they maximize,
// how many steps they take on a collection, and how far apart those may lead.
//
//   (1) mean_i [ log pi_theta(a_i | o_i) A_i ]
//       (Williams 1992, "Simple statistical gradient-following algorithms for connectionist
//       reinforcement learning", equation 11; Mnih et al. 2016, "Asynchronous methods for
//       deep reinforcement learning", section 4)
//   (2) mean_i [ min(rho_i A_i, clamp(rho_i, 1 - clip, 1 + clip) A_i) ]        (`clipped`)
//       rho_i = pi_theta(a_i | o_i) / pi_old(a_i | o_i)
//       (Schulman et al. 2017, "Proximal policy optimization algorithms", equation 7)
//
// plus entropy_coefficient mean_i H(pi_theta(. | o_i)), each maximized by `epochs` passes of
// gradient steps on shuffled minibatches.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <optional>

#include "algorithms/reinforcement/learner.h"

namespace understudy {

struct PolicyGradientOptions {
  LearnerOptions learner = {};
  bool clipped = false;
  double clip = 0.2;            // of the ratio (Schulman et al. 2017, section 6.1)
  int epochs = 1;               // passes over the transitions
  std::int64_t batch_size = 0;  // rows a step, a divisor of them; 0: all
  bool rms_prop = false;        // instead of Adam (Mnih et al. 2016, section 4)
  double learning_rate = 1e-2;
  double gradient_norm = 0.5;  // clipped to this; 0: not (Stable-Baselines3)

  // Whole returns of whole-batch steps, over a linear baseline (Duan et al. 2016).
  static PolicyGradientOptions reinforce();
  // 16 environments x 5 steps, RMSProp at 7e-4 (Mnih et al. 2016; Stable-Baselines3).
  static PolicyGradientOptions a2c();
  // 10 epochs, 10 batches each, Adam at 3e-4 (Schulman et al. 2017, table 3).
  static PolicyGradientOptions ppo();
};
void list_options(OptionList& list, PolicyGradientOptions& options);

class PolicyGradient final : public Learner {
 public:
  PolicyGradient(Policy& policy, const EnvironmentDescription& environment,
                 const PolicyGradientOptions& options);

 private:
  void update_policy(LearningMetrics& metrics) override;

  PolicyGradientOptions gradient_options_;
  ShuffledBatches batches_;
  Program program_;
  std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace understudy
