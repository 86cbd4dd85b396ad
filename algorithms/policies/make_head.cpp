// The head that a description names, with what it says of it.

#include "algorithms/policies/autoregressive.h"
#include "algorithms/policies/bernoulli.h"
#include "algorithms/policies/categorical.h"
#include "algorithms/policies/full_covariance.h"
#include "algorithms/policies/gaussian.h"
#include "algorithms/policies/latent.h"
#include "algorithms/policies/mixture.h"
#include "algorithms/policies/policy_description.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

Bins bins_of(const PolicyDescription& description) {
  const HeadOptions& head = description.head;
  const ActionSpace& action = description.action;
  if (head.edges.empty() && action.low.empty())
    fail(ErrorKind::bad_input,
         "policy: a head '%s' needs bounds of the actions, or edges of its bins",
         name_of(head.kind));
  return {action.size, head.bins,
          head.edges.empty() ? Bins::uniform(action.low, action.high, head.bins) : head.edges};
}

}  // namespace

std::unique_ptr<ActionHead> make_head(Parameters& parameters, const std::string& name,
                                      const PolicyDescription& description, std::int64_t inputs) {
  const HeadOptions& head = description.head;
  const std::int64_t size = description.action.size;
  const Initialization last = {description.initialization, description.last_scale, 1};
  switch (head.kind) {
    case HeadKind::categorical:
      return std::make_unique<CategoricalHead>(parameters, name, inputs, size, last);
    case HeadKind::bernoulli:
      return std::make_unique<BernoulliHead>(parameters, name, inputs, size, last);
    case HeadKind::mixture:
      return std::make_unique<MixtureHead>(parameters, name,
                                           MixtureHead::Options{.inputs = inputs,
                                                                .dimensions = size,
                                                                .components = head.components,
                                                                .min_std = head.min_std,
                                                                .max_std = head.max_std});
    case HeadKind::full_gaussian:
    case HeadKind::full_mixture:
      return std::make_unique<FullCovarianceHead>(
          parameters, name,
          FullCovarianceHead::Options{
              .inputs = inputs,
              .dimensions = size,
              .components = head.kind == HeadKind::full_gaussian ? 1 : head.components,
              .weight = last,
              .min_std = head.min_std,
              .max_std = head.max_std});
    case HeadKind::independent_bins:
    case HeadKind::joint_bins:
      return std::make_unique<BinnedHead>(parameters, name, inputs, bins_of(description),
                                          head.kind == HeadKind::joint_bins, last);
    case HeadKind::autoregressive:
    case HeadKind::recurrent_bins:
      return std::make_unique<AutoregressiveHead>(
          parameters, name, bins_of(description),
          AutoregressiveHead::Options{.inputs = inputs,
                                      .hidden = head.hidden,
                                      .order = head.order,
                                      .recurrent = head.kind == HeadKind::recurrent_bins,
                                      .weight = {description.initialization, 1.0, 1}});
    case HeadKind::best_of:
    case HeadKind::variational:
    case HeadKind::adversarial:
      return std::make_unique<LatentHead>(parameters, name,
                                          head.kind == HeadKind::best_of ? LatentKind::best_of
                                          : head.kind == HeadKind::variational
                                              ? LatentKind::variational
                                              : LatentKind::adversarial,
                                          LatentHead::Options{.inputs = inputs,
                                                              .dimensions = size,
                                                              .latent = head.latent,
                                                              .hidden = head.hidden,
                                                              .draws = head.draws,
                                                              .min_std = head.min_std,
                                                              .max_std = head.max_std});
    case HeadKind::gaussian:
    case HeadKind::regression: break;
  }
  return std::make_unique<GaussianHead>(
      parameters, name,
      GaussianHead::Options{
          .inputs = inputs,
          .dimensions = size,
          .weight = last,
          .state_dependent_std = head.state_dependent_std,
          .initial_std = head.initial_std,
          .min_std = head.min_std,
          .max_std = head.max_std,
          .fixed_std = head.kind == HeadKind::regression ? head.initial_std : 0.0});
}

}  // namespace understudy
