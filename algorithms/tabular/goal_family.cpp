#include "algorithms/tabular/goal_family.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "algorithms/tabular/device_dynamics.h"
#include "kernels/device/error.h"
#include "kernels/device/parts.h"

namespace understudy {

GoalDemonstrations goal_demonstrations(const Problem& problem,
                                       const std::vector<Trajectory>& trajectories) {
  GoalDemonstrations d;
  d.transition_count.assign(problem.n_transitions(), 0.0);
  std::map<std::pair<std::int32_t, std::int32_t>, double> origins;
  for (const auto& episode : transitions_of(problem, trajectories))
    for (std::int32_t j : episode) d.transition_count[j] += 1.0;
  for (const Trajectory& t : trajectories) origins[{t.goal, t.states.front()}] += 1.0;
  for (const auto& [key, count] : origins) d.origins.push_back({key.first, key.second, count});
  d.episodes = static_cast<double>(trajectories.size());
  return d;
}

// The right-hand sides, values and adjoints of some goals.
struct GoalFamily::Chunk {
  std::vector<std::int32_t> goals;
  std::vector<std::int32_t> origins;  // of the demonstrations: those with these goals
  DeviceBuffer<double> z, adjoint;    // [S, lanes], states in the order of elimination
  int lane_of(std::int32_t goal) const {
    return static_cast<int>(std::find(goals.begin(), goals.end(), goal) - goals.begin());
  }
};

GoalFamily::GoalFamily(Device& device, const Problem& problem)
    : device_(device), problem_(problem), matrix_(device, problem) {
  if (problem.n_goals() == 0) fail(ErrorKind::bad_input, "goal_id: the problem has no goals");
  if (problem.goals_absorb)
    for (std::int64_t g = 0; g < problem.n_goals(); ++g)
      if (problem.goal_begin[g + 1] - problem.goal_begin[g] != 1)
        fail(ErrorKind::not_available,
             "goal %lld: absorbing goals of one state each are supported, found %d",
             static_cast<long long>(g), problem.goal_begin[g + 1] - problem.goal_begin[g]);

  const auto& position = matrix_.lu().position();
  std::vector<std::int32_t> state_at(problem.n_states);
  for (std::int64_t s = 0; s < problem.n_states; ++s)
    state_at[position[s]] = static_cast<std::int32_t>(s);
  begin_.assign(1, 0);
  for (std::int32_t s : state_at) {
    const std::int32_t to = problem.transition_begin[problem.pair_begin[s + 1]];
    for (std::int32_t j = problem.transition_begin[problem.pair_begin[s]]; j < to; ++j) {
      transition_.push_back(j);
      column_.push_back(position[problem.next_state[j]]);
    }
    begin_.push_back(static_cast<std::int32_t>(transition_.size()));
  }
  begin_there_ = view_of(device, std::as_const(begin_));
  column_there_ = view_of(device, std::as_const(column_));
  weight_ = {device, static_cast<std::int64_t>(transition_.size())};
  // Sixteen are 2 vectors of double on AVX-512, 4 on AVX2; on CUDA they are threads.
  lanes_ = device.kind() == DeviceKind::cpu
               ? 16
               : static_cast<std::size_t>(std::min<std::int64_t>(problem.n_goals(), 1024));
  chunks_.resize(device.threads());
}

GoalFamily::~GoalFamily() = default;

std::vector<double> GoalFamily::transition_reward(const std::vector<double>& weights) const {
  const std::int64_t f = problem_.n_features;
  if (problem_.feature_owner != FeatureOwner::transition) {
    const std::vector<double> of_pairs = linear_reward(problem_, weights);
    std::vector<double> r(problem_.n_transitions());
    for (std::size_t j = 0; j < r.size(); ++j) r[j] = of_pairs[problem_.transition_pair[j]];
    return r;
  }
  if (static_cast<std::int64_t>(weights.size()) != f)
    fail(ErrorKind::bad_shape, "weights: expected %lld, found %zu", static_cast<long long>(f),
         weights.size());
  std::vector<double> r(problem_.n_transitions());
  for (std::size_t j = 0; j < r.size(); ++j) {
    double sum = 0.0;
    for (std::int64_t c = 0; c < f; ++c)
      sum += weights[c] * problem_.transition_features[j * f + c];
    r[j] = sum;
  }
  return r;
}

std::size_t GoalFamily::place(std::int64_t state, std::size_t lane) const {
  return static_cast<std::size_t>(matrix_.lu().position()[state]) * lanes_ + lane;
}

// False where no z exists. Absorbing goals may do with a radius above 1 (a walk that could go round
// through its goal for ever may not): there the sign of each z decides.
bool GoalFamily::factor(const std::vector<double>& reward) {
  matrix_.reset();
  double* const weight = weight_.host();
  for (std::size_t i = 0; i < transition_.size(); ++i) {
    const std::int32_t j = transition_[i];
    weight[i] = problem_.probability[j] * std::exp(reward[j]);  // (1)
    if (!std::isfinite(weight[i])) return false;
    matrix_.subtract(j, weight[i]);
  }
  weight_.to_device();
  const SparseLu::Pivots pivots = matrix_.factor();
  positive_ = pivots == SparseLu::Pivots::positive;
  matrix_.to_device();
  return positive_ || (problem_.goals_absorb && pivots == SparseLu::Pivots::not_positive);
}

SparseRows<double> GoalFamily::weighted(const DeviceBuffer<double>& value) const {
  return {problem_.n_states, begin_there_.data(), column_there_.data(), value.data()};
}

namespace {

// Zeros on the host's side, in the memory of last time where it fits.
void clear(Device& device, std::int64_t n, DeviceBuffer<double>& buffer) {
  if (buffer.size() != n)
    buffer = {device, n};
  else
    std::fill_n(buffer.host(), n, 0.0);
}

}  // namespace

// z of the chunk's goals; lanes without a goal are 0.
void GoalFamily::solve_chunk(Stream& stream, const std::vector<std::int32_t>& goals,
                             Chunk& chunk) const {
  const auto lanes = static_cast<std::int64_t>(lanes_);
  chunk.goals = goals;
  clear(device_, problem_.n_states * lanes, chunk.z);
  double* const z = chunk.z.host();
  for (std::size_t lane = 0; lane < goals.size(); ++lane)
    for (std::int32_t i = problem_.goal_begin[goals[lane]];
         i < problem_.goal_begin[goals[lane] + 1]; ++i)
      z[place(problem_.goal_state[i], lane)] += 1.0;
  chunk.z.to_device();
  matrix_.lu().solve(stream, lanes, chunk.z.data());  // (2)
  chunk.z.to_host();
  if (!problem_.goals_absorb) return;
  for (std::size_t lane = 0; lane < goals.size(); ++lane) {
    const std::int32_t goal = problem_.goal_state[problem_.goal_begin[goals[lane]]];
    const double at_goal = z[place(goal, lane)];
    // Only the ratio to z(goal) means something; a negative scale is the sign of a radius above 1.
    if (at_goal < 0.0)
      for (std::int64_t s = 0; s < problem_.n_states; ++s) z[s * lanes + lane] *= -1.0;
  }
  chunk.z.to_device();
}

// The right-hand side of (4): sum over origins of count / z(origin), and for absorbing goals minus
// count / z(goal). False where some z is not positive.
bool GoalFamily::fill_adjoint(const GoalDemonstrations& d, Chunk& chunk) const {
  clear(device_, chunk.z.size(), chunk.adjoint);
  const double* const z = chunk.z.host();
  double* const adjoint = chunk.adjoint.host();
  if (!positive_)
    for (std::int64_t i = 0; i < chunk.z.size(); ++i)
      if (z[i] < 0.0) return false;
  for (std::int32_t i : chunk.origins) {
    const auto& origin = d.origins[i];
    const int lane = chunk.lane_of(origin.goal);
    const std::size_t at = place(origin.state, lane);
    if (!(z[at] > 0.0)) return false;
    adjoint[at] += origin.count / z[at];
    if (problem_.goals_absorb) {
      const std::int32_t goal = problem_.goal_state[problem_.goal_begin[origin.goal]];
      const std::size_t end = place(goal, lane);
      adjoint[end] -= origin.count / z[end];
    }
  }
  chunk.adjoint.to_device();
  return true;
}

namespace {

// The goals that have demonstrations, in chunks, with the range of origins of each.
std::vector<std::pair<std::vector<std::int32_t>, std::vector<std::int32_t>>> chunks_of(
    const GoalDemonstrations& d, std::size_t lanes) {
  std::vector<std::pair<std::vector<std::int32_t>, std::vector<std::int32_t>>> chunks;
  for (std::size_t i = 0; i < d.origins.size(); ++i) {
    const bool new_goal = i == 0 || d.origins[i].goal != d.origins[i - 1].goal;
    if (new_goal && (chunks.empty() || chunks.back().first.size() == lanes)) chunks.emplace_back();
    if (new_goal) chunks.back().first.push_back(d.origins[i].goal);
    chunks.back().second.push_back(static_cast<std::int32_t>(i));
  }
  return chunks;
}

}  // namespace

double GoalFamily::log_likelihood(const GoalDemonstrations& d, const std::vector<double>& reward,
                                  std::vector<double>* gradient) {
  if (!factor(reward)) return -INFINITY;
  const auto chunks = chunks_of(d, lanes_);
  const auto lanes = static_cast<std::int64_t>(lanes_);
  const int parts = static_cast<int>(chunks.size());
  std::vector<double> log_partition(parts, 0.0);
  std::vector<DeviceBuffer<double>> flow(parts);
  for_each_part(device_, parts, [&](int part, int thread, Stream& stream) {
    Chunk& chunk = chunks_[thread];
    chunk.origins = chunks[part].second;
    solve_chunk(stream, chunks[part].first, chunk);
    if (!fill_adjoint(d, chunk)) {
      log_partition[part] = INFINITY;
      return;
    }
    for (std::int32_t i : chunk.origins) {
      const auto& origin = d.origins[i];
      const int lane = chunk.lane_of(origin.goal);
      double v = std::log(chunk.z.host()[place(origin.state, lane)]);
      if (problem_.goals_absorb) {
        const std::int32_t goal = problem_.goal_state[problem_.goal_begin[origin.goal]];
        v -= std::log(chunk.z.host()[place(goal, lane)]);
      }
      log_partition[part] += origin.count * v;  // (3)
    }
    if (gradient == nullptr) return;
    matrix_.lu().solve_transposed(stream, lanes, chunk.adjoint.data());  // (4)
    flow[part] = {device_, weight_.size()};
    kernels_of<double>(device_).sampled_product(
        stream, weighted(weight_), lanes, chunk.adjoint.data(), chunk.z.data(), flow[part].data());
    flow[part].to_host();
  });
  double value = 0.0;
  for (std::size_t j = 0; j < reward.size(); ++j) value += d.transition_count[j] * reward[j];
  for (double v : log_partition) value -= v;
  if (!std::isfinite(value)) return -INFINITY;
  if (gradient != nullptr) {
    *gradient = d.transition_count;  // (5)
    for (int part = 0; part < parts; ++part)
      for (std::size_t i = 0; i < transition_.size(); ++i)
        (*gradient)[transition_[i]] -= flow[part].host()[i];
  }
  return value;
}

std::vector<double> GoalFamily::hessian(const GoalDemonstrations& d,
                                        const std::vector<double>& weights) {
  const std::int64_t f = problem_.n_features, n = static_cast<std::int64_t>(transition_.size());
  if (!factor(transition_reward(weights)))
    fail(ErrorKind::not_finite, "the partition function diverges at these weights");
  // Feature p of transition i, and M's derivative by weight p.
  const auto lanes = static_cast<std::int64_t>(lanes_);
  std::vector<std::vector<double>> feature(f, std::vector<double>(n));
  std::vector<DeviceBuffer<double>> slope;
  for (std::int64_t p = 0; p < f; ++p) {
    std::vector<double> unit(f, 0.0);
    unit[p] = 1.0;
    const std::vector<double> of = transition_reward(unit);
    slope.emplace_back(device_, n);
    for (std::int64_t i = 0; i < n; ++i) {
      feature[p][i] = of[transition_[i]];
      slope[p].host()[i] = feature[p][i] * weight_.host()[i];
    }
    slope[p].to_device();
  }
  const auto chunks = chunks_of(d, lanes_);
  std::vector<std::vector<double>> partial(chunks.size(), std::vector<double>(f * f, 0.0));
  for_each_part(device_, static_cast<int>(chunks.size()), [&](int part, int, Stream& stream) {
    const auto& kernels = kernels_of<double>(device_);
    Chunk chunk;
    chunk.origins = chunks[part].second;
    solve_chunk(stream, chunks[part].first, chunk);
    if (!fill_adjoint(d, chunk)) {
      partial[part].assign(f * f, NAN);
      return;
    }
    matrix_.lu().solve_transposed(stream, lanes, chunk.adjoint.data());  // (4)
    std::vector<DeviceBuffer<double>> tangent;
    for (std::int64_t p = 0; p < f; ++p) {
      tangent.emplace_back(device_, chunk.z.size());  // (6)
      kernels.multiply(stream, weighted(slope[p]), lanes, chunk.z.data(), nullptr,
                       tangent[p].data());
      matrix_.lu().solve(stream, lanes, tangent[p].data());
      tangent[p].to_host();
    }
    // (7): lambda' (M_p z_q + M_q z_p + M_pq z) ...
    std::vector<double>& h = partial[part];
    DeviceBuffer<double> flow_there;
    for (std::int64_t q = -1; q < f; ++q) {
      flow_there = {device_, n};
      kernels.sampled_product(stream, weighted(weight_), lanes, chunk.adjoint.data(),
                              q < 0 ? chunk.z.data() : tangent[q].data(), flow_there.data());
      flow_there.to_host();
      const double* const flow = flow_there.host();
      for (std::int64_t p = 0; p < f; ++p) {
        if (q >= 0) {
          double sum = 0.0;
          for (std::int64_t i = 0; i < n; ++i) sum += feature[p][i] * flow[i];
          h[p * f + q] += sum;
          h[q * f + p] += sum;
        } else {
          for (std::int64_t r = 0; r < f; ++r)
            for (std::int64_t i = 0; i < n; ++i)
              h[p * f + r] += feature[p][i] * feature[r][i] * flow[i];
        }
      }
    }
    // ... - sum over origins of (z_p / z)(z_q / z), and plus that at absorbing goals.
    const double* const z = chunk.z.host();
    auto outer = [&](std::size_t at, double count) {
      for (std::int64_t p = 0; p < f; ++p)
        for (std::int64_t q = 0; q < f; ++q)
          h[p * f + q] -= count * tangent[p].host()[at] * tangent[q].host()[at] / (z[at] * z[at]);
    };
    for (std::int32_t i : chunk.origins) {
      const auto& origin = d.origins[i];
      const int lane = chunk.lane_of(origin.goal);
      outer(place(origin.state, lane), origin.count);
      if (problem_.goals_absorb) {
        const std::int32_t goal = problem_.goal_state[problem_.goal_begin[origin.goal]];
        outer(place(goal, lane), -origin.count);
      }
    }
  });
  std::vector<double> total(f * f, 0.0);
  for (const auto& h : partial)
    for (std::int64_t i = 0; i < f * f; ++i) total[i] -= h[i];
  return total;
}

std::vector<double> GoalFamily::values(const std::vector<double>& reward,
                                       const std::vector<std::int32_t>& goals) {
  const bool exists = factor(reward);
  std::vector<double> v(problem_.n_states * goals.size());
  const int parts = static_cast<int>((goals.size() + lanes_ - 1) / lanes_);
  std::vector<std::uint8_t> bad(parts, 0);
  if (exists)
    for_each_part(device_, parts, [&](int part, int, Stream& stream) {
      Chunk chunk;
      const std::size_t first = static_cast<std::size_t>(part) * lanes_;
      const std::size_t last = std::min(first + lanes_, goals.size());
      solve_chunk(stream, {goals.begin() + first, goals.begin() + last}, chunk);
      for (std::size_t g = first; g < last; ++g) {
        double base = 0.0;
        if (problem_.goals_absorb) {
          const std::int32_t goal = problem_.goal_state[problem_.goal_begin[goals[g]]];
          base = std::log(chunk.z.host()[place(goal, g - first)]);
        }
        for (std::int64_t s = 0; s < problem_.n_states; ++s) {
          const double z = chunk.z.host()[place(s, g - first)];
          if (!(z >= 0.0)) bad[part] = 1;
          v[s * goals.size() + g] = std::log(z) - base;
        }
      }
    });
  if (!exists || std::find(bad.begin(), bad.end(), 1) != bad.end())
    fail(ErrorKind::not_finite,
         "the partition function diverges: spectral radius %.6f, must be below 1",
         spectral_radius(reward));
  return v;
}

double GoalFamily::spectral_radius(const std::vector<double>& reward) {
  // Of I + M, whose iterates cannot oscillate: radius(I + M) = 1 + radius(M).
  const std::int64_t n = problem_.n_states;
  DeviceBuffer<double> value(device_, weight_.size()), x(device_, n), y(device_, n);
  for (std::size_t i = 0; i < transition_.size(); ++i)
    value.host()[i] = problem_.probability[transition_[i]] * std::exp(reward[transition_[i]]);
  value.to_device();
  std::fill_n(x.host(), n, 1.0);
  double radius = 0.0;
  for (int iteration = 0; iteration < 5000; ++iteration) {
    x.to_device();
    kernels_of<double>(device_).multiply(device_.stream(), weighted(value), 1, x.data(), x.data(),
                                         y.data());
    y.to_host();
    double largest = 0.0;
    for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, y.host()[i]);
    if (!std::isfinite(largest)) return INFINITY;
    const double before = radius;
    radius = largest - 1.0;
    for (std::int64_t i = 0; i < n; ++i) x.host()[i] = y.host()[i] / largest;
    if (iteration > 20 && std::abs(radius - before) < 1e-9) break;
  }
  return radius;
}

void GoalFamily::check_reachable(const GoalDemonstrations& d) const {
  std::vector<std::uint8_t> reaches;
  for (std::size_t i = 0; i < d.origins.size(); ++i) {
    const auto& origin = d.origins[i];
    if (i == 0 || origin.goal != d.origins[i - 1].goal) {
      reaches.assign(problem_.n_states, 0);
      std::vector<std::int32_t> open(
          problem_.goal_state.begin() + problem_.goal_begin[origin.goal],
          problem_.goal_state.begin() + problem_.goal_begin[origin.goal + 1]);
      for (std::int32_t s : open) reaches[s] = 1;
      while (!open.empty()) {
        const std::int32_t s = open.back();
        open.pop_back();
        for (std::int32_t e = problem_.incoming_begin[s]; e < problem_.incoming_begin[s + 1]; ++e) {
          const std::int32_t from = problem_.pair_state[problem_.incoming_pair[e]];
          if (!reaches[from]) reaches[from] = 1, open.push_back(from);
        }
      }
    }
    if (!reaches[origin.state])
      fail(ErrorKind::bad_input, "goal %d cannot be reached from state %d, where an episode begins",
           origin.goal, origin.state);
  }
}

std::vector<double> inverse_of_positive_definite(std::int64_t n, std::vector<double> a) {
  // Cholesky in place, then L^-1, then L^-T L^-1.
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t k = 0; k < j; ++k)
      for (std::int64_t i = j; i < n; ++i) a[i * n + j] -= a[i * n + k] * a[j * n + k];
    if (!(a[j * n + j] > 0.0))
      fail(ErrorKind::not_finite,
           "the Hessian is singular: the data do not tell weight %lld from the others",
           static_cast<long long>(j));
    const double root = std::sqrt(a[j * n + j]);
    for (std::int64_t i = j; i < n; ++i) a[i * n + j] /= root;
  }
  std::vector<double> l(n * n, 0.0), inverse(n * n, 0.0);
  for (std::int64_t c = 0; c < n; ++c)
    for (std::int64_t i = c; i < n; ++i) {
      double sum = i == c ? 1.0 : 0.0;
      for (std::int64_t k = c; k < i; ++k) sum -= a[i * n + k] * l[k * n + c];
      l[i * n + c] = sum / a[i * n + i];
    }
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t k = std::max(i, j); k < n; ++k)
        inverse[i * n + j] += l[k * n + i] * l[k * n + j];
  return inverse;
}

LbfgsObjective goal_objective(GoalFamily& family, const Problem& problem,
                              const GoalDemonstrations& d, double l2) {
  return [&family, &problem, &d, l2](const std::vector<double>& w, std::vector<double>& g) {
    const std::int64_t f = problem.n_features;
    std::vector<double> by_transition;
    const double value = family.log_likelihood(d, family.transition_reward(w), &by_transition);
    if (!std::isfinite(value)) return static_cast<double>(INFINITY);
    g.assign(static_cast<std::size_t>(f), 0.0);
    const bool own = problem.feature_owner == FeatureOwner::transition;
    for (std::int64_t j = 0; j < problem.n_transitions(); ++j) {
      const std::int64_t k = problem.transition_pair[j];
      const double* x = own ? &problem.transition_features[j * f]
                        : problem.feature_owner == FeatureOwner::pair
                            ? &problem.features[k * f]
                            : &problem.features[problem.pair_state[k] * f];
      for (std::int64_t c = 0; c < f; ++c) g[c] -= by_transition[j] * x[c];
    }
    double penalty = 0.0;
    for (std::int64_t c = 0; c < f; ++c) {
      g[c] = g[c] / d.episodes + l2 * w[c];
      penalty += 0.5 * l2 * w[c] * w[c];
    }
    return -value / d.episodes + penalty;
  };
}

std::vector<double> standard_errors(GoalFamily& family, const Problem& problem,
                                    const GoalDemonstrations& d, const std::vector<double>& weights,
                                    double l2) {
  const std::int64_t f = problem.n_features;
  std::vector<double> information = family.hessian(d, weights);
  for (double& x : information) x = -x;
  for (std::int64_t c = 0; c < f; ++c) information[c * f + c] += l2 * d.episodes;
  const std::vector<double> covariance = inverse_of_positive_definite(f, information);
  std::vector<double> errors;
  for (std::int64_t c = 0; c < f; ++c) errors.push_back(std::sqrt(covariance[c * f + c]));
  return errors;
}

LinearFit fit_goals(GoalFamily& family, const Problem& problem, const GoalDemonstrations& d,
                    std::vector<double> start, const GoalFitOptions& options) {
  family.check_reachable(d);
  const LbfgsObjective objective = goal_objective(family, problem, d, options.l2);
  std::vector<double> probe(start.size());
  if (!std::isfinite(objective(start, probe)))
    fail(ErrorKind::not_finite,
         "the partition function diverges at the starting weights (spectral radius %.6f, must be "
         "below "
         "1): start from more negative weights",
         family.spectral_radius(family.transition_reward(start)));
  const LbfgsResult result = minimize(objective, std::move(start), options.optimizer);
  LinearFit fit;
  fit.weights = result.point;
  fit.gradient = result.gradient;
  fit.iterations = result.iterations;
  fit.evaluations = result.evaluations;
  fit.status = result.status;
  fit.log_likelihood = family.log_likelihood(d, family.transition_reward(fit.weights), nullptr);
  if (options.standard_errors)
    fit.standard_errors = standard_errors(family, problem, d, fit.weights, options.l2);
  return fit;
}

}  // namespace understudy
