#include "algorithms/tabular/problem_file.h"

#include <utility>

#include "autograd/files/npz.h"
#include "kernels/device/error.h"

namespace understudy {

namespace {

using files::Array;

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
    t.initial = column<double>("initial", false);
    t.reward = column<double>("reward", false);
    t.features = column<double>("features", false);
    t.transition_features = column<double>("transition_features", false);
    for (const char* features : {"features", "transition_features"})
      if (find(features) != nullptr) t.n_features = last_dimension(features);
    for (std::int64_t flag : column<std::int64_t>("terminal", false))
      t.terminal.push_back(flag != 0);
    t.shape = column<std::int64_t>("shape", false);
    t.goal_id = column<std::int64_t>("goal_id", false);
    t.goal_state = column<std::int64_t>("goal_state", false);
    t.goals_absorb = scalar<std::int64_t>("goals_absorb", &none) != 0;
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

  template <class T>
  std::vector<T> column(const char* array, bool required) const {
    if (!required && find(array) == nullptr) return {};
    return require(array).converted<T>(place(array));
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
