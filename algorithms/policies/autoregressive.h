// Autoregressive bins: one dimension at a time, each given those before it. Any distribution over D
// dimensions of B bins from D B logits a row.
//
//   p(a | s) = prod_p P(i_p | i_0 ... i_{p-1}, s) / (width of bin i_p)                       (1)
//
// p counts positions in an order of the dimensions, which is an option: where dimensions depend on
// one another causally, the order is theirs; else any is as general. Later positions see a bin as a
// number x from -1 to 1. Two networks give all conditionals:
//
//   masked      one pass of a network whose masks let position p see x_0 .. x_{p-1} alone, and all
//               features (MADE: Germain et al. 2015, equations 12-13)                        (2)
//   recurrent   h_p = tanh(W f + U x_{p-1} + V h_{p-1} + b_p),  logits = O_p h_p + c_p       (3)
//               (Elman 1990: a step a position)
//
// A log-probability costs one pass; a draw, D short ones: of each layer only what position p needs.

#pragma once

#include <memory>

#include "algorithms/policies/bins.h"

namespace understudy {

// Conditionals of bins in the order of positions, for one set of features.
class Conditionals {
 public:
  virtual ~Conditionals() = default;
  // Logits of all positions [rows..., D, B], given the numbers x [rows..., D] of all bins.
  virtual Tensor all(Tensor x) = 0;
  // Logits of one position [rows..., B], given the number [rows..., 1] of the bin before it
  // (undefined at 0). Positions are asked for in turn from 0; position 0 begins anew.
  virtual Tensor next(std::int64_t position, Tensor before) = 0;
};

class AutoregressiveBins final : public ActionDistribution {
 public:
  // `order[p]` is the dimension at position p; `bins` as the action has them.
  AutoregressiveBins(const Bins& bins, const std::vector<std::int64_t>& order,
                     std::unique_ptr<Conditionals> conditionals, const Shape& rows);

  const char* name() const override { return "autoregressive bins"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  // The likeliest bin of each position in turn, which need not be the likeliest action.
  Tensor mode() const override;

 private:
  Tensor in_order(Tensor action, bool back) const;
  // Bins chosen position by position, as membership [rows..., D, B].
  template <class Choose>
  Tensor in_turn(const Choose& choose) const;

  Bins bins_;  // in the order of positions
  std::vector<std::int64_t> order_;
  std::unique_ptr<Conditionals> conditionals_;
  Shape rows_;
};

struct AutoregressiveOptions {
  static constexpr const char* head = "autoregressive";
  BinOptions binning = {};
  std::vector<std::int64_t> order = {};     // dimensions by position; empty: 0, 1, ...
  std::vector<std::int64_t> hidden = {64};  // of the masked layers
};
void list_options(OptionList& list, AutoregressiveOptions& options);

struct RecurrentBinsOptions {
  static constexpr const char* head = "recurrent_bins";
  BinOptions binning = {};
  std::vector<std::int64_t> order = {};  // as above
  std::int64_t hidden = 64;              // of h
};
void list_options(OptionList& list, RecurrentBinsOptions& options);

class AutoregressiveHead final : public ActionHead {
 public:
  AutoregressiveHead(const HeadSite& site, const AutoregressiveOptions& options);
  AutoregressiveHead(const HeadSite& site, const RecurrentBinsOptions& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  AutoregressiveHead(const HeadSite& site, Bins bins, std::vector<std::int64_t> order,
                     bool recurrent);
  const Parameters* parameters_;
  Bins bins_;
  std::vector<std::int64_t> order_;
  bool recurrent_;
  std::vector<std::vector<double>> masks_;
  std::vector<int> weights_, biases_;  // masked: a pair a layer; recurrent: W, U, V, O; b, c
};

HeadRow autoregressive_row();
HeadRow recurrent_bins_row();

}  // namespace understudy
