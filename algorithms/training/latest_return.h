// The mean return of the latest episodes that ended, whenever that was: iterations in which none
// did have it from before, and so has a run that was resumed. NaN before any did.

#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "algorithms/reinforcement/rollouts.h"
#include "algorithms/training/trainer.h"

namespace understudy {

// Every so many rows make the Fisher-vector products of what is trained by name: they are the most
// of a step's cost, and a part of the rows serves them.
inline constexpr std::int64_t training_fisher_stride = 5;

class LatestReturn {
 public:
  double value() const { return value_; }
  void see(const EpisodeStatistics& episodes) {
    if (episodes.episodes > 0) value_ = episodes.return_mean;
  }
  // This, and then the others but for the iteration, which whoever logs them has already.
  Metrics before(const Metrics& named) const {
    Metrics metrics = {{"latest_return", value_}};
    for (const auto& [name, value] : named)
      if (name != "iteration") metrics.emplace_back(name, value);
    return metrics;
  }
  // Of a checkpoint.
  std::map<std::string, std::string> metadata() const {
    char text[40];
    std::snprintf(text, sizeof text, "%a", value_);
    return {{"latest_return", text}};
  }
  void take(const std::map<std::string, std::string>& metadata) {
    const auto found = metadata.find("latest_return");
    value_ = found == metadata.end() ? std::nan("") : std::strtod(found->second.c_str(), nullptr);
  }

 private:
  double value_ = std::nan("");
};

}  // namespace understudy
