// The operations that the program itself records, and its planner: views of memory, constants,
// writing to arrays, transposing.

#pragma once

#include "autograd/program/operation.h"

namespace understudy {

// A tensor's memory, or a part of it, under another shape. Never runs.
class View final : public Operation {
 public:
  explicit View(std::int64_t offset) : offset_(offset) {}
  const char* name() const override { return "view"; }
  bool is_alias() const override { return true; }
  void run(const Call&) const override {}
  void vjp(Pullback& pullback) const override;
  void jvp(Pushforward& pushforward) const override;

 private:
  std::int64_t offset_;  // in elements
};

// Tensors laid one after another: they are computed in place. Never runs.
class Pack final : public Operation {
 public:
  const char* name() const override { return "pack"; }
  bool is_alias() const override { return true; }
  void run(const Call&) const override {}
  void vjp(Pullback& pullback) const override;
  void jvp(Pushforward& pushforward) const override;
};

// One number everywhere.
class Fill final : public Operation {
 public:
  explicit Fill(double value) : value_(value) {}
  const char* name() const override { return "fill"; }
  std::string detail() const override { return std::to_string(value_); }
  void run(const Call& call) const override;

 private:
  double value_;
};

// A flat tensor within zeros of a larger one: the adjoint of a view of a part.
class PadFlat final : public Operation {
 public:
  PadFlat(std::int64_t offset, std::int64_t total) : offset_(offset), total_(total) {}
  const char* name() const override { return "pad_flat"; }
  void run(const Call& call) const override;
  void vjp(Pullback& pullback) const override;
  void jvp(Pushforward& pushforward) const override;

 private:
  std::int64_t offset_, total_;
};

// Copies a tensor into a persistent array.
class Assign final : public Operation {
 public:
  explicit Assign(Array& array) : array_(array) {}
  const char* name() const override { return "assign"; }
  std::string detail() const override { return array_.name(); }
  void run(const Call& call) const override;

 private:
  Array& array_;
};

// Transposes a matrix.
std::unique_ptr<Operation> transposing_operation();

}  // namespace understudy
