// What an operation is: a shape rule (in the function that records it), a forward call, and two
// rules of differentiation written with operations.
//
// An operation that lacks a rule cannot be differentiated: asking for it is an `Error` when
// recording, never a wrong number. An operation holds its own settings and no data, and never
// changes once recorded, so that one program can run on several threads' tiles at once.
//
// An operation has the same operands in the same places whatever it was recorded with. One that may
// be left out is an undefined Tensor when recording, a null pointer when running.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "autograd/program/array.h"
#include "autograd/program/tensor.h"
#include "kernels/device/backend.h"

namespace understudy {

// How an operation treats rows, which decides when it may run on a tile of them.
enum class RowUse : std::int8_t {
  once,    // no operand has rows, or all rows are needed at once: run once on whole tensors
  local,   // row i of the result depends on row i of the operands: run a tile at a time
  reduce,  // sums over rows: run a tile at a time, adding to a partial result
};

// One execution of one operation: where its operands are, and on how many rows.
struct Call {
  Stream& stream;
  Device& device;
  Real real;
  const void* const* inputs;
  void* const* outputs;
  const Shape* input_shapes;  // as recorded: use in_shape
  const Shape* output_shapes;
  std::int64_t rows;       // of this tile; of everything when not tiled
  std::int64_t first_row;  // of this tile
  bool tiled;              // false: every operand is whole
  bool accumulate;         // RowUse::reduce: add to what the outputs hold
  void* workspace;         // `workspace_bytes` of the operation, 64-byte aligned

  // Null where the operand was left out.
  template <class T>
  const T* in(int i) const {
    return static_cast<const T*>(inputs[i]);
  }
  template <class T>
  T* out(int i = 0) const {
    return static_cast<T*>(outputs[i]);
  }
  // With the number of rows of this tile.
  Shape in_shape(int i) const { return tiled ? input_shapes[i].with_rows(rows) : input_shapes[i]; }
  Shape out_shape(int i = 0) const {
    return tiled ? output_shapes[i].with_rows(rows) : output_shapes[i];
  }

  // Calls body(T{}) with T the program's floating-point type.
  template <class Body>
  void with_real(const Body& body) const {
    if (real == Real::f32)
      body(float{});
    else
      body(double{});
  }
  template <class T>
  const Backend<T>& kernels() const {
    return device.kernels<T>();
  }
};

class Pullback;     // arguments of vjp
class Pushforward;  // arguments of jvp

class Operation {
 public:
  virtual ~Operation() = default;

  // One word in lower case, as listings show it.
  virtual const char* name() const = 0;
  // Settings, for listings: "axis 1". Empty where there are none.
  virtual std::string detail() const { return {}; }

  virtual void run(const Call& call) const = 0;

  // `inputs` / `outputs`: whether any operand of that kind has rows. The default says `local` when
  // the outputs have rows, and refuses operations that would lose them.
  virtual RowUse row_use(bool inputs, bool outputs) const;

  // Whether an output may be written over input i (same size, element for element).
  virtual bool in_place(int input) const {
    (void)input;
    return false;
  }

  // Room beside the operands; `inputs` are the shapes of one call (a tile's).
  virtual std::size_t workspace_bytes(Device& device, Real real, const Shape* inputs) const {
    (void)device;
    (void)real;
    (void)inputs;
    return 0;
  }

  // Whether output i may be left out (a null pointer) where nobody uses it.
  virtual bool optional_output(int i) const {
    (void)i;
    return false;
  }

  // f where the operation is result = f(a, b), element by element.
  virtual std::optional<Binary> elementwise() const { return {}; }

  // This operation and `consumer` as one: f(a, b) of operands of one shape, whose operand
  // `position` is this operation's result, which nothing else uses. Null where there is none. The
  // consumer's other operand becomes input `operand`, which was left out before.
  struct Fusion {
    std::unique_ptr<Operation> operation;
    int operand = -1;
  };
  virtual Fusion absorb(Binary consumer, int position) const {
    (void)consumer;
    (void)position;
    return {};
  }

  // The same operation for a matrix that lies the other way round, where this one reads its input
  // `operand` transposed. Null where none is read so.
  virtual Fusion reading_transposed() const { return {}; }

  // How partial results of tiles are combined, for RowUse::reduce.
  virtual Reduction combination() const { return Reduction::sum; }

  // Views and packs are memory seen otherwise: they never run.
  virtual bool is_alias() const { return false; }

  // f where the operation's last step is result = f(s), element by element; and the operation whose
  // result is s.
  virtual Activation activation() const { return Activation::none; }
  virtual std::unique_ptr<Operation> without_activation() const { return nullptr; }

  // Floating-point operations of one run over whole tensors, for timelines; 0: not counted.
  virtual double work(const Shape* inputs, const Shape* outputs) const {
    (void)inputs;
    (void)outputs;
    return 0;
  }

  // Cotangents of the inputs from those of the outputs. The default refuses.
  virtual void vjp(Pullback& pullback) const;
  // Tangents of the outputs from those of the inputs. The default refuses.
  virtual void jvp(Pushforward& pushforward) const;
};

// The reverse rule's view of one recorded operation.
class Pullback {
 public:
  // Operands as recorded. Undefined where one was left out.
  Tensor input(int i) const { return inputs_[i]; }
  Tensor output(int i = 0) const { return outputs_[i]; }
  int input_count() const { return static_cast<int>(inputs_.size()); }

  // The cotangent of output i. Undefined where nothing depends on that output.
  Tensor cotangent(int i = 0) const { return cotangents_[i]; }
  // Whether input i's cotangent is wanted.
  bool wanted(int i) const { return wanted_[i]; }
  // Sets the cotangent of input i; of the input's shape.
  void set(int i, Tensor cotangent) { results_[i] = cotangent; }

 private:
  friend class Program;
  std::vector<Tensor> inputs_, outputs_, cotangents_, results_;
  std::vector<bool> wanted_;
};

// The forward rule's view of one recorded operation.
class Pushforward {
 public:
  // Operands as recorded. Undefined where one was left out.
  Tensor input(int i) const { return inputs_[i]; }
  Tensor output(int i = 0) const { return outputs_[i]; }
  int input_count() const { return static_cast<int>(inputs_.size()); }

  // The tangent of input i. Undefined where it is zero, or there is no such input.
  Tensor tangent(int i) const { return tangents_[i]; }
  // Sets the tangent of output i; left undefined it is zero.
  void set(int i, Tensor tangent) { results_[i] = tangent; }

 private:
  friend class Program;
  std::vector<Tensor> inputs_, outputs_, tangents_, results_;
};

}  // namespace understudy
