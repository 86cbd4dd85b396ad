#include "algorithms/reinforcement/trpo.h"

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

void list_options(OptionList& list, TrpoOptions& o) {
  list.fields(o, group("", o.learner), group("", o.trust_region));
  list.when_set("fisher_stride", [&o] {
    o.learner.baseline.trust_region.fisher_stride = o.trust_region.fisher_stride;
  });
  list.require([&o] {
    const std::int64_t steps = o.learner.rollouts.steps_per_iteration;
    const std::int64_t stride = o.trust_region.fisher_stride;
    if (steps % stride != 0)
      fail(ErrorKind::bad_input,
           "fisher_stride: expected a divisor of steps_per_iteration, %lld, found %lld",
           static_cast<long long>(steps), static_cast<long long>(stride));
  });
}

std::unique_ptr<TrustRegion> policy_trust_region(const Policy& policy, const TransitionBatch& batch,
                                                 double entropy,
                                                 const TrustRegionOptions& options) {
  const auto model = [&policy, batch](Program& program, std::int64_t stride) {
    return policy.distribution(program.use(batch.observation.rows({.stride = stride})));
  };
  const auto objective = [batch, entropy](Program& program, const ActionDistribution& now) {
    // (1)
    const Tensor before = program.use(batch.log_probability);
    const Tensor ratio = exp(now.log_probability(program.use(batch.action)) - before);
    const Tensor gain = mean(ratio * program.use(batch.advantage));
    return entropy > 0 ? gain + entropy * mean(now.entropy()) : gain;
  };
  return std::make_unique<TrustRegion>(policy.parameters(), model, objective, options);
}

Trpo::Trpo(Policy& policy, const EnvironmentDescription& environment, const TrpoOptions& options)
    : Learner(policy, environment, options.learner),
      region_(policy_trust_region(policy, batch(), options.learner.entropy_coefficient,
                                  options.trust_region)) {}

void Trpo::update_policy(LearningMetrics& metrics) {
  metrics.trust_region = region_->step();
  metrics.entropy = metrics.trust_region.entropy;
  metrics.divergence = metrics.trust_region.divergence;
}

}  // namespace understudy
