// An expert for MountainCar that saves fuel: it reaches the hill at the least cost, which is 1 a
// step and `fuel` more for a step with the engine on. It pushes where that gains most and coasts up
// the hill with just enough speed. A clone that is slightly slower and coasts too rolls back into
// states that the expert never visits, and in which it would push.
//
// The cost is solved for on a grid of positions and velocities, by the engine's own solver of
// tabular problems. A step from a grid's point ends between points: the weights of bilinear
// interpolation are the probabilities of its corners (Kushner & Dupuis, "Numerical methods for
// stochastic control problems in continuous time", section 5.2). Of the last step only what is on
// this side of the hill costs, so that few actions are equally good.

#pragma once

#include <memory>

#include "algorithms/cloning/expert.h"
#include "kernels/device/threads.h"

namespace understudy::cli {

// fuel >= 0; with 0 the quickest driver. The expert looks one step ahead from any state, through
// the grid's values. Takes some seconds.
std::unique_ptr<Expert> thrifty_driver(Threads* threads, double fuel);

}  // namespace understudy::cli
