// The built-in rows, each defined beside what it makes; registry.cpp puts them into the table.

#pragma once

#include "algorithms/training/registry.h"

namespace understudy {

extern const AlgorithmRow bco_row;                                    // bco_trainer.cpp
extern const AlgorithmRow bc_row;                                     // cloning_trainer.cpp
extern const AlgorithmRow dagger_row, distill_row;                    // dagger_trainer.cpp
extern const AlgorithmRow gail_row, fem_row, gtal_row;                // adversarial_trainer.cpp
extern const AlgorithmRow airl_row, gan_gcl_row;                      // adversarial_trainer.cpp
extern const AlgorithmRow gcl_row;                                    // gcl_trainer.cpp
extern const AlgorithmRow infogail_row;                               // infogail_trainer.cpp
extern const AlgorithmRow trpo_row, ppo_row, a2c_row, reinforce_row;  // reinforcement_trainer.cpp
extern const AlgorithmRow dqn_row, sac_row;                           // off_policy_trainer.cpp
extern const AlgorithmRow sqil_row, dqfd_row, iq_learn_row, dac_row;  // off_policy_trainer.cpp
extern const AlgorithmRow linear_gaussian_row;                        // linear_gaussian.cpp

}  // namespace understudy
