// Factories of heads for the tests of distributions: each makes one over three features.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "algorithms/policies/heads.h"

namespace understudy::head_makers {

using Vector = std::vector<double>;
using Make = std::function<std::unique_ptr<ActionHead>(Parameters&)>;

inline constexpr std::int64_t inputs = 3;
inline const ActionSpace plane = {ActionKind::continuous, 2};

// A head over an action, its last layer as large at the start as `scale` says.
template <class Head, class... Options>
Make with(const ActionSpace& action, double scale, Options... options) {
  return [=](Parameters& parameters) {
    return std::make_unique<Head>(HeadSite{.parameters = parameters,
                                           .name = "head",
                                           .inputs = inputs,
                                           .action = action,
                                           .last_scale = scale},
                                  options...);
  };
}

}  // namespace understudy::head_makers
