#include "algorithms/tabular/problem_file.h"

#include <algorithm>
#include <utility>

#include "autograd/files/npz.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using files::Array;
using files::Shape;

constexpr std::string_view known_names[] = {
    "n_states",   "n_actions", "state",   "action",     "next_state",   "probability",
    "discount",   "horizon",   "initial", "reward",     "features",     "transition_features",
    "terminal",   "shape",     "goal_id", "goal_state", "goals_absorb", "terminal_reward",
    "coordinates"};

// An `Error` unless the array has one of these shapes.
void expect_shape(const Array& array, const std::string& place, const std::vector<Shape>& shapes) {
  const Shape& found = array.shape();
  if (std::find(shapes.begin(), shapes.end(), found) != shapes.end()) return;
  std::string expected;
  for (const Shape& shape : shapes)
    expected += (expected.empty() ? "" : " or ") + files::to_string(shape);
  // Rows are states; who has them as columns is told.
  Shape turned = found;
  if (turned.size() > 1) std::swap(turned[0], turned[1]);
  const bool transposed = std::find(shapes.begin(), shapes.end(), turned) != shapes.end();
  fail(ErrorKind::bad_file, "%s: expected %s, found %s%s", place.c_str(), expected.c_str(),
       files::to_string(found).c_str(), transposed ? " (states come first)" : "");
}

class Reader {
 public:
  Reader(const files::NamedArrays& arrays, std::string_view name) : arrays_(arrays), name_(name) {}

  ProblemTable read() const {
    ProblemTable t;
    const std::int64_t none = 0;
    const double undiscounted = 1.0;
    t.n_states = scalar<std::int64_t>("n_states", nullptr);
    t.n_actions = scalar<std::int64_t>("n_actions", nullptr);
    t.state = column<std::int64_t>("state", true);
    t.action = column<std::int64_t>("action", true);
    t.next_state = column<std::int64_t>("next_state", true);
    t.probability = column<double>("probability", true);
    t.discount = scalar<double>("discount", &undiscounted);
    t.horizon = scalar<std::int64_t>("horizon", &none);
    const std::int64_t states = t.n_states, actions = t.n_actions;
    t.initial = shaped("initial", {{states}});
    if (const Array* reward = find("reward"))
      t.reward = reward_from(*reward, place("reward"), states, actions);
    if (find("features") != nullptr) {
      t.n_features = last_dimension("features");
      t.features = shaped("features", {{states, t.n_features}, {states, actions, t.n_features}});
    }
    if (find("transition_features") != nullptr) {
      t.n_features = last_dimension("transition_features");
      t.transition_features = shaped("transition_features",
                                     {{static_cast<std::int64_t>(t.state.size()), t.n_features}});
    }
    for (double flag : shaped("terminal", {{states}})) t.terminal.push_back(flag != 0);
    t.terminal_reward = scalar<std::int64_t>("terminal_reward", &none) != 0;
    t.shape = column<std::int64_t>("shape", false);
    t.goal_id = column<std::int64_t>("goal_id", false);
    t.goal_state = column<std::int64_t>("goal_state", false);
    t.goals_absorb = scalar<std::int64_t>("goals_absorb", &none) != 0;
    std::string others;
    for (const auto& [name, array] : arrays_)
      if (std::find(std::begin(known_names), std::end(known_names), name) == std::end(known_names))
        others += (others.empty() ? "" : ", ") + files::shown(name);
    if (!others.empty()) t.remarks.push_back(files::shown_path(name_) + ": not read: " + others);
    return t;
  }

 private:
  // "problem.npz: reward", for messages.
  std::string place(const char* array) const { return files::shown_path(name_) + ": " + array; }

  const Array* find(std::string_view array) const {
    const auto found = arrays_.find(array);
    return found == arrays_.end() ? nullptr : &found->second;
  }

  const Array& require(const char* array) const {
    const Array* found = find(array);
    if (found == nullptr)
      fail(ErrorKind::bad_file, "%s: expected in a tabular problem, not found",
           place(array).c_str());
    return *found;
  }

  // One-dimensional, of any length.
  template <class T>
  std::vector<T> column(const char* array, bool required) const {
    if (!required && find(array) == nullptr) return {};
    const Array& found = require(array);
    if (found.rank() != 1)
      fail(ErrorKind::bad_file, "%s: expected one dimension, found %s", place(array).c_str(),
           files::to_string(found.shape()).c_str());
    return found.converted<T>(place(array));
  }

  // Of one of these shapes, where it is there.
  std::vector<double> shaped(const char* array, const std::vector<Shape>& shapes) const {
    const Array* found = find(array);
    if (found == nullptr) return {};
    expect_shape(*found, place(array), shapes);
    return found->converted<double>(place(array));
  }

  template <class T>
  T scalar(const char* array, const T* otherwise) const {
    if (otherwise != nullptr && find(array) == nullptr) return *otherwise;
    const std::vector<T> values = require(array).converted<T>(place(array));
    if (values.size() != 1)
      fail(ErrorKind::bad_file, "%s: expected one number, found %zu", place(array).c_str(),
           values.size());
    return values[0];
  }

  // Of an array of features.
  std::int64_t last_dimension(const char* array) const {
    const files::Shape& shape = require(array).shape();
    if (shape.size() < 2)
      fail(ErrorKind::bad_file, "%s: expected 2 or 3 dimensions, found %s", place(array).c_str(),
           files::to_string(shape).c_str());
    return shape.back();
  }

  const files::NamedArrays& arrays_;
  std::string name_;
};

}  // namespace

std::vector<double> reward_from(const Array& array, const std::string& place, std::int64_t states,
                                std::int64_t actions) {
  expect_shape(array, place, {{states}, {states, actions}});
  return array.converted<double>(place);
}

ProblemTable problem_table_from(const files::NamedArrays& arrays, std::string_view name) {
  return Reader(arrays, name).read();
}

ProblemTable read_problem_table(const std::string& path) {
  return problem_table_from(files::Npz::open(path).read_all(), path);
}

void write_problem_table(const std::string& path, const ProblemTable& t) {
  files::NamedArrays arrays;
  const std::int64_t rows = static_cast<std::int64_t>(t.state.size()), f = t.n_features;
  auto add = [&](const char* name, Array array) { arrays.emplace(name, std::move(array)); };
  auto matrix = [&](const char* name, files::Shape shape, const std::vector<double>& values) {
    if (!values.empty()) add(name, Array::from<double>(std::move(shape), values));
  };
  const std::vector<double> certain(t.state.size(), 1.0);
  add("n_states", Array::scalar<std::int64_t>(t.n_states));
  add("n_actions", Array::scalar<std::int64_t>(t.n_actions));
  add("state", Array::from(t.state));
  add("action", Array::from(t.action));
  add("next_state", Array::from(t.next_state));
  add("probability", Array::from(t.probability.empty() ? certain : t.probability));
  add("discount", Array::scalar(t.discount));
  if (t.horizon > 0) add("horizon", Array::scalar<std::int64_t>(t.horizon));
  if (!t.initial.empty()) add("initial", Array::from(t.initial));
  const bool reward_of_states = static_cast<std::int64_t>(t.reward.size()) == t.n_states;
  matrix("reward",
         reward_of_states ? files::Shape{t.n_states} : files::Shape{t.n_states, t.n_actions},
         t.reward);
  const bool features_of_states = static_cast<std::int64_t>(t.features.size()) == t.n_states * f;
  matrix(
      "features",
      features_of_states ? files::Shape{t.n_states, f} : files::Shape{t.n_states, t.n_actions, f},
      t.features);
  matrix("transition_features", {rows, f}, t.transition_features);
  if (!t.terminal.empty()) {
    Array terminal(files::ElementType::boolean, {t.n_states});
    for (std::size_t s = 0; s < t.terminal.size(); ++s) terminal.as<bool>()[s] = t.terminal[s] != 0;
    add("terminal", std::move(terminal));
  }
  if (t.terminal_reward) add("terminal_reward", Array::scalar<bool>(true));
  if (!t.shape.empty()) add("shape", Array::from(t.shape));
  if (!t.goal_id.empty()) {
    add("goal_id", Array::from(t.goal_id));
    add("goal_state", Array::from(t.goal_state));
    add("goals_absorb", Array::scalar<bool>(t.goals_absorb));
  }
  files::write_npz(path, arrays);
}

std::vector<Trajectory> trajectories_of(const Demonstrations& d) {
  for (const auto& [series, name] : {std::pair{&d.observations, "obs"}, {&d.actions, "acts"}})
    if (!series->discrete || series->width() != 1)
      fail(ErrorKind::bad_shape, "%s: tabular demonstrations need one index a step", name);
  std::vector<Trajectory> all;
  for (std::int64_t e = 0; e < d.episodes(); ++e) {
    Trajectory t;
    const std::int64_t* states = d.observations.indices.data() + d.first_observation(e);
    const std::int64_t* actions = d.actions.indices.data() + d.first_action(e);
    auto narrow = [&](std::int64_t index) {
      if (index < 0 || index > INT32_MAX)
        fail(ErrorKind::bad_input, "episode %lld: expected an index of at least 0, found %lld",
             static_cast<long long>(e), static_cast<long long>(index));
      return static_cast<std::int32_t>(index);
    };
    for (std::int64_t i = 0; i < d.observations_of(e); ++i) t.states.push_back(narrow(states[i]));
    for (std::int64_t i = 0; i < d.length(e); ++i) t.actions.push_back(narrow(actions[i]));
    if (!d.goals.empty()) t.goal = narrow(d.goals[static_cast<std::size_t>(e)]);
    all.push_back(std::move(t));
  }
  return all;
}

}  // namespace understudy
