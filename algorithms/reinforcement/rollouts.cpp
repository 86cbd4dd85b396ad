#include "algorithms/reinforcement/rollouts.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/device/error.h"

namespace understudy {

namespace {

const Policy& checked(const Policy& policy, const EnvironmentDescription& environment,
                      const RolloutOptions& options) {
  const ActionSpace& action = policy.description().action;
  const ActionSpace wanted = describe_policy(environment).action;
  if (policy.description().observation.index ||
      policy.description().observation.width() != environment.observation_size ||
      action.kind != wanted.kind || action.size != wanted.size)
    fail(ErrorKind::bad_shape,
         "rollouts in %s: expected a policy from %d numbers to %lld %s, found %lld numbers to "
         "%lld (%s)",
         environment.name, environment.observation_size, static_cast<long long>(wanted.size),
         wanted.kind == ActionKind::index ? "choices" : "numbers",
         static_cast<long long>(policy.description().observation.width()),
         static_cast<long long>(action.size), name_of(action.kind));
  if (policy.has_memory())
    fail(ErrorKind::not_available, "rollouts: policies with a memory are not collected");
  if (policy.store().real() != Real::f32)
    fail(ErrorKind::bad_input, "rollouts: expected a policy in f32, found one in f64");
  if (options.instances < 1 || options.pairs < 1 || options.pairs % options.instances != 0)
    fail(ErrorKind::bad_input, "rollouts: expected pairs that %lld instances share, found %lld",
         static_cast<long long>(options.instances), static_cast<long long>(options.pairs));
  return policy;
}

float* numbers(const Array& array, std::int64_t offset = 0) {
  return static_cast<float*>(array.data()) + offset;
}

// What `keep` writes, in 4-byte words: the batch's bytes, interactions, and of each instance its
// return and length.
std::int64_t kept_words(std::size_t batch_bytes, std::int64_t instances) {
  return static_cast<std::int64_t>(batch_bytes / 4) + 2 + 4 * instances;
}

}  // namespace

PolicyDescription describe_policy(const EnvironmentDescription& environment) {
  PolicyDescription description;
  description.observation.shape = {environment.observation_size};
  if (environment.action_count > 0) {
    description.action = {ActionKind::index, environment.action_count};
  } else {
    const std::size_t size = static_cast<std::size_t>(environment.action_size);
    description.action = {ActionKind::real, environment.action_size,
                          std::vector<double>(size, environment.action_low),
                          std::vector<double>(size, environment.action_high)};
  }
  description.head.kind = PolicyDescription::usual_head(description.action);
  return description;
}

Rollouts::Rollouts(const Policy& policy, const EnvironmentDescription& environment, Store& store,
                   const RolloutOptions& options)
    : options_(options),
      steps_(options.instances > 0 ? options.pairs / options.instances : 0),
      buffers_(policy.device()),
      batch_(policy.device(), environment, options.instances, options.seed),
      actor_(checked(policy, environment, options), store,
             {.name = "rollouts",
              .rows = options.instances,
              .seed = options.seed,
              .log_probability = true}) {
  const std::int64_t n = options.pairs, b = options.instances;
  const std::int64_t width = environment.observation_size;
  current_ = &buffers_.create("current", {b, width});
  observation_ = &buffers_.create("observation", {n + b, width});
  final_observation_ = &buffers_.create("final_observation", {n, width});
  action_ = environment.action_count > 0 ? &buffers_.create("action", {n}, Element::index)
                                         : &buffers_.create("action", {n, environment.action_size});
  log_probability_ = &buffers_.create("log_probability", {n});
  reward_ = &buffers_.create("reward", {n});
  terminated_ = &buffers_.create("terminated", {n});
  truncated_ = &buffers_.create("truncated", {n});
  ended_ = &buffers_.create("ended", {n});
  time_ = &buffers_.create("time", {n + b});
  kept_ =
      &store.create("rollouts/environments", {kept_words(batch_.saved_bytes(), b)}, Element::index);
  running_return_.assign(static_cast<std::size_t>(b), 0);
  running_length_.assign(static_cast<std::size_t>(b), 0);
  for (std::vector<float>* host :
       {&host_reward_, &host_terminated_, &host_truncated_, &host_ended_})
    host->resize(static_cast<std::size_t>(n));
  host_time_.resize(static_cast<std::size_t>(n + b));
  actor_.observe(current_->data());
}

void Rollouts::collect() {
  if (!begun_) {
    batch_.reset(numbers(*current_));
    begun_ = true;
  }
  Device& device = batch_.device();
  const std::int64_t b = options_.instances, width = batch_.environment().observation_size;
  const std::int64_t row = action_->shape().rank() == 1 ? 1 : action_->shape()[1];
  const std::size_t action_bytes = static_cast<std::size_t>(b * row) * 4;
  const std::size_t row_bytes = static_cast<std::size_t>(b) * 4;
  const bool discrete = action_->element() == Element::index;
  for (std::int64_t t = 0; t < steps_; ++t) {
    const std::int64_t first = t * b;
    device.copy(numbers(*observation_, first * width), current_->data(), current_->bytes());
    actor_.act();
    device.copy(static_cast<std::byte*>(action_->data()) + first * row * 4, actor_.action(),
                action_bytes);
    device.copy(numbers(*log_probability_, first), actor_.log_probability(), row_bytes);
    batch_.step({.discrete = discrete ? actor_.indices() : nullptr,
                 .continuous = discrete ? nullptr : actor_.numbers(),
                 .observation = numbers(*current_),
                 .reward = numbers(*reward_, first),
                 .terminated = numbers(*terminated_, first),
                 .truncated = numbers(*truncated_, first),
                 .final_observation = numbers(*final_observation_, first * width)});
  }
  device.copy(numbers(*observation_, steps_ * b * width), current_->data(), current_->bytes());
  interactions_ += options_.pairs;
  follow_episodes();
}

// Returns and lengths, on the host: a handful of operations a pair, in double.
void Rollouts::follow_episodes() {
  Device& device = batch_.device();
  device.copy_to_host(host_reward_.data(), reward_->data(), reward_->bytes());
  device.copy_to_host(host_terminated_.data(), terminated_->data(), terminated_->bytes());
  device.copy_to_host(host_truncated_.data(), truncated_->data(), truncated_->bytes());
  returns_.clear();
  lengths_.clear();
  any_truncated_ = false;
  const std::size_t b = static_cast<std::size_t>(options_.instances);
  for (std::size_t i = 0; i < host_reward_.size(); ++i) {
    const std::size_t instance = i % b;
    host_time_[i] = static_cast<float>(running_length_[instance]);
    running_return_[instance] += static_cast<double>(host_reward_[i]);
    ++running_length_[instance];
    const bool ended = host_terminated_[i] != 0 || host_truncated_[i] != 0;
    any_truncated_ = any_truncated_ || host_truncated_[i] != 0;
    host_ended_[i] = ended ? 1.0f : 0.0f;
    if (!ended) continue;
    returns_.push_back(running_return_[instance]);
    lengths_.push_back(running_length_[instance]);
    running_return_[instance] = 0;
    running_length_[instance] = 0;
  }
  for (std::size_t i = 0; i < b; ++i)
    host_time_[host_reward_.size() + i] = static_cast<float>(running_length_[i]);
  device.copy_from_host(ended_->data(), host_ended_.data(), ended_->bytes());
  device.copy_from_host(time_->data(), host_time_.data(), time_->bytes());
}

EpisodeStatistics Rollouts::statistics() const {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EpisodeStatistics result{
      static_cast<std::int64_t>(returns_.size()), none, none, none, none, none};
  if (returns_.empty()) return result;
  const double n = static_cast<double>(returns_.size());
  double sum = 0, length = 0, squares = 0;
  for (double value : returns_) sum += value;
  for (std::int64_t value : lengths_) length += static_cast<double>(value);
  result.return_mean = sum / n;
  result.length_mean = length / n;
  for (double value : returns_) squares += (value - sum / n) * (value - sum / n);
  result.return_deviation = std::sqrt(squares / n);
  result.return_minimum = *std::min_element(returns_.begin(), returns_.end());
  result.return_maximum = *std::max_element(returns_.begin(), returns_.end());
  return result;
}

void Rollouts::keep() {
  std::vector<std::byte> bytes(kept_->bytes());
  std::byte* to = bytes.data();
  // An environment that never began is told from one that did by its interactions.
  batch_.save(to);
  to += batch_.saved_bytes();
  std::memcpy(to, &interactions_, 8);
  to += 8;
  std::memcpy(to, running_return_.data(), running_return_.size() * 8);
  to += running_return_.size() * 8;
  std::memcpy(to, running_length_.data(), running_length_.size() * 8);
  batch_.device().copy_from_host(kept_->data(), bytes.data(), bytes.size());
}

void Rollouts::recall() {
  std::vector<std::byte> bytes(kept_->bytes());
  batch_.device().copy_to_host(bytes.data(), kept_->data(), bytes.size());
  const std::byte* from = bytes.data();
  batch_.load(from);
  from += batch_.saved_bytes();
  std::memcpy(&interactions_, from, 8);
  from += 8;
  std::memcpy(running_return_.data(), from, running_return_.size() * 8);
  from += running_return_.size() * 8;
  std::memcpy(running_length_.data(), from, running_length_.size() * 8);
  begun_ = interactions_ > 0;
  if (begun_) batch_.observe(numbers(*current_));
}

}  // namespace understudy
