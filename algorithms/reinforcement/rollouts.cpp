#include "algorithms/reinforcement/rollouts.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "autograd/options/options.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

const Policy& checked(const Policy& policy, const EnvironmentDescription& environment,
                      const RolloutOptions& options) {
  const ActionSpace& action = policy.description().action;
  const ObservationSpace& observed = policy.description().observation;
  const ActionSpace wanted = spaces_of(environment).action;
  if (observed.discrete || observed.width() != environment.observation_size ||
      action.kind != wanted.kind || action.size != wanted.size)
    fail(ErrorKind::bad_shape,
         "rollouts in %s: expected a policy from %d numbers to %s, found one from %lld to %s",
         environment.name, environment.observation_size, wanted.text().c_str(),
         static_cast<long long>(observed.width()), action.text().c_str());
  if (policy.has_memory())
    fail(ErrorKind::not_available, "rollouts: expected a policy that is not recurrent");
  if (policy.store().real() != Real::f32)
    fail(ErrorKind::bad_input, "rollouts: expected a policy in f32, found one in f64");
  check_options(options);
  return policy;
}

float* numbers(const Array& array, std::int64_t offset = 0) {
  return static_cast<float*>(array.data()) + offset;
}

// What `save_state` writes, in 4-byte words: the batch's bytes and interactions.
std::int64_t kept_words(std::size_t batch_bytes) {
  return static_cast<std::int64_t>(batch_bytes / 4) + 2;
}

// The report's numbers, in order.
enum Report : std::size_t { episodes, truncations, total, length, squares, least, most };

}  // namespace

void list_options(OptionList& list, RolloutOptions& o) {
  list.fields(o, option("num_envs", o.num_envs, "environments stepped together", {.least = 1}),
              option("steps_per_iteration", o.steps_per_iteration,
                     "transitions collected in an iteration, of all environments together",
                     {.least = 1, .unit = "steps", .source = "Ho & Ermon 2016, section 6"}),
              seed(o.seed));
  list.require([&o] {
    if (o.steps_per_iteration % o.num_envs != 0)
      fail(ErrorKind::bad_input,
           "steps_per_iteration: expected a multiple of num_envs, %lld, found %lld",
           static_cast<long long>(o.num_envs), static_cast<long long>(o.steps_per_iteration));
  });
}

Rollouts::Rollouts(const Policy& policy, const EnvironmentDescription& environment, Store& store,
                   const RolloutOptions& options)
    : options_(options),
      steps_(options.num_envs > 0 ? options.steps_per_iteration / options.num_envs : 0),
      buffers_(policy.device()),
      batch_(policy.device(), environment, options.num_envs, options.seed),
      actor_(checked(policy, environment, options), store,
             {.name = "rollouts",
              .rows = options.num_envs,
              .seed = options.seed,
              .log_probability = true}),
      before_scan_(policy.device()),
      after_scan_(policy.device()) {
  const std::int64_t n = options.steps_per_iteration, b = options.num_envs;
  const std::int64_t width = policy.description().input_width();
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
      &store.create("rollouts/environments", {kept_words(batch_.saved_bytes())}, Element::index);
  running_return_ = &store.create("rollouts/running_return", {b});
  return_so_far_ = &buffers_.create("return_so_far", {b + n});
  goes_on_ = &buffers_.create("goes_on", {b + n});
  if (const CodeSpace& codes = policy.description().codes; codes.any()) {
    final_ = &buffers_.create("final", {b, width});
    codes_ = std::make_unique<EpisodeCodes>(store, codes, b, environment.observation_size,
                                            *current_, *final_, options.seed);
  }
  record_episodes();
  actor_.observe(rows_of(*current_));
}

TransitionBatch Rollouts::batch() const {
  return {.observation = rows_of(*observation_, {.count = options_.steps_per_iteration}),
          .action = rows_of(*action_),
          .log_probability = rows_of(*log_probability_),
          .terminated = rows_of(*terminated_),
          .time = rows_of(*time_, {.count = options_.steps_per_iteration})};
}

void Rollouts::collect() {
  if (!begun_) {
    batch_.reset(codes_ ? codes_->observed() : numbers(*current_));
    if (codes_) codes_->follow(batch_.elapsed());
    begun_ = true;
  }
  Device& device = batch_.device();
  const std::int64_t b = options_.num_envs, width = current_->shape()[1];
  const std::int64_t row = action_->shape().rank() == 1 ? 1 : action_->shape()[1];
  const std::size_t action_bytes = static_cast<std::size_t>(b * row) * 4;
  const std::size_t row_bytes = static_cast<std::size_t>(b) * 4;
  const bool discrete = action_->element() == Element::index;
  for (std::int64_t t = 0; t < steps_; ++t) {
    const std::int64_t first = t * b;
    device.copy(numbers(*observation_, first * width), current_->data(), current_->bytes());
    device.copy(numbers(*time_, first), batch_.elapsed(), row_bytes);
    actor_.act();
    device.copy(static_cast<std::byte*>(action_->data()) + first * row * 4, actor_.action(),
                action_bytes);
    device.copy(numbers(*log_probability_, first), actor_.log_probability(), row_bytes);
    batch_.step({.discrete = discrete ? actor_.indices() : nullptr,
                 .continuous = discrete ? nullptr : actor_.numbers(),
                 .observation = codes_ ? codes_->observed() : numbers(*current_),
                 .reward = numbers(*reward_, first),
                 .terminated = numbers(*terminated_, first),
                 .truncated = numbers(*truncated_, first),
                 .final_observation = codes_ ? codes_->final_observed()
                                             : numbers(*final_observation_, first * width)});
    if (!codes_) continue;
    codes_->follow(batch_.elapsed());
    device.copy(numbers(*final_observation_, first * width), final_->data(), final_->bytes());
  }
  device.copy(numbers(*observation_, steps_ * b * width), current_->data(), current_->bytes());
  device.copy(numbers(*time_, steps_ * b), batch_.elapsed(), row_bytes);
  interactions_ += options_.steps_per_iteration;
  follow_episodes();
}

// What comes before and after the scan (1).
void Rollouts::record_episodes() {
  const std::int64_t n = options_.steps_per_iteration, b = options_.num_envs;
  {
    Program& program = before_scan_;
    const Tensor ended = maximum(program.use(*terminated_), program.use(*truncated_));
    program.assign(*ended_, ended);
    program.assign(*goes_on_, concatenate({program.full({b}, 1), 1.0 - ended}, 0));
    program.assign(*return_so_far_,
                   concatenate({program.use(*running_return_), program.use(*reward_)}, 0));
    program.plan();
  }
  Program& program = after_scan_;
  const Tensor ended = program.use(*ended_);
  const Tensor so_far = program.view(program.use(*return_so_far_), {n}, b);
  const Tensor time = program.view(program.use(*time_), {n});
  const Tensor count = sum(ended), all = sum(ended * so_far);
  const Tensor centered = so_far - all / maximum(count, program.constant(1));
  const auto greatest = [&](Tensor x) {
    const Tensor nothing = program.constant(std::numeric_limits<float>::lowest());
    return max(reshape(select(ended, x, nothing), {1, n}), -1);
  };
  std::vector<Tensor> report(most + 1);
  report[episodes] = count;
  report[truncations] = sum(program.use(*truncated_));
  report[total] = all;
  report[length] = sum(ended * (time + 1));
  report[squares] = sum(ended * square(centered));
  report[least] = -greatest(-so_far);
  report[most] = greatest(so_far);
  for (Tensor& one : report) one = reshape(one, {1});
  program.output("report", program.pack(report));
  program.assign(*running_return_, slice(so_far * (1.0 - ended), 0, n - b, b));
  program.plan();
}

void Rollouts::follow_episodes() {
  Device& device = batch_.device();
  const std::int64_t b = options_.num_envs;
  before_scan_.run();
  const ScanShape shape{.rows = b, .steps = 1 + steps_, .row_stride = 1, .step_stride = b};
  // (1)
  device.kernels<float>().scan.forward_scan(device.stream(), shape, numbers(*return_so_far_),
                                            numbers(*goes_on_), numbers(*return_so_far_));
  after_scan_.run();
  collected_ = true;
}

EpisodeStatistics Rollouts::statistics() const {
  const double none = std::numeric_limits<double>::quiet_NaN();
  EpisodeStatistics result{0, none, none, none, none, none};
  if (!collected_) return result;
  const std::vector<double> report = after_scan_.read("report");
  const double n = report[episodes];
  if (n == 0) return result;
  result.episodes = static_cast<std::int64_t>(n);
  result.return_mean = report[total] / n;
  result.return_std = std::sqrt(report[squares] / n);
  result.return_min = report[least];
  result.return_max = report[most];
  result.length_mean = report[length] / n;
  return result;
}

bool Rollouts::any_truncated() const {
  return collected_ && after_scan_.read("report")[truncations] > 0;
}

std::vector<double> Rollouts::returns() const {
  const std::vector<double> ended = ended_->read(), so_far = return_so_far_->read();
  const std::size_t first = so_far.size() - ended.size();
  std::vector<double> result;
  for (std::size_t i = 0; i < ended.size(); ++i)
    if (ended[i] != 0) result.push_back(so_far[first + i]);
  return result;
}

std::vector<std::int64_t> Rollouts::lengths() const {
  const std::vector<double> ended = ended_->read(), time = time_->read();
  std::vector<std::int64_t> result;
  for (std::size_t i = 0; i < ended.size(); ++i)
    if (ended[i] != 0) result.push_back(static_cast<std::int64_t>(time[i]) + 1);
  return result;
}

void Rollouts::save_state() {
  std::vector<std::byte> bytes(kept_->bytes());
  std::byte* to = bytes.data();
  // An environment that never began has no interactions.
  batch_.save(to);
  to += batch_.saved_bytes();
  std::memcpy(to, &interactions_, 8);
  batch_.device().copy_from_host(kept_->data(), bytes.data(), bytes.size());
}

void Rollouts::load_state() {
  std::vector<std::byte> bytes(kept_->bytes());
  batch_.device().copy_to_host(bytes.data(), kept_->data(), bytes.size());
  const std::byte* from = bytes.data();
  batch_.load(from);
  from += batch_.saved_bytes();
  std::memcpy(&interactions_, from, 8);
  begun_ = interactions_ > 0;
  if (!begun_) return;
  batch_.observe(codes_ ? codes_->observed() : numbers(*current_));
  if (codes_) codes_->recall();
}

}  // namespace understudy
