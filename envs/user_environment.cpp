// A user's own environment: its table checked, and its functions called for every environment.

#include "envs/user_environment.h"

#include <cmath>

#include "envs/batch.h"
#include "envs/random.h"
#include "kernels/device/error.h"
#include "kernels/device/threads.h"

namespace understudy {
namespace {

using Index = std::int64_t;

constexpr int largest_size = 4096, largest_draws = 64;
// What a thread takes at a time: some microseconds of calls through pointers.
constexpr Index part_envs = 64;

template <class T>
struct Instance {
  double state[largest_size], observation[largest_size], action[largest_size];
  double uniform[largest_draws];

  void read(const InstanceArrays<T>& arrays, Index i) {
    for (int k = 0; k < arrays.user->state_size; ++k)
      state[k] = double(arrays.state[k * arrays.stride + i]);
  }
  void write(const InstanceArrays<T>& arrays, Index i) {
    for (int k = 0; k < arrays.user->state_size; ++k)
      arrays.state[k * arrays.stride + i] = T(state[k]);
  }
  // Of the state as it is stored: in f32 that is what the next step starts from.
  void show(const InstanceArrays<T>& arrays, Index i, T* rows) {
    if (rows == nullptr) return;
    read(arrays, i);
    arrays.user->observe(state, observation);
    for (int k = 0; k < arrays.user->observation_size; ++k)
      rows[i * arrays.user->observation_size + k] = T(observation[k]);
  }
  void draw(const InstanceArrays<T>& arrays, Index i, std::uint64_t block, int count) {
    ResetRandom<double> random(arrays.seed, arrays.first_env + std::uint64_t(i),
                               ResetRandom<double>::At{block});
    for (int k = 0; k < count; ++k) uniform[k] = random.uniform(0, 1);
  }
  void reset(const InstanceArrays<T>& arrays, Index i, T* rows) {
    const int draws = arrays.user->reset_draws;
    draw(arrays, i, reset_block(arrays.episode[i], draws), draws);
    arrays.user->reset(uniform, state);
    write(arrays, i);
    arrays.elapsed[i] = 0;
    arrays.ended[i] = 0;
    ++arrays.episode[i];
    show(arrays, i, rows);
  }
  static void flag(const InstanceArrays<T>& arrays, const StepArrays<T>& given, Index i) {
    given.terminated[i] = (arrays.ended[i] & end_terminated) != 0 ? T(1) : T(0);
    given.truncated[i] = (arrays.ended[i] & end_truncated) != 0 ? T(1) : T(0);
  }
  // An episode that is over: the user's `step` need not know what comes after.
  void stay(const InstanceArrays<T>& arrays, const StepArrays<T>& given, Index i) {
    given.reward[i] = 0;
    flag(arrays, given, i);
    show(arrays, i, given.final_observation);
    if (given.automatic_reset)
      reset(arrays, i, given.observation);
    else
      show(arrays, i, given.observation);
  }
  void step(const InstanceArrays<T>& arrays, const StepArrays<T>& given, Index i) {
    if (arrays.ended[i] != 0) return stay(arrays, given, i);
    const understudy_environment& user = *arrays.user;
    for (int k = 0; k < user.action_size; ++k)
      action[k] = user.action_count > 0 ? double(given.discrete[i])
                                        : double(given.continuous[i * user.action_size + k]);
    draw(arrays, i,
         step_block(arrays.episode[i], std::uint64_t(arrays.elapsed[i]), user.step_draws),
         user.step_draws);
    read(arrays, i);
    double reward = 0;
    int terminated = 0;
    user.step(state, action, uniform, &reward, &terminated);
    write(arrays, i);
    arrays.elapsed[i] += T(1);
    const bool truncated = arrays.elapsed[i] >= arrays.horizon;
    given.reward[i] = T(reward);
    arrays.ended[i] = (terminated != 0 ? end_terminated : 0u) | (truncated ? end_truncated : 0u);
    flag(arrays, given, i);
    const bool done = arrays.ended[i] != 0;
    if (done) show(arrays, i, given.final_observation);
    if (done && given.automatic_reset)
      reset(arrays, i, given.observation);
    else
      show(arrays, i, given.observation);
  }
};

template <class T, class Work>
void each(Stream& stream, const InstanceArrays<T>& arrays, const Work& work) {
  const auto part = [&](int which) {
    Instance<T> instance;
    const Index begin = which * part_envs;
    const Index end = arrays.num_envs - begin < part_envs ? arrays.num_envs : begin + part_envs;
    for (Index i = begin; i < end; ++i) work(instance, i);
  };
  const int parts = int((arrays.num_envs + part_envs - 1) / part_envs);
  if (stream.threads != nullptr && parts > 1)
    stream.threads->run(parts, [&](int which, int) { part(which); });
  else
    for (int which = 0; which < parts; ++which) part(which);
}

template <class T>
void reset(Stream& stream, const InstanceArrays<T>& arrays, T* observation) {
  each(stream, arrays, [&](Instance<T>& one, Index i) { one.reset(arrays, i, observation); });
}
template <class T>
void step(Stream& stream, const InstanceArrays<T>& arrays, const StepArrays<T>& given) {
  each(stream, arrays, [&](Instance<T>& one, Index i) { one.step(arrays, given, i); });
}
template <class T>
void observe(Stream& stream, const InstanceArrays<T>& arrays, T* observation) {
  each(stream, arrays, [&](Instance<T>& one, Index i) { one.show(arrays, i, observation); });
}

void require(bool holds, const char* where, const char* expected, int found) {
  if (!holds) fail(ErrorKind::bad_input, "%s: expected %s, found %d", where, expected, found);
}

}  // namespace

void fill_user(BatchKernels<float>& kernels) {
  kernels = {reset<float>, step<float>, observe<float>};
}
void fill_user(BatchKernels<double>& kernels) {
  kernels = {reset<double>, step<double>, observe<double>};
}

UserEnvironment::UserEnvironment(const understudy_environment& table, const char* where) {
  require(table.version == UNDERSTUDY_ENVIRONMENT_VERSION, where, "a table of version 1",
          table.version);
  require(table.state_size >= 1 && table.state_size <= largest_size, where,
          "a state_size of 1 to 4096", table.state_size);
  require(table.observation_size >= 1 && table.observation_size <= largest_size, where,
          "an observation_size of 1 to 4096", table.observation_size);
  require(table.action_count >= 0, where, "an action_count of 0 or more", table.action_count);
  require(table.action_size >= 1 && table.action_size <= largest_size, where,
          "an action_size of 1 to 4096", table.action_size);
  require(table.action_count == 0 || table.action_size == 1, where,
          "an action_size of 1 beside an action_count", table.action_size);
  require(table.horizon >= 1 && table.horizon < (1 << 24), where, "a horizon of 1 to 2^24 - 1",
          table.horizon);
  require(table.reset_draws >= 0 && table.reset_draws <= largest_draws, where,
          "reset_draws of 0 to 64", table.reset_draws);
  require(table.step_draws >= 0 && table.step_draws <= largest_draws, where,
          "step_draws of 0 to 64", table.step_draws);
  const bool whole = table.name != nullptr && table.state_names != nullptr &&
                     table.observation_names != nullptr && table.observation_low != nullptr &&
                     table.observation_high != nullptr && table.reset != nullptr &&
                     table.step != nullptr && table.observe != nullptr;
  if (!whole)
    fail(ErrorKind::bad_input,
         "%s: expected a name, names and bounds, reset, step and observe; one is null", where);
  if (table.action_count == 0 && !(table.action_low < table.action_high))
    fail(ErrorKind::bad_input, "%s: expected action_low < action_high, found %g and %g", where,
         table.action_low, table.action_high);

  EnvironmentDescription& d = description_;
  d.name = table.name;
  d.gymnasium = "";
  d.summary = table.summary != nullptr ? table.summary : "";
  d.source = table.source != nullptr ? table.source : "";
  d.state_size = table.state_size;
  d.state_names = table.state_names;
  d.observation_size = table.observation_size;
  d.observation_names = table.observation_names;
  d.observation_low = table.observation_low;
  d.observation_high = table.observation_high;
  d.action_count = table.action_count;
  d.action_size = table.action_size;
  d.action_low = table.action_count > 0 ? 0 : table.action_low;
  d.action_high = table.action_count > 0 ? table.action_count - 1 : table.action_high;
  d.horizon = table.horizon;
  d.solved = table.solved;
  d.random_return = table.random_return;
  d.reference_return = table.reference_return;
  d.dynamics = -1;
  d.expert = table.expert;
  d.draw = table.draw;
  d.user = &table;
}

}  // namespace understudy
