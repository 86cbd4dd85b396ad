// Distributions over actions, recorded into programs: one interface for all of them.
//
// A head makes a distribution pi(a | s) of each row of features. "Rows" stands here for all leading
// axes, [rows] or [rows, steps], so that one class serves single steps and whole sequences. An
// action is a tensor of the kind of its space (spaces.h):
//
//   discrete        indices [rows...]
//   continuous      numbers [rows..., size]
//   multi_binary    0 and 1 [rows..., size]
//
// What a distribution does not know in closed form (a mixture's entropy, a generator's
// log-probability) is an `Error` of the kind `not_available` when recording, never a wrong number.
//
// parameters(), metric() and divergence_from() are what trust regions and distillation need. With x
// the parameters, which are what the network puts out, and x' those of another distribution of the
// same kind:
//
//   metric(t)             M t           M(x) = E_a [grad_x log p_x(a) grad_x log p_x(a)^T]    (1)
//   divergence_from(x')   KL(p_x' || p_x) = E_{a ~ p_x'} [log p_x'(a) - log p_x(a)]           (2)
//   coordinate_metric(t)  M' t          M = (dy/dx)^T M' (dy/dx), y the coordinates()         (3)
//
// row by row: means over rows are the caller's. The second derivative of (2) in x at x = x' is (1)
// (Schulman et al. 2015, "Trust region policy optimization", appendix C).
//
// Thread safety: a head does not change once made; a distribution is used as its program is.

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
  // The weight of a loss's KL term, one number in [0, 1] that warms up from 0; undefined: 1 (Bowman
  // et al. 2016, section 3.1).
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
  // The action of highest probability or density, as near as the class says.
  virtual Tensor mode() const = 0;
  // The mean action, of continuous and multi-binary actions.
  virtual Tensor expectation() const;
  // In nats, [rows...].
  virtual Tensor entropy() const;

  // What a step of maximum likelihood minimizes, [rows...]: -log_probability unless the
  // distribution has a bound or a loss of its own in its place.
  virtual Tensor loss(Tensor action, const LossContext& context) const;
  // |E a - action|^2, [rows...], in the units that the distribution itself is made in.
  virtual Tensor squared_error(Tensor action) const;

  // log_probability where it is known; a lower bound of it from `samples` draws where
  // `log_probability_is_a_bound`. [rows...]
  virtual bool log_probability_is_a_bound() const { return false; }
  virtual Tensor log_probability_bound(Tensor action, const RandomSource& source,
                                       int samples) const;

  virtual std::vector<Tensor> parameters() const;
  virtual std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const;
  virtual Tensor divergence_from(const std::vector<Tensor>& old_parameters) const;

  // (3): functions y of the parameters, as many numbers as the distribution has degrees of freedom
  // at most. A Gauss-Newton product costs in proportion to them. The parameters unless overridden.
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

// A bounded log standard deviation of any x, with a gradient everywhere:
//
//   m + h tanh((x + c) / h)     m, h the middle and half width of [log minimum, log maximum],
//                               c such that x = 0 gives log(start)
Tensor bounded_log_std(Tensor x, double minimum, double maximum, double start);

}  // namespace understudy
