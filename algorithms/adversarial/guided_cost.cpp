#include "algorithms/adversarial/guided_cost.h"

#include <algorithm>
#include <cmath>

#include "algorithms/cloning/behavior_cloning.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Log of a share that is none, and of a density that nothing reaches: finite, so that nothing that
// is multiplied by it becomes NaN.
constexpr double nothing = -1e30;
// Below so many effective samples the partition function is a guess from one or two trajectories.
constexpr double few_samples = 2;

}  // namespace

void list_options(OptionList& list, GuidedCost::Options& o) {
  list.fields(o, option("hidden", o.hidden, "units of the cost's layers, tanh", {.least = 1}),
              option("features", o.features, "y of the last layer; the cost is |y|^2",
                     {.least = 1, .most = 4096, .source = "Finn et al. 2016, section 5"}),
              option("learning_rate", o.learning_rate, "Adam's", {.above = 0}),
              option("steps", o.steps, "of Adam an iteration", {.least = 0}),
              option("rate_weight", o.rate_weight,
                     "of changes of the cost's rate along a trajectory (local constant rate)",
                     {.least = 0, .source = "Finn et al. 2016, equation 2"}),
              option("monotonic_weight", o.monotonic_weight,
                     "of increases of the cost by more than 1 along demonstrations",
                     {.least = 0, .source = "Finn et al. 2016, section 5"}),
              option("background", o.background, "collections that estimate the partition function",
                     {.least = 1, .most = 1000, .source = "Finn et al. 2016, section 4.3"}),
              option("demonstrations_in_background", o.demonstrations_in_background,
                     "they estimate it too", {.source = "Finn et al. 2016, section 4.3"}),
              option("cloning_steps", o.cloning_steps,
                     "of the policy whose density stands for the demonstrations'", {.least = 0}),
              seed(o.seed));
}

GuidedLoss guided_loss(Tensor demonstrated, Tensor background, Tensor log_z) {
  const Tensor logits = -background - log_z;
  return {mean(demonstrated) + log_sum_exp(logits), softmax(logits)};
}

Tensor log_mixture(Tensor log_q, Tensor log_share) { return log_sum_exp(log_q + log_share); }

Tensor rate_changes(Tensor costs) {
  const std::int64_t steps = costs.shape()[0];
  const Tensor second = slice(costs, 0, 2, steps - 2) - 2.0 * slice(costs, 0, 1, steps - 2) +
                        slice(costs, 0, 0, steps - 2);
  return sum(square(second), 0);
}

Tensor increases(Tensor costs) {
  const std::int64_t steps = costs.shape()[0];
  const Tensor up = slice(costs, 0, 1, steps - 1) - slice(costs, 0, 0, steps - 1) - 1.0;
  return sum(square(relu(up)), 0);
}

GuidedCost::GuidedCost(Policy& policy, RewardInput input, const Demonstrations& demonstrations,
                       std::int64_t steps, std::int64_t num_envs, const Options& options,
                       std::string_view name)
    : policy_(policy),
      options_(options),
      steps_(steps),
      num_envs_(num_envs),
      demonstrated_(demonstrations.episodes()),
      trajectories_(demonstrated_ + options.background * num_envs),
      parts_(options.background + 1),
      store_(policy.device()),
      data_(policy.device()),
      features_(data_, {{policy.description().observation, policy.description().action}, input},
                demonstrations, name),
      scorer_(policy.device(), policy.description(), options.seed),
      scoring_(policy.device()),
      mixing_(policy.device()),
      observing_(policy.device()),
      training_(policy.device()),
      evaluating_(policy.device()),
      newest_features_(policy.device()) {
  check_options(options);
  if (features_.reads_next())
    fail(ErrorKind::bad_input, "input: expected state or state_action for gcl, found state_pair");
  for (std::int64_t e = 0; e < demonstrated_; ++e)
    if (demonstrations.length(e) != steps || demonstrations.duration(e) != steps)
      fail(ErrorKind::bad_input,
           "%s: episode %lld: expected whole episodes of %lld steps, found one of %lld",
           std::string(name).c_str(), static_cast<long long>(e), static_cast<long long>(steps),
           static_cast<long long>(demonstrations.length(e)));
  if (steps < 3)
    fail(ErrorKind::bad_input, "gcl: expected episodes of 3 steps or more, found %lld",
         static_cast<long long>(steps));
  network_ = std::make_unique<Mlp>(parameters_, "network",
                                   Mlp::Options{.inputs = features_.network_width(),
                                                .hidden = options_.hidden,
                                                .outputs = options_.features});
  parameters_.create(store_, options_.seed);
  adam_ = std::make_unique<Adam>(parameters_, store_,
                                 Adam::Options{.learning_rate = options_.learning_rate});
  const std::int64_t m = trajectories_, rows = steps_ * m;
  const std::int64_t width = policy.description().observation.width();
  const ActionSpace& action = policy.description().action;
  observation_ = &store_.create("background/observation", {rows, width});
  action_ = action.kind == ActionKind::discrete
                ? &store_.create("background/action", {rows}, Element::index)
                : &store_.create("background/action", {rows, action.size});
  policies_ = &store_.create("background/policies", {parts_, policy.parameters().elements()});
  pushed_ = &store_.create("background/pushed", {1}, Element::counter);
  log_q_ = &data_.create("log_q", {parts_, m});
  log_share_ = &data_.create("log_share", {parts_});
  log_z_ = &data_.create("log_z", {m});
  seen_ = &data_.create("seen", {rows, features_.network_width()});
  seen_share_ = &data_.create("seen_share", {m});
  newest_ = &data_.create("newest", {steps_ * num_envs_, features_.network_width()});
  clone_demonstrations(demonstrations);
  record();
}

// Trajectory by trajectory, step by step, to where a step has all trajectories.
void GuidedCost::clone_demonstrations(const Demonstrations& demonstrations) {
  const Transitions pairs = transitions(demonstrations);
  // Of observations as they are for the policy.
  for (const auto& array : policy_.store().arrays())
    if (Array* own = scorer_.store().find(array->name());
        own != nullptr && !array->name().starts_with("policy"))
      own->write(array->read());
  if (options_.cloning_steps > 0) {
    BehaviorCloning cloning(
        scorer_, pairs,
        {.batch_size = std::min<std::int64_t>(128, pairs.rows()), .seed = options_.seed});
    cloning.train(options_.cloning_steps);
  }
  const Array& cloned = scorer_.parameters().flat();
  policy_.device().copy(static_cast<std::byte*>(policies_->data()) +
                            static_cast<std::size_t>(parts_ - 1) * cloned.bytes(),
                        cloned.data(), cloned.bytes());
  std::vector<double> observations = observation_->read(), actions = action_->read();
  const std::int64_t width = pairs.observations.width();
  const std::int64_t acted = static_cast<std::int64_t>(actions.size()) / (steps_ * trajectories_);
  const std::vector<float> given = pairs.actions.as_numbers();
  for (std::int64_t e = 0; e < demonstrated_; ++e)
    for (std::int64_t t = 0; t < steps_; ++t) {
      const std::int64_t from = e * steps_ + t, to = t * trajectories_ + e;
      std::copy_n(pairs.observations.numbers.begin() + from * width, width,
                  observations.begin() + to * width);
      std::copy_n(given.begin() + from * acted, acted, actions.begin() + to * acted);
    }
  observation_->write(observations);
  action_->write(actions);
}

void GuidedCost::record() {
  const std::int64_t m = trajectories_, count = steps_ * m;
  scoring_.output("log_probability", scorer_.distribution(scoring_.use(rows_of(*observation_)))
                                         ->log_probability(scoring_.use(rows_of(*action_))));
  scoring_.plan();

  {
    Program& program = mixing_;
    program.assign(*log_z_, log_mixture(transpose(program.use(*log_q_)), program.use(*log_share_)) -
                                program.use(*seen_share_));
    program.plan();
  }
  observing_.assign(*seen_, features_.network_input(features_.inputs(observing_, count)));
  observing_.bind("observation", rows_of(*observation_));
  if (features_.spaces().input == RewardInput::state_action)
    observing_.bind("action", rows_of(*action_));
  observing_.plan();
  newest_features_.assign(
      *newest_, features_.network_input(features_.inputs(newest_features_, steps_ * num_envs_)));

  const Tensor costs = reshape(cost(training_.use(*seen_)), {steps_, m});
  const Tensor total = sum(costs, 0), log_z = training_.use(*log_z_);
  const Tensor demonstrated = slice(total, 0, 0, demonstrated_);
  const GuidedLoss guided = guided_loss(demonstrated, total, log_z);
  Tensor loss = guided.loss;
  if (options_.rate_weight > 0) {
    // Of samples there are, each as much as another.
    const Tensor there = exp(training_.use(*seen_share_));
    loss = loss + options_.rate_weight * (sum(there * rate_changes(costs)) / sum(there));
  }
  if (options_.monotonic_weight > 0)
    loss = loss + options_.monotonic_weight * mean(increases(slice(costs, 1, 0, demonstrated_)));
  training_.output("loss", guided.loss);
  training_.output("effective", reciprocal(sum(square(guided.weights))));
  training_.output("demonstrated", mean(demonstrated));
  adam_->record(training_, loss);
  training_.plan();

  const Tensor now = cost(evaluating_.use(rows_of(*newest_)));
  evaluating_.output("cost", now);
  evaluating_.output("mean", mean(now));
  evaluating_.plan();
}

Tensor GuidedCost::cost(Tensor features) const { return sum(square((*network_)(features)), -1); }

void GuidedCost::copy_in(const Array& to, const void* from, std::int64_t first, std::int64_t count,
                         std::int64_t steps) const {
  const std::size_t row = to.bytes() / static_cast<std::size_t>(steps_ * trajectories_);
  for (std::int64_t t = 0; t < steps; ++t)
    policy_.device().copy(
        static_cast<std::byte*>(to.data()) +
            static_cast<std::size_t>(t * trajectories_ + first) * row,
        static_cast<const std::byte*>(from) + static_cast<std::size_t>(t * count) * row,
        static_cast<std::size_t>(count) * row);
}

void GuidedCost::push(const TransitionBatch& batch) {
  const auto pushed = static_cast<std::int64_t>(pushed_->read()[0]);
  const std::int64_t place = pushed % options_.background;
  const std::int64_t first = demonstrated_ + place * num_envs_;
  copy_in(*observation_, batch.observation.data(), first, num_envs_, steps_);
  copy_in(*action_, batch.action.data(), first, num_envs_, steps_);
  const Array& acting = policy_.parameters().flat();
  policy_.device().copy(
      static_cast<std::byte*>(policies_->data()) + static_cast<std::size_t>(place) * acting.bytes(),
      acting.data(), acting.bytes());
  pushed_->write({static_cast<double>(pushed + 1)});
  features_.bind(newest_features_, batch);
  newest_features_.run();
}

// log q_j of every trajectory by every policy, and z of them.
void GuidedCost::score() {
  const auto pushed = static_cast<std::int64_t>(pushed_->read()[0]);
  const std::int64_t kept = std::min(pushed, options_.background);
  const bool fused = options_.demonstrations_in_background;
  const double all = static_cast<double>(kept * num_envs_ + (fused ? demonstrated_ : 0));
  std::vector<double> shares(static_cast<std::size_t>(parts_), nothing);
  for (std::int64_t j = 0; j < kept; ++j)
    shares[static_cast<std::size_t>(j)] = std::log(static_cast<double>(num_envs_) / all);
  if (fused) shares.back() = std::log(static_cast<double>(demonstrated_) / all);
  log_share_->write(shares);
  std::vector<double> there(static_cast<std::size_t>(trajectories_), nothing);
  std::fill_n(there.begin(), fused ? demonstrated_ : 0, 0.0);
  std::fill_n(there.begin() + demonstrated_, kept * num_envs_, 0.0);
  seen_share_->write(there);

  const Array& scoring = scorer_.parameters().flat();
  std::vector<double> log_q;
  for (std::int64_t j = 0; j < parts_; ++j) {
    if (shares[static_cast<std::size_t>(j)] == nothing) {
      log_q.insert(log_q.end(), static_cast<std::size_t>(trajectories_), 0.0);
      continue;
    }
    policy_.device().copy(scoring.data(),
                          static_cast<const std::byte*>(policies_->data()) +
                              static_cast<std::size_t>(j) * scoring.bytes(),
                          scoring.bytes());
    scoring_.run();
    const std::vector<double> rows = scoring_.read("log_probability");
    std::vector<double> sums(static_cast<std::size_t>(trajectories_), 0.0);
    for (std::size_t i = 0; i < rows.size(); ++i)
      sums[i % static_cast<std::size_t>(trajectories_)] += rows[i];
    log_q.insert(log_q.end(), sums.begin(), sums.end());
  }
  log_q_->write(log_q);
  mixing_.run();
  metrics_.samples = all;
}

void GuidedCost::fit() {
  score();
  observing_.run();
  for (std::int64_t i = 0; i < options_.steps; ++i) {
    training_.run();
    if (i > 0) continue;
    metrics_.loss = training_.value("loss");
    metrics_.demonstrated = training_.value("demonstrated");
    metrics_.effective_samples = training_.value("effective");
  }
  evaluating_.run();
  metrics_.sampled = evaluating_.value("mean") * static_cast<double>(steps_);
  metrics_.warning =
      metrics_.effective_samples < few_samples
          ? "one or two trajectories have all the weight in the partition function: "
            "take a smaller learning_rate or fewer cost.steps, more environments, or "
            "a larger background"
          : nullptr;
}

}  // namespace understudy
