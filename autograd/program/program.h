// A program: a list of operations, recorded once and run many times.
//
//   Program program(device);
//   Tensor state  = program.input("state", {rows(64), 17});
//   Tensor target = program.input("target", {rows(64), 6});
//   Tensor loss   = mean(square(network(state) - target));
//   program.output("loss", loss);
//   optimizer.record(program, loss);
//   program.write("state", ...);  program.run();  program.value("loss");
//
// Recording appends operations; nothing is computed. `gradients` and `tangents` append ordinary
// operations too, so the derivative of a derivative is one more call. The first `run` plans:
// operations that nothing needs are dropped, some are fused, memory is laid out once. From then on
// a run allocates nothing and does no bookkeeping: on the CPU it goes over tiles of rows, on CUDA
// it launches one graph.
//
// Invariants
//   order          An operation's operands were recorded before it: the list is valid at any time.
//   determinism    The bits of a result depend on the recorded list, the inputs, and the device's
//                  instruction set; never on the number of threads.
//   two phases     Once a program is planned, recording is an error.
//
// Data comes in four ways:
//
//   use(Array&)            a persistent array: parameters, moments, counters
//   use(rows_of(array))    rows of an array where they lie (data_view.h): rollouts, data sets
//   input + bind(view)     the same for data that changes place
//   input + write(values)  numbers of the host, copied
//
// Thread safety: one thread at a time uses a program (it spreads its work over the device's team
// itself). Programs on different devices are independent; programs on one device share its stream,
// and so do the arrays that several programs use: one thread at a time for all of them.

#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/program/array.h"
#include "autograd/program/data_view.h"
#include "autograd/program/operation.h"
#include "autograd/program/tensor.h"
#include "kernels/device/device.h"

namespace understudy {

class Plan;

// A tensor that an operation is about to produce.
struct Value {
  Shape shape;
  Element element = Element::real;
};

// Persistent arrays that an operation reads or writes beside its operands.
struct Effects {
  std::vector<Array*> reads;
  std::vector<Array*> writes;
};

// Time spent in one operation over the runs that were timed.
struct OperationTime {
  std::string name;
  std::int64_t calls = 0;
  double seconds = 0;
  double work = 0;  // floating-point operations a run; 0 where not counted
};

class Program {
 public:
  explicit Program(Device& device, Real real = Real::f32);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  Device& device() const { return device_; }
  Real real() const { return real_; }

  // ---- Recording ----

  // A tensor that the caller writes or binds before a run; zeros where nobody does. Names are
  // unique.
  Tensor input(const std::string& name, const Shape& shape, Element element = Element::real);
  // A persistent array, read when the program runs. The same array is always the same tensor.
  Tensor use(const Array& array);
  // Memory that belongs to somebody else, read when the program runs; of a strided view only its
  // own rows. An Error where its device or type is not the program's, or its owner is gone.
  Tensor use(const DataView& view);
  // One number, or an array of numbers, that never changes.
  Tensor constant(double value);
  Tensor constant(const Shape& shape, const std::vector<double>& values,
                  Element element = Element::real);
  // The same number everywhere, of any shape (rows too).
  Tensor full(const Shape& shape, double value);

  // Appends an operation and returns its results. Operand shapes are the recording function's to
  // check. An undefined input is an operand that is left out.
  std::vector<Tensor> append(std::unique_ptr<Operation> operation,
                             const std::vector<Tensor>& inputs, const std::vector<Value>& outputs,
                             const Effects& effects = {});
  // The same memory under another shape: same row count, same elements (a row, where it has rows).
  // A tensor without rows may also be a part of another: `offset` is in elements.
  Tensor view(Tensor tensor, const Shape& shape, std::int64_t offset = 0);
  // One flat tensor holding the given ones (without rows) one after another, without copying where
  // each is used here alone.
  Tensor pack(const std::vector<Tensor>& parts);

  // Writes a tensor into a persistent array. Earlier readers see the old contents, later ones the
  // new.
  void assign(Array& array, Tensor value);

  // Keeps a tensor to be read after a run under `name`.
  void output(const std::string& name, Tensor tensor);

  // ---- Differentiation ----

  // Gradients of a tensor of one element.
  std::vector<Tensor> gradients(Tensor loss, const std::vector<Tensor>& with_respect_to);
  // Jᵀu: cotangents of `with_respect_to` from cotangents of `outputs`, one for each. What no output
  // depends on gets zeros. `held` tensors are constants to what is made from them, as if by
  // stop_gradient; as outputs they have derivatives like any other.
  std::vector<Tensor> gradients(const std::vector<Tensor>& outputs,
                                const std::vector<Tensor>& cotangents,
                                const std::vector<Tensor>& with_respect_to,
                                const std::vector<Tensor>& held = {});
  // Jv: tangents of `outputs` from the directions in which `with_respect_to` move.
  std::vector<Tensor> tangents(const std::vector<Tensor>& outputs,
                               const std::vector<Tensor>& with_respect_to,
                               const std::vector<Tensor>& directions,
                               const std::vector<Tensor>& held = {});
  // s where what made y ends in an activation, y = f(s), to be an output of derivatives: it is
  // recorded, and computed only where its value is used. y itself where there is no activation.
  Tensor before_activation(Tensor y);

  // ---- Running ----

  // Rows in a tile and in a chunk (see plan.h); 0: chosen from the sizes. Before planning. The bits
  // of sums over rows depend on them.
  void set_tiling(std::int64_t tile_rows, std::int64_t chunk_rows) {
    tile_rows_ = tile_rows;
    chunk_rows_ = chunk_rows;
  }

  // Lays out memory; the first run does it where nobody did. Recording is over.
  void plan();
  void run();
  // What runs are captured as on CUDA, from the second on; null before, and on the CPU.
  const Graph* graph() const;

  // An input's contents, from the host, converted to the program's type (index and counter inputs
  // are cast). The number of elements must be the input's.
  void write(const std::string& input, const std::vector<double>& values);
  void write(const std::string& input, const float* values, std::int64_t count);
  void write_indices(const std::string& input, const std::int32_t* values, std::int64_t count);
  // Makes an input read what the view looks at, from now on. Nothing is copied. An Error where the
  // view is not of the input's element type and shape, on the program's device, with one row right
  // after another. A CUDA graph is captured anew only where the memory is not the same as before.
  void bind(const std::string& input, const DataView& view);

  std::vector<double> read(const std::string& output) const;
  void read(const std::string& output, float* values, std::int64_t count) const;
  double value(const std::string& output) const;      // of an output with one element
  const void* data(const std::string& output) const;  // on the device
  // The same for another program to read; it lives as long as this one. An Error where the output
  // is memory of others itself.
  DataView output_view(const std::string& output) const;

  // ---- Looking inside ----

  // One line an operation, in the order of running, by segments.
  std::string listing() const;
  // The graph in the language of Graphviz.
  std::string dot() const;
  // Bytes by purpose, and what lives when.
  std::string memory() const;
  std::size_t memory_bytes() const;
  // Runs once with a clock around every operation. Adds to `times` and to the trace.
  void run_timed();
  const std::vector<OperationTime>& times() const;
  // The timed runs, for chrome://tracing.
  std::string chrome_trace() const;
  // Runs once without writing persistent arrays, looking at every result. Describes the first
  // operation whose result is not finite though its operands are; empty where all are finite.
  std::string first_not_finite();

  const Shape& shape(int tensor) const { return tensors_[tensor].shape; }
  Element element(int tensor) const { return tensors_[tensor].element; }

  // One recorded operation. Operands are tensors' numbers; an input that is left out is -1.
  struct Node {
    std::unique_ptr<Operation> operation;
    std::vector<int> inputs, outputs;
    Effects effects;
    RowUse use = RowUse::once;
    std::int64_t rows = 1;
  };
  const std::vector<Node>& nodes() const { return nodes_; }
  int node_count() const { return static_cast<int>(nodes_.size()); }
  // The node that produced a tensor, -1 for inputs, arrays and constants.
  int producer(Tensor tensor) const { return tensors_[tensor.id()].producer; }
  // For each tensor, whether it depends on one of `sources` otherwise than through one of `held`
  // (a held tensor itself may); and whether one of `outputs` is made from it.
  std::vector<bool> depends_on(const std::vector<Tensor>& sources,
                               const std::vector<Tensor>& held = {}) const;
  std::vector<bool> needed_for(const std::vector<Tensor>& outputs) const;

 private:
  friend class Plan;

  enum class Kind : std::int8_t { computed, input, array, view_of_memory, constant, view, pack };

  struct TensorRecord {
    Shape shape;
    Element element = Element::real;
    Kind kind = Kind::computed;
    int producer = -1;
    int base = -1;                 // view: whose memory; member of a pack: the pack
    std::int64_t offset = 0;       // in elements, into base
    const Array* array = nullptr;  // whose memory it is
    std::string name;              // of an input, an array, a view of memory
    void* data = nullptr;          // input, array, view of memory, constant: where it is
    bool owned = false;            // data is ours to release
  };

  // Who must exist for the program to run.
  struct Watched {
    int tensor;  // that reads the owner's memory
    std::weak_ptr<const void> owner;
  };

  struct Named {
    std::string name;
    int tensor;
  };

  std::size_t bytes_of(Element element) const;
  std::size_t bytes_of(const TensorRecord& tensor) const;
  std::size_t owned_bytes() const;  // of inputs and constants
  int add_tensor(const TensorRecord& record);
  void allocate(TensorRecord& input);
  void allocate_inputs();
  void check_view(const DataView& view) const;
  void watch(int tensor, const std::weak_ptr<const void>& owner);
  void require_owners() const;
  void ready();  // to run: planned, everything it reads there
  int named_input(const std::string& name) const;
  TensorRecord& written(const std::string& name);
  int named_output(const std::string& name) const;
  void require_recording() const;
  void check_owned(Tensor tensor) const;
  std::vector<bool> marked(const std::vector<Tensor>& tensors) const;
  Tensor handle(int tensor) { return tensor < 0 ? Tensor() : Tensor(this, tensor); }

  Device& device_;
  Real real_;
  std::deque<TensorRecord> tensors_;  // a deque: references to shapes outlive recording
  std::vector<Node> nodes_;
  std::vector<Named> outputs_;
  std::unique_ptr<Plan> plan_;
  std::int64_t tile_rows_ = 0, chunk_rows_ = 0;
  std::vector<Watched> watched_;
  int inputs_without_memory_ = 0;
  std::shared_ptr<const char> alive_ = std::make_shared<const char>();  // expires with this
};

inline const Shape& Tensor::shape() const { return program_->shape(id_); }
inline Element Tensor::element() const { return program_->element(id_); }

}  // namespace understudy
