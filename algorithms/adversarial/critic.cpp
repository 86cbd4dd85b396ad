#include "algorithms/adversarial/critic.h"

#include <limits>

#include "algorithms/data/draws.h"
#include "autograd/options/options.h"

namespace understudy {

namespace {

// Beyond the streams that parameters draw from, which are numbered from 0.
constexpr std::uint64_t minibatch_stream = std::uint64_t{1} << 35;
constexpr std::uint64_t between_stream = (std::uint64_t{1} << 32) + 160;
// Under the root of |df/dx|^2, whose slope at 0 is infinite.
constexpr double least_square = 1e-12;

constexpr OptionChoice constraints[] = {choice(Lipschitz::weight_clipping, "weight_clipping"),
                                        choice(Lipschitz::gradient_penalty, "gradient_penalty")};

}  // namespace

void list_options(OptionList& list, Critic::Options& o) {
  list.fields(
      o,
      option("hidden", o.hidden, "units of the critic's layers, tanh",
             {.least = 1, .source = "Ho & Ermon 2016, section 6"}),
      option("constraint", o.constraint, constraints, "what keeps the critic's slope bounded",
             {.source = "Arjovsky et al. 2017; Gulrajani et al. 2017"}),
      option("clip", o.clip, "bound of each weight, with weight_clipping",
             {.above = 0, .source = "Arjovsky et al. 2017, algorithm 1"}),
      option("penalty_weight", o.penalty_weight, "of the slopes' penalty, with gradient_penalty",
             {.least = 0, .source = "Gulrajani et al. 2017, algorithm 1"}),
      option("learning_rate", o.learning_rate,
             "RMSprop's with weight_clipping, Adam's with gradient_penalty", {.above = 0}),
      option("steps", o.steps, "of the critic an iteration",
             {.least = 0, .source = "Gulrajani et al. 2017, algorithm 1"}),
      option("batch_size", o.batch_size, "rows of either side a step", {.least = 1}),
      option("reward_scale", o.reward_scale, "times the critic's score is the reward",
             {.above = 0}),
      seed(o.seed));
}

Critic::Critic(Device& device, const TransitionSpaces& spaces, const Demonstrations& expert,
               std::int64_t count, const Options& options, std::string_view name, Real real)
    : LearnedReward(device, spaces, expert, count, name, real, std::nullopt),
      options_(options),
      rows_(count),
      training_(device, real),
      clipping_(device, real),
      diagnostics_(device, real) {
  check_options(options);
  const std::int64_t width = features_.network_width();
  network_ =
      std::make_unique<Mlp>(parameters_, "network",
                            Mlp::Options{.inputs = width, .hidden = options_.hidden, .outputs = 1});
  parameters_.create(store_, options_.seed);
  if (options_.constraint == Lipschitz::weight_clipping)
    optimizer_ = std::make_unique<RmsProp>(
        parameters_, store_, RmsProp::Options{.learning_rate = options_.learning_rate});
  else
    optimizer_ = std::make_unique<Adam>(
        parameters_, store_,
        Adam::Options{.learning_rate = options_.learning_rate, .beta1 = 0.5, .beta2 = 0.9});
  steps_done_ = &store_.create("critic/steps", {1}, Element::counter);
  counter_ = &store_.create("critic/counter", {1}, Element::counter);
  learner_ = &data_.create("features/learner", {rows_, width});
  expert_ = &data_.create("features/expert", {features_.expert_rows(), width});

  observing_.assign(*learner_, features_.network_input(features_.inputs(observing_, rows_)));
  {
    Program once(device, real);
    once.assign(*expert_, features_.network_input(features_.inputs(once, features_.expert_rows())));
    features_.write_expert(once);
    once.run();
  }
  record_training();
  const Tensor distance = mean(score(diagnostics_.use(rows_of(*expert_)))) -
                          mean(score(diagnostics_.use(rows_of(*learner_))));
  diagnostics_.output("distance", distance);
  diagnostics_.plan();

  const Tensor reward = options_.reward_scale * score(rewarding_.use(rows_of(*learner_)));
  rewarding_.output("mean", mean(reward));
  rewarding_.output("reward", reward);
  rewarding_.plan();
}

Tensor Critic::score(Tensor features) const {
  const Tensor f = (*network_)(features);
  return reshape(f, {f.shape().dimension(0)});
}

Tensor Critic::loss(Tensor expert, Tensor learner, Tensor between) const {
  const Tensor apart = mean(score(learner)) - mean(score(expert));
  if (options_.constraint == Lipschitz::weight_clipping) return apart;
  const Tensor x = stop_gradient(learner + between * (expert - learner));
  const Tensor slope = x.program().gradients(sum(score(x)), {x})[0];
  const Tensor steepness = sqrt(sum(square(slope), -1) + least_square);
  return apart + options_.penalty_weight * mean(square(steepness - 1.0));
}

void Critic::record_training() {
  const Shape n = {rows(options_.batch_size)};
  const Tensor expert =
      gather_rows(training_.use(*expert_), training_.input("expert_index", n, Element::index));
  const Tensor learner =
      gather_rows(training_.use(*learner_), training_.input("learner_index", n, Element::index));
  const Tensor between = options_.constraint == Lipschitz::gradient_penalty
                             ? random_uniform(training_, {counter_, options_.seed, between_stream},
                                              {rows(options_.batch_size), 1})
                             : Tensor();
  const Tensor total = loss(expert, learner, between);
  training_.output("loss", total);
  optimizer_->record(training_, total);
  training_.plan();
  if (options_.constraint != Lipschitz::weight_clipping) return;
  clipping_.assign(parameters_.flat(),
                   clamp(clipping_.use(parameters_.flat()), -options_.clip, options_.clip));
  clipping_.plan();
  clipping_.run();
}

void Critic::fit() {
  diagnostics_.run();
  // A step's rows depend on its number alone, so that a resumed run draws the same.
  std::vector<std::int32_t> batch(static_cast<std::size_t>(options_.batch_size));
  auto done = static_cast<std::uint64_t>(steps_done_->read()[0]);
  for (std::int64_t i = 0; i < options_.steps; ++i, ++done) {
    Draws draws(options_.seed, minibatch_stream + done);
    for (std::int32_t& row : batch)
      row = static_cast<std::int32_t>(draws.below(features_.expert_rows()));
    training_.write_indices("expert_index", batch.data(), options_.batch_size);
    for (std::int32_t& row : batch) row = static_cast<std::int32_t>(draws.below(rows_));
    training_.write_indices("learner_index", batch.data(), options_.batch_size);
    training_.run();
    if (options_.constraint == Lipschitz::weight_clipping) clipping_.run();
  }
  steps_done_->write({static_cast<double>(done)});
}

AdversaryMetrics Critic::metrics() {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  AdversaryMetrics result;
  result.sign = sign();
  result.loss = -distance();
  result.mean_reward = rewarding_.value("mean");
  add_absorbing(result);
  result.expert_accuracy = result.learner_accuracy = none;
  result.calibration_error = result.entropy = none;
  return result;
}

}  // namespace understudy
