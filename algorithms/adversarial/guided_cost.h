// Guided cost learning: maximum-entropy inverse reinforcement learning whose partition function is
// estimated from samples, which a policy is guided to where the cost is low (Finn, Levine & Abbeel
// 2016, "Guided cost learning: deep inverse optimal control via policy optimization").
//
//   (1) p(tau) = exp(-C(tau)) / Z,        C(tau) = sum_t c(s_t, a_t)
//   (2) L = mean over demonstrations of C + log (1/M) sum_m exp(-C(tau_m)) / z(tau_m)
//   (3) z(tau) = sum_j (n_j / M) q_j(tau),     log q_j(tau) = sum_t log pi_j(a_t | s_t)
//   (4) w_m = exp(-C(tau_m)) / z(tau_m), normalized;    effective samples: 1 / sum w_m^2
//
// The background tau_1 .. tau_M are samples of the latest policies and the demonstrations
// themselves ("fused": each counts under the mixture of all that made any, section 4.3), whose own
// density is that of a policy cloned from them. Dynamics are in p and in every q_j, and cancel.
// The regularizers of section 5, on trajectories of both kinds and of the expert's:
//
//   (5) local constant rate   mean of sum_t [(c_{t+1} - c_t) - (c_t - c_{t-1})]^2
//   (6) monotonic             mean of sum_t max(0, c_t - c_{t-1} - 1)^2
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <memory>
#include <optional>

#include "algorithms/adversarial/transition_features.h"
#include "algorithms/policies/policy.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

class OptionList;

// ---- The estimate, recorded into a program ----

struct GuidedLoss {
  Tensor loss;     // (2), but for a constant: log M
  Tensor weights;  // (4) [M]
};
// C of the demonstrations [n], and of the background [M] with log z [M]; a log z of 1e30 or more
// leaves a sample out.
GuidedLoss guided_loss(Tensor demonstrated, Tensor background, Tensor log_z);
// log z [M], from log q_j(tau_m) [M, J] and log(n_j / M) [J].
Tensor log_mixture(Tensor log_q, Tensor log_share);
// (5) and (6), of costs [steps, trajectories], summed over steps: [trajectories].
Tensor rate_changes(Tensor costs);
Tensor increases(Tensor costs);

// ---- A cost network ----

class GuidedCost {
 public:
  struct Options {
    std::vector<std::int64_t> hidden = {32, 32};  // tanh
    std::int64_t features = 16;   // y of the last layer; c = |y|^2, never negative (section 5)
    double learning_rate = 3e-3;  // Adam's
    std::int64_t steps = 10;      // of Adam in one `fit`
    double rate_weight = 1e-2;    // (5)
    double monotonic_weight = 0;  // (6)
    std::int64_t background = 5;  // collections that are kept
    bool demonstrations_in_background = true;
    std::int64_t cloning_steps = 500;  // of the policy whose density is the demonstrations'
    std::uint64_t seed = 0;
  };
  struct Metrics {
    double loss = 0;                       // (2) but for its constant, before the latest fit
    double demonstrated = 0, sampled = 0;  // mean C of the demonstrations, of the newest samples
    double effective_samples = 0, samples = 0;  // (4), and M
    const char* warning = nullptr;              // where few samples have all the weight
  };

  // Episodes of `steps` steps each, `num_envs` a collection. Demonstrations of another length, or
  // that do not fit, are an Error that begins with `name`. `policy` must outlive this, without
  // codes; its statistics of observations stay as they are.
  GuidedCost(Policy& policy, RewardInput input, const Demonstrations& demonstrations,
             std::int64_t steps, std::int64_t num_envs, const Options& options,
             std::string_view name = "demonstrations");

  // The newest collection, rows as Rollouts has them, made by the policy as it is now.
  void push(const TransitionBatch& batch);
  void fit();
  // c of the newest collection's rows at `values`, [rows].
  void evaluate() { evaluating_.run(); }
  DataView values() const { return evaluating_.output_view("cost"); }
  Metrics metrics() const { return metrics_; }

  // c of rows of features: [n].
  Tensor cost(Tensor features) const;

  // Everything that the future depends on.
  Store& store() { return store_; }

 private:
  void clone_demonstrations(const Demonstrations& demonstrations);
  void record();
  void copy_in(const Array& to, const void* from, std::int64_t first, std::int64_t count,
               std::int64_t steps) const;
  void score();

  Policy& policy_;
  Options options_;
  std::int64_t steps_, num_envs_, demonstrated_, trajectories_, parts_;
  Store store_, data_;
  TransitionFeatures features_;
  Parameters parameters_{"cost"};
  std::unique_ptr<Mlp> network_;
  std::unique_ptr<Adam> adam_;
  Policy scorer_;  // takes the parameters of each policy in turn
  // [steps, trajectories, ...]: the demonstrations, then a place for each collection.
  Array *observation_, *action_;
  Array *policies_, *pushed_;  // [parts, parameters], the last the demonstrations'
  Array *log_q_, *log_share_, *log_z_, *seen_, *seen_share_, *newest_;
  Program scoring_, mixing_, observing_, training_, evaluating_, newest_features_;
  Metrics metrics_;
};
void list_options(OptionList& list, GuidedCost::Options& options);

}  // namespace understudy
