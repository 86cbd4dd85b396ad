// Differentiation: gradients and tangents walk the list once and append ordinary operations.

#include "autograd/operations/operations.h"
#include "autograd/program/program.h"
#include "kernels/device/error.h"

namespace understudy {

// A bit for each tensor of the program.
std::vector<bool> Program::marked(const std::vector<Tensor>& tensors) const {
  std::vector<bool> marks(tensors_.size(), false);
  for (Tensor tensor : tensors) {
    check_owned(tensor);
    marks[tensor.id()] = true;
  }
  return marks;
}

std::vector<bool> Program::depends_on(const std::vector<Tensor>& sources,
                                      const std::vector<Tensor>& held) const {
  std::vector<bool> depends = marked(sources);
  const std::vector<bool> constant = marked(held);
  for (const Node& node : nodes_) {
    bool any = false;
    for (int input : node.inputs) any = any || (input >= 0 && depends[input] && !constant[input]);
    if (any)
      for (int output : node.outputs) depends[output] = true;
  }
  return depends;
}

std::vector<bool> Program::needed_for(const std::vector<Tensor>& outputs) const {
  std::vector<bool> needed = marked(outputs);
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    bool any = false;
    for (int output : node->outputs) any = any || needed[output];
    if (any)
      for (int input : node->inputs)
        if (input >= 0) needed[input] = true;
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
                                       const std::vector<Tensor>& held) {
  UNDERSTUDY_CHECK(outputs.size() == cotangents.size(), "one cotangent for each output");
  const std::vector<bool> depends = depends_on(with_respect_to, held), constant = marked(held);
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

  for (int index = recorded - 1; index >= 0; --index) {
    // By index: rules append to nodes_, which may move.
    const std::size_t at = static_cast<std::size_t>(index);
    Pullback pullback;
    bool reached = false, wanted = false;
    for (int output : nodes_[at].outputs) {
      pullback.outputs_.push_back(handle(output));
      pullback.cotangents_.push_back(cotangent[output]);
      reached = reached || pullback.cotangents_.back().defined();
    }
    for (int input : nodes_[at].inputs) {
      pullback.inputs_.push_back(handle(input));
      pullback.wanted_.push_back(input >= 0 && depends[input] && !constant[input] &&
                                 element(input) == Element::real);
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
                                      const std::vector<Tensor>& held) {
  UNDERSTUDY_CHECK(with_respect_to.size() == directions.size(), "one direction for each tensor");
  // Only what the outputs are made from needs a tangent.
  const std::vector<bool> depends = depends_on(with_respect_to, held), constant = marked(held);
  const std::vector<bool> needed = needed_for(outputs), asked = marked(outputs);
  const int recorded = node_count();

  std::vector<Tensor> tangent(tensors_.size());
  for (std::size_t i = 0; i < with_respect_to.size(); ++i) {
    check_owned(directions[i]);
    if (!(directions[i].shape() == with_respect_to[i].shape()))
      fail(ErrorKind::bad_shape, "tangents: a direction of shape %s for a tensor of shape %s",
           directions[i].shape().text().c_str(), with_respect_to[i].shape().text().c_str());
    tangent[with_respect_to[i].id()] = directions[i];
  }

  for (int index = 0; index < recorded; ++index) {
    const std::size_t at = static_cast<std::size_t>(index);
    Pushforward pushforward;
    bool moved = false, wanted = false;
    for (int input : nodes_[at].inputs) {
      pushforward.inputs_.push_back(handle(input));
      pushforward.tangents_.push_back(input >= 0 && !constant[input] ? tangent[input] : Tensor());
      moved = moved || pushforward.tangents_.back().defined();
    }
    for (int output : nodes_[at].outputs) {
      pushforward.outputs_.push_back(handle(output));
      wanted =
          wanted || (needed[output] && depends[output] && (!constant[output] || asked[output]));
    }
    if (!moved || !wanted) continue;
    pushforward.results_.resize(pushforward.outputs_.size());
    const Operation& operation = *nodes_[at].operation;
    operation.jvp(pushforward);
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
  return results;
}

}  // namespace understudy
