// A reward that a run learned: `RUN/reward.safetensors`, looked at on what was played, and learned
// from anew.

#pragma once

#include <memory>
#include <string>

#include "algorithms/adversarial/frozen_reward.h"
#include "cli/session/command.h"

namespace understudy::cli {

// The file's name in a run's folder.
inline constexpr const char* reward_file = "reward.safetensors";

// Of a run, or of such a file itself; an Error where there is none, or where its spaces are not the
// environment's.
std::unique_ptr<FrozenReward> load_reward(Device& device, const std::string& run,
                                          const EnvironmentDescription& environment);

// Of every step that was played: the learned reward's mean beside the true one's, returns, and
// Pearson's correlations of rewards and of returns; null where one of both never varies. What
// comes beyond terminations is not in it.
Json reward_json(const FrozenReward& reward, const Demonstrations& played);

}  // namespace understudy::cli
