// Behavioral cloning of whole sequences: recurrent policies, trained by backpropagation through
// time.
//
//   (1) maximize over theta   sum_t log pi_theta(a_t | o_1 ... o_t)   over padded, masked windows
//
// With teacher forcing o_t is always the expert's. A policy that acts observes the results of its
// own actions instead, and small errors compound into states outside the training data. Where the
// next observation follows from an observation and an action, by columns c of the action,
//
//   (2) o_{t+1}[c] = decay_c o_t[c] + gain_c a_t[c]          (the other columns are given)
//
// there are three remedies:
//
//   scheduled sampling   each next o is the expert's with probability e, else follows from the
//                        policy's own draw; e falls from 1 (Bengio et al. 2015, section 2.4)
//   relabeling           the target action is then the one that leads from where the policy is to
//                        the expert's next o: DAgger's answer, by arithmetic (Venkatraman, Hebert &
//                        Bagnell 2015, "Data as demonstrator")
//   perturb and correct  noise is added to o, and the target action leads back (Pomerleau 1989)
//
// The same options, sequences and device give the same bits, whatever the number of threads.
//
// Thread safety: as its device, one thread at a time.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "algorithms/data/draws.h"
#include "algorithms/data/transitions.h"
#include "algorithms/policies/policy.h"
#include "autograd/optimize/optimizer.h"

namespace understudy {

// The share of a schedule at an iteration i, from 1 down to `least`.
struct TeacherSchedule {
  enum class Kind : std::int8_t { always, linear, exponential, inverse_sigmoid };
  Kind kind = Kind::always;
  // linear: iterations until `least`; exponential: those after which it is 1/e;
  // inverse_sigmoid: k of k / (k + exp(i / k)).
  double scale = 1000;
  double least = 0;
  double at(std::int64_t iteration) const;
};

class SequenceCloning {
 public:
  struct Options {
    // Trunk and head. Spaces follow from the sequences, but for the shape of an image that is as
    // wide as they are, and for an index (action.kind, action.size): the sequences' actions then
    // are one whole number each, learned without the remedies above.
    PolicyDescription policy = {.trunk = {.name = "lstm", .hidden = {64}}};
    std::int64_t batch_size = 32, steps = 64;  // windows a step, and their length
    double learning_rate = 3e-3;               // Adam's
    double momentum = 0.9;                     // Adam's beta1
    double weight_decay = 0;                   // AdamW's
    double gradient_norm = 1;                  // (Pascanu et al. 2013); 0: not clipped
    Schedule schedule = {};                    // of the learning rate
    double warm_up = 1000;  // iterations until a latent head's divergence has its full weight
    std::uint64_t seed = 0;

    // By columns of the action; empty: the next observation is not known to follow.
    std::vector<double> decay = {}, gain = {};
    TeacherSchedule teacher = {};  // e above
    // The first steps of a window that see the expert's o whatever e is: the observations that a
    // prediction is conditioned on.
    std::int64_t given = 1;
    bool draw = true;         // the policy's own action is a draw; false: its mode
    bool relabel = true;      // the target action is corrected
    double perturbation = 0;  // standard deviation of the noise on o, in its unit
    double correction = 1;    // share of the way back that one action goes
  };
  struct Metrics {
    std::int64_t iteration = 0;
    double epoch = 0;          // passes over the windows
    double loss = 0;           // mean over counted steps, before the update
    double teacher_share = 1;  // e
  };

  // REQUIRES (else an Error): a row at least, and one that counts.
  SequenceCloning(Device& device, const Transitions& sequences, const Options& options);

  // One step of Adam on a batch of windows, in an order shuffled each epoch.
  Metrics step();

  // log pi(a_t | o_1 ... o_t) of every row, teacher-forced from each sequence's start; for rows
  // that do not count too. Where the policy knows a bound alone, the bound by `samples` draws.
  std::vector<double> log_probabilities(const Transitions& sequences, int samples = 64);

  Policy& policy() { return policy_; }
  const Policy& policy() const { return policy_; }
  // Moments, counters and schedules. After this and the policy's own store were read from a
  // checkpoint, `restore` takes the run up at its iteration, with the same order of windows.
  // REQUIRES: no step was taken before.
  Store& store() { return store_; }
  void restore(std::int64_t iteration);
  std::int64_t windows() const { return static_cast<std::int64_t>(windows_.size()); }

 private:
  struct Window {
    std::int64_t first, length;  // rows
  };
  std::vector<Window> next_batch();
  void record_forced();
  void record_mixed();
  Tensor loss_of(const ActionDistribution& distribution, Tensor action);
  Tensor action_input(Program& program, const Shape& window) const;
  void write_action(Program& program) const;
  void fill(const Window* windows, std::int64_t count, std::int64_t steps);

  Options options_;
  Transitions sequences_;
  Policy policy_;
  Store store_;
  Program training_;
  std::unique_ptr<Adam> adam_;
  Array *counter_, *teacher_share_, *warm_up_;
  std::vector<Window> windows_;
  std::vector<std::int64_t> order_;
  Draws draws_;
  std::size_t next_ = 0;
  std::int64_t iteration_ = 0;
  std::vector<float> input_, action_, mask_, present_;
};

void list_options(OptionList& list, TeacherSchedule& options);
void list_options(OptionList& list, SequenceCloning::Options& options);

}  // namespace understudy
