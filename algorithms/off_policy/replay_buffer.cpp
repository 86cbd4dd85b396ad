#include "algorithms/off_policy/replay_buffer.h"

#include <algorithm>
#include <string>

#include "kernels/device/error.h"

namespace understudy {

namespace {

// Apart from the streams that actions and parameters draw from.
constexpr std::uint64_t draw_stream = std::uint64_t{1} << 36;

// Rows of the table by counter (replay.h). The counter is moved on by `MoveOn`.
class DrawRows final : public Operation {
 public:
  DrawRows(const ReplayLayout& layout, std::int64_t from_demonstrations, std::uint64_t seed,
           const Array& counter, const Array& added)
      : layout_(layout),
        from_demonstrations_(from_demonstrations),
        seed_(seed),
        counter_(counter),
        added_(added) {}
  const char* name() const override { return "draw_rows"; }
  // All at once: of a tile the first would not be known to be demonstrations.
  RowUse row_use(bool, bool) const override { return RowUse::once; }
  void run(const Call& call) const override {
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().replay.draw(
          call.stream, {seed_, draw_stream}, static_cast<const std::uint64_t*>(counter_.data()),
          layout_, from_demonstrations_, call.out_shape().elements(),
          static_cast<const std::int64_t*>(added_.data()), call.out<std::int32_t>());
    });
  }
  void vjp(Pullback&) const override {}
  void jvp(Pushforward&) const override {}

 private:
  ReplayLayout layout_;
  std::int64_t from_demonstrations_;
  std::uint64_t seed_;
  const Array &counter_, &added_;
};

class MoveOn final : public Operation {
 public:
  MoveOn(Array& counter, std::uint64_t blocks) : counter_(counter), blocks_(blocks) {}
  const char* name() const override { return "move_on"; }
  void run(const Call& call) const override {
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().random.advance(call.stream, static_cast<std::uint64_t*>(counter_.data()),
                                       blocks_);
    });
  }

 private:
  Array& counter_;
  std::uint64_t blocks_;
};

// Inputs: index [rows], reward, terminated and ended of all rows. Outputs: the rewards' sum, what
// goes on, what lies beyond, and the last row.
class NSteps final : public Operation {
 public:
  NSteps(const ReplayLayout& layout, std::int64_t steps, double discount, const Array& added)
      : layout_(layout), steps_(steps), discount_(discount), added_(added) {}
  const char* name() const override { return "n_steps"; }
  std::string detail() const override { return std::to_string(steps_); }
  void run(const Call& call) const override {
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      call.kernels<T>().replay.n_step(call.stream, layout_, call.in_shape(0).elements(), steps_,
                                      static_cast<T>(discount_), call.in<std::int32_t>(0),
                                      static_cast<const std::int64_t*>(added_.data()),
                                      call.in<T>(1), call.in<T>(2), call.in<T>(3), call.out<T>(0),
                                      call.out<T>(1), call.out<T>(2), call.out<std::int32_t>(3));
    });
  }
  void vjp(Pullback&) const override {}
  void jvp(Pushforward&) const override {}

 private:
  ReplayLayout layout_;
  std::int64_t steps_;
  double discount_;
  const Array& added_;
};

// The rows of demonstrations after which it is known what came.
struct Known {
  std::vector<float> observation, action, reward, next_observation, terminated, ended, beyond;
  std::int64_t rows = 0;
};

void append_row(std::vector<float>& to, const std::vector<float>& from, std::int64_t row,
                std::int64_t width) {
  to.insert(to.end(), from.begin() + row * width, from.begin() + (row + 1) * width);
}

// Of an episode: beyond a termination nothing is looked at.
std::int64_t known_steps(const Demonstrations& from, std::int64_t episode,
                         const EpisodeEnds& ends) {
  const bool terminated = ends.by_episode[static_cast<std::size_t>(episode)] != 0;
  return from.length(episode) - (from.last_observation || terminated ? 0 : 1);
}

Known known_rows(const Demonstrations& from, const EpisodeEnds& ends, std::int64_t width,
                 std::int64_t action_width) {
  const std::vector<float> observations = from.observations.as_numbers(),
                           actions = from.actions.as_numbers();
  Known known;
  for (std::int64_t e = 0; e < from.episodes(); ++e) {
    const bool terminated = ends.by_episode[static_cast<std::size_t>(e)] != 0;
    const std::int64_t steps = known_steps(from, e, ends);
    for (std::int64_t t = 0; t < steps; ++t) {
      const std::int64_t row = from.first_observation(e) + t;
      const bool last = t + 1 == steps, has_next = t + 1 < from.observations_of(e);
      append_row(known.observation, observations, row, width);
      append_row(known.next_observation, observations, row + has_next, width);
      append_row(known.action, actions, from.first_action(e) + t, action_width);
      known.reward.push_back(
          from.rewards.empty() ? 0
                               : from.rewards[static_cast<std::size_t>(from.first_action(e) + t)]);
      known.ended.push_back(last);
      known.terminated.push_back(last && terminated);
      known.beyond.push_back(last && terminated ? static_cast<float>(std::max<std::int64_t>(
                                                      ends.horizon - from.duration(e), 0))
                                                : 0.0F);
      ++known.rows;
    }
  }
  return known;
}

void require_fitting(const Demonstrations& from, const Spaces& spaces, std::string_view name) {
  const std::string file(name);
  if (!from.durations.empty())
    fail(ErrorKind::bad_input,
         "%s: expected whole episodes, found some with steps left out (--subsample): what followed "
         "a step is not known",
         file.c_str());
  if (from.observations.discrete || from.observations.width() != spaces.observation.width())
    fail(ErrorKind::bad_input, "%s: expected observations of %lld numbers, found %lld%s",
         file.c_str(), static_cast<long long>(spaces.observation.width()),
         static_cast<long long>(from.observations.width()),
         from.observations.discrete ? " indices" : "");
  const bool discrete = spaces.action.kind == ActionKind::discrete;
  const std::int64_t width = discrete ? 1 : spaces.action.size;
  if (from.actions.discrete != discrete || from.actions.width() != width)
    fail(ErrorKind::bad_input, "%s: expected %s actions of width %lld, found %s of %lld",
         file.c_str(), discrete ? "discrete" : "real", static_cast<long long>(width),
         from.actions.discrete ? "discrete" : "real", static_cast<long long>(from.actions.width()));
  if (discrete)
    for (std::int64_t action : from.actions.indices)
      if (action < 0 || action >= spaces.action.size)
        fail(ErrorKind::bad_input, "%s: expected actions below %lld, found %lld", file.c_str(),
             static_cast<long long>(spaces.action.size), static_cast<long long>(action));
}

}  // namespace

ReplayBuffer::ReplayBuffer(Store& store, const Spaces& spaces, const Options& options,
                           const Demonstrations* demonstrations, std::string_view name)
    : options_(options),
      layout_{0, options.capacity, options.num_envs},
      store_(store),
      width_(spaces.observation.width()),
      action_width_(spaces.action.kind == ActionKind::discrete ? 1 : spaces.action.size),
      constants_(store.device()),
      beyond_sum_(store.device()) {
  if (options.num_envs < 1 || options.capacity < options.num_envs ||
      options.capacity % options.num_envs != 0)
    fail(ErrorKind::bad_input,
         "replay buffer: expected a capacity that is a multiple of num_envs, %lld, found %lld",
         static_cast<long long>(options.num_envs), static_cast<long long>(options.capacity));
  if (store.real() != Real::f32)
    fail(ErrorKind::bad_input, "replay buffer: expected a store in f32, found one in f64");
  if (demonstrations != nullptr) {
    require_fitting(*demonstrations, spaces, name);
    ends_ = episode_ends(*demonstrations, options.horizon, options.expert_ends);
    for (std::int64_t e = 0; e < demonstrations->episodes(); ++e)
      layout_.demonstrations += known_steps(*demonstrations, e, *ends_);
  }
  if (demonstrations != nullptr && layout_.demonstrations == 0)
    fail(ErrorKind::bad_input, "%s: expected steps after which an observation is known, found none",
         std::string(name).c_str());
  const std::int64_t n = layout_.demonstrations + layout_.capacity;
  const std::string base = "replay/";
  observation_ = &store.create(base + "observation", {n, width_});
  action_ = &store.create(base + "action", {n, action_width_});
  reward_ = &store.create(base + "reward", {n});
  next_observation_ = &store.create(base + "next_observation", {n, width_});
  terminated_ = &store.create(base + "terminated", {n});
  ended_ = &store.create(base + "ended", {n});
  beyond_ = &store.create(base + "beyond", {n});
  added_array_ = &store.create(base + "added", {1}, Element::counter);
  counter_ = &store.create(base + "draws", {1}, Element::counter);
  demonstrated_ = &constants_.create("replay/demonstrated", {n});
  std::vector<double> is(static_cast<std::size_t>(n), 0.0);
  std::fill_n(is.begin(), layout_.demonstrations, 1.0);
  demonstrated_->write(is);
  if (demonstrations != nullptr) load(*demonstrations);
  beyond_sum_.output("sum",
                     sum(beyond_sum_.use(rows_of(*beyond_, {.offset = layout_.demonstrations}))));
  beyond_sum_.plan();
}

void ReplayBuffer::load(const Demonstrations& demonstrations) {
  has_rewards_ = !demonstrations.rewards.empty();
  const Known known = known_rows(demonstrations, *ends_, width_, action_width_);
  UNDERSTUDY_CHECK(known.rows == layout_.demonstrations, "rows of demonstrations");
  const auto put = [&](Array* array, const std::vector<float>& values) {
    store_.device().copy_from_host(array->data(), values.data(), values.size() * sizeof(float));
  };
  put(observation_, known.observation);
  put(action_, known.action);
  put(reward_, known.reward);
  put(next_observation_, known.next_observation);
  put(terminated_, known.terminated);
  put(ended_, known.ended);
  put(beyond_, known.beyond);
}

Tensor ReplayBuffer::draw(Program& program, const Draw& draw) const {
  if (draw.from_demonstrations > 0 && layout_.demonstrations == 0)
    fail(ErrorKind::bad_input, "replay buffer: expected demonstrations to draw from, found none");
  const Tensor index = program.append(
      std::make_unique<DrawRows>(layout_, draw.from_demonstrations, options_.seed, *counter_,
                                 *added_array_),
      {}, {{{rows(draw.rows)}, Element::index}}, Effects{{counter_, added_array_}, {}})[0];
  program.append(std::make_unique<MoveOn>(*counter_, blocks_replay(draw.rows)), {}, {},
                 Effects{{}, {counter_}});
  return index;
}

ReplayBuffer::Minibatch ReplayBuffer::gather(Program& program, Tensor index, std::int64_t steps,
                                             double discount) const {
  const Shape each = index.shape();
  const std::vector<Tensor> ahead = program.append(
      std::make_unique<NSteps>(layout_, steps, discount, *added_array_),
      {index, program.use(*reward_), program.use(*terminated_), program.use(*ended_)},
      {{each}, {each}, {each}, {each, Element::index}}, Effects{{added_array_}, {}});
  return {.observation = gather_rows(program.use(*observation_), index),
          .action = gather_rows(program.use(*action_), index),
          .reward = ahead[0],
          .next_observation = gather_rows(program.use(*next_observation_), ahead[3]),
          .going_on = ahead[1],
          .beyond = ahead[2],
          .demonstrated = gather_rows(program.use(*demonstrated_), index)};
}

void ReplayBuffer::write(const Step& step) {
  Device& device = store_.device();
  const std::int64_t b = layout_.stride;
  const std::int64_t first = layout_.demonstrations + added_ % layout_.capacity;
  const auto put = [&](Array* array, const float* from, std::int64_t width) {
    device.copy(static_cast<float*>(array->data()) + first * width, from,
                static_cast<std::size_t>(b * width) * sizeof(float));
  };
  put(observation_, step.observation, width_);
  put(action_, step.action, action_width_);
  put(reward_, step.reward, 1);
  put(next_observation_, step.next_observation, width_);
  put(terminated_, step.terminated, 1);
  put(ended_, step.ended, 1);
  put(beyond_, step.beyond, 1);
  device.kernels<float>().random.advance(device.stream(),
                                         static_cast<std::uint64_t*>(added_array_->data()),
                                         static_cast<std::uint64_t>(b));
  added_ += b;
}

double ReplayBuffer::mean_beyond() {
  if (added_ == 0) return 0;
  beyond_sum_.run();
  return beyond_sum_.value("sum") / static_cast<double>(filled());
}

std::vector<float> ReplayBuffer::observations() const {
  std::vector<float> all(static_cast<std::size_t>(filled() * width_));
  store_.device().copy_to_host(
      all.data(), static_cast<const float*>(observation_->data()) + layout_.demonstrations * width_,
      all.size() * sizeof(float));
  return all;
}

void ReplayBuffer::load_state() {
  store_.device().copy_to_host(&added_, added_array_->data(), sizeof added_);
}

}  // namespace understudy
