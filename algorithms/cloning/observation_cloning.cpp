#include "algorithms/cloning/observation_cloning.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

PolicyDescription inverse_of(const PolicyDescription& policy,
                             const ObservationCloning::InverseOptions& options) {
  if (policy.observation.discrete || !policy.observation.vocabularies.empty())
    fail(ErrorKind::bad_input, "bco: expected observations that are numbers, found indices");
  PolicyDescription inverse;
  inverse.observation.shape = {2 * policy.observation.width()};
  inverse.action = policy.action;
  inverse.trunk.hidden = options.hidden;
  inverse.normalize_observations = true;
  inverse.normalize_actions = policy.action.kind == ActionKind::continuous;
  return inverse.resolved();
}

void append(std::vector<float>& to, const std::vector<float>& from, std::int64_t row,
            std::int64_t width) {
  to.insert(to.end(), from.begin() + row * width, from.begin() + (row + 1) * width);
}

// Of rows whose order is by time, a share is held out that is not all the latest.
constexpr double held_out_share = 0.1;
constexpr std::int64_t fewest_to_hold_out = 20;

}  // namespace

void list_options(OptionList& list, ObservationCloning::InverseOptions& o) {
  list.fields(o,
              option("hidden", o.hidden, "widths of the inverse model's layers",
                     {.least = 1, .most = 100000}),
              option("learning_rate", o.learning_rate, "of the inverse model", {.above = 0}),
              option("training_steps", o.training_steps,
                     "gradient steps of the inverse model in a round", {.least = 1}));
}

void list_options(OptionList& list, ObservationCloning::Options& o) {
  list.fields(o,
              option("steps", o.steps, "own play before the first labels, of all environments",
                     {.least = 2, .unit = "steps", .source = "Torabi et al. 2018, section 4.1"}),
              option("alpha", o.alpha,
                     "own play in each later round, as a share of `steps`; 0: BCO(0), the same set "
                     "throughout",
                     {.least = 0, .source = "Torabi et al. 2018, section 4.4"}),
              group("inverse", o.inverse),
              option("training_steps", o.training_steps, "gradient steps of the policy in a round",
                     {.least = 1}),
              group("", o.cloning), seed(o.seed));
}

ObservationCloning::ObservationCloning(Policy& policy, DaggerWorld& world,
                                       const Demonstrations& expert, const Options& options)
    : policy_(policy),
      world_(world),
      options_(options),
      store_(policy.device(), policy.store().real()),
      actor_(policy, store_, {.rows = world.num_envs(), .seed = options.seed}),
      inverse_(policy.device(), inverse_of(policy.description(), options.inverse), ~options.seed),
      kept_(policy.device(), policy.store().real()) {
  check_options(options);
  for (const auto& array : inverse_.store().arrays())
    if (array->root() == array.get())
      kept_.create("inverse/" + array->name(), array->shape(), array->element());
  const PolicyDescription& description = policy.description();
  const std::int64_t width = description.observation.width();
  if (policy.has_memory() ||
      static_cast<std::int64_t>(world.observations().size()) != world.num_envs() * width)
    fail(ErrorKind::bad_input,
         "bco: expected a policy that is not recurrent and observes the environment's numbers");
  if (expert.observations.width() != width)
    fail(ErrorKind::bad_shape, "bco: expected demonstrations of %lld numbers, found %lld",
         static_cast<long long>(width), static_cast<long long>(expert.observations.width()));
  const bool index = description.action.kind == ActionKind::discrete;
  own_.observations.shape = {2 * width};
  own_.actions.discrete = index;
  if (!index) own_.actions.shape = {description.action.size};
  own_.last_observation = false;
  own_.terminal = {0};

  for (std::int64_t e = 0; e < expert.episodes(); ++e)
    if (expert.duration(e) != expert.length(e))
      fail(ErrorKind::bad_input,
           "bco: expected each step of an episode, found %lld of %lld in episode %lld: what leads "
           "from one observation to the next is one action",
           static_cast<long long>(expert.length(e)), static_cast<long long>(expert.duration(e)),
           static_cast<long long>(e));
  const std::vector<float> seen = expert.observations.as_numbers();
  shown_.observations.shape = {width};
  shown_.actions = own_.actions.like();
  for (std::int64_t e = 0; e < expert.episodes(); ++e)
    for (std::int64_t t = 0; t + 1 < expert.observations_of(e); ++t) {
      const std::int64_t row = expert.first_observation(e) + t;
      append(shown_.observations.numbers, seen, row, width);
      append(shown_pairs_, seen, row, width);
      append(shown_pairs_, seen, row + 1, width);
    }
  const std::int64_t rows = shown_.observations.rows();
  if (rows == 0)
    fail(ErrorKind::bad_input, "bco: expected an episode with two observations, found none");
  shown_.starts = {0, rows};
}

void ObservationCloning::collect(std::int64_t steps, Metrics& metrics) {
  const std::int64_t num_envs = world_.num_envs();
  const std::int64_t width = policy_.description().observation.width();
  const bool index = own_.actions.discrete;
  const std::int64_t action_width = index ? 1 : policy_.description().action.size;
  const std::int64_t ticks = (steps + num_envs - 1) / num_envs;
  std::vector<double> running(static_cast<std::size_t>(num_envs), 0.0);
  double total = 0;
  // Draws are this round's own, however the run came here.
  store_.at("actor/counter").write({static_cast<double>(round_) * 0x1p40});
  world_.begin(static_cast<std::uint64_t>(round_));
  std::vector<float> before = world_.observations();
  for (std::int64_t t = 0; t < ticks; ++t) {
    const std::vector<double> drawn = actor_.act({before.begin(), before.end()});
    const std::vector<float> actions(drawn.begin(), drawn.end());
    const DaggerWorld::Outcome outcome = world_.step(actions);
    const std::vector<float> after = world_.observations();
    for (std::int64_t i = 0; i < num_envs; ++i) {
      const auto at = static_cast<std::size_t>(i);
      running[at] += outcome.reward[at];
      if (outcome.ended[at] != 0) {
        ++metrics.episodes;
        total += running[at];
        running[at] = 0;
        continue;
      }
      append(own_.observations.numbers, before, i, width);
      append(own_.observations.numbers, after, i, width);
      if (index)
        own_.actions.indices.push_back(static_cast<std::int64_t>(actions[at]));
      else
        append(own_.actions.numbers, actions, i, action_width);
    }
    before = after;
  }
  own_.starts = {0, own_.actions.rows()};
  interactions_ += ticks * num_envs;
  metrics.mean_return = metrics.episodes > 0 ? total / static_cast<double>(metrics.episodes)
                                             : std::numeric_limits<double>::quiet_NaN();
}

double ObservationCloning::train_inverse() {
  const Transitions rows = transitions(own_);
  fit_normalizer(inverse_, rows);
  BehaviorCloning::Options options;
  options.learning_rate = options_.inverse.learning_rate;
  options.validation_share = rows.rows() >= fewest_to_hold_out ? held_out_share : 0;
  options.validation_every = std::max<std::int64_t>(1, options_.inverse.training_steps / 20);
  options.batch_size = std::min<std::int64_t>(128, std::max<std::int64_t>(1, rows.rows() / 2));
  options.seed = options_.seed + static_cast<std::uint64_t>(round_);
  BehaviorCloning cloning(inverse_, rows, options);
  const BehaviorCloning::Metrics found = cloning.train(options_.inverse.training_steps);
  cloning.keep_best();
  return options.validation_share > 0 ? found.best_validation : found.loss;
}

std::vector<float> ObservationCloning::inferred() {
  Store store(policy_.device(), policy_.store().real());
  const std::int64_t rows = shown_.observations.rows();
  Actor actor(inverse_, store, {.rows = rows, .deterministic = true});
  const std::vector<double> actions = actor.act({shown_pairs_.begin(), shown_pairs_.end()});
  return {actions.begin(), actions.end()};
}

void ObservationCloning::save_state() {
  for (const auto& array : inverse_.store().arrays())
    if (array->root() == array.get()) kept_.at("inverse/" + array->name()).write(array->read());
}

void ObservationCloning::load_state() {
  for (const auto& array : inverse_.store().arrays())
    if (array->root() == array.get()) array->write(kept_.at("inverse/" + array->name()).read());
}

void ObservationCloning::resume(Demonstrations own, std::int64_t rounds,
                                std::int64_t interactions) {
  own_ = std::move(own);
  round_ = rounds;
  interactions_ = interactions;
}

ObservationCloning::Metrics ObservationCloning::step() {
  Metrics metrics;
  const double share = round_ == 0 ? 1 : options_.alpha;
  const auto steps =
      static_cast<std::int64_t>(std::ceil(share * static_cast<double>(options_.steps)));
  metrics.mean_return = std::numeric_limits<double>::quiet_NaN();
  if (steps > 0) collect(steps, metrics);  // (1)
  if (own_.actions.rows() == 0)
    fail(ErrorKind::bad_input,
         "bco: expected steps that do not end their episodes, found none in %lld",
         static_cast<long long>(steps));
  metrics.inverse_loss = train_inverse();         // (2)
  const std::vector<float> actions = inferred();  // (3)
  if (shown_.actions.discrete)
    shown_.actions.indices.assign(actions.begin(), actions.end());
  else
    shown_.actions.numbers = actions;
  // (4)
  fit_normalizer(policy_, shown_);
  BehaviorCloning::Options options = options_.cloning;
  options.seed = options_.seed + static_cast<std::uint64_t>(round_);
  options.batch_size = std::min(options.batch_size, shown_.observations.rows());
  if (shown_.observations.rows() < fewest_to_hold_out) options.validation_share = 0;
  BehaviorCloning cloning(policy_, shown_, options);
  metrics.loss = cloning.train(options_.training_steps).loss;
  cloning.keep_best();
  metrics.interactions = interactions_;
  metrics.round = ++round_;
  return metrics;
}

}  // namespace understudy
