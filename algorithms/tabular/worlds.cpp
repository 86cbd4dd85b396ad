#include "algorithms/tabular/worlds.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "kernels/device/error.h"

namespace understudy {

namespace {

// The engine's bits are fixed by the standard; its distributions are not, so these are our own.
class Draws {
 public:
  explicit Draws(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(uniform() * static_cast<double>(n));
  }
  double normal() {
    return std::sqrt(-2.0 * std::log(1.0 - uniform())) * std::cos(6.283185307179586 * uniform());
  }

 private:
  std::mt19937_64 engine_;
};

void add(ProblemTable& t, std::int64_t state, std::int64_t action, std::int64_t next, double p) {
  if (p == 0.0) return;
  // Successors that coincide (walls) are one transition.
  for (std::size_t i = t.state.size(); i-- > 0 && t.state[i] == state && t.action[i] == action;)
    if (t.next_state[i] == next) {
      t.probability[i] += p;
      return;
    }
  t.state.push_back(state);
  t.action.push_back(action);
  t.next_state.push_back(next);
  t.probability.push_back(p);
}

std::int64_t moved(std::int64_t height, std::int64_t width, std::int64_t s, std::int64_t dy,
                   std::int64_t dx) {
  const std::int64_t y = s / width + dy, x = s % width + dx;
  return y < 0 || y >= height || x < 0 || x >= width ? s : y * width + x;
}

ProblemTable blank(std::int64_t states, std::int64_t actions, double discount) {
  ProblemTable t;
  t.n_states = states;
  t.n_actions = actions;
  t.discount = discount;
  return t;
}

// Levine's five actions, each replaced by one of the others with probability 1 - determinism.
ProblemTable five_actions(std::int64_t size, double determinism, double discount) {
  if (size < 1)
    fail(ErrorKind::bad_input, "size: expected at least 1, found %lld",
         static_cast<long long>(size));
  if (!(determinism >= 0.0 && determinism <= 1.0))
    fail(ErrorKind::bad_input, "determinism: expected 0 to 1, found %g", determinism);
  constexpr int dy[5] = {0, 1, 0, -1, 0}, dx[5] = {0, 0, 1, 0, -1};
  ProblemTable t = blank(size * size, 5, discount);
  t.shape = {size, size};
  for (std::int64_t s = 0; s < size * size; ++s)
    for (int a = 0; a < 5; ++a)
      for (int b = 0; b < 5; ++b)
        add(t, s, a, moved(size, size, s, dy[b], dx[b]),
            a == b ? determinism : (1.0 - determinism) / 4.0);
  return t;
}

}  // namespace

ProblemTable gridworld(const GridworldOptions& o) {
  if (o.height < 1 || o.width < 1)
    fail(ErrorKind::bad_input, "gridworld: expected at least 1 x 1, found %lld x %lld",
         static_cast<long long>(o.height), static_cast<long long>(o.width));
  constexpr int dy[5] = {-1, 1, 0, 0, 0}, dx[5] = {0, 0, -1, 1, 0};
  const std::int64_t actions = o.stay ? 5 : 4;
  ProblemTable t = blank(o.height * o.width, actions, o.discount);
  t.shape = {o.height, o.width};
  for (std::int64_t s = 0; s < t.n_states; ++s)
    for (std::int64_t a = 0; a < actions; ++a) {
      add(t, s, a, moved(o.height, o.width, s, dy[a], dx[a]), o.chosen);
      add(t, s, a, s, o.stay_slip);
      for (int m = 0; m < 4; ++m)
        add(t, s, a, moved(o.height, o.width, s, dy[m], dx[m]), o.move_slip);
    }
  return t;
}

GridDynamics<double> grid_dynamics(const GridworldOptions& o) {
  return {o.height, o.width, o.stay, o.chosen, o.stay_slip, o.move_slip};
}

ProblemTable abbeel_ng_gridworld(const AbbeelNgOptions& o) {
  if (o.macro < 1 || o.size % o.macro != 0)
    fail(ErrorKind::bad_input, "macro: expected a divisor of the size %lld, found %lld",
         static_cast<long long>(o.size), static_cast<long long>(o.macro));
  ProblemTable t = gridworld({.height = o.size, .width = o.size, .stay = false, .discount = 0.99});
  const std::int64_t across = o.size / o.macro;
  Draws draws(o.seed);
  std::vector<double> weights(across * across);
  for (int nonzero = 0; nonzero < std::min<int>(2, static_cast<int>(weights.size()));) {
    nonzero = 0;
    double sum = 0.0;
    for (double& w : weights) {
      w = draws.uniform() < 0.9 ? 0.0 : draws.uniform();
      nonzero += w > 0.0;
      sum += w;
    }
    if (sum > 0.0)
      for (double& w : weights) w /= sum;
  }
  t.n_features = across * across;
  t.features.assign(t.n_states * t.n_features, 0.0);
  t.reward.resize(t.n_states);
  for (std::int64_t s = 0; s < t.n_states; ++s) {
    const std::int64_t cell = s / o.size / o.macro * across + s % o.size / o.macro;
    t.features[s * t.n_features + cell] = 1.0;
    t.reward[s] = weights[cell];
  }
  return t;
}

ProblemTable objectworld(const ObjectworldOptions& o) {
  ProblemTable t = five_actions(o.size, o.determinism, o.discount);
  if (o.inner_colors < 2 || o.outer_colors < 1)
    fail(ErrorKind::bad_input,
         "objectworld: expected at least 2 inner and 1 outer colors, found %lld and %lld",
         static_cast<long long>(o.inner_colors), static_cast<long long>(o.outer_colors));
  const std::int64_t n = o.size, states = n * n;
  Draws draws(o.seed);
  // Two inner colors a round, so that adding colors leaves the earlier objects where they were.
  std::vector<std::int64_t> inner(states, -1), outer(states, -1);
  for (std::int64_t first = 0; first < o.inner_colors; first += 2) {
    const std::int64_t colors = std::min<std::int64_t>(2, o.inner_colors - first);
    for (std::int64_t s = 0; s < states; ++s)
      if (draws.uniform() < o.placement * static_cast<double>(colors) / 2.0 && inner[s] < 0) {
        inner[s] = first + draws.below(colors);
        outer[s] = draws.below(o.outer_colors);
      }
  }
  const std::int64_t colors = o.inner_colors + o.outer_colors;
  std::vector<double> distance(states * colors, std::sqrt(2.0) * static_cast<double>(n));
  for (std::int64_t object = 0; object < states; ++object) {
    if (inner[object] < 0) continue;
    for (std::int64_t s = 0; s < states; ++s) {
      const double d = std::hypot(static_cast<double>(s / n - object / n),
                                  static_cast<double>(s % n - object % n));
      for (std::int64_t c : {inner[object], o.inner_colors + outer[object]})
        distance[s * colors + c] = std::min(distance[s * colors + c], d);
    }
  }
  t.n_features = o.discrete ? (n - 1) * colors : colors;
  t.features = distance;
  if (o.discrete) {
    t.features.assign(states * t.n_features, 0.0);
    for (std::int64_t s = 0; s < states; ++s)
      for (std::int64_t threshold = 1; threshold < n; ++threshold)
        for (std::int64_t c = 0; c < colors; ++c)
          t.features[s * t.n_features + (threshold - 1) * colors + c] =
              distance[s * colors + c] < static_cast<double>(threshold) ? 1.0 : 0.0;
  }
  t.reward.resize(states);
  for (std::int64_t s = 0; s < states; ++s) {
    const double first = distance[s * colors], second = distance[s * colors + 1];
    t.reward[s] = first < 3.0 ? (second < 2.0 ? 5.0 : -10.0) : 0.0;
  }
  return t;
}

ProblemTable binaryworld(const BinaryworldOptions& o) {
  ProblemTable t = five_actions(o.size, o.determinism, o.discount);
  const std::int64_t n = o.size;
  Draws draws(o.seed);
  std::vector<double> blue(n * n);
  for (double& b : blue) b = draws.uniform() < 0.5 ? 1.0 : 0.0;
  t.n_features = 9;
  for (std::int64_t s = 0; s < n * n; ++s) {
    int count = 0;
    for (std::int64_t dy = -1; dy <= 1; ++dy)
      for (std::int64_t dx = -1; dx <= 1; ++dx) {
        const std::int64_t y = s / n + dy, x = s % n + dx;
        const bool inside = y >= 0 && y < n && x >= 0 && x < n;
        t.features.push_back(inside ? blue[y * n + x] : -1.0);
        count += inside && blue[y * n + x] == 1.0;
      }
    t.reward.push_back(count == 4 ? 1.0 : count == 5 ? -1.0 : 0.0);
  }
  return t;
}

ProblemTable frozen_lake(int rows, bool slippery, double discount) {
  const char* map = nullptr;
  if (rows == 4) map = "SFFFFHFHFFFHHFFG";
  if (rows == 8) map = "SFFFFFFFFFFFFFFFFFFHFFFFFFFFFHFFFFFHFFFFFHHFFFHFFHFFHFHFFFFHFFFG";
  if (map == nullptr)
    fail(ErrorKind::bad_input, "frozen_lake: expected 4 or 8 rows, found %d", rows);
  constexpr int dy[4] = {0, 1, 0, -1}, dx[4] = {-1, 0, 1, 0};  // left, down, right, up
  ProblemTable t = blank(rows * rows, 4, discount);
  t.shape = {rows, rows};
  t.reward.assign(t.n_states * 4, 0.0);
  t.initial.assign(t.n_states, 0.0);
  t.initial[0] = 1.0;
  for (int s = 0; s < rows * rows; ++s) {
    t.terminal.push_back(map[s] == 'H' || map[s] == 'G');
    for (int a = 0; a < 4; ++a)
      for (int side = -1; side <= 1; ++side) {
        if (!slippery && side != 0) continue;
        const int b = (a + side + 4) % 4;
        const std::int64_t next = moved(rows, rows, s, dy[b], dx[b]);
        const double p = slippery ? 1.0 / 3.0 : 1.0;
        add(t, s, a, next, p);
        if (map[next] == 'G') t.reward[s * 4 + a] += p;
      }
  }
  return without_steps_from_ends(t);
}

ProblemTable cliff_walking(bool slippery, double discount) {
  constexpr int height = 4, width = 12, start = 36, goal = 47;
  constexpr int dy[4] = {-1, 0, 1, 0}, dx[4] = {0, 1, 0, -1};  // up, right, down, left
  ProblemTable t = blank(height * width, 4, discount);
  t.shape = {height, width};
  t.reward.assign(t.n_states * 4, 0.0);
  t.initial.assign(t.n_states, 0.0);
  t.initial[start] = 1.0;
  t.terminal.assign(t.n_states, 0);
  t.terminal[goal] = 1;
  for (int s = 0; s < height * width; ++s)
    for (int a = 0; a < 4; ++a)
      for (int side = -1; side <= 1; ++side) {
        if (!slippery && side != 0) continue;
        const int b = (a + side + 4) % 4;
        const std::int64_t next = moved(height, width, s, dy[b], dx[b]);
        const double p = slippery ? 1.0 / 3.0 : 1.0;
        const bool cliff = next > start && next < goal;
        add(t, s, a, cliff ? start : next, p);
        t.reward[s * 4 + a] += p * (cliff ? -100.0 : -1.0);
      }
  return without_steps_from_ends(t);
}

ProblemTable taxi(double discount) {
  constexpr int place_row[4] = {0, 0, 4, 4}, place_column[4] = {0, 4, 0, 3};
  ProblemTable t = blank(500, 6, discount);
  t.reward.assign(500 * 6, 0.0);
  t.initial.assign(500, 0.0);
  t.terminal.assign(500, 0);
  auto wall_east_of = [](int row, int column) {
    return (row < 2 && column == 1) || (row > 2 && (column == 0 || column == 2));
  };
  for (int s = 0; s < 500; ++s) {
    const int destination = s % 4, passenger = s / 4 % 5, column = s / 20 % 5, row = s / 100;
    auto state = [&](int r, int c, int p) { return ((r * 5 + c) * 5 + p) * 4 + destination; };
    t.terminal[s] = passenger == destination;
    if (passenger < 4 && passenger != destination) t.initial[s] = 1.0 / 300.0;
    int here = -1;
    for (int i = 0; i < 4; ++i)
      if (place_row[i] == row && place_column[i] == column) here = i;
    add(t, s, 0, state(std::min(row + 1, 4), column, passenger), 1.0);
    add(t, s, 1, state(std::max(row - 1, 0), column, passenger), 1.0);
    add(t, s, 2, column < 4 && !wall_east_of(row, column) ? state(row, column + 1, passenger) : s,
        1.0);
    add(t, s, 3,
        column > 0 && !wall_east_of(row, column - 1) ? state(row, column - 1, passenger) : s, 1.0);
    const bool may_pick_up = passenger < 4 && passenger == here;
    add(t, s, 4, may_pick_up ? state(row, column, 4) : s, 1.0);
    const bool may_drop = passenger == 4 && here >= 0;
    add(t, s, 5, may_drop ? state(row, column, here) : s, 1.0);
    for (int a = 0; a < 4; ++a) t.reward[s * 6 + a] = -1.0;
    t.reward[s * 6 + 4] = may_pick_up ? -1.0 : -10.0;
    t.reward[s * 6 + 5] = !may_drop ? -10.0 : here == destination ? 20.0 : -1.0;
  }
  return without_steps_from_ends(t);
}

ProblemTable without_steps_from_ends(const ProblemTable& t) {
  ProblemTable ended = t;
  for (auto* column : {&ended.state, &ended.action, &ended.next_state}) column->clear();
  ended.probability.clear();
  for (std::size_t row = 0; row < t.state.size(); ++row) {
    if (t.terminal[t.state[row]] != 0) continue;
    ended.state.push_back(t.state[row]);
    ended.action.push_back(t.action[row]);
    ended.next_state.push_back(t.next_state[row]);
    if (!t.probability.empty()) ended.probability.push_back(t.probability[row]);
  }
  const std::size_t width = t.reward.size() / static_cast<std::size_t>(t.n_states);
  for (std::size_t i = 0; i < t.reward.size(); ++i)
    if (t.terminal[i / width] != 0) ended.reward[i] = 0.0;
  return ended;
}

ProblemTable garnet(const GarnetOptions& o) {
  if (o.branching < 1 || o.branching > o.states)
    fail(ErrorKind::bad_input, "branching: expected 1 to %lld, found %lld",
         static_cast<long long>(o.states), static_cast<long long>(o.branching));
  ProblemTable t = blank(o.states, o.actions, o.discount);
  Draws draws(o.seed);
  std::vector<std::int64_t> all(o.states);
  for (std::int64_t i = 0; i < o.states; ++i) all[i] = i;
  for (std::int64_t s = 0; s < o.states; ++s)
    for (std::int64_t a = 0; a < o.actions; ++a) {
      std::vector<double> cuts{0.0, 1.0};
      for (std::int64_t b = 1; b < o.branching; ++b) cuts.push_back(draws.uniform());
      std::sort(cuts.begin(), cuts.end());
      for (std::int64_t b = 0; b < o.branching; ++b) {
        std::swap(all[b], all[b + draws.below(o.states - b)]);
        add(t, s, a, all[b], cuts[b + 1] - cuts[b]);
      }
      t.reward.push_back(draws.normal());
    }
  return t;
}

}  // namespace understudy
