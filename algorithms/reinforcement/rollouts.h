// Rollouts: a policy acts in a batch of environments, a fixed number of steps per iteration, into
// arrays that stay on the device.
//
//   Rollouts rollouts(policy, environment, store, {.num_envs = 50, .steps_per_iteration = 5000});
//   rollouts.collect();                      // 100 steps of 50 environments
//   ... rollouts.reward() may now be overwritten by a learned reward ...
//
// With b = num_envs, T steps of each environment and n = T b = steps_per_iteration transitions:
//
//   row t b + e                  step t of environment e, in every array
//   next observation of row i    ended[i] ? final_observation[i] : observation[i + b]
//   ended                        max(terminated, truncated)
//
// A policy with latent codes has one drawn at the start of each episode, behind every observation.
//
// Episodes continue from one collection to the next: no transition is thrown away. After the step
// that ends an episode the environment's next row begins another one.
//
// Statistics are of the environment's own reward, whatever overwrites `reward` later. The return up
// to each step is a scan,
//
//   (1) so_far[t] = reward[t] + goes_on[t - 1] so_far[t - 1]
//
// and sums over the episodes that ended are taken on the device: the host reads seven numbers.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/data/transitions.h"
#include "algorithms/policies/actor.h"
#include "algorithms/reinforcement/episode_codes.h"
#include "envs/batch.h"

namespace understudy {

class OptionList;

struct RolloutOptions {
  std::int64_t num_envs = 50;  // environments stepped together
  // Transitions of all environments in a collection: a multiple of num_envs (Ho & Ermon 2016).
  std::int64_t steps_per_iteration = 5000;
  std::uint64_t seed = 0;  // of the environments and of the actions
};
void list_options(OptionList& list, RolloutOptions& options);

// Of the episodes that ended during a collection; NaN where none did.
struct EpisodeStatistics {
  std::int64_t episodes = 0;
  double return_mean, return_std, return_min, return_max, length_mean;
};

class Rollouts {
 public:
  // `policy` and `store` must outlive the rollouts. The store gets the state of a resumed run: the
  // actor's counter and memory, and the array that `save_state` fills. The policy is in f32;
  // its spaces must be the environment's, else an Error.
  Rollouts(const Policy& policy, const EnvironmentDescription& environment, Store& store,
           const RolloutOptions& options);

  void collect();

  std::int64_t num_envs() const { return options_.num_envs; }
  std::int64_t steps() const { return steps_; }
  std::int64_t steps_per_iteration() const { return options_.steps_per_iteration; }
  std::int64_t interactions() const { return interactions_; }  // transitions of all collections
  const EnvironmentDescription& environment() const { return batch_.environment(); }
  Device& device() const { return batch_.device(); }

  // ---- Arrays: rows as above, of the last collection ----

  // [n + b, width], of observation and code: the last b rows are where the next collection begins.
  const Array& observation() const { return *observation_; }
  // Where ended, the observation that the episode ended with; elsewhere anything finite.
  // [n, width]
  const Array& final_observation() const { return *final_observation_; }
  const Array& action() const { return *action_; }  // indices [n], or numbers [n, size]
  const Array& log_probability() const { return *log_probability_; }  // of the action when taken
  Array& reward() { return *reward_; }
  const Array& reward() const { return *reward_; }
  // 1 where the step ended the episode for good, where it was cut at the horizon, and either.
  const Array& terminated() const { return *terminated_; }
  const Array& truncated() const { return *truncated_; }
  const Array& ended() const { return *ended_; }
  // [n + b]: steps since the episode began.
  const Array& time() const { return *time_; }
  // The columns that a collection fills, as transitions: without next observation and advantage.
  TransitionBatch batch() const;

  // ---- Episodes that ended in the last collection: none before there was one ----

  EpisodeStatistics statistics() const;
  // Whether any was truncated, so that final observations are needed.
  bool any_truncated() const;
  // One by one, in the order of rows; these copy arrays to the host.
  std::vector<double> returns() const;
  std::vector<std::int64_t> lengths() const;

  // ---- Checkpoints ----

  // Writes into the store all that is not there at any time (the environments' states), before a
  // checkpoint; takes it from there, after reading one. A run that goes on from there has the same
  // bits as one that was never interrupted.
  void save_state();
  void load_state();

 private:
  void record_episodes();
  void follow_episodes();

  RolloutOptions options_;
  std::int64_t steps_, interactions_ = 0;
  bool begun_ = false, collected_ = false;  // ever; since this object was made
  Store buffers_;
  Batch<float> batch_;
  Actor actor_;
  Array* current_;                       // [num_envs, width], from which the actor reads
  Array* final_ = nullptr;               // the same of episodes that ended, and
  std::unique_ptr<EpisodeCodes> codes_;  // where the policy has codes
  Array *observation_, *final_observation_, *action_, *log_probability_, *reward_, *terminated_,
      *truncated_, *ended_, *time_;
  Array* kept_;            // in the run's store, as is:
  Array* running_return_;  // [num_envs], of the episodes that go on

  // Returns by a scan over [1 + steps, num_envs], whose first row is what earlier collections
  // brought: the return up to each row, and whether the episode goes on behind it.
  Array *return_so_far_, *goes_on_;
  Program before_scan_, after_scan_;
};

// Numbers [rows] as features [rows, 1].
inline Tensor column(Tensor x) { return reshape(x, behind(x.shape(), {1})); }

}  // namespace understudy
