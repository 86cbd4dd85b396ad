// Every operation of the tests' registry, forward with gradients and tangents, on 1,024 rows: what
// an operation costs in a program, dispatch included. No marks: a table in which to look for what
// is out of line.

#include "bench/bench.h"
#include "tests/autograd/registry.h"

namespace understudy::bench {
namespace {

constexpr std::int64_t row_count = 1024;

void record(const registry::Case& c, Program& program) {
  std::vector<Tensor> x, moving;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    const registry::Input& input = c.inputs[i];
    const Element element = input.classes > 0 ? Element::index : Element::real;
    const Shape shape = shape_of(input, row_count);
    x.push_back(program.input("x" + std::to_string(i), shape, element));
    if (input.differentiable) moving.push_back(x.back());
    std::vector<double> values(static_cast<std::size_t>(shape.elements()));
    for (std::size_t k = 0; k < values.size(); ++k) {
      const double share = static_cast<double>(k * 7919 % 1009) / 1009;
      const std::int64_t index = static_cast<std::int64_t>(k);
      values[k] = input.classes > 0 ? static_cast<double>(index % input.classes)
                                    : input.low + share * (input.high - input.low);
    }
    program.write("x" + std::to_string(i), values);
  }
  const std::vector<Tensor> y = c.build(x);
  std::vector<Tensor> ones;
  for (Tensor tensor : y) ones.push_back(program.full(tensor.shape(), 1.0));
  const std::vector<Tensor> gradients = program.gradients(y, ones, moving);
  const std::vector<Tensor> tangents = program.tangents(y, moving, moving);
  for (std::size_t i = 0; i < gradients.size(); ++i)
    program.output("g" + std::to_string(i), gradients[i]);
  for (std::size_t i = 0; i < tangents.size(); ++i)
    program.output("t" + std::to_string(i), tangents[i]);
}

[[maybe_unused]] const bool added = [] {
  for (const registry::Case& c : registry::cases())
    add({.work = c.name, .threads = 1, .ours = [c](benchmark::State& state) {
           const std::unique_ptr<Device> device = cpu_device(nullptr, instruction_set());
           Program program(*device);
           record(c, program);
           program.run();
           for (auto _ : state) program.run();
         }});
  return true;
}();

}  // namespace
}  // namespace understudy::bench
