#include "algorithms/cloning/dagger.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithms/data/draws.h"
#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Round i has the stream coin_stream + i.
constexpr std::uint64_t coin_stream = std::uint64_t{3} << 32;
constexpr std::int64_t coin_sides = std::int64_t{1} << 32;

}  // namespace

void list_options(OptionList& list, Dagger::Options& o) {
  list_options(list, o, o.teacher != nullptr);
}
void list_options(OptionList& list, Dagger::Options& o, bool distills) {
  static constexpr OptionChoice schedules[] = {choice(BetaSchedule::indicator, "indicator"),
                                               choice(BetaSchedule::exponential, "exponential"),
                                               choice(BetaSchedule::linear, "linear"),
                                               choice(BetaSchedule::constant, "constant")};
  list.fields(
      o,
      option("schedule", o.schedule, schedules,
             "beta, the expert's share of the steps by round; indicator: 1 in the first, then 0",
             {.source = "Ross et al. 2011, section 5"}),
      option("decay", o.decay, "exponential: beta's factor from round to round",
             {.least = 0, .most = 1}),
      option("share", o.share, "constant: beta", {.least = 0, .most = 1}),
      option("rounds", o.rounds, "linear: the first round without the expert", {.least = 1}),
      option("steps", o.steps, "in a round, of all environments together",
             {.least = 1, .unit = "steps"}),
      option("training_steps", o.training_steps, "gradient steps in a round", {.least = 1}),
      option("from_scratch", o.from_scratch, "each round begins with the first parameters"),
      option("deterministic", o.deterministic, "the learner acts by its mode"),
      group_if(!distills, "", o.cloning, "the teacher's distribution is distilled"),
      fixed("teacher", o.teacher, "a policy, given beside the options"),
      group_if(distills, "", o.distillation, "actions are cloned"), seed(o.seed));
}

Dagger::Dagger(Policy& policy, DaggerWorld& world, Expert& expert, const Options& options)
    : policy_(policy),
      world_(world),
      expert_(expert),
      options_(options),
      store_(policy.device(), policy.store().real()),
      actor_(
          policy, store_,
          {.rows = world.num_envs(), .deterministic = options.deterministic, .seed = options.seed}),
      start_(policy.parameters().flat().read()) {
  const PolicyDescription& description = policy.description();
  check_options(options);
  if (description.observation.discrete || policy.has_memory() ||
      static_cast<std::int64_t>(world.observations().size()) !=
          world.num_envs() * description.observation.width())
    fail(ErrorKind::bad_input,
         "dagger: expected a policy that is not recurrent and observes the %zu numbers of %lld "
         "environments, found one that observes %lld in each",
         world.observations().size(), static_cast<long long>(world.num_envs()),
         static_cast<long long>(description.observation.width()));
  set_.observations.shape = {description.observation.width()};
  set_.actions.discrete = description.action.kind == ActionKind::discrete;
  if (!set_.actions.discrete) set_.actions.shape = {description.action.size};
  set_.last_observation = false;
}

double Dagger::beta(std::int64_t round) const {
  switch (options_.schedule) {
    case BetaSchedule::indicator: return round == 0 ? 1 : 0;
    case BetaSchedule::exponential: return std::pow(options_.decay, static_cast<double>(round));
    case BetaSchedule::constant: return options_.share;
    case BetaSchedule::linear: break;
  }
  return std::max(0.0, 1 - static_cast<double>(round) / static_cast<double>(options_.rounds));
}

void Dagger::add(const Demonstrations& demonstrations) {
  const Transitions steps = transitions(demonstrations);
  Demonstrations labeled = demonstrations;
  labeled.observations = steps.observations;
  labeled.last_observation = false;
  // The set has what every round has: rewards stay behind where these have none.
  append(set_, labeled, "dagger");
}

void Dagger::resume(Demonstrations set, std::int64_t rounds) {
  set_ = std::move(set);
  round_ = rounds;
}

void Dagger::collect(Metrics& metrics) {
  const std::int64_t num_envs = world_.num_envs();
  const std::int64_t width = policy_.description().observation.width();
  const bool index = set_.actions.discrete;
  const std::int64_t action_width = index ? 1 : policy_.description().action.size;
  const std::int64_t ticks = (options_.steps + num_envs - 1) / num_envs;
  Draws coin(options_.seed, coin_stream + static_cast<std::uint64_t>(round_));
  const auto expert_share =
      static_cast<std::int64_t>(metrics.beta * static_cast<double>(coin_sides));

  // An environment's steps stand together in the set, so they are gathered apart first.
  struct Track {
    std::vector<float> observations, actions, rewards;
    std::vector<std::int64_t> ends;
    std::vector<std::uint8_t> terminal;
    double running = 0;
  };
  std::vector<Track> tracks(static_cast<std::size_t>(num_envs));
  double differing = 0, total_return = 0;
  world_.begin(static_cast<std::uint64_t>(round_));
  expert_.begin(static_cast<std::uint64_t>(round_));
  for (std::int64_t t = 0; t < ticks; ++t) {
    const std::vector<float> observations = world_.observations(), states = world_.states();
    const std::vector<float> labels =
        expert_.act({num_envs, width, world_.state_width(), action_width, observations, states});
    if (static_cast<std::int64_t>(labels.size()) != num_envs * action_width)
      fail(ErrorKind::bad_input, "dagger: expected %lld numbers of the expert, found %zu",
           static_cast<long long>(num_envs * action_width), labels.size());
    const std::vector<double> own = actor_.act({observations.begin(), observations.end()});
    std::vector<float> done = labels;
    for (std::int64_t i = 0; i < num_envs; ++i) {
      const bool by_expert = coin.below(coin_sides) < expert_share;  // (1)
      double difference = 0;
      for (std::int64_t d = 0; d < action_width; ++d) {
        const std::size_t at = static_cast<std::size_t>(i * action_width + d);
        if (!std::isfinite(labels[at]))
          fail(ErrorKind::bad_input, "dagger: the expert's action for row %lld is not a number",
               static_cast<long long>(i));
        if (!by_expert) done[at] = static_cast<float>(own[at]);
        const double gap = own[at] - static_cast<double>(labels[at]);
        difference += index ? (gap != 0 ? 1.0 : 0.0) : gap * gap;
      }
      differing += difference / static_cast<double>(action_width);
    }
    const DaggerWorld::Outcome outcome = world_.step(done);
    expert_.ended(outcome.ended);
    for (std::int64_t i = 0; i < num_envs; ++i) {
      Track& track = tracks[static_cast<std::size_t>(i)];
      const std::size_t at = static_cast<std::size_t>(i);
      const auto copy = [i](std::vector<float>& to, const std::vector<float>& from,
                            std::int64_t n) {
        to.insert(to.end(), from.begin() + i * n, from.begin() + (i + 1) * n);
      };
      copy(track.observations, observations, width);
      copy(track.actions, labels, action_width);
      track.rewards.push_back(outcome.reward[at]);
      track.running += outcome.reward[at];
      if (outcome.ended[at] == 0 && t + 1 < ticks) continue;
      track.ends.push_back(static_cast<std::int64_t>(track.rewards.size()));
      track.terminal.push_back(outcome.terminated[at]);
      if (outcome.ended[at] == 0) continue;  // cut off by the round's end
      ++metrics.episodes;
      total_return += track.running;
      track.running = 0;
    }
  }
  // (2)
  for (const Track& track : tracks) {
    const std::int64_t before = set_.steps();
    const auto extend = [](auto& to, const auto& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    extend(set_.observations.numbers, track.observations);
    if (index)
      extend(set_.actions.indices, track.actions);
    else
      extend(set_.actions.numbers, track.actions);
    if (before == 0 || !set_.rewards.empty()) extend(set_.rewards, track.rewards);
    extend(set_.terminal, track.terminal);
    // of its own steps it knows how they ended
    if (!set_.end_unknown.empty()) set_.end_unknown.resize(set_.terminal.size(), 0);
    for (std::int64_t end : track.ends) set_.starts.push_back(before + end);
  }
  metrics.disagreement = differing / static_cast<double>(ticks * num_envs);
  metrics.mean_return = metrics.episodes > 0 ? total_return / static_cast<double>(metrics.episodes)
                                             : std::numeric_limits<double>::quiet_NaN();
}

Dagger::Metrics Dagger::step() {
  Metrics metrics;
  metrics.beta = beta(round_);
  // Draws of a learner that samples are this round's own, however the run came here.
  store_.at("actor/counter").write({static_cast<double>(round_) * 0x1p40});
  collect(metrics);

  // (3)
  const Transitions aggregated = transitions(set_);
  if (options_.from_scratch) policy_.parameters().flat().write(start_);
  fit_normalizer(policy_, aggregated);
  const std::uint64_t seed = options_.seed + static_cast<std::uint64_t>(round_);
  if (options_.teacher != nullptr) {
    Distillation::Options options = options_.distillation;
    options.seed = seed;
    Distillation distillation(policy_, *options_.teacher, aggregated.observations.numbers, options);
    for (std::int64_t i = 0; i < options_.training_steps; ++i) distillation.step();
    metrics.loss = distillation.compare().divergence;
  } else {
    BehaviorCloning::Options options = options_.cloning;
    options.seed = seed;
    BehaviorCloning cloning(policy_, aggregated, options);
    metrics.loss = cloning.train(options_.training_steps).loss;
    cloning.keep_best();
  }
  metrics.transitions = aggregated.rows();
  metrics.round = ++round_;
  return metrics;
}

}  // namespace understudy
