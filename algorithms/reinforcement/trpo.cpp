#include "algorithms/reinforcement/trpo.h"

namespace understudy {

std::unique_ptr<TrustRegion> policy_trust_region(const Policy& policy, const PolicyBatch& batch,
                                                 double entropy,
                                                 const TrustRegionOptions& options) {
  const std::int64_t width = policy.description().observation.width();
  const auto model = [&policy, batch, width](Program& program, std::int64_t stride) {
    return policy.distribution(
        strided_rows(program, "observation", batch.rows, width, stride, batch.observation));
  };
  const auto objective = [&policy, batch, entropy](Program& program,
                                                   const ActionDistribution& now) {
    const Tensor action = action_input(program, policy, batch.rows, batch.action);
    const Tensor advantage = program.input("advantage", {rows(batch.rows)});
    const Tensor before = program.input("log_probability", {rows(batch.rows)});
    program.bind("advantage", batch.advantage);
    program.bind("log_probability", batch.log_probability);
    const Tensor gain = mean(exp(now.log_probability(action) - before) * advantage);
    return entropy > 0 ? gain + entropy * mean(now.entropy()) : gain;
  };
  return std::make_unique<TrustRegion>(policy.parameters(), model, objective, options);
}

Trpo::Trpo(Policy& policy, const EnvironmentDescription& environment, const TrpoOptions& options)
    : Learner(policy, environment, options.learner),
      region_(policy_trust_region(policy,
                                  {.rows = rollouts_.steps_per_iteration(),
                                   .observation = rollouts_.observation().data(),
                                   .action = rollouts_.action().data(),
                                   .advantage = advantage_->data(),
                                   .log_probability = rollouts_.log_probability().data()},
                                  options.learner.entropy_coefficient, options.trust_region)) {}

void Trpo::update_policy(LearningMetrics& metrics) {
  metrics.trust_region = region_->step();
  metrics.entropy = metrics.trust_region.entropy;
  metrics.divergence = metrics.trust_region.divergence;
}

}  // namespace understudy
