// The parameters of a model: declared by its modules, then created together in one flat buffer.
//
//   Parameters parameters("policy");
//   Mlp network(parameters, "trunk", {.inputs = 17, .hidden = {100, 100}, .outputs = 6});
//   parameters.create(store, seed);
//   Tensor y = network(program.input("x", {rows(64), 17}));
//
// The arrays are called "<model>/<module>/<parameter>"; the flat buffer is "<model>".
//
// Thread safety: declaring and creating by one thread; afterwards the object does not change, and
// its arrays are a store's.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "autograd/modules/initialize.h"
#include "autograd/program/program.h"

namespace understudy {

class Parameters {
 public:
  explicit Parameters(std::string model) : model_(std::move(model)) {}
  Parameters(const Parameters&) = delete;
  Parameters& operator=(const Parameters&) = delete;

  // Declares a parameter and returns its number. Before `create` only.
  int declare(const std::string& name, const Shape& shape, const Initialization& initialization);

  // Makes the arrays and fills them; parameter i draws from stream i of `seed`.
  void create(Store& store, std::uint64_t seed);

  int count() const { return static_cast<int>(declared_.size()); }
  Array& array(int i) const;
  // All of them, one after another.
  Array& flat() const;
  std::int64_t elements() const { return flat().elements(); }
  const std::string& model() const { return model_; }

  // In a program.
  Tensor use(Program& program, int i) const { return program.use(array(i)); }
  std::vector<Tensor> use(Program& program) const;
  // A flat tensor of all elements seen as one tensor a parameter.
  std::vector<Tensor> views(Tensor flat) const;

 private:
  struct Declared {
    Store::Member member;
    Initialization initialization;
  };
  std::string model_;
  std::vector<Declared> declared_;
  std::vector<Array*> arrays_;
  Array* flat_ = nullptr;
};

}  // namespace understudy
