// What the algorithms of reinforcement learning here share: rollouts, a baseline, generalized
// advantages, and a step of the policy, which is what they differ in.
//
//   Policy policy(device, describe_policy(environment), seed);
//   Trpo trpo(policy, environment, {});
//   while (...) { LearningMetrics metrics = trpo.step(); ... }
//
// step() is collect() and then update(). Between the two a learned reward may overwrite the
// environment's, row by row, in rollouts().reward(): imitation needs no more.
//
//   (1) delta_t  = r_t + discount v(o_{t+1}) - v(o_t)
//   (2) A_t      = sum_k (discount gae_lambda)^k delta_{t+k}          within the episode
//   (3) target_t = A_t + v(o_t)                                       what v is fitted to
//   (4) A_t     <- (A_t - mean A) / (std A + 1e-8)                    where standardize_advantages
//
// (Schulman et al. 2016, equations 10 and 16.) v(o_{t+1}) is 0 where the episode terminated. Where
// it was truncated, or continues beyond the rollout, v of the observation reached stands for the
// rewards that were not seen.
//
// The same options, seed and device give the same bits for any number of threads, and for a run
// that was interrupted: save() and load() keep the policy, the baseline and the environments.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/reinforcement/baseline.h"

namespace understudy {

struct LearnerOptions {
  RolloutOptions rollouts = {};
  double discount = 0.995;             // gamma (Ho & Ermon 2016, section 6)
  double gae_lambda = 0.97;            // ibid.; 1: the whole return, 0: one step and the baseline
  bool standardize_advantages = true;  // (4), as TRPO's code
  double entropy_coefficient = 0;      // times the mean entropy, added to what is maximized
  BaselineOptions baseline = {};
};
void list_options(OptionList& list, LearnerOptions& options);

struct LearningMetrics {
  std::int64_t iteration = 0;     // done, this one included
  std::int64_t interactions = 0;  // transitions collected so far
  EpisodeStatistics episodes = {};
  double reward = 0;      // mean over the transitions, of the reward learned from
  double entropy = 0;     // of the policy before its step, nats
  double divergence = 0;  // KL of the policy's step, nats; 0 where it is not measured
  // 1 - Var(target - v) / Var(target) of the baseline before it was fitted: 1 is perfect.
  double explained_variance = 0;
  BaselineMetrics baseline = {};
  TrustRegionMetrics trust_region = {};  // TRPO's step
  // Gradient methods: means over the gradient steps. Not set where there are none.
  int gradient_steps = 0;
  double loss = 0, gradient_norm = 0;
  double clip_fraction = 0;  // PPO: share of transitions whose ratio was beyond the clip

  // All numbers by name, the same ones at every iteration. Those of a trust region have its prefix.
  std::vector<std::pair<std::string, double>> named() const;
  // The same, and what varies in number: each residual of conjugate gradient, each step tried by a
  // line search.
  std::vector<std::pair<std::string, double>> traced() const;
};

class Learner {
 public:
  virtual ~Learner();
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

  LearningMetrics step() {
    collect();
    return update();
  }
  void collect() { rollouts_.collect(); }
  LearningMetrics update();

  Policy& policy() { return policy_; }
  Rollouts& rollouts() { return rollouts_; }
  const Rollouts& rollouts() const { return rollouts_; }
  std::int64_t iteration() const { return iteration_; }
  double discount() const { return options_.discount; }

  // Of the last update, [steps_per_iteration], for inspection.
  const Array& advantage() const { return *advantage_; }  // as the policy's step saw it
  const Array& raw_advantage() const { return *raw_advantage_; }
  const Array& target() const { return *target_; }  // advantage + v: what the baseline is fitted to
  const Array& value() const {
    return *value_;
  }  // [steps_per_iteration + num_envs], before the fit
  const Array& final_value() const { return *final_value_; }  // where any episode was truncated

  // What a resumed run must know beside policy().store(); call `save_state` before writing both as
  // a checkpoint of one's own, `load_state` after reading.
  Store& store() { return store_; }
  void save_state();
  void load_state();
  // Both stores in one file.
  void save(const std::string& path, const std::map<std::string, std::string>& metadata = {});
  std::map<std::string, std::string> load(const std::string& path);

 protected:
  // `policy` must outlive the learner, which is made for the policy's device.
  Learner(Policy& policy, const EnvironmentDescription& environment, const LearnerOptions& options);

  // The policy's step, on `batch`.
  virtual void update_policy(LearningMetrics& metrics) = 0;
  // The rollouts' transitions, and their advantages.
  TransitionBatch batch() const;

  Policy& policy_;
  LearnerOptions options_;
  Store store_, buffers_;
  Rollouts rollouts_;
  std::unique_ptr<Baseline> baseline_;
  Array* advantage_;

 private:
  void estimate_advantages(LearningMetrics& metrics);

  std::int64_t iteration_ = 0;
  Array *value_, *final_value_, *next_value_, *raw_advantage_, *target_, *iterations_;
  Program successors_, targets_, statistics_;
};

}  // namespace understudy
