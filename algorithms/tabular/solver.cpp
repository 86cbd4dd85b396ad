#include "algorithms/tabular/solver.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <random>

#include "algorithms/tabular/accelerate.h"
#include "algorithms/tabular/iterations.h"
#include "algorithms/tabular/sweeps.h"
#include "kernels/device/error.h"
#include "kernels/device/parts.h"

namespace understudy {

namespace {

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

// r_pi(s) = sum_a pi (r - log pi for soft choices).
std::vector<double> policy_reward(const Problem& p, const std::vector<double>& reward,
                                  const std::vector<double>& policy, Backup backup) {
  std::vector<double> r(p.n_states, 0.0);
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    if (policy[k] == 0.0) continue;
    r[p.pair_state[k]] +=
        policy[k] * (reward[k] - (backup == Backup::log_sum_exp ? std::log(policy[k]) : 0.0));
  }
  return r;
}

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

// One backup in double precision of host arrays, its policy, and where `change` is not null
// max |new_values - values|.
void backup_with_policy(Device& device, const SparseDynamics<double>& dynamics,
                        const BackupRule<double>& rule, std::int64_t batch,
                        const std::vector<double>& reward, const std::vector<double>& values,
                        std::vector<double>& q_values, std::vector<double>& new_values,
                        std::vector<double>& policy, double* change = nullptr) {
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
    s = single ? solve_stencil<float>(device, *form, p.discount, options, start)
               : solve_stencil<double>(device, *form, p.discount, options, start);
  else
    s = single ? solve_packed<float>(device, p, reward, options, start)
               : solve_packed<double>(device, p, reward, options, start);
  finish(device, p, reward, options, s);
  return s;
}

namespace {

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

}  // namespace

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
  return options.precision == SolvePrecision::f32
             ? solve_stencil<float>(device, form, discount, options, start)
             : solve_stencil<double>(device, form, discount, options, start);
}

namespace {

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

void PolicySystem::set_policy(const std::vector<double>& policy) {
  matrix_.reset();
  for (std::int64_t j = 0; j < problem_.n_transitions(); ++j)
    matrix_.subtract(
        j, problem_.discount * problem_.probability[j] * policy[problem_.transition_pair[j]]);
  if (matrix_.factor() != SparseLu::Pivots::positive)
    fail(ErrorKind::not_finite, "an undiscounted policy never ends: its values do not exist");
}

void PolicySystem::permuted(std::int64_t batch, bool transposed, std::vector<double>& x) {
  constexpr std::int64_t wide = 32;  // right-hand sides that are worth the way to a GPU
  const SparseLu& lu = matrix_.lu();
  const auto& position = lu.position();
  DeviceBuffer<double> y(device_, static_cast<std::int64_t>(x.size()));
  for (std::int64_t s = 0; s < problem_.n_states; ++s)
    std::copy(&x[s * batch], &x[s * batch] + batch, y.host() + position[s] * batch);
  if (device_.kind() == DeviceKind::cpu || batch >= wide) {
    matrix_.to_device();
    y.to_device();
    if (transposed)
      lu.solve_transposed(device_.stream(), batch, y.data());
    else
      lu.solve(device_.stream(), batch, y.data());
    y.to_host();
  } else if (transposed) {
    lu.solve_transposed_on_host(batch, y.host());
  } else {
    lu.solve_on_host(batch, y.host());
  }
  for (std::int64_t s = 0; s < problem_.n_states; ++s)
    std::copy(y.host() + position[s] * batch, y.host() + (position[s] + 1) * batch, &x[s * batch]);
}

void PolicySystem::values(std::int64_t batch, std::vector<double>& right) {
  permuted(batch, false, right);
}

void PolicySystem::occupancy(std::int64_t batch, std::vector<double>& source) {
  permuted(batch, true, source);
}

Solution solve_directly(PolicySystem& system, const std::vector<double>& reward, Backup backup,
                        const std::vector<double>& start, double tolerance) {
  Device& device = system.device();
  const Problem& p = system.problem();
  check_solvable(p, reward, 1);
  const DeviceDynamics<double> m(device, p);
  const BackupRule<double> rule{backup, Expectation::causal, p.discount};
  Solution s;
  s.values = start;
  s.q_values.resize(p.n_pairs());
  s.policy.resize(p.n_pairs());
  std::vector<double> next(p.n_states), before(p.n_pairs());
  if (start.empty()) {
    // The uniform policy ends wherever any policy does.
    for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
      const std::int64_t state = p.pair_state[k];
      s.policy[k] = 1.0 / static_cast<double>(p.pair_begin[state + 1] - p.pair_begin[state]);
    }
    system.set_policy(s.policy);
    s.values = policy_reward(p, reward, s.policy, backup);
    system.values(1, s.values);
  }
  constexpr int most = 1000;
  double scale = 1.0, last = INFINITY;
  for (; s.iterations < most; ++s.iterations) {
    before = s.policy;
    backup_with_policy(device, m, rule, 1, reward, s.values, s.q_values, next, s.policy, &s.change);
    if (!std::isfinite(s.change))
      fail(ErrorKind::not_finite, "values are no longer finite: the partition function diverges");
    for (double v : next) scale = std::max(scale, std::abs(v));
    // 64 roundings of the largest value are as close as values mostly come; with rewards that make
    // policies nearly deterministic, systems are less exact, and Newton's steps stop shrinking
    // before.
    const bool settled = s.change <= std::max(tolerance, 64 * 2.2e-16 * scale) ||
                         (s.iterations > 0 && s.change >= last && s.change <= 1e-9 * scale);
    last = s.change;
    system.set_policy(s.policy);
    if (settled || (backup == Backup::max && s.iterations > 0 && before == s.policy)) {
      // The system is factored at this policy: the last Newton step, to full precision, costs a
      // solve.
      s.values = policy_reward(p, reward, s.policy, backup);
      system.values(1, s.values);
      backup_with_policy(device, m, rule, 1, reward, s.values, s.q_values, next, s.policy);
      s.values.swap(next);
      return s;
    }
    s.values = policy_reward(p, reward, s.policy, backup);
    system.values(1, s.values);
  }
  fail(ErrorKind::not_finite, "policy iteration did not settle in %d improvements", most);
}

std::vector<double> evaluate_policy(Device& device, const Problem& p,
                                    const std::vector<double>& reward,
                                    const std::vector<double>& policy, double tolerance,
                                    std::int64_t batch) {
  check_solvable(p, reward, batch);
  const DeviceDynamics<double> m(device, p);
  const auto r = view_of(device, reward), pi = view_of(device, policy);
  DeviceBuffer<double> v(device, p.n_states * batch), next(device, p.n_states * batch);
  MaximumChange<double> maximum_change(device);
  DivergenceWatch watch(p.n_states);
  for (double change = INFINITY; change > tolerance;) {
    kernels_of<double>(device).evaluate(device.stream(), m, p.discount, batch, r.data(), false,
                                        pi.data(), v.data(), next.data());
    change = maximum_change.of(v, next);
    v.swap(next);
    if (change > tolerance) watch.see(change);
  }
  return widened(v);
}

Occupancy occupancy_of(Device& device, const Problem& p, const std::vector<double>& policy,
                       const std::vector<double>& source, double tolerance) {
  const DeviceDynamics<double> m(device, p);
  const DeviceIncoming incoming(device, p);
  const auto pi = view_of(device, policy), from = view_of(device, source);
  DeviceBuffer<double> states(device, p.n_states), next(device, p.n_states),
      flow(device, p.n_pairs());
  assign(states, source);
  MaximumChange<double> maximum_change(device);
  DivergenceWatch watch(p.n_states);
  for (double change = INFINITY; change > tolerance;) {
    kernels_of<double>(device).forward(device.stream(), m, incoming, p.discount, 1, from.data(),
                                       pi.data(), states.data(), flow.data(), next.data());
    change = maximum_change.of(states, next);
    states.swap(next);
    if (change > tolerance) watch.see(change);
  }
  Occupancy o{widened(states), std::vector<double>(p.n_pairs())};
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) o.pairs[k] = policy[k] * o.states[p.pair_state[k]];
  return o;
}

std::vector<double> log_probabilities(const Problem& p, const std::vector<double>& policy,
                                      const std::vector<Trajectory>& trajectories) {
  std::vector<double> log_probability;
  for (const auto& pairs : pairs_of(p, trajectories)) {
    double sum = 0.0;
    for (std::int32_t k : pairs) sum += std::log(policy[k]);
    log_probability.push_back(sum);
  }
  return log_probability;
}

double expected_value_difference(Device& device, const Problem& p,
                                 const std::vector<double>& true_reward,
                                 const std::vector<double>& policy) {
  const Solution best = solve(device, p, true_reward, {.backup = Backup::max});
  const std::vector<double> ours = evaluate_policy(device, p, true_reward, policy);
  double difference = 0.0;
  for (std::int64_t s = 0; s < p.n_states; ++s)
    difference += p.initial[s] * (best.values[s] - ours[s]);
  return difference;
}

std::vector<Trajectory> sample_trajectories(const Problem& p, const std::vector<double>& policy,
                                            std::int64_t count, std::int64_t steps,
                                            std::uint64_t seed) {
  std::vector<Trajectory> all(count);
  for (std::int64_t e = 0; e < count; ++e) {
    std::seed_seq sequence{seed & 0xffffffffu, seed >> 32, static_cast<std::uint64_t>(e)};
    std::mt19937_64 random(sequence);
    // The first index whose cumulative weight exceeds a uniform draw; the last positive one where
    // rounding leaves a remainder.
    auto draw = [&](std::int64_t first, std::int64_t last, auto weight) {
      double u = static_cast<double>(random() >> 11) * 0x1p-53;
      std::int64_t chosen = first;
      for (std::int64_t i = first; i < last; ++i) {
        if (weight(i) <= 0.0) continue;
        chosen = i;
        u -= weight(i);
        if (u < 0.0) break;
      }
      return chosen;
    };
    std::int64_t s = draw(0, p.n_states, [&](std::int64_t i) { return p.initial[i]; });
    Trajectory& t = all[e];
    t.states.push_back(static_cast<std::int32_t>(s));
    for (std::int64_t i = 0; i < steps && p.pair_begin[s + 1] > p.pair_begin[s]; ++i) {
      const std::int64_t k =
          draw(p.pair_begin[s], p.pair_begin[s + 1], [&](std::int64_t k) { return policy[k]; });
      const std::int64_t j = draw(p.transition_begin[k], p.transition_begin[k + 1],
                                  [&](std::int64_t j) { return p.probability[j]; });
      s = p.next_state[j];
      t.actions.push_back(p.pair_action[k]);
      t.states.push_back(static_cast<std::int32_t>(s));
    }
  }
  return all;
}

}  // namespace understudy
