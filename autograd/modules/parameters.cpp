#include "autograd/modules/parameters.h"

#include "kernels/device/error.h"

namespace understudy {

int Parameters::declare(const std::string& name, const Shape& shape,
                        const Initialization& initialization) {
  UNDERSTUDY_CHECK(flat_ == nullptr, "model %s: its parameters exist already", model_.c_str());
  declared_.push_back({{model_ + "/" + name, shape}, initialization});
  return count() - 1;
}

void Parameters::create(Store& store, std::uint64_t seed) {
  UNDERSTUDY_CHECK(flat_ == nullptr, "model %s: its parameters exist already", model_.c_str());
  std::vector<Store::Member> members;
  for (const Declared& declared : declared_) members.push_back(declared.member);
  arrays_ = store.create_group(model_, members);
  flat_ = &store.at(model_);
  for (std::size_t i = 0; i < arrays_.size(); ++i)
    arrays_[i]->write(initial_values(declared_[i].initialization, arrays_[i]->shape(), seed, i));
}

Array& Parameters::array(int i) const {
  UNDERSTUDY_CHECK(flat_ != nullptr, "model %s: create its parameters first", model_.c_str());
  return *arrays_.at(static_cast<std::size_t>(i));
}

Array& Parameters::flat() const {
  UNDERSTUDY_CHECK(flat_ != nullptr, "model %s: create its parameters first", model_.c_str());
  return *flat_;
}

std::vector<Tensor> Parameters::use(Program& program) const {
  std::vector<Tensor> tensors;
  for (int i = 0; i < count(); ++i) tensors.push_back(use(program, i));
  return tensors;
}

std::vector<Tensor> Parameters::views(Tensor flat) const {
  std::vector<Tensor> tensors;
  std::int64_t offset = 0;
  for (int i = 0; i < count(); ++i) {
    const Shape& shape = array(i).shape();
    tensors.push_back(flat.program().view(flat, shape, offset));
    offset += shape.elements();
  }
  return tensors;
}

}  // namespace understudy
