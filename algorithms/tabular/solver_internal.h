// What the implementations of solver.h share, and no other file includes:
//
//   solver.cpp            solve: packed sweeps, and many rewards at a time
//   solve_grid.cpp        gridworlds as stencils, solved and over a horizon
//   policy_iteration.cpp  PolicySystem and solve_directly
//   fixed_policy.cpp      evaluation, occupancy, likelihood and episodes of a given policy

#pragma once

#include <cstdint>
#include <vector>

#include "algorithms/tabular/device_dynamics.h"
#include "algorithms/tabular/grid_solver.h"
#include "algorithms/tabular/problem.h"
#include "algorithms/tabular/solver.h"
#include "kernels/device/device.h"
#include "kernels/device/error.h"

namespace understudy {

// An `Error` unless reward is [pairs, batch] of a problem without a horizon, which without a
// discount reaches its end.
void check_solvable(const Problem& problem, const std::vector<double>& reward, std::int64_t batch);

[[noreturn]] inline void fail_never_ends() {
  fail(ErrorKind::not_finite, "an undiscounted policy never ends: its values do not exist");
}

// Backup::max without a discount: where several actions are best (their Q within `tolerance` of the
// largest), the one most likely to come nearer to an end, in transitions of best actions. Every
// state from which best actions lead to an end then ends, where the first of equal actions may walk
// in circles: an improved policy is proper (Bertsekas & Tsitsiklis 1991) because the actions of the
// proper one before are among the best wherever the circle is. [pairs]; without batches.
void prefer_ends(const Problem& problem, const std::vector<double>& q_values, double tolerance,
                 std::vector<double>& policy);

// One backup in double precision of host arrays, its policy, and where `change` is not null
// max |new_values - values|.
void backup_with_policy(Device& device, const SparseDynamics<double>& dynamics,
                        const BackupRule<double>& rule, std::int64_t batch,
                        const std::vector<double>& reward, const std::vector<double>& values,
                        std::vector<double>& q_values, std::vector<double>& new_values,
                        std::vector<double>& policy, double* change = nullptr);

// solve_grid of arguments that were checked.
Solution solve_checked_grid(Device& device, const GridForm& form, double discount,
                            const SolveOptions& options, const std::vector<double>& start);

}  // namespace understudy
