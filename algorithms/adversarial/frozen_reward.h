// A reward that was learned, alone: what it is a function of, weights and normalizers, in a file
// that says so. It can be looked at on any transitions of its spaces, and learned from anew.
//
//   auto reward = FrozenReward::load(device, "RUN/reward.safetensors");
//   std::vector<double> seen = reward->rewards(transitions);
//   RewardOverwrite overwrite(learner, *reward);       // reinforcement learning on it
//   learner.collect();  overwrite.run();  learner.update();
//
//   network   form(network(features) + before)       the features as TransitionFeatures has them
//   linear    form(weights . features + before)
//
//   of                is kept
//   GAIL              the discriminator, by the form of its reward
//   FEM, GTAL         the linear costs
//   AIRL              g alone: shaping belongs to the dynamics (Fu et al. 2018, section 5)
//   GAN-GCL           g, the reward of a step of the trajectory
//
// Where episodes terminate, the absorbing state's reward goes on (reward.h, (3)): log(share of the
// expert / share of all learners so far), by the form; 0 unless it was learned.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include "algorithms/adversarial/reward.h"
#include "algorithms/reinforcement/learner.h"
#include "algorithms/reinforcement/next_observations.h"

namespace understudy {

enum class RewardFunction : std::int8_t { network, linear };

struct RewardDescription {
  ObservationSpace observation = {};
  ActionSpace action = {};
  RewardInput input = RewardInput::state_action;
  RewardFunction function = RewardFunction::network;
  std::vector<std::int64_t> hidden = {};  // of a network, tanh
  RewardForm form = RewardForm::difference;
  double before = 0;     // added to the score
  double absorbing = 0;  // a step's reward beyond a terminated episode
};
void list_options(OptionList& list, RewardDescription& description);

class FrozenReward {
 public:
  // Of weights 0. A bad description is an Error.
  FrozenReward(Device& device, const RewardDescription& description, Real real = Real::f32);

  // A file's description is its metadata "reward.<field>". An Error where it is none.
  void save(const std::string& path) const;
  static std::unique_ptr<FrozenReward> load(Device& device, const std::string& path);

  const RewardDescription& description() const { return description_; }
  // An Error that begins with `where` unless these spaces have what it reads; `whose` are they.
  void require_spaces(const Spaces& spaces, const std::string& where, const char* whose) const;

  TransitionFeatures& features() { return features_; }
  const TransitionFeatures& features() const { return features_; }
  Array& weights() const { return parameters_.flat(); }

  // Of a step, [rows], without what comes beyond a termination.
  Tensor reward(const TransitionFeatures::Inputs& inputs) const;
  // On the host. An Error unless they have the next observations, where those are read.
  std::vector<double> rewards(const Transitions& transitions) const;

 private:
  RewardDescription description_;
  Store store_;
  TransitionFeatures features_;
  Parameters parameters_{"reward"};
  std::unique_ptr<Mlp> function_;
};

// Puts a frozen reward in the place of the environment's, after a collection.
class RewardOverwrite {
 public:
  // Both must outlive this. An Error where the reward's spaces are not the learner's.
  RewardOverwrite(Learner& learner, const FrozenReward& reward);
  void run();

 private:
  std::unique_ptr<NextObservations> next_;
  Program program_;
};

}  // namespace understudy
