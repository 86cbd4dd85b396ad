#include "algorithms/reinforcement/policy_gradient.h"

#include <cmath>

#include "autograd/options/options.h"
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

void list_options(OptionList& list, PolicyGradientOptions& o) {
  list.fields(
      o, group("", o.learner), fixed("clipped", o.clipped, "the objective is the algorithm's"),
      option("clip", o.clip, "how far the ratio of probabilities may leave 1",
             {.above = 0, .source = "Schulman et al. 2017, equation 7"}),
      option("epochs", o.epochs, "passes over the transitions of an iteration", {.least = 1}),
      option("batch_size", o.batch_size, "rows a step, a divisor of steps_per_iteration; 0: all",
             {.least = 0}),
      option("rms_prop", o.rms_prop, "RMSProp in place of Adam",
             {.source = "Mnih et al. 2016, section 4"}),
      option("learning_rate", o.learning_rate, "of the optimizer", {.above = 0}),
      option("gradient_norm", o.gradient_norm, "gradients are clipped to this norm; 0: not",
             {.least = 0, .source = "Stable-Baselines3"}));
  if (!o.clipped) list.leave_out("clip");
  list.require([&o] {
    const std::int64_t steps = o.learner.rollouts.steps_per_iteration;
    if (o.batch_size > 0 && steps % o.batch_size != 0)
      fail(ErrorKind::bad_input,
           "batch_size: expected a divisor of steps_per_iteration, %lld, found %lld",
           static_cast<long long>(steps), static_cast<long long>(o.batch_size));
  });
}

PolicyGradient::PolicyGradient(Policy& policy, const EnvironmentDescription& environment,
                               const PolicyGradientOptions& options)
    : Learner(policy, environment, options.learner),
      gradient_options_(options),
      batches_(store_, "policy_gradient", rollouts_.steps_per_iteration(),
               options.batch_size > 0 ? options.batch_size : rollouts_.steps_per_iteration(),
               options.learner.rollouts.seed ^ order_seed),
      program_(policy.device()) {
  check_options(options);
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
  // What is added to a gradient's root mean square is the authors'. Gradients are of losses in
  // nats: actions have no unit where they are normalized, and advantages none where they are
  // standardized.
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
