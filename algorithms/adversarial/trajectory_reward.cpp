#include "algorithms/adversarial/trajectory_reward.h"

#include <limits>

#include "algorithms/adversarial/frozen_reward.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Behind the input of g: 1 where an episode begins; log pi(a|s).
constexpr std::int64_t more_columns = 2;

std::int64_t known(std::int64_t horizon) {
  if (horizon < 1)
    fail(ErrorKind::bad_input,
         "gan_gcl: expected an environment whose episodes have a time limit, found none");
  return horizon;
}

}  // namespace

TrajectoryReward::TrajectoryReward(const Policy& policy, RewardInput input,
                                   const Demonstrations& expert, const RolloutOptions& rollouts,
                                   std::int64_t horizon, const AirlOptions& options,
                                   std::string_view name)
    : LearnedReward(policy.device(),
                    {{policy.description().observation, policy.description().action}, input, true},
                    expert, rollouts.steps_per_iteration, name, policy.store().real(),
                    std::nullopt),
      options_(options),
      count_(rollouts.steps_per_iteration),
      environments_(rollouts.num_envs),
      steps_(rollouts.steps_per_iteration / rollouts.num_envs),
      likelihoods_(policy.device(), policy.store().real()),
      keeping_(policy.device(), policy.store().real()),
      training_(policy.device(), policy.store().real()),
      diagnostics_(policy.device(), policy.store().real()) {
  check_options(options);
  require_likelihood(policy, "gan_gcl");
  for (std::int64_t e = 0; e < expert.episodes(); ++e)
    if (expert.duration(e) != expert.length(e))
      fail(ErrorKind::bad_input, "%s, episode %lld: expected all its %lld steps, found %lld",
           std::string(name).c_str(), static_cast<long long>(e),
           static_cast<long long>(expert.duration(e)), static_cast<long long>(expert.length(e)));
  const std::int64_t seen = features_.network_width(), width = seen + more_columns;
  g_ = std::make_unique<Mlp>(
      parameters_, "reward",
      Mlp::Options{
          .inputs = seen, .hidden = options_.hidden, .outputs = 1, .last_weight = zeros()});
  log_partition_ = std::make_unique<Linear>(
      parameters_, "log_partition",
      Linear::Options{.inputs = 1, .outputs = 1, .bias = false, .weight = zeros()});
  parameters_.create(store_, options_.seed);
  adam_ = std::make_unique<Adam>(parameters_, store_,
                                 Adam::Options{.learning_rate = options_.learning_rate});

  // An episode that ends in the latest collection, but for its last step, or with the last step of
  // the one before, began `horizon` steps earlier at most.
  const std::int64_t past = (known(horizon) + steps_ - 1) / steps_;
  learner_ = &data_.create("features/learner", {count_, width});
  expert_ = &data_.create("features/expert", {features_.expert_rows(), width});
  window_ = &store_.create("gan_gcl/window", {(past + 1) * count_, width});

  observing_.assign(*learner_, packed(features_.inputs(observing_, count_),
                                      observing_.input("time", {rows(count_)}),
                                      observing_.input("log_probability", {rows(count_)})));
  keeping_.assign(*window_, concatenate({slice(keeping_.use(*window_), 0, count_, past * count_),
                                         keeping_.use(*learner_)},
                                        0));
  {
    const std::int64_t n = features_.expert_rows();
    const TransitionFeatures::Inputs inputs = features_.inputs(likelihoods_, n);
    likelihoods_.assign(
        *expert_, packed(inputs, likelihoods_.input("time", {rows(n)}),
                         policy.distribution(inputs.observation)->log_probability(inputs.action)));
    features_.write_expert(likelihoods_);
    std::vector<double> time;
    for (std::int64_t e = 0; e < expert.episodes(); ++e)
      for (std::int64_t t = 0; t < expert.length(e); ++t) time.push_back(static_cast<double>(t));
    likelihoods_.write("time", time);
  }
  record_training();

  const Tensor latest = rewarding_.use(rows_of(*learner_));
  const Tensor reward =
      g(latest) - options_.entropy_weight * reshape(slice(latest, -1, seen + 1, 1),
                                                    {latest.shape().dimension(0)});  // (4)
  rewarding_.output("mean", mean(reward));
  rewarding_.output("reward", reward);
  rewarding_.plan();
}

Tensor TrajectoryReward::packed(const TransitionFeatures::Inputs& inputs, Tensor time,
                                Tensor log_likelihood) const {
  const Shape one = {time.shape().dimension(0), 1};
  return concatenate({features_.network_input(inputs), reshape(1.0 - is_positive(time), one),
                      reshape(bounded_likelihood(features_.spaces().action, log_likelihood), one)},
                     -1);
}

Tensor TrajectoryReward::g(Tensor of) const {
  const Tensor one = (*g_)(slice(of, -1, 0, features_.network_width()));
  return reshape(one, {one.shape().dimension(0)});
}

TrajectoryReward::Trajectories TrajectoryReward::trajectories(Tensor of, std::int64_t environments,
                                                              const std::vector<double>& counts,
                                                              bool closed) const {
  Program& program = of.program();
  const std::int64_t steps = of.shape()[0] / environments, seen = features_.network_width();
  // A column [steps * environments, 1] as [environments, steps].
  const auto side_by_side = [&](Tensor column) {
    return transpose(reshape(column, {steps, environments}));
  };
  const Tensor begin = side_by_side(slice(of, -1, seen, 1));
  const Tensor step = side_by_side((*g_)(slice(of, -1, 0, seen)) - slice(of, -1, seen + 1, 1));
  const Tensor last = program.full({environments, 1}, closed ? 1 : 0);
  const Tensor ends = steps == 1 ? last : concatenate({slice(begin, -1, 1, steps - 1), last}, -1);
  const Tensor goes_on = 1.0 - ends;
  const Tensor counted = backward_scan(ends * program.constant({steps}, counts), goes_on);
  const Tensor inverse_partition = (*log_partition_)(program.full({1, 1}, 1));
  return {backward_scan(step, goes_on) + inverse_partition, begin * counted};
}

TrajectoryReward::Trajectories TrajectoryReward::of_expert(Program& program) const {
  const std::vector<double> all(static_cast<std::size_t>(expert_->shape()[0]), 1);
  return trajectories(program.use(*expert_), 1, all, true);
}

TrajectoryReward::Trajectories TrajectoryReward::of_learner(Program& program) const {
  const std::int64_t steps = window_->shape()[0] / environments_;
  std::vector<double> latest(static_cast<std::size_t>(steps), 0);
  for (std::int64_t t = steps - steps_ - 1; t < steps - 1; ++t)
    latest[static_cast<std::size_t>(t)] = 1;
  return trajectories(program.use(*window_), environments_, latest, false);
}

void TrajectoryReward::record_training() {
  // What is measured before a step is what the step goes by.
  for (Program* program : {&training_, &diagnostics_}) {
    const Trajectories expert = of_expert(*program), learner = of_learner(*program);
    const Tensor one = program->constant(1);
    const Tensor experts = sum(expert.begins), learners = sum(learner.begins);
    const auto share = [&](const Trajectories& of, Tensor x, Tensor number) {
      return sum(of.begins * x) / maximum(number, one);
    };
    const Tensor any = minimum(learners, one);
    const Tensor loss = any * (share(expert, softplus(-expert.logit), experts) +
                               share(learner, softplus(learner.logit), learners));
    program->output("loss", loss);
    if (program == &training_) {
      adam_->record(*program, loss);
    } else {
      program->output("episodes", learners);
      program->output("expert_accuracy", share(expert, is_positive(expert.logit), experts));
      program->output("learner_accuracy",
                      share(learner, 1.0 - is_positive(learner.logit), learners));
      const auto entropy = [](Tensor f) { return softplus(f) - f * sigmoid(f); };
      program->output("entropy", 0.5 * (share(expert, entropy(expert.logit), experts) +
                                        share(learner, entropy(learner.logit), learners)));
    }
    program->plan();
  }
}

void TrajectoryReward::observe(const TransitionBatch& batch) {
  observing_.bind("time", batch.time);
  observing_.bind("log_probability", batch.log_probability);
  LearnedReward::observe(batch);
  keeping_.run();
  likelihoods_.run();
}

void TrajectoryReward::fit() {
  diagnostics_.run();
  for (std::int64_t i = 0; i < options_.steps; ++i) training_.run();
}

AdversaryMetrics TrajectoryReward::metrics() {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  AdversaryMetrics result;
  result.sign = sign();
  result.mean_reward = rewarding_.value("mean");
  add_absorbing(result);
  result.calibration_error = none;
  const bool any = diagnostics_.value("episodes") > 0;
  result.loss = any ? diagnostics_.value("loss") : none;
  result.expert_accuracy = any ? diagnostics_.value("expert_accuracy") : none;
  result.learner_accuracy = any ? diagnostics_.value("learner_accuracy") : none;
  result.entropy = any ? diagnostics_.value("entropy") : none;
  return result;
}

std::unique_ptr<FrozenReward> TrajectoryReward::frozen() const {
  RewardDescription description = described();
  description.hidden = options_.hidden;
  return frozen_as(description, parameters_.flat().read());  // g's are the first
}

}  // namespace understudy
