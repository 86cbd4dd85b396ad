// Every operation of the registry: gradients, tangents and second derivatives against central
// differences in f64, the adjoint identity, and every device in f32 against f64.

#include "tests/autograd/registry.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using kernel_test::Implementation;
using kernel_test::Order;
using registry::Case;
using Vector = std::vector<double>;

// Rows in tiles of 8 and chunks of 16: with 19 rows two chunks, three tiles, the last one short.
constexpr std::int64_t tile = 8, chunk = 16;

// Devices are made once a test binary.
Device& device_for(const Implementation& one) {
  static Threads team(3);
  static std::map<std::string, std::unique_ptr<Device>> devices;
  std::unique_ptr<Device>& device =
      devices[one.kind == DeviceKind::cuda ? std::string("cuda") : one.name];
  if (device == nullptr)
    device = one.kind == DeviceKind::cuda ? cuda_device() : cpu_device(&team, one.set);
  return *device;
}

Implementation portable() {
  return {"portable", DeviceKind::cpu, InstructionSet::portable, Order::none};
}

// One case as a program: inputs x, cotangents u, directions v, weights w of the gradient.
class CaseProgram {
 public:
  enum What { values, first, second };

  CaseProgram(const Case& c, Device& device, Real real, std::int64_t row_count, What what)
      : program_(device, real) {
    program_.set_tiling(tile, chunk);
    std::vector<Tensor> x, wrt;
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      const registry::Input& input = c.inputs[i];
      const Element element = input.classes > 0 ? Element::index : Element::real;
      x.push_back(program_.input("x" + std::to_string(i), shape_of(input, row_count), element));
      if (input.differentiable) wrt.push_back(x.back());
    }
    const std::vector<Tensor> y = c.build(x);
    for (std::size_t i = 0; i < y.size(); ++i) {
      program_.output("y" + std::to_string(i), y[i]);
      output_sizes.push_back(y[i].shape().elements());
    }
    if (what == values) return;
    std::vector<Tensor> u, v, w;
    for (std::size_t i = 0; i < y.size(); ++i)
      u.push_back(program_.input("u" + std::to_string(i), y[i].shape()));
    for (std::size_t i = 0; i < wrt.size(); ++i) {
      v.push_back(program_.input("v" + std::to_string(i), wrt[i].shape()));
      w.push_back(program_.input("w" + std::to_string(i), wrt[i].shape()));
    }
    const std::vector<Tensor> gradient = program_.gradients(y, u, wrt);
    for (std::size_t i = 0; i < gradient.size(); ++i)
      program_.output("g" + std::to_string(i), gradient[i]);
    if (what == first) {
      const std::vector<Tensor> tangent = program_.tangents(y, wrt, v);
      for (std::size_t i = 0; i < tangent.size(); ++i)
        program_.output("t" + std::to_string(i), tangent[i]);
      return;
    }
    Tensor total;
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      const Tensor part = sum(gradient[i] * w[i]);
      total = total.defined() ? total + part : part;
    }
    const std::vector<Tensor> again = program_.gradients(total, wrt);
    for (std::size_t i = 0; i < again.size(); ++i)
      program_.output("h" + std::to_string(i), again[i]);
  }

  void write(const std::string& kind, const std::vector<Vector>& data) {
    for (std::size_t i = 0; i < data.size(); ++i) program_.write(kind + std::to_string(i), data[i]);
  }
  void run() { program_.run(); }
  std::vector<Vector> read(const std::string& kind, std::size_t count) const {
    std::vector<Vector> result;
    for (std::size_t i = 0; i < count; ++i)
      result.push_back(program_.read(kind + std::to_string(i)));
    return result;
  }
  Program& program() { return program_; }
  std::vector<std::int64_t> output_sizes;

 private:
  Program program_;
};

// The same inputs for every device and type.
struct Data {
  std::vector<Vector> x, v, w, u;
  std::vector<std::size_t> wrt;  // which inputs are differentiable

  Data(const Case& c, std::int64_t row_count, const std::vector<std::int64_t>& output_sizes) {
    kernel_test::Random random(kernel_test::seed_of(c.name) * 31 +
                               static_cast<std::uint64_t>(row_count));
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      const registry::Input& input = c.inputs[i];
      const std::int64_t n = shape_of(input, row_count).elements();
      Vector values;
      for (std::int64_t k = 0; k < n; ++k)
        values.push_back(
            input.classes > 0
                ? static_cast<double>(random.integer(0, input.classes - 1))
                : static_cast<double>(static_cast<float>(random.uniform(input.low, input.high))));
      x.push_back(values);
      if (!input.differentiable) continue;
      wrt.push_back(i);
      v.push_back(kernel_test::Place<float>::rounded(random.normals(n)));
      w.push_back(kernel_test::Place<float>::rounded(random.normals(n)));
    }
    for (std::int64_t n : output_sizes)
      u.push_back(kernel_test::Place<float>::rounded(random.normals(n)));
  }
};

double dot(const std::vector<Vector>& a, const std::vector<Vector>& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t k = 0; k < a[i].size(); ++k) total += a[i][k] * b[i][k];
  return total;
}

// f64 values are exact to 1e-16; a central difference with this step errs by h² f''' / 6 + 1e-16 /
// h, about 1e-9 for functions of order one, and ten times that where roots and quotients bend.
constexpr double step = 1e-5;
constexpr double difference_tolerance = 1e-8;

class Operations : public testing::TestWithParam<Case> {};

TEST_P(Operations, gradients_and_tangents_agree_with_central_differences) {
  const Case& c = GetParam();
  for (std::int64_t row_count : {1, 19}) {
    SCOPED_TRACE(std::to_string(row_count) + " rows");
    Device& device = device_for(portable());
    CaseProgram f(c, device, Real::f64, row_count, CaseProgram::values);
    CaseProgram df(c, device, Real::f64, row_count, CaseProgram::first);
    const Data data(c, row_count, f.output_sizes);
    df.write("x", data.x);
    df.write("u", data.u);
    df.write("v", data.v);
    df.run();
    const std::vector<Vector> gradient = df.read("g", data.wrt.size());
    const std::vector<Vector> tangent = df.read("t", data.u.size());

    // <u, J v> = <J^T u, v>: holds to rounding whether or not the rules are right, if they agree.
    const double forward = dot(data.u, tangent), backward = dot(gradient, data.v);
    EXPECT_NEAR(forward, backward, 1e-12 * (1 + std::abs(forward)));

    const auto objective = [&](const std::vector<Vector>& x) {
      f.write("x", x);
      f.run();
      return dot(f.read("y", data.u.size()), data.u);
    };
    // Every element of small inputs, a sample of large ones.
    std::vector<Vector> x = data.x;
    for (std::size_t i = 0; i < data.wrt.size(); ++i) {
      Vector& moving = x[data.wrt[i]];
      const std::size_t stride = moving.size() > 24 ? moving.size() / 13 : 1;
      for (std::size_t k = 0; k < moving.size(); k += stride) {
        const double kept = moving[k];
        moving[k] = kept + step;
        const double above = objective(x);
        moving[k] = kept - step;
        const double below = objective(x);
        moving[k] = kept;
        const double expected = (above - below) / (2 * step);
        ASSERT_NEAR(gradient[i][k], expected, difference_tolerance * (1 + std::abs(expected)))
            << "input " << data.wrt[i] << " element " << k;
      }
    }
    // Along v, every output.
    std::vector<Vector> above = data.x, below = data.x;
    for (std::size_t i = 0; i < data.wrt.size(); ++i)
      for (std::size_t k = 0; k < data.v[i].size(); ++k) {
        above[data.wrt[i]][k] += step * data.v[i][k];
        below[data.wrt[i]][k] -= step * data.v[i][k];
      }
    f.write("x", above);
    f.run();
    const std::vector<Vector> y_above = f.read("y", data.u.size());
    f.write("x", below);
    f.run();
    const std::vector<Vector> y_below = f.read("y", data.u.size());
    for (std::size_t i = 0; i < data.u.size(); ++i)
      for (std::size_t k = 0; k < data.u[i].size(); ++k) {
        const double expected = (y_above[i][k] - y_below[i][k]) / (2 * step);
        ASSERT_NEAR(tangent[i][k], expected, difference_tolerance * (1 + std::abs(expected)))
            << "output " << i << " element " << k;
      }
  }
}

TEST_P(Operations, second_derivatives_agree_with_central_differences_of_gradients) {
  const Case& c = GetParam();
  const std::int64_t row_count = 3;
  Device& device = device_for(portable());
  if (!c.twice) {
    EXPECT_THROW(CaseProgram(c, device, Real::f64, row_count, CaseProgram::second), Error);
    return;
  }
  CaseProgram df(c, device, Real::f64, row_count, CaseProgram::first);
  CaseProgram ddf(c, device, Real::f64, row_count, CaseProgram::second);
  const Data data(c, row_count, df.output_sizes);
  ddf.write("x", data.x);
  ddf.write("u", data.u);
  ddf.write("w", data.w);
  ddf.run();
  const std::vector<Vector> second = ddf.read("h", data.wrt.size());
  df.write("u", data.u);
  df.write("v", data.v);
  const auto objective = [&](const std::vector<Vector>& x) {
    df.write("x", x);
    df.run();
    return dot(df.read("g", data.wrt.size()), data.w);
  };
  std::vector<Vector> x = data.x;
  for (std::size_t i = 0; i < data.wrt.size(); ++i) {
    Vector& moving = x[data.wrt[i]];
    const std::size_t stride = moving.size() > 24 ? moving.size() / 13 : 1;
    for (std::size_t k = 0; k < moving.size(); k += stride) {
      const double kept = moving[k];
      moving[k] = kept + step;
      const double above = objective(x);
      moving[k] = kept - step;
      const double below = objective(x);
      moving[k] = kept;
      const double expected = (above - below) / (2 * step);
      ASSERT_NEAR(second[i][k], expected, 10 * difference_tolerance * (1 + std::abs(expected)))
          << "input " << data.wrt[i] << " element " << k;
    }
  }
}

TEST_P(Operations, every_device_agrees_in_f32_with_f64) {
  const Case& c = GetParam();
  const std::int64_t row_count = 19;
  CaseProgram exact(c, device_for(portable()), Real::f64, row_count, CaseProgram::first);
  const Data data(c, row_count, exact.output_sizes);
  const auto run = [&](CaseProgram& program) {
    program.write("x", data.x);
    program.write("u", data.u);
    program.write("v", data.v);
    program.run();
    std::vector<Vector> all = program.read("y", data.u.size());
    for (const Vector& g : program.read("g", data.wrt.size())) all.push_back(g);
    for (const Vector& t : program.read("t", data.u.size())) all.push_back(t);
    return all;
  };
  const std::vector<Vector> expected = run(exact);
  for (const Implementation& one : kernel_test::implementations()) {
    SCOPED_TRACE(one.name);
#if !defined(UNDERSTUDY_NATIVE_CUDA)
    if (one.order == Order::forward) simt::set_thread_order(simt::ThreadOrder::forward);
    if (one.order == Order::reversed) simt::set_thread_order(simt::ThreadOrder::reversed);
    if (one.order == Order::shuffled) simt::set_thread_order(simt::ThreadOrder::shuffled);
#endif
    CaseProgram program(c, device_for(one), Real::f32, row_count, CaseProgram::first);
    const std::vector<Vector> found = run(program);
    // On CUDA that was eager: now captured as a graph, then replayed.
    EXPECT_EQ(run(program), found);
    EXPECT_EQ(run(program), found);
    EXPECT_EQ(program.program().graph() != nullptr, one.kind == DeviceKind::cuda);
    // Some eighty roundings of 6e-8: 38 rows of terms of order one, and what makes a term.
    for (std::size_t i = 0; i < found.size(); ++i)
      for (std::size_t k = 0; k < found[i].size(); ++k)
        ASSERT_NEAR(found[i][k], expected[i][k], 5e-6 * (1 + std::abs(expected[i][k])))
            << "result " << i << " element " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(registry, Operations, testing::ValuesIn(registry::cases()),
                         [](const testing::TestParamInfo<Case>& info) {
                           std::string name;
                           for (char letter : info.param.name)
                             name +=
                                 std::isalnum(static_cast<unsigned char>(letter)) ? letter : '_';
                           return name;
                         });

}  // namespace
}  // namespace understudy
