#include "algorithms/tabular/problem_file.h"

#include <utility>

#include "autograd/files/npz.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using files::Array;
using files::Npz;

// "problem.npz: reward", for messages.
std::string place(const Npz& file, const char* name) { return file.path() + ": " + name; }

template <class T>
std::vector<T> column(const Npz& file, const char* name, bool required) {
  if (!required && !file.contains(name)) return {};
  return file.read(name).converted<T>(place(file, name));
}

template <class T>
T scalar(const Npz& file, const char* name, const T* otherwise) {
  if (otherwise != nullptr && !file.contains(name)) return *otherwise;
  const std::vector<T> values = file.read(name).converted<T>(place(file, name));
  if (values.size() != 1)
    fail(ErrorKind::bad_shape, "%s: expected one number, found %zu", place(file, name).c_str(),
         values.size());
  return values[0];
}

// The last dimension of an array of features.
std::int64_t last_dimension(const Npz& file, const char* name) {
  const files::Shape shape = file.read(name).shape();
  if (shape.size() < 2)
    fail(ErrorKind::bad_shape, "%s: expected 2 or 3 dimensions, found %s",
         place(file, name).c_str(), files::to_string(shape).c_str());
  return shape.back();
}

}  // namespace

ProblemTable read_problem_table(const std::string& path) {
  const Npz file = Npz::open(path);
  ProblemTable t;
  const std::int64_t none = 0;
  const double undiscounted = 1.0;
  t.n_states = scalar<std::int64_t>(file, "n_states", nullptr);
  t.n_actions = scalar<std::int64_t>(file, "n_actions", nullptr);
  t.state = column<std::int64_t>(file, "state", true);
  t.action = column<std::int64_t>(file, "action", true);
  t.next_state = column<std::int64_t>(file, "next_state", true);
  t.probability = column<double>(file, "probability", true);
  t.discount = scalar<double>(file, "discount", &undiscounted);
  t.horizon = scalar<std::int64_t>(file, "horizon", &none);
  t.initial = column<double>(file, "initial", false);
  t.reward = column<double>(file, "reward", false);
  t.features = column<double>(file, "features", false);
  t.transition_features = column<double>(file, "transition_features", false);
  if (file.contains("features")) t.n_features = last_dimension(file, "features");
  if (file.contains("transition_features"))
    t.n_features = last_dimension(file, "transition_features");
  for (std::int64_t flag : column<std::int64_t>(file, "terminal", false))
    t.terminal.push_back(flag != 0);
  t.shape = column<std::int64_t>(file, "shape", false);
  t.goal_id = column<std::int64_t>(file, "goal_id", false);
  t.goal_state = column<std::int64_t>(file, "goal_state", false);
  t.goals_absorb = scalar<std::int64_t>(file, "goals_absorb", &none) != 0;
  return t;
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
