// Where a verb's tabular problem comes from: a file (--mdp M.npz) or a world that is built in
// (--mdp objectworld), and what results look like as arrays.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "algorithms/tabular/problem.h"
#include "autograd/files/array.h"
#include "cli/session/command.h"

namespace understudy::cli {

// What shapes a built-in world; -1 stands for the world's own. The last two are of files too.
struct WorldOptions {
  std::int64_t size = -1;  // cells a side; states of garnet
  double discount = -1.0;
  double noise = -1.0;           // probability that something else than the action happens
  std::uint64_t seed = 0;        // --world-seed: of what the world places at random
  std::string data;              // folder of the data sets
  std::int64_t horizon = 0;      // steps, instead of the problem's own; 0: that
  bool terminal_reward = false;  // rewards of terminal states are earned on entering
};

struct World {
  const char *name, *summary, *source;
  const char* shaped_by;  // the options that it has
  ProblemTable (*make)(const WorldOptions&);
};
const std::vector<World>& worlds();
void add_world_options(Verb& verb, WorldOptions& options);

struct ProblemSource {
  std::string mdp;  // a path that ends in .npz, or a world's name
  WorldOptions world;
};
// --mdp, which is returned, and what shapes a built-in world.
Option add_problem_options(Verb& verb, ProblemSource& source);

struct LoadedProblem {
  ProblemTable table;               // with remarks on what has no effect, of arrays and of options
  std::vector<double> coordinates;  // [S, 2] or [S, 4] where the file has them, for drawing
};
LoadedProblem load_problem(const ProblemSource& source);
files::Array coordinates_array(const LoadedProblem& loaded);  // REQUIRES: there are some

// A problem with one goal of a family as its end. With absorbing goals the goal's states become
// terminal; otherwise each gets one more action, free, into one more state, which is terminal.
ProblemTable with_goal(const ProblemTable& table, std::int64_t goal);

// The features of a problem that has none: 1 for each state, so that a reward of states is learned.
void add_state_indicators(ProblemTable& table);

// A reward by pairs in the shape of its source: [S] where it is one of states, else [S, A], 0 where
// an action is not available.
files::Array reward_array(const Problem& problem, const std::vector<double>& pairs);
// [S, A], or [T, S, A] for `steps` > 0, of what belongs to pairs.
files::Array pair_array(const Problem& problem, const std::vector<double>& pairs, double missing,
                        std::int64_t steps = 0);
files::Array array_of(files::Shape shape, const std::vector<double>& values);

}  // namespace understudy::cli
