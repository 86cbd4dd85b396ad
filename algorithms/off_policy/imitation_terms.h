// What demonstrations are to an off-policy learner.
//
//   reinforcement  the environment's reward; no demonstrations
//   sqil           reward 1 for what was demonstrated and 0 for what the learner did, half a
//                  minibatch each (Reddy et al. 2020, "SQIL", algorithm 1)
//   dqfd           the environment's reward, in demonstrations too, and a margin by which the
//                  demonstrated action must be the best (Hester et al. 2018, equation 3)
//   iq_learn       the reward that Q itself stands for, r = Q(s, a) - discount V(s') (Garg et al.
//                  2021, "IQ-Learn", equations 9 and 10, chi-squared)
//   dac            a reward by a discriminator of minibatches of both, with a penalty on its
//                  gradient (Kostrikov et al. 2019, "Discriminator-actor-critic", algorithm 1)
//
// Where rewards come from demonstrations an end is as good as what is demonstrated of it: beyond a
// termination is the absorbing state, in which nothing is done for ever and whose reward is learned
// as any other's, r_a, so that its value is
//
//   V_a = r_a / (1 - discount)                                       (Kostrikov et al. 2019, 4.2)
//   r_a = e / (e + l)                                                sqil
//   r_a = 2 alpha (e - l) / (e + l)                                  iq_learn
//   r_a = f(s_a)                                                     dac
//
// with e and l the shares of steps beyond the ends, of the expert's and of the learner's episodes,
// each taken up to the horizon. The first two are the optima of the algorithms' own losses at a
// state which both visit so often (Al-Hafez et al. 2023, "LS-IQ", section 4.2, for the second). For
// nothing beyond, V_a = 0: with absorbing_states off.
//
// Thread safety: pure functions; a DacDiscriminator is used as its programs are.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/adversarial/episode_ends.h"
#include "autograd/modules/modules.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

class OptionList;

enum class OffPolicyAlgorithm : std::int8_t { reinforcement, sqil, dqfd, iq_learn, dac };

struct DacOptions {
  std::vector<std::int64_t> hidden = {100, 100};  // tanh (their code)
  double learning_rate = 1e-3;
  double gradient_penalty = 10;  // (Gulrajani et al. 2017)
  std::int64_t batch_size = 64;  // rows of each side
};
void list_options(OptionList& list, DacOptions& options);

struct ImitationTerms {
  OffPolicyAlgorithm algorithm = OffPolicyAlgorithm::reinforcement;
  double demonstration_share = 0.5;  // of a minibatch
  bool absorbing_states = true;
  EndsEvidence expert_ends = EndsEvidence::automatic;
  // dqfd
  double margin = 0.8, margin_weight = 1;  // (Hester et al. 2018; the margin of Piot et al. 2014)
  double n_step_weight = 1;                // of the loss of n-step returns beside that of one step
  double l2 = 1e-5;                        // of parameters
  std::int64_t pretraining = 1000;         // gradient steps before the first in the environment
  // iq_learn
  double alpha = 0.5;    // of the chi-squared divergence
  bool offline = false;  // from demonstrations alone
  DacOptions dac = {};

  bool imitates() const { return algorithm != OffPolicyAlgorithm::reinforcement; }
  // Whether rewards come from demonstrations, and ends have something beyond.
  bool replaces_reward() const { return imitates() && algorithm != OffPolicyAlgorithm::dqfd; }
};
void list_options(OptionList& list, ImitationTerms& terms);

// IQ-Learn's loss, of minibatch rows, minus what is maximized:
//
//   r_i = q_i - y_i,     y_i = discount V(s'_i), or beyond a termination's end discount V_a
//   loss = -sum_i e_i (r_i) + sum_i w_i (v_i - y_i) + 1 / (4 alpha) sum_i w_i r_i^2
//
// with e_i weights of the demonstrations and w_i of all rows, each of sum 1. (Garg et al. 2021,
// equation 10, with E_{s_0} V by its telescoping over the rows, section 5.1, and the divergence
// over all rows, as their code takes it online.)
Tensor iq_loss(Tensor q, Tensor next, Tensor value, Tensor expert_weight, Tensor weight,
               double alpha);

// DQfD's margin, of rows: max_a (q(a) + margin [a != a_E]) - q(a_E); one_hot of a_E. (Hester et al.
// 2018, equation 2.) [rows n]
Tensor margin_loss(Tensor q, Tensor one_hot, double margin);

// r_a as above; 0 where nobody comes there.
double absorbing_reward(const ImitationTerms& terms, double expert_share, double learner_share);

// f(s, a) of [z, a, absorbing], 1 - absorbing side by side with zeros in the absorbing state:
//
//   minimize  E_expert softplus(-f) + E_learner softplus(f)
//             + gradient_penalty E (|grad f(x)| - 1)^2,   x between rows of both at random
//
// where the absorbing state is in each side with its share. The reward is f = log D - log(1 - D).
class DacDiscriminator {
 public:
  // Of features [rows n, width].
  DacDiscriminator(Store& store, std::int64_t width, const DacOptions& options, std::uint64_t seed);

  Tensor score(Tensor features) const;             // [rows n]
  Tensor absorbing_score(Program& program) const;  // []
  // The loss of equally many rows of both sides; shares [2] of the absorbing state, the expert's
  // and the learner's; `between` uniform numbers [rows n, 1].
  Tensor loss(Tensor expert, Tensor learner, Tensor shares, Tensor between) const;
  // Appends a step of Adam.
  void record(Program& program, Tensor loss) { adam_->record(program, loss); }
  const Parameters& parameters() const { return parameters_; }

 private:
  Tensor network_of(Tensor features) const;

  DacOptions options_;
  std::int64_t width_;
  Parameters parameters_{"discriminator"};
  std::unique_ptr<Mlp> network_;
  std::unique_ptr<Adam> adam_;
};

}  // namespace understudy
