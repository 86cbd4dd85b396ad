// Matching of occupancies by its dual, and how near the programme over occupancies ends.

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "algorithms/tabular/learner.h"
#include "algorithms/tabular/occupancy_matching.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

class OccupancyLearner final : public TabularLearner {
 public:
  OccupancyLearner(const TabularTask& task, const OccupancyMatchingOptions& options)
      : task_(task),
        options_(options),
        matching_(
            task.device, task.problem,
            expert_occupancy(task.device, task.problem, task.demonstrations, options.smoothing),
            options) {}

  Metrics step() override {
    matching_.step();
    return {{"objective", matching_.objective()},
            {"duality_gap", matching_.gap()},
            {"occupancy_distance", matching_.distance()}};
  }
  bool finished() const override { return matching_.finished(); }
  const std::vector<double>& weights() const override { return matching_.weights(); }

  Recovered snapshot() override {
    Recovered found;
    found.reward = matching_.reward();
    if (of_features()) found.weights = matching_.weights();
    found.values = matching_.values();
    found.status = matching_.status();
    behave_by(task_, matching_.policy(), found);
    return found;
  }
  Recovered recovered() override {
    Recovered found = snapshot();
    found.remark = said_of_both_sides();
    return found;
  }
  std::vector<double> feature_gaps() const override {
    if (task_.problem.feature_owner == FeatureOwner::none) return {};
    std::vector<double> gaps = feature_expectations(task_.problem, matching_.occupancy());
    const std::vector<double> expert = feature_expectations(task_.problem, matching_.expert());
    for (std::size_t c = 0; c < gaps.size(); ++c) gaps[c] -= expert[c];
    return gaps;
  }

 private:
  bool of_features() const {
    return options_.regularizer == OccupancyRegularizer::fem ||
           options_.regularizer == OccupancyRegularizer::gtal;
  }

  std::string said_of_both_sides() const {
    char text[200];
    if (task_.problem.n_pairs() > options_.programme_pairs) {
      std::snprintf(text, sizeof text,
                    "duality gap %.2g; the programme over occupancies is left out above "
                    "programme_pairs = %lld",
                    matching_.gap(), static_cast<long long>(options_.programme_pairs));
      return text;
    }
    const OccupancySolution other =
        solve_over_occupancies(task_.device, task_.problem, matching_.expert(), options_);
    double largest = 0;
    for (std::size_t k = 0; k < other.occupancy.size(); ++k)
      largest = std::max(largest, std::abs(other.occupancy[k] - matching_.occupancy()[k]));
    std::snprintf(text, sizeof text,
                  "over rewards %.9g, over occupancies %.9g: a duality gap of %.2g; their "
                  "occupancies differ by %.2g at most",
                  matching_.objective(), other.objective, matching_.objective() - other.objective,
                  largest);
    return text;
  }

  const TabularTask task_;
  const OccupancyMatchingOptions options_;
  OccupancyMatching matching_;
};

}  // namespace

MadeLearner make_occupancy_matching(const TabularTask& task,
                                    const OccupancyMatchingOptions& options) {
  if (task.problem.n_goals() > 0)
    fail(ErrorKind::bad_input, "occupancy_matching: families of goals are learned by maxent alone");
  return std::make_unique<OccupancyLearner>(task, options);
}

}  // namespace understudy
