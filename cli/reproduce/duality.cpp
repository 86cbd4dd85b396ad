// understudy reproduce duality: reinforcement learning after inverse reinforcement learning is the
// matching of occupancies (Ho & Ermon 2016, propositions 3.1 and 3.2, corollary A.1), and what each
// regularizer makes of few demonstrations.
//
// A grid of 6 x 6 whose moves fail with probability 0.3, features of its cells' place and of two
// landmarks, which its true reward needs too. The expert is the soft-optimal policy, so that every
// pair has visits and the truth can be matched.
//
//   1  the expert's exact occupancy is given: both sides of the theorem, solved by two methods
//   2  demonstrations are given: the total variation from the result's occupancy to the expert's

#include <algorithm>
#include <cmath>

#include "algorithms/tabular/occupancy_matching.h"
#include "algorithms/tabular/worlds.h"
#include "cli/reproduce/picture.h"
#include "cli/reproduce/reproduce.h"
#include "cli/reproduce/reward_worlds.h"

namespace understudy::cli {

namespace duality {

using Vector = std::vector<double>;

constexpr std::int64_t default_seeds = 20, side = 6;
constexpr const char* names[] = {"constant", "fem", "gtal", "gail", "l2"};
constexpr std::size_t regularizers = std::size(names);

struct Options {
  std::vector<std::int64_t> demonstrations = {1, 4, 16, 64, 256, 1024};
  std::int64_t steps = 60;
  double smoothing = 0.1;
  std::vector<double> entropy_coefficients = {1, 0.1, 0.01};
  double entropy_coefficient = 0.1;  // of the second part
  double l2 = 0.1;
};
void list_options(OptionList& list, Options& o) {
  list.fields(
      o, option("demonstrations", o.demonstrations, "how many, a row each", {.least = 1}),
      option("steps", o.steps, "of a demonstration", {.least = 1}),
      option("smoothing", o.smoothing, "of the demonstrated policy, for the constant regularizer",
             {.above = 0}),
      option("entropy_coefficients", o.entropy_coefficients, "lambda of the first table",
             {.above = 0}),
      option("entropy_coefficient", o.entropy_coefficient, "lambda of the second", {.above = 0}),
      option("l2", o.l2, "of the regularizer l2", {.above = 0}));
}

// Rewards: 3 in one corner, -2 in the middle.
Problem world() {
  ProblemTable t = gridworld({.height = side, .width = side, .stay = false, .discount = 0.9});
  t.n_features = 4;
  for (std::int64_t y = 0; y < side; ++y)
    for (std::int64_t x = 0; x < side; ++x) {
      const double corner = x == side - 1 && y == side - 1 ? 1 : 0;
      const double middle =
          std::abs(2 * x - side + 1) < 2 && std::abs(2 * y - side + 1) < 2 ? 1 : 0;
      t.features.insert(t.features.end(), {static_cast<double>(x) / side,
                                           static_cast<double>(y) / side, corner, middle});
      t.reward.push_back(3 * corner - 2 * middle);
    }
  t.initial.assign(side * side, 0.0);
  t.initial[0] = 1;
  return make_problem(t);
}

OccupancyMatchingOptions options_of(std::size_t regularizer, const Options& options,
                                    double entropy_coefficient) {
  OccupancyMatchingOptions o;
  o.regularizer = static_cast<OccupancyRegularizer>(regularizer);
  o.entropy_coefficient = entropy_coefficient;
  o.l2 = options.l2;
  return o;
}

double total_variation(const Vector& a, const Vector& b) {
  double sum = 0, of_a = 0, of_b = 0;
  for (std::size_t k = 0; k < a.size(); ++k) of_a += a[k], of_b += b[k];
  for (std::size_t k = 0; k < a.size(); ++k) sum += std::abs(a[k] / of_a - b[k] / of_b);
  return 0.5 * sum;
}

struct Sides {
  double rewards = 0, occupancies = 0, difference = 0, distance = 0;
  std::int64_t steps = 0, newton = 0;
};
Sides both_sides(Device& device, const Problem& p, const Vector& expert,
                 const OccupancyMatchingOptions& o) {
  OccupancyMatching dual(device, p, expert, o);
  Sides found;
  while (!dual.finished()) {
    throw_if_interrupted();
    dual.step();
    ++found.steps;
  }
  const OccupancySolution primal = solve_over_occupancies(device, p, expert, o);
  found.rewards = dual.objective();
  found.occupancies = primal.objective;
  found.newton = primal.iterations;
  for (std::size_t k = 0; k < expert.size(); ++k)
    found.difference =
        std::max(found.difference, std::abs(primal.occupancy[k] - dual.occupancy()[k]));
  found.distance = dual.distance();
  return found;
}

Table theorem(Device& device, const Problem& p, const Vector& expert, const Options& options) {
  Table table{"Both sides of the theorem, given the expert's exact occupancy (of total 10)",
              {"regularizer", "lambda", "over rewards", "over occupancies", "duality gap",
               "occupancies differ by", "TV to expert", "steps", "Newton steps"},
              {},
              "over rewards: min over r of lambda V(r / lambda) - <rho_E, r> + psi(-r); over "
              "occupancies: max of lambda H(rho) - psi*(rho - rho_E), by another method; differ: "
              "largest of 144 entries"};
  for (double lambda : options.entropy_coefficients)
    for (std::size_t r = 0; r < regularizers; ++r) {
      const Sides s = both_sides(device, p, expert, options_of(r, options, lambda));
      table.rows.push_back(
          {names[r], lambda, formatted("%.9f", s.rewards), formatted("%.9f", s.occupancies),
           formatted("%.1e", s.rewards - s.occupancies), formatted("%.1e", s.difference),
           formatted("%.4f", s.distance), s.steps, s.newton});
    }
  return table;
}

// For each regularizer, then for the demonstrations' own visits: TV to the truth.
Vector imitate(Device& device, const Problem& p, const Vector& expert, const Vector& policy,
               std::int64_t count, std::uint64_t seed, const Options& options) {
  const std::vector<Trajectory> shown = sample_trajectories(p, policy, count, options.steps, seed);
  Vector found;
  for (std::size_t r = 0; r < regularizers; ++r) {
    const OccupancyMatchingOptions o = options_of(r, options, options.entropy_coefficient);
    const bool constant = o.regularizer == OccupancyRegularizer::constant;
    const Vector visits = expert_occupancy(device, p, shown, constant ? options.smoothing : 0);
    OccupancyMatching dual(device, p, visits, o);
    while (!dual.finished()) {
      throw_if_interrupted();
      dual.step();
    }
    found.push_back(total_variation(dual.occupancy(), expert));
  }
  found.push_back(total_variation(expert_occupancy(device, p, shown, 0), expert));
  return found;
}

void run(Reproduction& reproduction, const Options& options) {
  const std::int64_t seeds = reproduction.seeds_or(default_seeds);
  const Problem p = world();
  const std::unique_ptr<Device> owner = cpu_device();
  const Vector policy = solve(*owner, p, p.reward, {.tolerance = 1e-13}).policy;
  const Vector expert = occupancy_of(*owner, p, policy, p.initial, 1e-14).pairs;
  reproduction.tables.push_back(theorem(*owner, p, expert, options));

  const std::int64_t numbers = static_cast<std::int64_t>(options.demonstrations.size());
  std::vector<Vector> found(static_cast<std::size_t>(seeds * numbers));
  in_parallel(reproduction.common.threads, seeds * numbers, [&](std::int64_t i) {
    const std::unique_ptr<Device> device = cpu_device();
    found[static_cast<std::size_t>(i)] = imitate(
        *device, p, expert, policy, options.demonstrations[static_cast<std::size_t>(i % numbers)],
        reproduction.seed(i / numbers), options);
  });
  Table table{formatted("Total variation to the expert's occupancy, from N demonstrations of %lld "
                        "steps, lambda %g",
                        static_cast<long long>(options.steps), options.entropy_coefficient),
              {"N", "constant", "fem", "gtal", "gail", "l2", "the demonstrations themselves"},
              {},
              formatted("mean of %lld seeds and half of its 95 %% bootstrap interval",
                        static_cast<long long>(seeds))};
  std::vector<Curve> curves(regularizers + 1);
  std::vector<std::string> ticks;
  for (std::int64_t n = 0; n < numbers; ++n) {
    ticks.push_back(std::to_string(options.demonstrations[static_cast<std::size_t>(n)]));
    std::vector<Json> row = {options.demonstrations[static_cast<std::size_t>(n)]};
    for (std::size_t r = 0; r <= regularizers; ++r) {
      Vector values;
      for (std::int64_t s = 0; s < seeds; ++s)
        values.push_back(found[static_cast<std::size_t>(s * numbers + n)][r]);
      const Spread spread = bootstrap_spread(values);
      row.push_back(formatted("%.3f ± %.3f", spread.mean, (spread.high - spread.low) / 2));
      curves[r].name = r < regularizers ? names[r] : "the demonstrations themselves";
      curves[r].css_class = series_class(r);
      curves[r].points.push_back({static_cast<double>(n), spread.mean});
      curves[r].band.push_back({spread.low, spread.high});
    }
    table.rows.push_back(std::move(row));
  }
  reproduction.tables.push_back(std::move(table));
  Panel panel = panel_of(std::move(curves), "demonstrations", "total variation to the expert");
  panel.x.named = ticks;
  panel.y.low = 0;
  reproduction.pictures.emplace_back("duality.svg", picture_of({panel}));
}

}  // namespace duality

Experiment duality_experiment() {
  return with_settings<duality::Options>(
      "duality", "Reinforcement after inverse reinforcement learning is matching of occupancies",
      "Ho & Ermon 2016, propositions 3.1 and 3.2 (no table of theirs)", duality::run);
}

}  // namespace understudy::cli
