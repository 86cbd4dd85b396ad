// Binned actions: each dimension cut into B bins, a softmax over bins. Any number of peaks.
//
//   p(a | s) = P(bin of a | s) / (width of that bin)                                         (1)
//
// between the outermost edges; an action beyond them counts as if in the nearest bin. Three ways to
// write P over D dimensions:
//
//   name             P(i_1 ... i_D)                  logits a row   what it can express
//   independent      prod_d P_d(i_d)                 D B            no correlation
//   joint            softmax over all cells          B^D            any distribution
//   autoregressive   prod_d P(i_d | i_1 .. i_d-1)    D B            any (autoregressive.h)
//
// Of the first two, with x the logits and p = softmax(x), each dimension's or all cells':
//
//   H  = sum p (log width - log p)                                                           (2)
//   M  = diag(p) - p p^T                                                                     (3)
//   KL = sum p' (log p' - log p)                                                             (4)
//
// (van den Oord et al. 2016, "Pixel recurrent neural networks", section 5.3, show why a softmax
// over bins fits where a unimodal density does not.)

#pragma once

#include "algorithms/policies/heads.h"

namespace understudy {

// Where the edges of bins are, and how actions and bins turn into one another.
class Bins {
 public:
  // `edges`: of every dimension `bins + 1` rising numbers. Anything else is an Error.
  Bins(std::int64_t dimensions, std::int64_t bins, std::vector<double> edges);

  // Edges of equal width between bounds, dimension by dimension.
  static std::vector<double> uniform(const std::vector<double>& low,
                                     const std::vector<double>& high, std::int64_t bins);
  // Edges between which equally many of the actions [n, dimensions] lie. Where values repeat, edges
  // are held apart by 1e-3 of a uniform bin, or by `least_width` if that is more, so that no
  // density is infinite; a dimension that never varies is cut evenly within half its value's size
  // of it (of 0: half a unit).
  static std::vector<double> quantile(const std::vector<float>& actions, std::int64_t dimensions,
                                      std::int64_t bins, double least_width = 0);

  std::int64_t dimensions() const { return dimensions_; }
  std::int64_t count() const { return bins_; }
  // The same with dimensions in another order.
  Bins permuted(const std::vector<std::int64_t>& order) const;

  // action [rows..., D]: 1 where it lies, else 0, [rows..., D, B].
  Tensor membership(Tensor action) const;
  // Of bins given as such: log width [rows..., D], a point at `share` (a number or [rows..., D]) of
  // the way from lower to upper edge.
  Tensor log_width(Tensor membership) const;
  Tensor point(Tensor membership, Tensor share) const;
  // Logarithms of the widths of one dimension's bins, [B].
  Tensor log_widths(Program& program, std::int64_t dimension) const;
  // The number of the bin, from -1 for the first to 1 for the last, [rows..., D].
  Tensor position(Tensor membership) const;

 private:
  std::int64_t dimensions_, bins_;
  std::vector<double> edges_;
};

class BinnedDistribution final : public ActionDistribution {
 public:
  // logits [rows..., D, B], or [rows..., B^D] (dimension 0 slowest) where joint.
  BinnedDistribution(const Bins& bins, Tensor logits, bool joint);

  const char* name() const override { return joint_ ? "joint bins" : "independent bins"; }
  Tensor log_probability(Tensor action) const override;
  Tensor sample(const RandomSource& source) const override;
  Tensor mode() const override;  // the middle of the densest bin
  Tensor expectation() const override;
  Tensor entropy() const override;
  std::vector<Tensor> parameters() const override { return {logits_}; }
  std::vector<Tensor> metric(const std::vector<Tensor>& tangents) const override;
  Tensor divergence_from(const std::vector<Tensor>& old_parameters) const override;

 private:
  // [rows..., B^D] or [rows..., D, B] of numbers that belong to cells, to [rows..., D, B] of those
  // that belong to bins, summed.
  Tensor marginal(Tensor cells) const;
  Tensor cells(Tensor action) const;
  Tensor log_widths() const;  // of each cell, a constant
  Tensor total(Tensor of_cells) const;

  Bins bins_;
  Tensor logits_, log_p_;
  bool joint_;
};

// ---- The heads ----

// Where edges come from, unless they are given.
enum class BinPlacement : std::int8_t {
  automatic,  // uniform where the actions have bounds, else quantile
  uniform,    // evenly between the bounds; without bounds, between the least and largest action
  quantile    // as many demonstrated actions in each bin
};

struct BinOptions {
  std::int64_t bins = 32;  // a dimension
  BinPlacement placement = BinPlacement::automatic;
  std::vector<double> edges = {};  // Bins's; empty: by placement
};
void list_options(OptionList& list, BinOptions& options);

struct IndependentBinsOptions {
  static constexpr const char* head = "independent_bins";
  BinOptions binning = {};
};
void list_options(OptionList& list, IndependentBinsOptions& options);

struct JointBinsOptions {
  static constexpr const char* head = "joint_bins";
  BinOptions binning = {.bins = 8};
};
void list_options(OptionList& list, JointBinsOptions& options);

// x = W f + b
class BinnedHead final : public ActionHead {
 public:
  BinnedHead(const HeadSite& site, const IndependentBinsOptions& options);
  BinnedHead(const HeadSite& site, const JointBinsOptions& options);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  BinnedHead(const HeadSite& site, Bins bins, bool joint);
  Bins bins_;
  bool joint_;
  Linear logits_;
};

HeadRow independent_bins_row();
HeadRow joint_bins_row();

// ---- For other heads of bins ----

// The edges that were given or fitted, or uniform between the bounds. An Error, which names the
// head, where there are neither.
Bins bins_of(const char* head, const BinOptions& options, const ActionSpace& action);
// HeadRow::prepare: edges by placement, where none were given.
void place_bins(BinOptions& options, const ActionSpace& action, std::span<const float> actions);
template <class Options>
void prepare_bins(HeadOptions& options, const ActionSpace& action, std::span<const float> actions) {
  place_bins(options.as<Options>().binning, action, actions);
}

}  // namespace understudy
