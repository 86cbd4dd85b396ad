#include "algorithms/reinforcement/policy_gradient.h"

#include <cmath>

#include "kernels/device/error.h"

namespace understudy {

namespace {

// Apart from the draws of actions and of the baseline's batches.
constexpr std::uint64_t order_seed = 0x9e3779b97f4a7c15u;

}  // namespace

PolicyGradientOptions PolicyGradientOptions::reinforce() {
  PolicyGradientOptions options;
  options.learner.gae_lambda = 1;
  options.learner.baseline.kind = BaselineKind::linear;
  options.gradient_norm = 0;
  return options;
}

PolicyGradientOptions PolicyGradientOptions::a2c() {
  PolicyGradientOptions options;
  options.learner.rollouts.num_envs = 16;
  options.learner.rollouts.steps_per_iteration = 80;
  options.learner.discount = 0.99;
  options.learner.gae_lambda = 1;
  options.learner.standardize_advantages = false;
  options.learner.baseline.kind = BaselineKind::regression;
  options.learner.baseline.epochs = 1;
  options.rms_prop = true;
  options.learning_rate = 7e-4;
  return options;
}

PolicyGradientOptions PolicyGradientOptions::ppo() {
  PolicyGradientOptions options;
  options.learner.discount = 0.99;
  options.learner.gae_lambda = 0.95;
  options.learner.baseline.kind = BaselineKind::regression;
  options.learner.baseline.epochs = 10;
  options.learner.baseline.batch_size = 500;
  options.clipped = true;
  options.epochs = 10;
  options.batch_size = 500;
  options.learning_rate = 3e-4;
  return options;
}

PolicyGradient::PolicyGradient(Policy& policy, const EnvironmentDescription& environment,
                               const PolicyGradientOptions& options)
    : Learner(policy, environment, options.learner),
      gradient_options_(options),
      batches_(store_, "policy_gradient", rollouts_.steps_per_iteration(),
               options.batch_size > 0 ? options.batch_size : rollouts_.steps_per_iteration(),
               options.learner.rollouts.seed ^ order_seed),
      program_(policy.device()) {
  if (options.epochs < 1 || !(options.learning_rate > 0) || !(options.clip > 0))
    fail(ErrorKind::bad_input,
         "policy gradient: expected epochs >= 1, learning_rate and clip > 0; found %d, %g, %g",
         options.epochs, options.learning_rate, options.clip);
  Program& program = program_;
  const TransitionBatch all = batch();
  const auto shuffled = [&](const DataView& column) { return program.use(batches_.add(column)); };
  const Tensor observation = shuffled(all.observation), action = shuffled(all.action);
  const Tensor advantage = shuffled(all.advantage), before = shuffled(all.log_probability);

  const std::unique_ptr<ActionDistribution> now = policy.distribution(observation);
  const Tensor log_probability = now->log_probability(action);
  const Tensor log_ratio = log_probability - before, ratio = exp(log_ratio);
  const Tensor entropy = mean(now->entropy());
  Tensor gain = mean(log_probability * advantage);  // (1)
  if (options.clipped)                              // (2)
    gain = mean(
        minimum(ratio * advantage, clamp(ratio, 1 - options.clip, 1 + options.clip) * advantage));
  const Tensor loss = options.learner.entropy_coefficient > 0
                          ? -gain - options.learner.entropy_coefficient * entropy
                          : -gain;
  const Tensor g = program.pack(program.gradients(loss, policy.parameters().use(program)));
  const auto number = [](Tensor x) { return reshape(x, {1}); };
  const Tensor limit = program.constant(options.clip);
  // KL(old || new) from samples of the old: mean of rho - 1 - log rho, never negative.
  program.output("report", program.pack({number(loss), number(entropy), number(norm(g)),
                                         number(mean(expm1(log_ratio) - log_ratio)),
                                         number(mean(less(limit, abs(ratio - 1.0))))}));
  const Clipping clipping = {.norm = options.gradient_norm};
  if (options.rms_prop)
    optimizer_ = std::make_unique<RmsProp>(
        policy.parameters(), store_,
        RmsProp::Options{
            .learning_rate = options.learning_rate, .epsilon = 1e-5, .clipping = clipping});
  else
    optimizer_ = std::make_unique<Adam>(
        policy.parameters(), store_,
        Adam::Options{.learning_rate = options.learning_rate, .clipping = clipping});
  optimizer_->record_update(program, g);
  program.plan();
}

void PolicyGradient::update_policy(LearningMetrics& metrics) {
  int& steps = metrics.gradient_steps;
  for (int epoch = 0; epoch < gradient_options_.epochs; ++epoch) {
    batches_.shuffle();
    for (std::int64_t i = 0; i < batches_.batches(); ++i) {
      batches_.load(i);
      program_.run();
      const std::vector<double> report = program_.read("report");
      if (!std::isfinite(report[0]) || !std::isfinite(report[2])) {
        const std::string where = program_.first_not_finite();
        fail(ErrorKind::not_finite, "policy gradient: loss %g, gradient of norm %g%s%s", report[0],
             report[2], where.empty() ? "" : "; first in ", where.c_str());
      }
      if (steps == 0) metrics.entropy = report[1];
      metrics.loss += report[0];
      metrics.gradient_norm += report[2];
      metrics.divergence = report[3];  // before the last step
      metrics.clip_fraction += report[4];
      ++steps;
    }
  }
  metrics.loss /= steps;
  metrics.gradient_norm /= steps;
  metrics.clip_fraction /= steps;
}

}  // namespace understudy
