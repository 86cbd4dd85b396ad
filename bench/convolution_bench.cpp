// Convolutions: the layers of two small networks on images of 3 x 64 x 64, a tile of eight at a
// time as programs run them, and one image, as when acting.

#include "kernels/convolution/convolution.h"

#include <string>

#include "bench/bench.h"

namespace understudy::bench {
namespace {

enum class Direction { forward, input_gradient, weight_gradient };

struct Layer {
  const char* name;
  std::int64_t in_channels, in_size, out_channels, kernel, stride, pad;
  Convolution shape(std::int64_t batch) const {
    return {batch,  in_channels, in_size, in_size, out_channels, kernel,
            kernel, stride,      stride,  pad,     pad};
  }
};

// Mnih et al. 2015's three, and three of 3 x 3 that halve the image.
constexpr Layer layers[] = {
    {"Nature CNN 1, 32 @ 8x8 / 4", 3, 64, 32, 8, 4, 0},
    {"Nature CNN 2, 64 @ 4x4 / 2", 32, 15, 64, 4, 2, 0},
    {"Nature CNN 3, 64 @ 3x3 / 1", 64, 6, 64, 3, 1, 0},
    {"3x3 CNN 1, 32 @ 3x3 / 2", 3, 64, 32, 3, 2, 1},
    {"3x3 CNN 2, 64 @ 3x3 / 2", 32, 32, 64, 3, 2, 1},
    {"3x3 CNN 3, 64 @ 3x3 / 2", 64, 16, 64, 3, 2, 1},
};

void add_layer(const Layer& layer, std::int64_t batch, Direction direction, int threads) {
  static constexpr const char* directions[] = {"forward", "dX", "dW"};
  const Convolution s = layer.shape(batch);
  const std::int64_t window = s.in_channels * s.kernel_height * s.kernel_width;
  const std::int64_t y_elements = batch * s.out_channels * s.out_height() * s.out_width();
  Row row;
  row.work = std::string(layer.name) + ", " + std::to_string(batch) +
             (batch == 1 ? " image, " : " images, ") + directions[static_cast<int>(direction)];
  row.unit = Unit::gflops;
  row.threads = threads;
  row.operations = 2.0 * static_cast<double>(y_elements * window);
  row.ours = [=](benchmark::State& state) {
    const auto size = [](std::int64_t n) { return Array<float>(static_cast<std::size_t>(n)); };
    const auto table = kernels<ConvolutionKernels, float>();
    Array<float> x = size(batch * s.in_channels * s.in_height * s.in_width), y = size(y_elements);
    Array<float> w = size(s.out_channels * window), bias = size(s.out_channels);
    Array<float> workspace = size(table.workspace_elements(s));
    for (auto _ : state) {
      Stream& on = stream(threads);
      if (direction == Direction::forward)
        table.forward(on, s, x.data(), w.data(), bias.data(), Activation::relu, y.data(),
                      workspace.data());
      else if (direction == Direction::input_gradient)
        table.input_gradient(on, s, y.data(), w.data(), x.data(), workspace.data());
      else
        table.weight_gradient(on, s, y.data(), x.data(), w.data(), false, workspace.data());
      benchmark::ClobberMemory();
    }
  };
  add(std::move(row));
}

const bool added = [] {
  for (const Layer& layer : layers) {
    for (Direction direction :
         {Direction::forward, Direction::input_gradient, Direction::weight_gradient})
      // the images' own gradient is not asked for
      if (direction != Direction::input_gradient || layer.in_channels > 3)
        for (int threads = 1; threads <= 2; ++threads)
          add_layer(layer, threads == 1 ? 8 : 32, direction, threads);
    add_layer(layer, 1, Direction::forward, 1);
  }
  return true;
}();

}  // namespace
}  // namespace understudy::bench
