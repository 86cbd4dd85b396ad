// Adversarial imitation: reinforcement learning on a reward that is learned beside the policy, from
// discriminating the learner's transitions from the expert's.
//
//   (1) collect transitions of the learner                 Ho & Ermon 2016, algorithm 1, line 3
//   (2) fit the reward to expert and learner               line 4
//   (3) overwrite the environment's reward with it
//   (4) a step of the policy, TRPO's by default            line 5
//
//   reward                    input          algorithm
//   discriminator             state_action   GAIL (Ho & Ermon 2016)
//   discriminator             state_pair     GAIfO (Torabi et al. 2018): the learner's actions may
//                                            differ from the expert's
//   linear costs, ball        state_action   FEM (Ho, Gupta & Ermon 2016)
//   linear costs, simplex     state_action   GTAL (ibid.)
//   shaped, of transitions    state          AIRL (Fu et al. 2018)
//   of whole trajectories     state          GAN-GCL (Finn et al. 2016)
//
// The environment's own reward enters the statistics alone.
//
//   auto imitation = make_imitation(policy, environment, demonstrations, {.algorithm = ...});
//   while (...) { AdversarialMetrics metrics = imitation->step(); ... }
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <functional>

#include "algorithms/adversarial/airl_reward.h"
#include "algorithms/adversarial/discriminator.h"
#include "algorithms/adversarial/linear_reward.h"
#include "algorithms/reinforcement/next_observations.h"
#include "algorithms/reinforcement/trpo.h"

namespace understudy {

enum class AdversarialAlgorithm : std::int8_t { gail, fem, gtal, airl, gan_gcl };
const char* name_of(AdversarialAlgorithm algorithm);
AdversarialAlgorithm adversarial_algorithm_named(const std::string& name);

struct AdversarialOptions {
  AdversarialAlgorithm algorithm = AdversarialAlgorithm::gail;
  RewardInput input = RewardInput::state_action;
  Discriminator::Options discriminator = {};  // gail
  AirlOptions airl = {};                      // airl and gan_gcl
  // fem and gtal; automatic: either with absorbing states; without, as the expert's episodes end.
  RewardSign sign = RewardSign::automatic;
  // What comes beyond a terminated episode: a learned reward; or nothing, so that the reward's sign
  // or form decides whether the learner ends its episodes (reward.h).
  bool absorbing_states = true;
  // By what an expert's episode counts as terminated.
  EndsEvidence expert_ends = EndsEvidence::automatic;
  // The paper fits the reward first and then takes the policy's step by it; its code takes the
  // policy's step first, by the reward of the iteration before.
  bool reward_first = true;
  // Rollouts, the advantages, the value function and the trust region.
  // `learner.entropy_coefficient` is the paper's lambda.
  TrpoOptions trpo = {};
};
// Those of the algorithm that the options name.
void list_options(OptionList& list, AdversarialOptions& options);

struct AdversarialMetrics {
  LearningMetrics learning = {};
  AdversaryMetrics adversary = {};
  // All numbers with their names, for a log; and with the learner's `traced` ones.
  std::vector<std::pair<std::string, double>> named() const;
  std::vector<std::pair<std::string, double>> traced() const;
};

class AdversarialImitation {
 public:
  // Any learner with any reward; the reward's rows are the learner's transitions. `expert`: how
  // its episodes end, as the reward was made to have it.
  AdversarialImitation(std::unique_ptr<Learner> learner, std::unique_ptr<LearnedReward> reward,
                       bool reward_first = true, EpisodeEnds expert = {});

  // One iteration.
  AdversarialMetrics step();

  Learner& learner() { return *learner_; }
  LearnedReward& reward() { return *reward_; }
  Policy& policy() { return learner_->policy(); }
  std::int64_t iteration() const { return learner_->iteration(); }
  const EpisodeEnds& expert_ends() const { return expert_ends_; }

  // Policy, value function, environments and adversary in one file; a run that goes on from it has
  // the bits of one that was never interrupted. `load` returns the metadata.
  void save(const std::string& path, const std::map<std::string, std::string>& metadata = {});
  std::map<std::string, std::string> load(const std::string& path);
  // The stores of such a file, for who writes one of their own: `learner().save_state()` before.
  std::vector<const Store*> stores();

 private:
  void replace_rewards();

  std::unique_ptr<Learner> learner_;
  std::unique_ptr<LearnedReward> reward_;
  bool reward_first_;
  EpisodeEnds expert_ends_;
  std::unique_ptr<NextObservations> next_;  // where the reward looks at them
  Program replacement_;
  TransitionBatch batch_;
};

// The paper's policy (Ho & Ermon 2016, section 6, and its code): two layers of 100 tanh, a last one
// that begins at a hundredth, observations normalized.
PolicyDescription imitation_policy(const EnvironmentDescription& environment);

// The paper's settings, whose parts all draw by `seed`: no absorbing states, the reward of a sign
// that suits how the expert's episodes end. Fisher products of policy and value
// function are over every `fisher_stride`-th transition (1: the paper's).
AdversarialOptions imitation_options(AdversarialAlgorithm algorithm, const RolloutOptions& rollouts,
                                     std::int64_t fisher_stride, std::uint64_t seed);

// `policy` must outlive what is made, on its device. Demonstrations that do not fit the
// environment are an Error that begins with `name`. Statistics of observations are the caller's
// (`freeze_normalizer`); a policy that was cloned first is a warm start.
std::unique_ptr<AdversarialImitation> make_imitation(Policy& policy,
                                                     const EnvironmentDescription& environment,
                                                     const Demonstrations& demonstrations,
                                                     const AdversarialOptions& options,
                                                     std::string_view name = "demonstrations");

}  // namespace understudy
