// Optimizers inside programs: each minimizes, and rates follow their schedules. Their updates are
// held by tests/kernels/optimizer_test.cpp.

#include "autograd/optimize/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "autograd/modules/modules.h"
#include "autograd/operations/operations.h"
#include "autograd/program/program.h"
#include "kernels/device/device.h"

namespace understudy {
namespace {

TEST(Optimizers, each_brings_a_quadratic_down) {
  const std::unique_ptr<Device> device = cpu_device();
  for (int which = 0; which < 6; ++which) {
    Store store(*device, Real::f64);
    Parameters parameters("model");
    parameters.declare("x", {4}, {InitializationKind::constant, which == 5 ? 0.25 : 1.0, 1});
    parameters.create(store, 1);
    Program program(*device, Real::f64);
    const Tensor x = parameters.use(program, 0);
    const Tensor target = program.constant({4}, {0.1, 0.2, 0.3, 0.4});
    const Tensor loss = sum(square(x - target));
    program.output("loss", loss);
    std::unique_ptr<Optimizer> optimizer;
    if (which == 0)
      optimizer = std::make_unique<Sgd>(parameters, store, Sgd::Options{.learning_rate = 0.1});
    if (which == 1)
      optimizer = std::make_unique<Sgd>(
          parameters, store,
          Sgd::Options{
              .learning_rate = 0.02, .momentum = 0.9, .nesterov = true, .clipping = {.norm = 1}});
    if (which == 2)
      optimizer =
          std::make_unique<RmsProp>(parameters, store, RmsProp::Options{.learning_rate = 0.01});
    if (which == 3)
      optimizer =
          std::make_unique<AdaGrad>(parameters, store, AdaGrad::Options{.learning_rate = 0.3});
    if (which == 4)
      optimizer = std::make_unique<Adam>(
          parameters, store, Adam::Options{.learning_rate = 0.02, .clipping = {.value = 0.5}});
    if (which == 5)
      optimizer = std::make_unique<ExponentiatedGradient>(
          parameters, store, ExponentiatedGradient::Options{.learning_rate = 0.5});
    optimizer->record(program, loss);
    for (int step = 0; step < 400; ++step) program.run();
    EXPECT_LT(program.value("loss"), 1e-3) << "optimizer " << which;
    if (which == 5) {
      double total = 0;
      for (double p : parameters.flat().read()) total += p;
      EXPECT_NEAR(total, 1.0, 1e-12);
    }
  }
}

// The loss is the sum of the parameters, so that a step is the rate itself: all are powers of two,
// and the sums exact.
TEST(Program, learning_rates_follow_their_schedule_without_recording_again) {
  const auto device = cpu_device();
  Store store(*device);
  Parameters decaying{"decaying"}, set{"set"}, multiplied{"multiplied"};
  const int a = decaying.declare("p", {3}, zeros()), b = set.declare("p", {3}, zeros());
  const int c = multiplied.declare("p", {3}, ones());
  decaying.create(store, 0);
  set.create(store, 0);
  multiplied.create(store, 0);
  Array& factor = store.create("factor", {1});
  Sgd first(decaying, store, {.learning_rate = 0.5, .schedule = {.steps = 4, .last = 0.25}});
  Sgd second(set, store, {.learning_rate = 0.5, .schedule = {.factor = &factor}});
  ExponentiatedGradient third(
      multiplied, store,
      {.learning_rate = 0.5, .normalize = false, .schedule = {.steps = 4, .last = 0.25}});
  Program program(*device);
  first.record(program, sum(decaying.use(program, a)));
  second.record(program, sum(set.use(program, b)));
  third.record(program, sum(multiplied.use(program, c)));

  double expected_decaying = 0, expected_set = 0;
  for (int step = 0; step < 6; ++step) {
    const double share = 1.0 / (1 << step);
    factor.write(std::vector<double>{share});
    program.run();
    expected_decaying -= 0.5 * (step < 4 ? 1 - 0.1875 * step : 0.25);
    expected_set -= 0.5 * share;
    EXPECT_EQ(decaying.flat().read()[2], expected_decaying) << step;
    EXPECT_EQ(set.flat().read()[2], expected_set) << step;
    // p = p exp(-rate g): its logarithm goes the same way.
    EXPECT_NEAR(std::log(multiplied.flat().read()[2]), expected_decaying, 1e-6) << step;
  }
  EXPECT_THROW(Sgd(set, store, {.schedule = {.steps = 2, .factor = &factor}}), Error);
}

}  // namespace
}  // namespace understudy
