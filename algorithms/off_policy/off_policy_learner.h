// What the off-policy algorithms here share: a policy acts in a batch of environments, what it sees
// goes into a replay buffer, and after each step of all environments come gradient steps on
// minibatches drawn from there. They differ in what acts and in what a gradient step is.
//
//   Policy policy(device, q_policy(environment), seed);
//   QLearning learner(policy, environment, {});
//   while (...) { OffPolicyMetrics metrics = learner.step(); ... }
//
// A step() is an iteration of `steps_per_iteration` steps in the environments. All that one
// gradient step does (drawing, gathering, losses, gradients, optimizers, the target's step) is one
// run of one program, which allocates nothing.
//
// An episode that was cut is bootstrapped from the observation it was cut at. One that terminated
// is worth nothing beyond, unless rewards are learned from demonstrations: then there are absorbing
// states beyond, whose reward is learned too (imitation_terms.h).
//
// Observations are normalized, where the policy has it so, by the demonstrations' statistics; where
// there are none by those of the first `learning_starts` steps. Then they are frozen.
//
// The same options, seed and device give the same bits for any number of threads, and for a run
// that was interrupted: the replay buffer is part of the checkpoint.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "algorithms/off_policy/imitation_terms.h"
#include "algorithms/off_policy/replay_buffer.h"
#include "algorithms/policies/policy.h"
#include "algorithms/reinforcement/rollouts.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

struct OffPolicyOptions {
  std::int64_t num_envs = 8;                // environments stepped together
  std::int64_t steps_per_iteration = 1000;  // of all of them; a multiple of num_envs
  std::int64_t updates = 4;                 // gradient steps after each step of all environments
  std::int64_t batch_size = 64;             // rows of a minibatch
  std::int64_t capacity = 100000;           // rows of the replay buffer; a multiple of num_envs
  std::int64_t learning_starts = 1000;      // random steps before the first gradient step
  double discount = 0.99;
  std::int64_t n_step = 1;  // rewards of so many steps before v is bootstrapped
  double learning_rate = 1e-3;
  double gradient_norm = 10;      // clipped to this; 0: not
  double target_rate = 0.005;     // of the target network's way to the other, each gradient step
  std::int64_t target_every = 0;  // instead: a copy every so many gradient steps; 0: the rate
  std::uint64_t seed = 0;
};
void list_options(OptionList& list, OffPolicyOptions& options);

struct OffPolicyMetrics {
  std::int64_t iteration = 0;     // done, this one included
  std::int64_t interactions = 0;  // steps in the environments so far
  std::int64_t updates = 0;       // gradient steps so far
  EpisodeStatistics episodes = {};
  // What the gradient steps report, means over the iteration; NaN where there was none.
  std::vector<std::pair<std::string, double>> report = {};

  std::vector<std::pair<std::string, double>> named() const;
};

// What an algorithm learns from beside an environment.
struct OffPolicyData {
  const Demonstrations* demonstrations = nullptr;  // null: none
  std::string name = "demonstrations";             // for messages
};

class OffPolicyLearner {
 public:
  virtual ~OffPolicyLearner();
  OffPolicyLearner(const OffPolicyLearner&) = delete;
  OffPolicyLearner& operator=(const OffPolicyLearner&) = delete;

  OffPolicyMetrics step();
  // One gradient step, on what is in the buffer: what `step` does after a step in the environments.
  void update();
  // What the latest gradient step reported under this name. Waits for the device.
  double report_of_last(const std::string& name) const;

  Policy& policy() { return policy_; }
  ReplayBuffer& replay() { return replay_; }
  std::int64_t interactions() const { return replay_.added(); }
  Program& update_program() { return updating_; }
  const EpisodeEnds* expert_ends() const { return replay_.expert_ends(); }

  // What a resumed run must know beside policy().store(): `save_state` before writing both as a
  // checkpoint, `load_state` after reading.
  Store& store() { return store_; }
  void save_state();
  void load_state();

 protected:
  OffPolicyLearner(Policy& policy, const EnvironmentDescription& environment,
                   const OffPolicyOptions& options, const ImitationTerms& terms,
                   const OffPolicyData& data);

  // ---- For the constructors of algorithms, in this order ----

  // What acts: from observations [rows b, width] and whether actions are still to be random
  // (1 or 0, []), the action, as indices [rows b] or numbers [rows b, size].
  void record_acting(const std::function<Tensor(Tensor observation, Tensor random)>& act);
  // A minibatch and what is learned from in it, recorded into update_program().
  struct Recorded {
    ReplayBuffer::Minibatch batch;
    Tensor index;   // of the rows, [rows B]
    Tensor action;  // as networks take it: one-hot [rows B, n], or in units of its bounds
    Tensor reward;  // [rows B] by the terms; undefined for IQ-Learn
    Tensor beyond;  // [rows B] what lies beyond a termination, times its weight
  };
  Recorded record_minibatch();
  // What target networks are of what: parameters [n] each, followed after each gradient step.
  void follow(const Parameters& target, const Parameters& of);
  // Ends the recording: what a gradient step reports, each a number. Of losses it must have "loss".
  void finish(const std::vector<std::pair<std::string, Tensor>>& report);

  Tensor normalized(Tensor observation) const;
  // The number of a choice [rows n, 1] as one-hot rows, or numbers in units of their bounds.
  Tensor action_input(Tensor action) const;
  std::int64_t action_inputs() const { return policy_.description().action.size; }
  RandomSource random(std::uint64_t stream);
  // Steps in the environments before this one, [], in what acts.
  Tensor steps_done() { return reshape(acting_.use(*steps_done_), {}); }

  Policy& policy_;
  const EnvironmentDescription& environment_;
  OffPolicyOptions options_;
  ImitationTerms terms_;
  Store store_, buffers_;
  ReplayBuffer replay_;
  Program acting_, updating_;

 private:
  void step_environments(std::int64_t row);
  void prepare_iteration();
  void normalize_by_what_was_seen();
  EpisodeStatistics count_episodes();
  std::vector<double> take_report();

  Batch<float> environments_;
  std::unique_ptr<DacDiscriminator> discriminator_;
  // Of one step, [num_envs, ...]; `before_`: the observation acted on.
  Array *current_, *before_, *time_, *reward_, *terminated_, *truncated_, *final_, *next_, *ended_,
      *beyond_, *action_number_;
  Array *rewards_, *ends_;  // of an iteration, [steps, num_envs]
  Array *steps_done_, *counter_, *kept_, *sums_ = nullptr, *beyond_value_, *shares_;
  Program after_;
  std::vector<std::pair<const Parameters*, const Parameters*>> targets_;
  std::vector<Array*> target_copies_;
  std::vector<std::string> report_names_;
  std::vector<float> running_return_, host_rewards_, host_ends_;
  std::vector<std::int32_t> running_length_;
  std::int64_t iteration_ = 0, updates_ = 0, updates_before_ = 0;
  bool begun_ = false;
};

}  // namespace understudy
