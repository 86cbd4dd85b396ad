// Differentiation: gradients and tangents walk the list once and append ordinary operations.
//
// Row factors. Rows do not mix, so the derivative of a row's outputs o in the parameters W_l that
// enter at operation l, z_l = z_l(W_l, what came before), is a product of two factors, both a row's
// own:
//
//   do / dW_l = (do / dz_l) (dz_l / dW_l);    of a layer z_l = h_{l-1} W_l:   delta_l ⊗ h_{l-1}
//
// (what Kronecker-factored curvature averages apart, Martens & Grosse 2015, section 2.1; and norms
// of single examples' gradients use, Goodfellow 2015, "Efficient per-example gradient
// computations"). With delta_l = do / dz_l kept, [outputs a row, width],
//
//   J v  = sum over l of delta_l (h_{l-1} V_l)         Jᵀ u = for each l   h_{l-1}ᵀ (delta_lᵀ u)
//
// and neither goes through the layers behind l: two products of matrices a hidden layer for J v and
// Jᵀ u together instead of four. It pays while outputs are few.

#include "autograd/operations/operations.h"
#include "autograd/program/program.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

// Derivatives to keep take no more than this: beyond, reading them is all that a product would do.
constexpr double maximum_kept_bytes = 512 << 20;

// x [rows, ...] as [rows, 1, elements of a row].
Tensor flat_rows(Tensor x) {
  return reshape(x, {x.shape().dimension(0), 1, x.shape().row_elements()});
}

bool keeps(const RowFactors& kept, int node) {
  for (const RowFactors::Factor& factor : kept.factors)
    if (factor.node == node) return true;
  return false;
}

}  // namespace

// For each tensor, whether it depends on one of `sources` otherwise than through what is kept.
std::vector<bool> Program::depends_on(const std::vector<Tensor>& sources,
                                      const RowFactors& kept) const {
  std::vector<bool> depends(tensors_.size(), false);
  for (Tensor source : sources) {
    check_owned(source);
    depends[source.id()] = true;
  }
  for (int index = 0; index < node_count(); ++index) {
    const Node& node = nodes_[static_cast<std::size_t>(index)];
    bool any = false;
    for (int input : node.inputs) any = any || depends[input];
    if (any && !keeps(kept, index))
      for (int output : node.outputs) depends[output] = true;
  }
  return depends;
}

// For each tensor, whether one of `outputs` is made from it.
std::vector<bool> Program::needed_for(const std::vector<Tensor>& outputs) const {
  std::vector<bool> needed(tensors_.size(), false);
  for (Tensor output : outputs) {
    check_owned(output);
    needed[output.id()] = true;
  }
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    bool any = false;
    for (int output : node->outputs) any = any || needed[output];
    if (any)
      for (int input : node->inputs) needed[input] = true;
  }
  return needed;
}

std::vector<Tensor> Program::gradients(Tensor loss, const std::vector<Tensor>& with_respect_to) {
  check_owned(loss);
  if (loss.shape().elements() != 1)
    fail(ErrorKind::bad_shape, "gradients: the loss must be one number, its shape is %s",
         loss.shape().text().c_str());
  return gradients({loss}, {full(loss.shape(), 1.0)}, with_respect_to);
}

// Reverse mode: cotangents flow from the outputs back, each operation's rule turning those of its
// results into those of its operands; where a tensor was used twice they add up.
std::vector<Tensor> Program::gradients(const std::vector<Tensor>& outputs,
                                       const std::vector<Tensor>& cotangents,
                                       const std::vector<Tensor>& with_respect_to,
                                       const RowFactors& kept) {
  UNDERSTUDY_CHECK(outputs.size() == cotangents.size(), "one cotangent for each output");
  const std::vector<bool> depends = depends_on(with_respect_to, kept);
  const int recorded = node_count();
  std::vector<Tensor> cotangent(tensors_.size());

  const auto accumulate = [&](int id, Tensor part) {
    if (!(part.shape() == shape(id)))
      fail(ErrorKind::bad_shape, "gradients: a cotangent of shape %s for a tensor of shape %s",
           part.shape().text().c_str(), shape(id).text().c_str());
    Tensor& sum = cotangent[id];
    sum = sum.defined() ? sum + part : part;
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) accumulate(outputs[i].id(), cotangents[i]);

  // u of all outputs that kept derivatives are of, [rows, 1, their elements].
  Tensor u;
  if (!kept.factors.empty()) {
    std::vector<Tensor> parts;
    for (int i : kept.reached) parts.push_back(flat_rows(cotangents[static_cast<std::size_t>(i)]));
    u = parts.size() == 1 ? parts[0] : concatenate(parts, 2);
  }
  std::size_t factors = kept.factors.size();

  for (int index = recorded - 1; index >= 0; --index) {
    // By index: rules append to nodes_, which may move.
    const std::size_t at = static_cast<std::size_t>(index);
    Pullback pullback;
    bool reached = false, wanted = false;
    pullback.before_activation_ = factors > 0 && kept.factors[factors - 1].node == index;
    if (pullback.before_activation_) {
      const Tensor jacobian = kept.factors[--factors].jacobian;
      const Shape& made = shape(nodes_[at].outputs[0]);
      cotangent[nodes_[at].outputs[0]] = reshape(batched_matmul(u, jacobian), made);
    }
    for (int output : nodes_[at].outputs) {
      pullback.outputs_.emplace_back(this, output);
      pullback.cotangents_.push_back(cotangent[output]);
      reached = reached || pullback.cotangents_.back().defined();
    }
    for (int input : nodes_[at].inputs) {
      pullback.inputs_.emplace_back(this, input);
      pullback.wanted_.push_back(depends[input] && element(input) == Element::real);
      wanted = wanted || pullback.wanted_.back();
    }
    if (!reached || !wanted) continue;
    pullback.results_.resize(pullback.inputs_.size());
    const Operation& operation = *nodes_[at].operation;
    operation.vjp(pullback);
    for (std::size_t i = 0; i < pullback.inputs_.size(); ++i)
      if (pullback.wanted_[i] && pullback.results_[i].defined())
        accumulate(pullback.inputs_[i].id(), pullback.results_[i]);
  }

  std::vector<Tensor> results;
  for (Tensor tensor : with_respect_to) {
    Tensor found = cotangent[tensor.id()];
    results.push_back(found.defined() ? found : full(tensor.shape(), 0.0));
  }
  return results;
}

// Forward mode: tangents flow along with the list.
std::vector<Tensor> Program::tangents(const std::vector<Tensor>& outputs,
                                      const std::vector<Tensor>& with_respect_to,
                                      const std::vector<Tensor>& directions,
                                      const RowFactors& kept) {
  UNDERSTUDY_CHECK(with_respect_to.size() == directions.size(), "one direction for each tensor");
  const std::vector<bool> depends = depends_on(with_respect_to, kept);
  const int recorded = node_count();

  // Only what the outputs are made from needs a tangent.
  const std::vector<bool> needed = needed_for(outputs);

  std::vector<Tensor> tangent(tensors_.size());
  for (std::size_t i = 0; i < with_respect_to.size(); ++i) {
    check_owned(directions[i]);
    if (!(directions[i].shape() == with_respect_to[i].shape()))
      fail(ErrorKind::bad_shape, "tangents: a direction of shape %s for a tensor of shape %s",
           directions[i].shape().text().c_str(), with_respect_to[i].shape().text().c_str());
    tangent[with_respect_to[i].id()] = directions[i];
  }

  Tensor through_kept;  // [rows, 1, elements of all outputs that are reached]
  std::size_t factors = 0;
  for (int index = 0; index < recorded; ++index) {
    const std::size_t at = static_cast<std::size_t>(index);
    Pushforward pushforward;
    bool moved = false, wanted = false;
    const bool is_kept = factors < kept.factors.size() && kept.factors[factors].node == index;
    pushforward.before_activation_ = is_kept;
    for (int input : nodes_[at].inputs) {
      pushforward.inputs_.emplace_back(this, input);
      pushforward.tangents_.push_back(tangent[input]);
      moved = moved || pushforward.tangents_.back().defined();
    }
    for (int output : nodes_[at].outputs) {
      pushforward.outputs_.emplace_back(this, output);
      wanted = wanted || is_kept || (needed[output] && depends[output]);
    }
    const Tensor jacobian = is_kept ? kept.factors[factors++].jacobian : Tensor();
    if (!moved || !wanted) continue;
    pushforward.results_.resize(pushforward.outputs_.size());
    const Operation& operation = *nodes_[at].operation;
    operation.jvp(pushforward);
    if (is_kept) {
      if (!pushforward.results_[0].defined()) continue;
      const Tensor part = batched_matmul(flat_rows(pushforward.results_[0]), jacobian, false, true);
      through_kept = through_kept.defined() ? through_kept + part : part;
      continue;
    }
    for (std::size_t i = 0; i < pushforward.outputs_.size(); ++i) {
      Tensor& slot = tangent[pushforward.outputs_[i].id()];
      if (!slot.defined()) slot = pushforward.results_[i];
    }
  }

  std::vector<Tensor> results;
  for (Tensor output : outputs) {
    Tensor found = tangent[output.id()];
    results.push_back(found.defined() ? found : full(output.shape(), 0.0));
  }
  if (through_kept.defined()) {
    std::int64_t begin = 0;
    for (int number : kept.reached) {
      Tensor& result = results[static_cast<std::size_t>(number)];
      const std::int64_t size = result.shape().row_elements();
      result = result + reshape(slice(through_kept, 2, begin, size), result.shape());
      begin += size;
    }
  }
  return results;
}

// Keeping the first c of those operations leaves tangents that begin behind them: so c = 0, 1, ...
// are compared. All counts are of all rows.
RowFactors Program::row_factors(const std::vector<Tensor>& outputs,
                                const std::vector<Tensor>& with_respect_to, int products,
                                double read_cost) {
  const std::vector<bool> depends = depends_on(with_respect_to), needed = needed_for(outputs);
  std::vector<int> live, candidates;
  bool more = true;
  for (int index = 0; index < node_count(); ++index) {
    const Node& node = nodes_[static_cast<std::size_t>(index)];
    bool used = false, rowless = false, with_rows = false;
    for (int output : node.outputs) used = used || needed[output];
    for (int input : node.inputs)
      if (depends[input]) (shape(input).has_rows() ? with_rows : rowless) = true;
    if (!used || !(rowless || with_rows)) continue;
    live.push_back(index);
    if (node.use != RowUse::local) {
      if (with_rows) return {};
      continue;
    }
    if (!rowless) continue;
    more = more && node.outputs.size() == 1 && element(node.outputs[0]) == Element::real;
    if (more) candidates.push_back(index);
  }

  const auto work = [&](const Node& node) {
    std::vector<Shape> in, out;
    for (int input : node.inputs) in.push_back(shape(input));
    for (int output : node.outputs) out.push_back(shape(output));
    return node.operation->work(in.data(), out.data());
  };
  // Of the operations that tensors with rows carry on from `from`.
  const auto work_behind = [&](const std::vector<bool>& from) {
    double sum = 0;
    for (int index : live) {
      const Node& node = nodes_[static_cast<std::size_t>(index)];
      bool carried = false;
      for (int input : node.inputs) carried = carried || (from[input] && shape(input).has_rows());
      if (carried) sum += work(node);
    }
    return sum;
  };

  RowFactors best, tried;
  double best_cost = 2 * work_behind(depends);
  for (int candidate : candidates) {
    tried.factors.push_back({candidate, {}});
    std::vector<Tensor> made;
    double numbers = 0;
    for (const RowFactors::Factor& factor : tried.factors) {
      made.emplace_back(this, nodes_[static_cast<std::size_t>(factor.node)].outputs[0]);
      numbers += static_cast<double>(made.back().shape().elements());
    }
    const std::vector<bool> behind = depends_on(made);
    tried.reached.clear();
    double each = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (behind[outputs[i].id()]) {
        tried.reached.push_back(static_cast<int>(i));
        each += static_cast<double>(outputs[i].shape().row_elements());
      }
    const double cost = 2 * work_behind(depends_on(with_respect_to, tried)) +
                        each * (numbers * read_cost + work_behind(behind) / products);
    if (cost < best_cost &&
        each * numbers * static_cast<double>(size_of(real_)) <= maximum_kept_bytes) {
      best = tried;
      best_cost = cost;
    }
  }
  if (best.factors.empty()) return best;

  // A backward pass for each number of a row's outputs.
  std::vector<Tensor> made;
  for (const RowFactors::Factor& factor : best.factors)
    made.emplace_back(this, nodes_[static_cast<std::size_t>(factor.node)].outputs[0]);
  std::vector<std::vector<Tensor>> parts(made.size());
  for (int number : best.reached) {
    const Tensor output = outputs[static_cast<std::size_t>(number)];
    const std::int64_t size = output.shape().row_elements();
    const Tensor flat = reshape(output, {output.shape().dimension(0), size});
    for (std::int64_t k = 0; k < size; ++k) {
      std::vector<double> unit(static_cast<std::size_t>(size), 0);
      unit[static_cast<std::size_t>(k)] = 1;
      const Tensor along = expand(constant({size}, unit), flat.shape());
      const std::vector<Tensor> found = gradients({flat}, {along}, made);
      for (std::size_t l = 0; l < made.size(); ++l) {
        const auto& operation = nodes_[static_cast<std::size_t>(best.factors[l].node)].operation;
        parts[l].push_back(
            flat_rows(activation_gradient(operation->activation(), made[l], found[l])));
      }
    }
  }
  for (std::size_t l = 0; l < made.size(); ++l)
    best.factors[l].jacobian = parts[l].size() == 1 ? parts[l][0] : concatenate(parts[l], 1);
  return best;
}

}  // namespace understudy
