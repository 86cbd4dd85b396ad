// Single-precision products of the shapes that small networks are made of.
//
// A layer y = x W of width k to n over m rows: forward (m, n, k), dX = dY W' (m, k, n) and
// dW = x' dY (k, n, m). OpenBLAS and oneDNN run in the same process where they are installed.

#include "kernels/gemm/gemm.h"

#include "bench/bench.h"
#include "bench/blas_peers.h"

namespace understudy::bench {
namespace {

struct Shape {
  std::int64_t m, k, n;
};

enum class Direction { forward, input_gradient, weight_gradient };

Gemm<float> product(Shape s, Direction direction, float* x, float* w, float* y) {
  switch (direction) {
    case Direction::forward:
      return {
          .m = s.m, .n = s.n, .k = s.k, .a = x, .b = w, .c = y, .lda = s.k, .ldb = s.n, .ldc = s.n};
    case Direction::input_gradient:
      return {.m = s.m,
              .n = s.k,
              .k = s.n,
              .a = y,
              .b = w,
              .c = x,
              .lda = s.n,
              .ldb = s.n,
              .ldc = s.k,
              .transpose_b = true};
    case Direction::weight_gradient:
      return {.m = s.k,
              .n = s.n,
              .k = s.m,
              .a = x,
              .b = y,
              .c = w,
              .lda = s.k,
              .ldb = s.n,
              .ldc = s.n,
              .transpose_a = true};
  }
  return {};
}

// The arrays of one row, made when it first runs: 50,000 rows of them would be much to hold.
template <class Multiply>
std::function<void(benchmark::State&)> work(Shape s, Direction direction, int threads,
                                            Multiply multiply) {
  return [=](benchmark::State& state) {
    PlacedArray x(threads, static_cast<std::size_t>(s.m * s.k)),
        w(threads, static_cast<std::size_t>(s.k * s.n)),
        y(threads, static_cast<std::size_t>(s.m * s.n));
    const Gemm<float> g = product(s, direction, x.data(), w.data(), y.data());
    multiply(g);  // threads wake, and the operands move to who reads them: not what a row asks
    for (auto _ : state) {
      multiply(g);
      benchmark::ClobberMemory();
    }
  };
}

void add_shape(Shape s, Direction direction) {
  static constexpr const char* names[] = {"forward", "dX", "dW"};
  for (int threads : places()) {
    Row row;
    row.work = "sgemm " + std::to_string(s.m) + " x " + std::to_string(s.k) + " x " +
               std::to_string(s.n) + " " + names[static_cast<int>(direction)];
    row.unit = Unit::gflops;
    row.threads = threads;
    row.operations = 2.0 * static_cast<double>(s.m * s.k * s.n);
    if (threads == gpu) {
      row.ours = work(s, direction, gpu, [](const Gemm<float>& g) {
        device(gpu).kernels<float>().gemm.gemm(device(gpu).stream(), g);
        device(gpu).synchronize();
      });
      add(std::move(row));
      continue;
    }
    row.ours = work(s, direction, threads, [threads](const Gemm<float>& g) {
      static const auto table = kernels<GemmKernels, float>();
      table.gemm(stream(threads), g);
    });
    for (const BlasPeer& peer : blas_peers())
      row.peers.push_back(
          {peer.name, work(s, direction, threads,
                           [&peer, threads](const Gemm<float>& g) { peer.multiply(g, threads); })});
    add(std::move(row));
  }
}

const bool added = [] {
  for (std::int64_t size : {1024, 2048}) add_shape({size, size, size}, Direction::forward);
  for (std::int64_t m : {64, 256, 1024, 5000, 50000})
    for (Shape s : {Shape{m, 256, 256}, Shape{m, 100, 100}, Shape{m, 17, 100}, Shape{m, 100, 6}})
      for (Direction direction :
           {Direction::forward, Direction::input_gradient, Direction::weight_gradient})
        add_shape(s, direction);
  return true;
}();

}  // namespace
}  // namespace understudy::bench
