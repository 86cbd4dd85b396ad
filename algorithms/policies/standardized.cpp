#include "algorithms/policies/standardized.h"

namespace understudy {

StandardizedDistribution::StandardizedDistribution(std::unique_ptr<ActionDistribution> of,
                                                   const Normalizer& by, bool likelihood)
    : of_(std::move(of)), by_(by), likelihood_(likelihood) {}

Tensor StandardizedDistribution::standard(Tensor action) const {
  // Else shapes that broadcast against the statistics would pass for others.
  if (action.element() == Element::index || action.shape().rank() < 1 ||
      action.shape()[-1] != by_.width())
    return action;  // refused by the distribution itself, in its own words
  return by_.normalize(action);
}

Tensor StandardizedDistribution::log_scale(const Tensor& like) const {
  return sum(log(by_.scale(like.program())), -1);
}

Tensor StandardizedDistribution::log_probability(Tensor action) const {
  const Tensor log_p = of_->log_probability(standard(action));
  return log_p - log_scale(log_p);  // (2)
}

Tensor StandardizedDistribution::log_probability_bound(Tensor action, const RandomSource& source,
                                                       int samples) const {
  const Tensor bound = of_->log_probability_bound(standard(action), source, samples);
  return bound - log_scale(bound);
}

// (1)
Tensor StandardizedDistribution::sample(const RandomSource& source) const {
  return by_.restore(of_->sample(source));
}
Tensor StandardizedDistribution::mode() const { return by_.restore(of_->mode()); }
Tensor StandardizedDistribution::expectation() const { return by_.restore(of_->expectation()); }

Tensor StandardizedDistribution::entropy() const {
  const Tensor entropy = of_->entropy();
  return entropy + log_scale(entropy);  // (3)
}

Tensor StandardizedDistribution::loss(Tensor action, const LossContext& context) const {
  const Tensor loss = of_->loss(standard(action), context);
  return likelihood_ ? loss + log_scale(loss) : loss;
}

Tensor StandardizedDistribution::squared_error(Tensor action) const {
  return of_->squared_error(standard(action));
}

}  // namespace understudy
