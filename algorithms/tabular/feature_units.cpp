#include "algorithms/tabular/feature_units.h"

#include <algorithm>
#include <cmath>

namespace understudy {

namespace {

using Vector = std::vector<double>;

Vector divided(Vector x, const Vector& by) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] /= by[i % by.size()];
  return x;
}

class LearnerInUnits final : public TabularLearner {
 public:
  LearnerInUnits(const TabularTask& task, const Vector& units,
                 const std::function<MadeLearner(const TabularTask&)>& make)
      : units_(units),
        problem_(in_units(task.problem, units)),
        inner_(make({task.device, problem_, task.demonstrations, task.iterations})) {
    weights_ = divided(inner_->weights(), units_);
  }

  Metrics step() override {
    Metrics metrics = inner_->step();
    weights_ = divided(inner_->weights(), units_);
    return metrics;
  }
  bool finished() const override { return inner_->finished(); }
  Store* store() override { return inner_->store(); }
  const Vector& weights() const override { return weights_; }
  Recovered recovered() override { return given_back(inner_->recovered()); }
  Recovered snapshot() override { return given_back(inner_->snapshot()); }
  Vector feature_gaps() const override {
    Vector gaps = inner_->feature_gaps();
    for (std::size_t i = 0; i < gaps.size(); ++i) gaps[i] *= units_[i];
    return gaps;
  }

 private:
  Recovered given_back(Recovered found) const {
    found.weights = divided(std::move(found.weights), units_);
    found.standard_errors = divided(std::move(found.standard_errors), units_);
    return found;
  }

  const Vector units_;
  const Problem problem_;
  MadeLearner inner_;
  Vector weights_;
};

}  // namespace

Vector feature_units(const Problem& problem) {
  const auto width = static_cast<std::size_t>(problem.n_features);
  const Vector& own = problem.feature_owner == FeatureOwner::transition
                          ? problem.transition_features
                          : problem.features;
  Vector units(width, 0.0);
  for (std::size_t i = 0; i < own.size(); ++i)
    units[i % width] = std::max(units[i % width], std::abs(own[i]));
  std::replace(units.begin(), units.end(), 0.0, 1.0);
  return units;
}

Problem in_units(const Problem& problem, const Vector& units) {
  Problem made = problem;
  made.features = divided(std::move(made.features), units);
  made.transition_features = divided(std::move(made.transition_features), units);
  return made;
}

MadeLearner learner_in_units(const TabularTask& task, const Vector& units,
                             const std::function<MadeLearner(const TabularTask&)>& make) {
  return std::make_unique<LearnerInUnits>(task, units, make);
}

}  // namespace understudy
