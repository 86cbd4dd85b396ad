// InfoGAIL: imitation of demonstrations that do several things, where nobody says which (Li, Song &
// Ermon 2017, "InfoGAIL: interpretable imitation learning from visual demonstrations").
//
//   minimize over pi, Q   maximize over D
//   (1) E_pi[log D(s, a)] + E_expert[log(1 - D(s, a))] - lambda_1 L_I(pi, Q) - lambda_0 eta(pi)
//
// (equation 4; the adversary D is a classifier, or a Wasserstein critic as in section 4.3). The
// policy is told a code that is drawn with the episode (codes.h), and the posterior Q has to tell
// the code from what the policy then does (posterior.h). eta is the mean of the environment's own
// reward, which may be a surrogate for what the demonstrations do not show ("reward augmentation",
// section 4.2). An iteration:
//
//   1. collect transitions; each episode has a code of its own
//   2. fit adversary and posterior to rows from a replay of earlier collections, or to these
//   3. reward = adversary's + information_weight log Q(c | s, a)
//               + environment_weight environment's
//   4. a step of TRPO
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/adversarial/adversarial_imitation.h"
#include "algorithms/adversarial/critic.h"
#include "algorithms/adversarial/posterior.h"
#include "algorithms/adversarial/transition_replay.h"

namespace understudy {

enum class AdversaryKind : std::int8_t { classifier, wasserstein };

struct InfoGailOptions {
  CodeSpace codes = {.categories = 2};
  AdversaryKind adversary = AdversaryKind::classifier;
  Discriminator::Options discriminator = {};
  Critic::Options critic = {};
  Posterior::Options posterior = {};
  RewardInput input = RewardInput::state_action;  // of adversary and posterior
  double information_weight = 0.1;                // lambda_1 (the paper's appendix A)
  double environment_weight = 0;                  // lambda_0
  // Collections that adversary and posterior learn from, the newest among them.
  std::int64_t replay = 1;
  // As in AdversarialOptions; of the classifier.
  bool absorbing_states = true;
  EndsEvidence expert_ends = EndsEvidence::automatic;
  TrpoOptions trpo = {};
};
// Those that the kind of adversary has.
void list_options(OptionList& list, InfoGailOptions& options);

struct InfoGailMetrics {
  AdversarialMetrics imitation = {};
  double bound = 0;    // L_I, nats, over the learner's rows
  double entropy = 0;  // H(c), which it cannot exceed where codes are categories
  std::vector<std::pair<std::string, double>> named() const;
  std::vector<std::pair<std::string, double>> traced() const;
};

class InfoGail {
 public:
  // `policy` must outlive this; its codes are those of the options, else an Error. Demonstrations
  // that do not fit the environment are an Error that begins with `name`.
  InfoGail(Policy& policy, const EnvironmentDescription& environment,
           const Demonstrations& demonstrations, const InfoGailOptions& options,
           std::string_view name = "demonstrations");

  InfoGailMetrics step();

  Learner& learner() { return learner_; }
  LearnedReward& reward() { return *adversary_; }
  Posterior& posterior() { return *posterior_; }
  const EpisodeEnds& expert_ends() const { return ends_; }

  // Everything that the future depends on; `learner().save_state()` before writing them,
  // `learner().load_state()` after reading.
  std::vector<Store*> stores();

 private:
  InfoGailOptions options_;
  EpisodeEnds ends_;
  Trpo learner_;
  std::unique_ptr<LearnedReward> adversary_;
  std::unique_ptr<Posterior> posterior_;
  std::unique_ptr<NextObservations> next_;
  Store buffers_, kept_;
  Program splitting_, replacing_;
  TransitionBatch batch_;
  DataView code_;
  std::optional<TransitionReplay> replay_;
};

// The transitions with a code behind each observation, another one for each episode: what a policy
// with codes is cloned from, to which no code means anything yet.
Transitions with_random_codes(Transitions transitions, const CodeSpace& codes, std::uint64_t seed);

}  // namespace understudy
