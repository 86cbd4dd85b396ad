// Gauss-Newton products against Hessians and against one another, and conjugate gradients.

#include "autograd/optimize/gauss_newton.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autograd/modules/modules.h"
#include "autograd/operations/operations.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

Vector normals(std::int64_t n, std::uint64_t seed) { return kernel_test::Random(seed).normals(n); }

// ---- second-order products ----

// The Gauss-Newton product with the distribution's metric equals the Hessian of KL(old || new) at
// new = old, which double backward computes without knowing of metrics.
void check_fisher(bool categorical) {
  const std::unique_ptr<Device> device = cpu_device();
  Store store(*device, Real::f64);
  Parameters parameters("policy");
  const std::int64_t batch = 30, outputs = 4;
  Mlp network(parameters, "trunk", {.inputs = 5, .hidden = {6, 6}, .outputs = outputs});
  const int log_std =
      categorical ? -1
                  : parameters.declare("log_std", {outputs}, {InitializationKind::normal, 0.3, 1});
  parameters.create(store, 11);
  Program program(*device, Real::f64);
  program.set_tiling(8, 16);
  const Tensor state = program.input("state", {rows(batch), 5});
  const Tensor flat_v = program.input("v", {parameters.elements()});
  const std::vector<Tensor> theta = parameters.use(program), v = parameters.views(flat_v);
  const Tensor out = network(state);
  const double weight = 1.0 / static_cast<double>(batch);

  std::vector<Tensor> outputs_of, product;
  Tensor kl;
  if (categorical) {
    const Tensor log_p = log_softmax(out), old = stop_gradient(log_p);
    kl = sum(exp(old) * (old - log_p)) * weight;
    const Tensor p = stop_gradient(softmax(out));
    product = gauss_newton_product(
        program, {out},
        [&](const std::vector<Tensor>& t) {
          // diag(p) - p p^T
          const Tensor pt = p * t[0];
          const Tensor total = sum(pt, 1);
          return std::vector<Tensor>{(pt - p * reshape(total, {rows(batch), 1})) * weight};
        },
        theta, v);
  } else {
    const Tensor s = parameters.use(program, log_std), old_s = stop_gradient(s);
    const Tensor old = stop_gradient(out);
    // KL of Gaussians: log s/s0 + (s0^2 + (m0 - m)^2) / (2 s^2) - 1/2
    const Tensor each = s - old_s + (exp(old_s * 2.0) + square(old - out)) / (2.0 * exp(s * 2.0));
    kl = sum(each) * weight;
    product = gauss_newton_product(
        program, {out, s},
        [&](const std::vector<Tensor>& t) {
          return std::vector<Tensor>{t[0] * exp(old_s * -2.0) * weight, t[1] * 2.0};
        },
        theta, v);
  }
  const std::vector<Tensor> gradient = program.gradients(kl, theta);
  Tensor along;
  for (std::size_t i = 0; i < theta.size(); ++i) {
    const Tensor part = sum(gradient[i] * v[i]);
    along = along.defined() ? along + part : part;
  }
  program.output("hessian", program.pack(program.gradients(along, theta)));
  program.output("fisher", program.pack(product));
  program.write("state", normals(batch * 5, 21));

  const auto at = [&](const Vector& direction) {
    program.write("v", direction);
    program.run();
    return program.read("fisher");
  };
  const Vector a = normals(parameters.elements(), 31), b = normals(parameters.elements(), 32);
  const Vector fa = at(a);
  const Vector hessian = program.read("hessian");
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < fa.size(); ++i) {
    difference += std::pow(fa[i] - hessian[i], 2);
    size += hessian[i] * hessian[i];
  }
  EXPECT_LT(std::sqrt(difference / size), 1e-12);  // a hundred operations in f64
  EXPECT_GT(size, 1e-6);                           // the two were not both nothing
  const Vector fb = at(b);
  double ab = 0, ba = 0, aa = 0;
  for (std::size_t i = 0; i < fa.size(); ++i) {
    ab += a[i] * fb[i];
    ba += b[i] * fa[i];
    aa += a[i] * fa[i];
  }
  EXPECT_NEAR(ab, ba, 1e-13 * std::abs(aa));  // symmetric
  EXPECT_GE(aa, 0);                           // positive semi-definite
}

TEST(GaussNewton, fisher_products_are_hessians_of_the_kl_divergence_gaussian) {
  check_fisher(false);
}
TEST(GaussNewton, fisher_products_are_hessians_of_the_kl_divergence_categorical) {
  check_fisher(true);
}

// ---- Gauss-Newton products by derivatives that are kept ----

// A network of theta whose rows stay apart, with outputs of two kinds, one of which is made of what
// is in its middle too, and one that is a parameter itself.
std::vector<Tensor> network_outputs(Program& program, Parameters& parameters, Store& store,
                                    Activation activation, std::int64_t batch) {
  Mlp trunk(parameters, "trunk",
            {.inputs = 5, .hidden = {7, 6}, .outputs = 0, .activation = activation});
  const int gain = parameters.declare("gain", {6}, {InitializationKind::normal, 1.0, 1});
  Linear middle(parameters, "middle", {.inputs = 6, .outputs = 6, .activation = activation});
  LayerNormalization normalization(parameters, "normalization", 6);
  Linear first(parameters, "first", {.inputs = 6, .outputs = 3});
  Linear second(parameters, "second", {.inputs = 12, .outputs = 2, .activation = activation});
  const int free = parameters.declare("free", {2}, {InitializationKind::normal, 1.0, 1});
  parameters.create(store, 11);
  const Tensor h = trunk(program.input("state", {rows(batch), 5}));
  const Tensor z = normalization(middle(h * exp(parameters.use(program, gain))));
  const Tensor deviation = expand(parameters.use(program, free), {rows(batch), 2});
  return {first(z), second(concatenate({h, z}, -1)), deviation};
}

// Of {the plain product, the one by what is kept} and of what was worth keeping.
struct KeptProducts {
  Vector plain, kept;
  int operations = 0;
};

KeptProducts kept_products(Device& device, Real real, Activation activation, double read_cost) {
  const std::int64_t batch = 30;
  Store store(device, real);
  Parameters parameters("policy");
  Program program(device, real);
  program.set_tiling(8, 16);
  const std::vector<Tensor> outputs =
      network_outputs(program, parameters, store, activation, batch);
  const Tensor flat = program.input("v", {parameters.elements()});
  const std::vector<Tensor> theta = parameters.use(program), v = parameters.views(flat);
  // No row's metric is another's, and outputs of one kind meet those of the other.
  const Tensor weight = program.input("weight", {rows(batch), 1});
  const auto metric = [&](const std::vector<Tensor>& t) {
    const Tensor both = reshape(sum(t[0], -1), {rows(batch), 1}) + sum_to(t[1], weight.shape());
    return std::vector<Tensor>{weight * t[0] + both, weight * t[1] + both, 2.0 * t[2]};
  };
  const GaussNewton products(program, outputs, theta, {.products = 100000, .read_cost = read_cost});
  program.output("plain", program.pack(gauss_newton_product(program, outputs, metric, theta, v)));
  program.output("kept", program.pack(products.product(metric, v)));
  program.write("state", normals(batch * 5, 21));
  program.write("weight", normals(batch, 22));
  program.write("v", normals(parameters.elements(), 23));
  program.run();
  return {program.read("plain"), program.read("kept"), products.kept()};
}

void expect_equal_products(const KeptProducts& found, double tolerance) {
  double size = 0, difference = 0;
  for (std::size_t i = 0; i < found.plain.size(); ++i) {
    size = std::max(size, std::abs(found.plain[i]));
    difference = std::max(difference, std::abs(found.plain[i] - found.kept[i]));
  }
  EXPECT_GT(size, 1e-2);
  EXPECT_LT(difference, tolerance * size);
}

TEST(GaussNewton, kept_derivatives_change_nothing_but_rounding) {
  const std::unique_ptr<Device> device = cpu_device();
  for (Activation activation :
       {Activation::none, Activation::tanh, Activation::sigmoid, Activation::relu}) {
    SCOPED_TRACE(static_cast<int>(activation));
    const KeptProducts found = kept_products(*device, Real::f64, activation, 0);
    EXPECT_EQ(found.operations, 3);  // the trunk's layers and the gain
    expect_equal_products(found, 1e-12);
  }
}

TEST(GaussNewton, kept_derivatives_are_the_same_on_every_device) {
  for (const kernel_test::Implementation& one : kernel_test::implementations()) {
    SCOPED_TRACE(one.name);
    const std::unique_ptr<Device> device =
        one.kind == DeviceKind::cuda ? cuda_device() : cpu_device(nullptr, one.set);
    expect_equal_products(kept_products(*device, Real::f32, Activation::tanh, 0), 1e-5);
  }
}

TEST(GaussNewton, keeps_what_pays) {
  const std::unique_ptr<Device> device = cpu_device();
  const auto kept = [&](std::vector<std::int64_t> hidden, std::int64_t outputs, int products) {
    Store store(*device);
    Parameters parameters("policy");
    Mlp network(parameters, "trunk", {.inputs = 4, .hidden = hidden, .outputs = outputs});
    parameters.create(store, 1);
    Program program(*device);
    const Tensor out = network(program.input("state", {rows(64), 4}));
    const int before = program.node_count();
    const GaussNewton found(program, {out}, parameters.use(program), {.products = products});
    // Nothing kept, nothing recorded.
    EXPECT_EQ(found.kept() == 0, program.node_count() == before);
    return found.kept();
  };
  EXPECT_EQ(kept({100, 100}, 2, 10), 1);  // the second layer's are as cheap to make again
  EXPECT_EQ(kept({100, 100, 100}, 1, 10), 2);
  EXPECT_EQ(kept({100, 100}, 100, 10), 0);  // more derivatives than products take
  EXPECT_EQ(kept({4, 4}, 2, 10), 0);
  EXPECT_EQ(kept({100}, 2, 10), 0);  // nothing lies between the layer and the outputs
  EXPECT_EQ(kept({}, 2, 10), 0);
}

// What is an output itself is not kept, though another output is made from it at a cost.
TEST(GaussNewton, counts_an_output_that_others_are_made_from_once) {
  const std::unique_ptr<Device> device = cpu_device();
  Store store(*device, Real::f64);
  Parameters parameters("policy");
  Linear first(parameters, "first", {.inputs = 4, .outputs = 2, .activation = Activation::tanh});
  Mlp rest(parameters, "rest", {.inputs = 2, .hidden = {60, 60}, .outputs = 1});
  parameters.create(store, 1);
  Program program(*device, Real::f64);
  const Tensor h = first(program.input("state", {rows(16), 4}));
  const std::vector<Tensor> outputs{h, rest(h)}, theta = parameters.use(program);
  const std::vector<Tensor> v = parameters.views(program.input("v", {parameters.elements()}));
  const auto metric = [](const std::vector<Tensor>& t) { return t; };
  const GaussNewton products(program, outputs, theta, {.products = 1000, .read_cost = 0});
  program.output("plain", program.pack(gauss_newton_product(program, outputs, metric, theta, v)));
  program.output("kept", program.pack(products.product(metric, v)));
  program.write("state", normals(16 * 4, 1));
  program.write("v", normals(parameters.elements(), 2));
  program.run();
  EXPECT_EQ(products.kept(), 0);
  const Vector plain = program.read("plain"), kept = program.read("kept");
  for (std::size_t i = 0; i < plain.size(); ++i)
    EXPECT_NEAR(kept[i], plain[i], 1e-10 * (1 + std::abs(plain[i])));
}

TEST(GaussNewton, keeps_nothing_where_rows_mix) {
  const std::unique_ptr<Device> device = cpu_device();
  Store store(*device);
  Parameters parameters("policy");
  Mlp network(parameters, "trunk", {.inputs = 4, .hidden = {100, 100}, .outputs = 1});
  parameters.create(store, 1);
  Program program(*device);
  const Tensor out = network(program.input("state", {rows(64), 4}));
  const GaussNewton found(program, {out - mean(out, 0)}, parameters.use(program), {});
  EXPECT_EQ(found.kept(), 0);
}

TEST(ConjugateGradient, solves_and_shows_its_residuals) {
  const std::unique_ptr<Device> device = cpu_device();
  Program program(*device, Real::f64);
  const std::int64_t n = 12;
  const Tensor factor = program.input("factor", {n, n}), b = program.input("b", {n});
  const Tensor a = matmul(factor, factor, true, false);
  const auto product = [&](Tensor x) {
    const Tensor column = matmul(a, reshape(x, {n, 1}));
    return reshape(column, {n}) + x * 0.5;
  };
  const ConjugateGradientResult result = record_conjugate_gradient(product, b, {20, 1e-20});
  program.output("left", product(result.x));
  program.output("product", result.product);
  for (std::size_t i = 0; i < result.residuals.size(); ++i)
    program.output("residual" + std::to_string(i), result.residuals[i]);
  program.write("factor", normals(n * n, 41));
  const Vector right = normals(n, 42);
  program.write("b", right);
  program.run();
  const Vector left = program.read("left"), kept = program.read("product");
  for (std::int64_t i = 0; i < n; ++i) {
    EXPECT_NEAR(left[i], right[i], 1e-8);
    EXPECT_NEAR(kept[i], left[i], 1e-8);
  }
  // n steps suffice in exact arithmetic; the residual went from |b|^2 to nothing.
  EXPECT_GT(program.value("residual0"), 1.0);
  EXPECT_LT(program.value("residual20"), 1e-16);
}

}  // namespace
}  // namespace understudy
