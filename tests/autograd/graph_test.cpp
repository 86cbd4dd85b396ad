// Programs on CUDA: the first run is eager, the second is captured, later ones replay the graph,
// and all give the same bits. Under the emulator by the same code as on a GPU.

#include "kernels/device/graph.h"

#include <gtest/gtest.h>

#include "autograd/modules/modules.h"
#include "autograd/operations/operations.h"
#include "autograd/optimize/optimizer.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

using Vector = std::vector<double>;

Vector normals(std::int64_t n, std::uint64_t seed) { return kernel_test::Random(seed).normals(n); }

class ProgramGraphs : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda_missing_reason() != nullptr) GTEST_SKIP() << cuda_missing_reason();
    device = cuda_device();
  }
  std::unique_ptr<Device> device;
};

// A network that learns from noisy rows: products, sums over rows, random numbers, copies into
// persistent arrays, and an optimizer that counts its steps.
struct Training {
  static constexpr std::int64_t batch = 40, inputs = 5, outputs = 3;

  explicit Training(Device& device) : store(device), program(device) {
    Mlp network(parameters, "trunk", {.inputs = inputs, .hidden = {9, 8}, .outputs = outputs});
    parameters.create(store, 7);
    Adam adam(parameters, store, {.learning_rate = 1e-2, .clipping = {.norm = 1.0}});
    const Tensor state = program.input("state", {rows(batch), inputs});
    const Tensor action = program.input("action", {rows(batch), outputs});
    Array& counter = store.create("noise/counter", {1}, Element::counter);
    Array& last = store.create("last", {1});
    const Tensor noise = random_normal(program, {&counter, 3, 0}, {rows(batch), outputs});
    const Tensor loss = mean(square(network(state) + 0.1 * noise - action));
    program.output("loss", loss);
    program.output("before", program.use(last) + 0.0);
    program.assign(last, reshape(loss, {1}));
    adam.record(program, loss);
    program.write("state", normals(batch * inputs, 1));
    program.write("action", normals(batch * outputs, 2));
  }

  // The losses of five steps, then the parameters.
  template <class Step>
  Vector five(const Step& step) {
    Vector found;
    for (int i = 0; i < 5; ++i) {
      step();
      found.push_back(program.value("loss"));
      found.push_back(program.read("before")[0]);
    }
    const Vector all = parameters.flat().read();
    found.insert(found.end(), all.begin(), all.end());
    return found;
  }

  Parameters parameters{"policy"};
  Store store;
  Program program;
};

TEST_F(ProgramGraphs, give_the_bits_of_eager_runs) {
  Training eager(*device), captured(*device);
  const Vector expected = eager.five([&] { eager.program.run_timed(); });
  EXPECT_EQ(eager.program.graph(), nullptr);
  EXPECT_EQ(captured.five([&] { captured.program.run(); }), expected);
  ASSERT_NE(captured.program.graph(), nullptr);
  EXPECT_EQ(captured.program.graph()->instantiations(), 1);
  EXPECT_EQ(captured.program.graph()->updates(), 0);
  EXPECT_LT(expected[8], expected[0]);  // it learned something
}

TEST_F(ProgramGraphs, are_captured_at_the_second_run) {
  Program program(*device);
  program.output("y", program.input("x", {3}) * 2.0);
  program.run();
  EXPECT_EQ(program.graph(), nullptr);
  program.run();
  ASSERT_NE(program.graph(), nullptr);
  program.write("x", Vector{1, 2, 3});
  program.run();
  EXPECT_EQ(program.read("y"), (Vector{2, 4, 6}));
  EXPECT_EQ(program.graph()->instantiations(), 1);
}

TEST_F(ProgramGraphs, read_the_memory_that_an_input_is_bound_to) {
  Store store(*device);
  Array& a = store.create("a", {3});
  Array& b = store.create("b", {3});
  a.write({1, 2, 3});
  b.write({10, 20, 30});
  Program program(*device);
  const Tensor x = program.input("x", {rows(3)});
  program.output("y", square(x) + 0.5);
  program.bind("x", rows_of(a));
  for (int run = 0; run < 3; ++run) {
    program.run();
    EXPECT_EQ(program.read("y"), (Vector{1.5, 4.5, 9.5}));
  }
  program.bind("x", rows_of(a));  // where it is already
  program.run();
  EXPECT_EQ(program.graph()->updates(), 0);
  program.bind("x", rows_of(b));
  for (int run = 0; run < 2; ++run) {
    program.run();
    EXPECT_EQ(program.read("y"), (Vector{100.5, 400.5, 900.5}));
  }
  EXPECT_EQ(program.graph()->instantiations(), 1);
  EXPECT_EQ(program.graph()->updates(), 1);
  b.write({4, 5, 6});
  program.run();
  EXPECT_EQ(program.read("y"), (Vector{16.5, 25.5, 36.5}));
  EXPECT_EQ(program.graph()->updates(), 1);
}

// An operation that does something else at a run of one's choice.
class Interrupting final : public Operation {
 public:
  explicit Interrupting(std::function<void(Device&)> act) : act_(std::move(act)) {}
  const char* name() const override { return "interrupting"; }
  void run(const Call& call) const override {
    act_(call.device);
    call.kernels<float>().elementwise.unary(call.stream, Unary::square, call.out_shape().elements(),
                                            call.in<float>(0), call.out<float>());
  }

 private:
  std::function<void(Device&)> act_;
};

struct Interrupted {
  Interrupted(Device& device, std::function<void(Device&)> act) : program(device) {
    const Tensor x = program.input("x", {3});
    program.output("y", program.append(std::make_unique<Interrupting>(std::move(act)), {x + 1.0},
                                       {{x.shape()}})[0]);
    program.write("x", Vector{1, 2, 3});
  }
  Program program;
};

TEST_F(ProgramGraphs, survive_an_exception_while_captured) {
  int runs = 0;
  Interrupted one(*device, [&](Device&) {
    if (++runs == 2) fail(ErrorKind::bad_input, "the second run");
  });
  one.program.run();
  EXPECT_THROW(one.program.run(), Error);
  EXPECT_EQ(one.program.graph(), nullptr);

  Program other(*device);
  other.output("y", other.input("x", {2}) + 1.0);
  for (int run = 0; run < 3; ++run) other.run();
  EXPECT_EQ(other.read("y"), (Vector{1, 1}));

  one.program.write("x", Vector{2, 3, 4});
  one.program.run();  // captured now
  EXPECT_EQ(one.program.read("y"), (Vector{9, 16, 25}));
  one.program.run();
  EXPECT_EQ(runs, 3);  // replayed
}

#if !defined(UNDERSTUDY_NATIVE_CUDA)

struct Failed {
  std::string message;
};

TEST_F(ProgramGraphs, hold_no_operation_that_waits_allocates_or_reads_to_the_host) {
  simt::set_failure_handler([](const char* message) { throw Failed{message}; });
  float host[3];
  const auto found = [&](std::function<void(Device&)> act) -> std::string {
    Interrupted one(*device, std::move(act));
    one.program.run();  // eager: none of it is wrong there
    try {
      one.program.run();
    } catch (const Failed& failed) {
      return failed.message;
    }
    return "nothing was refused";
  };
  const std::string captured = " while the stream is being captured";
  EXPECT_EQ(found([](Device& on) { on.synchronize(); }), "waiting for the stream" + captured);
  EXPECT_EQ(found([](Device& on) { on.release(on.allocate(4)); }),
            "allocating device memory" + captured);
  void* memory = device->allocate(sizeof host);
  EXPECT_EQ(found([&](Device& on) { on.copy_to_host(host, memory, sizeof host); }),
            "a copy to the host" + captured);
  simt::set_failure_handler(nullptr);
  device->release(memory);
}

#endif

}  // namespace
}  // namespace understudy
