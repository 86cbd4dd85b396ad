// Recurrent layers: the sequence of the field's usual LSTM, whole and in the tiles that programs
// run, and one step, as when acting. The operations counted are the products' alone.

#include "kernels/recurrent/recurrent.h"

#include <memory>
#include <string>

#include "bench/bench.h"

namespace understudy::bench {
namespace {

enum class Direction { forward, backward, tangent };

// A layer's arrays, and a call of each kind on them.
struct Layer {
  RecurrentShape shape;
  std::int64_t rows = shape.batch * shape.steps, wide = gates(shape.cell) * shape.hidden;
  RecurrentKernels<float> table = kernels<RecurrentKernels, float>();
  Array<float> u = size(rows * wide), weight = size(shape.hidden * wide), bias = size(shape.hidden);
  Array<float> h = size(rows * shape.hidden), tape = size(rows * 5 * shape.hidden);
  Array<float> dh = size(rows * shape.hidden), du = size(rows * wide), ds = size(rows * wide);
  Array<float> workspace = size(table.workspace_elements(shape));

  static Array<float> size(std::int64_t n) { return Array<float>(static_cast<std::size_t>(n)); }

  explicit Layer(const RecurrentShape& s) : shape(s) {
    // as an initialization would: the state neither dies nor saturates
    for (std::int64_t i = 0; i < shape.hidden * wide; ++i) weight.data()[i] *= 0.125f;
    run(Direction::forward, stream(1));  // a tape for the others
  }

  void run(Direction direction, Stream& on) {
    if (direction == Direction::forward) {
      RecurrentForward<float> f;
      f.u = u.data(), f.weight = weight.data(), f.h = h.data();
      if (shape.cell == Cell::gru) f.bias_n = bias.data();
      if (shape.steps > 1 && tape_width(shape.cell) > 0) f.tape = tape.data();
      table.forward(on, shape, f, workspace.data());
    } else if (direction == Direction::backward) {
      RecurrentBackward<float> g;
      g.weight = weight.data(), g.h = h.data(), g.tape = tape.data();
      g.dh = dh.data(), g.du = du.data();
      if (shape.cell == Cell::gru) g.ds = ds.data();
      table.backward(on, shape, g, workspace.data());
    } else {
      RecurrentTangent<float> d;
      d.weight = weight.data(), d.h = h.data(), d.tape = tape.data();
      d.u_dot = u.data(), d.h_dot = dh.data();
      table.tangent(on, shape, d, workspace.data());
    }
  }
};

void add_layer(Cell cell, std::int64_t batch, std::int64_t steps, std::int64_t hidden,
               Direction direction, int threads) {
  static constexpr const char* cells[] = {"RNN", "LSTM", "GRU"};
  static constexpr const char* directions[] = {"forward", "backward", "tangent"};
  Row row;
  row.work = std::string(cells[static_cast<int>(cell)]) + "(" + std::to_string(hidden) + "), " +
             std::to_string(batch) + " x " + std::to_string(steps) + " steps, " +
             directions[static_cast<int>(direction)];
  row.unit = steps == 1 ? Unit::microseconds : Unit::gflops;
  row.threads = threads;
  row.operations = 2.0 * static_cast<double>(batch * steps * hidden * hidden * gates(cell));
  row.ours = [=](benchmark::State& state) {
    Layer layer({cell, batch, steps, hidden});
    for (auto _ : state) {
      layer.run(direction, stream(threads));
      benchmark::ClobberMemory();
    }
  };
  add(std::move(row));
}

const bool added = [] {
  for (int threads = 1; threads <= 2; ++threads)
    for (Direction direction : {Direction::forward, Direction::backward, Direction::tangent})
      add_layer(Cell::lstm, 32, 50, 64, direction, threads);
  for (Direction direction : {Direction::forward, Direction::backward}) {
    add_layer(Cell::lstm, 8, 50, 64, direction, 1);
    add_layer(Cell::lstm, 32, 50, 100, direction, 1);
    add_layer(Cell::gru, 32, 50, 64, direction, 1);
    add_layer(Cell::rnn, 32, 50, 64, direction, 1);
  }
  for (Cell cell : {Cell::rnn, Cell::lstm, Cell::gru})
    add_layer(cell, 1, 1, 64, Direction::forward, 1);
  return true;
}();

}  // namespace
}  // namespace understudy::bench
