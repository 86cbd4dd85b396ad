// understudy reproduce rust: when Harold Zurcher replaced an engine (Rust 1987, group 4), the first
// published estimate of a dynamic discrete choice. Its model is maximum causal entropy inverse
// reinforcement learning with two linear weights: in state x, mileage in bins of 5,000,
//
//   keep      costs .001 theta x   and leads to min(x + j, 89) with the observed share of j bins
//   replace   costs RC             and leads to j likewise
//
// with utilities disturbed by extreme-value noise: soft values, discount .9999.
//
// What the estimate is for: how many engines would be replaced at other prices (Rust's figure 7).
// Long-run demand is what the stationary distribution of mileage under the policy replaces. An
// agent that does not look ahead (discount 0) fits the choices nearly as well; demand tells it from
// one that does.

#include <algorithm>
#include <cmath>
#include <map>

#include "algorithms/tabular/dense_solve.h"
#include "algorithms/tabular/maxent.h"
#include "autograd/files/csv.h"
#include "cli/reproduce/picture.h"
#include "cli/reproduce/reproduce.h"
#include "kernels/device/error.h"

namespace understudy::cli {

namespace rust {

using Vector = std::vector<double>;

constexpr std::int64_t bins = 90;
constexpr double months = 12, looking_ahead = .9999;
enum Action : std::int8_t { keep, replace };

struct Buses {
  std::vector<Trajectory> decisions;  // one step each
  Vector usage;                       // shares of 0, 1, ... bins in a month
  double buses = 0, replacements = 0;
  Vector seen, replaced;  // decisions by state
};

Buses read_buses(const std::string& path) {
  const files::Csv csv = files::Csv::open(path);
  const std::vector<std::int64_t> bus = csv.integers("bus"), month = csv.integers("month"),
                                  state = csv.integers("state"),
                                  replaced = csv.integers("replaced");
  const std::size_t usage_column = csv.column("usage");
  Buses found;
  found.seen.assign(bins, 0.0);
  found.replaced.assign(bins, 0.0);
  std::map<std::int64_t, std::int64_t> gains;
  std::map<std::int64_t, int> fleet;
  for (std::size_t i = 0; i < bus.size(); ++i) {
    fleet[bus[i]] = 1;
    const auto line = static_cast<long long>(csv.line(i));
    if (state[i] < 0 || state[i] >= bins)
      fail(ErrorKind::bad_input, "%s:%lld: state: expected 0 to %lld, found %lld", path.c_str(),
           line, static_cast<long long>(bins - 1), static_cast<long long>(state[i]));
    if (replaced[i] != 0 && replaced[i] != 1)
      fail(ErrorKind::bad_input, "%s:%lld: replaced: expected 0 or 1, found %lld", path.c_str(),
           line, static_cast<long long>(replaced[i]));
    if (month[i] == 0) continue;  // no mileage was gained, nothing decided
    const std::string usage(csv.cell(i, usage_column));
    if (usage.size() != 1 || usage[0] < '0' || usage[0] > '9')
      fail(ErrorKind::bad_input, "%s:%lld: usage: expected bins gained, 0 to 9, found '%s'",
           path.c_str(), line, usage.c_str());
    ++gains[usage[0] - '0'];
    found.seen[static_cast<std::size_t>(state[i])] += 1;
    found.replaced[static_cast<std::size_t>(state[i])] += static_cast<double>(replaced[i]);
    found.decisions.push_back(
        {{static_cast<std::int32_t>(state[i])}, {static_cast<std::int32_t>(replaced[i])}, -1});
    found.replacements += static_cast<double>(replaced[i]);
  }
  if (found.decisions.empty() || found.replacements == 0)
    fail(ErrorKind::bad_input, "%s: expected decisions, some to replace, found %zu and %g",
         path.c_str(), found.decisions.size(), found.replacements);
  found.usage.assign(static_cast<std::size_t>(gains.rbegin()->first) + 1, 0.0);
  for (const auto& [gain, count] : gains)
    found.usage[static_cast<std::size_t>(gain)] =
        static_cast<double>(count) / static_cast<double>(found.decisions.size());
  found.buses = static_cast<double>(fleet.size());
  return found;
}

// Features: -.001 x of keeping, -1 of replacing; weights are theta and RC.
Problem model_of(const Vector& usage, double discount) {
  ProblemTable t;
  t.n_states = bins;
  t.n_actions = 2;
  t.discount = discount;
  t.n_features = 2;
  for (std::int64_t x = 0; x < bins; ++x)
    for (const Action action : {keep, replace}) {
      std::map<std::int64_t, double> next;
      for (std::size_t j = 0; j < usage.size(); ++j)
        if (usage[j] > 0)
          next[std::min<std::int64_t>((action == keep ? x : 0) + static_cast<std::int64_t>(j),
                                      bins - 1)] += usage[j];
      for (const auto& [to, probability] : next) {
        t.state.push_back(x);
        t.action.push_back(action);
        t.next_state.push_back(to);
        t.probability.push_back(probability);
      }
      t.features.push_back(action == keep ? -.001 * static_cast<double>(x) : 0);
      t.features.push_back(action == keep ? 0 : -1);
    }
  return make_problem(t);
}

struct Estimate {
  LinearFit fit;
  Vector by_outer_product;  // standard errors
};

// Scores of single decisions: Q_w(k) - E_pi Q_w, with Q_w the values of the features.
Vector outer_product_errors(Device& device, const Problem& p, const Buses& buses,
                            const Vector& weights) {
  PolicySystem system(device, p);
  const Solution s = solve_directly(system, linear_reward(p, weights), Backup::log_sum_exp);
  system.set_policy(s.policy);
  Vector v(2 * bins, 0.0), q = p.features;
  for (std::int64_t k = 0; k < p.n_pairs(); ++k)
    for (int c = 0; c < 2; ++c) v[2 * p.pair_state[k] + c] += s.policy[k] * p.features[2 * k + c];
  system.values(2, v);
  for (std::int64_t j = 0; j < p.n_transitions(); ++j)
    for (int c = 0; c < 2; ++c)
      q[2 * p.transition_pair[j] + c] += p.discount * p.probability[j] * v[2 * p.next_state[j] + c];
  Vector information(4, 0.0);
  for (const auto& pairs : pairs_of(p, buses.decisions))
    for (const std::int32_t k : pairs) {
      double score[2];
      for (int c = 0; c < 2; ++c) {
        score[c] = q[2 * k + c];
        for (std::int32_t o = p.pair_begin[p.pair_state[k]]; o < p.pair_begin[p.pair_state[k] + 1];
             ++o)
          score[c] -= s.policy[o] * q[2 * o + c];
      }
      for (int c = 0; c < 4; ++c) information[c] += score[c / 2] * score[c % 2];
    }
  const Vector covariance = inverse_of_positive_definite(2, information);
  return {std::sqrt(covariance[0]), std::sqrt(covariance[3])};
}

Estimate estimate(Device& device, const Problem& p, const Buses& buses, Vector start) {
  MaxEntModel model(device, p, buses.decisions);
  MaxEntFitOptions options;
  options.optimizer.gradient_tolerance = 1e-11;  // of the mean of 4292 decisions
  options.standard_errors = true;
  Estimate found;
  found.fit = fit_maxent(model, p, std::move(start), options);
  found.by_outer_product = outer_product_errors(device, p, buses, found.fit.weights);
  return found;
}

// The probability of replacing in each state.
Vector replacing(Device& device, const Problem& p, const Vector& weights) {
  PolicySystem system(device, p);
  const Solution s = solve_directly(system, linear_reward(p, weights), Backup::log_sum_exp);
  Vector probability(bins);
  for (std::int64_t x = 0; x < bins; ++x) probability[x] = s.policy[p.pair_of(x, replace)];
  return probability;
}

// Engines that a fleet replaces in a year in the long run: d = P' d, sum d = 1.
double demand(Device& device, const Problem& p, const Vector& weights, double buses) {
  const Vector probability = replacing(device, p, weights);
  Vector equations(bins * bins, 0.0), d(bins, 0.0);
  for (std::int64_t x = 0; x < bins; ++x) equations[x * bins + x] = -1;
  for (std::int64_t j = 0; j < p.n_transitions(); ++j) {
    const std::int32_t k = p.transition_pair[j], x = p.pair_state[k];
    const double share = p.pair_action[k] == replace ? probability[x] : 1 - probability[x];
    equations[p.next_state[j] * bins + x] += share * p.probability[j];
  }
  // The equations of the flow depend on each other: one gives way to the sum.
  for (std::int64_t x = 0; x < bins; ++x) equations[(bins - 1) * bins + x] = 1;
  d[bins - 1] = 1;
  if (!solve_dense(equations, d))
    fail(ErrorKind::not_finite, "rust: mileage has no stationary distribution");
  double monthly = 0;
  for (std::int64_t x = 0; x < bins; ++x) monthly += d[x] * probability[x];
  return months * buses * monthly;
}

// Replacements that a new bus expects in so many months, the first of them a month old.
double expected_replacements(const Problem& p, const Vector& probability, double so_many) {
  Vector d(bins, 0.0);
  d[0] = 1;
  double total = 0;
  for (int month = 0;; ++month) {
    if (month > 0)
      for (std::int64_t x = 0; x < bins; ++x) total += d[x] * probability[x];
    if (month >= so_many) return total;
    Vector next(bins, 0.0);
    for (std::int64_t j = 0; j < p.n_transitions(); ++j) {
      const std::int32_t k = p.transition_pair[j], x = p.pair_state[k];
      const double replaced = month > 0 ? probability[x] : 0;
      next[p.next_state[j]] +=
          d[x] * (p.pair_action[k] == replace ? replaced : 1 - replaced) * p.probability[j];
    }
    d.swap(next);
  }
}

struct Options {
  Vector costs = {2, 4, 6, 8, 10, 12, 14, 16, 20};
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("costs", o.costs, "of replacing, for which demand is predicted", {.above = 0}));
}

void add_estimates(Reproduction& reproduction, const Estimate& ours, const Estimate& myopic,
                   const Buses& buses) {
  Table table{
      formatted("%zu decisions, %.0f replacements: estimates and standard errors",
                buses.decisions.size(), buses.replacements),
      {"", "RC", "s.e., Hessian", "s.e., outer product", "theta", "s.e., Hessian",
       "s.e., outer product", "log-likelihood"},
      {},
      "the data's README, in NumPy: 10.0749 (1.3515), 2.2931 (.5539), -163.584284; published: "
      "Rust 1987, table IX, group 4, 90 bins, linear cost"};
  const auto row = [&](const char* name, const Estimate& e) {
    table.rows.push_back(
        {name, formatted("%.4f", e.fit.weights[1]), formatted("%.4f", e.fit.standard_errors[1]),
         formatted("%.4f", e.by_outer_product[1]), formatted("%.4f", e.fit.weights[0]),
         formatted("%.4f", e.fit.standard_errors[0]), formatted("%.4f", e.by_outer_product[0]),
         formatted("%.6f", e.fit.log_likelihood)});
  };
  row("looking ahead, discount .9999", ours);
  table.rows.push_back({"published", "10.0750", Json(), Json(), "2.2930", Json(), Json(), Json()});
  row("not looking ahead, discount 0", myopic);
  reproduction.tables.push_back(std::move(table));
}

void run(Reproduction& reproduction, const Options& options) {
  const Buses buses = read_buses(reproduction.data_folder("bus_engines") + "/group4.csv");
  CpuSession cpu(reproduction.common);
  Device& device = cpu.device();
  const Problem ahead = model_of(buses.usage, looking_ahead), now = model_of(buses.usage, 0);
  const Estimate ours = estimate(device, ahead, buses, {1, 5}),
                 myopic = estimate(device, now, buses, {10, 5});
  add_estimates(reproduction, ours, myopic, buses);

  const double lifetime = static_cast<double>(buses.decisions.size()) / buses.buses;
  // The band is theta's: RC is what is asked about.
  const double theta = ours.fit.weights[0], error = ours.fit.standard_errors[0];
  const double shift = myopic.fit.weights[1] / ours.fit.weights[1];
  const auto at = [&](double cost, double wear) {
    return demand(device, ahead, {wear, cost}, buses.buses);
  };
  Table table{
      formatted("Engines replaced a year by %.0f buses in the long run", buses.buses),
      {"RC", "of the estimate", "looking ahead", "95 % of theta", "not looking ahead"},
      {},
      formatted(
          "observed while the fleet was new: %.0f in %.0f months, of which the estimate expects "
          "%.1f; mileage stays in the last bin, as in the model; not looking ahead: its "
          "own RC of %.4f changed in the same proportion",
          buses.replacements, lifetime,
          buses.buses *
              expected_replacements(ahead, replacing(device, ahead, ours.fit.weights), lifetime),
          myopic.fit.weights[1])};
  Curve dynamic{"looking ahead, 95 % of theta", series_class(0), {}, {}};
  Curve fixed{"not looking ahead", series_class(1), {}, {}};
  Vector costs = options.costs;
  costs.push_back(ours.fit.weights[1]);
  std::sort(costs.begin(), costs.end());
  for (const double cost : costs) {
    throw_if_interrupted();
    const double mean = at(cost, theta);
    const double low = at(cost, std::max(1e-3, theta - 1.96 * error)),
                 high = at(cost, theta + 1.96 * error);
    const double other = demand(device, now, {myopic.fit.weights[0], cost * shift}, buses.buses);
    table.rows.push_back(
        {formatted("%.4g", cost), formatted("%.0f %%", 100 * cost / ours.fit.weights[1]),
         formatted("%.2f", mean), formatted("%.2f .. %.2f", low, high), formatted("%.2f", other)});
    dynamic.points.push_back({cost, mean});
    dynamic.band.emplace_back(low, high);
    fixed.points.push_back({cost, other});
  }
  reproduction.tables.push_back(std::move(table));

  // What was done, in steps of ten bins, beside the model's probability.
  Curve shown{"observed, by 50,000 miles", series_class(2), {}, {}};
  constexpr std::int64_t step = 10;
  for (std::int64_t x = 0; x < bins; x += step) {
    double seen = 0, replaced = 0;
    for (std::int64_t i = x; i < x + step; ++i)
      seen += buses.seen[i], replaced += buses.replaced[i];
    if (seen > 0)
      shown.points.push_back({5.0 * (static_cast<double>(x) + step / 2.0), replaced / seen});
  }
  Curve fitted{dynamic.name, dynamic.css_class, {}, {}}, other{fixed.name, fixed.css_class, {}, {}};
  const Vector probability = replacing(device, ahead, ours.fit.weights),
               blind = replacing(device, now, myopic.fit.weights);
  for (std::int64_t x = 0; x < bins; ++x) {
    const double miles = 5.0 * (static_cast<double>(x) + 0.5);
    fitted.points.push_back({miles, probability[x]});
    other.points.push_back({miles, blind[x]});
  }
  reproduction.pictures.emplace_back(
      "rust.svg",
      picture_of({panel_of({dynamic, fixed}, "cost of replacing, RC", "engines replaced a year"),
                  panel_of({fitted, other, shown}, "thousand miles",
                           "probability of replacing in a month")}));
}

}  // namespace rust

Experiment rust_experiment() {
  return with_settings<rust::Options>(
      "rust", "When an engine is replaced: a dynamic discrete choice, and demand at other prices",
      "Rust 1987, Econometrica 55(5), table IX and figure 7", rust::run);
}

}  // namespace understudy::cli
