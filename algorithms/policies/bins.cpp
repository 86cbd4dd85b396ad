#include "algorithms/policies/bins.h"

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "kernels/device/error.h"

namespace understudy {

namespace {

constexpr double beyond = FLT_MAX;  // no action is past it
constexpr std::int64_t most_cells = 1 << 16;

// Bounds of a dimension that never varies: half its own size around it, whatever its unit.
void widen(double& low, double& high) {
  const double half = 0.5 * (low == 0 ? 1.0 : std::abs(low));
  low -= half;
  high += half;
}

std::int64_t cell_count(const Bins& bins) {
  std::int64_t cells = 1;
  for (std::int64_t d = 0; d < bins.dimensions(); ++d)
    if ((cells *= bins.count()) > most_cells)
      fail(ErrorKind::bad_input,
           "joint bins: expected at most %lld cells, found %lld bins in each "
           "of %lld dimensions",
           static_cast<long long>(most_cells), static_cast<long long>(bins.count()),
           static_cast<long long>(bins.dimensions()));
  return cells;
}

}  // namespace

Bins::Bins(std::int64_t dimensions, std::int64_t bins, std::vector<double> edges)
    : dimensions_(dimensions), bins_(bins), edges_(std::move(edges)) {
  if (dimensions < 1 || bins < 1 ||
      static_cast<std::int64_t>(edges_.size()) != dimensions * (bins + 1))
    fail(ErrorKind::bad_input,
         "bins: expected %lld edges for %lld bins in %lld dimensions, found "
         "%zu",
         static_cast<long long>(dimensions * (bins + 1)), static_cast<long long>(bins),
         static_cast<long long>(dimensions), edges_.size());
  for (std::int64_t d = 0; d < dimensions; ++d)
    for (std::int64_t b = 0; b < bins; ++b) {
      const double* edge = edges_.data() + d * (bins + 1) + b;
      if (!(edge[0] < edge[1]) || !std::isfinite(edge[0]) || !std::isfinite(edge[1]))
        fail(ErrorKind::bad_input,
             "bins: expected rising edges, found %g before %g in dimension "
             "%lld",
             edge[0], edge[1], static_cast<long long>(d));
    }
}

std::vector<double> Bins::uniform(const std::vector<double>& low, const std::vector<double>& high,
                                  std::int64_t bins) {
  if (low.empty() || low.size() != high.size())
    fail(ErrorKind::bad_input, "bins: expected bounds of every dimension, found %zu and %zu",
         low.size(), high.size());
  std::vector<double> edges;
  for (std::size_t d = 0; d < low.size(); ++d)
    for (std::int64_t b = 0; b <= bins; ++b)
      edges.push_back(low[d] +
                      (high[d] - low[d]) * static_cast<double>(b) / static_cast<double>(bins));
  return edges;
}

std::vector<double> Bins::quantile(const std::vector<float>& actions, std::int64_t dimensions,
                                   std::int64_t bins, double least_width) {
  const std::int64_t n =
      static_cast<std::int64_t>(actions.size()) / std::max<std::int64_t>(dimensions, 1);
  if (n == 0) fail(ErrorKind::bad_input, "bins: expected actions to place them by, found none");
  std::vector<double> edges, values(static_cast<std::size_t>(n));
  for (std::int64_t d = 0; d < dimensions; ++d) {
    for (std::int64_t i = 0; i < n; ++i)
      values[static_cast<std::size_t>(i)] =
          static_cast<double>(actions[static_cast<std::size_t>(i * dimensions + d)]);
    std::sort(values.begin(), values.end());
    double low = values.front(), high = values.back();
    if (low == high) {
      widen(low, high);
      values = {low, high};
    }
    const double apart = std::max(least_width, 1e-3 * (high - low) / static_cast<double>(bins));
    const std::int64_t last = static_cast<std::int64_t>(values.size()) - 1;
    for (std::int64_t b = 0; b <= bins; ++b) {
      const double at = static_cast<double>(b * last) / static_cast<double>(bins);
      const std::int64_t i =
          std::min(static_cast<std::int64_t>(at), std::max<std::int64_t>(last - 1, 0));
      const double part = at - static_cast<double>(i);
      const double edge = values[static_cast<std::size_t>(i)] * (1 - part) +
                          values[static_cast<std::size_t>(std::min(i + 1, last))] * part;
      edges.push_back(b == 0 ? edge : std::max(edge, edges.back() + apart));
    }
    values.resize(static_cast<std::size_t>(n));
  }
  return edges;
}

Bins Bins::permuted(const std::vector<std::int64_t>& order) const {
  std::vector<double> edges;
  for (std::int64_t d : order)
    edges.insert(edges.end(), edges_.begin() + d * (bins_ + 1),
                 edges_.begin() + (d + 1) * (bins_ + 1));
  return {dimensions_, bins_, std::move(edges)};
}

Tensor Bins::membership(Tensor action) const {
  std::vector<double> low, high;
  for (std::int64_t d = 0; d < dimensions_; ++d)
    for (std::int64_t b = 0; b < bins_; ++b) {
      const double* edge = edges_.data() + d * (bins_ + 1) + b;
      low.push_back(b == 0 ? -beyond : edge[0]);
      high.push_back(b + 1 == bins_ ? beyond : edge[1]);
    }
  Program& program = action.program();
  const Shape shape = {dimensions_, bins_};
  const Tensor a = reshape(action, behind(action.shape(), {1}));
  return less_equal(program.constant(shape, low), a) * less(a, program.constant(shape, high));
}

Tensor Bins::log_width(Tensor membership) const {
  std::vector<double> width;
  for (std::int64_t d = 0; d < dimensions_; ++d)
    for (std::int64_t b = 0; b < bins_; ++b) {
      const double* edge = edges_.data() + d * (bins_ + 1) + b;
      width.push_back(std::log(edge[1] - edge[0]));
    }
  return sum(membership * membership.program().constant({dimensions_, bins_}, width), -1);
}

Tensor Bins::log_widths(Program& program, std::int64_t dimension) const {
  std::vector<double> width;
  for (std::int64_t b = 0; b < bins_; ++b) {
    const double* edge = edges_.data() + dimension * (bins_ + 1) + b;
    width.push_back(std::log(edge[1] - edge[0]));
  }
  return program.constant({bins_}, width);
}

Tensor Bins::point(Tensor membership, Tensor share) const {
  std::vector<double> low, width;
  for (std::int64_t d = 0; d < dimensions_; ++d)
    for (std::int64_t b = 0; b < bins_; ++b) {
      const double* edge = edges_.data() + d * (bins_ + 1) + b;
      low.push_back(edge[0]);
      width.push_back(edge[1] - edge[0]);
    }
  Program& program = membership.program();
  const Shape shape = {dimensions_, bins_};
  return sum(membership * program.constant(shape, low), -1) +
         share * sum(membership * program.constant(shape, width), -1);
}

Tensor Bins::position(Tensor membership) const {
  std::vector<double> place;
  for (std::int64_t b = 0; b < bins_; ++b)
    place.push_back(bins_ == 1 ? 0.0
                               : 2.0 * static_cast<double>(b) / static_cast<double>(bins_ - 1) - 1);
  return sum(membership * membership.program().constant({bins_}, place), -1);
}

BinnedDistribution::BinnedDistribution(const Bins& bins, Tensor logits, bool joint)
    : bins_(bins), logits_(logits), log_p_(log_softmax(logits)), joint_(joint) {}

Tensor BinnedDistribution::marginal(Tensor cells) const {
  if (!joint_) return cells;
  const std::int64_t n = cells.shape()[-1], d = bins_.dimensions(), b = bins_.count();
  std::vector<double> of(static_cast<std::size_t>(n * d * b), 0.0);
  for (std::int64_t cell = 0; cell < n; ++cell) {
    std::int64_t rest = cell;
    for (std::int64_t i = d; i-- > 0; rest /= b)
      of[static_cast<std::size_t>(cell * d * b + i * b + rest % b)] = 1;
  }
  const Tensor bins = matmul(cells, cells.program().constant({n, d * b}, of));
  return reshape(bins, behind(leading(cells.shape()), {d, b}));
}

Tensor BinnedDistribution::cells(Tensor action) const {
  const Tensor each = bins_.membership(action);
  if (!joint_) return each;
  // Outer products: the cell is where every dimension's bin is.
  const Shape rows = leading(action.shape());
  const auto bin = [&](std::int64_t d) { return slice(each, -2, d, 1); };  // [rows..., 1, B]
  Tensor product = bin(0);
  for (std::int64_t d = 1; d < bins_.dimensions(); ++d) {
    const std::int64_t n = product.shape()[-1];
    product = reshape(reshape(product, behind(rows, {n, 1})) * bin(d),
                      behind(rows, {1, n * bins_.count()}));
  }
  return reshape(product, behind(rows, {product.shape()[-1]}));
}

Tensor BinnedDistribution::total(Tensor of_cells) const {
  const Tensor each = sum(of_cells, -1);
  return joint_ ? each : sum(each, -1);
}

Tensor BinnedDistribution::log_probability(Tensor action) const {
  const Shape rows = leading(logits_.shape(), joint_ ? 1 : 2);
  require_action(name(), action, ActionKind::continuous, rows, bins_.dimensions());
  // (1): log P of the cell, less the logarithm of its volume
  return total(cells(action) * log_p_) - sum(bins_.log_width(bins_.membership(action)), -1);
}

Tensor BinnedDistribution::sample(const RandomSource& source) const {
  const Tensor chosen = marginal(one_hot(random_categorical(source, logits_), logits_.shape()[-1]));
  return bins_.point(chosen, random_uniform(chosen.program(), source, leading(chosen.shape())));
}

Tensor BinnedDistribution::log_widths() const {
  const std::int64_t d = bins_.dimensions(), b = bins_.count();
  std::vector<Tensor> each;
  for (std::int64_t k = 0; k < d; ++k)
    each.push_back(reshape(bins_.log_widths(logits_.program(), k), {1, b}));
  const Tensor width = concatenate(each, 0);  // [D, B]
  if (!joint_) return width;
  Tensor total = slice(width, 0, 0, 1);  // [1, B]
  for (std::int64_t k = 1; k < d; ++k)
    total = reshape(transpose(total) + slice(width, 0, k, 1), {1, total.shape()[1] * b});
  return reshape(total, {total.shape()[1]});
}

Tensor BinnedDistribution::mode() const {
  const Tensor densest = argmax(log_p_ - log_widths(), -1);
  return bins_.point(marginal(one_hot(densest, logits_.shape()[-1])),
                     logits_.program().constant(0.5));
}

Tensor BinnedDistribution::expectation() const {
  return bins_.point(marginal(exp(log_p_)), logits_.program().constant(0.5));
}

Tensor BinnedDistribution::entropy() const {
  return total(exp(log_p_) * (log_widths() - log_p_));  // (2)
}

std::vector<Tensor> BinnedDistribution::metric(const std::vector<Tensor>& tangents) const {
  require_parameters(name(), tangents, parameters());
  const Tensor p = exp(log_p_), t = tangents[0];  // (3): p t - p (p^T t)
  const Tensor along = reshape(sum(p * t, -1), behind(leading(t.shape()), {1}));
  return {p * (t - along)};
}

Tensor BinnedDistribution::divergence_from(const std::vector<Tensor>& old_parameters) const {
  require_parameters(name(), old_parameters, parameters());
  const Tensor old = log_softmax(old_parameters[0]);
  return total(exp(old) * (old - log_p_));  // (4)
}

namespace {

constexpr OptionChoice placements[] = {choice(BinPlacement::automatic, "automatic"),
                                       choice(BinPlacement::uniform, "uniform"),
                                       choice(BinPlacement::quantile, "quantile")};

}  // namespace

void list_options(OptionList& list, BinOptions& o) {
  list.fields(o,
              option("bins", o.bins, "of each dimension",
                     {.least = 1, .most = most_parts, .source = "Metz et al. 2017"}),
              option("bin_placement", o.placement, placements,
                     "uniform between bounds, or by quantiles of the demonstrated actions"),
              option("edges", o.edges, "of every dimension bins + 1 rising numbers; none: placed"));
}

void list_options(OptionList& list, IndependentBinsOptions& o) {
  list.fields(o, group("", o.binning));
}

void list_options(OptionList& list, JointBinsOptions& o) { list.fields(o, group("", o.binning)); }

Bins bins_of(const char* head, const BinOptions& options, const ActionSpace& action) {
  if (options.edges.empty() && action.low.empty())
    fail(ErrorKind::bad_input,
         "policy: a head '%s' needs bounds of the actions, or edges of its bins", head);
  return {
      action.size, options.bins,
      options.edges.empty() ? Bins::uniform(action.low, action.high, options.bins) : options.edges};
}

void place_bins(BinOptions& options, const ActionSpace& action, std::span<const float> actions) {
  if (!options.edges.empty()) return;
  const bool bounded = !action.low.empty();
  const bool quantile = options.placement == BinPlacement::quantile ||
                        (options.placement == BinPlacement::automatic && !bounded);
  if (quantile) {
    options.edges = Bins::quantile({actions.begin(), actions.end()}, action.size, options.bins);
  } else if (!bounded) {
    const std::size_t width = static_cast<std::size_t>(action.size);
    std::vector<double> low(width, INFINITY), high(width, -INFINITY);
    for (std::size_t i = 0; i < actions.size(); ++i) {
      low[i % width] = std::min(low[i % width], static_cast<double>(actions[i]));
      high[i % width] = std::max(high[i % width], static_cast<double>(actions[i]));
    }
    for (std::size_t d = 0; d < width; ++d)
      if (!(low[d] < high[d])) widen(low[d], high[d]);
    options.edges = Bins::uniform(low, high, options.bins);
  }
}

BinnedHead::BinnedHead(const HeadSite& site, Bins bins, bool joint)
    : bins_(std::move(bins)),
      joint_(joint),
      logits_(
          site.parameters, site.name + "/logits",
          Linear::Options{.inputs = site.inputs,
                          .outputs = joint ? cell_count(bins_) : bins_.dimensions() * bins_.count(),
                          .weight = site.last_weight()}) {}

BinnedHead::BinnedHead(const HeadSite& site, const IndependentBinsOptions& o)
    : BinnedHead(site, bins_of(o.head, o.binning, site.action), false) {}
BinnedHead::BinnedHead(const HeadSite& site, const JointBinsOptions& o)
    : BinnedHead(site, bins_of(o.head, o.binning, site.action), true) {}

std::unique_ptr<ActionDistribution> BinnedHead::distribution(Tensor features) const {
  Tensor logits = logits_(features);
  if (!joint_)
    logits =
        reshape(logits, behind(leading(features.shape()), {bins_.dimensions(), bins_.count()}));
  return std::make_unique<BinnedDistribution>(bins_, logits, joint_);
}

namespace {

constexpr HeadTraits known = {.likelihood = true, .metric = true, .mode = true, .own_units = true};
const std::vector<const char*> support = {"bins", "edges"};

}  // namespace

HeadRow independent_bins_row() {
  return {.name = IndependentBinsOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = known,
          .summary = "a softmax over the bins of each dimension",
          .source = "Metz et al. 2017",
          .header = "algorithms/policies/bins.h",
          .options = IndependentBinsOptions{},
          .make = make_as<BinnedHead, IndependentBinsOptions>,
          .prepare = prepare_bins<IndependentBinsOptions>,
          .support = support,
          .least_outputs = [](const HeadOptions& options, const ActionSpace& action) {
            return static_cast<double>(action.size) *
                   static_cast<double>(options.as<IndependentBinsOptions>().binning.bins);
          }};
}

HeadRow joint_bins_row() {
  return {.name = JointBinsOptions::head,
          .spaces = {ActionKind::continuous},
          .traits = known,
          .summary = "a softmax over the cells of all dimensions",
          .source = "Metz et al. 2017",
          .header = "algorithms/policies/bins.h",
          .options = JointBinsOptions{},
          .make = make_as<BinnedHead, JointBinsOptions>,
          .prepare = prepare_bins<JointBinsOptions>,
          .support = support};
}

}  // namespace understudy
