#include "algorithms/tabular/networks.h"

#include <charconv>
#include <cmath>
#include <string>

#include "kernels/device/error.h"

namespace understudy {

ProblemTable link_network(const LinkNetwork& n) {
  ProblemTable t;
  t.n_states = n.links;
  t.state = n.from;
  t.next_state = n.to;
  t.action = n.action;
  if (t.action.empty()) {
    std::vector<std::int64_t> next(static_cast<std::size_t>(n.links > 0 ? n.links : 0), 0);
    for (std::int64_t link : n.from) {
      if (link < 0 || link >= n.links)
        fail(ErrorKind::bad_input, "link network: expected links of 0 to %lld, found %lld",
             static_cast<long long>(n.links - 1), static_cast<long long>(link));
      t.action.push_back(next[static_cast<std::size_t>(link)]++);
    }
  }
  for (std::int64_t action : t.action)
    if (action >= t.n_actions) t.n_actions = action + 1;
  t.transition_features = n.features;
  t.n_features = n.n_features;
  t.goal_id = n.goal_id;
  t.goal_state = n.goal_link;
  t.goals_absorb = n.goals_absorb;
  return t;
}

ProblemTable walking_grid(const WalkingGrid& g) {
  const std::int64_t cells = g.width * g.height;
  if (g.width < 1 || g.height < 1 || static_cast<std::int64_t>(g.state.size()) != cells)
    fail(ErrorKind::bad_shape, "walking grid: expected %lld x %lld states, found %zu",
         static_cast<long long>(g.height), static_cast<long long>(g.width), g.state.size());
  constexpr int dx[8] = {1, 1, 0, -1, -1, -1, 0, 1}, dy[8] = {0, 1, 1, 1, 0, -1, -1, -1};
  auto at = [&](std::int64_t x, std::int64_t y) {
    return x < 0 || x >= g.width || y < 0 || y >= g.height
               ? std::int64_t{-1}
               : g.state[static_cast<std::size_t>(y * g.width + x)];
  };
  ProblemTable t;
  t.n_states = cells;
  t.n_actions = 8;
  t.n_features = 3;
  t.shape = {g.height, g.width};
  t.goals_absorb = true;
  for (std::int64_t y = 0; y < g.height; ++y)
    for (std::int64_t x = 0; x < g.width; ++x) {
      if (at(x, y) != 0) continue;
      for (int a = 0; a < 8; ++a) {
        const std::int64_t to_x = x + dx[a], to_y = y + dy[a];
        if (at(to_x, to_y) != 0) continue;
        bool beside = false;
        for (int b = 0; b < 8; ++b) beside |= at(to_x + dx[b], to_y + dy[b]) == 1;
        t.state.push_back(y * g.width + x);
        t.action.push_back(a);
        t.next_state.push_back(to_y * g.width + to_x);
        const double length = dx[a] != 0 && dy[a] != 0 ? std::sqrt(2.0) : 1.0;
        t.transition_features.insert(t.transition_features.end(),
                                     {length, 1.0, beside ? 1.0 : 0.0});
      }
    }
  for (std::size_t i = 0; i < g.goals.size(); ++i) {
    t.goal_id.push_back(static_cast<std::int64_t>(i));
    t.goal_state.push_back(g.goals[i]);
  }
  return t;
}

std::vector<std::int32_t> parse_path(std::string_view text) {
  std::vector<std::int32_t> path;
  const char *at = text.data(), *end = at + text.size();
  while (at != end) {
    if (*at == ' ') {
      ++at;
      continue;
    }
    std::int32_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (next != end && *next != ' '))
      fail(ErrorKind::bad_input, "path: expected numbers separated by blanks, found \"%s\"",
           std::string(text.substr(0, 60)).c_str());
    path.push_back(value);
    at = next;
  }
  return path;
}

}  // namespace understudy
