// The classifier of adversarial imitation, on rows: what its loss is, how it is trained, and how
// well it does. Whoever uses it says what the logit of a row is.
//
//   (1) D = sigmoid(logit),  the probability that the row is the expert's
//   (2) minimize  -E_expert[log D] - E_learner[log(1 - D)] - entropy_weight mean H(D)
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <functional>

#include "algorithms/adversarial/reward.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

// (2), with -log sigmoid(f) = softplus(-f), -log(1 - sigmoid(f)) = softplus(f): no overflow.
Tensor classification_loss(Tensor expert_logit, Tensor learner_logit, double entropy_weight);

class Classifier {
 public:
  struct Options {
    double learning_rate = 0.01;  // Adam's
    double entropy_weight = 0;
    std::int64_t steps = 1;  // of Adam in one `fit`
    // Rows of either side in a step, drawn anew for each (with repetition); 0: all of them.
    std::int64_t batch_size = 0;
    std::uint64_t seed = 0;
  };
  // The logit of rows, [rows, width] to [rows].
  using Logit = std::function<Tensor(Tensor rows)>;

  // All must outlive this; moments and counts are arrays of `store`, "<model>/adam/...". The two
  // sides are [rows, width].
  Classifier(const Parameters& parameters, Store& store, const Array& expert, const Array& learner,
             Logit logit, const Options& options);

  // Looks, and then takes its steps.
  void fit();
  // What `fit` saw: loss, accuracies, calibration, entropy, and a warning where they are bad.
  void add(AdversaryMetrics& metrics) const;

 private:
  void record_training();
  void record_diagnostics();
  void fit_minibatches();

  const Array &expert_, &learner_;
  Logit logit_;
  Options options_;
  Adam adam_;
  Array* steps_done_;
  Program training_, diagnostics_;
};

}  // namespace understudy
