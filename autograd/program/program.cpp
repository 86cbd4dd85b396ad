// Recording: operations are appended to a list, nothing is computed.

#include "autograd/program/program.h"

#include <cstring>

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

std::size_t Program::bytes_of(Element element) const {
  return element == Element::real ? size_of(real_) : size_of(element);
}

std::size_t Program::bytes_of(const TensorRecord& tensor) const {
  return static_cast<std::size_t>(tensor.shape.elements()) * bytes_of(tensor.element);
}

std::size_t Program::owned_bytes() const {
  std::size_t bytes = 0;
  for (const TensorRecord& tensor : tensors_)
    if (tensor.owned) bytes += bytes_of(tensor);
  return bytes;
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

// An input has no memory until somebody writes into it, or runs the program without having bound
// or written it: what is bound to somebody else's memory never has any of its own.
Tensor Program::input(const std::string& name, const Shape& shape, Element element) {
  for (const TensorRecord& tensor : tensors_)
    if (tensor.kind == Kind::input && tensor.name == name)
      fail(ErrorKind::bad_input, "program: there is an input called %s already", name.c_str());
  TensorRecord record;
  record.shape = shape;
  record.element = element;
  record.kind = Kind::input;
  record.name = name;
  const int id = add_tensor(record);
  ++inputs_without_memory_;
  return Tensor(this, id);
}

// Gives an input memory of its own.
void Program::allocate(TensorRecord& input) {
  input.data = device_.allocate(bytes_of(input));
  input.owned = true;
  --inputs_without_memory_;
}

// What nobody wrote or bound is zeros.
void Program::allocate_inputs() {
  for (TensorRecord& tensor : tensors_) {
    if (tensor.kind != Kind::input || tensor.data != nullptr) continue;
    allocate(tensor);
    device_.fill_zero(tensor.data, bytes_of(tensor));
  }
}

Tensor Program::use(const Array& array) {
  if (&array.device() != &device_)
    fail(ErrorKind::bad_input, "array %s lives on another device than the program",
         array.name().c_str());
  if (array.element() == Element::real && array.real() != real_)
    fail(ErrorKind::bad_input, "array %s and the program are of different floating-point types",
         array.name().c_str());
  for (std::size_t id = 0; id < tensors_.size(); ++id)
    if (tensors_[id].array == &array && tensors_[id].kind == Kind::array)
      return Tensor(this, static_cast<int>(id));
  TensorRecord record;
  record.shape = array.shape();
  record.element = array.element();
  record.kind = Kind::array;
  record.array = &array;
  record.name = array.name();
  record.data = array.data();
  const int id = add_tensor(record);
  watch(id, array.lifetime());
  return Tensor(this, id);
}

void Program::check_view(const DataView& view) const {
  if (!view.defined())
    fail(ErrorKind::bad_input, "program: expected a view of memory, found one of nothing");
  if (!view.alive())
    fail(ErrorKind::bad_input, "program: the owner of %s no longer exists", view.name().c_str());
  if (&view.device() != &device_)
    fail(ErrorKind::bad_input, "%s lives on another device than the program", view.name().c_str());
  if (view.element() == Element::real && view.real() != real_)
    fail(ErrorKind::bad_input, "%s: expected numbers of the program's type, %s, found %s",
         view.name().c_str(), name_of(real_), name_of(view.real()));
}

Tensor Program::use(const DataView& view) {
  check_view(view);
  const bool strided = view.stride() > 1;
  if (strided && view.element() != Element::real)
    fail(ErrorKind::not_available, "%s, every %lld: a stride is for numbers", view.name().c_str(),
         static_cast<long long>(view.stride()));
  TensorRecord record;
  record.shape = view.shape();
  if (strided) {
    // Every row with those that are passed over behind it, which nobody reads.
    record.shape = {rows(view.shape().row_count()), view.stride()};
    for (int axis = 1; axis < view.shape().rank(); ++axis)
      record.shape.append(view.shape().dimension(axis));
  }
  record.element = view.element();
  record.kind = Kind::view_of_memory;
  record.array = view.array();
  record.name = view.name();
  if (strided) record.name += ", every " + std::to_string(view.stride());
  // What is used is only read: the cast does not open it to writing.
  record.data = const_cast<void*>(view.data());
  const int id = add_tensor(record);
  if (view.owned_) watch(id, view.owner_);
  const Tensor all(this, id);
  return strided ? reshape(slice(all, 1, 0, 1), view.shape()) : all;
}

// One entry an owner, and one an input, whose owner changes.
void Program::watch(int tensor, const std::weak_ptr<const void>& owner) {
  const bool input = tensors_[tensor].kind == Kind::input;
  for (Watched& watched : watched_) {
    const bool same_owner =
        !watched.owner.owner_before(owner) && !owner.owner_before(watched.owner);
    if (input ? watched.tensor == tensor
              : same_owner && tensors_[watched.tensor].kind != Kind::input) {
      watched.owner = owner;
      return;
    }
  }
  watched_.push_back({tensor, owner});
}

void Program::require_owners() const {
  for (const Watched& watched : watched_)
    if (watched.owner.expired())
      fail(ErrorKind::bad_input, "program: the owner of %s, which it reads, no longer exists",
           tensors_[watched.tensor].name.c_str());
}

Tensor Program::constant(double value) { return constant(Shape{}, {value}); }

Tensor Program::constant(const Shape& shape, const std::vector<double>& values, Element element) {
  if (static_cast<std::int64_t>(values.size()) != shape.elements())
    fail(ErrorKind::bad_shape, "constant: %zu numbers for shape %s", values.size(),
         shape.text().c_str());
  TensorRecord record;
  record.shape = shape;
  record.element = element;
  record.kind = Kind::constant;
  const std::size_t bytes = values.size() * bytes_of(element);
  record.data = device_.allocate(bytes);
  record.owned = true;
  const auto convert = [&](auto zero) {
    std::vector<decltype(zero)> converted(values.begin(), values.end());
    device_.copy_from_host(record.data, converted.data(), bytes);
  };
  if (element == Element::index)
    convert(std::int32_t{});
  else if (element == Element::counter)
    convert(std::uint64_t{});
  else if (real_ == Real::f32)
    convert(float{});
  else
    convert(double{});
  return Tensor(this, add_tensor(record));
}

Tensor Program::full(const Shape& shape, double value) {
  return append(std::make_unique<Fill>(value), {}, {{shape}})[0];
}

std::vector<Tensor> Program::append(std::unique_ptr<Operation> operation,
                                    std::vector<Tensor> inputs, const std::vector<Value>& outputs,
                                    const Effects& effects) {
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

int Program::named_input(const std::string& name) const {
  for (std::size_t id = 0; id < tensors_.size(); ++id)
    if (tensors_[id].kind == Kind::input && tensors_[id].name == name) return static_cast<int>(id);
  fail(ErrorKind::bad_input, "program: no input is called %s", name.c_str());
}

int Program::named_output(const std::string& name) const {
  for (const Named& named : outputs_)
    if (named.name == name) return named.tensor;
  fail(ErrorKind::bad_input, "program: no output is called %s", name.c_str());
}

namespace {

void check_count(const std::string& name, std::int64_t expected, std::int64_t found) {
  if (expected != found)
    fail(ErrorKind::bad_shape, "program: %s holds %lld numbers, %lld were given", name.c_str(),
         static_cast<long long>(expected), static_cast<long long>(found));
}

}  // namespace

// The memory that a write goes to: the program's own.
Program::TensorRecord& Program::written(const std::string& name) {
  TensorRecord& record = tensors_[named_input(name)];
  if (record.data == nullptr) allocate(record);
  if (!record.owned)
    fail(ErrorKind::bad_input, "program: input %s reads the memory that it is bound to",
         name.c_str());
  return record;
}

void Program::write(const std::string& name, const std::vector<double>& values) {
  const TensorRecord& record = written(name);
  check_count(name, record.shape.elements(), static_cast<std::int64_t>(values.size()));
  const auto convert = [&](auto zero) {
    std::vector<decltype(zero)> converted(values.begin(), values.end());
    device_.copy_from_host(record.data, converted.data(), converted.size() * sizeof(zero));
  };
  if (record.element == Element::index)
    convert(std::int32_t{});
  else if (record.element == Element::counter)
    convert(std::uint64_t{});
  else if (real_ == Real::f32)
    convert(float{});
  else
    convert(double{});
}

void Program::write(const std::string& name, const float* values, std::int64_t count) {
  const TensorRecord& record = written(name);
  check_count(name, record.shape.elements(), count);
  UNDERSTUDY_CHECK(record.element == Element::real, "input %s holds indices", name.c_str());
  if (real_ == Real::f32)
    return device_.copy_from_host(record.data, values, static_cast<std::size_t>(count) * 4);
  std::vector<double> converted(values, values + count);
  device_.copy_from_host(record.data, converted.data(), converted.size() * 8);
}

void Program::write_indices(const std::string& name, const std::int32_t* values,
                            std::int64_t count) {
  const TensorRecord& record = written(name);
  check_count(name, record.shape.elements(), count);
  UNDERSTUDY_CHECK(record.element == Element::index, "input %s does not hold indices",
                   name.c_str());
  device_.copy_from_host(record.data, values, static_cast<std::size_t>(count) * 4);
}

void Program::bind(const std::string& name, const DataView& view) {
  const int id = named_input(name);
  TensorRecord& record = tensors_[id];
  check_view(view);
  const auto text = [](Element element) {
    return element == Element::real    ? "numbers"
           : element == Element::index ? "indices"
                                       : "counters";
  };
  if (view.element() != record.element || view.shape() != record.shape || view.stride() != 1)
    fail(ErrorKind::bad_shape, "program: input %s: expected %s of shape %s, found %s %s of %s%s",
         name.c_str(), text(record.element), record.shape.text().c_str(), view.name().c_str(),
         view.shape().text().c_str(), text(view.element()),
         view.stride() == 1 ? "" : ", not one row after another");
  if (record.data == view.data() && !record.owned) {
    if (view.owned_) watch(id, view.owner_);
    return;  // the same memory: what was captured stays valid
  }
  if (record.data == nullptr) --inputs_without_memory_;
  if (record.owned) device_.release(record.data);
  record.owned = false;
  record.data = const_cast<void*>(view.data());  // only read, as in `use`
  if (view.owned_)
    watch(id, view.owner_);
  else
    std::erase_if(watched_, [id](const Watched& watched) { return watched.tensor == id; });
  if (plan_ != nullptr) plan_->addresses_changed();
}

const void* Program::data(const std::string& name) const {
  UNDERSTUDY_CHECK(plan_ != nullptr, "the program has not run");
  return plan_->address(named_output(name));
}

DataView Program::output_view(const std::string& name) const {
  const int id = named_output(name);
  int root = id;
  while (tensors_[root].base >= 0) root = tensors_[root].base;
  const Kind kind = tensors_[root].kind;
  if (kind == Kind::input || kind == Kind::array || kind == Kind::view_of_memory)
    fail(ErrorKind::bad_input, "program: output %s is %s itself, and not the program's memory",
         name.c_str(), tensors_[root].name.c_str());
  DataView view = DataView::borrowed(device_, name, shape(id), data(name), element(id), real_);
  view.owned_ = true;
  view.owner_ = alive_;
  return view;
}

std::vector<double> Program::read(const std::string& name) const {
  const int id = named_output(name);
  const void* from = data(name);
  const std::size_t count = static_cast<std::size_t>(shape(id).elements());
  std::vector<double> result;
  const auto convert = [&](auto zero) {
    std::vector<decltype(zero)> values(count);
    device_.copy_to_host(values.data(), from, count * sizeof(zero));
    result.assign(values.begin(), values.end());
  };
  if (element(id) == Element::index)
    convert(std::int32_t{});
  else if (element(id) == Element::counter)
    convert(std::uint64_t{});
  else if (real_ == Real::f32)
    convert(float{});
  else
    convert(double{});
  return result;
}

void Program::read(const std::string& name, float* values, std::int64_t count) const {
  const int id = named_output(name);
  check_count(name, shape(id).elements(), count);
  if (real_ == Real::f32 && element(id) == Element::real)
    return device_.copy_to_host(values, data(name), static_cast<std::size_t>(count) * 4);
  const std::vector<double> converted = read(name);
  for (std::int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(converted[i]);
}

double Program::value(const std::string& name) const {
  const int id = named_output(name);
  UNDERSTUDY_CHECK(shape(id).elements() == 1, "output %s has more than one element", name.c_str());
  if (element(id) != Element::real) return read(name)[0];
  if (real_ == Real::f32) {
    float result;
    device_.copy_to_host(&result, data(name), sizeof result);
    return static_cast<double>(result);
  }
  double result;
  device_.copy_to_host(&result, data(name), sizeof result);
  return result;
}

}  // namespace understudy
