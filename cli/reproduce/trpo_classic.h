// Experts of the classic control problems, as `reproduce trpo-classic` trains them.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "algorithms/policies/policy.h"

namespace understudy::cli {

// By TRPO after at most 100,000 interactions; cartpole, acrobot, mountain_car or pendulum. `used`,
// if not null, gets the interactions.
std::unique_ptr<Policy> classic_expert(Device& device, const std::string& environment,
                                       std::uint64_t seed, std::int64_t* used = nullptr);

}  // namespace understudy::cli
