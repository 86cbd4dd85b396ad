// Recording: operations are appended to a list, nothing is computed.

#include "autograd/program/program.h"

#include "autograd/operations/operations.h"
#include "autograd/operations/view.h"
#include "autograd/program/plan.h"
#include "kernels/device/error.h"

namespace understudy {

RowUse Operation::row_use(bool inputs, bool outputs) const {
  if (outputs) return RowUse::local;
  if (inputs)
    fail(ErrorKind::bad_shape,
         "%s mixes rows: it has to be a reduction over them, or to work on a tensor without rows",
         name());
  return RowUse::once;
}

void Operation::vjp(Pullback&) const {
  fail(ErrorKind::not_available, "%s has no rule for gradients", name());
}

void Operation::jvp(Pushforward&) const {
  fail(ErrorKind::not_available, "%s has no rule for tangents", name());
}

Program::Program(Device& device, Real real) : device_(device), real_(real) {}

Program::~Program() {
  for (TensorRecord& tensor : tensors_)
    if (tensor.owned) device_.release(tensor.data);
}

void Program::require_recording() const {
  UNDERSTUDY_CHECK(plan_ == nullptr, "the program has been planned: recording is over");
}

void Program::check_owned(Tensor tensor) const {
  UNDERSTUDY_CHECK(tensor.defined() && &tensor.program() == this,
                   "a tensor of another program, or of none");
}

int Program::add_tensor(const TensorRecord& record) {
  require_recording();
  tensors_.push_back(record);
  return static_cast<int>(tensors_.size()) - 1;
}

Tensor Program::full(const Shape& shape, double value) {
  return append(std::make_unique<Fill>(value), {}, {{shape}})[0];
}

std::vector<Tensor> Program::append(std::unique_ptr<Operation> operation,
                                    const std::vector<Tensor>& inputs,
                                    const std::vector<Value>& outputs, const Effects& effects) {
  require_recording();
  Node node;
  bool inputs_have_rows = false, outputs_have_rows = false;
  for (Tensor input : inputs) {
    if (!input.defined()) {
      node.inputs.push_back(-1);
      continue;
    }
    check_owned(input);
    const Shape& shape = input.shape();
    if (shape.has_rows()) {
      inputs_have_rows = true;
      node.rows = shape.row_count();
    }
    node.inputs.push_back(input.id());
  }
  for (const Value& value : outputs)
    if (value.shape.has_rows()) {
      outputs_have_rows = true;
      node.rows = value.shape.row_count();
    }
  node.use = effects.writes.empty() ? operation->row_use(inputs_have_rows, outputs_have_rows)
                                    : RowUse::once;
  if (node.use != RowUse::once)
    for (Tensor input : inputs)
      if (input.defined() && input.shape().has_rows() && input.shape().row_count() != node.rows)
        fail(ErrorKind::bad_shape, "%s: operands of %lld and %lld rows", operation->name(),
             static_cast<long long>(node.rows), static_cast<long long>(input.shape().row_count()));

  std::vector<Tensor> results;
  for (const Value& value : outputs) {
    TensorRecord record;
    record.shape = value.shape;
    record.element = value.element;
    record.producer = static_cast<int>(nodes_.size());
    results.emplace_back(this, add_tensor(record));
    node.outputs.push_back(results.back().id());
  }
  node.operation = std::move(operation);
  node.effects = effects;
  nodes_.push_back(std::move(node));
  return results;
}

Tensor Program::view(Tensor tensor, const Shape& shape, std::int64_t offset) {
  check_owned(tensor);
  const Shape& from = tensor.shape();
  const bool fits = from.has_rows() || shape.has_rows()
                        ? offset == 0 && from.has_rows() == shape.has_rows() &&
                              from.row_count() == shape.row_count() &&
                              from.row_elements() == shape.row_elements()
                        : offset >= 0 && offset + shape.elements() <= from.elements();
  if (!fits)
    fail(ErrorKind::bad_shape, "view: shape %s at offset %lld does not fit into %s",
         shape.text().c_str(), static_cast<long long>(offset), from.text().c_str());
  if (shape == from) return tensor;

  Tensor result = append(std::make_unique<View>(offset), {tensor}, {{shape, tensor.element()}})[0];
  TensorRecord& record = tensors_[result.id()];
  record.kind = Kind::view;
  record.base = tensor.id();
  record.offset = offset;
  return result;
}

Tensor Program::pack(const std::vector<Tensor>& parts) {
  std::int64_t total = 0;
  std::vector<Tensor> members;
  for (Tensor part : parts) {
    check_owned(part);
    if (part.shape().has_rows())
      fail(ErrorKind::bad_shape, "pack: a part of shape %s has rows", part.shape().text().c_str());
    total += part.shape().elements();
    const TensorRecord& record = tensors_[part.id()];
    bool taken = record.kind != Kind::computed || record.base >= 0;
    for (Tensor member : members) taken = taken || member == part;
    // What has a place of its own already is copied into the pack.
    members.push_back(taken ? identity(part) : part);
  }
  Tensor result = append(std::make_unique<Pack>(), members, {{Shape{total}}})[0];
  tensors_[result.id()].kind = Kind::pack;
  std::int64_t offset = 0;
  for (Tensor member : members) {
    TensorRecord& record = tensors_[member.id()];
    record.base = result.id();
    record.offset = offset;
    offset += member.shape().elements();
  }
  return result;
}

Tensor Program::before_activation(Tensor y) {
  check_owned(y);
  const int at = producer(y);
  if (at < 0) return y;
  const Node& node = nodes_[static_cast<std::size_t>(at)];
  std::unique_ptr<Operation> operation = node.operation->without_activation();
  if (operation == nullptr) return y;
  std::vector<Tensor> inputs;
  for (int input : node.inputs) inputs.push_back(handle(input));
  return append(std::move(operation), inputs, {{y.shape()}})[0];
}

void Program::assign(Array& array, Tensor value) {
  check_owned(value);
  if (value.shape().elements() != array.elements() || value.element() != array.element())
    fail(ErrorKind::bad_shape, "assign: array %s is %s, the value %s", array.name().c_str(),
         array.shape().text().c_str(), value.shape().text().c_str());
  use(array);
  append(std::make_unique<Assign>(array), {value}, {}, Effects{{}, {&array}});
}

void Program::output(const std::string& name, Tensor tensor) {
  require_recording();
  check_owned(tensor);
  for (const Named& named : outputs_)
    if (named.name == name)
      fail(ErrorKind::bad_input, "program: there is an output called %s already", name.c_str());
  outputs_.push_back({name, tensor.id()});
}

// ---- Running: the plan's work ----

void Program::plan() {
  if (plan_ == nullptr) plan_ = std::make_unique<Plan>(*this);
}

void Program::ready() {
  plan();
  require_owners();
  if (inputs_without_memory_ > 0) allocate_inputs();
}

void Program::run() {
  ready();
  plan_->run();
}

const Graph* Program::graph() const { return plan_ == nullptr ? nullptr : plan_->graph(); }

}  // namespace understudy
