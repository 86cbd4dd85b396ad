// Checkpoints: a resumed run equals an unbroken one, bit for bit; a file that does not fit changes
// nothing.

#include "autograd/files/checkpoint.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "autograd/modules/modules.h"
#include "autograd/operations/operations.h"
#include "autograd/optimize/optimizer.h"
#include "kernels/device/version.h"
#include "tests/kernels/kernel_test.h"

namespace understudy {
namespace {

// A file of this test's own, gone at the end.
struct Path {
  std::string name = testing::TempDir() + "checkpoint_" + std::to_string(getpid()) + ".safetensors";
  ~Path() { std::remove(name.c_str()); }
};

// Dropout-like noise, moments and a step count: the whole state of a run.
struct TrainingRun {
  explicit TrainingRun(Device& device, std::int64_t hidden = 10) : store(device), program(device) {
    Mlp network(parameters, "net", {.inputs = 3, .hidden = {hidden}, .outputs = 2});
    parameters.create(store, 5);
    Adam adam(parameters, store, {.learning_rate = 1e-2});
    Array& counter = store.create("noise", {1}, Element::counter);
    const Tensor x = random_normal(program, {&counter, 9, 0}, {rows(40), 3});
    const Tensor loss = mean(square(network(x) - slice(x, 1, 0, 2)));
    program.output("loss", loss);
    adam.record(program, loss);
  }
  void steps(int count) {
    for (int i = 0; i < count; ++i) program.run();
  }
  Parameters parameters{"model"};
  Store store;
  Program program;
};

TEST(Checkpoint, a_resumed_run_equals_an_unbroken_one) {
  const std::unique_ptr<Device> device = cpu_device();
  TrainingRun unbroken(*device);
  unbroken.steps(30);
  const std::vector<double> expected = unbroken.parameters.flat().read();
  for (int stop : {0, 1, 13, 29}) {
    Path path;
    {
      TrainingRun first(*device);
      first.steps(stop);
      write_checkpoint(path.name, {&first.store}, {{"iteration", std::to_string(stop)}});
    }
    TrainingRun second(*device);
    second.steps(3);  // whatever it did before is overwritten
    const auto metadata = read_checkpoint(path.name, {&second.store});
    EXPECT_EQ(metadata.at("iteration"), std::to_string(stop));
    EXPECT_EQ(metadata.at("understudy"), UNDERSTUDY_VERSION);
    second.steps(30 - stop);
    EXPECT_EQ(second.parameters.flat().read(), expected) << "stopped at " << stop;
    EXPECT_EQ(second.program.value("loss"), unbroken.program.value("loss"));
  }
}

TEST(Checkpoint, of_f32_can_be_read_in_f64) {
  const std::unique_ptr<Device> device = cpu_device();
  Path path;
  Store narrow(*device, Real::f32), wide(*device, Real::f64);
  narrow.create("x", {3}).write({0.5, -2, 1e10});
  wide.create("x", {3});
  write_checkpoint(path.name, {&narrow});
  read_checkpoint(path.name, {&wide});
  EXPECT_EQ(wide.at("x").read(), narrow.at("x").read());
}

TEST(Checkpoint, that_does_not_fit_changes_nothing) {
  const std::unique_ptr<Device> device = cpu_device();
  Path path;
  TrainingRun small(*device, 10), large(*device, 11);
  small.steps(2);
  write_checkpoint(path.name, {&small.store});
  const std::vector<double> before = large.parameters.flat().read();
  try {
    read_checkpoint(path.name, {&large.store});
    FAIL() << "a checkpoint of another shape was read";
  } catch (const Error& error) {
    EXPECT_NE(
        std::string(error.what()).find("model/net/0/weight has shape [3, 10], expected [3, 11]"),
        std::string::npos)
        << error.what();
  }
  EXPECT_EQ(large.parameters.flat().read(), before);
  Store other(*device);
  other.create("y", {1});
  EXPECT_THROW(read_checkpoint(path.name, {&small.store, &other}), Error);
  Store empty(*device);
  EXPECT_THROW(read_checkpoint(path.name, {&empty}), Error);
}

}  // namespace
}  // namespace understudy
