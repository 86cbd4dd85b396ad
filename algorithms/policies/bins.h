// Real actions cut into bins: a histogram a row, which can have any number of peaks.
//
//   p(a) = P(bin of a) / width of that bin
//
// over the box between the outermost edges; an action beyond them counts as if in the nearest bin.
// Three ways to write P over D dimensions of B bins:
//
//   independent      prod_d P_d(i_d)               D B numbers a row; no correlation
//   joint            P(i_1, ..., i_D)              B^D numbers; any distribution
//   autoregressive   prod_d P(i_d | i_1 .. i_d-1)  D B numbers; any distribution (autoregressive.h)
//
// (van den Oord et al. 2016, "Pixel recurrent neural networks", section 5.3, show why a softmax
// over bins fits where a unimodal density does not.)

#pragma once

#include "algorithms/policies/distribution.h"

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
  // density is infinite; a dimension that never varies is cut evenly within half a unit of its
  // value.
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

class BinnedHead final : public ActionHead {
 public:
  BinnedHead(Parameters& parameters, const std::string& name, std::int64_t inputs, Bins bins,
             bool joint, const Initialization& weight);
  std::unique_ptr<ActionDistribution> distribution(Tensor features) const override;

 private:
  Bins bins_;
  bool joint_;
  Linear logits_;
};

}  // namespace understudy
