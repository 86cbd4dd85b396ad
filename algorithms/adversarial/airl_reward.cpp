#include "algorithms/adversarial/airl_reward.h"

#include <algorithm>
#include <cmath>

#include "algorithms/adversarial/frozen_reward.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Beyond the streams that parameters and minibatches draw from.
constexpr std::uint64_t past_stream = std::uint64_t{1} << 36;

}  // namespace

void list_options(OptionList& list, AirlOptions& o) {
  constexpr const char* paper = "Fu et al. 2018";
  list.fields(
      o, option("hidden", o.hidden, "units of the layers of g, tanh; none: linear", {.least = 1}),
      option("shaping_hidden", o.shaping_hidden, "units of the layers of h, tanh", {.least = 1}),
      option("learning_rate", o.learning_rate, "Adam's", {.above = 0}),
      option("/entropy_weight", o.entropy_weight,
             "of -log pi(a|s) in the policy's reward; 1: log D - log(1 - D)",
             {.least = 0, .source = paper}),
      option("steps", o.steps, "of Adam an iteration", {.least = 0}),
      option("batch_size", o.batch_size, "rows of either side a step; 0: all", {.least = 0}),
      option("past", o.past,
             "half of the learner's rows are of all iterations so far, not of the latest alone",
             {.source = "Finn et al. 2016, section 4.2; Fu et al. 2018, appendix"}),
      seed(o.seed));
}

void require_likelihood(const Policy& policy, const char* algorithm) {
  const HeadRow& head = policy.description().head.row();
  if (!head.traits.likelihood)
    fail(ErrorKind::bad_input, "%s: expected a head that knows its likelihood, found '%s'",
         algorithm, head.name);
}

Tensor bounded_likelihood(const ActionSpace& action, Tensor log_likelihood) {
  double log_volume = 0;
  const std::size_t bounded = std::min(action.low.size(), action.high.size());
  for (std::size_t d = 0; d < bounded; ++d) log_volume += std::log(action.high[d] - action.low[d]);
  const bool every = action.kind == ActionKind::continuous &&
                     static_cast<std::int64_t>(bounded) == action.size && std::isfinite(log_volume);
  if (!every) return log_likelihood;
  return maximum(log_likelihood, log_likelihood.program().constant(-log_volume));
}

Demonstrations with_next_observations(const Demonstrations& expert, const EpisodeEnds& ends) {
  if (expert.last_observation || !expert.durations.empty()) return expert;
  Demonstrations made = expert;
  made.observations = expert.observations.like();
  made.actions = expert.actions.like();
  made.rewards.clear();
  made.starts = {0};
  made.last_observation = true;
  for (std::int64_t e = 0; e < expert.episodes(); ++e) {
    const std::int64_t first = expert.first_action(e), length = expert.length(e);
    const bool terminated = ends.by_episode[static_cast<std::size_t>(e)] != 0;
    const std::int64_t kept = terminated || length == 0 ? length : length - 1;
    made.observations.append(expert.observations, first, length);
    if (terminated) made.observations.append(expert.observations, first + length - 1, 1);
    made.actions.append(expert.actions, first, kept);
    if (!expert.rewards.empty())
      made.rewards.insert(made.rewards.end(), expert.rewards.begin() + first,
                          expert.rewards.begin() + first + kept);
    made.starts.push_back(made.starts.back() + kept);
    made.durations.push_back(length);
  }
  return made;
}

AirlReward::AirlReward(const Policy& policy, RewardInput input, const Demonstrations& expert,
                       const EpisodeEnds& ends, std::int64_t count, double discount,
                       const AirlOptions& options, std::string_view name,
                       const std::optional<AbsorbingStates>& absorbing)
    : LearnedReward(
          policy.device(),
          {{policy.description().observation, policy.description().action}, input, true, true},
          expert, count, name, policy.store().real(), absorbing),
      discount_(discount),
      options_(options),
      likelihoods_(policy.device(), policy.store().real()),
      mixing_(policy.device(), policy.store().real()),
      joining_(policy.device(), policy.store().real()) {
  check_options(options);
  require_likelihood(policy, "airl");
  const std::int64_t state = policy.description().observation.width();
  const std::int64_t width = features_.network_width() + state + 2;
  // Last layers start at zero: nothing is known of rewards.
  const auto network = [&](const char* of, std::int64_t inputs, const auto& hidden) {
    return std::make_unique<Mlp>(
        parameters_, of,
        Mlp::Options{.inputs = inputs, .hidden = hidden, .outputs = 1, .last_weight = zeros()});
  };
  g_ = network("reward", features_.network_width(), options_.hidden);
  h_ = network("shaping", state, options_.shaping_hidden);
  parameters_.create(store_, options_.seed);
  learner_ = &data_.create("features/learner", {count, width});
  expert_ = &data_.create("features/expert", {features_.expert_rows(), width});

  observing_.assign(*learner_, packed(features_.inputs(observing_, count), learner_terminated(),
                                      observing_.input("log_probability", {rows(count)})));
  {
    const std::int64_t n = features_.expert_rows();
    const TransitionFeatures::Inputs inputs = features_.inputs(likelihoods_, n);
    const Tensor terminated = likelihoods_.input("terminated", {rows(n)});
    likelihoods_.assign(
        *expert_, packed(inputs, terminated,
                         policy.distribution(inputs.observation)->log_probability(inputs.action)));
    features_.write_expert(likelihoods_);
    std::vector<double> last(static_cast<std::size_t>(n), 0);
    for (std::size_t e = 0; e < ends.by_episode.size(); ++e)
      if (ends.by_episode[e] != 0) last[static_cast<std::size_t>(expert.starts[e + 1]) - 1] = 1;
    likelihoods_.write("terminated", last);
  }
  if (options_.past) record_past(count, width);
  classifier_ = std::make_unique<Classifier>(
      parameters_, store_, *expert_, options_.past ? *both_ : *learner_,
      [this](Tensor of) { return logit(of); },
      Classifier::Options{.learning_rate = options_.learning_rate,
                          .steps = options_.steps,
                          .batch_size = options_.batch_size,
                          .seed = options_.seed});

  const Tensor seen = rewarding_.use(rows_of(*learner_));
  Tensor reward = f(seen) - options_.entropy_weight * log_likelihood(seen);  // (3)
  rewarding_.output("mean", mean(reward));
  if (has_absorbing()) reward = continued(reward, beyond_the_end(rewarding_));  // (5)
  rewarding_.output("reward", reward);
  rewarding_.plan();
}

// A uniform sample of the rows of all iterations: at the k-th each is replaced with chance 1 / k.
void AirlReward::record_past(std::int64_t count, std::int64_t width) {
  past_ = &store_.create("airl/past", {count, width});
  both_ = &data_.create("features/learners", {2 * count, width});
  Array& before = store_.create("airl/iterations", {1});
  const RandomSource draws = {&store_.create("airl/draws", {1}, Element::counter), options_.seed,
                              past_stream};
  Program& program = mixing_;
  const Tensor latest = program.use(rows_of(*learner_));
  const Tensor iterations = program.use(before) + program.full({1}, 1);
  const Tensor replaced =
      less(random_uniform(program, draws, {rows(count)}) * iterations, program.constant(1));
  const Tensor kept = select(expand(reshape(replaced, {rows(count), 1}), {rows(count), width}),
                             latest, program.use(rows_of(*past_)));
  program.assign(*past_, kept);
  program.assign(before, iterations);
  program.plan();
  joining_.assign(*both_, concatenate({joining_.use(*learner_), joining_.use(*past_)}, 0));
  joining_.plan();
}

// A row: the input of g, whose first numbers are s; s'; 1 unless it terminates; log pi(a|s).
Tensor AirlReward::packed(const TransitionFeatures::Inputs& inputs, Tensor terminated,
                          Tensor log_likelihood) const {
  const Shape one = {terminated.shape().dimension(0), 1};
  return concatenate({features_.network_input(inputs), features_.state(inputs.next_observation),
                      reshape(1.0 - terminated, one),
                      reshape(bounded_likelihood(features_.spaces().action, log_likelihood), one)},
                     -1);
}

namespace {

// [rows, 1] as [rows].
Tensor flat(Tensor x) { return reshape(x, {x.shape().dimension(0)}); }

}  // namespace

Tensor AirlReward::g(Tensor of) const {
  return flat((*g_)(slice(of, -1, 0, features_.network_width())));
}

Tensor AirlReward::h(Tensor of) const {
  return flat((*h_)(slice(of, -1, 0, features_.spaces().observation.width())));
}

Tensor AirlReward::f(Tensor of) const {
  const std::int64_t before = features_.network_width();
  const std::int64_t state = features_.spaces().observation.width();
  const Tensor next = flat((*h_)(slice(of, -1, before, state)));
  const Tensor goes_on = flat(slice(of, -1, before + state, 1));
  return g(of) + discount_ * (goes_on * next) - h(of);  // (2), (4)
}

Tensor AirlReward::log_likelihood(Tensor of) const {
  return flat(slice(of, -1, of.shape()[-1] - 1, 1));
}

Tensor AirlReward::logit(Tensor of) const {
  const Tensor whole = f(of) - log_likelihood(of);
  return has_absorbing() ? whole - before_the_end(of.program()) : whole;
}

void AirlReward::observe(const TransitionBatch& batch) {
  observing_.bind("log_probability", batch.log_probability);
  LearnedReward::observe(batch);
  likelihoods_.run();
  if (past_ == nullptr) return;
  mixing_.run();
  joining_.run();
}

AdversaryMetrics AirlReward::metrics() {
  AdversaryMetrics result;
  result.sign = sign();
  result.mean_reward = rewarding_.value("mean");
  add_absorbing(result);
  classifier_->add(result);
  return result;
}

std::unique_ptr<FrozenReward> AirlReward::frozen() const {
  RewardDescription description = described();
  description.hidden = options_.hidden;
  if (has_absorbing()) description.absorbing = absorbing_logits().beyond;
  return frozen_as(description, parameters_.flat().read());  // g's are the first
}

}  // namespace understudy
