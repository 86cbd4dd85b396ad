#include "algorithms/off_policy/q_learning.h"

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// What the draws of actions are numbered by.
enum Stream : std::uint64_t { greedy_or_not = 1, any_action = 2, soft_action = 3 };

const Policy& of_logits(const Policy& policy) {
  const PolicyDescription& description = policy.description();
  if (description.action.kind != ActionKind::discrete)
    fail(ErrorKind::bad_shape, "Q-learning: expected discrete actions, found %s",
         description.action.text().c_str());
  if (!description.head.row().traits.logits)
    fail(ErrorKind::bad_input,
         "Q-learning: expected a head whose parameters are logits (categorical, dueling), found %s",
         description.head.name().c_str());
  return policy;
}

// It is given observations that the policy has normalized.
PolicyDescription target_of(PolicyDescription description) {
  description.normalize_observations = false;
  return description;
}

}  // namespace

QLearningOptions QLearningOptions::dqn() { return {}; }

QLearningOptions QLearningOptions::imitating(OffPolicyAlgorithm algorithm) {
  QLearningOptions options;
  options.terms.algorithm = algorithm;
  if (algorithm == OffPolicyAlgorithm::dqfd) {
    options.terms.demonstration_share = 0.25;
    options.learner.n_step = 10;  // (Hester et al. 2018)
    // Returns of hundreds are too far for a loss that grows in a straight line, and who has been
    // shown the way need not try everything: chosen on CartPole.
    options.huber = false;
    options.epsilon_first = 0.05;
    options.epsilon_last = 0.01;  // (ibid.)
    return options;
  }
  options.soft = true;
  options.huber = false;
  options.temperature = 0.1;
  return options;
}

void list_options(OptionList& list, QLearningOptions& o) {
  list.fields(
      o, group("", o.learner), group("", o.terms),
      option("soft", o.soft, "soft Q-learning: values by log-sum-exp, actions by softmax",
             {.source = "Haarnoja et al. 2017"}),
      option("double_q", o.double_q, "hard: the network that learns chooses the action of targets",
             {.source = "van Hasselt et al. 2016"}),
      option("huber", o.huber, "the loss grows in a straight line from errors of 1 on",
             {.source = "Mnih et al. 2015"}),
      option("temperature", o.temperature,
             "tau: the policy is softmax(Q / tau); its mode is greedy in Q at any", {.above = 0}),
      option("epsilon_first", o.epsilon_first, "hard: share of random actions at the start",
             {.least = 0, .most = 1, .source = "Mnih et al. 2015"}),
      option("epsilon_last", o.epsilon_last, "hard: share of random actions in the end",
             {.least = 0, .most = 1}),
      option("epsilon_steps", o.epsilon_steps, "hard: steps over which that share goes down",
             {.least = 1, .unit = "steps"}));
  if (o.terms.algorithm == OffPolicyAlgorithm::iq_learn) list.leave_out("huber");
  if (o.terms.replaces_reward()) list.leave_out("n_step");
}

QLearning::QLearning(Policy& policy, const EnvironmentDescription& environment,
                     const QLearningOptions& options, const OffPolicyData& data)
    : OffPolicyLearner(policy, environment, options.learner, options.terms, data),
      q_options_(options),
      target_(policy.device(), target_of(of_logits(policy).description())) {
  check_options(options);
  record_acting([this](Tensor observation, Tensor random) { return act(observation, random); });
  record_update();
}

// (1)
Tensor QLearning::q_of(const Policy& network, Tensor observation) const {
  return q_options_.temperature * network.distribution(observation)->parameters()[0];
}

Tensor QLearning::value_of(Tensor q) const {
  const double tau = q_options_.temperature;
  return q_options_.soft ? tau * log_sum_exp(q / tau) : max(q, -1);
}

Tensor QLearning::error(Tensor difference) const {
  if (!q_options_.huber) return 0.5 * square(difference);
  const Tensor size = abs(difference), one = difference.program().constant(1);
  const Tensor within = minimum(size, one);
  return within * (size - 0.5 * within);
}

Tensor QLearning::act(Tensor observation, Tensor random_only) {
  Program& program = acting_;
  const Tensor q = q_of(policy_, observation);
  const Tensor nothing = 0.0 * q;
  const Tensor all_random = expand(random_only, q.shape());
  if (q_options_.soft)
    return random_categorical(random(soft_action),
                              select(all_random, nothing, q / q_options_.temperature));
  const double first = q_options_.epsilon_first, last = q_options_.epsilon_last;
  const Tensor done = clamp(steps_done() / static_cast<double>(q_options_.epsilon_steps), 0, 1);
  const Tensor epsilon = select(random_only, program.constant(1), first + (last - first) * done);
  const Shape each = leading(q.shape());
  const Tensor explores =
      less(random_uniform(program, random(greedy_or_not), each), expand(epsilon, each));
  // Of noise alone every action is the largest as often as any other.
  const Tensor noise = random_uniform(program, random(any_action), q.shape());
  return argmax(select(expand(column(explores), q.shape()), noise, q), -1);
}

void QLearning::record_update() {
  Program& program = updating_;
  const Recorded m = record_minibatch();
  const ImitationTerms& terms = terms_;
  const Tensor q_all = q_of(policy_, m.batch.observation);
  const Tensor q = sum(q_all * m.action, -1);
  const auto value_at = [&](Tensor next_observation) {
    const Tensor aimed = q_of(target_, normalized(next_observation));
    if (q_options_.soft || !q_options_.double_q) return value_of(aimed);
    const Tensor best = argmax(q_of(policy_, next_observation), -1);
    return take_along_axis(aimed, best);
  };
  const Tensor next =
      stop_gradient(m.batch.going_on * value_at(m.batch.next_observation) + m.beyond);
  std::vector<std::pair<std::string, Tensor>> report;
  Tensor loss;
  if (terms.algorithm == OffPolicyAlgorithm::iq_learn) {
    const Tensor flag = m.batch.demonstrated;
    const Tensor weight =
        program.full(flag.shape(), 1.0 / static_cast<double>(options_.batch_size));
    loss = iq_loss(q, next, value_of(q_all), flag / sum(flag), weight, terms.alpha);
    report.emplace_back("reward", mean(q - next));
  } else {
    const Tensor difference = q - stop_gradient(m.reward) - next;
    loss = mean(error(difference));
    report.emplace_back("td_error", mean(abs(difference)));
    report.emplace_back("reward", mean(m.reward));
  }
  if (terms.algorithm == OffPolicyAlgorithm::dqfd) {
    // One step beside n, of the same rows; the margin of the demonstrated ones.
    const ReplayBuffer::Minibatch one = replay_.gather(program, m.index, 1, options_.discount);
    const Tensor one_target =
        stop_gradient(one.reward + one.going_on * value_at(one.next_observation));
    const Tensor flag = m.batch.demonstrated;
    const Tensor margin = sum(flag * margin_loss(q_all, m.action, terms.margin)) /
                          maximum(sum(flag), program.constant(1));
    loss = mean(error(q - one_target)) + terms.n_step_weight * loss + terms.margin_weight * margin;
    report.emplace_back("margin_loss", margin);
  }
  report.emplace(report.begin(), "loss", loss);
  report.emplace_back("q", mean(q));
  const double l2 = terms.algorithm == OffPolicyAlgorithm::dqfd ? terms.l2 : 0;
  adam_ =
      std::make_unique<Adam>(policy_.parameters(), store_,
                             Adam::Options{.learning_rate = options_.learning_rate,
                                           .clipping = {.norm = options_.gradient_norm, .l2 = l2}});
  adam_->record(program, loss);
  follow(target_.parameters(), policy_.parameters());
  finish(report);
}

}  // namespace understudy
