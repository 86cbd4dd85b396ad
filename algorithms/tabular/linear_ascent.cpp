#include "algorithms/tabular/linear_ascent.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "kernels/device/error.h"

namespace understudy {

std::string excerpt_of(const std::vector<double>& weights) {
  std::string text;
  for (std::size_t i = 0; i < weights.size() && i < 8; ++i) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%g", i == 0 ? "" : ", ", weights[i]);
    text += number;
  }
  return "(" + text + (weights.size() > 8 ? ", ...)" : ")");
}

LinearAscent::LinearAscent(LbfgsObjective minimized, std::vector<double> start,
                           const LinearAscentOptions& options)
    : minimized_(std::move(minimized)), options_(options), weights_(std::move(start)) {
  if (options.optimizer == LinearOptimizer::lbfgs) {
    lbfgs_ = std::make_unique<Lbfgs>(minimized_, weights_, options.lbfgs);
    gradient_ = lbfgs_->gradient();
    value_ = lbfgs_->value();
    status_ = lbfgs_->status();
    return;
  }
  if (options.optimizer == LinearOptimizer::exponentiated)
    for (double w : weights_)
      if (!(w > 0.0))
        fail(ErrorKind::bad_input,
             "exponentiated gradient: expected positive starting weights, found %g", w);
  gradient_.resize(weights_.size());
  value_ = minimized_(weights_, gradient_);
  if (!std::isfinite(value_))
    fail(ErrorKind::not_finite, "the partition function diverges at weights %s",
         excerpt_of(weights_).c_str());
  if (converged()) status_ = LbfgsStatus::converged_gradient;
}

void LinearAscent::step() {
  if (finished()) return;
  ++iterations_;
  if (lbfgs_ == nullptr) return plain_step();
  lbfgs_->step();
  weights_ = lbfgs_->point();
  gradient_ = lbfgs_->gradient();
  value_ = lbfgs_->value();
  status_ = lbfgs_->status();
  iterations_ = lbfgs_->iterations();
}

void LinearAscent::plain_step() {
  const bool exponentiated = options_.optimizer == LinearOptimizer::exponentiated;
  for (std::size_t i = 0; i < weights_.size(); ++i)
    weights_[i] = exponentiated ? weights_[i] * std::exp(-options_.learning_rate * gradient_[i])
                                : weights_[i] - options_.learning_rate * gradient_[i];
  value_ = minimized_(weights_, gradient_);
  if (!std::isfinite(value_))
    fail(ErrorKind::not_finite,
         "the partition function diverges at weights %s: use a smaller learning_rate",
         excerpt_of(weights_).c_str());
  if (converged())
    status_ = LbfgsStatus::converged_gradient;
  else if (iterations_ >= options_.lbfgs.iterations)
    status_ = LbfgsStatus::iteration_limit;
}

// An exponentiated weight's derivative by its logarithm is w g.
bool LinearAscent::converged() const {
  const bool exponentiated = options_.optimizer == LinearOptimizer::exponentiated;
  double largest = 0.0;
  for (std::size_t i = 0; i < weights_.size(); ++i)
    largest =
        std::max(largest, std::abs(exponentiated ? weights_[i] * gradient_[i] : gradient_[i]));
  return largest <= options_.lbfgs.gradient_tolerance;
}

}  // namespace understudy
