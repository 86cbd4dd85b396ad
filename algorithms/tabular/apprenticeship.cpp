#include "algorithms/tabular/apprenticeship.h"

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/convex_program.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Vector minus(Vector a, const Vector& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

// How near, as a share of the largest reward, sweeps come before policy iteration takes over.
constexpr double near_share = 1e-3;

double norm(const Vector& a) { return std::sqrt(dot(a, a)); }

void check_features(const Problem& p, const Vector& expert) {
  if (p.feature_owner == FeatureOwner::none)
    fail(ErrorKind::bad_input, "features: the problem has none");
  if (static_cast<std::int64_t>(expert.size()) != p.n_features)
    fail(ErrorKind::bad_shape, "feature expectations: expected %lld, found %zu",
         static_cast<long long>(p.n_features), expert.size());
}

Vector column_sum(const Vector& mixture, const std::vector<Vector>& points) {
  Vector sum(points.front().size(), 0.0);
  for (std::size_t i = 0; i < points.size(); ++i)
    for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += mixture[i] * points[i][c];
  return sum;
}

// Weights >= 0 of sum 1 whose combination of the points is nearest to the target.
Vector nearest_in_hull(const std::vector<Vector>& points, const Vector& target) {
  const std::size_t n = points.size();
  ConvexProgram program;
  Vector ones(n, 1.0);
  std::vector<std::int32_t> all;
  double scale = 1e-300;
  std::vector<Vector> offsets;
  for (const Vector& point : points) {
    offsets.push_back(minus(point, target));
    scale = std::max(scale, dot(offsets.back(), offsets.back()));
    all.push_back(program.add_variable(0.0));
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      program.quadratic.push_back(dot(offsets[i], offsets[j]) / scale);
  program.add_constraint(all, ones, 1.0);
  return solve_convex(program).primal;
}

}  // namespace

Vector policy_features(Device& device, const Problem& p, const Vector& policy) {
  return feature_expectations(p, occupancy_of(device, p, policy, p.initial).pairs);
}

Apprentice::Apprentice(Device& device, const Problem& problem, Vector expert,
                       const ApprenticeOptions& options)
    : device_(device),
      problem_(problem),
      options_(options),
      expert_(std::move(expert)),
      game_(problem.n_features, 1.0) {
  check_features(problem, expert_);
  if (problem.discount >= 1.0 || problem.horizon > 0)
    fail(ErrorKind::bad_input,
         "apprenticeship needs a discount below 1 and no horizon, found %g and %lld",
         problem.discount, static_cast<long long>(problem.horizon));
  if (problem.n_states <= options.direct_states)
    system_ = std::make_unique<PolicySystem>(device, problem);
  if (options.method == ApprenticeOptions::Method::mwal) {
    for (double f : problem.features)
      if (!(f >= -1.0 && f <= 1.0))
        fail(ErrorKind::bad_input, "mwal: expected features of -1 to 1, found %g", f);
  } else {
    // The first policy is any: that of equal weights.
    add_policy(Vector(problem.n_features, 1.0));
    nearest_ = expectations_.front();
  }
}

void Apprentice::add_policy(const Vector& weights) {
  weights_ = weights;
  const Vector reward = linear_reward(problem_, weights);
  Solution s;
  if (system_ != nullptr) {
    // Sweeps bring the policy near the best, a few improvements the rest of the way.
    double scale = 0.0;
    for (double r : reward) scale = std::max(scale, std::abs(r));
    if (scale > 0.0)
      warm_ = solve(device_, problem_, reward,
                    {.backup = Backup::max, .tolerance = near_share * scale}, 1, warm_)
                  .values;
    s = solve_directly(*system_, reward, Backup::max, warm_, options_.tolerance * scale);
    // Its last backup may have chosen anew among equals.
    system_->set_policy(s.policy);
    Vector visits = problem_.initial;
    system_->occupancy(1, visits);
    Vector pairs(problem_.n_pairs());
    for (std::int64_t k = 0; k < problem_.n_pairs(); ++k)
      pairs[k] = visits[problem_.pair_state[k]] * s.policy[k];
    expectations_.push_back(feature_expectations(problem_, pairs));
  } else {
    s = solve(device_, problem_, reward, {.backup = Backup::max, .tolerance = options_.tolerance},
              1, warm_);
    expectations_.push_back(policy_features(device_, problem_, s.policy));
  }
  policies_.push_back(std::move(s.policy));
  warm_ = std::move(s.values);
}

double Apprentice::step() {
  const std::size_t features = expert_.size();
  switch (options_.method) {
    case ApprenticeOptions::Method::projection: {
      add_policy(minus(expert_, nearest_));  // (1)
      const Vector along = minus(expectations_.back(), nearest_);
      const double length = dot(along, along);
      // 0 to 1: the projection stays on the segment, inside the convex hull of what was found.
      const double t =
          length > 0.0 ? std::clamp(dot(along, minus(expert_, nearest_)) / length, 0.0, 1.0) : 0.0;
      for (std::size_t c = 0; c < features; ++c) nearest_[c] += t * along[c];  // (2)
      distances_.push_back(norm(minus(expert_, nearest_)));
      break;
    }
    case ApprenticeOptions::Method::max_margin: {
      // (3): the widest margin over |w| <= 1 is the distance to the convex hull, w along its
      // shortest vector.
      nearest_ = column_sum(nearest_in_hull(expectations_, expert_), expectations_);
      Vector w = minus(expert_, nearest_);
      const double margin = norm(w);
      if (margin > 0.0)
        for (double& x : w) x /= margin;
      add_policy(w);
      nearest_ = column_sum(nearest_in_hull(expectations_, expert_), expectations_);
      distances_.push_back(norm(minus(expert_, nearest_)));
      break;
    }
    case ApprenticeOptions::Method::mwal: {
      double sum = 0.0;
      for (double w : game_) sum += w;
      Vector w = game_;
      for (double& x : w) x /= sum;  // (4)
      add_policy(w);
      const double k = static_cast<double>(features), rounds = options_.rounds;
      const double beta = 1.0 / (1.0 + std::sqrt(2.0 * std::log(k) / rounds));
      for (std::size_t c = 0; c < features; ++c) {
        const double advantage = (1.0 - problem_.discount) * (expectations_.back()[c] - expert_[c]);
        game_[c] *= std::pow(beta, (advantage + 2.0) / 4.0);  // (5)
      }
      distances_.push_back(mixture_distance());
      break;
    }
  }
  return distances_.back();
}

Vector Apprentice::mixture() const {
  if (options_.method == ApprenticeOptions::Method::mwal)
    return Vector(policies_.size(), 1.0 / static_cast<double>(policies_.size()));
  return nearest_in_hull(expectations_, expert_);
}

double Apprentice::mixture_distance() const {
  return norm(minus(expert_, column_sum(mixture(), expectations_)));
}

LpalResult lpal(const Problem& p, const Vector& expert) {
  check_features(p, expert);
  if (p.discount >= 1.0 || p.horizon > 0)
    fail(ErrorKind::bad_input, "lpal needs a discount below 1 and no horizon");
  // (6): occupancies of pairs, the margin above a bound that it cannot fall below, a slack a
  // feature. (A free margin as a difference of two variables would leave the dual without an
  // interior.)
  double lowest = 1.0;
  for (double x : p.features) lowest = std::max(lowest, 1.0 + 2.0 * std::abs(x));
  ConvexProgram program;
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) program.add_variable(0.0);
  const std::int32_t above = program.add_variable(-1.0);
  // sum_a x(s, a) - discount sum into s of p x = (1 - discount) initial(s): scaled to total 1.
  std::vector<std::vector<std::int32_t>> columns(p.n_states);
  std::vector<Vector> values(p.n_states);
  for (std::int32_t k = 0; k < p.n_pairs(); ++k) {
    columns[p.pair_state[k]].push_back(k);
    values[p.pair_state[k]].push_back(1.0);
    for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j) {
      columns[p.next_state[j]].push_back(k);
      values[p.next_state[j]].push_back(-p.discount * p.probability[j]);
    }
  }
  for (std::int64_t s = 0; s < p.n_states; ++s)
    if (p.pair_begin[s + 1] > p.pair_begin[s])
      program.add_constraint(columns[s], values[s], (1.0 - p.discount) * p.initial[s]);
  Vector unit(p.n_features, 0.0);
  for (std::int64_t c = 0; c < p.n_features; ++c) {
    unit.assign(p.n_features, 0.0);
    unit[c] = 1.0;
    const Vector feature = linear_reward(p, unit);
    std::vector<std::int32_t> row;
    Vector entries;
    for (std::int32_t k = 0; k < p.n_pairs(); ++k)
      if (feature[k] != 0.0) row.push_back(k), entries.push_back(feature[k]);
    row.insert(row.end(), {above, program.add_variable(0.0)});
    entries.insert(entries.end(), {-1.0, -1.0});
    program.add_constraint(row, entries, (1.0 - p.discount) * expert[c] - lowest);
  }
  const ConvexSolution solution = solve_convex(program, {.tolerance = 1e-7});
  LpalResult result;
  result.margin = (solution.primal[above] - lowest) / (1.0 - p.discount);
  result.gap = solution.gap;
  result.policy.assign(p.n_pairs(), 0.0);
  for (std::int64_t s = 0; s < p.n_states; ++s) {
    double sum = 0.0;
    for (std::int32_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
      sum += std::max(0.0, solution.primal[k]);
    const double share = 1.0 / std::max(1, p.pair_begin[s + 1] - p.pair_begin[s]);
    for (std::int32_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
      result.policy[k] = sum > 0.0 ? std::max(0.0, solution.primal[k]) / sum : share;
  }
  return result;
}

Vector demonstrated_occupancy(const Problem& p, const std::vector<Trajectory>& trajectories) {
  if (trajectories.empty()) fail(ErrorKind::bad_input, "demonstrations: there are none");
  Vector visits(p.n_pairs(), 0.0);
  for (const auto& pairs : pairs_of(p, trajectories)) {
    double weight = 1.0 / static_cast<double>(trajectories.size());
    for (std::int32_t k : pairs) visits[k] += weight, weight *= p.discount;
  }
  return visits;
}

MaxMarginResult max_margin_planning(Device& device, const Problem& p, const Vector& demonstrated,
                                    const MaxMarginOptions& options) {
  const Vector expert = feature_expectations(p, demonstrated);
  const Vector visited = sum_over_pairs(p, demonstrated);
  Vector loss(p.n_pairs());
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) {
    const double visits = visited[p.pair_state[k]];
    loss[k] = visits > 0.0 ? 1.0 - demonstrated[k] / visits : 1.0;
  }
  MaxMarginResult result;
  result.objective = INFINITY;
  Vector w(p.n_features, 0.0), warm;
  for (int t = 1; t <= options.iterations; ++t) {
    Vector augmented = linear_reward(p, w);
    for (std::int64_t k = 0; k < p.n_pairs(); ++k) augmented[k] += loss[k];
    Solution s = solve(device, p, augmented,
                       {.backup = Backup::max, .tolerance = options.tolerance}, 1, warm);
    double best = 0.0;
    for (std::int64_t i = 0; i < p.n_states; ++i) best += p.initial[i] * s.values[i];
    // (7)
    const double objective = 0.5 * options.regularization * dot(w, w) + best - dot(w, expert);
    result.objectives.push_back(objective);
    if (objective < result.objective) {
      result.objective = objective;
      result.weights = w;
    }
    const Vector mu = policy_features(device, p, s.policy);
    const double rate = options.rate / std::sqrt(static_cast<double>(t));
    // (8): the subgradient's direction scaled by its length, so that the rate has w's unit.
    Vector g = minus(mu, expert);
    for (std::size_t c = 0; c < g.size(); ++c) g[c] += options.regularization * w[c];
    const double length = norm(g);
    if (length == 0.0) break;
    for (std::size_t c = 0; c < g.size(); ++c) w[c] -= rate * g[c] / length;
    warm = std::move(s.values);
  }
  result.policy =
      solve(device, p, linear_reward(p, result.weights), {.backup = Backup::max}).policy;
  return result;
}

NgRussellResult ng_russell(Device& device, const Problem& p, const Vector& policy, double penalty,
                           double largest) {
  if (p.discount >= 1.0)
    fail(ErrorKind::bad_input, "discount: expected below 1, found %g", p.discount);
  if (static_cast<std::int64_t>(policy.size()) != p.n_pairs())
    fail(ErrorKind::bad_shape, "policy: expected %lld numbers by pairs, found %zu",
         static_cast<long long>(p.n_pairs()), policy.size());
  const std::int64_t n = p.n_states;
  // Column s' of (I - discount P_pi)^-1, all at once: n right-hand sides.
  PolicySystem system(device, p);
  system.set_policy(policy);
  Vector inverse(n * n, 0.0);
  for (std::int64_t s = 0; s < n; ++s) inverse[s * n + s] = 1.0;
  system.values(n, inverse);
  auto reach = [&](std::int64_t k) {  // P_k (I - discount P_pi)^-1, a row
    Vector row(n, 0.0);
    for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
      for (std::int64_t s = 0; s < n; ++s)
        row[s] += p.probability[j] * inverse[p.next_state[j] * n + s];
    return row;
  };
  // (9)
  ConvexProgram program;
  std::vector<std::int32_t> columns;
  for (std::int64_t i = 0; i < 2 * n; ++i) columns.push_back(program.add_variable(penalty));
  for (std::int64_t i = 0; i < 2 * n; ++i)  // R+ and R- at most `largest`
    program.add_constraint({columns[i], program.add_variable(0.0)}, {1.0, 1.0}, largest);
  for (std::int64_t s = 0; s < n; ++s) {
    std::int64_t chosen = p.pair_begin[s];
    for (std::int64_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k)
      if (policy[k] > policy[chosen]) chosen = k;
    if (p.pair_begin[s + 1] - p.pair_begin[s] < 2) continue;
    const std::int32_t margin = program.add_variable(-1.0);  // min over other actions, >= 0
    const Vector own = reach(chosen);
    for (std::int64_t k = p.pair_begin[s]; k < p.pair_begin[s + 1]; ++k) {
      if (k == chosen) continue;
      const Vector difference = minus(own, reach(k));
      std::vector<std::int32_t> row = columns;
      Vector values = difference;
      for (double d : difference) values.push_back(-d);
      row.insert(row.end(), {margin, program.add_variable(0.0)});
      values.insert(values.end(), {-1.0, -1.0});
      program.add_constraint(row, values, 0.0);
    }
  }
  const ConvexSolution solution = solve_convex(program, {.tolerance = 1e-8});
  NgRussellResult result;
  result.gap = solution.gap;
  result.margin = -solution.objective;
  for (std::int64_t s = 0; s < n; ++s) {
    result.reward.push_back(solution.primal[s] - solution.primal[n + s]);
    result.margin += penalty * (solution.primal[s] + solution.primal[n + s]);
  }
  return result;
}

NgRussellResult ng_russell_from_samples(Device& device, const Problem& p,
                                        const std::vector<Trajectory>& trajectories,
                                        int iterations) {
  const Vector expert = feature_expectations(p, demonstrated_occupancy(p, trajectories));
  const std::int64_t f = p.n_features;
  std::vector<Vector> found;
  NgRussellResult result;
  result.reward.assign(f, 0.0);
  for (int iteration = 0; iteration < iterations; ++iteration) {
    const Solution s = solve(device, p, linear_reward(p, result.reward),
                             {.backup = Backup::max, .tolerance = 1e-8});
    found.push_back(policy_features(device, p, s.policy));
    // (10): variables w+ and w- in [0, 1]; p(x) = x - (part of x below 0): x = plus - minus, cost
    // of minus 2.
    ConvexProgram program;
    std::vector<std::int32_t> columns;
    for (std::int64_t c = 0; c < 2 * f; ++c) columns.push_back(program.add_variable(0.0));
    for (std::int64_t c = 0; c < 2 * f; ++c)
      program.add_constraint({columns[c], program.add_variable(0.0)}, {1.0, 1.0}, 1.0);
    for (const Vector& mu : found) {
      const Vector difference = minus(expert, mu);
      std::vector<std::int32_t> row = columns;
      Vector values = difference;
      for (double d : difference) values.push_back(-d);
      row.insert(row.end(), {program.add_variable(-1.0), program.add_variable(2.0)});
      values.insert(values.end(), {-1.0, 1.0});
      program.add_constraint(row, values, 0.0);
    }
    const ConvexSolution solution = solve_convex(program, {.tolerance = 1e-8});
    result.gap = solution.gap;
    result.margin = -solution.objective;
    for (std::int64_t c = 0; c < f; ++c)
      result.reward[c] = solution.primal[c] - solution.primal[f + c];
  }
  return result;
}

}  // namespace understudy
