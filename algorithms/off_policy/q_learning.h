// Q-learning of discrete actions, on what a replay buffer has: DQN (Mnih et al. 2015, "Human-level
// control through deep reinforcement learning", algorithm 1), and soft Q-learning, which is what
// imitation by rewards of one's own takes (imitation_terms.h).
//
// The policy's network is the Q function: with tau the temperature, and x the logits of its head,
//
//   (1) Q(s, a) = tau x_a(s)
//
// so that a saved policy is an ordinary one: its distribution is softmax(Q / tau), which is what
// soft Q-learning acts by (Haarnoja et al. 2017, equation 4), and its mode the greedy action.
// Targets are, with Q' the target network and R the rewards of n steps,
//
//   (2) R + discount^n V(s')       of an episode that goes on there, or was cut
//   (3) V(s') = max_a Q'(s', a)                                     hard
//   (4) V(s') = Q'(s', argmax_a Q(s', a))                           hard and double
//       (van Hasselt et al. 2016, "Deep reinforcement learning with double Q-learning")
//   (5) V(s') = tau log sum_a exp(Q'(s', a) / tau)                  soft
//
// and the loss is the mean of h(Q(s, a) - target), h Huber's function of width 1 (Mnih et al. 2015:
// "clipping the error term") or the square. What acts is epsilon-greedy where hard, epsilon going
// down in a straight line, and softmax(Q / tau) where soft. A dueling network is the head
// `dueling` (policies/dueling.h).
//
// Prioritized replay is not there: rows are drawn evenly, and demonstrations by their share.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/off_policy/off_policy_learner.h"

namespace understudy {

struct QLearningOptions {
  OffPolicyOptions learner = {};
  ImitationTerms terms = {};
  bool soft = false;
  bool double_q = true;
  bool huber = true;
  double temperature = 1;      // tau
  double epsilon_first = 1;    // hard: at the start
  double epsilon_last = 0.05;  // and from `epsilon_steps` on
  std::int64_t epsilon_steps = 10000;

  static QLearningOptions dqn();
  // Of an algorithm of imitation.
  static QLearningOptions imitating(OffPolicyAlgorithm algorithm);
};
void list_options(OptionList& list, QLearningOptions& options);

class QLearning final : public OffPolicyLearner {
 public:
  // REQUIRES (else an Error): discrete actions, a head whose parameters are logits.
  QLearning(Policy& policy, const EnvironmentDescription& environment,
            const QLearningOptions& options, const OffPolicyData& data = {});

 private:
  Tensor q_of(const Policy& network, Tensor observation) const;
  Tensor value_of(Tensor q) const;  // (3), (5)
  Tensor error(Tensor difference) const;
  Tensor act(Tensor observation, Tensor random);
  void record_update();

  QLearningOptions q_options_;
  Policy target_;
  std::unique_ptr<Adam> adam_;
};

}  // namespace understudy
