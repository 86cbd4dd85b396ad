// Gradient descent and its relatives, recorded into a program: gradients, clipping and one fused
// update of the flat parameter buffer.
//
//   Adam adam(parameters, store, {.learning_rate = 1e-3});
//   adam.record(program, loss);       // program.run() is then one step
//
// Moments and step counts are arrays of the store ("<model>/adam/m"), so a checkpoint has them.
//
// Thread safety: an optimizer records, and its arrays change when the program runs; it is used as
// the program is, by one thread at a time.

#pragma once

#include <memory>
#include <string>

#include "autograd/modules/parameters.h"
#include "autograd/program/program.h"
#include "kernels/optimizer/optimizer.h"

namespace understudy {

class OptionList;

// What happens to the gradient before any of the updates.
struct Clipping {
  double norm = 0;   // scale down to this Euclidean norm; 0: off (Pascanu et al. 2013, algorithm 1)
  double value = 0;  // then clip each element to +- this; 0: off
  double l2 = 0;     // then add l2 times the parameters
};

// The learning rate over the updates, read by the program when it runs: nothing is recorded again.
struct Schedule {
  // Updates over which the rate goes down in a straight line, from all of it at the first to its
  // share `last`, which it keeps (as in Schulman et al. 2017, table 3). 0: constant. The count of
  // updates is an array of the store, "<model>/schedule/step".
  std::int64_t steps = 0;
  double last = 0;
  // Or, for rules of one's own: an array of one number that multiplies the rate, to be set between
  // runs.
  Array* factor = nullptr;
};
void list_options(OptionList& list, Schedule& options);

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // Appends gradients of `loss` and the update.
  void record(Program& program, Tensor loss);
  // Appends the update alone, for a gradient of all parameters, flat.
  void record_update(Program& program, Tensor gradient);

 protected:
  Optimizer(const Parameters& parameters, Store& store, const Clipping& clipping,
            const Schedule& schedule);
  // What an update reads beside its arrays; factors are tensors of one element, or undefined.
  struct Gradient {
    Tensor flat, scale, rate;
  };
  // Appends the operation that updates.
  virtual void append_update(Program& program, const Gradient& gradient) = 0;

  const Parameters& parameters_;
  Clipping clipping_;

 private:
  Schedule schedule_;
  Array* schedule_step_ = nullptr;
};

class Sgd final : public Optimizer {
 public:
  struct Options {
    double learning_rate = 1e-2;
    double momentum = 0;
    bool nesterov = false;
    Clipping clipping = {};
    Schedule schedule = {};
  };
  Sgd(const Parameters& parameters, Store& store, const Options& options);

 private:
  void append_update(Program& program, const Gradient& gradient) override;
  Options options_;
  Array* velocity_ = nullptr;
};

class RmsProp final : public Optimizer {
 public:
  struct Options {
    double learning_rate = 1e-3, decay = 0.99, epsilon = 1e-8;
    Clipping clipping = {};
    Schedule schedule = {};
  };
  RmsProp(const Parameters& parameters, Store& store, const Options& options);

 private:
  void append_update(Program& program, const Gradient& gradient) override;
  Options options_;
  Array* mean_square_;
};

class AdaGrad final : public Optimizer {
 public:
  struct Options {
    double learning_rate = 1e-2, epsilon = 1e-10;
    Clipping clipping = {};
    Schedule schedule = {};
  };
  AdaGrad(const Parameters& parameters, Store& store, const Options& options);

 private:
  void append_update(Program& program, const Gradient& gradient) override;
  Options options_;
  Array* sum_of_squares_;
};

// With weight_decay above 0 it is AdamW.
class Adam final : public Optimizer {
 public:
  struct Options {
    double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
    Clipping clipping = {};
    Schedule schedule = {};
  };
  Adam(const Parameters& parameters, Store& store, const Options& options);

 private:
  void append_update(Program& program, const Gradient& gradient) override;
  Options options_;
  Array *m_, *v_, *step_;
};

// Positive parameters, multiplied by exp(-rate g); kept on the simplex with `normalize`.
class ExponentiatedGradient final : public Optimizer {
 public:
  struct Options {
    double learning_rate = 1e-1;
    bool normalize = true;
    Clipping clipping = {};
    Schedule schedule = {};
  };
  ExponentiatedGradient(const Parameters& parameters, Store& store, const Options& options);

 private:
  void append_update(Program& program, const Gradient& gradient) override;
  Options options_;
};

}  // namespace understudy
