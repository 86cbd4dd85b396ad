// Gridworlds as stencils: values at the fixed point, and values and visits over a horizon.

#include "algorithms/tabular/solver.h"

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/device_dynamics.h"
#include "algorithms/tabular/grid_solver.h"
#include "algorithms/tabular/iterations.h"
#include "algorithms/tabular/solver_internal.h"
#include "algorithms/tabular/sweeps.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

template <class T>
Solution solve_stencil(Device& device, const GridForm& form, double discount,
                       const SolveOptions& options, const std::vector<double>& start) {
  GridSweeps<T> sweeps(device, form, options.backup, discount);
  DeviceBuffer<T> value(device, form.dynamics.height * form.dynamics.width);
  if (!start.empty()) assign(value, start);
  Progress progress(options, form.dynamics.height * form.dynamics.width);
  State state = State::running;
  if (options.method == SolveMethod::multigrid && options.backup == Backup::log_sum_exp) {
    GridHierarchy hierarchy(device, form.dynamics, discount);
    state = by_grids(device, sweeps, hierarchy, value, progress);
  } else {
    // A hard choice's policy leaps where Newton's equation does not see it: sweeps, extrapolated.
    SolveOptions plain = options;
    if (options.method == SolveMethod::multigrid) plain.method = SolveMethod::extrapolated;
    state = by_sweeps(device, sweeps, plain, discount, value, progress);
  }
  return settled(state, progress, value);
}

void check_grid(const GridForm& form, double discount, bool over_horizon) {
  const GridDynamics<double>& g = form.dynamics;
  const auto cells = static_cast<std::size_t>(std::max<std::int64_t>(g.height * g.width, 0));
  if (g.height < 1 || g.width < 1 || form.reward.size() != cells)
    fail(ErrorKind::bad_shape, "reward: expected [%lld, %lld] by cells, found %zu numbers",
         static_cast<long long>(g.height), static_cast<long long>(g.width), form.reward.size());
  if (!(discount >= 0.0 && (discount < 1.0 || (over_horizon && discount == 1.0))))
    fail(ErrorKind::bad_input, "discount: expected 0 to %s1, found %g",
         over_horizon ? "" : "below ", discount);
  if (!(std::abs(g.chosen + g.stay_slip + 4.0 * g.move_slip - 1.0) <= 1e-9) || g.chosen < 0.0 ||
      g.stay_slip < 0.0 || g.move_slip < 0.0)
    fail(ErrorKind::bad_input,
         "grid: expected probabilities that sum to 1, found %g, %g and 4 x %g", g.chosen,
         g.stay_slip, g.move_slip);
}

template <class T>
GridVisits grid_visits(Device& device, const GridForm& form, T discount, std::int64_t horizon,
                       const std::vector<double>& initial) {
  const auto& kernels = kernels_of<T>(device);
  const GridDynamics<T> grid = grid_in<T>(form.dynamics);
  const std::int64_t cells = grid.height * grid.width;
  DeviceBuffer<T> reward(device, cells), values(device, (horizon + 1) * cells);
  DeviceBuffer<T> here(device, cells), next(device, cells), total(device, cells);
  assign(reward, form.reward);
  assign(here, initial);
  assign(total, initial);
  const auto value_at = [&](std::int64_t t) { return values.data() + t * cells; };
  for (std::int64_t t = horizon - 1; t >= 0; --t)
    kernels.grid_backup(device.stream(), grid, Backup::log_sum_exp, discount, reward.data(),
                        value_at(t + 1), value_at(t));
  for (std::int64_t t = 0; t + 1 < horizon; ++t) {
    kernels.grid_forward(device.stream(), grid, discount, discount, nullptr, value_at(t + 1),
                         here.data(), next.data(), total.data());
    here.swap(next);
  }
  values.to_host();
  return {{values.host(), values.host() + cells}, widened(total)};
}

}  // namespace

Solution solve_checked_grid(Device& device, const GridForm& form, double discount,
                            const SolveOptions& options, const std::vector<double>& start) {
  return options.precision == SolvePrecision::f32
             ? solve_stencil<float>(device, form, discount, options, start)
             : solve_stencil<double>(device, form, discount, options, start);
}

Solution solve_grid(Device& device, const GridForm& form, double discount,
                    const SolveOptions& options, const std::vector<double>& start) {
  check_grid(form, discount, false);
  if (!start.empty() && start.size() != form.reward.size())
    fail(ErrorKind::bad_shape, "start: expected %zu cells, found %zu", form.reward.size(),
         start.size());
  if (options.expectation != Expectation::causal ||
      options.method == SolveMethod::policy_iteration ||
      options.method == SolveMethod::modified_policy_iteration)
    fail(ErrorKind::not_available,
         "a grid is solved by sweeps or multigrid, with the causal expectation");
  return solve_checked_grid(device, form, discount, options, start);
}

GridVisits visits_of_grid(Device& device, const GridForm& form, double discount,
                          std::int64_t horizon, const std::vector<double>& initial,
                          SolvePrecision precision) {
  check_grid(form, discount, true);
  if (horizon < 1)
    fail(ErrorKind::bad_input, "horizon: expected at least 1, found %lld",
         static_cast<long long>(horizon));
  if (initial.size() != form.reward.size())
    fail(ErrorKind::bad_shape, "initial: expected %zu cells, found %zu", form.reward.size(),
         initial.size());
  return precision == SolvePrecision::f32
             ? grid_visits<float>(device, form, static_cast<float>(discount), horizon, initial)
             : grid_visits<double>(device, form, discount, horizon, initial);
}

}  // namespace understudy
