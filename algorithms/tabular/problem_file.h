// Tabular problems in files: NumPy's .npz with the columns of ProblemTable.
//
//   n_states, n_actions          int64 scalars
//   state, action, next_state    int64 [n], one transition a row; probability float64 [n]
//   discount                     float64 scalar (1 where absent); horizon int64 scalar
//   initial, terminal            [S]; terminal_reward bool scalar: those of ends are earned
//   reward                       [S] or [S, A]
//   features                     [S, F] or [S, A, F]; or transition_features [n, F]
//   shape                        int64 [2]
//   goal_id, goal_state          int64 [m]; goals_absorb bool scalar
//   coordinates                  [S, 2] or [S, 4], read by the command, for drawing
//
// Arrays are known by their names and held to these shapes: a reward [A, S] is an `Error`, not one
// of as many numbers (where S = A nobody can tell). Other arrays are left out, with a remark.
//
// Demonstrations of discrete observations and actions are trajectories; `goals` go along.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "algorithms/data/demonstrations.h"
#include "algorithms/tabular/problem.h"
#include "autograd/files/array.h"

namespace understudy {

// An `Error` names the file (`name`) and the array. What the numbers mean `make_problem` checks.
ProblemTable problem_table_from(const files::NamedArrays& arrays, std::string_view name);
ProblemTable read_problem_table(const std::string& path);

// A reward [S] or [S, A] as in a file; other shapes are an `Error` that begins with `place`.
std::vector<double> reward_from(const files::Array& array, const std::string& place,
                                std::int64_t states, std::int64_t actions);

// Replaces the file only when all of it has been written.
void write_problem_table(const std::string& path, const ProblemTable& table);

// An `Error` where observations or actions are not one index each.
std::vector<Trajectory> trajectories_of(const Demonstrations& demonstrations);

}  // namespace understudy
