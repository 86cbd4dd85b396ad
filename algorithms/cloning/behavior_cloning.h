// Behavioral cloning: a policy fitted to an expert's actions as supervised learning fits anything
// (Pomerleau 1989; Bain & Sammut 1995).
//
//   (1) likelihood      maximize over theta   E_(s, a) ~ expert [ log pi_theta(a | s) ]
//   (2) squared_error   minimize over theta   E_(s, a) ~ expert [ |E pi_theta(. | s) - a|^2 ]
//
// The square is in the units that the policy's head learns in: of normalized actions where the
// policy normalizes them.
//
//   const Transitions expert = transitions(load_demonstrations("expert.npz"));
//   fit_normalizer(policy, expert);
//   BehaviorCloning cloning(policy, expert, {.validation_share = 0.3});
//   while (!cloning.step().stopped) {}
//   cloning.keep_best();
//
// A step is one of Adam on a batch drawn without replacement; each epoch has an order of its own.
// The policy is the caller's and holds the parameters; all other state of a run is in `store()`.
// The caller owns the loop, the clock and the stopping rule. The same options, transitions and
// device give the same bits for any number of threads, and a run that was resumed those of one that
// was not.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "algorithms/data/sampling.h"
#include "algorithms/policies/policy.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

enum class CloningLoss : std::int8_t { likelihood, squared_error };

class BehaviorCloning {
 public:
  struct Options {
    CloningLoss loss = CloningLoss::likelihood;
    std::int64_t batch_size = 128;  // rows a step (the code of Ho & Ermon 2016)
    double learning_rate = 1e-3;    // Adam's (Kingma & Ba 2015, algorithm 1)
    double weight_decay = 0;        // AdamW's (Loshchilov & Hutter 2019, algorithm 2)
    double gradient_norm = 10;      // clipped to this; 0: not clipped
    Schedule schedule = {};         // of the learning rate
    // Share of the rows held out for validation, 0 for none (0.3 in Ho & Ermon 2016). Validated
    // before the first step and after every `validation_every`; `patience` validations in a row
    // without an improvement stop the run (0: never).
    double validation_share = 0;
    std::int64_t validation_every = 20;
    std::int64_t patience = 0;
    std::uint64_t seed = 0;               // of the split, the order and samples
    std::int64_t eval_batch_size = 1024;  // rows computed at a time in evaluations
  };
  struct Metrics {
    std::int64_t iteration = 0;  // steps done
    double epoch = 0;            // passes over the training rows
    double loss = 0;             // mean over the batch, before the step
    double validation = 0;       // latest mean loss of the held-out rows; NaN: none
    double best_validation = 0;  // the least of those; NaN: none
    bool stopped = false;        // patience has run out; further steps are allowed
  };

  // Copies the transitions to the policy's device; observations in bytes stay bytes, on the CPU
  // where they are, until a batch is gathered from them. `policy` must outlive this. Actions of a
  // discrete space may be indices, or their numbers. REQUIRES (else an Error): at least one row
  // (two with validation), observations and actions of the policy, one without memory.
  BehaviorCloning(Policy& policy, const Transitions& transitions, const Options& options);

  // One step. A loss that is not finite is an Error of the kind `not_finite` that names the
  // operation where it began.
  Metrics step();
  // `count` steps that read the loss back once, at the end, which is faster.
  // Stops early with patience.
  Metrics train(std::int64_t count);

  // The parameters with the best validation become the policy's; nothing to do without validation.
  void keep_best();

  // Moments, the snapshot and how far the run is. After `store()` was read from a checkpoint, and
  // the policy's own, `restore` takes the run up there.
  Store& store() { return store_; }
  void restore();

  // log pi(a | s) of each row.
  std::vector<double> log_probabilities(const Transitions& transitions);
  // Mean of the loss that is minimized.
  double loss_of(const Transitions& transitions);
  // For states [n, input_width]: draws from pi, its expectation and its mode; [n, action_width].
  std::vector<float> sample(const std::vector<float>& inputs);
  std::vector<float> expectation(const std::vector<float>& inputs);
  std::vector<float> mode(const std::vector<float>& inputs);

  std::int64_t parameter_count() const { return policy_.parameters().elements(); }

 private:
  enum class Asked : std::int8_t { sample, expectation, mode };

  Tensor loss_rows(Tensor observation, Tensor action) const;
  Tensor action_input(Program& program, const char* name, std::int64_t n) const;
  void write_action(Program& program, const char* name, const float* rows, std::int64_t n) const;
  void lay_down(const Series& observations);
  void bound_partial_sums();
  std::int32_t place_of(std::int64_t row) const;
  Tensor observed(Program& program, std::int64_t n) const;
  // Rows of a split: where their observations lie in the table, and their actions.
  struct Part {
    std::vector<std::int32_t> place;
    std::vector<float> actions;
    std::int64_t rows() const { return static_cast<std::int64_t>(place.size()); }
  };
  Part part_of(const Transitions& transitions, const std::vector<std::int64_t>& rows) const;
  void require_widths(const Transitions& transitions) const;
  void train();
  void record_validation();
  double held_out_loss();
  void validate();
  Metrics metrics();
  std::vector<double> score(Program& program, const Transitions& transitions);
  std::vector<float> answer(const std::vector<float>& inputs, Program& program);
  Program& acting(std::unique_ptr<Program>& program, Asked asked);

  Policy& policy_;
  Options options_;
  std::int64_t rows_ = 0, input_width_, action_width_;
  bool index_;
  Store data_, store_;
  std::unique_ptr<Adam> adam_;
  Program training_, validating_, keeping_, restoring_, scoring_, losing_;
  std::unique_ptr<Program> sample_, expectation_, mode_;  // made when first asked
  Array* table_ = nullptr;  // of all observations; null: bytes that are read where they lie
  ByteRows bytes_;
  Part taken_, held_out_;  // to train on, written batch by batch, and to validate by
  std::int64_t held_out_batch_ = 0;
  std::vector<std::int64_t> order_;
  std::int64_t order_epoch_ = -1;
  std::vector<std::int32_t> batch_;
  std::vector<float> batch_actions_;
  Array *best_parameters_ = nullptr, *progress_ = nullptr, *sample_counter_ = nullptr;
  bool validates_ = false;
  std::int64_t iteration_ = 0, stale_ = 0;
  double validation_, best_validation_;
};

void list_options(OptionList& list, BehaviorCloning::Options& options);

}  // namespace understudy
