// Policy distillation: a student learns what a teacher would have done, and how sure it was of it,
// on observations that are given (Rusu et al. 2016, "Policy distillation", equation 3).
//
//   (1) minimize over theta   E_s [ KL( pi_teacher(. | s) || pi_theta(. | s) ) ]
//
// Of a categorical teacher the logits are first divided by a temperature; below 1 it sharpens what
// the teacher prefers (ibid., section 4: 0.01). Student and teacher have heads of the same kind
// whose divergence is known; their trunks may differ. Where the student normalizes its actions, it
// does so by the teacher's statistics: parameters are of the same units then. A student that does
// not can take on no teacher that does.
//
// `Dagger` distils round by round, on the states that teacher, student or both visit.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <memory>
#include <vector>

#include "algorithms/policies/policy.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

class Distillation {
 public:
  struct Options {
    std::int64_t batch_size = 128;  // rows a step, drawn with repetition
    double learning_rate = 1e-3;
    double temperature = 1;  // of categorical teachers
    double gradient_norm = 10;
    std::uint64_t seed = 0;
  };
  struct Metrics {
    std::int64_t iteration = 0;
    double divergence = 0;  // mean KL over the batch, in nats, before the step
  };

  // Whether a student can take on a teacher's distribution: the same observations, actions and head
  // (of bins, the same bins), one whose divergence is known, and no memory.
  static bool fits(const PolicyDescription& student, const PolicyDescription& teacher);

  // observations [n, width], copied to the device. `student` and `teacher` must outlive this. An
  // `Error` where they do not fit.
  Distillation(Policy& student, const Policy& teacher, const std::vector<float>& observations,
               const Options& options);
  Metrics step();

  // Over all observations: mean KL, and the share on which the modes are the same (of real actions,
  // the mean squared difference of the modes).
  struct Comparison {
    double divergence = 0, agreement = 0;
  };
  Comparison compare();

  // Adam's moments. After it was read from a checkpoint, `restore` takes the run up there.
  Store& store() { return store_; }
  void restore();

 private:
  Tensor divergence(Tensor observation) const;

  Policy& student_;
  const Policy& teacher_;
  Options options_;
  Store store_, data_;
  std::unique_ptr<Adam> adam_;
  Program training_, comparing_;
  std::int64_t rows_ = 0, iteration_ = 0;
  std::vector<std::int32_t> batch_;
};

void list_options(OptionList& list, Distillation::Options& options);

}  // namespace understudy
