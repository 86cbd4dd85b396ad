// A handle to one value in a program.
//
// Copying a Tensor copies the handle. Arithmetic on tensors appends operations to their program;
// the rest of the operations are functions in autograd/operations/operations.h.
//
// Thread safety: a handle is a value; what it is used for is the program's.

#pragma once

#include <cstdint>

#include "autograd/program/shape.h"

namespace understudy {

class Program;

class Tensor {
 public:
  Tensor() = default;
  Tensor(Program* program, int id) : program_(program), id_(id) {}

  bool defined() const { return program_ != nullptr; }
  Program& program() const { return *program_; }
  int id() const { return id_; }

  const Shape& shape() const;
  Element element() const;

  bool operator==(const Tensor& other) const {
    return program_ == other.program_ && id_ == other.id_;
  }

 private:
  Program* program_ = nullptr;
  int id_ = -1;
};

}  // namespace understudy
