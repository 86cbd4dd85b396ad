#include "algorithms/off_policy/off_policy_learner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Apart from the seeds of the policy's own parameters.
constexpr std::uint64_t discriminator_seed = 0x9e3779b97f4a7c15u;
constexpr std::uint64_t between_stream = std::uint64_t{1} << 37;

float* numbers(Array* array, std::int64_t offset = 0) {
  return static_cast<float*>(array->data()) + offset;
}

const Policy& fitting(const Policy& policy, const EnvironmentDescription& environment) {
  const Spaces wanted = spaces_of(environment);
  const PolicyDescription& description = policy.description();
  if (description.observation.discrete ||
      description.observation.width() != environment.observation_size ||
      description.action.kind != wanted.action.kind ||
      description.action.size != wanted.action.size)
    fail(ErrorKind::bad_shape,
         "off-policy learning in %s: expected a policy from %d numbers to %s, found one from %lld "
         "to %s",
         environment.name, environment.observation_size, wanted.action.text().c_str(),
         static_cast<long long>(description.observation.width()),
         description.action.text().c_str());
  if (policy.has_memory())
    fail(ErrorKind::not_available, "off-policy learning: expected a policy that is not recurrent");
  if (policy.store().real() != Real::f32)
    fail(ErrorKind::bad_input, "off-policy learning: expected a policy in f32, found one in f64");
  return policy;
}

// What `save_state` writes, in 4-byte words: the environments' bytes, iteration, updates, and the
// returns and lengths of the episodes that go on.
std::int64_t kept_words(std::size_t batch_bytes, std::int64_t num_envs) {
  return static_cast<std::int64_t>(batch_bytes / 4) + 4 + 2 * num_envs;
}

}  // namespace

void list_options(OptionList& list, OffPolicyOptions& o) {
  list.fields(
      o, option("num_envs", o.num_envs, "environments stepped together", {.least = 1}),
      option("steps_per_iteration", o.steps_per_iteration,
             "steps of all environments together in an iteration, a multiple of num_envs",
             {.least = 1, .unit = "steps"}),
      option("updates", o.updates, "gradient steps after each step of all environments",
             {.least = 0}),
      option("batch_size", o.batch_size, "rows of a minibatch", {.least = 1}),
      option("capacity", o.capacity, "steps that the replay buffer keeps, a multiple of num_envs",
             {.least = 1, .most = 1e9, .unit = "steps"}),
      option("learning_starts", o.learning_starts, "random steps before the first gradient step",
             {.least = 0, .unit = "steps"}),
      option("discount", o.discount, "gamma", {.least = 0, .below = 1}),
      option("n_step", o.n_step, "rewards of so many steps before the value is bootstrapped",
             {.least = 1, .source = "Sutton 1988; Hester et al. 2018"}),
      option("learning_rate", o.learning_rate, "Adam's, of what estimates values", {.above = 0}),
      option("gradient_norm", o.gradient_norm, "gradients are clipped to this norm; 0: not",
             {.least = 0}),
      option("target_rate", o.target_rate,
             "share of the way that target networks go in a gradient step",
             {.above = 0, .most = 1, .source = "Lillicrap et al. 2016, section 3"}),
      option("target_every", o.target_every,
             "target networks are copies made every so many gradient steps; 0: by target_rate",
             {.least = 0, .source = "Mnih et al. 2015"}),
      seed(o.seed));
  list.require([&o] {
    const auto multiple = [&o](const char* name, std::int64_t value) {
      if (value % o.num_envs != 0)
        fail(ErrorKind::bad_input, "%s: expected a multiple of num_envs, %lld, found %lld", name,
             static_cast<long long>(o.num_envs), static_cast<long long>(value));
    };
    multiple("steps_per_iteration", o.steps_per_iteration);
    multiple("capacity", o.capacity);
  });
}

OffPolicyLearner::OffPolicyLearner(Policy& policy, const EnvironmentDescription& environment,
                                   const OffPolicyOptions& options, const ImitationTerms& terms,
                                   const OffPolicyData& data)
    : policy_(policy),
      environment_(environment),
      options_(options),
      terms_(terms),
      store_(policy.device()),
      buffers_(policy.device()),
      replay_(store_, {policy.description().observation, policy.description().action},
              {.capacity = options.capacity,
               .num_envs = options.num_envs,
               .horizon = environment.horizon,
               .expert_ends = terms.expert_ends,
               .seed = options.seed},
              terms.imitates() ? data.demonstrations : nullptr, data.name),
      acting_(policy.device()),
      updating_(policy.device()),
      environments_(policy.device(), environment, options.num_envs, options.seed),
      after_(policy.device()) {
  fitting(policy, environment);
  check_options(options);
  if (terms.imitates() && data.demonstrations == nullptr)
    fail(ErrorKind::bad_input, "off-policy imitation: expected demonstrations, found none");
  if (terms.algorithm == OffPolicyAlgorithm::dqfd && !replay_.has_rewards())
    fail(ErrorKind::bad_input,
         "%s: expected the rewards of each step, which dqfd learns from beside the demonstrated "
         "actions; found none",
         data.name.c_str());
  const std::int64_t b = options.num_envs, width = environment.observation_size;
  const std::int64_t action_width = environment.action_count > 0 ? 1 : environment.action_size;
  current_ = &buffers_.create("current", {b, width});
  before_ = &buffers_.create("before", {b, width});
  next_ = &buffers_.create("next", {b, width});
  final_ = &buffers_.create("final", {b, width});
  time_ = &buffers_.create("time", {b});
  reward_ = &buffers_.create("reward", {b});
  terminated_ = &buffers_.create("terminated", {b});
  truncated_ = &buffers_.create("truncated", {b});
  ended_ = &buffers_.create("ended", {b});
  beyond_ = &buffers_.create("beyond", {b});
  action_number_ = &buffers_.create("action_number", {b, action_width});
  rewards_ = &buffers_.create("rewards", {options.steps_per_iteration});
  ends_ = &buffers_.create("ends", {options.steps_per_iteration});
  beyond_value_ = &buffers_.create("beyond_value", {1});
  shares_ = &buffers_.create("shares", {2});
  counter_ = &store_.create("learner/counter", {1}, Element::counter);
  steps_done_ = &store_.create("learner/steps", {1});
  kept_ = &store_.create("learner/environments", {kept_words(environments_.saved_bytes(), b)},
                         Element::index);
  running_return_.resize(static_cast<std::size_t>(b));
  running_length_.resize(static_cast<std::size_t>(b));
  host_rewards_.resize(static_cast<std::size_t>(options.steps_per_iteration));
  host_ends_.resize(host_rewards_.size());

  Program& program = after_;
  const Tensor terminated = program.use(rows_of(*terminated_));
  const Tensor ended = maximum(terminated, program.use(rows_of(*truncated_)));
  program.assign(*ended_, ended);
  program.assign(*next_, select(expand(column(ended), {rows(b), width}),
                                program.use(rows_of(*final_)), program.use(rows_of(*current_))));
  const Tensor left = static_cast<double>(environment.horizon - 1) - program.use(rows_of(*time_));
  program.assign(*beyond_, terminated * maximum(left, program.constant(0)));
  program.plan();

  if (Normalizer* by = policy_.normalizer();
      by != nullptr && data.demonstrations != nullptr && terms.imitates()) {
    by->fit(data.demonstrations->observations.numbers);
    by->freeze();
  }
}

OffPolicyLearner::~OffPolicyLearner() = default;

RandomSource OffPolicyLearner::random(std::uint64_t stream) {
  return {counter_, options_.seed, stream};
}

Tensor OffPolicyLearner::normalized(Tensor observation) const {
  const Normalizer* by = policy_.normalizer();
  return by == nullptr ? observation
                       : by->normalize(observation, policy_.description().clip_observations);
}

Tensor OffPolicyLearner::action_input(Tensor action) const {
  Program& program = action.program();
  const ActionSpace& space = policy_.description().action;
  std::vector<double> first, second;
  if (space.kind == ActionKind::discrete) {
    for (std::int64_t i = 0; i < space.size; ++i) first.push_back(static_cast<double>(i));
    return equal(action, program.constant({space.size}, first));
  }
  for (std::size_t d = 0; d < space.low.size(); ++d) {
    first.push_back(0.5 * (space.low[d] + space.high[d]));
    second.push_back(2 / (space.high[d] - space.low[d]));
  }
  return (action - program.constant({space.size}, first)) * program.constant({space.size}, second);
}

void OffPolicyLearner::record_acting(const std::function<Tensor(Tensor, Tensor)>& act) {
  Program& program = acting_;
  const std::int64_t b = options_.num_envs;
  const Tensor steps = program.use(*steps_done_);
  const Tensor random =
      reshape(less(steps, program.constant(static_cast<double>(options_.learning_starts))), {});
  const Tensor action = act(program.use(rows_of(*current_)), random);
  program.output("action", action);
  // As the buffer keeps it.
  program.assign(*action_number_, action.element() == Element::index
                                      ? column(number_of(action, environment_.action_count))
                                      : action);
  program.assign(*steps_done_, steps + static_cast<double>(b));
  program.plan();
}

OffPolicyLearner::Recorded OffPolicyLearner::record_minibatch() {
  Program& program = updating_;
  Recorded recorded;
  const std::int64_t n = options_.batch_size;
  const std::int64_t demonstrated =
      terms_.imitates()
          ? std::clamp<std::int64_t>(
                std::llround(terms_.demonstration_share * static_cast<double>(n)), 1, n)
          : 0;
  recorded.index = replay_.draw(program, {.rows = n, .from_demonstrations = demonstrated});
  recorded.batch = replay_.gather(
      program, recorded.index, terms_.replaces_reward() ? 1 : options_.n_step, options_.discount);
  recorded.action = action_input(recorded.batch.action);
  Tensor value = reshape(program.use(*beyond_value_), {});
  switch (terms_.algorithm) {
    case OffPolicyAlgorithm::reinforcement:
    case OffPolicyAlgorithm::dqfd: recorded.reward = recorded.batch.reward; break;
    case OffPolicyAlgorithm::sqil: recorded.reward = recorded.batch.demonstrated; break;
    case OffPolicyAlgorithm::iq_learn: break;
    case OffPolicyAlgorithm::dac: {
      const auto features = [&](const ReplayBuffer::Minibatch& batch) {
        return concatenate({normalized(batch.observation), action_input(batch.action)}, -1);
      };
      discriminator_ = std::make_unique<DacDiscriminator>(
          store_, environment_.observation_size + action_inputs(), terms_.dac,
          options_.seed ^ discriminator_seed);
      const std::int64_t each = terms_.dac.batch_size;
      const auto side = [&](std::int64_t from_demonstrations) {
        return features(replay_.gather(
            program,
            replay_.draw(program, {.rows = each, .from_demonstrations = from_demonstrations}), 1,
            options_.discount));
      };
      const Tensor expert = side(each), learner = side(0);
      const Tensor loss =
          discriminator_->loss(expert, learner, program.use(*shares_),
                               random_uniform(program, random(between_stream), {rows(each), 1}));
      recorded.reward = discriminator_->score(features(recorded.batch));
      if (terms_.absorbing_states)
        value = discriminator_->absorbing_score(program) / (1 - options_.discount);
      discriminator_->record(program, loss);
      program.output("discriminator_loss", loss);
    }
  }
  recorded.beyond =
      terms_.replaces_reward() ? recorded.batch.beyond * value : recorded.batch.beyond * 0.0;
  return recorded;
}

void OffPolicyLearner::follow(const Parameters& target, const Parameters& of) {
  targets_.emplace_back(&target, &of);
  target_copies_.push_back(&store_.create("target/" + of.model(), {target.elements()}));
  policy_.device().copy(target.flat().data(), of.flat().data(), of.flat().bytes());
  if (options_.target_every > 0) return;
  const double rate = options_.target_rate;
  updating_.assign(target.flat(),
                   updating_.use(target.flat()) * (1 - rate) + rate * updating_.use(of.flat()));
}

void OffPolicyLearner::finish(const std::vector<std::pair<std::string, Tensor>>& report) {
  std::vector<Tensor> parts;
  for (const auto& [name, value] : report) {
    report_names_.push_back(name);
    parts.push_back(reshape(value, {1}));
  }
  sums_ = &buffers_.create("sums", {static_cast<std::int64_t>(parts.size())});
  const Tensor all = updating_.pack(parts);
  updating_.output("report", all);
  updating_.assign(*sums_, updating_.use(*sums_) + all);
  updating_.plan();
}

void OffPolicyLearner::update() {
  updating_.run();
  ++updates_;
  if (options_.target_every > 0 && updates_ % options_.target_every == 0)
    for (const auto& [target, of] : targets_)
      policy_.device().copy(target->flat().data(), of->flat().data(), of->flat().bytes());
}

double OffPolicyLearner::report_of_last(const std::string& name) const {
  const auto at = std::find(report_names_.begin(), report_names_.end(), name);
  UNDERSTUDY_CHECK(at != report_names_.end(), "a report of another name");
  return updating_.read("report")[static_cast<std::size_t>(at - report_names_.begin())];
}

void OffPolicyLearner::step_environments(std::int64_t row) {
  Device& device = policy_.device();
  const std::size_t row_bytes = static_cast<std::size_t>(options_.num_envs) * sizeof(float);
  device.copy(time_->data(), environments_.elapsed(), row_bytes);
  acting_.run();
  const void* action = acting_.data("action");
  const bool discrete = environment_.action_count > 0;
  device.copy(before_->data(), current_->data(), current_->bytes());
  environments_.step({.discrete = discrete ? static_cast<const std::int32_t*>(action) : nullptr,
                      .continuous = discrete ? nullptr : static_cast<const float*>(action),
                      .observation = numbers(current_),
                      .reward = numbers(reward_),
                      .terminated = numbers(terminated_),
                      .truncated = numbers(truncated_),
                      .final_observation = numbers(final_)});
  after_.run();
  replay_.write({.observation = numbers(before_),
                 .action = numbers(action_number_),
                 .reward = numbers(reward_),
                 .next_observation = numbers(next_),
                 .terminated = numbers(terminated_),
                 .ended = numbers(ended_),
                 .beyond = numbers(beyond_)});
  device.copy(numbers(rewards_, row), reward_->data(), row_bytes);
  device.copy(numbers(ends_, row), ended_->data(), row_bytes);
}

void OffPolicyLearner::prepare_iteration() {
  if (!terms_.replaces_reward()) return;
  const EpisodeEnds& expert = *replay_.expert_ends();
  const double beyond = replay_.mean_beyond(), learner = beyond / (1 + beyond);
  const double of_expert = terms_.absorbing_states ? expert.absorbing_share() : 0;
  const double value = absorbing_reward(terms_, of_expert, learner) / (1 - options_.discount);
  beyond_value_->write({value});
  shares_->write({of_expert, terms_.absorbing_states ? learner : 0});
}

void OffPolicyLearner::normalize_by_what_was_seen() {
  Normalizer* by = policy_.normalizer();
  if (by == nullptr || by->frozen()) return;
  if (replay_.filled() > 0) by->fit(replay_.observations());
  by->freeze();
}

OffPolicyMetrics OffPolicyLearner::step() {
  Device& device = policy_.device();
  const std::int64_t b = options_.num_envs;
  device.fill_zero(sums_->data(), sums_->bytes());
  updates_before_ = updates_;
  prepare_iteration();
  if (terms_.offline) {
    const std::int64_t count = options_.steps_per_iteration / b * options_.updates;
    for (std::int64_t i = 0; i < count; ++i) update();
    std::fill(host_ends_.begin(), host_ends_.end(), 0.0F);
  } else {
    if (!begun_) {
      if (terms_.algorithm == OffPolicyAlgorithm::dqfd)
        for (std::int64_t i = 0; i < terms_.pretraining; ++i) update();
      environments_.reset(numbers(current_));
      begun_ = true;
    }
    for (std::int64_t row = 0; row < options_.steps_per_iteration; row += b) {
      step_environments(row);
      if (replay_.added() < options_.learning_starts) continue;
      normalize_by_what_was_seen();
      for (std::int64_t i = 0; i < options_.updates; ++i) update();
    }
    device.copy_to_host(host_rewards_.data(), rewards_->data(), rewards_->bytes());
    device.copy_to_host(host_ends_.data(), ends_->data(), ends_->bytes());
  }
  OffPolicyMetrics metrics;
  metrics.iteration = ++iteration_;
  metrics.interactions = interactions();
  metrics.updates = updates_;
  metrics.episodes = count_episodes();
  const std::vector<double> report = take_report();
  for (std::size_t i = 0; i < report.size(); ++i)
    metrics.report.emplace_back(report_names_[i], report[i]);
  return metrics;
}

std::vector<double> OffPolicyLearner::take_report() {
  std::vector<double> report = sums_->read();
  const double count = static_cast<double>(updates_ - updates_before_);
  for (std::size_t i = 0; i < report.size(); ++i) {
    if (!std::isfinite(report[i])) {
      const std::string where = updating_.first_not_finite();
      fail(ErrorKind::not_finite, "off-policy learning: %s is %g%s%s", report_names_[i].c_str(),
           report[i], where.empty() ? "" : "; first in ", where.c_str());
    }
    report[i] = count > 0 ? report[i] / count : std::numeric_limits<double>::quiet_NaN();
  }
  return report;
}

EpisodeStatistics OffPolicyLearner::count_episodes() {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EpisodeStatistics result{0, none, none, none, none, none};
  double total = 0, squares = 0, lengths = 0;
  const std::size_t b = running_return_.size();
  for (std::size_t row = 0; row < host_ends_.size(); ++row) {
    const std::size_t env = row % b;
    if (terms_.offline) break;
    running_return_[env] += host_rewards_[row];
    ++running_length_[env];
    if (host_ends_[row] == 0) continue;
    const double one = static_cast<double>(running_return_[env]);
    total += one;
    squares += one * one;
    lengths += running_length_[env];
    result.return_min = result.episodes == 0 ? one : std::min(result.return_min, one);
    result.return_max = result.episodes == 0 ? one : std::max(result.return_max, one);
    ++result.episodes;
    running_return_[env] = 0;
    running_length_[env] = 0;
  }
  if (result.episodes == 0) return result;
  const double n = static_cast<double>(result.episodes);
  result.return_mean = total / n;
  result.return_std =
      std::sqrt(std::max(0.0, squares / n - result.return_mean * result.return_mean));
  result.length_mean = lengths / n;
  return result;
}

void OffPolicyLearner::save_state() {
  for (std::size_t i = 0; i < targets_.size(); ++i)
    policy_.device().copy(target_copies_[i]->data(), targets_[i].first->flat().data(),
                          target_copies_[i]->bytes());
  std::vector<std::byte> bytes(kept_->bytes());
  std::byte* to = bytes.data();
  const auto put = [&to](const void* from, std::size_t count) {
    std::memcpy(to, from, count);
    to += count;
  };
  environments_.save(to);
  to += environments_.saved_bytes();
  put(&iteration_, 8);
  put(&updates_, 8);
  put(running_return_.data(), running_return_.size() * 4);
  put(running_length_.data(), running_length_.size() * 4);
  policy_.device().copy_from_host(kept_->data(), bytes.data(), bytes.size());
}

void OffPolicyLearner::load_state() {
  replay_.load_state();
  for (std::size_t i = 0; i < targets_.size(); ++i)
    policy_.device().copy(targets_[i].first->flat().data(), target_copies_[i]->data(),
                          target_copies_[i]->bytes());
  std::vector<std::byte> bytes(kept_->bytes());
  policy_.device().copy_to_host(bytes.data(), kept_->data(), bytes.size());
  const std::byte* from = bytes.data();
  const auto take = [&from](void* to, std::size_t count) {
    std::memcpy(to, from, count);
    from += count;
  };
  environments_.load(from);
  from += environments_.saved_bytes();
  take(&iteration_, 8);
  take(&updates_, 8);
  take(running_return_.data(), running_return_.size() * 4);
  take(running_length_.data(), running_length_.size() * 4);
  begun_ = interactions() > 0;
  if (begun_) environments_.observe(numbers(current_));
}

std::vector<std::pair<std::string, double>> OffPolicyMetrics::named() const {
  std::vector<std::pair<std::string, double>> result = {
      {"iteration", static_cast<double>(iteration)},
      {"interactions", static_cast<double>(interactions)},
      {"updates", static_cast<double>(updates)},
      {"episodes", static_cast<double>(episodes.episodes)},
      {"return_mean", episodes.return_mean},
      {"return_std", episodes.return_std},
      {"return_min", episodes.return_min},
      {"return_max", episodes.return_max},
      {"length_mean", episodes.length_mean}};
  result.insert(result.end(), report.begin(), report.end());
  return result;
}

}  // namespace understudy
