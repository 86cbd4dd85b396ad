// Other people's programs say the same of the same problems (UNDERSTUDY_PYTHON has them).

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "algorithms/tabular/messages.h"
#include "algorithms/tabular/solver.h"
#include "algorithms/tabular/worlds.h"
#include "tests/tabular/tabular_cases.h"

namespace understudy {
namespace {

using namespace tabular_cases;

// A problem in files, as tests/oracles/tabular_peers.py reads it, and what a package makes of it;
// nothing where the package is not there.
struct Peers {
  std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "understudy_tabular_peers";
  explicit Peers(const Problem& p, const std::vector<double>& state_reward, std::int64_t horizon) {
    std::filesystem::create_directories(folder);
    std::vector<double> dense(p.n_states * p.n_actions * p.n_states, 0.0);
    for (std::int64_t j = 0; j < p.n_transitions(); ++j) {
      const std::int32_t k = p.transition_pair[j];
      dense[(p.pair_state[k] * p.n_actions + p.pair_action[k]) * p.n_states + p.next_state[j]] +=
          p.probability[j];
    }
    write("transitions", dense);
    write("reward", state_reward);
    write("initial", p.initial);
    std::ofstream(folder / "sizes")
        << p.n_states << " " << p.n_actions << " " << horizon << " " << p.discount;
  }
  ~Peers() { std::filesystem::remove_all(folder); }
  void write(const char* name, const std::vector<double>& values) const {
    std::ofstream(folder / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  }
  int ask(const std::string& peer, std::vector<double>& found) const {
    const char* python = std::getenv("UNDERSTUDY_PYTHON");
    const std::string command = std::string(python != nullptr ? python : "python3") +
                                " tests/oracles/tabular_peers.py " + folder.string() + " " + peer +
                                " > " + (folder / "log").string() + " 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream file(folder / (peer + ".out"), std::ios::binary);
    for (double x = 0; file.read(reinterpret_cast<char*>(&x), sizeof x);) found.push_back(x);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

// Every state with every action, as the packages want it, and rewards of states.
Problem peers_problem(std::int64_t horizon, std::vector<double>* reward) {
  ProblemTable t = garnet({.states = 20, .actions = 3, .branching = 4, .discount = 0.9, .seed = 6});
  t.horizon = horizon;
  *reward = random_vector(8, t.n_states, -1, 1);
  t.reward = *reward;
  return make_problem(t);
}

TEST(Peers, ImitationsCausalEntropySaysTheSame) {
  std::vector<double> reward, found;
  const std::int64_t horizon = 30;
  const Problem p = peers_problem(horizon, &reward);
  const Peers peers(p, reward, horizon);
  const int status = peers.ask("imitation", found);
  if (status == 77 || status == 127) GTEST_SKIP() << "no imitation (UNDERSTUDY_PYTHON)";
  ASSERT_EQ(status, 0);
  Device& device = processor();
  const HorizonSolution s =
      solve_horizon(device, p, p.reward, Backup::log_sum_exp, Expectation::causal);
  const HorizonOccupancy o = occupancy_over_horizon(device, p, s.policy, p.initial);
  const std::size_t values = horizon * p.n_states, pairs = horizon * p.n_pairs();
  ASSERT_EQ(found.size(), values + pairs + p.n_states);
  for (std::size_t i = 0; i < values; ++i) ASSERT_NEAR(found[i], s.values[i], 1e-8);
  for (std::size_t k = 0; k < pairs; ++k) ASSERT_NEAR(found[values + k], s.policy[k], 1e-8);
  // Its visits count the state after the last action too.
  for (std::int64_t i = 0; i < p.n_states; ++i) {
    double visits = 0.0, weight = 1.0;
    for (std::int64_t t = 0; t < horizon; ++t, weight *= p.discount)
      visits += weight * o.states[t * p.n_states + i];
    for (std::int64_t k = 0; k < p.n_pairs(); ++k)
      for (std::int32_t j = p.transition_begin[k]; j < p.transition_begin[k + 1]; ++j)
        if (p.next_state[j] == i)
          visits += weight * p.probability[j] * s.policy[(horizon - 1) * p.n_pairs() + k] *
                    o.states[(horizon - 1) * p.n_states + p.pair_state[k]];
    ASSERT_NEAR(found[values + pairs + i], visits, 1e-8) << i;
  }
}

TEST(Peers, IrlMaxentsPolicyAndVisitsAreTheSame) {
  std::vector<double> reward, found;
  const Problem p = peers_problem(0, &reward);
  const Peers peers(p, reward, 1);
  const int status = peers.ask("irl-maxent", found);
  if (status == 77 || status == 127) GTEST_SKIP() << "no irl-maxent (UNDERSTUDY_PYTHON)";
  ASSERT_EQ(status, 0);
  Device& device = processor();
  const Solution s = solve(device, p, p.reward, {.tolerance = 1e-13});
  ASSERT_EQ(found.size(), static_cast<std::size_t>(p.n_pairs() + p.n_states));
  for (std::int64_t k = 0; k < p.n_pairs(); ++k) ASSERT_NEAR(found[k], s.policy[k], 1e-8);
  // Visits under the uniform policy until state 0, where it never leaves.
  ProblemTable t = garnet({.states = 20, .actions = 3, .branching = 4, .discount = 0.9, .seed = 6});
  t.discount = 1.0;
  t.initial = p.initial;
  t.terminal.assign(20, 0);
  t.terminal[0] = 1;
  for (std::size_t i = t.state.size(); i-- > 0;)
    if (t.state[i] == 0) {
      for (auto* column : {&t.state, &t.action, &t.next_state}) column->erase(column->begin() + i);
      t.probability.erase(t.probability.begin() + i);
    }
  t.reward = reward;
  const Problem ends = make_problem(t);
  const std::vector<double> uniform(ends.n_pairs(), 1.0 / 3.0);
  const Occupancy o = occupancy_of(device, ends, uniform, ends.initial);
  for (std::int64_t i = 0; i < p.n_states; ++i)
    ASSERT_NEAR(found[p.n_pairs() + i], o.states[i], 1e-8);
}

}  // namespace
}  // namespace understudy
