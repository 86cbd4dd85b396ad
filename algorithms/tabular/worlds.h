// Tabular worlds that the literature measures on, as problem tables (which `make_problem` checks
// and which can be written to a file). Each has its true reward. Random worlds depend on their seed
// alone, on every platform.

#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/tabular/problem.h"

namespace understudy {

// Cells s = y * width + x; actions 0 up, 1 down, 2 left, 3 right and, with `stay`, 4 stay; a move
// off the grid stays. The chosen action happens with probability `chosen`, otherwise staying
// (`stay_slip`) or one of the four moves (`move_slip` each). No reward, no terminal state: the
// caller sets them.
struct GridworldOptions {
  std::int64_t height = 32, width = 32;
  bool stay = true;
  double chosen = 0.7, stay_slip = 0.0, move_slip = 0.075;
  double discount = 0.99;
};
ProblemTable gridworld(const GridworldOptions& options);
// The same as a stencil.
GridDynamics<double> grid_dynamics(const GridworldOptions& options);

// Abbeel & Ng 2004, section 5.1: four moves that fail with probability 0.3 into a random one,
// discount 0.99, an indicator feature for each macro cell, weights 0 with probability 0.9, else
// uniform, scaled to sum 1 and drawn again until at least two are not 0.
struct AbbeelNgOptions {
  std::int64_t size = 128, macro = 16;
  std::uint64_t seed = 0;
};
ProblemTable abbeel_ng_gridworld(const AbbeelNgOptions& options);

// Levine, Popović & Koltun 2011, as in their published code. Actions 0 stay, 1 y+1, 2 x+1, 3 y-1, 4
// x-1; the chosen one happens with probability `determinism`, else one of the others. Objects have
// an inner and an outer color.
//
//   reward     +5 within 3 of inner color 0 and within 2 of inner color 1
//              -10 within 3 of inner color 0 only, else 0
//   features   distances to the nearest object of each inner and outer color (`discrete`: whether
//              they are below 1, 2, ..., size - 1)
struct ObjectworldOptions {
  std::int64_t size = 32, inner_colors = 2, outer_colors = 2;
  double placement = 0.05, determinism = 0.7, discount = 0.9;
  bool discrete = true;
  std::uint64_t seed = 0;
};
ProblemTable objectworld(const ObjectworldOptions& options);

// Wulfmeier, Ondrúška & Posner 2015: cells are blue or red at random; features are the nine colors
// of a cell's window (1 blue, 0 red, -1 outside); reward +1 where exactly 4 of them are blue, -1
// where exactly 5, else 0. Actions and noise as in Objectworld.
struct BinaryworldOptions {
  std::int64_t size = 32;
  double determinism = 0.7, discount = 0.9;
  std::uint64_t seed = 0;
};
ProblemTable binaryworld(const BinaryworldOptions& options);

// Gymnasium's toy text worlds, with its numbering of states and actions, undiscounted unless said.
// FrozenLake has 4 or 8 rows; where slippery the move is as chosen or to either side, a third each.
ProblemTable frozen_lake(int rows = 4, bool slippery = true, double discount = 1.0);
ProblemTable cliff_walking(bool slippery = false, double discount = 1.0);
ProblemTable taxi(double discount = 1.0);

// The table without what terminal states have beyond their flag: transitions out of them and
// rewards by pair that nobody earns.
ProblemTable without_steps_from_ends(const ProblemTable& table);

// Garnet problems (Archibald et al. 1995; Bhatnagar et al. 2009): `branching` different successors
// of each pair at random, with probabilities that cut [0, 1] at random; rewards normal by pair.
struct GarnetOptions {
  std::int64_t states = 100, actions = 4, branching = 5;
  double discount = 0.95;
  std::uint64_t seed = 0;
};
ProblemTable garnet(const GarnetOptions& options);

}  // namespace understudy
