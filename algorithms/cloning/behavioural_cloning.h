// Behavioural cloning: a policy fitted to an expert's actions as supervised learning fits anything,
// by maximum likelihood over pairs of state and action (Pomerleau 1989; Bain & Sammut 1995).
//
//   maximise over theta   E_(s, a) ~ expert [ log pi_theta(a | s) ]
//
// Here pi is a trunk of tanh layers with a mixture-density head, and one step is one step of Adam
// on a batch drawn without replacement; the order is shuffled anew each epoch. The caller owns the
// loop, the clock and the stopping rule. The same options, pairs and device give the same bits,
// whatever the number of threads.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "algorithms/data/draws.h"
#include "algorithms/policies/mixture.h"
#include "autograd/optimise/optimiser.h"

namespace understudy {

// States and the expert's actions there, row by row.
struct Pairs {
  std::int64_t input_width = 0, action_width = 0;
  std::vector<float> inputs = {}, actions = {};

  std::int64_t rows() const {
    return action_width == 0 ? 0 : static_cast<std::int64_t>(actions.size()) / action_width;
  }
  void append(const std::vector<float>& input, const std::vector<float>& action) {
    inputs.insert(inputs.end(), input.begin(), input.end());
    actions.insert(actions.end(), action.begin(), action.end());
  }
};

class BehaviouralCloning {
 public:
  struct Options {
    std::vector<std::int64_t> hidden = {64, 64};
    MixtureHead::Options head = {};   // `inputs` and `dimensions` follow from the rest
    std::int64_t batch = 256;         // rows a step
    double learning_rate = 1e-3;      // Adam's (Kingma & Ba 2015, algorithm 1)
    double gradient_norm = 10;        // clipped to this; 0: not clipped
    std::uint64_t seed = 0;           // of parameters, order and samples
    std::int64_t answer_rows = 1024;  // rows computed at a time when asked about states
  };
  struct Metrics {
    std::int64_t iteration = 0;  // steps done
    double epoch = 0;            // passes over the pairs
    double loss = 0;             // mean -log pi over the batch, before the step
  };

  // Copies the pairs to the device. REQUIRES (else an Error): at least one row.
  BehaviouralCloning(Device& device, const Pairs& pairs, const Options& options);

  // One step. A loss that is not finite is an Error of the kind `not_finite` that names the
  // operation where it began.
  Metrics step();

  // log pi(a | s) of each row.
  std::vector<double> log_probabilities(const Pairs& pairs);
  // For states [n, input_width]: draws from pi, and its expectation; [n, action_width].
  std::vector<float> sample(const std::vector<float>& inputs);
  std::vector<float> expectation(const std::vector<float>& inputs);

  std::int64_t parameter_count() const { return parameters_.elements(); }

 private:
  Tensor features(Tensor inputs) const { return trunk_ ? (*trunk_)(inputs) : inputs; }
  void shuffle();
  std::vector<float> answer(const std::vector<float>& inputs, const char* output);

  Options options_;
  std::int64_t rows_, input_width_, action_width_;
  Store store_;
  Parameters parameters_;
  std::unique_ptr<Mlp> trunk_;
  std::unique_ptr<MixtureHead> head_;
  std::unique_ptr<Adam> adam_;
  Program training_, scoring_, acting_;
  Draws draws_;
  std::vector<std::int64_t> order_;
  std::size_t next_ = 0;  // in order_
  std::vector<std::int32_t> batch_;
  std::int64_t iteration_ = 0;
};

}  // namespace understudy
