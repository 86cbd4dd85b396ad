// Networks with given weights and inputs against what PyTorch computed
// (tests/golden/make_golden.py): forward and gradient, in f64 on the portable kernels and in f32 on
// every device.

#include <gtest/gtest.h>

#include <map>

#include "autograd/files/npz.h"
#include "autograd/operations/operations.h"
#include "tests/kernels/kernel_test.h"

#if !defined(UNDERSTUDY_SOURCE)
#define UNDERSTUDY_SOURCE "."  // tests run from the root
#endif

namespace understudy {
namespace {

const files::NamedArrays& golden() {
  static const files::NamedArrays arrays =
      files::Npz::open(UNDERSTUDY_SOURCE "/tests/golden/golden.npz").read_all();
  return arrays;
}

std::vector<double> values(const std::string& name) {
  const auto found = golden().find(name);
  if (found == golden().end()) {
    ADD_FAILURE() << "golden.npz lacks " << name;
    return {};
  }
  return found->second.converted<double>(name);
}

// A program over the golden inputs of one network.
struct Network {
  Network(const std::string& name, Device& device, Real real)
      : prefix(name + "/"), program(device, real) {}

  // An input of the golden array's shape; `batched`: its first axis counts rows.
  Tensor input(const std::string& name, bool batched = false) {
    const files::Array& array = golden().at(prefix + name);
    Shape shape;
    for (std::size_t axis = 0; axis < array.shape().size(); ++axis)
      shape.append(batched && axis == 0 ? rows(array.shape()[0]) : Dimension(array.shape()[axis]));
    leaves.push_back(program.input(name, shape));
    names.push_back(name);
    return leaves.back();
  }

  void check(Tensor y, Tensor loss, double tolerance) {
    program.output("y", y);
    program.output("loss", loss);
    const std::vector<Tensor> gradients = program.gradients(loss, leaves);
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      program.output("gradient " + names[i], gradients[i]);
      program.write(names[i], values(prefix + names[i]));
    }
    program.run();
    compare("y", values(prefix + "y"), tolerance);
    compare("loss", values(prefix + "loss"), tolerance);
    for (const std::string& name : names)
      compare("gradient " + name, values(prefix + name + "/gradient"), tolerance);
  }

  void compare(const std::string& output, const std::vector<double>& expected, double tolerance) {
    const std::vector<double> found = program.read(output);
    ASSERT_EQ(found.size(), expected.size()) << output;
    for (std::size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], tolerance * (1 + std::abs(expected[i])))
          << prefix << output << " element " << i;
  }

  std::string prefix;
  Program program;
  std::vector<Tensor> leaves;
  std::vector<std::string> names;
};

void mlp(Device& device, Real real, double tolerance) {
  Network n("mlp", device, real);
  const Tensor x = n.input("x", true), w1 = n.input("w1"), b1 = n.input("b1");
  const Tensor w2 = n.input("w2"), b2 = n.input("b2");
  const Tensor y = linear(linear(x, w1, b1, Activation::tanh), w2, b2);
  n.check(y, mean(square(log_softmax(y))), tolerance);
}

void recurrent_network(Cell cell, Device& device, Real real, double tolerance) {
  Network n(cell == Cell::lstm ? "lstm" : "gru", device, real);
  const Tensor x = n.input("x", true), wi = n.input("wi"), wh = n.input("wh");
  const Tensor bi = n.input("bi"), bh = n.input("bh");
  RecurrentArguments a;
  a.cell = cell;
  a.weight = wh;
  a.h0 = n.input("h0", true);
  if (cell == Cell::lstm) {
    a.c0 = n.input("c0", true);
    a.u = linear(x, wi, bi + bh);
  } else {
    // The last third of the recurrent bias belongs inside the product with the reset gate.
    const std::int64_t hidden = wh.shape()[0];
    a.u = linear(x, wi, bi + pad(slice(bh, 0, 0, 2 * hidden), 0, 0, hidden));
    a.bias_n = slice(bh, 0, 2 * hidden, hidden);
  }
  const RecurrentResult result = recurrent(a);
  Tensor loss = mean(square(result.h));
  if (cell == Cell::lstm) loss = loss + mean(square(result.c_last));
  n.check(result.h, loss, tolerance);
}

void convolutional(Device& device, Real real, double tolerance) {
  Network n("conv", device, real);
  const Tensor x = n.input("x", true), w1 = n.input("w1"), b1 = n.input("b1");
  const Tensor w2 = n.input("w2"), b2 = n.input("b2"), w3 = n.input("w3");
  Tensor h = convolution(x, w1, b1, {2, 1, Activation::relu});
  h = max_pool(convolution(h, w2, b2, {1, 0, Activation::tanh}), 2, 2);
  const Tensor y = matmul(reshape(h, {h.shape().dimension(0), h.shape().row_elements()}), w3);
  n.check(y, mean(square(y)), tolerance);
}

void everything(Device& device, Real real, double tolerance) {
  mlp(device, real, tolerance);
  recurrent_network(Cell::lstm, device, real, tolerance);
  recurrent_network(Cell::gru, device, real, tolerance);
  convolutional(device, real, tolerance);
}

TEST(Golden, agrees_with_pytorch_in_double) {
  const std::unique_ptr<Device> device = cpu_device(nullptr, InstructionSet::portable);
  everything(*device, Real::f64, 1e-12);
}

TEST(Golden, agrees_with_pytorch_on_every_device_in_single) {
  for (const kernel_test::Implementation& one : kernel_test::implementations()) {
    SCOPED_TRACE(one.name);
    const std::unique_ptr<Device> device =
        one.kind == DeviceKind::cuda ? cuda_device() : cpu_device(nullptr, one.set);
    // some tens of roundings of 6e-8
    everything(*device, Real::f32, 1e-5);
  }
}

}  // namespace
}  // namespace understudy
