#include "algorithms/tabular/solver.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "algorithms/tabular/accelerate.h"
#include "algorithms/tabular/device_dynamics.h"
#include "algorithms/tabular/grid_solver.h"
#include "algorithms/tabular/iterations.h"
#include "algorithms/tabular/solver_internal.h"
#include "algorithms/tabular/sweeps.h"
#include "kernels/device/error.h"
#include "kernels/device/parts.h"

namespace understudy {

void check_solvable(const Problem& p, const std::vector<double>& reward, std::int64_t batch) {
  if (batch < 1)
    fail(ErrorKind::bad_input, "batch: expected at least 1, found %lld",
         static_cast<long long>(batch));
  if (static_cast<std::int64_t>(reward.size()) != p.n_pairs() * batch)
    fail(ErrorKind::bad_shape, "reward: expected [%lld, %lld] by pairs, found %zu numbers",
         static_cast<long long>(p.n_pairs()), static_cast<long long>(batch), reward.size());
  if (p.horizon > 0)
    fail(ErrorKind::bad_input, "horizon: this solver is for problems without one, found %lld",
         static_cast<long long>(p.horizon));
  if (p.discount == 1.0) check_reaches_end(p);
}

void backup_with_policy(Device& device, const SparseDynamics<double>& dynamics,
                        const BackupRule<double>& rule, std::int64_t batch,
                        const std::vector<double>& reward, const std::vector<double>& values,
                        std::vector<double>& q_values, std::vector<double>& new_values,
                        std::vector<double>& policy, double* change) {
  const auto& kernels = kernels_of<double>(device);
  const auto r = view_of(device, reward), v = view_of(device, values);
  DeviceBuffer<double> q = view_of(device, q_values), next = view_of(device, new_values),
                       pi = view_of(device, policy);
  kernels.backup(device.stream(), dynamics, rule, batch, r.data(), false, v.data(), q.data(),
                 next.data());
  kernels.policy(device.stream(), dynamics, rule.backup, batch, q.data(), next.data(), pi.data());
  if (change != nullptr) *change = MaximumChange<double>(device).of(next, v);
  q.to_host();
  next.to_host();
  pi.to_host();
}

namespace {

void check_options(const Problem& p, const SolveOptions& options, std::int64_t batch) {
  const SolveMethod method = options.method;
  if (options.expectation == Expectation::log_mean_exp && p.discount < 1.0)
    fail(ErrorKind::not_available,
         "the log_mean_exp expectation has no discount (found %g): use a horizon", p.discount);
  if (method == SolveMethod::value_iteration) return;
  if (options.expectation != Expectation::causal && method != SolveMethod::anderson)
    fail(ErrorKind::not_available,
         "the log_mean_exp expectation is solved by value iteration or anderson alone");
  if ((method == SolveMethod::extrapolated || method == SolveMethod::momentum) && p.discount >= 1.0)
    fail(ErrorKind::not_available, "extrapolation and momentum need a discount below 1");
  if (method == SolveMethod::extrapolated)
    for (std::int64_t s = 0; s < p.n_states; ++s)
      if (p.pair_begin[s] == p.pair_begin[s + 1])
        fail(ErrorKind::not_available,
             "extrapolation needs values that all move together: state %lld ends an episode",
             static_cast<long long>(s));
  // Its entropy r - log pi loses too much in single precision to settle.
  if ((method == SolveMethod::policy_iteration ||
       method == SolveMethod::modified_policy_iteration) &&
      options.precision != SolvePrecision::f64)
    fail(ErrorKind::not_available, "policy iteration runs in double precision");
  if (method == SolveMethod::modified_policy_iteration) return;
  if (batch != 1)
    fail(ErrorKind::not_available,
         "value iteration and modified policy iteration alone take several rewards at a time");
}

// Q, the policy, and the values they belong to: one more backup.
void finish(Device& device, const Problem& p, const std::vector<double>& reward,
            const SolveOptions& options, Solution& s) {
  if (options.values_only) return;
  std::vector<double> next(s.values.size());
  s.q_values.resize(reward.size());
  s.policy.resize(reward.size());
  backup_with_policy(device, DeviceDynamics<double>(device, p),
                     {options.backup, options.expectation, p.discount}, s.batch, reward, s.values,
                     s.q_values, next, s.policy);
  s.values.swap(next);
  if (options.backup == Backup::max && p.discount == 1.0 && s.batch == 1) {
    // Values are within some hundred changes of a sweep.
    double scale = 1.0;
    for (double v : s.values) scale = std::max(scale, std::abs(v));
    prefer_ends(p, s.q_values, 1e-12 * scale + 100 * options.tolerance, s.policy);
  }
}

// One reward, by sweeps of the packed form.
template <class T>
Solution solve_packed(Device& device, const Problem& p, const std::vector<double>& reward,
                      const SolveOptions& options, const std::vector<double>& start) {
  PackedSweeps<T> sweeps(device, p, reward, {options.backup, options.expectation, p.discount});
  DeviceBuffer<T> value(device, p.n_states);
  if (!start.empty()) assign(value, start);
  Progress progress(options, p.n_states);
  State state = State::running;
  if (options.method == SolveMethod::multigrid) {
    const SparseDynamics<double> m = p.dynamics();
    Aggregation<T> aggregates(device, p.n_states, p.discount, sweeps.store().chain_rows(m),
                              sweeps.store().chain_columns(m));
    state = by_aggregates(device, sweeps, aggregates, options.memory, value, progress);
  } else {
    state = by_sweeps(device, sweeps, options, p.discount, value, progress);
  }
  return settled(state, progress, value);
}

// Value iteration, plain or modified, of `batch` rewards that lie side by side.
template <class T>
State iterate_panel(Device& device, Stream& stream, const SparseDynamics<T>& m,
                    const SolveOptions& options, T discount, std::int64_t batch,
                    DeviceBuffer<T>& reward, DeviceBuffer<T>& value, Progress& progress) {
  const DynamicProgrammingKernels<T>& kernels = kernels_of<T>(device);
  const BackupRule<T> rule{options.backup, options.expectation, discount};
  const bool modified = options.method == SolveMethod::modified_policy_iteration;
  DeviceBuffer<T> next(device, m.states * batch), change(device, 1);
  DeviceBuffer<T> q(device, modified ? m.pairs * batch : 0), policy(device, q.size());
  double least = 0.0;
  for (int round = 0;; ++round) {
    kernels.backup(stream, m, rule, batch, reward.data(), false, value.data(),
                   modified ? q.data() : nullptr, next.data());
    kernels.maximum_change(stream, next.size(), next.data(), value.data(), change.data());
    value.swap(next);
    if (sizeof(T) == sizeof(float) && round % 16 == 0) {
      value.to_host();
      least = least_change(value.host(), value.size());
    }
    change.to_host();
    const State state = progress.see(static_cast<double>(*change.host()), least);
    if (state != State::running) return state;
    if (!modified) continue;
    kernels.policy(stream, m, options.backup, batch, q.data(), value.data(), policy.data());
    // The reward of a soft policy has its entropy in it: r - log pi.
    policy.to_host();
    for (std::int64_t k = 0; k < q.size(); ++k) {
      const T pi = policy.host()[k];
      const bool soft = options.backup == Backup::log_sum_exp && pi > T(0);
      q.host()[k] = soft ? reward.host()[k] - std::log(pi) : reward.host()[k];
    }
    q.to_device();
    for (int sweep = 0; sweep < options.evaluation_sweeps; ++sweep) {
      kernels.evaluate(stream, m, discount, batch, q.data(), false, policy.data(), value.data(),
                       next.data());
      value.swap(next);
    }
  }
}

// Many rewards, or modified policy iteration. On the CPU in panels of four vectors' lanes,
// each to its own end: their values and what they lead to stay in a core's L2, which is worth 3.5
// times a sweep over all at 1000 rewards of 32 x 32 states. A last panel that is not a multiple of
// a vector is filled up with its first reward.
template <class T>
Solution solve_together(Device& device, const Problem& p, const std::vector<double>& reward,
                        const SolveOptions& options, std::int64_t batch,
                        const std::vector<double>& start) {
  constexpr std::int64_t vector = 64 / sizeof(T), panel = 4 * vector;
  const DeviceDynamics<T> dynamics(device, p);
  const T discount = static_cast<T>(p.discount);
  const bool whole = device.kind() != DeviceKind::cpu || batch == 1;
  const std::int64_t most = whole ? batch : panel, panels = (batch + most - 1) / most;
  Solution s;
  s.batch = batch;
  s.values.resize(p.n_states * batch);
  std::vector<State> state(panels);
  std::vector<Progress> progress(panels, Progress(options, p.n_states));
  auto solve_panel = [&](std::int64_t i, Stream& stream) {
    const std::int64_t first = i * most, real = std::min(most, batch - first);
    const std::int64_t lanes = whole ? real : (real + vector - 1) / vector * vector;
    auto taken = [&](const std::vector<double>& all, std::int64_t rows) {
      std::vector<double> part(rows * lanes);
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t l = 0; l < lanes; ++l)
          part[r * lanes + l] = all[r * batch + first + (l < real ? l : 0)];
      return part;
    };
    DeviceBuffer<T> rewards(device, p.n_pairs() * lanes), value(device, p.n_states * lanes);
    assign(rewards, taken(reward, p.n_pairs()));
    if (!start.empty()) assign(value, taken(start, p.n_states));
    state[i] = iterate_panel<T>(device, stream, dynamics, options, discount, lanes, rewards, value,
                                progress[i]);
    const std::vector<double> found = widened(value);
    for (std::int64_t r = 0; r < p.n_states; ++r)
      for (std::int64_t l = 0; l < real; ++l)
        s.values[r * batch + first + l] = found[r * lanes + l];
  };
  if (panels == 1)
    solve_panel(0, device.stream());
  else
    for_each_part(device, static_cast<int>(panels),
                  [&](int part, int, Stream& stream) { solve_panel(part, stream); });
  for (std::int64_t i = 0; i < panels; ++i) {
    expect_settled(state[i], progress[i].sweeps(), progress[i].change());
    s.iterations = std::max(s.iterations, progress[i].sweeps());
    s.change = std::max(s.change, progress[i].change());
  }
  finish(device, p, reward, options, s);
  return s;
}

}  // namespace

SolveMethod default_method(const Problem& p, Expectation expectation) {
  return expectation == Expectation::causal && p.n_states <= direct_states
             ? SolveMethod::policy_iteration
             : SolveMethod::value_iteration;
}

Solution solve(Device& device, const Problem& p, const std::vector<double>& reward,
               const SolveOptions& options, std::int64_t batch, const std::vector<double>& start) {
  check_solvable(p, reward, batch);
  check_options(p, options, batch);
  if (!start.empty() && static_cast<std::int64_t>(start.size()) != p.n_states * batch)
    fail(ErrorKind::bad_shape, "start: expected [%lld, %lld] by states, found %zu numbers",
         static_cast<long long>(p.n_states), static_cast<long long>(batch), start.size());
  if (options.method == SolveMethod::policy_iteration) {
    PolicySystem system(device, p);
    return solve_directly(system, reward, options.backup, start, options.tolerance);
  }
  const bool single = options.precision == SolvePrecision::f32;
  if (batch > 1 || options.method == SolveMethod::modified_policy_iteration)
    return single ? solve_together<float>(device, p, reward, options, batch, start)
                  : solve_together<double>(device, p, reward, options, batch, start);
  std::optional<GridForm> form;
  if (options.stencil && options.expectation == Expectation::causal)
    form = grid_form(device, p, reward);
  Solution s;
  if (form)
    s = solve_checked_grid(device, *form, p.discount, options, start);
  else
    s = single ? solve_packed<float>(device, p, reward, options, start)
               : solve_packed<double>(device, p, reward, options, start);
  finish(device, p, reward, options, s);
  return s;
}

}  // namespace understudy
