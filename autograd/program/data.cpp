// A program's data: the memory of inputs, arrays and constants, and what goes to and from the host.

#include "autograd/operations/operations.h"
#include "autograd/program/element_type.h"
#include "autograd/program/plan.h"
#include "autograd/program/program.h"
#include "kernels/device/error.h"

namespace understudy {

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
  with_type(element, real_, [&](auto zero) {
    std::vector<decltype(zero)> converted(values.begin(), values.end());
    device_.copy_from_host(record.data, converted.data(), bytes);
  });
  return Tensor(this, add_tensor(record));
}

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
  with_type(record.element, real_, [&](auto zero) {
    std::vector<decltype(zero)> converted(values.begin(), values.end());
    device_.copy_from_host(record.data, converted.data(), converted.size() * sizeof(zero));
  });
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
           : element == Element::byte  ? "bytes"
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
  with_type(element(id), real_, [&](auto zero) {
    std::vector<decltype(zero)> values(count);
    device_.copy_to_host(values.data(), from, count * sizeof(zero));
    result.assign(values.begin(), values.end());
  });
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
  double result = 0;
  with_type(element(id), real_, [&](auto zero) {
    device_.copy_to_host(&zero, data(name), sizeof zero);
    result = static_cast<double>(zero);
  });
  return result;
}

}  // namespace understudy
