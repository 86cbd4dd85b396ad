// A replay buffer on the device: demonstrations, and behind them a ring of what a learner did
// (Lin 1992; Mnih et al. 2015), from which programs draw minibatches.
//
//   ReplayBuffer replay(store, spaces, {.capacity = 100000, .num_envs = 8}, &demonstrations);
//   ReplayBuffer::Minibatch batch = replay.draw(program, {.rows = 64, .from_demonstrations = 32});
//   ...                                       // a run of the program draws, gathers and learns
//   replay.write(...);                        // a row of each environment, on the device
//
// A row has what a TransitionBatch has:
//
//   observation       [width]      o_t
//   action            [1]          the number of a choice, or [size] numbers as the environment
//                                  took them
//   reward            []           the environment's own
//   next_observation  [width]      o_{t+1}, before any reset: of an episode that was cut too
//   terminated        []           1 where the step ended its episode for good
//   ended             []           1 where it ended, for good or not
//   beyond            []           where it terminated, the steps left until the horizon
//
// Draws are counters: the same seed gives the same rows for any number of threads, and for a run
// that was interrupted, since every column and the counter are arrays of the store. Rewards of
// several steps are summed, and v is bootstrapped, as kernels/replay/replay.h has it.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <optional>
#include <string_view>

#include "algorithms/adversarial/episode_ends.h"
#include "algorithms/policies/spaces.h"
#include "autograd/operations/operations.h"
#include "kernels/replay/replay.h"

namespace understudy {

class ReplayBuffer {
 public:
  struct Options {
    std::int64_t capacity = 100000;  // rows of the ring, a multiple of num_envs
    std::int64_t num_envs = 1;       // that write together
    std::int64_t horizon = 0;        // of the task; 0: none is known
    EndsEvidence expert_ends = EndsEvidence::automatic;
    std::uint64_t seed = 0;
  };
  // `demonstrations`: null, or those that are loaded, in order; steps after which nothing is known
  // (the last of a truncated episode whose last observation was not recorded) are left out. An
  // Error that begins with `name` where they do not fit the spaces, or steps were left out of them.
  // `store` (in f32) gets the arrays "replay/..." and must outlive this.
  ReplayBuffer(Store& store, const Spaces& spaces, const Options& options,
               const Demonstrations* demonstrations = nullptr,
               std::string_view name = "demonstrations");

  std::int64_t demonstrated() const { return layout_.demonstrations; }
  std::int64_t capacity() const { return layout_.capacity; }
  std::int64_t added() const { return added_; }  // rows that were ever written
  std::int64_t filled() const { return added_ < layout_.capacity ? added_ : layout_.capacity; }
  // Of the demonstrations; null without.
  const EpisodeEnds* expert_ends() const { return ends_ ? &*ends_ : nullptr; }
  bool has_rewards() const { return has_rewards_; }  // of every demonstration

  // ---- In programs ----

  struct Draw {
    std::int64_t rows = 32;
    // The first so many of them are demonstrations; and all of them, as long as the ring is empty.
    std::int64_t from_demonstrations = 0;
  };
  // Rows of a table, [rows n].
  Tensor draw(Program& program, const Draw& draw) const;

  struct Minibatch {
    Tensor observation;       // [rows n, width]
    Tensor action;            // [rows n, 1] the number of a choice, or [rows n, size]
    Tensor reward;            // [rows n]: of the steps taken together
    Tensor next_observation;  // [rows n, width], after the last of those
    Tensor going_on;          // [rows n]: what v(next_observation) counts in the return
    Tensor beyond;            // [rows n]: what v of beyond a termination counts
    Tensor demonstrated;      // [rows n]: 1 of a demonstration, else 0
  };
  // Those rows, each with the rewards of up to `steps` steps.
  Minibatch gather(Program& program, Tensor index, std::int64_t steps, double discount) const;

  // ---- What a step of all environments wrote, row by row, on the device ----

  struct Step {
    const float *observation, *action, *reward, *next_observation, *terminated, *ended, *beyond;
  };
  void write(const Step& step);

  // Of the ring: the mean of `beyond`, which is the steps beyond terminations a step; 0 while it is
  // empty. Waits for the device.
  double mean_beyond();
  // The rows of the ring that are there, as numbers of the host, [filled, width].
  std::vector<float> observations() const;

  // After a checkpoint was read.
  void load_state();

 private:
  void load(const Demonstrations& demonstrations);

  Options options_;
  ReplayLayout layout_;
  Store& store_;
  std::int64_t width_, action_width_, added_ = 0;
  bool has_rewards_ = true;
  std::optional<EpisodeEnds> ends_;
  Array *observation_, *action_, *reward_, *next_observation_, *terminated_, *ended_, *beyond_;
  Array *added_array_, *counter_;
  Store constants_;
  Array* demonstrated_;
  Program beyond_sum_;
};

}  // namespace understudy
