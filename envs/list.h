// The environments there are. To add one: write its header, include it here, add its name to the
// list.

#pragma once

#include "envs/acrobot.h"
#include "envs/cartpole.h"
#include "envs/circles.h"
#include "envs/cliff_walking.h"
#include "envs/environment.h"
#include "envs/forest.h"
#include "envs/frozen_lake.h"
#include "envs/gridworld.h"
#include "envs/mountain_car.h"
#include "envs/mountain_car_continuous.h"
#include "envs/pendulum.h"
#include "envs/planar_arm.h"
#include "envs/point_mass.h"
#include "envs/point_maze.h"
#include "envs/taxi.h"

namespace understudy {

template <template <class> class... E>
struct EnvironmentList {
  static constexpr int count = sizeof...(E);
};

using Environments =
    EnvironmentList<CartPole, MountainCar, MountainCarContinuous, Acrobot, AcrobotAngles, Pendulum,
                    PointMass, Circles, Forest, Gridworld, FrozenLake, FrozenLake8, CliffWalking,
                    Taxi, FixedCartPole, PointMazeRight, PointMazeLeft, PlanarArm>;

}  // namespace understudy
