// Behavioral cloning in one screen: a network learns an expert's actions from its states.
//
//   c++ -std=c++20 clone.cpp $(pkg-config --cflags --libs understudy) -o clone && ./clone

#include <cmath>
#include <cstdio>
#include <vector>

#include "autograd/modules/modules.h"
#include "autograd/optimize/optimizer.h"

using namespace understudy;

int main() {
  constexpr int count = 256;
  std::vector<double> states, actions;  // the expert turns towards sin(x + y)
  for (int i = 0; i < count; ++i) {
    const double x = i % 16 / 8.0 - 1, y = i / 16 / 8.0 - 1;
    states.insert(states.end(), {x, y});
    actions.push_back(std::sin(x + y));
  }

  Threads team(available_cores());
  const auto device = cpu_device(&team);
  Store store(*device);
  Parameters parameters("policy");
  const Mlp policy(parameters, "trunk", {.inputs = 2, .hidden = {100, 100}, .outputs = 1});
  parameters.create(store, 0);
  Adam adam(parameters, store, {.learning_rate = 1e-3});

  Program program(*device);  // recorded once ...
  const Tensor state = program.input("state", {rows(count), 2});
  const Tensor action = program.input("action", {rows(count), 1});
  const Tensor loss = mean(square(policy(state) - action));
  program.output("loss", loss);
  adam.record(program, loss);

  program.write("state", states);
  program.write("action", actions);
  for (int step = 0; step < 1000; ++step) program.run();  // ... run as often as you like
  std::printf("mean squared error after 1000 steps: %.2e\n", program.value("loss"));
}
