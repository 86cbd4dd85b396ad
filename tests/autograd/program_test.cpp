// Programs: planning, determinism, no allocation, resuming, looking inside, and what is refused.

#include "autograd/program/program.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <new>

#include "autograd/modules/modules.h"
#include "autograd/operations/operations.h"
#include "autograd/optimize/optimizer.h"
#include "tests/kernels/kernel_test.h"

// ---- a counting allocator: every allocation of this test binary passes here ----

namespace {
std::atomic<long> allocations{0};
}

// GCC does not see that new and delete below belong together.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace understudy {
namespace {

using Vector = std::vector<double>;

Vector normals(std::int64_t n, std::uint64_t seed) { return kernel_test::Random(seed).normals(n); }

// A policy network with a Gaussian negative log-likelihood and Adam, as cloning trains it.
struct Training {
  static constexpr std::int64_t inputs = 5, outputs = 3;

  Training(Device& device, std::int64_t batch, Real real = Real::f32)
      : store(device, real), program(device, real) {
    Mlp network(parameters, "trunk", {.inputs = inputs, .hidden = {20, 20}, .outputs = outputs});
    parameters.create(store, 7);
    Adam adam(parameters, store, {.learning_rate = 1e-2, .clipping = {.norm = 1.0}});
    const Tensor state = program.input("state", {rows(batch), inputs});
    const Tensor action = program.input("action", {rows(batch), outputs});
    Array& counter = store.create("noise/counter", {1}, Element::counter);
    const Tensor noise = random_normal(program, {&counter, 3, 0}, {rows(batch), outputs});
    const Tensor loss = mean(square(network(state) + 0.1 * noise - action));
    program.output("loss", loss);
    adam.record(program, loss);
    program.write("state", normals(batch * inputs, 1));
    program.write("action", normals(batch * outputs, 2));
  }

  Parameters parameters{"policy"};
  Store store;
  Program program;
};

// ---- determinism ----

TEST(Program, gives_the_same_bits_for_any_number_of_threads) {
  Vector expected_loss, expected_parameters;
  for (int count : {1, 2, 3, 8}) {
    SCOPED_TRACE(count);
    Threads team(count);
    const std::unique_ptr<Device> device = cpu_device(&team);
    Training training(*device, 1000);
    training.program.set_tiling(24, 72);  // 14 chunks, the last one short
    Vector losses;
    for (int step = 0; step < 5; ++step) {
      training.program.run();
      losses.push_back(training.program.value("loss"));
    }
    const Vector parameters = training.parameters.flat().read();
    if (count == 1) {
      expected_loss = losses;
      expected_parameters = parameters;
      EXPECT_LT(losses.back(), losses.front());
    }
    EXPECT_EQ(losses, expected_loss);
    EXPECT_EQ(parameters, expected_parameters);
  }
}

TEST(Program, tiling_changes_sums_by_rounding_only) {
  const std::unique_ptr<Device> device = cpu_device();
  Vector whole;
  for (std::int64_t tile : {0, 8, 40, 1000}) {
    Training training(*device, 250, Real::f64);
    training.program.set_tiling(tile, tile * 2);
    training.program.run();
    const Vector found = training.parameters.flat().read();
    if (whole.empty()) whole = found;
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], whole[i], 1e-12);
  }
}

TEST(Program, runs_without_allocating) {
  Threads team(2);
  const std::unique_ptr<Device> device = cpu_device(&team);
  Training training(*device, 500);
  training.program.run();  // plans
  const long before = allocations.load();
  for (int step = 0; step < 10; ++step) training.program.run();
  EXPECT_EQ(allocations.load(), before);
}

TEST(Program, draws_afresh_each_run_and_again_from_the_same_counter) {
  const std::unique_ptr<Device> device = cpu_device();
  Store store(*device);
  Array& counter = store.create("counter", {1}, Element::counter);
  Program program(*device);
  program.output("x", random_normal(program, {&counter, 1, 2}, {rows(50), 3}));
  program.run();
  const Vector first = program.read("x");
  program.run();
  EXPECT_NE(program.read("x"), first);
  counter.fill(0);
  program.run();
  EXPECT_EQ(program.read("x"), first);
}

// ---- what the planner does ----

TEST(Program, keeps_the_order_of_writes_and_reads) {
  const std::unique_ptr<Device> device = cpu_device();
  Store store(*device, Real::f64);
  Array& x = store.create("x", {3});
  x.write({1, 2, 3});
  Program program(*device, Real::f64);
  const Tensor before = program.use(x) * 1.0;
  program.assign(x, before * 10.0);
  const Tensor after = program.use(x) + 0.5;
  program.output("before", before);
  program.output("after", after);
  program.run();
  EXPECT_EQ(program.read("before"), (Vector{1, 2, 3}));
  EXPECT_EQ(program.read("after"), (Vector{10.5, 20.5, 30.5}));
  program.run();
  EXPECT_EQ(program.read("before"), (Vector{10, 20, 30}));
}

TEST(Program, uses_a_sum_over_rows_in_a_later_segment) {
  // x - mean(x) over the batch, twice: three passes over the rows.
  const std::unique_ptr<Device> device = cpu_device();
  Program program(*device, Real::f64);
  program.set_tiling(8, 16);
  const Tensor x = program.input("x", {rows(37), 2});
  const Tensor centered = x - mean(x, 0);
  const Tensor scaled = centered / sqrt(mean(square(centered), 0) + 1e-12);
  program.output("y", scaled);
  const Vector input = normals(37 * 2, 5);
  program.write("x", input);
  program.run();
  const Vector y = program.read("y");
  for (int column = 0; column < 2; ++column) {
    double m = 0, v = 0;
    for (int i = 0; i < 37; ++i) m += input[i * 2 + column] / 37;
    for (int i = 0; i < 37; ++i) v += std::pow(input[i * 2 + column] - m, 2) / 37;
    for (int i = 0; i < 37; ++i)
      EXPECT_NEAR(y[i * 2 + column], (input[i * 2 + column] - m) / std::sqrt(v), 1e-10);
  }
}

TEST(Program, drops_what_nobody_needs_and_fuses_products) {
  const std::unique_ptr<Device> device = cpu_device();
  Program program(*device);
  const Tensor x = program.input("x", {rows(10), 4}), w = program.input("w", {4, 4});
  const Tensor unused = exp(x);
  const Tensor y = tanh(x);
  (void)unused;
  // activation_gradient(y, x w) becomes one product
  program.output("z", activation_gradient(Activation::tanh, y, matmul(x, w)));
  program.plan();
  const std::string listing = program.listing();
  EXPECT_EQ(listing.find("exp"), std::string::npos) << listing;
  EXPECT_EQ(listing.find("tanh_gradient"), std::string::npos) << listing;
  EXPECT_NE(listing.find("matmul{nn dtanh}"), std::string::npos) << listing;
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

// A product that goes over many tiles reads its matrix as it lies: transposed once, for all
// products between two writes to the matrix.
TEST(Program, transposes_a_matrix_once_for_all_tiles) {
  const std::unique_ptr<Device> device = cpu_device();
  constexpr std::int64_t width = 40;
  const Vector matrix = normals(width * width, 3);
  const auto run = [&](std::int64_t batch, bool written, std::string& listing) {
    Store store(*device);
    Array& w = store.create("w", {width, width});
    w.write(matrix);
    Program program(*device);
    const Tensor x = program.input("x", {rows(batch), width});
    const auto product = [&] { return matmul(x, program.use(w), false, true); };
    program.output("first", product());
    program.output("second", product() * 2.0);
    if (written) {
      program.assign(w, program.use(w) * 3.0);
      program.output("third", product());
    }
    program.write("x", normals(batch * width, 4));
    program.run();
    listing = program.listing();
    if (written) {
      const Vector first = program.read("first"), third = program.read("third");
      for (std::size_t i = 0; i < first.size(); ++i)
        EXPECT_NEAR(third[i], 3 * first[i], 1e-4 * (1 + std::abs(first[i])));
    }
    return program.read("second");
  };
  std::string few, many, written;
  const Vector expected = run(8, false, few);
  EXPECT_EQ(count(few, "permute"), 0) << few;
  EXPECT_EQ(count(few, "matmul{nt}"), 2) << few;
  const Vector found = run(520, false, many);
  EXPECT_EQ(count(many, "permute"), 1) << many;
  EXPECT_EQ(count(many, "matmul{nn}"), 2) << many;
  run(520, true, written);
  EXPECT_EQ(count(written, "permute"), 2) << written;
  EXPECT_EQ(count(written, "matmul{nn}"), 3) << written;
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 1e-5 * (1 + std::abs(expected[i])));
}

TEST(Program, needs_room_for_a_tile_only) {
  const std::unique_ptr<Device> device = cpu_device();
  constexpr std::size_t batch = 20000;
  Training training(*device, batch);
  training.program.plan();
  const std::size_t inputs = batch * (Training::inputs + Training::outputs) * 4;
  const std::size_t one_hidden_layer = batch * 20 * 4;
  EXPECT_LT(training.program.memory_bytes() - inputs, one_hidden_layer / 4);
}

TEST(Program, of_no_rows_sums_to_zero) {
  const std::unique_ptr<Device> device = cpu_device();
  Program program(*device);
  const Tensor x = program.input("x", {rows(0), 4});
  program.output("s", sum(x, 0));
  program.run();
  EXPECT_EQ(program.read("s"), (Vector{0, 0, 0, 0}));
}

// ---- looking inside ----

TEST(Program, shows_itself) {
  const std::unique_ptr<Device> device = cpu_device();
  Training training(*device, 100);
  training.program.plan();
  EXPECT_NE(training.program.listing().find("adam"), std::string::npos);
  EXPECT_NE(training.program.memory().find("tile"), std::string::npos);
  const std::string dot = training.program.dot();
  EXPECT_EQ(dot.find("digraph"), 0u);
  EXPECT_NE(dot.find("policy/trunk/0/weight"), std::string::npos);
  training.program.run_timed();
  double seconds = 0;
  for (const OperationTime& time : training.program.times()) {
    EXPECT_GE(time.calls, 1) << time.name;
    seconds += time.seconds;
  }
  EXPECT_GT(seconds, 0);
  EXPECT_NE(training.program.chrome_trace().find("\"name\":\"matmul\""), std::string::npos);
}

TEST(Program, names_the_operation_that_stopped_being_finite) {
  const std::unique_ptr<Device> device = cpu_device();
  Program program(*device);
  const Tensor x = program.input("x", {rows(20), 2});
  program.output("y", square(log(x)));
  program.write("x", Vector(40, 2.0));
  EXPECT_EQ(program.first_not_finite(), "");
  Vector bad(40, 2.0);
  bad[17] = -1;
  program.write("x", bad);
  EXPECT_EQ(program.first_not_finite().find("log"), 0u) << program.first_not_finite();
  bad[17] = std::nan("");
  program.write("x", bad);
  EXPECT_EQ(program.first_not_finite(), "input x");
}

// ---- derivatives ----

// y = exp(x), z = x y: with y held dz/dx is y alone, and dy/dx is what it always is.
TEST(Program, differentiates_past_what_is_held) {
  const std::unique_ptr<Device> device = cpu_device();
  Program program(*device, Real::f64);
  const Tensor x = program.input("x", {3}), one = program.full({3}, 1.0);
  const Tensor y = exp(x), z = x * y;
  program.output("whole", program.gradients({z}, {one}, {x})[0]);
  program.output("held", program.gradients({z}, {one}, {x}, {y})[0]);
  program.output("both", program.gradients({z, y}, {one, 10.0 * one}, {x}, {y})[0]);
  const std::vector<Tensor> tangents = program.tangents({z, y}, {x}, {one}, {y});
  program.output("z'", tangents[0]);
  program.output("y'", tangents[1]);
  const Vector input = {-0.5, 0.25, 2};
  program.write("x", input);
  program.run();
  for (std::size_t i = 0; i < 3; ++i) {
    const double e = std::exp(input[i]);
    EXPECT_NEAR(program.read("whole")[i], e + input[i] * e, 1e-12);
    EXPECT_NEAR(program.read("held")[i], e, 1e-12);
    EXPECT_NEAR(program.read("both")[i], 11 * e, 1e-12);
    EXPECT_NEAR(program.read("z'")[i], e, 1e-12);
    EXPECT_NEAR(program.read("y'")[i], e, 1e-12);
  }
}

// ---- what is refused ----

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

TEST(Program, refuses_what_does_not_fit) {
  const std::unique_ptr<Device> device = cpu_device();
  Program program(*device);
  const Tensor a = program.input("a", {rows(4), 3}), b = program.input("b", {5, 2});
  const Tensor index = program.input("i", {rows(4)}, Element::index);
  EXPECT_EQ(error_of([&] { matmul(a, b); }),
            "matmul: shapes [rows 4, 3] and [5, 2]: the inner sizes differ");
  EXPECT_EQ(error_of([&] { a + b; }), "add: shapes [rows 4, 3] and [5, 2] do not fit");
  EXPECT_EQ(error_of([&] { exp(index); }), "exp: expected numbers, found indices or counters");
  EXPECT_EQ(error_of([&] { slice(a, 0, 1, 2); }), "slice: along rows of [rows 4, 3]");
  EXPECT_EQ(error_of([&] { program.input("a", {2}); }),
            "program: there is an input called a already");
  EXPECT_EQ(error_of([&] { program.gradients(a, {a}); }),
            "gradients: the loss must be one number, its shape is [rows 4, 3]");
  EXPECT_EQ(error_of([&] {
              program.write("a", Vector{1, 2});
            }),
            "program: a holds 12 numbers, 2 were given");
  EXPECT_EQ(error_of([&] { program.write("z", Vector{1, 2}); }), "program: no input is called z");
  EXPECT_EQ(error_of([&] {
              Shape{3, rows(2)};
            }),
            "shape: rows must come first, found at dimension 1");
}

}  // namespace
}  // namespace understudy
