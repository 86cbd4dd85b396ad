// Deep maximum-entropy inverse reinforcement learning (Wulfmeier, Ondrúška & Posner 2015): the
// reward is a network of features, trained by the likelihood of demonstrations.
//
//   (1)  dL/dtheta = dL/dr . dr/dtheta - l2 theta     (ibid., equations 8 to 11)
//
// dL/dr is the exact gradient of a tabular model (`MaxEntModel` by pair, `GoalFamily` by
// transition); the network's backward pass takes it as the cotangent of its output. With one linear
// layer this is linear maximum entropy by gradient ascent.
//
// The network sees one row of features for each state, pair or transition. An mlp takes rows one by
// one; a convolutional network takes the features of all states as an image of the problem's grid,
// so that it can find its own features in a cell's surroundings.
//
//   Store store(device, Real::f64);
//   MaxEntModel model(device, problem, demonstrations);
//   DeepMaxEnt learner(store, problem, model, reward_features(problem), {});
//   while (...) learner.step();
//   std::vector<double> elsewhere = learner.reward_on(other, reward_features(other));
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "algorithms/tabular/goal_family.h"
#include "algorithms/tabular/maxent.h"
#include "autograd/modules/modules.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

// What a reward network reads.
struct RewardFeatures {
  FeatureOwner owner = FeatureOwner::none;
  std::int64_t width = 0;      // features a row
  std::vector<double> values;  // [rows, width]; a row for each of the owner's states, pairs, ...
  // A known part of the reward, [rows], to which the network is a correction (a linear fit, say);
  // empty: none. In a goal family it must lie where the partition function exists.
  std::vector<double> offset = {};
  // The same by what the model's own reward counts, pairs, or transitions of a goal family: a
  // network of states can correct costs of moves.
  std::vector<double> fixed = {};
};
// The problem's own.
RewardFeatures reward_features(const Problem& problem);

struct RewardNetworkOptions {
  enum class Kind { mlp, convolutional };
  Kind kind = Kind::mlp;
  // Widths of the hidden layers; none: a linear reward. Two of rectified linear units are ibid.,
  // section 4's.
  std::vector<std::int64_t> hidden = {32, 32};
  // Convolutional: the (odd) width of each layer's window, the last layer's included; missing ones
  // are 1. Borders are padded with zeros.
  std::vector<std::int64_t> windows = {3};
  Activation activation = Activation::relu;
  // Of the last layer's initial weights, beside Glorot & Bengio's: small, so that the first policy
  // is nearly uniform.
  double last_scale = 0.1;
};

struct DeepMaxEntOptions {
  enum class Method { adam, adagrad };
  RewardNetworkOptions network = {};
  Method method = Method::adam;  // the paper's is adagrad
  double learning_rate = 1e-2;
  double l2 = 0.0;             // takes l2/2 |theta|^2 from the mean log-likelihood
  double gradient_norm = 0.0;  // clipped to this; 0: not
  std::uint64_t seed = 0;      // of the initial parameters
  std::string name = "reward";
};

// Of the parameters with which the step began.
struct DeepMaxEntMetrics {
  std::int64_t iteration = 0;   // steps done
  double log_likelihood = 0.0;  // the model's objective, a demonstration's mean
  double gradient_norm = 0.0;   // of that mean by the parameters, without the penalty
  double feature_gap = 0.0;     // |demonstrated - expected features| of a demonstration
  int shortened = 0;            // how often the last update was halved to stay in the domain
};

class DeepMaxEnt {
 public:
  // Problem and model must outlive this. Parameters, moments and what resuming needs are arrays of
  // the store, whose device computes the network.
  DeepMaxEnt(Store& store, const Problem& problem, MaxEntModel& model,
             const RewardFeatures& features, const DeepMaxEntOptions& options);
  DeepMaxEnt(Store& store, const Problem& problem, GoalFamily& family,
             const GoalDemonstrations& demonstrations, const RewardFeatures& features,
             const DeepMaxEntOptions& options);

  // One evaluation and one update. An update after which the partition function diverges is halved
  // by the next step until it does not; where it diverges at the start that is an `Error`.
  DeepMaxEntMetrics step();

  // The reward of now: by pair, or by transition for a goal family.
  std::vector<double> reward();
  // That of another problem with features of the same kind.
  std::vector<double> reward_on(const Problem& problem, const RewardFeatures& features) const;

  // The mean log-likelihood of the reward of now and its gradient by the flat parameters.
  double gradient(std::vector<double>* by_parameters);
  Parameters& parameters() { return parameters_; }

 private:
  using Objective = std::function<double(const std::vector<double>&, std::vector<double>*)>;
  DeepMaxEnt(Store& store, const Problem& problem, MaxEntModel* model, Objective objective,
             double episodes, const RewardFeatures& features, const DeepMaxEntOptions& options);

  Tensor network(Program& program, const Problem& problem, const RewardFeatures& features) const;
  double evaluate();

  Store& store_;
  const Problem& problem_;
  MaxEntModel* model_;  // null for a goal family
  Objective objective_;
  double episodes_;
  DeepMaxEntOptions options_;
  RewardFeatures features_;
  Parameters parameters_;
  std::unique_ptr<Mlp> mlp_;
  std::vector<Conv> layers_;
  std::unique_ptr<Optimizer> optimizer_;
  Array *accepted_ = nullptr, *values_ = nullptr, *iteration_ = nullptr;
  // Reward alone; reward, gradient and update; gradient without update.
  Program forward_, training_, checking_;
  std::vector<double> by_reward_, by_row_;  // the objective's gradient
};

}  // namespace understudy
