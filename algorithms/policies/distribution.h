// Distributions over actions, recorded into programs: one interface for all of them.
//
// A distribution is what a head makes from features: one of each row. "Rows" stands here for all
// leading axes, [rows] or [rows, steps], so that one distribution serves single steps and whole
// sequences. An action is
//
//   discrete        one of `size` choices          an index tensor [rows...]
//   continuous      `size` numbers                 [rows..., size]
//   multi_binary    `size` bits, each 0 or 1       [rows..., size]
//
// Whatever a distribution does not know in closed form (a mixture's entropy, a generator's
// log-probability) is an `Error` of the kind `not_available` when recording, never a wrong number.
//
// parameters(), metric() and divergence_from() are what trust regions need. For a distribution p
// with parameters x, which are what the network puts out, and M the Fisher information in x,
//
//   metric(t)            M t, row by row (a mean over rows is the caller's)
//   divergence_from(x')  KL(p_x' || p_x), row by row; its second derivative in x at x = x' is M
//
// (Schulman et al. 2015, "Trust region policy optimization", appendix C.)

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "algorithms/policies/spaces.h"
#include "autograd/modules/modules.h"
#include "autograd/operations/operations.h"

namespace understudy {

// What a loss may need beside the action.
struct LossContext {
  RandomSource random = {};  // heads with latent variables draw from it
  // One number in [0, 1], or undefined for 1: the share of a loss's divergence term, which warms up
  // (Bowman et al. 2016, section 3.1).
  Tensor warm_up = {};
};

class ActionDistribution {
 public:
  virtual ~ActionDistribution() = default;

  // One or two words, for messages.
  virtual const char* name() const = 0;

  // Natural logarithm of the probability, or of the density, [rows...]. Differentiable.
  virtual Tensor log_probability(Tensor action) const = 0;
  // One draw a row, fresh each run. No gradient.
  virtual Tensor sample(const RandomSource& source) const = 0;
  // The likeliest action, or of mixtures the peak of the component that peaks highest.
  virtual Tensor mode() const = 0;
  // The mean action, of real actions and bits.
  virtual Tensor expectation() const;
  // In nats, [rows...].
  virtual Tensor entropy() const;

  // What a step of maximum likelihood minimizes, [rows...]: -log_probability unless the
  // distribution has a bound or a loss of its own in its place.
  virtual Tensor loss(Tensor action, const LossContext& context) const;

  // log_probability where it is known; a lower bound of it from `samples` draws where
  // `log_probability_is_a_bound`. [rows...]
  virtual bool log_probability_is_a_bound() const { return false; }
  virtual Tensor log_probability_bound(Tensor action, const RandomSource& source,
                                       int samples) const;

  virtual std::vector<Tensor> parameters() const;
  virtual std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const;
  virtual Tensor divergence_from(const std::vector<Tensor>& old_parameters) const;

  // Functions y of the parameters, no more numbers than the distribution has degrees of freedom,
  // and the Fisher information in them, M' t row by row: M = (dy/dx)ᵀ M' dy/dx. What a product with
  // it costs grows with their number. The parameters themselves unless these say too much.
  virtual std::vector<Tensor> coordinates() const { return parameters(); }
  virtual std::vector<Tensor> coordinate_metric(const std::vector<Tensor>& tangents) const {
    return metric(tangents);
  }

 protected:
  [[noreturn]] void refuse(const char* what) const;
};

// Makes a distribution from features [rows..., inputs]; declares its parameters when constructed.
class ActionHead {
 public:
  virtual ~ActionHead() = default;
  virtual std::unique_ptr<ActionDistribution> distribution(Tensor features) const = 0;
};

// ---- for those who write distributions ----

// The leading axes of a tensor, without its last `count`, and with others behind them.
Shape leading(const Shape& shape, int count = 1);
Shape behind(Shape leading, std::initializer_list<std::int64_t> sizes);
// An action's shape and element type against the rows and the size of a distribution.
void require_action(const char* distribution, Tensor action, ActionKind kind, const Shape& rows,
                    std::int64_t size);
// `parameters` against those that a distribution has.
void require_parameters(const char* distribution, const std::vector<Tensor>& found,
                        const std::vector<Tensor>& expected);
// Numbers for indices: 0 -> 0.0, 1 -> 1.0, ..., below n.
Tensor number_of(Tensor index, std::int64_t n);

// A logarithm of a deviation that stays between the logarithms of two bounds, from any x;
// log(start) at 0, and with a gradient everywhere: 1 in the geometric middle, less towards bounds.
Tensor bounded_log_std(Tensor x, double minimum, double maximum, double start);

}  // namespace understudy
