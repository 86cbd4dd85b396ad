// An operation of one's own in a program, with its two rules of differentiation: softsign,
//
//   y = x / (1 + |x|),   dy = dx / (1 + |x|)^2
//
// and a check of both rules against central differences.
//
//   c++ -std=c++20 operation.cpp $(pkg-config --cflags --libs understudy) -o operation && ./operation

#include <cmath>
#include <cstdio>
#include <memory>
#include <vector>

#include "autograd/operations/operations.h"
#include "autograd/program/program.h"

using namespace understudy;

namespace {

Tensor slope(Tensor x) { return square(reciprocal(abs(x) + 1.0)); }

class Softsign final : public Operation {
 public:
  const char* name() const override { return "softsign"; }
  bool in_place(int) const override { return true; }
  // A plain loop, of either type, on the CPU. A kernel of a family runs on every device.
  void run(const Call& call) const override {
    const std::int64_t n = call.out_shape().elements();
    call.with_real([&](auto zero) {
      using T = decltype(zero);
      const T* x = call.in<T>(0);
      T* y = call.out<T>();
      for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] / (1 + std::abs(x[i]));
    });
  }
  // Rules are written with operations, so that gradients of gradients exist too.
  void vjp(Pullback& p) const override { p.set(0, p.cotangent() * slope(p.input(0))); }
  void jvp(Pushforward& p) const override { p.set(0, p.tangent(0) * slope(p.input(0))); }
};

Tensor softsign(Tensor x) {
  return x.program().append(std::make_unique<Softsign>(), {x}, {{x.shape()}})[0];
}

}  // namespace

int main() {
  const auto device = cpu_device();
  Program program(*device, Real::f64);
  const Tensor x = program.input("x", {5});
  const Tensor y = sum(softsign(x), 0);
  program.output("y", y);
  program.output("gradient", program.gradients(y, {x})[0]);
  program.output("tangent", program.tangents({y}, {x}, {program.full({5}, 1.0)})[0]);

  const std::vector<double> at = {-3, -0.5, 0.25, 1, 7};
  const auto value = [&](std::vector<double> point) {
    program.write("x", point);
    program.run();
    return program.value("y");
  };
  value(at);
  const std::vector<double> gradient = program.read("gradient");
  const double tangent = program.value("tangent"), step = 1e-6;
  double worst = 0, all = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    std::vector<double> above = at, below = at;
    above[i] += step;
    below[i] -= step;
    const double difference = (value(above) - value(below)) / (2 * step);
    worst = std::fmax(worst, std::fabs(gradient[i] - difference));
    all += difference;
  }
  worst = std::fmax(worst, std::fabs(tangent - all));
  std::printf("softsign: rules off by %.1e\n", worst);
  return worst < 1e-8 ? 0 : 1;
}
