#include "algorithms/off_policy/soft_actor_critic.h"

#include <algorithm>
#include <cmath>

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// What the draws of actions are numbered by.
enum Stream : std::uint64_t { acted = 1, anything = 2, here = 3, next_on = 4 };
// Apart from the seed of the policy's own parameters.
constexpr std::uint64_t critic_seed = 0xd1b54a32d192ed03u;
constexpr std::int64_t wide = 128;  // units of a layer, and rows of a tile

const Policy& squashed(const Policy& policy) {
  const PolicyDescription& description = policy.description();
  if (description.action.kind != ActionKind::continuous)
    fail(ErrorKind::bad_shape, "soft actor-critic: expected actions that are numbers, found %s",
         description.action.text().c_str());
  if (description.head.name() != SquashedGaussianOptions::head)
    fail(ErrorKind::bad_input, "soft actor-critic: expected the head %s, found %s",
         SquashedGaussianOptions::head, description.head.name().c_str());
  return policy;
}

Mlp::Options critic(std::int64_t inputs, const std::vector<std::int64_t>& hidden) {
  return {.inputs = inputs, .hidden = hidden, .outputs = 1, .activation = Activation::relu};
}

}  // namespace

SoftActorCriticOptions SoftActorCriticOptions::sac() {
  SoftActorCriticOptions options;
  options.learner.num_envs = 1;
  options.learner.updates = 1;
  options.learner.batch_size = 256;
  options.learner.learning_rate = 3e-4;
  options.learner.gradient_norm = 0;
  return options;
}

SoftActorCriticOptions SoftActorCriticOptions::imitating(OffPolicyAlgorithm algorithm) {
  SoftActorCriticOptions options = sac();
  options.terms.algorithm = algorithm;
  // Smaller and quicker than the paper's, which are for bodies: chosen on Pendulum.
  options.learner.num_envs = options.learner.updates = 4;
  options.learner.batch_size = 128;
  options.learner.learning_rate = options.policy_rate = options.temperature_rate = 1e-3;
  options.critic_hidden = {64, 64};
  if (algorithm == OffPolicyAlgorithm::iq_learn) {
    // Rewards are small, and the entropy's weight must not outgrow them (Garg et al. 2021's code).
    options.temperature = 0.01;
    options.temperature_rate = 0;
  }
  return options;
}

void list_options(OptionList& list, SoftActorCriticOptions& o) {
  list.fields(o, group("", o.learner), group("", o.terms),
              option("critic_hidden", o.critic_hidden, "units of the critics' layers, ReLU",
                     {.least = 1, .source = "Haarnoja et al. 2018, table 1"}),
              option("policy_rate", o.policy_rate, "Adam's, of the policy",
                     {.above = 0, .source = "Haarnoja et al. 2018, table 1"}),
              option("temperature", o.temperature, "alpha, the weight of the entropy, at the start",
                     {.above = 0}),
              option("temperature_rate", o.temperature_rate, "Adam's, of log alpha; 0: alpha stays",
                     {.least = 0, .source = "Haarnoja et al. 2018, section 5"}),
              option("target_entropy", o.target_entropy,
                     "that alpha aims at, of actions in units of their bounds",
                     {.unit = "nats a dimension", .source = "Haarnoja et al. 2018, table 1"}));
  if (o.terms.replaces_reward()) list.leave_out("n_step");
}

SoftActorCritic::Critics::Critics(Store& store, const std::string& model, std::int64_t inputs,
                                  const std::vector<std::int64_t>& hidden, std::uint64_t seed)
    : parameters(model),
      first(parameters, "first", critic(inputs, hidden)),
      second(parameters, "second", critic(inputs, hidden)) {
  parameters.create(store, seed);
}

std::pair<Tensor, Tensor> SoftActorCritic::Critics::operator()(Tensor observation,
                                                               Tensor action) const {
  const Tensor x = concatenate({observation, action}, -1);
  const auto flat = [](Tensor q) { return reshape(q, leading(q.shape())); };
  return {flat(first(x)), flat(second(x))};
}

SoftActorCritic::SoftActorCritic(Policy& policy, const EnvironmentDescription& environment,
                                 const SoftActorCriticOptions& options, const OffPolicyData& data)
    : OffPolicyLearner(policy, environment, options.learner, options.terms, data),
      sac_options_(options),
      target_store_(policy.device()),
      critics_(store_, "critics",
               environment.observation_size + squashed(policy).description().action.size,
               options.critic_hidden, options.learner.seed ^ critic_seed),
      targets_(target_store_, "targets",
               environment.observation_size + policy.description().action.size,
               options.critic_hidden, 0) {
  check_options(options);
  temperature_.declare("log_alpha", {1},
                       {InitializationKind::constant, std::log(options.temperature), 1});
  temperature_.create(store_, 0);
  const ActionSpace& space = policy.description().action;
  for (std::size_t d = 0; d < space.low.size(); ++d)
    log_widths_ += std::log(0.5 * (space.high[d] - space.low[d]));
  record_acting([this, &space](Tensor observation, Tensor random_only) {
    const SquashedGaussian::Drawn drawn_action = drawn(observation, acted);
    const Tensor noise =
        random_uniform(observation.program(), random(anything), drawn_action.action.shape());
    std::vector<double> widths;
    for (std::size_t d = 0; d < space.low.size(); ++d)
      widths.push_back(space.high[d] - space.low[d]);
    Program& program = observation.program();
    const Tensor any =
        program.constant({space.size}, space.low) + program.constant({space.size}, widths) * noise;
    return select(expand(random_only, any.shape()), any, drawn_action.action);
  });
  record_update();
}

SquashedGaussian::Drawn SoftActorCritic::drawn(Tensor observation, std::uint64_t stream) {
  const auto distribution = policy_.distribution(observation);
  return dynamic_cast<const SquashedGaussian&>(*distribution).draw(random(stream));
}

void SoftActorCritic::record_update() {
  Program& program = updating_;
  // Wide layers: few large tiles read the weights less often, and leave few partial sums of their
  // gradients to be added. Two of them serve two threads.
  const std::int64_t widest =
      *std::max_element(sac_options_.critic_hidden.begin(), sac_options_.critic_hidden.end());
  if (widest >= wide && options_.batch_size >= wide) program.set_tiling(wide, wide);
  const Recorded m = record_minibatch();
  const Tensor log_alpha = temperature_.use(program, 0);
  const Tensor alpha = stop_gradient(reshape(exp(log_alpha), {}));
  const Tensor observation = normalized(m.batch.observation);
  const Tensor following = normalized(m.batch.next_observation);

  const SquashedGaussian::Drawn now = drawn(m.batch.observation, here);
  const SquashedGaussian::Drawn then = drawn(m.batch.next_observation, next_on);
  const Tensor log_pi = now.log_probability + log_widths_;  // in units of the bounds
  const auto [q1_then, q2_then] = targets_(following, then.unit);
  const Tensor value_then =
      minimum(q1_then, q2_then) - alpha * (then.log_probability + log_widths_);  // (1)
  const Tensor next = stop_gradient(m.batch.going_on * value_then + m.beyond);
  const auto [q1, q2] = critics_(observation, m.action);
  const auto [q1_now, q2_now] = critics_(observation, now.unit);
  const Tensor q_now = minimum(q1_now, q2_now);

  std::vector<std::pair<std::string, Tensor>> report;
  Tensor critic_loss;
  if (terms_.algorithm == OffPolicyAlgorithm::iq_learn) {
    const Tensor flag = m.batch.demonstrated, of_expert = flag / sum(flag);
    const Tensor weight =
        program.full(flag.shape(), 1.0 / static_cast<double>(options_.batch_size));
    const Tensor value = q_now - stop_gradient(alpha * log_pi);
    critic_loss = 0.5 * (iq_loss(q1, next, value, of_expert, weight, terms_.alpha) +
                         iq_loss(q2, next, value, of_expert, weight, terms_.alpha));
    report.emplace_back("reward", mean(q1 - next));
  } else {
    const Tensor target = stop_gradient(m.reward) + next;
    critic_loss = 0.5 * mean(square(q1 - target) + square(q2 - target));  // (2)
    report.emplace_back("td_error", mean(abs(q1 - target)));
    report.emplace_back("reward", mean(m.reward));
  }
  const Tensor policy_loss = mean(alpha * log_pi - q_now);  // (3)
  const double entropy =
      sac_options_.target_entropy * static_cast<double>(policy_.description().action.size);
  const Tensor missing = stop_gradient(mean(log_pi) + entropy);
  const Tensor temperature_loss = -reshape(log_alpha, {}) * missing;  // (4)
  report.emplace(report.begin(), "loss", critic_loss);
  report.emplace_back("policy_loss", policy_loss);
  report.emplace_back("q", mean(q1));
  report.emplace_back("entropy", -mean(log_pi));
  report.emplace_back("temperature", alpha);

  // Every gradient before any step.
  const auto gradient = [&](Tensor loss, const Parameters& of) {
    return program.pack(program.gradients(loss, of.use(program)));
  };
  const Tensor of_critics = gradient(critic_loss, critics_.parameters);
  const Tensor of_policy = gradient(policy_loss, policy_.parameters());
  const Tensor of_temperature = gradient(temperature_loss, temperature_);
  const Clipping clipping = {.norm = options_.gradient_norm};
  critic_adam_ = std::make_unique<Adam>(
      critics_.parameters, store_,
      Adam::Options{.learning_rate = options_.learning_rate, .clipping = clipping});
  policy_adam_ = std::make_unique<Adam>(
      policy_.parameters(), store_,
      Adam::Options{.learning_rate = sac_options_.policy_rate, .clipping = clipping});
  critic_adam_->record_update(program, of_critics);
  policy_adam_->record_update(program, of_policy);
  if (sac_options_.temperature_rate > 0) {
    temperature_adam_ = std::make_unique<Adam>(
        temperature_, store_, Adam::Options{.learning_rate = sac_options_.temperature_rate});
    temperature_adam_->record_update(program, of_temperature);
  }
  follow(targets_.parameters, critics_.parameters);
  finish(report);
}

}  // namespace understudy
